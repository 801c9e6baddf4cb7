/* conv_copy.h - rows of places: copies and zeros; copies with channels innermost. Private to
 * conv_sum.c, conv_weights.c and winograd.c, stamped with them. */
#ifndef HEED_OPS_MICRO_CONV_COPY_H
#define HEED_OPS_MICRO_CONV_COPY_H

#include "ops/micro/conv.h"
#include "ops/micro/gemm_pack.h"
#include "ops/micro/vector.h"
#include "ops/micro/walk.h"

/* Of two vectors: the even lanes of the first, the odd ones of the second. */
#if LANES == 16
#define EVEN_THEN_ODD 0, 2, 4, 6, 8, 10, 12, 14, 17, 19, 21, 23, 25, 27, 29, 31
#elif LANES == 8
#define EVEN_THEN_ODD 0, 2, 4, 6, 9, 11, 13, 15
#elif LANES == 4
#define EVEN_THEN_ODD 0, 2, 5, 7
#else
#define EVEN_THEN_ODD 0, 3
#endif

static inline void fill_zero(real *to, int64_t n)
{
    for (; n > 0; n -= LANES, to += LANES) vec_store_part(to, vec_fill(0), n < LANES ? n : LANES);
}

/* n < LANES elements, 1 or 2 apart; none past the last of them is read. */
static inline vec load_apart(const real *from, int64_t step, int64_t n)
{
    if (step == 1) return vec_load_part(from, n, 0);
    const int64_t all = 2 * n - 1, first = all < LANES ? all : LANES;
    const vec low = vec_load_part(from, first > 0 ? first : 0, 0);
    const vec high = all > LANES ? vec_load_part(from + LANES, all - LANES, 0) : low;
    return __builtin_shufflevector(low, high, EVEN);
}

static inline vec load_all_apart(const real *from, int64_t step)
{
    if (step == 1) return vec_load(from);
    return __builtin_shufflevector(vec_load(from), vec_load(from + LANES - 1), EVEN_THEN_ODD);
}

static inline void copy_row(real *to, const real *from, int64_t step, int64_t n)
{
    if (step != 1 && step != 2) {
        heed_copy_row((ireal *)to, 1, (const ireal *)from, step, n);
        return;
    }
    int64_t j = 0;
    for (; j + LANES <= n; j += LANES) vec_store(to + j, load_all_apart(from + j * step, step));
    if (j < n) vec_store_part(to + j, load_apart(from + j * step, step, n - j), n - j);
}

/* Rows of an image. Of short ones a vector of each is copied at a time: what there is to decide
 * about its lanes is the same for all rows. */
typedef struct row_set {
    int64_t rows, n;
    int64_t to, from, step; /* from one row to the next; from one element to the next */
} row_set;

static ALWAYS_INLINE void copy_part_of_rows(const row_set *r, const int64_t step, int64_t part,
                                            const real *from, real *to)
{
    if (part == LANES)
        for (int64_t i = 0; i < r->rows; i++, to += r->to, from += r->from)
            vec_store(to, load_all_apart(from, step));
    else
        for (int64_t i = 0; i < r->rows; i++, to += r->to, from += r->from)
            vec_store_part(to, load_apart(from, step, part), part);
}

static inline void copy_rows(const row_set *r, const real *from, real *to)
{
    if (r->n > 4 * LANES || (r->step != 1 && r->step != 2)) {
        for (int64_t i = 0; i < r->rows; i++)
            copy_row(to + i * r->to, from + i * r->from, r->step, r->n);
        return;
    }
    for (int64_t j = 0; j < r->n; j += LANES) {
        const int64_t part = r->n - j < LANES ? r->n - j : LANES;
        if (r->step == 1)
            copy_part_of_rows(r, 1, part, from + j, to + j);
        else
            copy_part_of_rows(r, 2, part, from + 2 * j, to + j);
    }
}

/* The places of one row, `begin` and after `end` of which are padding; from: the first element. */
static inline void copy_places(const heed_conv_span *s, real *to, const real *from, int64_t step,
                               int64_t n)
{
    fill_zero(to, s->begin);
    copy_row(to + s->begin, from, step, s->end - s->begin);
    fill_zero(to + s->end, n - s->end);
}

/* ---- channels innermost ---- */

/* n <= LANES neighbours of LANES channels: a square of registers is transposed. */
static inline void interleave_square(const real *from, int64_t channel, int64_t n, real *to,
                                     int64_t step)
{
    vec square[LANES];
    if (n == LANES) {
        pack_transposed(from, channel, LANES, LANES, to, (int)step);
        return;
    }
    GEMM_UNROLL
    for (int i = 0; i < LANES; i++) square[i] = vec_load_part(from + i * channel, n, 0);
    transpose_square(square);
    for (int64_t j = 0; j < n; j++) vec_store(to + j * step, square[j]);
}

/* n neighbours of each of `columns` channels to [n][columns], rows of which are `step` apart. */
static inline void interleave(const real *from, int64_t channel, int64_t stride, int64_t n,
                              int64_t columns, real *to, int64_t step)
{
    int64_t c = 0;
    if (stride == 1 && 4 * n >= LANES)
        for (; c + LANES <= columns; c += LANES)
            for (int64_t j = 0, some; j < n; j += some) {
                some = n - j < LANES ? n - j : LANES;
                interleave_square(from + c * channel + j, channel, some, to + c + j * step, step);
            }
    if (channel == 1)
        for (int64_t j = 0; j < n; j++)
            for (int64_t i = c; i < columns; i++) to[j * step + i] = from[j * stride + i];
    else
        for (; c < columns; c++)
            for (int64_t j = 0; j < n; j++) to[j * step + c] = from[c * channel + j * stride];
}

#endif

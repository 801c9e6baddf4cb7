/* conv_copy.h - rows of places: copies and zeros. Private to conv_sum.c and conv_weights.c, stamped
 * with them. */
#ifndef HEED_OPS_MICRO_CONV_COPY_H
#define HEED_OPS_MICRO_CONV_COPY_H

#include "ops/micro/conv.h"
#include "ops/micro/gemm_tile.h"
#include "ops/micro/vector.h"
#include "ops/micro/walk.h"

static inline void fill_zero(real *to, int64_t n)
{
    for (; n > 0; n -= LANES, to += LANES) vec_store_part(to, vec_fill(0), n < LANES ? n : LANES);
}

/* n elements, at most LANES of them, 1 or 2 apart; none past the last of them is read. */
static inline vec load_apart(const real *from, int64_t step, int64_t n)
{
    if (step == 1) return vec_load_part(from, n, 0);
    const int64_t all = 2 * n - 1, first = all < LANES ? all : LANES;
    const vec low = vec_load_part(from, first > 0 ? first : 0, 0);
    const vec high = all > LANES ? vec_load_part(from + LANES, all - LANES, 0) : low;
    return __builtin_shufflevector(low, high, EVEN);
}

static inline void copy_row(real *to, const real *from, int64_t step, int64_t n)
{
    if (step != 1 && step != 2) {
        heed_copy_row((ireal *)to, 1, (const ireal *)from, step, n);
        return;
    }
    int64_t j = 0;
    if (step == 1)
        for (; j + LANES <= n; j += LANES) vec_store(to + j, vec_load(from + j));
    for (; j < n; j += LANES) {
        const int64_t part = n - j < LANES ? n - j : LANES;
        vec_store_part(to + j, load_apart(from + j * step, step, part), part);
    }
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

#endif

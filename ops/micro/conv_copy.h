/* conv_copy.h - rows of places: copies and zeros. Private to conv_sum.c and conv_weights.c, stamped
 * with them. */
#ifndef HEED_OPS_MICRO_CONV_COPY_H
#define HEED_OPS_MICRO_CONV_COPY_H

#include "ops/micro/conv.h"
#include "ops/micro/gemm_tile.h"
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

/* LANES elements, 1 or 2 apart; none past the last of them is read. */
static inline vec load_apart(const real *from, int64_t step)
{
    if (step == 1) return vec_load(from);
    return __builtin_shufflevector(vec_load(from), vec_load(from + LANES - 1), EVEN_THEN_ODD);
}

static inline void copy_row(real *to, const real *from, int64_t step, int64_t n)
{
    if (n < LANES || (step != 1 && step != 2)) {
        heed_copy_row((ireal *)to, 1, (const ireal *)from, step, n);
        return;
    }
    for (int64_t j = 0; j + LANES <= n; j += LANES)
        vec_store(to + j, load_apart(from + j * step, step));
    vec_store(to + n - LANES, load_apart(from + (n - LANES) * step, step));
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

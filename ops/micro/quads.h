/* quads.h - LANES windows of 2 x 2 elements at a time, side by side in two rows of an image; for
 * the stamped part of kernel files. Of a window's elements the first of equals is chosen, or the
 * last NaN, in row-major order. */
#ifndef HEED_OPS_MICRO_QUADS_H
#define HEED_OPS_MICRO_QUADS_H

#include "ops/micro/vector.h"
#include "ops/micro/zip.h"

typedef struct quads {
    vec x[4]; /* upper left elements of all windows, upper right, lower left, lower right */
} quads;

/* Lane l of *left is x[2 l], of *right x[2 l + 1]; nothing past the first `pairs` pairs is read. */
static inline void load_pairs(const real *x, int64_t pairs, vec *left, vec *right)
{
    const int64_t n = 2 * pairs;
    vec a, b = vec_fill(0);
    if (pairs >= LANES) {
        a = vec_load(x);
        b = vec_load(x + LANES);
    } else {
        a = vec_load_part(x, n < LANES ? n : LANES, 0);
        if (n > LANES) b = vec_load_part(x + LANES, n - LANES, 0);
    }
    *left = __builtin_shufflevector(a, b, EVEN);
    *right = __builtin_shufflevector(a, b, ODD);
}

static inline void store_pairs(real *y, int64_t pairs, vec left, vec right)
{
    const vec a = __builtin_shufflevector(left, right, ZIP_LOW);
    const vec b = __builtin_shufflevector(left, right, ZIP_HIGH);
    const int64_t n = 2 * pairs;
    if (pairs >= LANES) {
        vec_store(y, a);
        vec_store(y + LANES, b);
    } else {
        vec_store_part(y, a, n < LANES ? n : LANES);
        if (n > LANES) vec_store_part(y + LANES, b, n - LANES);
    }
}

/* The first n windows of two rows, `width` apart; lanes past them hold anything. */
static inline quads load_quads(const real *x, int64_t width, int64_t n)
{
    quads q;
    load_pairs(x, n, &q.x[0], &q.x[1]);
    load_pairs(x + width, n, &q.x[2], &q.x[3]);
    return q;
}

static inline ivec beat(vec x, vec best)
{
    return (x > best) | (x != x);
}

static inline vec largest_of_quads(const quads *q)
{
    vec best = q->x[0];
    for (int i = 1; i < 4; i++) best = vec_select(beat(q->x[i], best), q->x[i], best);
    return best;
}

/* Lanes of taken.x[i] are those of y where the window's element i is chosen, else 0. */
static inline quads spread_to_largest(const quads *q, vec y)
{
    vec best = q->x[0];
    ivec at = { 0 };
    quads taken;
    for (int i = 1; i < 4; i++) {
        const ivec better = beat(q->x[i], best);
        best = vec_select(better, q->x[i], best);
        at = (better & i) | (~better & at);
    }
    for (int i = 0; i < 4; i++) taken.x[i] = vec_select(at == i, y, vec_fill(0));
    return taken;
}

#endif

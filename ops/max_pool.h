/* max_pool.h - what max_pool and its reverse share. Private to ops/max_pool*.c. */
#ifndef HEED_OPS_MAX_POOL_H
#define HEED_OPS_MAX_POOL_H

#include "ops/common.h"
#include "ops/pool.h"

typedef struct max_pool_sizes {
    int64_t planes, height, width, rows, columns; /* x [.., height, width], y [.., rows, columns] */
} max_pool_sizes;

static inline max_pool_sizes max_pool_sizes_of(const heed_max_pool_attr *a, const heed_shape *x,
                                               const heed_shape *y)
{
    const int last = x->rank - 1;
    const bool flat = a->axes == 1;
    return (max_pool_sizes){ .planes = heed_product(x, 0, x->rank - (int)a->axes),
                             .height = flat ? 1 : x->dim[last - 1],
                             .width = x->dim[last],
                             .rows = flat ? 1 : y->dim[last - 1],
                             .columns = y->dim[last] };
}

/* ---- in max_pool.c ---- */

/* Sizes of y's plane, to `out`; the attributes become what they mean. false when it has refused. */
bool heed_max_pool_outputs(heed_infer *infer, int64_t *out);
/* Test case k: x, and a second input like x or, if `pooled`, like y; false past the last. */
bool heed_max_pool_set_sample(int k, bool pooled, heed_sample *sample);
/* The large case, the first `n_in` of x and dy; always true. */
bool heed_max_pool_set_large(int n_in, heed_sample *sample);

#endif

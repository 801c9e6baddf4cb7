/* movement.h - attributes that the shape operations and the gradient's accumulation share. */
#ifndef HEED_OPS_MOVEMENT_H
#define HEED_OPS_MOVEMENT_H

#include "graph/op.h"

/* start, start + step, ... < stop along axis. In a node: all >= 0, stop just behind the last. */
typedef struct heed_slice_attr {
    int64_t start, stop, step;
    int axis, unused;
} heed_slice_attr;

/* The reverse: along axis `before` values, x's elements with step - 1 values between neighbours,
 * `after` values. */
typedef struct heed_pad_attr {
    int64_t before, after, step;
    double value;
    int axis, unused;
} heed_pad_attr;

typedef struct heed_permute_attr {
    int n;
    int axes[HEED_MAX_RANK];
} heed_permute_attr;

typedef struct heed_concat_attr {
    int axis;
} heed_concat_attr;

/* Positions 0 .. size - 1 that an index may name. */
typedef struct heed_last_index_attr {
    int64_t size;
} heed_last_index_attr;

#endif

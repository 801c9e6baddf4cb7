/* floor.c - y = the largest integer <= x; NaN stays */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP
#include <tgmath.h>

HEED_TILE(floor_tile)
{
    const real *x = in[0];
    real *out = y;
    HEED_INDEPENDENT
    for (int64_t i = 0; i < n; i++) out[i] = floor(x[i]);
}

#else
#include "ops/ops.h"

HEED_DECLARE_TILE(floor_tile);
static const heed_tile floor_tile = HEED_TILE_TABLE(floor_tile);

const heed_op heed_op_floor = {
    .name = "floor",
    .doc = "y = the largest integer <= x. A gradient through it is refused, as through sign: "
           "heed_straight_through gives it one.",
    .n_in = 1,
    .in_place = 1,
    .tile = &floor_tile,
    .sample = heed_sample_unary,
};

heed_node *heed_floor(heed_node *x)
{
    return heed_apply(&heed_op_floor, NULL, 1, &x);
}

#endif

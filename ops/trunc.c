/* trunc.c - y = x without its fraction; NaN stays */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP
#include <tgmath.h>

HEED_TILE(trunc_tile)
{
    const real *x = in[0];
    real *out = y;
    HEED_INDEPENDENT
    for (int64_t i = 0; i < n; i++) out[i] = trunc(x[i]);
}

#else
#include "ops/ops.h"

HEED_DECLARE_TILE(trunc_tile);
static const heed_tile trunc_tile = HEED_TILE_TABLE(trunc_tile);

const heed_op heed_op_trunc = {
    .name = "trunc",
    .doc = "y = x without its fraction. A gradient through it is refused, as through sign: "
           "heed_straight_through gives it one.",
    .n_in = 1,
    .in_place = 1,
    .tile = &trunc_tile,
    .sample = heed_sample_unary,
};

heed_node *heed_trunc(heed_node *x)
{
    return heed_apply(&heed_op_trunc, NULL, 1, &x);
}

#endif

/* sign.c - y = 1, 0 or -1 for x above, at and below 0; NaN stays */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP

HEED_TILE(sign_tile)
{
    const real *x = in[0];
    real *out = y;
    HEED_INDEPENDENT
    for (int64_t i = 0; i < n; i++) out[i] = x[i] > 0 ? 1 : x[i] < 0 ? -1 : x[i];
}

#else
#include "ops/ops.h"

HEED_DECLARE_TILE(sign_tile);
static const heed_tile sign_tile = HEED_TILE_TABLE(sign_tile);

const heed_op heed_op_sign = {
    .name = "sign",
    .doc = "y = -1, 0 or 1. Its slope is 0 almost everywhere, so a gradient through it is refused.",
    .n_in = 1,
    .in_place = 1,
    .tile = &sign_tile,
    .sample = heed_sample_unary,
};

heed_node *heed_sign(heed_node *x)
{
    return heed_apply(&heed_op_sign, NULL, 1, &x);
}

#endif

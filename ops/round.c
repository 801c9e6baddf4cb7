/* round.c - y = the integer nearest to x, of two the even one (rint); NaN stays */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP
#include <tgmath.h>

HEED_TILE(round_tile)
{
    const real *x = in[0];
    real *out = y;
    HEED_INDEPENDENT
    for (int64_t i = 0; i < n; i++) out[i] = rint(x[i]);
}

#else
#include "ops/ops.h"

HEED_DECLARE_TILE(round_tile);
static const heed_tile round_tile = HEED_TILE_TABLE(round_tile);

const heed_op heed_op_round = {
    .name = "round",
    .doc = "y = the integer nearest to x, the even one of two. A gradient through it is refused, "
           "as through sign: "
           "heed_straight_through gives it one.",
    .n_in = 1,
    .in_place = 1,
    .tile = &round_tile,
    .sample = heed_sample_unary,
};

heed_node *heed_round(heed_node *x)
{
    return heed_apply(&heed_op_round, NULL, 1, &x);
}

#endif

/* mish.c - y = x t, t = tanh(softplus(x)); dx = dy (t + x sigmoid(x) (1 - t^2)). Misra 2020. */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP
#include "ops/micro/vector_functions.h"

HEED_TILE(mish_tile)
{
    vec_map(n, in[0], y, vec_mish);
}

#else
#include "ops/function.h"
#include "ops/ops.h"

HEED_DECLARE_TILE(mish_tile);
static const heed_tile mish_tile = HEED_TILE_TABLE(mish_tile);

static void mish_vjp(heed_vjp *v)
{
    if (!v->want[0]) return;
    heed_node *x = v->in[0], *t = heed_tanh(heed_softplus(x));
    heed_node *slope = heed_mul(heed_silu(x), heed_affine(heed_square(t), -1, 1));
    v->dx[0] = heed_mul(v->dy, heed_add(t, slope));
}

const heed_op heed_op_mish = {
    .name = "mish",
    .doc = "y = x * tanh(softplus(x)).",
    .n_in = 1,
    .diff = 1,
    .in_place = 1,
    .tile = &mish_tile,
    .vjp = mish_vjp,
    .sample = heed_sample_unary,
    .flops = heed_flops_of_function,
};

heed_node *heed_mish(heed_node *x)
{
    return heed_apply(&heed_op_mish, NULL, 1, &x);
}

#endif

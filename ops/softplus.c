/* softplus.c - y = log(1 + exp(x)); dx = dy sigmoid(x) */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP
#include "ops/micro/vector_math.h"

HEED_TILE(softplus_tile)
{
    vec_map(n, in[0], y, vec_softplus);
}

#else
#include "ops/function.h"
#include "ops/ops.h"

HEED_DECLARE_TILE(softplus_tile);
static const heed_tile softplus_tile = HEED_TILE_TABLE(softplus_tile);

static void softplus_vjp(heed_vjp *v)
{
    if (!v->want[0]) return;
    v->dx[0] = heed_mul(v->dy, heed_sigmoid(v->in[0]));
}

const heed_op heed_op_softplus = {
    .name = "softplus",
    .doc = "y = log(1 + exp(x)).",
    .n_in = 1,
    .diff = 1,
    .in_place = 1,
    .tile = &softplus_tile,
    .vjp = softplus_vjp,
    .sample = heed_sample_unary,
    .flops = heed_flops_of_function,
};

heed_node *heed_softplus(heed_node *x)
{
    return heed_apply(&heed_op_softplus, NULL, 1, &x);
}

#endif

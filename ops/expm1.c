/* expm1.c - y = exp(x) - 1, also near 0; dx = dy exp(x) */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP
#include "ops/micro/vector_functions.h"

HEED_TILE(expm1_tile)
{
    vec_map(n, in[0], y, vec_expm1);
}

#else
#include "ops/function.h"
#include "ops/ops.h"

HEED_DECLARE_TILE(expm1_tile);
static const heed_tile expm1_tile = HEED_TILE_TABLE(expm1_tile);

static void expm1_vjp(heed_vjp *v)
{
    if (v->want[0]) v->dx[0] = heed_mul(v->dy, heed_exp(v->in[0]));
}

const heed_op heed_op_expm1 = {
    .name = "expm1",
    .doc = "y = exp(x) - 1, exact near 0.",
    .n_in = 1,
    .diff = 1,
    .in_place = 1,
    .tile = &expm1_tile,
    .vjp = expm1_vjp,
    .sample = heed_sample_unary,
    .flops = heed_flops_of_function,
};

heed_node *heed_expm1(heed_node *x)
{
    return heed_apply(&heed_op_expm1, NULL, 1, &x);
}

#endif

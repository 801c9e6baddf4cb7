/* cosh.c - y = (exp(x) + exp(-x)) / 2; dx = dy sinh(x) */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP
#include "ops/micro/vector_functions.h"

HEED_TILE(cosh_tile)
{
    vec_map(n, in[0], y, vec_cosh);
}

#else
#include "ops/function.h"
#include "ops/ops.h"

HEED_DECLARE_TILE(cosh_tile);
static const heed_tile cosh_tile = HEED_TILE_TABLE(cosh_tile);

static void cosh_vjp(heed_vjp *v)
{
    if (v->want[0]) v->dx[0] = heed_mul(v->dy, heed_sinh(v->in[0]));
}

const heed_op heed_op_cosh = {
    .name = "cosh",
    .doc = "y = (exp(x) + exp(-x)) / 2.",
    .n_in = 1,
    .diff = 1,
    .in_place = 1,
    .tile = &cosh_tile,
    .vjp = cosh_vjp,
    .sample = heed_sample_unary,
    .flops = heed_flops_of_function,
};

heed_node *heed_cosh(heed_node *x)
{
    return heed_apply(&heed_op_cosh, NULL, 1, &x);
}

#endif

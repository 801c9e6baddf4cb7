/* exp.c - y = exp(x); dx = dy y */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP
#include "ops/micro/vector_math.h"

HEED_TILE(exp_tile)
{
    vec_map(n, in[0], y, vec_exp);
}

#else
#include "ops/function.h"
#include "ops/ops.h"

HEED_DECLARE_TILE(exp_tile);
static const heed_tile exp_tile = HEED_TILE_TABLE(exp_tile);

static void exp_vjp(heed_vjp *v)
{
    if (!v->want[0]) return;
    v->dx[0] = heed_mul(v->dy, v->y);
}

const heed_op heed_op_exp = {
    .name = "exp",
    .doc = "y = exp(x).",
    .n_in = 1,
    .diff = 1,
    .in_place = 1,
    .tile = &exp_tile,
    .vjp = exp_vjp,
    .sample = heed_sample_unary,
    .flops = heed_flops_of_function,
};

heed_node *heed_exp(heed_node *x)
{
    return heed_apply(&heed_op_exp, NULL, 1, &x);
}

#endif

/* sinh.c - y = (exp(x) - exp(-x)) / 2; dx = dy cosh(x) */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP
#include "ops/micro/vector_functions.h"

HEED_TILE(sinh_tile)
{
    vec_map(n, in[0], y, vec_sinh);
}

#else
#include "ops/function.h"
#include "ops/ops.h"

HEED_DECLARE_TILE(sinh_tile);
static const heed_tile sinh_tile = HEED_TILE_TABLE(sinh_tile);

static void sinh_vjp(heed_vjp *v)
{
    if (v->want[0]) v->dx[0] = heed_mul(v->dy, heed_cosh(v->in[0]));
}

const heed_op heed_op_sinh = {
    .name = "sinh",
    .doc = "y = (exp(x) - exp(-x)) / 2.",
    .n_in = 1,
    .diff = 1,
    .in_place = 1,
    .tile = &sinh_tile,
    .vjp = sinh_vjp,
    .sample = heed_sample_unary,
    .flops = heed_flops_of_function,
};

heed_node *heed_sinh(heed_node *x)
{
    return heed_apply(&heed_op_sinh, NULL, 1, &x);
}

#endif

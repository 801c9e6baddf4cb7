/* sigmoid.c - y = 1 / (1 + exp(-x)); dx = dy y (1 - y) */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP
#include "ops/micro/vector_math.h"

HEED_TILE(sigmoid_tile)
{
    vec_map(n, in[0], y, vec_sigmoid);
}

#else
#include "ops/function.h"
#include "ops/ops.h"

HEED_DECLARE_TILE(sigmoid_tile);
static const heed_tile sigmoid_tile = HEED_TILE_TABLE(sigmoid_tile);

static void sigmoid_vjp(heed_vjp *v)
{
    if (!v->want[0]) return;
    v->dx[0] = heed_mul(v->dy, heed_mul(v->y, heed_affine(v->y, -1, 1)));
}

const heed_op heed_op_sigmoid = {
    .name = "sigmoid",
    .doc = "y = 1 / (1 + exp(-x)).",
    .n_in = 1,
    .diff = 1,
    .in_place = 1,
    .tile = &sigmoid_tile,
    .vjp = sigmoid_vjp,
    .sample = heed_sample_unary,
    .flops = heed_flops_of_function,
};

heed_node *heed_sigmoid(heed_node *x)
{
    return heed_apply(&heed_op_sigmoid, NULL, 1, &x);
}

#endif

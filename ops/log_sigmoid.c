/* log_sigmoid.c - y = log(1 / (1 + exp(-x))); dx = dy sigmoid(-x) */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP
#include "ops/micro/vector_functions.h"

HEED_TILE(log_sigmoid_tile)
{
    vec_map(n, in[0], y, vec_log_sigmoid);
}

#else
#include "ops/function.h"
#include "ops/ops.h"

HEED_DECLARE_TILE(log_sigmoid_tile);
static const heed_tile log_sigmoid_tile = HEED_TILE_TABLE(log_sigmoid_tile);

static void log_sigmoid_vjp(heed_vjp *v)
{
    if (v->want[0]) v->dx[0] = heed_mul(v->dy, heed_sigmoid(heed_neg(v->in[0])));
}

const heed_op heed_op_log_sigmoid = {
    .name = "log_sigmoid",
    .doc = "y = log(sigmoid(x)) = -softplus(-x).",
    .n_in = 1,
    .diff = 1,
    .in_place = 1,
    .tile = &log_sigmoid_tile,
    .vjp = log_sigmoid_vjp,
    .sample = heed_sample_unary,
    .flops = heed_flops_of_function,
};

heed_node *heed_log_sigmoid(heed_node *x)
{
    return heed_apply(&heed_op_log_sigmoid, NULL, 1, &x);
}

#endif

/* cos.c - y = cos(x); dx = -dy sin(x) */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP
#include "ops/micro/vector_math.h"

HEED_TILE(cos_tile)
{
    vec_map_sine(n, in[0], y, 1, cos);
}

#else
#include "ops/function.h"
#include "ops/ops.h"

HEED_DECLARE_TILE(cos_tile);
static const heed_tile cos_tile = HEED_TILE_TABLE(cos_tile);

static void cos_vjp(heed_vjp *v)
{
    if (!v->want[0]) return;
    v->dx[0] = heed_neg(heed_mul(v->dy, heed_sin(v->in[0])));
}

const heed_op heed_op_cos = {
    .name = "cos",
    .doc = "y = cos(x), x in radians.",
    .n_in = 1,
    .diff = 1,
    .in_place = 1,
    .tile = &cos_tile,
    .vjp = cos_vjp,
    .sample = heed_sample_unary,
    .flops = heed_flops_of_function,
};

heed_node *heed_cos(heed_node *x)
{
    return heed_apply(&heed_op_cos, NULL, 1, &x);
}

#endif

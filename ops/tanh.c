/* tanh.c - y = tanh(x); dx = dy (1 - y^2) */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP
#include "ops/micro/vector_math.h"

HEED_TILE(tanh_tile)
{
    vec_map(n, in[0], y, vec_tanh);
}

#else
#include "ops/function.h"
#include "ops/ops.h"

HEED_DECLARE_TILE(tanh_tile);
static const heed_tile tanh_tile = HEED_TILE_TABLE(tanh_tile);

static void tanh_vjp(heed_vjp *v)
{
    if (!v->want[0]) return;
    v->dx[0] = heed_mul(v->dy, heed_affine(heed_square(v->y), -1, 1));
}

const heed_op heed_op_tanh = {
    .name = "tanh",
    .doc = "y = tanh(x).",
    .n_in = 1,
    .diff = 1,
    .in_place = 1,
    .tile = &tanh_tile,
    .vjp = tanh_vjp,
    .sample = heed_sample_unary,
    .flops = heed_flops_of_function,
};

heed_node *heed_tanh(heed_node *x)
{
    return heed_apply(&heed_op_tanh, NULL, 1, &x);
}

#endif

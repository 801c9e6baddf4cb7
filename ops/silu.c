/* silu.c - y = x sigmoid(x); dx = dy (s + y (1 - s)) with s = sigmoid(x) */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP
#include "ops/micro/vector_math.h"

HEED_TILE(silu_tile)
{
    vec_map(n, in[0], y, vec_silu);
}

#else
#include "ops/function.h"
#include "ops/ops.h"

HEED_DECLARE_TILE(silu_tile);
static const heed_tile silu_tile = HEED_TILE_TABLE(silu_tile);

static void silu_vjp(heed_vjp *v)
{
    if (!v->want[0]) return;
    heed_node *s = heed_sigmoid(v->in[0]);
    heed_node *slope = heed_add(s, heed_mul(v->y, heed_affine(s, -1, 1)));
    v->dx[0] = heed_mul(v->dy, slope);
}

const heed_op heed_op_silu = {
    .name = "silu",
    .doc = "y = x * sigmoid(x).",
    .n_in = 1,
    .diff = 1,
    .in_place = 1,
    .tile = &silu_tile,
    .vjp = silu_vjp,
    .sample = heed_sample_unary,
    .flops = heed_flops_of_function,
};

heed_node *heed_silu(heed_node *x)
{
    return heed_apply(&heed_op_silu, NULL, 1, &x);
}

#endif

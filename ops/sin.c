/* sin.c - y = sin(x); dx = dy cos(x) */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP
#include "ops/micro/vector_math.h"

HEED_TILE(sin_tile)
{
    vec_map_sine(n, in[0], y, 0, sin);
}

#else
#include "ops/function.h"
#include "ops/ops.h"

HEED_DECLARE_TILE(sin_tile);
static const heed_tile sin_tile = HEED_TILE_TABLE(sin_tile);

static void sin_vjp(heed_vjp *v)
{
    if (!v->want[0]) return;
    v->dx[0] = heed_mul(v->dy, heed_cos(v->in[0]));
}

const heed_op heed_op_sin = {
    .name = "sin",
    .doc = "y = sin(x), x in radians.",
    .n_in = 1,
    .diff = 1,
    .in_place = 1,
    .tile = &sin_tile,
    .vjp = sin_vjp,
    .sample = heed_sample_unary,
    .flops = heed_flops_of_function,
};

heed_node *heed_sin(heed_node *x)
{
    return heed_apply(&heed_op_sin, NULL, 1, &x);
}

#endif

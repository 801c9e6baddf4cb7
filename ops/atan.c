/* atan.c - y = arc tangent of x; dx = dy / (1 + x^2) */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP
#include "ops/micro/vector_functions.h"

HEED_TILE(atan_tile)
{
    vec_map(n, in[0], y, vec_atan);
}

#else
#include "ops/function.h"
#include "ops/ops.h"

HEED_DECLARE_TILE(atan_tile);
static const heed_tile atan_tile = HEED_TILE_TABLE(atan_tile);

static void atan_vjp(heed_vjp *v)
{
    if (v->want[0]) v->dx[0] = heed_div(v->dy, heed_affine(heed_square(v->in[0]), 1, 1));
}

const heed_op heed_op_atan = {
    .name = "atan",
    .doc = "y = arc tangent of x, in -pi / 2 .. pi / 2.",
    .n_in = 1,
    .diff = 1,
    .in_place = 1,
    .tile = &atan_tile,
    .vjp = atan_vjp,
    .sample = heed_sample_unary,
    .flops = heed_flops_of_function,
};

heed_node *heed_atan(heed_node *x)
{
    return heed_apply(&heed_op_atan, NULL, 1, &x);
}

#endif

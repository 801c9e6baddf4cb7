/* square.c - y = x^2; dx = 2 x dy */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP

HEED_TILE(square_tile)
{
    const real *x = in[0];
    real *out = y;
    HEED_INDEPENDENT
    for (int64_t i = 0; i < n; i++) out[i] = x[i] * x[i];
}

#else
#include "ops/ops.h"

HEED_DECLARE_TILE(square_tile);
static const heed_tile square_tile = HEED_TILE_TABLE(square_tile);

static void square_vjp(heed_vjp *v)
{
    if (v->want[0]) v->dx[0] = heed_mul(v->dy, heed_scale(v->in[0], 2));
}

const heed_op heed_op_square = {
    .name = "square",
    .doc = "y = x^2.",
    .n_in = 1,
    .diff = 1,
    .in_place = 1,
    .tile = &square_tile,
    .vjp = square_vjp,
    .sample = heed_sample_unary,
};

heed_node *heed_square(heed_node *x)
{
    return heed_apply(&heed_op_square, NULL, 1, &x);
}

#endif

/* sqrt.c - y = sqrt(x); dx = dy / (2 y) */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP
#include <math.h>

HEED_TILE(sqrt_tile)
{
    const real *x = in[0];
    real *out = y;
    HEED_INDEPENDENT
    for (int64_t i = 0; i < n; i++) out[i] = (real)sqrt(x[i]);
}

#else
#include "ops/function.h"
#include "ops/ops.h"

HEED_DECLARE_TILE(sqrt_tile);
static const heed_tile sqrt_tile = HEED_TILE_TABLE(sqrt_tile);

static void sqrt_vjp(heed_vjp *v)
{
    if (!v->want[0]) return;
    v->dx[0] = heed_div(heed_scale(v->dy, 0.5), v->y);
}

static bool sqrt_sample(int k, heed_sample *sample)
{
    if (!heed_sample_unary(k, sample)) return false;
    sample->in[0].low = 0.5;
    sample->in[0].high = 2;
    return true;
}

const heed_op heed_op_sqrt = {
    .name = "sqrt",
    .doc = "y = sqrt(x); NaN for x < 0.",
    .n_in = 1,
    .diff = 1,
    .in_place = 1,
    .tile = &sqrt_tile,
    .vjp = sqrt_vjp,
    .sample = sqrt_sample,
    .flops = heed_flops_of_function,
};

heed_node *heed_sqrt(heed_node *x)
{
    return heed_apply(&heed_op_sqrt, NULL, 1, &x);
}

#endif

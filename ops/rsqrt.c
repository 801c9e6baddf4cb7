/* rsqrt.c - y = 1 / sqrt(x); dx = -dy y^3 / 2 */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP
#include <math.h>

HEED_TILE(rsqrt_tile)
{
    const real *x = in[0];
    real *out = y;
    HEED_INDEPENDENT
    for (int64_t i = 0; i < n; i++) out[i] = 1 / (real)sqrt(x[i]);
}

#else
#include "ops/function.h"
#include "ops/ops.h"

HEED_DECLARE_TILE(rsqrt_tile);
static const heed_tile rsqrt_tile = HEED_TILE_TABLE(rsqrt_tile);

static void rsqrt_vjp(heed_vjp *v)
{
    if (!v->want[0]) return;
    v->dx[0] = heed_mul(v->dy, heed_scale(heed_mul(heed_square(v->y), v->y), -0.5));
}

static bool rsqrt_sample(int k, heed_sample *sample)
{
    if (!heed_sample_unary(k, sample)) return false;
    sample->in[0].low = 0.5;
    sample->in[0].high = 2;
    return true;
}

const heed_op heed_op_rsqrt = {
    .name = "rsqrt",
    .doc = "y = 1 / sqrt(x); inf at 0, NaN for x < 0.",
    .n_in = 1,
    .diff = 1,
    .in_place = 1,
    .tile = &rsqrt_tile,
    .vjp = rsqrt_vjp,
    .sample = rsqrt_sample,
    .flops = heed_flops_of_function,
};

heed_node *heed_rsqrt(heed_node *x)
{
    return heed_apply(&heed_op_rsqrt, NULL, 1, &x);
}

#endif

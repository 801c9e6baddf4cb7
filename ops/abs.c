/* abs.c - y = |x|; dx = dy sign(x) */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP

HEED_TILE(abs_tile)
{
    const real *x = in[0];
    real *out = y;
    HEED_INDEPENDENT
    for (int64_t i = 0; i < n; i++) out[i] = (real)__builtin_fabs((double)x[i]);
}

#else
#include "ops/ops.h"

HEED_DECLARE_TILE(abs_tile);
static const heed_tile abs_tile = HEED_TILE_TABLE(abs_tile);

static void abs_vjp(heed_vjp *v)
{
    if (v->want[0]) v->dx[0] = heed_mul(v->dy, heed_sign(heed_stop_gradient(v->in[0])));
}

static bool abs_sample(int k, heed_sample *sample)
{
    if (!heed_sample_unary(k, sample)) return false;
    sample->in[0].avoid = true; /* the kink at 0 */
    return true;
}

const heed_op heed_op_abs = {
    .name = "abs",
    .doc = "y = |x|; slope 0 at 0.",
    .n_in = 1,
    .diff = 1,
    .in_place = 1,
    .tile = &abs_tile,
    .vjp = abs_vjp,
    .sample = abs_sample,
};

heed_node *heed_abs(heed_node *x)
{
    return heed_apply(&heed_op_abs, NULL, 1, &x);
}

#endif

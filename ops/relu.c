/* relu.c - y = max(x, 0); dx = dy where y is not 0; NaN stays */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP

HEED_TILE(relu_tile)
{
    const real *x = in[0];
    real *out = y;
    HEED_INDEPENDENT
    for (int64_t i = 0; i < n; i++) out[i] = x[i] < 0 ? 0 : x[i];
}

#else
#include "ops/ops.h"

HEED_DECLARE_TILE(relu_tile);
static const heed_tile relu_tile = HEED_TILE_TABLE(relu_tile);

/* From y, so that x may be overwritten. */
static void relu_vjp(heed_vjp *v)
{
    if (!v->want[0]) return;
    v->dx[0] = heed_where(heed_stop_gradient(v->y), v->dy, heed_number_like(v->dy, 0));
}

static bool relu_sample(int k, heed_sample *sample)
{
    if (!heed_sample_unary(k, sample)) return false;
    sample->in[0].avoid = true; /* the kink at 0 */
    return true;
}

const heed_op heed_op_relu = {
    .name = "relu",
    .doc = "y = max(x, 0); slope 0 at 0.",
    .n_in = 1,
    .diff = 1,
    .in_place = 1,
    .tile = &relu_tile,
    .vjp = relu_vjp,
    .sample = relu_sample,
};

heed_node *heed_relu(heed_node *x)
{
    return heed_apply(&heed_op_relu, NULL, 1, &x);
}

#endif

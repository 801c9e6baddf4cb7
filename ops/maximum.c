/* maximum.c - y = max(a, b); NaN wins */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP

HEED_TILE(maximum_tile)
{
    const real *a = in[0], *b = in[1];
    real *out = y;
    HEED_INDEPENDENT
    for (int64_t i = 0; i < n; i++) out[i] = ((a[i] > b[i]) | (a[i] != a[i])) ? a[i] : b[i];
}

#else
#include "ops/ops.h"

HEED_DECLARE_TILE(maximum_tile);
static const heed_tile maximum_tile = HEED_TILE_TABLE(maximum_tile);

/* The share of dy that goes to a: 1 where it is the larger one, a half where they are equal. */
static void maximum_vjp(heed_vjp *v)
{
    heed_node *a = heed_stop_gradient(v->in[0]), *b = heed_stop_gradient(v->in[1]);
    heed_node *share = heed_scale(heed_add(heed_greater(a, b), heed_greater_equal(a, b)), 0.5);
    if (v->want[0]) v->dx[0] = heed_mul(v->dy, share);
    if (v->want[1]) v->dx[1] = heed_mul(v->dy, heed_affine(share, -1, 1));
}

const heed_op heed_op_maximum = {
    .name = "maximum",
    .doc = "y = max(a, b), element by element; shapes broadcast; NaN if one is; ties share dy.",
    .n_in = 2,
    .diff = 3,
    .in_place = 3,
    .tile = &maximum_tile,
    .vjp = maximum_vjp,
    .sample = heed_sample_binary,
};

heed_node *heed_maximum(heed_node *a, heed_node *b)
{
    return heed_apply(&heed_op_maximum, NULL, 2, (heed_node *[]){ a, b });
}

#endif

/* minimum.c - y = min(a, b); NaN wins */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP

HEED_TILE(minimum_tile)
{
    const real *a = in[0], *b = in[1];
    real *out = y;
    HEED_INDEPENDENT
    for (int64_t i = 0; i < n; i++) out[i] = ((a[i] < b[i]) | (a[i] != a[i])) ? a[i] : b[i];
}

#else
#include "ops/ops.h"

HEED_DECLARE_TILE(minimum_tile);
static const heed_tile minimum_tile = HEED_TILE_TABLE(minimum_tile);

/* The share of dy that goes to a: 1 where it is the smaller one, a half where they are equal. */
static void minimum_vjp(heed_vjp *v)
{
    heed_node *a = heed_stop_gradient(v->in[0]), *b = heed_stop_gradient(v->in[1]);
    heed_node *share = heed_scale(heed_add(heed_less(a, b), heed_less_equal(a, b)), 0.5);
    if (v->want[0]) v->dx[0] = heed_mul(v->dy, share);
    if (v->want[1]) v->dx[1] = heed_mul(v->dy, heed_affine(share, -1, 1));
}

const heed_op heed_op_minimum = {
    .name = "minimum",
    .doc = "y = min(a, b), element by element; shapes broadcast; NaN if one is; ties share dy.",
    .n_in = 2,
    .diff = 3,
    .in_place = 3,
    .tile = &minimum_tile,
    .vjp = minimum_vjp,
    .sample = heed_sample_binary,
};

heed_node *heed_minimum(heed_node *a, heed_node *b)
{
    return heed_apply(&heed_op_minimum, NULL, 2, (heed_node *[]){ a, b });
}

#endif

/* sub.c - y = a - b */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP

HEED_TILE(sub_tile)
{
    const real *a = in[0], *b = in[1];
    real *out = y;
    HEED_INDEPENDENT
    for (int64_t i = 0; i < n; i++) out[i] = a[i] - b[i];
}

#else
#include "ops/ops.h"

HEED_DECLARE_TILE(sub_tile);
static const heed_tile sub_tile = HEED_TILE_TABLE(sub_tile);

static void sub_vjp(heed_vjp *v)
{
    if (v->want[0]) v->dx[0] = v->dy;
    if (v->want[1]) v->dx[1] = heed_neg(v->dy);
}

/* x - 0 = x; x - c and c - x need no second array. */
static heed_node *sub_simplify(heed_node *node)
{
    double value;
    heed_node *a = node->in[0], *b = node->in[1];
    if (heed_is_filled_with(b, &value)) {
        return heed_stretch(value == 0 ? a : heed_affine(a, 1, -value), &node->shape);
    }
    if (heed_is_filled_with(a, &value)) {
        return heed_stretch(heed_affine(b, -1, value), &node->shape);
    }
    return node;
}

const heed_op heed_op_sub = {
    .name = "sub",
    .doc = "y = a - b; shapes broadcast.",
    .n_in = 2,
    .diff = 3,
    .in_place = 3,
    .flags = HEED_LINEAR,
    .tile = &sub_tile,
    .vjp = sub_vjp,
    .sample = heed_sample_binary,
    .simplify = sub_simplify,
};

heed_node *heed_sub(heed_node *a, heed_node *b)
{
    return heed_apply(&heed_op_sub, NULL, 2, (heed_node *[]){ a, b });
}

#endif

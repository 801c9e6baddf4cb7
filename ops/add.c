/* add.c - y = a + b */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP

HEED_TILE(add_tile)
{
    const real *a = in[0], *b = in[1];
    real *out = y;
    HEED_INDEPENDENT
    for (int64_t i = 0; i < n; i++) out[i] = a[i] + b[i];
}

#else
#include "ops/ops.h"

HEED_DECLARE_TILE(add_tile);
static const heed_tile add_tile = HEED_TILE_TABLE(add_tile);

static void add_vjp(heed_vjp *v)
{
    for (int i = 0; i < 2; i++) {
        if (v->want[i]) v->dx[i] = v->dy;
    }
}

/* x + 0 = x; x + c needs no second array. */
static heed_node *add_simplify(heed_node *node)
{
    double value;
    for (int i = 0; i < 2; i++) {
        if (!heed_is_filled_with(node->in[i], &value)) continue;
        heed_node *x = node->in[1 - i];
        return heed_stretch(value == 0 ? x : heed_affine(x, 1, value), &node->shape);
    }
    return node;
}

const heed_op heed_op_add = {
    .name = "add",
    .doc = "y = a + b; shapes broadcast.",
    .n_in = 2,
    .diff = 3,
    .in_place = 3,
    .flags = HEED_LINEAR | HEED_ADDS,
    .tile = &add_tile,
    .vjp = add_vjp,
    .sample = heed_sample_binary,
    .simplify = add_simplify,
};

heed_node *heed_add(heed_node *a, heed_node *b)
{
    return heed_apply(&heed_op_add, NULL, 2, (heed_node *[]){ a, b });
}

#endif

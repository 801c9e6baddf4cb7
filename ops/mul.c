/* mul.c - y = a b, element by element */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP

HEED_TILE(mul_tile)
{
    const real *a = in[0], *b = in[1];
    real *out = y;
    HEED_INDEPENDENT
    for (int64_t i = 0; i < n; i++) out[i] = a[i] * b[i];
}

#else
#include "ops/ops.h"

HEED_DECLARE_TILE(mul_tile);
static const heed_tile mul_tile = HEED_TILE_TABLE(mul_tile);

static void mul_vjp(heed_vjp *v)
{
    if (v->want[0]) v->dx[0] = heed_mul(v->dy, v->in[1]);
    if (v->want[1]) v->dx[1] = heed_mul(v->dy, v->in[0]);
}

/* x * 1 = x; x * c needs no second array. x * 0 stays: it is NaN for infinite x. */
static heed_node *mul_simplify(heed_node *node)
{
    double value;
    for (int i = 0; i < 2; i++) {
        if (!heed_is_filled_with(node->in[i], &value)) continue;
        heed_node *x = node->in[1 - i];
        return heed_stretch(value == 1 ? x : heed_affine(x, value, 0), &node->shape);
    }
    return node;
}

const heed_op heed_op_mul = {
    .name = "mul",
    .doc = "y = a * b, element by element; shapes broadcast.",
    .n_in = 2,
    .diff = 3,
    .in_place = 3,
    .flags = HEED_LINEAR,
    .tile = &mul_tile,
    .vjp = mul_vjp,
    .sample = heed_sample_binary,
    .simplify = mul_simplify,
};

heed_node *heed_mul(heed_node *a, heed_node *b)
{
    return heed_apply(&heed_op_mul, NULL, 2, (heed_node *[]){ a, b });
}

#endif

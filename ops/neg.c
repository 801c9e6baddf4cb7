/* neg.c - y = -x */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP

HEED_TILE(neg_tile)
{
    const real *x = in[0];
    real *out = y;
    HEED_INDEPENDENT
    for (int64_t i = 0; i < n; i++) out[i] = -x[i];
}

#else
#include "ops/ops.h"

HEED_DECLARE_TILE(neg_tile);
static const heed_tile neg_tile = HEED_TILE_TABLE(neg_tile);

static void neg_vjp(heed_vjp *v)
{
    if (v->want[0]) v->dx[0] = heed_neg(v->dy);
}

/* -(-x) = x; of an affine: one affine. */
static heed_node *neg_simplify(heed_node *node)
{
    heed_node *x = node->in[0];
    if (x->op == &heed_op_neg) return x->in[0];
    return x->op == &heed_op_affine ? heed_affine(x, -1, 0) : node;
}

const heed_op heed_op_neg = {
    .name = "neg",
    .doc = "y = -x.",
    .n_in = 1,
    .diff = 1,
    .in_place = 1,
    .flags = HEED_LINEAR,
    .tile = &neg_tile,
    .vjp = neg_vjp,
    .sample = heed_sample_unary,
    .simplify = neg_simplify,
};

heed_node *heed_neg(heed_node *x)
{
    return heed_apply(&heed_op_neg, NULL, 1, &x);
}

#endif

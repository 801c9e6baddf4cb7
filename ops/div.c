/* div.c - y = a / b; da = dy / b, db = -dy y / b */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP

HEED_TILE(div_tile)
{
    const real *a = in[0], *b = in[1];
    real *out = y;
    HEED_INDEPENDENT
    for (int64_t i = 0; i < n; i++) out[i] = a[i] / b[i];
}

#else
#include <math.h>
#include <stdlib.h>

#include "ops/ops.h"

HEED_DECLARE_TILE(div_tile);
static const heed_tile div_tile = HEED_TILE_TABLE(div_tile);

static void div_vjp(heed_vjp *v)
{
    heed_node *da = heed_div(v->dy, v->in[1]);
    if (v->want[0]) v->dx[0] = da;
    if (v->want[1]) v->dx[1] = heed_neg(heed_mul(da, v->y));
}

/* x / c = x (1 / c) to the bit when c is a power of two whose inverse is one as well. */
static heed_node *div_simplify(heed_node *node)
{
    double value;
    int exponent;
    if (!heed_is_filled_with(node->in[1], &value)) return node;
    if (fabs(frexp(value, &exponent)) != 0.5 || abs(exponent) > 100) return node;
    heed_node *x = node->in[0];
    return heed_stretch(value == 1 ? x : heed_affine(x, 1 / value, 0), &node->shape);
}

static bool div_sample(int k, heed_sample *sample)
{
    bool away = k % 2; /* divisors of one sign, and of both */
    if (!heed_sample_binary(k, sample)) return false;
    sample->in[1].low = away ? 0.5 : -2;
    sample->in[1].high = 2;
    sample->in[1].avoid = true; /* 1 / b has a pole at 0 */
    sample->in[1].margin = 0.4;
    return true;
}

const heed_op heed_op_div = {
    .name = "div",
    .doc = "y = a / b; shapes broadcast.",
    .n_in = 2,
    .diff = 3,
    .in_place = 3,
    .tile = &div_tile,
    .vjp = div_vjp,
    .sample = div_sample,
    .simplify = div_simplify,
};

heed_node *heed_div(heed_node *a, heed_node *b)
{
    return heed_apply(&heed_op_div, NULL, 2, (heed_node *[]){ a, b });
}

#endif

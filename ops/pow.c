/* pow.c - y = a^b; da = dy b a^(b - 1), db = dy y log(a), and 0 where y is 0 */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP
#include <math.h>

/* libm, number by number: powers of tensors are rare, and an accurate one needs log(a) in more
 * than the element's precision. */
HEED_TILE(pow_tile)
{
    const real *a = in[0], *b = in[1];
    real *out = y;
#ifdef HEED_STAMP_F64
    for (int64_t i = 0; i < n; i++) out[i] = pow(a[i], b[i]);
#else
    for (int64_t i = 0; i < n; i++) out[i] = powf(a[i], b[i]);
#endif
}

#else
#include "ops/function.h"
#include "ops/ops.h"

HEED_DECLARE_TILE(pow_tile);
static const heed_tile pow_tile = HEED_TILE_TABLE(pow_tile);

static void pow_vjp(heed_vjp *v)
{
    heed_node *a = v->in[0], *b = v->in[1];
    if (v->want[0]) {
        heed_node *slope = heed_mul(b, heed_pow(a, heed_affine(b, 1, -1)));
        v->dx[0] = heed_mul(v->dy, slope);
    }
    if (v->want[1]) {
        heed_node *slope = heed_mul(v->y, heed_log(a));
        slope = heed_where(heed_stop_gradient(v->y), slope, heed_number_like(a, 0));
        v->dx[1] = heed_mul(v->dy, slope);
    }
}

/* a^1 = a, a^2 = a a, a^-1 = 1 / a */
static heed_node *pow_simplify(heed_node *node)
{
    heed_node *a = node->in[0];
    double exponent;
    if (!heed_is_filled_with(node->in[1], &exponent)) return node;
    if (exponent == 1) return heed_stretch(a, &node->shape);
    if (exponent == 2) return heed_stretch(heed_square(a), &node->shape);
    if (exponent == -1) return heed_stretch(heed_div(heed_number_like(a, 1), a), &node->shape);
    return node;
}

static bool pow_sample(int k, heed_sample *sample)
{
    if (!heed_sample_binary(k, sample)) return false;
    sample->in[0].low = 0.5;
    sample->in[0].high = 2;
    return true;
}

const heed_op heed_op_pow = {
    .name = "pow",
    .doc = "y = a^b, element by element; shapes broadcast. The gradient of b needs a > 0.",
    .n_in = 2,
    .diff = 3,
    .in_place = 3,
    .tile = &pow_tile,
    .vjp = pow_vjp,
    .sample = pow_sample,
    .flops = heed_flops_of_function,
    .limit = "arithmetic: libm, number by number",
    .simplify = pow_simplify,
};

heed_node *heed_pow(heed_node *a, heed_node *b)
{
    return heed_apply(&heed_op_pow, NULL, 2, (heed_node *[]){ a, b });
}

#endif

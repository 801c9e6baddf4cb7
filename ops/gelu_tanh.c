/* gelu_tanh.c - y = x (1 + tanh(u / 2)) / 2 = x sigmoid(u), u = sqrt(8 / pi) (x + 0.044715 x^3);
 * dx = dy (s + y (1 - s) u') with s = sigmoid(u). Hendrycks, Gimpel 2016. */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP
#include "ops/micro/vector_functions.h"

HEED_TILE(gelu_tanh_tile)
{
    vec_map(n, in[0], y, vec_gelu_tanh);
}

#else
#include "ops/function.h"
#include "ops/ops.h"

HEED_DECLARE_TILE(gelu_tanh_tile);
static const heed_tile gelu_tanh_tile = HEED_TILE_TABLE(gelu_tanh_tile);

static void gelu_tanh_vjp(heed_vjp *v)
{
    const double scale = 1.59576912160573071176, bend = 0.044715 * scale;
    if (!v->want[0]) return;
    heed_node *x = v->in[0], *square = heed_square(x);
    heed_node *s = heed_sigmoid(heed_mul(x, heed_affine(square, bend, scale)));
    heed_node *inner = heed_mul(heed_affine(s, -1, 1), heed_affine(square, 3 * bend, scale));
    v->dx[0] = heed_mul(v->dy, heed_add(s, heed_mul(v->y, inner)));
}

const heed_op heed_op_gelu_tanh = {
    .name = "gelu_tanh",
    .doc = "y = x * sigmoid(sqrt(8 / pi) * (x + 0.044715 * x^3)): gelu by a tanh.",
    .n_in = 1,
    .diff = 1,
    .in_place = 1,
    .tile = &gelu_tanh_tile,
    .vjp = gelu_tanh_vjp,
    .sample = heed_sample_unary,
    .flops = heed_flops_of_function,
};

heed_node *heed_gelu_tanh(heed_node *x)
{
    return heed_apply(&heed_op_gelu_tanh, NULL, 1, &x);
}

#endif

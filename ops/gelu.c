/* gelu.c - y = x Phi(x), Phi the normal distribution; dx = dy (Phi(x) + x phi(x)).
 * Hendrycks, Gimpel 2016. */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP
#include "ops/micro/vector_math.h"

HEED_TILE(gelu_tile)
{
    vec_map(n, in[0], y, vec_gelu);
}

#else
#include "ops/function.h"
#include "ops/ops.h"

HEED_DECLARE_TILE(gelu_tile);
static const heed_tile gelu_tile = HEED_TILE_TABLE(gelu_tile);

/* Phi = (1 + erf(x / sqrt 2)) / 2, phi = exp(-x^2 / 2) / sqrt(2 pi) */
static void gelu_vjp(heed_vjp *v)
{
    if (!v->want[0]) return;
    heed_node *x = v->in[0];
    heed_node *below = heed_affine(heed_erf(heed_scale(x, 0.70710678118654752440)), 0.5, 0.5);
    heed_node *density =
        heed_scale(heed_exp(heed_scale(heed_square(x), -0.5)), 0.39894228040143267794);
    v->dx[0] = heed_mul(v->dy, heed_add(below, heed_mul(x, density)));
}

const heed_op heed_op_gelu = {
    .name = "gelu",
    .doc = "y = x * Phi(x), with the exact Phi(x) = (1 + erf(x / sqrt(2))) / 2.",
    .n_in = 1,
    .diff = 1,
    .in_place = 1,
    .tile = &gelu_tile,
    .vjp = gelu_vjp,
    .sample = heed_sample_unary,
    .flops = heed_flops_of_function,
};

heed_node *heed_gelu(heed_node *x)
{
    return heed_apply(&heed_op_gelu, NULL, 1, &x);
}

#endif

/* elementwise.h - the catalogue, element by element: arithmetic, functions of one value,
 * comparisons, truth values. */
#ifndef HEED_OPS_ELEMENTWISE_H
#define HEED_OPS_ELEMENTWISE_H

#include "graph/graph.h"

/* ---- arithmetic: y[k] = ..., broadcasting ---- */

heed_node *heed_add(heed_node *a, heed_node *b);
heed_node *heed_sub(heed_node *a, heed_node *b);
heed_node *heed_mul(heed_node *a, heed_node *b);
heed_node *heed_div(heed_node *a, heed_node *b);
heed_node *heed_pow(heed_node *a, heed_node *b);     /* a^b; d/db needs a > 0 */
heed_node *heed_minimum(heed_node *a, heed_node *b); /* ties: half of dy to each */
heed_node *heed_maximum(heed_node *a, heed_node *b);
heed_node *heed_affine(heed_node *x, double scale, double shift); /* scale * x + shift */
heed_node *heed_scale(heed_node *x, double scale);                /* affine without shift */

/* ---- functions of one value ---- */

heed_node *heed_neg(heed_node *x);
heed_node *heed_abs(heed_node *x);  /* d|x|/dx = sign(x) */
heed_node *heed_sign(heed_node *x); /* -1, 0, 1; gradient refused (stop it, or use abs) */
heed_node *heed_square(heed_node *x);
heed_node *heed_sqrt(heed_node *x);
heed_node *heed_rsqrt(heed_node *x); /* 1 / sqrt(x) */
heed_node *heed_exp(heed_node *x);
heed_node *heed_log(heed_node *x);
heed_node *heed_expm1(heed_node *x); /* exp(x) - 1, also near 0 */
heed_node *heed_log1p(heed_node *x); /* log(1 + x), also near 0 */
heed_node *heed_erf(heed_node *x);
heed_node *heed_sin(heed_node *x); /* radians */
heed_node *heed_cos(heed_node *x);
heed_node *heed_atan(heed_node *x);
heed_node *heed_sinh(heed_node *x);
heed_node *heed_cosh(heed_node *x);
heed_node *heed_tanh(heed_node *x);
heed_node *heed_reciprocal(heed_node *x);    /* 1 / x */
heed_node *heed_sigmoid(heed_node *x);       /* 1 / (1 + exp(-x)) */
heed_node *heed_relu(heed_node *x);          /* max(x, 0), slope 0 at 0 */
heed_node *heed_gelu(heed_node *x);          /* x Phi(x), with erf: Hendrycks, Gimpel 2016 */
heed_node *heed_softplus(heed_node *x);      /* log(1 + exp(x)) */
heed_node *heed_silu(heed_node *x);          /* x sigmoid(x) */
heed_node *heed_stop_gradient(heed_node *x); /* x, and no gradient flows back */
heed_node *heed_cast(heed_node *x, heed_dtype dtype); /* real <-> i32 (towards 0), f32 <-> f64 */

/* Activations; in PyTorch's names and with its slopes at the kinks. */
heed_node *heed_leaky_relu(heed_node *x, double slope); /* x > 0 ? x : slope x */
heed_node *heed_elu(heed_node *x, double alpha);  /* x > 0 ? x : alpha (exp(x) - 1): Clevert 2016 */
heed_node *heed_celu(heed_node *x, double alpha); /* x > 0 ? x : alpha (exp(x / alpha) - 1) */
heed_node *heed_selu(heed_node *x);               /* 1.0507 elu(x, 1.6733): Klambauer et al. 2017 */
heed_node *heed_gelu_tanh(heed_node *x);    /* x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 */
heed_node *heed_mish(heed_node *x);         /* x tanh(softplus(x)): Misra 2020 */
heed_node *heed_softsign(heed_node *x);     /* x / (1 + |x|) */
heed_node *heed_log_sigmoid(heed_node *x);  /* -softplus(-x) */
heed_node *heed_hard_tanh(heed_node *x);    /* -1 .. x .. 1 */
heed_node *heed_hard_sigmoid(heed_node *x); /* 0 .. x / 6 + 1/2 .. 1: Courbariaux et al. 2015 */
heed_node *heed_hard_swish(heed_node *x);   /* x hard_sigmoid(x): Howard et al. 2019 */
/* x, but not below low nor above high (-INFINITY, INFINITY: no bound); slope 1 in between and at
 * the bounds (PyTorch's, since 2.15, is 0 there). low > high is refused. */
heed_node *heed_clamp(heed_node *x, double low, double high);

/* Whole numbers. Their slope is 0 almost everywhere, so a gradient is refused, as of sign. */
heed_node *heed_floor(heed_node *x);
heed_node *heed_ceil(heed_node *x);
heed_node *heed_round(heed_node *x); /* to the nearest, of two to the even one */
heed_node *heed_trunc(heed_node *x); /* towards 0 */
/* value, to the bit; the gradient goes to stand_in (of the same shape), none to value:
 * heed_straight_through(heed_round(x), x). Bengio, Leonard, Courville 2013. */
heed_node *heed_straight_through(heed_node *value, heed_node *stand_in);

/* ---- comparisons: 1 where true, 0 where false, in the inputs' dtype; gradient refused ---- */

heed_node *heed_equal(heed_node *a, heed_node *b);
heed_node *heed_not_equal(heed_node *a, heed_node *b);
heed_node *heed_less(heed_node *a, heed_node *b);
heed_node *heed_less_equal(heed_node *a, heed_node *b);
heed_node *heed_greater(heed_node *a, heed_node *b);
heed_node *heed_greater_equal(heed_node *a, heed_node *b);
heed_node *heed_where(heed_node *condition, heed_node *a,
                      heed_node *b); /* condition != 0 ? a : b */
heed_node *heed_masked_fill(heed_node *x, heed_node *mask,
                            double value); /* mask != 0 ? value : x */
/* Truth values: 0 is false, anything else (NaN too) is true. */
heed_node *heed_logical_and(heed_node *a, heed_node *b);
heed_node *heed_logical_or(heed_node *a, heed_node *b);
heed_node *heed_logical_xor(heed_node *a, heed_node *b);
heed_node *heed_logical_not(heed_node *x);
heed_node *heed_is_finite(heed_node *x);
heed_node *heed_is_inf(heed_node *x);
heed_node *heed_is_nan(heed_node *x);

#endif

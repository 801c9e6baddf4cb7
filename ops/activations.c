/* activations.c - functions of one value that are short chains of operations; a chain runs as one
 * pass over memory. Where a function changes its formula, `where` selects: what is not selected
 * touches neither the value nor the gradient. */
#include <math.h>

#include "ops/common.h"
#include "ops/ops.h"

/* 1 where x > value (x < value), as a mask: no gradient. */
static heed_node *above(heed_node *x, double value)
{
    return heed_stop_gradient(heed_greater(x, heed_number_like(x, value)));
}

static heed_node *below(heed_node *x, double value)
{
    return heed_stop_gradient(heed_less(x, heed_number_like(x, value)));
}

heed_node *heed_reciprocal(heed_node *x)
{
    return heed_div(heed_number_like(x, 1), x);
}

/* ---- between bounds ---- */

heed_node *heed_clamp(heed_node *x, double low, double high)
{
    if (!x) return NULL;
    if (!(low <= high)) {
        return heed_graph_fail(x->graph, "clamp: the low bound %g is not at most the high one, %g",
                               low, high);
    }
    heed_node *y = x;
    if (high < INFINITY) y = heed_where(above(x, high), heed_number_like(x, high), y);
    if (low > -INFINITY) y = heed_where(below(x, low), heed_number_like(x, low), y);
    return y;
}

/* low_side where x <= low, high_side where x >= high, else y: both ends have the outer slope. */
static heed_node *between(heed_node *x, double low, heed_node *low_side, double high,
                          heed_node *high_side, heed_node *y)
{
    heed_node *at_low = heed_less_equal(x, heed_number_like(x, low));
    heed_node *at_high = heed_greater_equal(x, heed_number_like(x, high));
    y = heed_where(heed_stop_gradient(at_high), high_side, y);
    return heed_where(heed_stop_gradient(at_low), low_side, y);
}

heed_node *heed_hard_tanh(heed_node *x)
{
    return between(x, -1, heed_number_like(x, -1), 1, heed_number_like(x, 1), x);
}

heed_node *heed_hard_sigmoid(heed_node *x)
{
    heed_node *line = heed_affine(x, 1.0 / 6, 0.5);
    return between(x, -3, heed_number_like(x, 0), 3, heed_number_like(x, 1), line);
}

heed_node *heed_hard_swish(heed_node *x)
{
    heed_node *inside = heed_clamp(x, -3, 3); /* finite: 0 times its slope is 0 */
    heed_node *curve = heed_mul(inside, heed_affine(inside, 1.0 / 6, 0.5));
    return between(x, -3, heed_number_like(x, 0), 3, x, curve);
}

/* ---- two sides of 0 ---- */

heed_node *heed_leaky_relu(heed_node *x, double slope)
{
    heed_node *one = heed_number_like(x, 1);
    return heed_mul(x, heed_where(above(x, 0), one, heed_number_like(x, slope)));
}

/* x above 0, else height (exp(x / width) - 1). What exp would make of large x, even if nobody looks
 * at it, would be NaN in the gradient: it gets 0 there. */
static heed_node *exponential(heed_node *x, double height, double width)
{
    heed_node *positive = above(x, 0);
    heed_node *rest = heed_where(positive, heed_number_like(x, 0), x);
    heed_node *curve = heed_scale(heed_expm1(heed_scale(rest, 1 / width)), height);
    return heed_where(positive, x, curve);
}

heed_node *heed_elu(heed_node *x, double alpha)
{
    return exponential(x, alpha, 1);
}

heed_node *heed_selu(heed_node *x)
{
    return heed_scale(exponential(x, 1.6732632423543772848, 1), 1.0507009873554804934);
}

heed_node *heed_celu(heed_node *x, double alpha)
{
    if (!x) return NULL;
    if (!(alpha > 0)) return heed_graph_fail(x->graph, "celu: alpha %g is not positive", alpha);
    return exponential(x, alpha, alpha);
}

/* ---- smooth ones ---- */

/* (1 + tanh(u)) / 2 = sigmoid(2 u), without cancellation; u = sqrt(2 / pi) (x + 0.044715 x^3) */
heed_node *heed_gelu_tanh(heed_node *x)
{
    const double twice = 2 * 0.79788456080286535588;
    heed_node *bend = heed_affine(heed_square(x), twice * 0.044715, twice);
    return heed_mul(x, heed_sigmoid(heed_mul(x, bend)));
}

heed_node *heed_softsign(heed_node *x)
{
    return heed_div(x, heed_affine(heed_abs(x), 1, 1));
}

heed_node *heed_log_sigmoid(heed_node *x)
{
    return heed_neg(heed_softplus(heed_neg(x)));
}

heed_node *heed_mish(heed_node *x)
{
    return heed_mul(x, heed_tanh(heed_softplus(x)));
}

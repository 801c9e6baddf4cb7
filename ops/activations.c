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

/* ---- without bounds ---- */

/* x > 0 ? a : slope a */
static heed_node *leak(heed_node *a, heed_node *x, double slope)
{
    heed_node *one = heed_number_like(x, 1);
    return heed_mul(a, heed_where(above(x, 0), one, heed_number_like(x, slope)));
}

/* y is above 0 where x is: then x need not be kept. */
static void leaky_relu_rule(void *context, heed_node *y, heed_node *dy, heed_node *const *x,
                            const bool *want, heed_node **dx)
{
    const double *slope = context;
    (void)x;
    if (want[0]) dx[0] = leak(dy, y, *slope);
}

heed_node *heed_leaky_relu(heed_node *x, double slope)
{
    heed_node *y = leak(x, x, slope);
    if (!y || !(slope > 0)) return y;
    double *context = heed_graph_memory(y->graph, sizeof *context);
    if (!context) return NULL;
    *context = slope;
    return heed_custom_gradient(y, &x, 1, leaky_relu_rule, context);
}

heed_node *heed_softsign(heed_node *x)
{
    return heed_div(x, heed_affine(heed_abs(x), 1, 1));
}

/* reductions.c - reductions composed of others: norms, and counts of what is not zero. */
#include <math.h>

#include "ops/common.h"
#include "ops/ops.h"

/* ---- norms; the slope is 0 wherever x is ---- */

/* |x|^p where x is not 0, else its limit: 0, or inf for p < 0. */
static heed_node *power_of_size(heed_node *x, double p)
{
    heed_node *size = heed_abs(x), *one = heed_number_like(x, 1);
    heed_node *some = heed_greater(heed_stop_gradient(size), heed_number_like(x, 0));
    heed_node *power = heed_pow(heed_where(some, size, one), heed_number_like(x, p));
    heed_node *nothing = heed_number_like(x, p < 0 ? INFINITY : 0);
    heed_node *is_nan = heed_not_equal(heed_stop_gradient(x), heed_stop_gradient(x));
    return heed_where(some, power, heed_where(is_nan, x, nothing));
}

/* y^(1 / p), and y itself where that is 0 or NaN. */
static heed_node *root_of(heed_node *y, double p)
{
    heed_node *some = heed_greater(heed_stop_gradient(y), heed_number_like(y, 0));
    heed_node *safe = heed_where(some, y, heed_number_like(y, 1));
    return heed_where(some, heed_pow(safe, heed_number_like(y, 1 / p)), y);
}

heed_node *heed_vector_norm_axes(heed_node *x, double p, const int *axes, int n, bool keep)
{
    if (!x) return NULL;
    if (isnan(p)) return heed_graph_fail(x->graph, "vector_norm: p is not a number");
    if (p == 0) return heed_count_nonzero_axes(x, axes, n, keep);
    if (p == 1) return heed_sum_axes(heed_abs(x), axes, n, keep);
    if (p == 2) return heed_sqrt_or_zero(heed_sum_axes(heed_square(x), axes, n, keep));
    if (p == INFINITY) return heed_max_axes(heed_abs(x), axes, n, keep);
    if (p == -INFINITY) return heed_min_axes(heed_abs(x), axes, n, keep);
    return root_of(heed_sum_axes(power_of_size(x, p), axes, n, keep), p);
}

heed_node *heed_vector_norm(heed_node *x, double p, int axis, bool keep)
{
    return heed_vector_norm_axes(x, p, &axis, 1, keep);
}

heed_node *heed_vector_norm_all(heed_node *x, double p)
{
    return heed_vector_norm_axes(x, p, NULL, 0, false);
}

/* ---- counts ---- */

heed_node *heed_count_nonzero_axes(heed_node *x, const int *axes, int n, bool keep)
{
    return heed_sum_axes(heed_not_equal(x, heed_number_like(x, 0)), axes, n, keep);
}

heed_node *heed_count_nonzero(heed_node *x, int axis, bool keep)
{
    return heed_count_nonzero_axes(x, &axis, 1, keep);
}

heed_node *heed_any_axes(heed_node *x, const int *axes, int n, bool keep)
{
    heed_node *count = heed_count_nonzero_axes(x, axes, n, keep);
    return heed_not_equal(count, heed_number_like(count, 0));
}

heed_node *heed_any(heed_node *x, int axis, bool keep)
{
    return heed_any_axes(x, &axis, 1, keep);
}

heed_node *heed_all_axes(heed_node *x, const int *axes, int n, bool keep)
{
    heed_node *zeros = heed_sum_axes(heed_equal(x, heed_number_like(x, 0)), axes, n, keep);
    return heed_equal(zeros, heed_number_like(zeros, 0));
}

heed_node *heed_all(heed_node *x, int axis, bool keep)
{
    return heed_all_axes(x, &axis, 1, keep);
}

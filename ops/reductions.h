/* reductions.h - the catalogue, over axes: sums and their like, running results, order. */
#ifndef HEED_OPS_REDUCTIONS_H
#define HEED_OPS_REDUCTIONS_H

#include "graph/graph.h"

/* ---- reductions over `n` axes (n = 0: all axes); keep: reduced axes stay, with size 1 ---- */

heed_node *heed_sum_axes(heed_node *x, const int *axes, int n, bool keep);
heed_node *heed_mean_axes(heed_node *x, const int *axes, int n, bool keep);
heed_node *heed_max_axes(heed_node *x, const int *axes, int n,
                         bool keep); /* ties share dy evenly */
heed_node *heed_min_axes(heed_node *x, const int *axes, int n, bool keep);
heed_node *heed_sum(heed_node *x, int axis, bool keep);
heed_node *heed_mean(heed_node *x, int axis, bool keep);
heed_node *heed_max(heed_node *x, int axis, bool keep);
heed_node *heed_min(heed_node *x, int axis, bool keep);
heed_node *heed_sum_all(heed_node *x); /* [..] -> [] */
heed_node *heed_mean_all(heed_node *x);
/* Positions: i32, the first of equals; the axis goes (heed_unsqueeze() brings it back). No gradient
 * is asked of them. */
heed_node *heed_argmax(heed_node *x, int axis);
heed_node *heed_argmin(heed_node *x, int axis);
/* Product; the gradient is right with any number of zeros, and can be differentiated again. */
heed_node *heed_prod_axes(heed_node *x, const int *axes, int n, bool keep);
heed_node *heed_prod(heed_node *x, int axis, bool keep);
heed_node *heed_prod_all(heed_node *x);
/* log(sum of exp(x)), whatever the size of x. All -inf (or no element): -inf, with gradient 0,
 * where PyTorch gives NaN. */
heed_node *heed_logsumexp_axes(heed_node *x, const int *axes, int n, bool keep);
heed_node *heed_logsumexp(heed_node *x, int axis, bool keep);
heed_node *heed_logsumexp_all(heed_node *x);
/* sum of (x - mean)^2 / (count - correction), and its square root, of slope 0 at 0; exact for large
 * means. correction 1 is PyTorch's default and that of the short forms, 0 is NumPy's. */
heed_node *heed_var_axes(heed_node *x, const int *axes, int n, bool keep, double correction);
heed_node *heed_var(heed_node *x, int axis, bool keep);
heed_node *heed_var_all(heed_node *x);
heed_node *heed_std_axes(heed_node *x, const int *axes, int n, bool keep, double correction);
heed_node *heed_std(heed_node *x, int axis, bool keep);
heed_node *heed_std_all(heed_node *x);
/* (sum of |x|^p)^(1 / p); p = INFINITY: the largest |x|, -INFINITY: the smallest, 0: how many are
 * not 0 (gradient refused). The slope is 0 where x is 0. */
heed_node *heed_vector_norm_axes(heed_node *x, double p, const int *axes, int n, bool keep);
heed_node *heed_vector_norm(heed_node *x, double p, int axis, bool keep);
heed_node *heed_vector_norm_all(heed_node *x, double p);
/* How many elements are not 0 (a NaN is not); 1 or 0: is one, are all of them? In x's dtype;
 * gradient refused. */
heed_node *heed_count_nonzero_axes(heed_node *x, const int *axes, int n, bool keep);
heed_node *heed_count_nonzero(heed_node *x, int axis, bool keep);
heed_node *heed_any_axes(heed_node *x, const int *axes, int n, bool keep);
heed_node *heed_any(heed_node *x, int axis, bool keep);
heed_node *heed_all_axes(heed_node *x, const int *axes, int n, bool keep);
heed_node *heed_all(heed_node *x, int axis, bool keep);

/* ---- running results along an axis: y has x's shape ---- */

typedef struct heed_cumulative_options {
    int defaults;
    bool reverse;   /* from the last element to the first */
    bool exclusive; /* y[k] without x[k]: starts with 0, of a product with 1 */
} heed_cumulative_options;
heed_node *heed_cumsum_with(heed_node *x, int axis, heed_cumulative_options options);
#define heed_cumsum(x, axis, ...) \
    HEED_AT(heed_cumsum_with(x, axis, (heed_cumulative_options){ .defaults = 0, __VA_ARGS__ }))
heed_node *heed_cumprod_with(heed_node *x, int axis, heed_cumulative_options options);
#define heed_cumprod(x, axis, ...) \
    HEED_AT(heed_cumprod_with(x, axis, (heed_cumulative_options){ .defaults = 0, __VA_ARGS__ }))
/* The largest (smallest) so far. positions, unless NULL: i32, the last of equals; a gradient goes
 * there. NaN from the first one on. */
heed_node *heed_cummax(heed_node *x, int axis, heed_node **positions);
heed_node *heed_cummin(heed_node *x, int axis, heed_node **positions);
/* h[t] = a[t] h[t - 1] + b[t], h[0] = b[0]: a linear recurrence, the core of state space models.
 * a and b broadcast. */
typedef struct heed_linear_scan_options {
    int defaults;
    bool reverse; /* from the end: h[t] = a[t] h[t + 1] + b[t] */
    bool late;    /* the factor of the step before: h[t] = a[t - 1] h[t - 1] + b[t] */
} heed_linear_scan_options;
heed_node *heed_linear_scan_with(heed_node *a, heed_node *b, int axis,
                                 heed_linear_scan_options options);
#define heed_linear_scan(a, b, axis, ...)     \
    HEED_AT(heed_linear_scan_with(a, b, axis, \
                                  (heed_linear_scan_options){ .defaults = 0, __VA_ARGS__ }))

/* ---- order along an axis; positions are i32, no gradient is asked for through them ---- */

/* In order: stable, -0 equal to 0, NaN counts as the largest (last, or first when descending). The
 * gradient goes where the elements came from. */
typedef struct heed_sort_options {
    int defaults;
    bool descending;
    heed_node **positions; /* where to put them: x's position of each element of the result */
} heed_sort_options;
heed_node *heed_sort_with(heed_node *x, int axis, heed_sort_options options);
#define heed_sort(x, axis, ...) \
    HEED_AT(heed_sort_with(x, axis, (heed_sort_options){ .defaults = 0, __VA_ARGS__ }))
heed_node *heed_argsort_with(heed_node *x, int axis, heed_sort_options options);
#define heed_argsort(x, axis, ...) \
    HEED_AT(heed_argsort_with(x, axis, (heed_sort_options){ .defaults = 0, __VA_ARGS__ }))
/* The k largest elements, from the largest on; of equals the first ones. */
typedef struct heed_topk_options {
    int defaults;
    bool smallest;
    heed_node **positions;
} heed_topk_options;
heed_node *heed_topk_with(heed_node *x, int64_t k, int axis, heed_topk_options options);
#define heed_topk(x, k, axis, ...) \
    HEED_AT(heed_topk_with(x, k, axis, (heed_topk_options){ .defaults = 0, __VA_ARGS__ }))

#endif

/* ops.h - the catalogue: every operation's builder, formula and shapes.
 *
 * x, a, b, y are nodes; [..] are shapes. Axes may be negative (-1 is the last). Elementwise
 * operations broadcast like NumPy. All real inputs of an operation have one dtype (heed_cast
 * converts). Every builder returns NULL, and its graph keeps the reason, when the inputs don't fit.
 * `heed ops` prints the list with the descriptors' own words. */
#ifndef HEED_OPS_OPS_H
#define HEED_OPS_OPS_H

#include "graph/graph.h"
#include "graph/op.h"

/* Every descriptor, once. Adding an operation: its file, and its line here (and its prototype). */
/* clang-format off */
#define HEED_OPS(OP)                                                                          \
    OP(input) OP(parameter) OP(constant) OP(full) OP(aux) OP(copy) OP(stop_gradient)          \
    OP(cast) OP(add) OP(sub) OP(mul) OP(div) OP(neg) OP(abs) OP(sign) OP(square) OP(sqrt)     \
    OP(rsqrt) OP(pow) OP(exp) OP(log) OP(sin) OP(cos) OP(erf) OP(tanh) OP(sigmoid) OP(relu)   \
    OP(gelu) OP(softplus) OP(silu) OP(affine) OP(minimum) OP(maximum) OP(equal)               \
    OP(not_equal) OP(less) OP(less_equal) OP(greater) OP(greater_equal) OP(where) OP(sum)     \
    OP(mean) OP(max) OP(min) OP(argmax) OP(argmin) OP(matmul) OP(matmul_pack)                 \
    OP(matmul_packed) OP(reshape) OP(permute) OP(slice) OP(expand) OP(concat) OP(pad)         \
    OP(gather) OP(scatter_add) OP(one_hot) OP(softmax) OP(softmax_vjp) OP(log_softmax)        \
    OP(layer_norm) OP(layer_norm_vjp) OP(rms_norm) OP(rms_norm_vjp) OP(cross_entropy)         \
    OP(cross_entropy_vjp) OP(conv) OP(conv_transpose) OP(conv_dw) OP(attention)               \
    OP(attention_vjp) OP(attention_bias_vjp) OP(dropout) OP(scan) OP(custom_gradient)         \
    OP(expm1) OP(log1p) OP(atan) OP(sinh) OP(cosh) OP(floor) OP(ceil) OP(round) OP(trunc)     \
    OP(elu) OP(gelu_tanh) OP(log_sigmoid) OP(mish) OP(straight_through) OP(uniform)           \
    OP(normal) OP(gumbel) OP(categorical) OP(prod) OP(logsumexp) OP(variance) OP(cumsum)      \
    OP(cumprod) OP(cummax) OP(linear_scan) OP(sort) OP(topk) OP(flip) OP(diagonal)            \
    OP(unfold) OP(fold_windows) OP(last_index) OP(csr) OP(csr_rows) OP(segment_sum)           \
    OP(segment_max) OP(segment_softmax) OP(segment_softmax_vjp) OP(sparse_matmul)             \
    OP(sampled_matmul) OP(assign) OP(resample) OP(resample_vjp) OP(max_pool)                  \
    OP(max_pool_vjp) OP(circular_conv) OP(circular_conv_vjp) OP(channel_norm)                 \
    OP(channel_norm_vjp)
/* clang-format on */

#define HEED_DECLARE_OP(name) extern const heed_op heed_op_##name;
HEED_OPS(HEED_DECLARE_OP)
#undef HEED_DECLARE_OP

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
heed_node *heed_argmax(heed_node *x, int axis); /* i32; the first of equals; the axis goes */
heed_node *heed_argmin(heed_node *x, int axis); /* (heed_unsqueeze() brings it back) */
/* Product; the gradient is right with any number of zeros, and can be differentiated again. */
heed_node *heed_prod_axes(heed_node *x, const int *axes, int n, bool keep);
heed_node *heed_prod(heed_node *x, int axis, bool keep);
heed_node *heed_prod_all(heed_node *x);
/* log(sum of exp(x)), whatever the size of x. All -inf (or no element): -inf, with gradient 0, where
 * PyTorch gives NaN. */
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
/* (sum of |x|^p)^(1 / p); p = INFINITY: the largest |x|, -INFINITY: the smallest, 0: how many are not
 * 0 (gradient refused). The slope is 0 where x is 0. */
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

/* ---- products ---- */

/* [.., m, k] x [.., k, n] -> [.., m, n]; leading axes broadcast; rank 1 as NumPy's matmul. */
heed_node *heed_matmul(heed_node *a, heed_node *b);
heed_node *heed_dot(heed_node *a, heed_node *b);   /* [n], [n] -> [] */
heed_node *heed_outer(heed_node *a, heed_node *b); /* [m], [n] -> [m, n] */
heed_node *heed_trace(heed_node *x);               /* [.., m, n] -> [..]: sum of the diagonal */
/* heed_einsum("bhtd,bhsd->bhts", q, k): a sum of products in NumPy's notation, spaces allowed. A
 * letter twice in one operand is a diagonal; without "->" the result has the ellipsis, then the
 * letters that come once, in alphabetical order; axes of size 1 stretch; an ellipsis that the
 * result does not have is summed, as in PyTorch. Operands are views wherever strides can say it;
 * of three and more the cheapest pair comes first. */
heed_node *heed_einsum_of(const char *equation, heed_node *const *operands, int n);
#define heed_einsum(equation, ...) HEED_AT(heed_einsum_of(equation, HEED_NODES(__VA_ARGS__)))

/* ---- distances; a and b broadcast ---- */

/* a b / (max(|a|, eps) max(|b|, eps)) along axis, which goes. eps 0 means 1e-8. */
heed_node *heed_cosine_similarity(heed_node *a, heed_node *b, int axis, double eps);
/* x / max(p-norm of x along axis, eps). eps 0 means 1e-12. */
heed_node *heed_normalize(heed_node *x, double p, int axis, double eps);
/* p-norm of a - b + eps over the last axis. eps 0 means 1e-6. */
heed_node *heed_pairwise_distance(heed_node *a, heed_node *b, double p, double eps, bool keep);
/* [.., m, d], [.., n, d] -> [.., m, n]: the p-norm of each a_i - b_j; its slope is 0 where they are
 * equal. p = 2 with m or n over 25 is the root of |a_i|^2 + |b_j|^2 - 2 a_i b_j, by a product of
 * matrices: fast, but a small distance of large numbers drowns in rounding, unless exact. */
typedef struct heed_cdist_options {
    int defaults;
    bool exact; /* from differences always */
} heed_cdist_options;
heed_node *heed_cdist_with(heed_node *a, heed_node *b, double p, heed_cdist_options options);
#define heed_cdist(a, b, p, ...) \
    HEED_AT(heed_cdist_with(a, b, p, (heed_cdist_options){ .defaults = 0, __VA_ARGS__ }))

/* ---- patterns: constants in the graph's dtype ---- */

heed_node *heed_arange(heed_graph *graph, double start, double stop, double step); /* < stop */
heed_node *heed_linspace(heed_graph *graph, double start, double stop, int64_t n); /* both ends */
heed_node *heed_eye(heed_graph *graph, int64_t rows, int64_t columns);
/* [queries, keys]: 1 where key j is visible to query i, j <= i + (keys - queries); as attention's
 * .keep. */
heed_node *heed_causal_mask(heed_graph *graph, int64_t queries, int64_t keys);
/* x [.., m, n] below and on (above and on) a diagonal, else 0; 1 is the one above the main one. */
heed_node *heed_tril(heed_node *x, int64_t diagonal);
heed_node *heed_triu(heed_node *x, int64_t diagonal);

/* ---- shape ---- */

heed_node *heed_reshape_to(heed_node *x, heed_shape shape); /* one dimension may be -1 */
#define heed_reshape(x, ...) HEED_AT(heed_reshape_to(x, HEED_SHAPE(__VA_ARGS__)))
heed_node *heed_flatten(heed_node *x);             /* to rank 1 */
heed_node *heed_squeeze(heed_node *x, int axis);   /* the axis has size 1 */
heed_node *heed_unsqueeze(heed_node *x, int axis); /* new axis of size 1 at `axis` of out */
heed_node *heed_permute_axes(heed_node *x, const int *axes, int n); /* out axis i is x's axes[i] */
#define heed_permute(x, ...)                             \
    HEED_AT(heed_permute_axes(x, (int[]){ __VA_ARGS__ }, \
                              (int)(sizeof((int[]){ __VA_ARGS__ }) / sizeof(int))))
heed_node *heed_transpose(heed_node *x, int axis_a, int axis_b);
heed_node *heed_expand_to(heed_node *x, heed_shape shape); /* NumPy broadcast_to */
#define heed_expand(x, ...) HEED_AT(heed_expand_to(x, HEED_SHAPE(__VA_ARGS__)))
/* start, start + step, ... < stop along axis; negative ones count from the end. step < 0: start,
 * start + step, ... > stop, where -(size + 1) as stop goes down to the first element (as NumPy). */
heed_node *heed_slice_step(heed_node *x, int axis, int64_t start, int64_t stop, int64_t step);
heed_node *heed_slice(heed_node *x, int axis, int64_t start, int64_t stop);
heed_node *heed_index(heed_node *x, int axis, int64_t i); /* slice of one, axis removed */
heed_node *heed_concat(heed_node *const *x, int n, int axis);
heed_node *heed_stack(heed_node *const *x, int n, int axis); /* a new axis of size n at `axis` */
heed_node *heed_pad(heed_node *x, int axis, int64_t before, int64_t after, double value);
/* Several axes: amounts are before, after of the last axis, then of the one before it, ...
 * (PyTorch's pad; amounts below 0, which cut there, are refused). Reflection leaves the edge out:
 * fewer than size; circular: at most size. */
typedef enum heed_pad_mode {
    HEED_PAD_CONSTANT,
    HEED_PAD_REFLECT,
    HEED_PAD_REPLICATE,
    HEED_PAD_CIRCULAR
} heed_pad_mode;
heed_node *heed_pad_axes(heed_node *x, const int64_t *amounts, int n, heed_pad_mode mode,
                         double value);

/* Parts of x as views, into parts[0 .. n - 1]; all NULL when it fails. return: the last one, or
 * NULL. chunk: n parts, the first ones longer by one where n does not divide the axis (NumPy's
 * array_split; PyTorch's chunk makes the last one shorter). unstack: the axis goes. */
heed_node *heed_split_sizes(heed_node *x, int axis, const int64_t *sizes, int n, heed_node **parts);
heed_node *heed_chunk(heed_node *x, int n, int axis, heed_node **parts);
heed_node *heed_unstack(heed_node *x, int axis, heed_node **parts);
heed_node *heed_moveaxis(heed_node *x, int from, int to);
#define heed_swapaxes(x, axis_a, axis_b) heed_transpose(x, axis_a, axis_b)
#define heed_broadcast_to(x, ...) heed_expand(x, __VA_ARGS__)
/* The order of elements reversed along the axes (n = 0: all): a view, as diagonal and unfold. */
heed_node *heed_flip_axes(heed_node *x, const int *axes, int n);
#define heed_flip(x, ...)                             \
    HEED_AT(heed_flip_axes(x, (int[]){ __VA_ARGS__ }, \
                           (int)(sizeof((int[]){ __VA_ARGS__ }) / sizeof(int))))
heed_node *heed_roll(heed_node *x, int64_t shift, int axis); /* out[(i + shift) mod n] = x[i] */
/* NumPy's tile: all of x, times[i] times along axis i; more counts than axes add axes in front. */
heed_node *heed_repeat_times(heed_node *x, const int64_t *times, int n);
#define heed_repeat(x, ...)                                  \
    HEED_AT(heed_repeat_times(x, (int64_t[]){ __VA_ARGS__ }, \
                              (int)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t))))
/* NumPy's repeat: each element along the axis `times` times in a row. */
heed_node *heed_repeat_interleave(heed_node *x, int64_t times, int axis);
/* grids[k][i0, i1, ..] = x[k][i_k], for x[k] of rank 1 (indexing "ij"). return: as split. */
heed_node *heed_meshgrid(heed_node *const *x, int n, heed_node **grids);
/* y[.., i] = x[.., i + max(-offset, 0), .., i + max(offset, 0), ..]: axes row and column become
 * one, the last. diag_embed: the reverse, zeros elsewhere, square, new axes at row and column of
 * out. */
heed_node *heed_diagonal(heed_node *x, int64_t offset, int row, int column);
heed_node *heed_diag_embed(heed_node *x, int64_t offset, int row, int column);
/* Windows: y[.., w, .., k] = x[.., w step + k, ..]; axis counts windows, the new last one has
 * `size` (PyTorch's Tensor.unfold). fold_windows: its reverse, windows added up; `length` along
 * axis. */
heed_node *heed_unfold(heed_node *x, int axis, int64_t size, int64_t step);
heed_node *heed_fold_windows(heed_node *windows, int axis, int64_t length, int64_t step);
#define HEED_NODES(...)             \
    (heed_node *[]){ __VA_ARGS__ }, \
        (int)(sizeof((heed_node *[]){ __VA_ARGS__ }) / sizeof(heed_node *))

/* ---- by index (i32). An index out of range reads as 0 and adds nothing: see ops/gather.c ---- */

/* out[p.., i.., s..] = x[p.., index[p.. (first `batch` axes), i..], s..]: x's axes before `axis`,
 * index's axes from `batch` on, x's axes after `axis`; the first `batch` axes of x and index are
 * equal. batch <= axis. */
heed_node *heed_gather(heed_node *x, heed_node *index, int axis, int batch);
/* The reverse: out has `size` along axis, zero but for dy added where gather read it. */
heed_node *heed_scatter_add(heed_node *dy, heed_node *index, int axis, int batch, int64_t size);
heed_node *heed_embedding(heed_node *table, heed_node *index); /* [V, d], [..] -> [.., d] */
/* out[a.., i.., b..] = x[a.., index[i..], b..] (PyTorch's index_select, NumPy's take) */
heed_node *heed_index_select(heed_node *x, heed_node *index, int axis);
/* With an index of x's rank, not longer than x but along axis. take: out[.., i, ..] =
 * x[.., index[.., i, ..], ..] (PyTorch's gather). scatter: x with src[.., i, ..] put at
 * [.., index[.., i, ..], ..], the last of several (PyTorch leaves open which); or added there. */
heed_node *heed_take_along_axis(heed_node *x, heed_node *index, int axis);
heed_node *heed_scatter(heed_node *x, heed_node *index, heed_node *src, int axis);
heed_node *heed_scatter_add_along_axis(heed_node *x, heed_node *index, heed_node *src, int axis);
heed_node *heed_one_hot(heed_node *index, int64_t classes); /* [..] -> [.., classes], graph dtype */

/* ---- segments and sparse matrices: graphs as lists of edges ----
 *
 * index i32 [E] says which of n segments each edge (row of x [E, ..]) belongs to, in any order; one
 * out of range belongs to none. Additions are in the order of edges: the same bits for any number
 * of threads. The edges are sorted once for all operations on one index and n, at compile when the
 * index is a constant. */

heed_node *heed_segment_sum(heed_node *x, heed_node *index, int64_t n);  /* [E, ..] -> [n, ..] */
heed_node *heed_segment_mean(heed_node *x, heed_node *index, int64_t n); /* empty: 0 */
/* Empty: 0, as where PyTorch's scatter_reduce finds nothing; ties share dy evenly; NaN wins. */
heed_node *heed_segment_max(heed_node *x, heed_node *index, int64_t n);
heed_node *heed_segment_min(heed_node *x, heed_node *index, int64_t n);
heed_node *heed_segment_count(heed_node *index, int64_t n); /* bincount: [n], graph dtype */
/* Each edge's share: exp(x - max) / sum over its segment, column by column, [E, ..]; 0 out of range
 * and where all of a segment is -inf. Attention over a node's neighbours: Velickovic 2018. */
heed_node *heed_segment_softmax(heed_node *x, heed_node *index, int64_t n);
/* Sparse times dense. CSR: row r of the n has the entries row_offsets[r] <= e < row_offsets[r + 1]
 * (i32 [n + 1]), each with a value and a column (i32 [E]); values [E], dense [m, d] -> [n, d], or,
 * of H heads, [E, H], [m, H, d] -> [n, H, d]. coo: each entry with its row, in any order; dense is
 * the neighbours' features, values their attention. Gradients for values and dense. With values of
 * ones it is a sum of table rows: a bag of embeddings. Entries out of range add nothing. */
heed_node *heed_sparse_matmul(heed_node *values, heed_node *row_offsets, heed_node *columns,
                              heed_node *dense);
heed_node *heed_coo_matmul(heed_node *values, heed_node *rows, heed_node *columns, heed_node *dense,
                           int64_t n);
/* y[e] = <a[rows[e]], b[columns[e]]>: a [n, d], b [m, d] -> [E], or [n, H, d], [m, H, d] -> [E, H];
 * 0 out of range. Entries of a b^T: scores of attention over edges. */
heed_node *heed_sampled_matmul(heed_node *a, heed_node *b, heed_node *rows, heed_node *columns);
/* What these share: i32 [n + 1 + E], where each segment begins, then the edges sorted by segment
 * (stable; those out of range last). csr_rows: row offsets [rows + 1] -> each entry's row [E]. */
heed_node *heed_csr(heed_node *index, int64_t n);
heed_node *heed_csr_rows(heed_node *row_offsets, int64_t entries);

/* ---- neural ---- */

heed_node *heed_softmax(heed_node *x, int axis); /* exp(x - max) / sum; -inf gives 0 */
heed_node *heed_log_softmax(heed_node *x, int axis);
/* (x - mean) / sqrt(variance + eps) * gain + bias over the last axis (d); gain, bias: [d] or NULL.
 * Ba, Kiros, Hinton 2016. eps 0 means 1e-5. */
heed_node *heed_layer_norm(heed_node *x, heed_node *gain, heed_node *bias, double eps);
/* x / sqrt(mean(x^2) + eps) * gain over the last axis (d); gain: [d] or NULL. Zhang, Sennrich 2019.
 * eps 0 means 1e-5, as in layer_norm (PyTorch's rms_norm: the dtype's epsilon, 1.2e-7 in f32). */
heed_node *heed_rms_norm(heed_node *x, heed_node *gain, double eps);
/* Convolutions, with the meaning and the layouts of PyTorch's. Everything counts elements; 0 means
 * 1 for strides, dilations and groups, and of a single axis or side: as for all of them. */
typedef struct heed_conv1d_options {
    int defaults;
    int64_t stride, dilation, groups;
    int64_t pad, pad_left, pad_right; /* zeros on both sides, on one */
    int64_t output_pad;               /* of a transposed convolution: longer by so many; < stride */
    bool causal; /* dilation (K - 1) zeros on the left and none on the right: y[l] sees no x behind
                    l stride */
} heed_conv1d_options;
typedef struct heed_conv2d_options {
    int defaults;
    int64_t stride, dilation, groups;
    int64_t stride_h, stride_w, dilation_h, dilation_w;
    int64_t pad, pad_top, pad_bottom, pad_left, pad_right;
    int64_t output_pad, output_pad_h, output_pad_w;
} heed_conv2d_options;
/* y[b, o, l] = sum_c,t w[o, c, t] x[b, c, l stride + t dilation - pad_left], c within o's group:
 * x [B, C, L], w [O, C / groups, K] -> [B, O, L_out];
 * L_out = (L + pad_left + pad_right - dilation (K - 1) - 1) / stride + 1. */
heed_node *heed_conv1d_with(heed_node *x, heed_node *w, heed_conv1d_options options);
#define heed_conv1d(x, w, ...) \
    HEED_AT(heed_conv1d_with(x, w, (heed_conv1d_options){ .defaults = 0, __VA_ARGS__ }))
/* The same along height and width: x [B, C, H, W], w [O, C / groups, KH, KW] -> [B, O, H_out,
 * W_out]. LeCun et al. 1989; depthwise with groups = C. */
heed_node *heed_conv2d_with(heed_node *x, heed_node *w, heed_conv2d_options options);
#define heed_conv2d(x, w, ...) \
    HEED_AT(heed_conv2d_with(x, w, (heed_conv2d_options){ .defaults = 0, __VA_ARGS__ }))
/* The adjoint: <conv1d(x, w), y> = <x, conv_transpose1d(y, w)>. x [B, C, L], w [C, O / groups, K]
 * -> [B, O, (L - 1) stride + dilation (K - 1) + 1 - pad_left - pad_right + output_pad].
 * Zeiler et al. 2010. */
heed_node *heed_conv_transpose1d_with(heed_node *x, heed_node *w, heed_conv1d_options options);
#define heed_conv_transpose1d(x, w, ...) \
    HEED_AT(heed_conv_transpose1d_with(x, w, (heed_conv1d_options){ .defaults = 0, __VA_ARGS__ }))
heed_node *heed_conv_transpose2d_with(heed_node *x, heed_node *w, heed_conv2d_options options);
#define heed_conv_transpose2d(x, w, ...) \
    HEED_AT(heed_conv_transpose2d_with(x, w, (heed_conv2d_options){ .defaults = 0, __VA_ARGS__ }))

/* softmax(scale q k^T + bias, -inf where hidden) v: q [.., T, d], k [.., S, d], v [.., S, e] ->
 * [.., T, e], without ever storing [.., T, S]; leading axes broadcast (k, v [B, 1, S, d]: heads of
 * q share them). A query that sees no key gives 0. Values under a hidden key must be finite.
 * Vaswani et al. 2017; Dao et al. 2022, Dao 2023. */
typedef struct heed_attention_options {
    int defaults;
    bool causal;     /* key j is visible to query i when j <= i + (S - T) */
    double scale;    /* 0 means 1 / sqrt(d) */
    heed_node *keep; /* 0: hidden; broadcasts to [.., T, S], as [B, 1, 1, S] for padding */
    heed_node *bias; /* added to the scores; broadcasts to [.., T, S]; differentiable */
} heed_attention_options;
heed_node *heed_attention_with(heed_node *q, heed_node *k, heed_node *v,
                               heed_attention_options options);
#define heed_attention(q, k, v, ...) \
    HEED_AT(heed_attention_with(q, k, v, (heed_attention_options){ .defaults = 0, __VA_ARGS__ }))

/* Pooling over the last axis, or the last two, of x [.., L] or [.., H, W]; meaning and refusals of
 * PyTorch's. stride 0 means the kernel's size. L_out = (L + 2 pad - dilation (K - 1) - 1) / stride
 * + 1, rounded up in ceil_mode, where the last window may hang over (but begins inside). */
typedef struct heed_pool_options {
    int defaults;
    int64_t stride, stride_h, stride_w, pad, pad_h, pad_w;
    int64_t dilation, dilation_h, dilation_w; /* of max_pool */
    bool ceil_mode;
    bool leave_out_pad; /* of avg_pool: divide by the elements there are, not the window's size */
} heed_pool_options;
/* The largest of each window; padding is -inf. The gradient goes to the first of equals. */
heed_node *heed_max_pool1d_with(heed_node *x, int64_t kernel, heed_pool_options options);
heed_node *heed_max_pool2d_with(heed_node *x, int64_t kernel_h, int64_t kernel_w,
                                heed_pool_options options);
#define heed_max_pool1d(x, kernel, ...) \
    HEED_AT(heed_max_pool1d_with(x, kernel, (heed_pool_options){ .defaults = 0, __VA_ARGS__ }))
#define heed_max_pool2d(x, kernel_h, kernel_w, ...)     \
    HEED_AT(heed_max_pool2d_with(x, kernel_h, kernel_w, \
                                 (heed_pool_options){ .defaults = 0, __VA_ARGS__ }))
/* The mean of each window; padding counts as zeros. */
heed_node *heed_avg_pool1d_with(heed_node *x, int64_t kernel, heed_pool_options options);
heed_node *heed_avg_pool2d_with(heed_node *x, int64_t kernel_h, int64_t kernel_w,
                                heed_pool_options options);
#define heed_avg_pool1d(x, kernel, ...) \
    HEED_AT(heed_avg_pool1d_with(x, kernel, (heed_pool_options){ .defaults = 0, __VA_ARGS__ }))
#define heed_avg_pool2d(x, kernel_h, kernel_w, ...)     \
    HEED_AT(heed_avg_pool2d_with(x, kernel_h, kernel_w, \
                                 (heed_pool_options){ .defaults = 0, __VA_ARGS__ }))
/* Means of x[floor(o L / n) .. ceil((o + 1) L / n)): any size to any size n. */
heed_node *heed_adaptive_avg_pool1d(heed_node *x, int64_t length);
heed_node *heed_adaptive_avg_pool2d(heed_node *x, int64_t height, int64_t width);

/* The last axis, or the last two, at another size, as PyTorch's interpolate. A neighbour of
 * weight 0 has no part, not even an infinite one. */
typedef enum heed_upsample_mode {
    HEED_UPSAMPLE_NEAREST, /* x[floor(o L / n)]: repeats, when n is a multiple */
    HEED_UPSAMPLE_LINEAR,  /* between neighbours of (o + 1/2) L / n - 1/2 */
    HEED_UPSAMPLE_CORNERS  /* linear with align_corners: at o (L - 1) / (n - 1) */
} heed_upsample_mode;
heed_node *heed_upsample1d(heed_node *x, int64_t length, heed_upsample_mode mode);
heed_node *heed_upsample2d(heed_node *x, int64_t height, int64_t width, heed_upsample_mode mode);

/* Each element is 0 with probability `rate`, else x / (1 - rate); x itself unless the graph is for
 * training. The mask is a function of (seed, node, step, element). */
heed_node *heed_dropout(heed_node *x, double rate);
/* All elements along `axes` share a fate: feature dropout of [N, C, L] drops channels along axis 2
 * (Tompson et al. 2015); drop_path drops whole examples of axis 0 (Huang et al. 2016). */
heed_node *heed_dropout_axes(heed_node *x, double rate, const int *axes, int n);
heed_node *heed_drop_path(heed_node *x, double rate);

/* ---- normalization of examples, channels, weights: x [N, C, ..]; gain, bias [C] or NULL ---- */

typedef struct heed_batch_norm_options {
    int defaults;
    heed_node *gain, *bias;
    heed_node *mean, *variance; /* state [C]: running statistics, or NULL: there are none */
    double momentum;            /* of the batch in them; 0 means 0.1 */
    double eps;                 /* 0 means 1e-5 */
    bool running;               /* use them in training, too, and leave them as they are */
} heed_batch_norm_options;
/* (x - mean) / sqrt(variance + eps) * gain + bias, for each channel. In a graph for training by the
 * batch's own mean and variance, which move the running ones (by the unbiased variance, as in
 * PyTorch); else by the running ones, if there are any. Ioffe, Szegedy 2015. */
heed_node *heed_batch_norm_with(heed_node *x, heed_batch_norm_options options);
#define heed_batch_norm(x, ...) \
    HEED_AT(heed_batch_norm_with(x, (heed_batch_norm_options){ .defaults = 0, __VA_ARGS__ }))
/* Each example by its own statistics: of each group of C / groups channels (Wu, He 2018), of each
 * channel (Ulyanov et al. 2016). eps 0 means 1e-5. */
heed_node *heed_group_norm(heed_node *x, int64_t groups, heed_node *gain, heed_node *bias,
                           double eps);
heed_node *heed_instance_norm(heed_node *x, heed_node *gain, heed_node *bias, double eps);
/* g v / |v|, |v| over all axes but `axis`; g is a vector along it. Salimans, Kingma 2016. */
heed_node *heed_weight_norm(heed_node *v, heed_node *g, int axis);

typedef struct heed_spectral_norm_options {
    int defaults;
    int iterations; /* of the power method, in each training step; 0 means 1 */
    double eps;     /* least norm to divide by; 0 means 1e-12 */
} heed_spectral_norm_options;
/* w / sigma, sigma = u' W v, W = w as [d0, the rest]. u [d0] and v [the rest] are state: in a graph
 * for training v = W'u / |W'u|, u = W v / |W v| first, and they are assigned; no gradient flows
 * through them. Miyato et al. 2018. */
heed_node *heed_spectral_norm_with(heed_node *w, heed_node *u, heed_node *v,
                                   heed_spectral_norm_options options);
#define heed_spectral_norm(w, u, v, ...)     \
    HEED_AT(heed_spectral_norm_with(w, u, v, \
                                    (heed_spectral_norm_options){ .defaults = 0, __VA_ARGS__ }))

/* ---- places ---- */

/* y[.., c, h r + i, w r + j] = x[.., c r^2 + i r + j, h, w], r = factor; and back. */
heed_node *heed_pixel_shuffle(heed_node *x, int64_t factor);
heed_node *heed_pixel_unshuffle(heed_node *x, int64_t factor);
/* y[i] = sum_k s[k] x[(i - first - k) mod N]: x [.., N], s [.., K]; leading axes broadcast. The
 * shifts first .. first + K - 1: -1 .. 1 for K = 3, first = -1. Graves et al. 2014, eq. 8. */
heed_node *heed_circular_conv(heed_node *x, heed_node *s, int64_t first);

typedef struct heed_rotary_options {
    int defaults;
    int64_t offset;       /* position of the first element */
    heed_node *positions; /* i32 [.., T]: positions, to which offset is added; NULL: 0, 1, 2, .. */
    double base;          /* 0 means 10000 */
    int64_t width;        /* only the first so many of d coordinates turn; 0: all */
    bool interleaved;     /* planes are coordinates (2 k, 2 k + 1), not (k, k + width / 2) */
} heed_rotary_options;
/* Plane k of the vector at position p is turned by p base^(-2 k / width): x [.., T, d]. Su et al.
 * 2021. The table is a constant of the graph, unless positions are given. */
heed_node *heed_rotary_with(heed_node *x, heed_rotary_options options);
#define heed_rotary(x, ...) \
    HEED_AT(heed_rotary_with(x, (heed_rotary_options){ .defaults = 0, __VA_ARGS__ }))
/* A constant [positions, width]: sin and cos of (offset + p) 10000^(-2 k / width) in columns 2 k
 * and 2 k + 1. Vaswani et al. 2017. */
heed_node *heed_sinusoids(heed_graph *graph, int64_t positions, int64_t width, int64_t offset);
/* Constants of attention with linear biases: slopes [heads] 2^(-8 (i + 1) / heads), and the bias
 * [heads, queries, keys] -slope |j - i|, the last query beside the last key. Press et al. 2022. */
heed_node *heed_alibi_slopes(heed_graph *graph, int64_t heads);
heed_node *heed_alibi_bias(heed_graph *graph, int64_t heads, int64_t queries, int64_t keys);

/* ---- state: entries of the store that a program moves itself; heed_state() in graph/store.h ----
 *
 * An assignment happens after everything else that the program reads of the entry: what a step sees
 * is the value that the step before left. (An output that IS the entry, or a view of it, is read by
 * the caller after the run, and shows the new value.) A trainer makes every assignment of its graph
 * once in each step; a program compiled by hand makes those that are among its outputs. No gradient
 * goes through one. An entry can be assigned once in a program; two entries cannot be swapped. */

heed_node *heed_assign(heed_node *state, heed_node *value); /* equal shapes; -> [], a 0 */
/* state = (1 - momentum) state + momentum value */
heed_node *heed_moving_average(heed_node *state, heed_node *value, double momentum);

/* ---- losses ---- */

/* ---- random: functions of (seed, node, step, element), new in every run, in training or not; no
 * gradient flows into noise ---- */

/* Noise in the graph's dtype: heed_uniform(g, -1, 1, 2, 3) is a [2, 3] in [-1, 1). */
heed_node *heed_uniform_shaped(heed_graph *graph, heed_shape shape, double low, double high);
heed_node *heed_normal_shaped(heed_graph *graph, heed_shape shape, double mean, double deviation);
heed_node *heed_gumbel_shaped(heed_graph *graph, heed_shape shape); /* -log(-log(uniform)) */
#define heed_uniform(graph, low, high, ...) \
    HEED_AT(heed_uniform_shaped(graph, HEED_SHAPE(__VA_ARGS__), low, high))
#define heed_normal(graph, mean, deviation, ...) \
    HEED_AT(heed_normal_shaped(graph, HEED_SHAPE(__VA_ARGS__), mean, deviation))
#define heed_gumbel(graph, ...) HEED_AT(heed_gumbel_shaped(graph, HEED_SHAPE(__VA_ARGS__)))
heed_node *heed_bernoulli(heed_node *p); /* 1 with probability p, else 0, for each p */
/* logits [.., C] -> i32 [..]: index c with probability softmax(logits)[c]. A logit of -inf or NaN
 * is never drawn (index 0 of a row that has no other); +inf always is. The noise is not stored. */
heed_node *heed_categorical(heed_node *logits);
/* softmax((logits + gumbel) / temperature) along axis; hard: 1 at its largest element, else 0, with
 * the gradient of the softmax (straight through). As PyTorch's, it always samples. Jang, Gu, Poole
 * 2017; Maddison, Mnih, Teh 2017. */
typedef struct heed_gumbel_softmax_options {
    int defaults;
    bool hard;
} heed_gumbel_softmax_options;
heed_node *heed_gumbel_softmax_with(heed_node *logits, int axis, double temperature,
                                    heed_gumbel_softmax_options options);
#define heed_gumbel_softmax(logits, axis, temperature, ...)     \
    HEED_AT(heed_gumbel_softmax_with(logits, axis, temperature, \
                                     (heed_gumbel_softmax_options){ .defaults = 0, __VA_ARGS__ }))

#include "ops/located.h"
#include "ops/loops.h"
#include "ops/losses.h"
#endif

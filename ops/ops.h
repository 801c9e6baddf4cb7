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
    OP(input) OP(parameter) OP(constant) OP(full) OP(aux) OP(copy) OP(stop_gradient) OP(cast) \
    OP(add) OP(sub) OP(mul) OP(div) OP(neg) OP(abs) OP(sign) OP(square) OP(sqrt) OP(rsqrt)    \
    OP(pow) OP(exp) OP(log) OP(sin) OP(cos) OP(erf) OP(tanh) OP(sigmoid) OP(relu) OP(gelu)    \
    OP(softplus) OP(silu) OP(affine) OP(minimum) OP(maximum) OP(equal) OP(not_equal) OP(less) \
    OP(less_equal) OP(greater) OP(greater_equal) OP(where) OP(sum) OP(mean) OP(max) OP(min)   \
    OP(argmax) OP(argmin) OP(matmul) OP(matmul_pack) OP(matmul_packed) OP(reshape)            \
    OP(permute) OP(slice) OP(expand) OP(concat) OP(pad) OP(gather) OP(scatter_add)            \
    OP(one_hot) OP(softmax) OP(softmax_vjp) OP(log_softmax) OP(layer_norm) OP(layer_norm_vjp) \
    OP(rms_norm) OP(rms_norm_vjp) OP(cross_entropy) OP(cross_entropy_vjp) OP(conv)            \
    OP(conv_transpose) OP(conv_dw) OP(attention) OP(attention_vjp) OP(attention_bias_vjp)     \
    OP(dropout) OP(scan) OP(custom_gradient)
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
heed_node *heed_erf(heed_node *x);
heed_node *heed_sin(heed_node *x); /* radians */
heed_node *heed_cos(heed_node *x);
heed_node *heed_tanh(heed_node *x);
heed_node *heed_sigmoid(heed_node *x);       /* 1 / (1 + exp(-x)) */
heed_node *heed_relu(heed_node *x);          /* max(x, 0), slope 0 at 0 */
heed_node *heed_gelu(heed_node *x);          /* x Phi(x), with erf: Hendrycks, Gimpel 2016 */
heed_node *heed_softplus(heed_node *x);      /* log(1 + exp(x)) */
heed_node *heed_silu(heed_node *x);          /* x sigmoid(x) */
heed_node *heed_stop_gradient(heed_node *x); /* x, and no gradient flows back */
heed_node *heed_cast(heed_node *x, heed_dtype dtype); /* real <-> i32 (towards 0), f32 <-> f64 */

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
heed_node *heed_argmax(heed_node *x, int axis); /* i32; the first of equals */
heed_node *heed_argmin(heed_node *x, int axis);

/* ---- products ---- */

/* [.., m, k] x [.., k, n] -> [.., m, n]; leading axes broadcast; rank 1 as NumPy's matmul. */
heed_node *heed_matmul(heed_node *a, heed_node *b);

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
/* start, start + step, ... < stop along axis; negative ones count from the end; step > 0 */
heed_node *heed_slice_step(heed_node *x, int axis, int64_t start, int64_t stop, int64_t step);
heed_node *heed_slice(heed_node *x, int axis, int64_t start, int64_t stop);
heed_node *heed_index(heed_node *x, int axis, int64_t i); /* slice of one, axis removed */
heed_node *heed_concat(heed_node *const *x, int n, int axis);
heed_node *heed_stack(heed_node *const *x, int n, int axis); /* a new axis of size n at `axis` */
heed_node *heed_pad(heed_node *x, int axis, int64_t before, int64_t after, double value);
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
heed_node *heed_one_hot(heed_node *index, int64_t classes); /* [..] -> [.., classes], graph dtype */

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
/* Each element is 0 with probability `rate`, else x / (1 - rate); x itself unless the graph is for
 * training. The mask is a function of (seed, node, step, element). */
heed_node *heed_dropout(heed_node *x, double rate);

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

/* ---- loops ---- */

/* One step of a loop, as nodes: from the states before it and the step's part x of each sequence,
 * [..], to the states after it, of the same shapes, and what the step puts out. Whatever else it
 * reads - parameters, values computed before the loop - it just uses; what depends on such values
 * alone is computed once, before the loop, but for random operations. return: false to give up (the graph then has failed). */
typedef bool heed_scan_step(void *context, heed_node *const *state, heed_node *const *x,
                            heed_node **next, heed_node **y);

typedef struct heed_scan_options {
    int defaults;
    heed_node *const *initial; /* of the carried states, f32, f64 or i32 */
    int n_states;
    heed_node *const *over; /* sequences [T, ..], one part for each step */
    int n_over;
    int n_out;        /* values that a step puts out */
    int64_t steps;    /* T; needed when there is no sequence */
    heed_node *count; /* i32 []: only steps 0 .. count - 1 are run; outputs of others are 0 */
    bool backwards;   /* from the last step to the first; output t is still step t's */
    bool recompute;   /* the reverse pass computes a step's values anew, from the kept states */
    int64_t every;    /* ... from the states of every so many steps, which alone are kept */
} heed_scan_options;

/* states(t + 1), y(t) = step(states(t), x(t)) for t = 0 .. T - 1. final[k]: state k after the last
 * step; y[j]: [T, ..], all outputs. The graph has the step once, whatever T is; memory holds one
 * step, the outputs, and what the reverse pass asks for: values of every step (the default), the
 * states only (.recompute), or every k-th state (.every = k). All real states and outputs have one
 * dtype; i32 ones are carried in it, and so stay below 2^24 in f32. return: false when the graph
 * has failed. */
bool heed_scan_with(heed_graph *graph, heed_scan_step *step, void *context,
                    heed_scan_options options, heed_node **final, heed_node **y);
#define heed_scan(graph, step, context, final, y, ...)                                             \
    heed_scan_with(graph, step, context, (heed_scan_options){ .defaults = 0, __VA_ARGS__ }, final, \
                   y)

/* A region of the graph whose inner values are not kept for the reverse pass, but computed anew in
 * it: y[j], j < n_out, of what `region` builds out of x[0 .. n - 1] (Chen et al. 2016). */
typedef bool heed_region(void *context, heed_node *const *x, heed_node **y);
bool heed_checkpoint(heed_graph *graph, heed_region *region, void *context, heed_node *const *x,
                     int n, heed_node **y, int n_out);

/* value, whose gradient with respect to x[0 .. n - 1] is what `rule` says: dx[i] of dy, for every i
 * that is wanted, as nodes (NULL otherwise). The path through value itself is cut. */
typedef void heed_gradient_rule(void *context, heed_node *value, heed_node *dy, heed_node *const *x,
                                const bool *want, heed_node **dx);
heed_node *heed_custom_gradient(heed_node *value, heed_node *const *x, int n,
                                heed_gradient_rule *rule, void *context);

/* ---- losses ---- */

/* mean over all targets of logsumexp(logits) - logits[target]; logits [.., C], target i32 [..].
 * A negative target (or one >= C) is left out of sum and mean. */
heed_node *heed_cross_entropy(heed_node *logits, heed_node *target);
heed_node *heed_mean_squared_error(heed_node *x, heed_node *target); /* mean of (x - target)^2 */

#include "ops/located.h"
#endif

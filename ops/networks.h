/* networks.h - the catalogue, what networks are made of: softmax, norms, convolution, pooling,
 * attention, positions, state. */
#ifndef HEED_OPS_NETWORKS_H
#define HEED_OPS_NETWORKS_H

#include "graph/graph.h"

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
/* max_pool2d(batch_norm(x), 2, 2) for images x [N, C, H, W], always by the batch's own statistics:
 * in one pass over x, which is all that training reads of it. heed_aux() of it: means, then
 * variances, [2, C]. eps 0 means 1e-5. */
heed_node *heed_pooled_norm(heed_node *x, heed_node *gain, heed_node *bias, double eps);
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

/* ---- a memory of N slots, [B, W, N]: a column of W numbers each. Graves et al. 2014 ---- */

/* Where H heads look next, [B, H, N], rows that sum to 1 (eq. 5 to 9), and what the first `reads`
 * of them find there, *found [B, reads W] (eq. 2). before: where they looked; heads
 * [B, H, W + 3 + K]: of each head a key, strength, gate, K shifts around 0 and sharpness, of any
 * size: their ranges are put on here. The formulas are in ops/memory_look.c. */
heed_node *heed_memory_look(heed_node *memory, heed_node *before, heed_node *heads, int64_t reads,
                            heed_node **found);
/* M prod_j (1 - w_j e_j) + sum_j w_j a_j over heads j: where w [B, H, N]; erase e, add a [B, H, W]
 * (eq. 3, 4). */
heed_node *heed_memory_write(heed_node *memory, heed_node *where, heed_node *erase, heed_node *add);

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

#endif

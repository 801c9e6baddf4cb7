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
    OP(channel_norm_vjp) OP(memory_look) OP(memory_look_vjp) OP(memory_write)        \
    OP(memory_write_vjp) OP(replace_row) OP(pooled_norm) OP(pooled_norm_vjp)
/* clang-format on */

#define HEED_DECLARE_OP(name) extern const heed_op heed_op_##name;
HEED_OPS(HEED_DECLARE_OP)
#undef HEED_DECLARE_OP

#include "ops/elementwise.h"
#include "ops/loops.h"
#include "ops/losses.h"
#include "ops/networks.h"
#include "ops/noise.h"
#include "ops/products.h"

#include "ops/reductions.h"
#include "ops/shapes.h"

#include "ops/located.h" /* last: macros of the same names */
#endif

/* conv1d.h - what the three convolution ops share. Private to ops/conv1d*.c.
 *
 *     y[b, o, l] = sum_c,t w[o, c, t] x[b, c, l * stride + t * dilation - pad_left]
 *
 * within each group of channels. y is linear in x and in w, so dx is a function of (dy, w) and dw
 * of (dy, x), each linear in both; the gradients of any of the three are the other two. Each is a
 * sum of matrix products over shifted views: no patch matrix is ever built. */
#ifndef HEED_OPS_CONV1D_H
#define HEED_OPS_CONV1D_H

#include "ops/micro/gemm.h"
#include "ops/ops.h"

typedef struct conv1d_attr { /* without padding bytes: attributes are compared as memory */
    int64_t stride, dilation, groups, pad_left, pad_right;
    int64_t size; /* of dx: the length of x; of dw: the taps of w; else 0 */
} conv1d_attr;

typedef struct conv1d_geometry {
    int64_t batch, groups;
    int64_t in, out; /* channels of a group */
    int64_t length, out_length, taps;
    int64_t stride, dilation, pad_left;
} conv1d_geometry;

/* What a convolution computes at run time with: filled once per program. */
typedef struct conv1d_plan {
    conv1d_geometry shape;
    heed_gemm_split split;
    int64_t block_rows;
} conv1d_plan;

typedef struct conv1d_range {
    int64_t begin, end;
} conv1d_range;

/* The smallest l >= 0 with l * stride >= position. */
static inline int64_t conv1d_step_at(int64_t position, int64_t stride)
{
    return position <= 0 ? 0 : (position + stride - 1) / stride;
}

/* Output positions l whose tap `tap` reads x at begin <= position < end. */
static inline conv1d_range conv1d_reach(const conv1d_geometry *g, int64_t tap, int64_t begin,
                                        int64_t end)
{
    const int64_t shift = tap * g->dilation - g->pad_left;
    conv1d_range range = { conv1d_step_at(begin - shift, g->stride),
                           conv1d_step_at(end - shift, g->stride) };
    if (range.end > g->out_length) range.end = g->out_length;
    if (range.begin > range.end) range.begin = range.end;
    return range;
}

/* Where tap `tap` of output position l reads x. */
static inline int64_t conv1d_position(const conv1d_geometry *g, int64_t tap, int64_t l)
{
    return l * g->stride + tap * g->dilation - g->pad_left;
}

/* ---- in conv1d.c ---- */

/* Check the operands of a convolution and fill in defaults; y's shape for x and w. */
bool heed_conv1d_check(heed_infer *infer, const heed_shape *x, const heed_shape *w, heed_shape *y);
conv1d_geometry heed_conv1d_geometry_of(const heed_shape *x, const heed_shape *w,
                                        const heed_shape *y, const conv1d_attr *attr);
double heed_conv1d_flops(const conv1d_geometry *g);
void heed_conv1d_set_sample(int k, heed_sample *sample, heed_shape *x, heed_shape *w,
                            heed_shape *y);
#define CONV1D_SAMPLES 10

heed_node *heed_conv1d_forward(heed_node *x, heed_node *w, const conv1d_attr *attr);
heed_node *heed_conv1d_dx(heed_node *dy, heed_node *w, int64_t length, const conv1d_attr *attr);
heed_node *heed_conv1d_dw(heed_node *dy, heed_node *x, int64_t taps, const conv1d_attr *attr);

#endif

/* conv.h - what the three convolution ops share. Private to ops/conv*.c.
 *
 *     y[b, o, q] = sum_c,t w[o, c, t] x[b, c, q stride + t dilation - pad_before]
 *
 * over one axis or two. y is linear in x and in w, so dx is a function of (dy, w) and dw of (dy,
 * x), each linear in both; the gradients of any of the three are the other two. */
#ifndef HEED_OPS_CONV_H
#define HEED_OPS_CONV_H

#include "ops/micro/conv.h"
#include "ops/ops.h"

/* [0] is height, as if 1 high where there is none; [1] is width or length. */
typedef struct conv_attr {   /* without padding bytes: attributes are compared as memory */
    heed_conv_window window; /* stride, dilation, padding before, groups */
    int64_t pad_after[2];
    int64_t axes;          /* 1 or 2 */
    int64_t size[2];       /* of conv_transpose: what it computes; of conv_dw: the taps; else 0 */
    int64_t output_pad[2]; /* of conv_transpose whose size is still to be found */
} conv_attr;
#define CONV_SIZE_UNKNOWN (-1)

/* ---- in conv_shape.c ---- */

conv_attr heed_conv1d_attr(const heed_conv1d_options *options);
conv_attr heed_conv2d_attr(const heed_conv2d_options *options);

bool heed_conv_check_operands(heed_infer *infer, const char *first, const char *second);
/* Bring options to their meaning (0 to 1) and check them. */
bool heed_conv_check_window(heed_infer *infer);
/* y's shape for x and w. */
bool heed_conv_check_shapes(heed_infer *infer, const heed_shape *x, const heed_shape *w,
                            heed_shape *y);
/* The same for the reverse ops, where dy is given and has to fit. */
bool heed_conv_check_result(heed_infer *infer, const heed_shape *x, const heed_shape *w,
                            const heed_shape *dy);
const char *heed_conv_axis_name(const conv_attr *attr, int axis);
/* [first, second, size...] for one axis or two. */
heed_shape heed_conv_shape(const conv_attr *attr, int64_t first, int64_t second,
                           const int64_t *size);
void heed_conv_set_size(conv_attr *attr, const heed_shape *shape);
double heed_conv_flops(const heed_shape *w, const heed_shape *y);
#define HEED_CONV_LARGE (-1) /* as k: the large case */
bool heed_conv_set_sample(int k, heed_sample *sample, heed_shape *x, heed_shape *w, heed_shape *y);

/* ---- nodes ---- */

heed_node *heed_conv_forward(heed_node *x, heed_node *w, const conv_attr *attr);
heed_node *heed_conv_transpose(heed_node *dy, heed_node *w, const heed_shape *x,
                               const conv_attr *attr);
heed_node *heed_conv_dw(heed_node *dy, heed_node *x, const heed_shape *w, const conv_attr *attr);

#endif

/* pool.c - windows: what pooling operations share, and the builders of pooling layers. */
#include "ops/common.h"
#include "ops/ops.h"
#include "ops/pool.h"
#include "ops/resample.h"

/* ---- shape rules ---- */

const char *heed_plane_axis(int64_t axes, int axis)
{
    return axes == 1 ? "length" : axis == 0 ? "height" : "width";
}

bool heed_plane_sizes(heed_infer *infer, int64_t axes, int64_t *size)
{
    const heed_shape *x = &infer->in[0]->shape;
    if (x->rank < axes)
        return heed_refuse(infer, "rank %d: at least %d axes are needed", x->rank, (int)axes);
    size[0] = axes == 2 ? x->dim[x->rank - 2] : 1;
    size[1] = x->dim[x->rank - 1];
    if (size[0] <= INT32_MAX && size[1] <= INT32_MAX) return true;
    return heed_refuse(infer, "more than 2^31 - 1 elements along an axis");
}

void heed_plane_set(heed_shape *shape, int64_t axes, const int64_t *size)
{
    if (axes == 2) shape->dim[shape->rank - 2] = size[0];
    shape->dim[shape->rank - 1] = size[1];
}

bool heed_window_check(heed_infer *infer, const char *axis, int64_t kernel, int64_t stride,
                       int64_t dilation, int64_t pad)
{
    if (kernel < 1 || stride < 1 || dilation < 1 || kernel > INT32_MAX || stride > INT32_MAX ||
        dilation > INT32_MAX)
        return heed_refuse(infer,
                           "kernel %lld, stride %lld and dilation %lld along %s must be at least 1",
                           (long long)kernel, (long long)stride, (long long)dilation, axis);
    const int64_t extent = dilation * (kernel - 1) + 1;
    if (pad >= 0 && pad <= extent / 2) return true;
    return heed_refuse(infer, "padding %lld along %s must be 0 .. %lld, half of the window",
                       (long long)pad, axis, (long long)(extent / 2));
}

/* An incomplete window must begin inside of x or of the padding before it. */
bool heed_window_outputs(heed_infer *infer, const char *axis, int64_t in, int64_t extent,
                         int64_t stride, int64_t pad, bool ceil, int64_t *out)
{
    const int64_t room = in + 2 * pad - extent;
    if (in < 1 || room + (ceil ? stride - 1 : 0) < 0)
        return heed_refuse(infer,
                           "along %s, windows of %lld do not fit into %lld elements and "
                           "padding %lld",
                           axis, (long long)extent, (long long)in, (long long)pad);
    *out = (room + (ceil ? stride - 1 : 0)) / stride + 1;
    if (ceil && (*out - 1) * stride >= in + pad) (*out)--;
    return true;
}

/* ---- builders ---- */

static int64_t either(int64_t own, int64_t common)
{
    return own != 0 ? own : common;
}

/* Kernel, stride (by default the kernel), padding. */
static heed_resample_attr windows_of(const heed_pool_options *o, int64_t axes, int64_t kernel_h,
                                     int64_t kernel_w)
{
    heed_resample_attr a = { .axes = axes, .rule = HEED_RESAMPLE_WINDOWS };
    a.kernel[0] = axes == 2 ? kernel_h : 0;
    a.kernel[1] = kernel_w;
    a.stride[0] = axes == 2 ? either(either(o->stride_h, o->stride), kernel_h) : 0;
    a.stride[1] = either(either(o->stride_w, o->stride), kernel_w);
    a.pad[0] = axes == 2 ? either(o->pad_h, o->pad) : 0;
    a.pad[1] = either(o->pad_w, o->pad);
    a.ceil = o->ceil_mode;
    a.leave_out_pad = o->leave_out_pad;
    return a;
}

static heed_node *average(heed_node *x, const heed_pool_options *o, int64_t axes, int64_t kernel_h,
                          int64_t kernel_w)
{
    if (!x) return NULL;
    if (either(o->dilation, 1) != 1 || either(o->dilation_h, 1) != 1 ||
        either(o->dilation_w, 1) != 1)
        return heed_graph_fail(x->graph, "avg_pool: dilation belongs to max_pool");
    return heed_resample(x, windows_of(o, axes, kernel_h, kernel_w));
}

static heed_node *maximum(heed_node *x, const heed_pool_options *o, int64_t axes, int64_t kernel_h,
                          int64_t kernel_w)
{
    const heed_resample_attr w = windows_of(o, axes, kernel_h, kernel_w);
    if (!x) return NULL;
    if (o->leave_out_pad)
        return heed_graph_fail(x->graph, "max_pool: leave_out_pad belongs to avg_pool");
    const heed_max_pool_attr attr = {
        .axes = axes,
        .kernel = { w.kernel[0], w.kernel[1] },
        .stride = { w.stride[0], w.stride[1] },
        .dilation = { axes == 2 ? either(either(o->dilation_h, o->dilation), 1) : 0,
                      either(either(o->dilation_w, o->dilation), 1) },
        .pad = { w.pad[0], w.pad[1] },
        .ceil = w.ceil,
    };
    return heed_apply(&heed_op_max_pool, &attr, 1, &x);
}

heed_node *heed_avg_pool1d_with(heed_node *x, int64_t kernel, heed_pool_options options)
{
    return average(x, &options, 1, 1, kernel);
}

heed_node *heed_avg_pool2d_with(heed_node *x, int64_t kernel_h, int64_t kernel_w,
                                heed_pool_options options)
{
    return average(x, &options, 2, kernel_h, kernel_w);
}

heed_node *heed_max_pool1d_with(heed_node *x, int64_t kernel, heed_pool_options options)
{
    return maximum(x, &options, 1, 1, kernel);
}

heed_node *heed_max_pool2d_with(heed_node *x, int64_t kernel_h, int64_t kernel_w,
                                heed_pool_options options)
{
    return maximum(x, &options, 2, kernel_h, kernel_w);
}

heed_node *heed_adaptive_avg_pool1d(heed_node *x, int64_t length)
{
    if (length == 1) return heed_mean(x, -1, true);
    return heed_resample(x, (heed_resample_attr){
                                .axes = 1, .rule = HEED_RESAMPLE_ADAPTIVE, .out = { 0, length } });
}

heed_node *heed_adaptive_avg_pool2d(heed_node *x, int64_t height, int64_t width)
{
    if (height == 1 && width == 1) return heed_mean_axes(x, (int[]){ -2, -1 }, 2, true);
    return heed_resample(x, (heed_resample_attr){ .axes = 2,
                                                  .rule = HEED_RESAMPLE_ADAPTIVE,
                                                  .out = { height, width } });
}

/* ---- upsampling ---- */

static heed_node *upsample(heed_node *x, heed_upsample_mode mode, int64_t axes, int64_t height,
                           int64_t width)
{
    static const heed_resample_rule rules[] = { [HEED_UPSAMPLE_NEAREST] = HEED_RESAMPLE_NEAREST,
                                                [HEED_UPSAMPLE_LINEAR] = HEED_RESAMPLE_LINEAR,
                                                [HEED_UPSAMPLE_CORNERS] =
                                                    HEED_RESAMPLE_LINEAR_CORNERS };
    if (!x) return NULL;
    if ((unsigned)mode >= sizeof rules / sizeof rules[0])
        return heed_graph_fail(x->graph, "upsample: mode %d is unknown", (int)mode);
    return heed_resample(x, (heed_resample_attr){ .axes = axes,
                                                  .rule = rules[mode],
                                                  .out = { axes == 2 ? height : 0, width } });
}

heed_node *heed_upsample1d(heed_node *x, int64_t length, heed_upsample_mode mode)
{
    return upsample(x, mode, 1, 1, length);
}

heed_node *heed_upsample2d(heed_node *x, int64_t height, int64_t width, heed_upsample_mode mode)
{
    return upsample(x, mode, 2, height, width);
}

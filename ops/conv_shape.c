/* conv_shape.c - the shape rule of convolutions, and their test cases. */
#include "ops/common.h"
#include "ops/conv.h"

#define MOST INT32_MAX /* of strides and padding: more would overflow positions */

static int64_t either(int64_t own, int64_t common)
{
    return own != 0 ? own : common;
}

conv_attr heed_conv1d_attr(const heed_conv1d_options *o)
{
    return (conv_attr){ .window = { .stride = { 0, o->stride },
                                    .dilation = { 0, o->dilation },
                                    .pad = { 0, either(o->pad_left, o->pad) },
                                    .groups = o->groups },
                        .pad_after = { 0, either(o->pad_right, o->pad) },
                        .axes = 1,
                        .output_pad = { 0, o->output_pad } };
}

conv_attr heed_conv2d_attr(const heed_conv2d_options *o)
{
    return (conv_attr){
        .window = { .stride = { either(o->stride_h, o->stride), either(o->stride_w, o->stride) },
                    .dilation = { either(o->dilation_h, o->dilation),
                                  either(o->dilation_w, o->dilation) },
                    .pad = { either(o->pad_top, o->pad), either(o->pad_left, o->pad) },
                    .groups = o->groups },
        .pad_after = { either(o->pad_bottom, o->pad), either(o->pad_right, o->pad) },
        .axes = 2,
        .output_pad = { either(o->output_pad_h, o->output_pad),
                        either(o->output_pad_w, o->output_pad) },
    };
}

heed_shape heed_conv_shape(const conv_attr *attr, int64_t first, int64_t second,
                           const int64_t *size)
{
    return attr->axes == 1 ? HEED_SHAPE(first, second, size[1])
                           : HEED_SHAPE(first, second, size[0], size[1]);
}

void heed_conv_set_size(conv_attr *attr, const heed_shape *shape)
{
    attr->size[0] = attr->axes == 1 ? 1 : shape->dim[2];
    attr->size[1] = shape->dim[shape->rank - 1];
}

const char *heed_conv_axis_name(const conv_attr *attr, int axis)
{
    return attr->axes == 1 ? "length" : axis == 0 ? "height" : "width";
}

bool heed_conv_check_window(heed_infer *infer)
{
    conv_attr *attr = infer->attr;
    heed_conv_window *o = &attr->window;
    if (o->groups == 0) o->groups = 1;
    if (o->groups < 1 || o->groups > MOST)
        return heed_refuse(infer, "groups %lld must be at least 1", (long long)o->groups);
    for (int i = 0; i < 2; i++) {
        const char *axis = heed_conv_axis_name(attr, i);
        if (o->stride[i] == 0) o->stride[i] = 1;
        if (o->dilation[i] == 0) o->dilation[i] = 1;
        if (o->stride[i] < 1 || o->stride[i] > MOST || o->dilation[i] < 1 || o->dilation[i] > MOST)
            return heed_refuse(infer, "stride %lld and dilation %lld along %s must be at least 1",
                               (long long)o->stride[i], (long long)o->dilation[i], axis);
        if (o->pad[i] < 0 || attr->pad_after[i] < 0 || o->pad[i] > MOST ||
            attr->pad_after[i] > MOST)
            return heed_refuse(infer, "padding %lld, %lld along %s must not be negative",
                               (long long)o->pad[i], (long long)attr->pad_after[i], axis);
    }
    return true;
}

bool heed_conv_check_operands(heed_infer *infer, const char *first, const char *second)
{
    const conv_attr *attr = infer->attr;
    const heed_shape *a = &infer->in[0]->shape, *b = &infer->in[1]->shape;
    if (!heed_need_real(infer, 0) || !heed_need_real(infer, 1) || !heed_need_same_dtype(infer))
        return false;
    if (a->rank == 2 + attr->axes && b->rank == 2 + attr->axes) return true;
    return heed_refuse(infer, "%s and %s have rank %d and %d instead of %d: %s", first, second,
                       a->rank, b->rank, 2 + (int)attr->axes,
                       attr->axes == 1 ? "[batch, channels, length] and weights like it"
                                       : "[batch, channels, height, width] and weights like it");
}

bool heed_conv_check_shapes(heed_infer *infer, const heed_shape *x, const heed_shape *w,
                            heed_shape *y)
{
    const conv_attr *attr = infer->attr;
    const heed_conv_window *o = &attr->window;
    if (x->dim[1] != w->dim[1] * o->groups || w->dim[0] % o->groups != 0)
        return heed_refuse(infer,
                           "%lld channels and %lld output channels do not fit weights for %lld "
                           "channels in each of %lld groups",
                           (long long)x->dim[1], (long long)w->dim[0], (long long)w->dim[1],
                           (long long)o->groups);
    *y = *x;
    y->dim[1] = w->dim[0];
    for (int axis = 2; axis < x->rank; axis++) {
        const int i = axis - x->rank + 2;
        const int64_t padded = x->dim[axis] + o->pad[i] + attr->pad_after[i], taps = w->dim[axis];
        if (taps < 1 || padded < 1 || taps - 1 > (padded - 1) / o->dilation[i])
            return heed_refuse(infer,
                               "along %s, %lld taps with dilation %lld do not fit into x with its "
                               "padding, %lld",
                               heed_conv_axis_name(attr, i), (long long)taps,
                               (long long)o->dilation[i], (long long)padded);
        y->dim[axis] = (padded - 1 - (taps - 1) * o->dilation[i]) / o->stride[i] + 1;
    }
    return true;
}

bool heed_conv_check_result(heed_infer *infer, const heed_shape *x, const heed_shape *w,
                            const heed_shape *dy)
{
    heed_shape expected;
    char text[HEED_SHAPE_TEXT];
    if (!heed_conv_check_shapes(infer, x, w, &expected)) return false;
    if (heed_shape_equal(&expected, dy)) return true;
    return heed_refuse(infer, "dy does not have the shape of the convolution's result, %s",
                       heed_shape_print(&expected, text, sizeof text));
}

double heed_conv_flops(const heed_shape *w, const heed_shape *y)
{
    return 2.0 * (double)heed_product(w, 1, w->rank) * (double)heed_count(y);
}

/* ---- samples ---- */

/* Of an axis: size, taps, stride, dilation, padding before and after. */
typedef struct sample_axis {
    int64_t size, taps, stride, dilation, before, after;
} sample_axis;

typedef struct conv_sample {
    int64_t batch, in, out, groups;
    sample_axis height, width; /* of height 0: one axis */
} conv_sample;

static const conv_sample samples[] = {
    { 2, 3, 2, 1, { 0 }, { 7, 3, 1, 1, 0, 0 } },
    { 1, 1, 1, 1, { 0 }, { 1, 1, 1, 1, 0, 0 } },
    { 1, 2, 2, 1, { 0 }, { 13, 4, 3, 1, 1, 2 } },
    { 2, 2, 2, 1, { 0 }, { 8, 3, 1, 2, 4, 0 } },
    { 1, 4, 6, 2, { 0 }, { 6, 3, 1, 1, 1, 1 } },
    { 2, 3, 3, 3, { 0 }, { 5, 2, 2, 1, 0, 0 } },
    { 1, 2, 2, 1, { 0 }, { 2, 3, 1, 3, 3, 3 } },
    { 1, 1, 1, 1, { 0 }, { 33, 7, 2, 2, 5, 1 } },
    { 1, 1, 2, 1, { 0 }, { 3, 2, 4, 1, 5, 6 } },
    { 2, 2, 3, 1, { 4, 3, 1, 1, 1, 1 }, { 5, 2, 1, 1, 0, 2 } },
    { 1, 1, 1, 1, { 1, 1, 1, 1, 0, 0 }, { 1, 1, 1, 1, 0, 0 } },
    { 2, 3, 4, 1, { 3, 1, 1, 1, 0, 0 }, { 3, 1, 1, 1, 0, 0 } },
    { 1, 2, 2, 1, { 7, 3, 2, 1, 1, 1 }, { 6, 3, 3, 1, 1, 1 } },
    { 1, 2, 1, 1, { 7, 2, 2, 3, 0, 1 }, { 5, 3, 1, 2, 2, 2 } },
    { 1, 4, 6, 2, { 3, 3, 1, 1, 1, 1 }, { 4, 3, 1, 1, 1, 1 } },
    { 2, 3, 3, 3, { 4, 3, 1, 1, 1, 1 }, { 4, 3, 2, 1, 1, 1 } },
    { 1, 1, 2, 1, { 13, 4, 4, 1, 0, 0 }, { 1, 1, 1, 1, 0, 0 } },
    { 1, 1, 1, 1, { 3, 2, 4, 2, 5, 6 }, { 2, 2, 5, 3, 7, 7 } },
};
static const conv_sample large = { 32, 64, 64, 1, { 32, 3, 1, 1, 1, 1 }, { 32, 3, 1, 1, 1, 1 } };

static int64_t output_size(const sample_axis *a)
{
    return (a->size + a->before + a->after - a->dilation * (a->taps - 1) - 1) / a->stride + 1;
}

bool heed_conv_set_sample(int k, heed_sample *sample, heed_shape *x, heed_shape *w, heed_shape *y)
{
    static const sample_axis flat = { 1, 1, 1, 1, 0, 0 };
    if (k >= (int)(sizeof samples / sizeof samples[0])) return false;
    const conv_sample *s = k == HEED_CONV_LARGE ? &large : &samples[k];
    conv_attr attr = { .window = { .groups = s->groups }, .axes = s->height.size > 0 ? 2 : 1 };
    int64_t size[2], taps[2], result[2];
    for (int i = 0; i < 2; i++) {
        const sample_axis *a = i == 1 ? &s->width : attr.axes == 2 ? &s->height : &flat;
        attr.window.stride[i] = a->stride;
        attr.window.dilation[i] = a->dilation;
        attr.window.pad[i] = a->before;
        attr.pad_after[i] = a->after;
        size[i] = a->size;
        taps[i] = a->taps;
        result[i] = output_size(a);
    }
    *x = heed_conv_shape(&attr, s->batch, s->in, size);
    *w = heed_conv_shape(&attr, s->out, s->in / s->groups, taps);
    *y = heed_conv_shape(&attr, s->batch, s->out, result);
    heed_sample_attr(sample, &attr, sizeof attr);
    sample->n_in = 2;
    return true;
}

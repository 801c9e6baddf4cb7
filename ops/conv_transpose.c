/* conv_transpose.c - dx[b, c, i] = sum of w[o, c, t] dy[b, o, q] over all o, t, q with
 * i = q stride + t dilation - pad: conv's adjoint and its gradient for x. As a layer of its own,
 * the transposed convolution, dy is the input and says how large dx is, but for output padding. */
#include "ops/conv.h"

/* The smallest dx whose convolution is as large as dy, and the output padding. */
static bool find_size(heed_infer *infer, const heed_shape *dy, const heed_shape *w)
{
    conv_attr *attr = infer->attr;
    const heed_conv_window *o = &attr->window;
    attr->size[0] = 1;
    for (int i = 2 - (int)attr->axes; i < 2; i++) {
        const char *axis = heed_conv_axis_name(attr, i);
        const int64_t n = dy->dim[dy->rank - 2 + i], taps = w->dim[w->rank - 2 + i];
        const int64_t more = attr->output_pad[i];
        if (more < 0 || more >= o->stride[i])
            return heed_refuse(infer, "output padding %lld along %s must be below the stride, %lld",
                               (long long)more, axis, (long long)o->stride[i]);
        if (n < 1 || taps < 1 || n > INT32_MAX || taps > INT32_MAX)
            return heed_refuse(infer, "%lld elements and %lld taps along %s: at least one of each",
                               (long long)n, (long long)taps, axis);
        const int64_t span = (n - 1) * o->stride[i] + (taps - 1) * o->dilation[i] + 1;
        attr->size[i] = span - o->pad[i] - attr->pad_after[i] + more;
        if (attr->size[i] < 1)
            return heed_refuse(infer, "padding %lld, %lld along %s leaves nothing of %lld elements",
                               (long long)o->pad[i], (long long)attr->pad_after[i], axis,
                               (long long)(span + more));
        attr->output_pad[i] = 0;
    }
    return true;
}

static bool transpose_infer(heed_infer *infer)
{
    conv_attr *attr = infer->attr;
    const heed_shape *dy = &infer->in[0]->shape, *w = &infer->in[1]->shape;
    const bool layer = attr->size[1] == CONV_SIZE_UNKNOWN;
    if (!heed_conv_check_operands(infer, layer ? "x" : "dy", "w") || !heed_conv_check_window(infer))
        return false;
    if (dy->dim[1] != w->dim[0])
        return heed_refuse(infer, "%lld channels do not fit weights for %lld",
                           (long long)dy->dim[1], (long long)w->dim[0]);
    if (layer && !find_size(infer, dy, w)) return false;
    infer->shape = heed_conv_shape(attr, dy->dim[0], w->dim[1] * attr->window.groups, attr->size);
    const heed_shape x = infer->shape;
    return heed_conv_check_result(infer, &x, w, dy);
}

static void transpose_prepare(const heed_call *call, void *plan)
{
    const conv_attr *attr = call->attr;
    *(heed_conv_sum_plan *)plan =
        heed_conv_plan_sum(&call->in[0], &call->in[1], &call->out, &attr->window, true);
}

/* The gradients of sum(dx * g), g like x. */
static void transpose_vjp(heed_vjp *v)
{
    if (v->want[0]) v->dx[0] = heed_conv_forward(v->dy, v->in[1], v->attr);
    if (v->want[1]) v->dx[1] = heed_conv_dw(v->in[0], v->dy, &v->in[1]->shape, v->attr);
}

static bool transpose_sample(int k, heed_sample *sample)
{
    heed_shape x;
    if (!heed_conv_set_sample(k, sample, &x, &sample->in[1].shape, &sample->in[0].shape))
        return false;
    heed_conv_set_size((conv_attr *)(void *)sample->attr, &x);
    return true;
}

static double transpose_flops(const heed_node *dx)
{
    return heed_conv_flops(&dx->in[1]->shape, &dx->in[0]->shape);
}

static bool conv_transpose_large(heed_sample *sample)
{
    return transpose_sample(HEED_CONV_LARGE, sample);
}

const heed_op heed_op_conv_transpose = {
    .name = "conv_transpose",
    .doc = "conv's adjoint and gradient for x: dx[b, c, i] = sum of w[o, c, t] dy[b, o, q] over o, "
           "t, q with i = q stride + t dilation - pad: dy [B, O, (OH,) OW], "
           "w [O, C / groups, (KH,) KW] -> dx [B, C, (H,) W].",
    .n_in = 2,
    .diff = 1u << 0 | 1u << 1,
    .strided = 1u << 0 | 1u << 1,
    .strided_out = true,
    .flags = HEED_LINEAR,
    .attr_size = sizeof(conv_attr),
    .infer = transpose_infer,
    .kernel = &heed_conv_sum_kernel,
    .units = heed_conv_sum_units,
    .scratch = heed_conv_sum_scratch,
    .plan_size = sizeof(heed_conv_sum_plan),
    .prepare = transpose_prepare,
    .vjp = transpose_vjp,
    .sample = transpose_sample,
    .large = conv_transpose_large,
    .flops = transpose_flops,
};

heed_node *heed_conv_transpose(heed_node *dy, heed_node *w, const heed_shape *x,
                               const conv_attr *attr)
{
    conv_attr own = *attr;
    heed_conv_set_size(&own, x);
    return heed_apply(&heed_op_conv_transpose, &own, 2, (heed_node *[]){ dy, w });
}

static heed_node *layer(heed_node *x, heed_node *w, conv_attr attr)
{
    attr.size[0] = attr.size[1] = CONV_SIZE_UNKNOWN;
    return heed_apply(&heed_op_conv_transpose, &attr, 2, (heed_node *[]){ x, w });
}

heed_node *heed_conv_transpose1d_with(heed_node *x, heed_node *w, heed_conv1d_options options)
{
    if (x && options.causal)
        return heed_graph_fail(x->graph, "conv_transpose1d: causal belongs to conv1d");
    return layer(x, w, heed_conv1d_attr(&options));
}

heed_node *heed_conv_transpose2d_with(heed_node *x, heed_node *w, heed_conv2d_options options)
{
    return layer(x, w, heed_conv2d_attr(&options));
}

/* conv.c - y[b, o, q] = sum_c,t w[o, c, t] x[b, c, q stride + t dilation - pad], 1 or 2 axes. */
#include "ops/conv.h"

static bool conv_infer(heed_infer *infer)
{
    const conv_attr *attr = infer->attr;
    if (attr->output_pad[0] != 0 || attr->output_pad[1] != 0)
        return heed_refuse(infer, "output padding belongs to transposed convolutions");
    return heed_conv_check_operands(infer, "x", "w") && heed_conv_check_window(infer) &&
           heed_conv_check_shapes(infer, &infer->in[0]->shape, &infer->in[1]->shape, &infer->shape);
}

static void conv_prepare(const heed_call *call, void *plan)
{
    const conv_attr *attr = call->attr;
    *(heed_conv_sum_plan *)plan =
        heed_conv_plan_sum(&call->in[0], &call->in[1], &call->out, &attr->window, false);
}

static void conv_vjp(heed_vjp *v)
{
    heed_node *x = v->in[0], *w = v->in[1];
    if (v->want[0]) v->dx[0] = heed_conv_transpose(v->dy, w, &x->shape, v->attr);
    if (v->want[1]) v->dx[1] = heed_conv_dw(v->dy, x, &w->shape, v->attr);
}

static bool conv_sample(int k, heed_sample *sample)
{
    heed_shape y;
    return heed_conv_set_sample(k, sample, &sample->in[0].shape, &sample->in[1].shape, &y);
}

static double conv_flops(const heed_node *y)
{
    return heed_conv_flops(&y->in[1]->shape, &y->shape);
}

static bool conv_large(heed_sample *sample)
{
    return conv_sample(HEED_CONV_LARGE, sample);
}

const heed_op heed_op_conv = {
    .name = "conv",
    .doc = "y[b, o, q] = sum_c,t w[o, c, t] x[b, c, q stride + t dilation - pad], q and t over one "
           "axis or two: x [B, C, (H,) W], w [O, C / groups, (KH,) KW] -> y [B, O, (OH,) OW], "
           "OW = (W + pads - dilation (KW - 1) - 1) / stride + 1.",
    .n_in = 2,
    .diff = 1u << 0 | 1u << 1,
    .strided = 1u << 0 | 1u << 1,
    .strided_out = true,
    .flags = HEED_LINEAR,
    .attr_size = sizeof(conv_attr),
    .infer = conv_infer,
    .kernel = &heed_conv_sum_kernel,
    .units = heed_conv_sum_units,
    .scratch = heed_conv_sum_scratch,
    .plan_size = sizeof(heed_conv_sum_plan),
    .prepare = conv_prepare,
    .vjp = conv_vjp,
    .sample = conv_sample,
    .large = conv_large,
    .flops = conv_flops,
};

heed_node *heed_conv_forward(heed_node *x, heed_node *w, const conv_attr *attr)
{
    conv_attr own = *attr;
    own.size[0] = own.size[1] = 0;
    return heed_apply(&heed_op_conv, &own, 2, (heed_node *[]){ x, w });
}

heed_node *heed_conv1d_with(heed_node *x, heed_node *w, heed_conv1d_options options)
{
    if (options.causal && x && w) {
        if (options.pad != 0 || options.pad_left != 0 || options.pad_right != 0)
            return heed_graph_fail(x->graph, "conv1d: causal says what the padding is");
        const int64_t taps = w->shape.rank > 0 ? w->shape.dim[w->shape.rank - 1] : 1;
        options.pad_left = (options.dilation ? options.dilation : 1) * (taps - 1);
    }
    const conv_attr attr = heed_conv1d_attr(&options);
    return heed_apply(&heed_op_conv, &attr, 2, (heed_node *[]){ x, w });
}

heed_node *heed_conv2d_with(heed_node *x, heed_node *w, heed_conv2d_options options)
{
    const conv_attr attr = heed_conv2d_attr(&options);
    return heed_apply(&heed_op_conv, &attr, 2, (heed_node *[]){ x, w });
}

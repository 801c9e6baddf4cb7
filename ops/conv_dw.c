/* conv_dw.c - dw[o, c, t] = sum_b,q dy[b, o, q] x[b, c, q stride + t dilation - pad]: the reverse
 * of conv for w. */
#include "ops/conv.h"

static bool dw_infer(heed_infer *infer)
{
    const conv_attr *attr = infer->attr;
    const heed_shape *dy = &infer->in[0]->shape, *x = &infer->in[1]->shape;
    if (!heed_conv_check_operands(infer, "dy", "x") || !heed_conv_check_window(infer)) return false;
    const int64_t channels = x->dim[1] / attr->window.groups;
    infer->shape = heed_conv_shape(attr, dy->dim[1], channels, attr->size);
    const heed_shape w = infer->shape;
    return heed_conv_check_result(infer, x, &w, dy);
}

static void dw_prepare(const heed_call *call, void *plan)
{
    const conv_attr *attr = call->attr;
    *(heed_conv_weights_plan *)plan =
        heed_conv_plan_weights(&call->in[0], &call->in[1], &call->out, &attr->window);
}

static int64_t dw_units(const heed_call *call)
{
    const heed_conv_weights_plan *plan = call->plan;
    return plan->units;
}

static size_t dw_scratch(const heed_call *call)
{
    const heed_conv_weights_plan *plan = call->plan;
    return plan->bytes;
}

/* The gradients of sum(dw * g), g like w. */
static void dw_vjp(heed_vjp *v)
{
    heed_node *x = v->in[1];
    if (v->want[0]) v->dx[0] = heed_conv_forward(x, v->dy, v->attr);
    if (v->want[1]) v->dx[1] = heed_conv_transpose(v->in[0], v->dy, &x->shape, v->attr);
}

static bool dw_sample(int k, heed_sample *sample)
{
    heed_shape w;
    if (!heed_conv_set_sample(k, sample, &sample->in[1].shape, &w, &sample->in[0].shape))
        return false;
    heed_conv_set_size((conv_attr *)(void *)sample->attr, &w);
    return true;
}

static double dw_flops(const heed_node *dw)
{
    return heed_conv_flops(&dw->shape, &dw->in[0]->shape);
}

static bool conv_dw_large(heed_sample *sample)
{
    return dw_sample(HEED_CONV_LARGE, sample);
}

const heed_op heed_op_conv_dw = {
    .name = "conv_dw",
    .doc = "conv's gradient for w: dw[o, c, t] = sum_b,q dy[b, o, q] x[b, c, q stride + "
           "t dilation - pad]: dy [B, O, (OH,) OW], x [B, C, (H,) W] -> dw [O, C / groups, (KH,) "
           "KW].",
    .n_in = 2,
    .diff = 1u << 0 | 1u << 1,
    .strided = 1u << 0 | 1u << 1,
    .strided_out = true,
    .flags = HEED_LINEAR,
    .attr_size = sizeof(conv_attr),
    .infer = dw_infer,
    .kernel = &heed_conv_weights_kernel,
    .units = dw_units,
    .scratch = dw_scratch,
    .plan_size = sizeof(heed_conv_weights_plan),
    .prepare = dw_prepare,
    .vjp = dw_vjp,
    .sample = dw_sample,
    .large = conv_dw_large,
    .flops = dw_flops,
};

heed_node *heed_conv_dw(heed_node *dy, heed_node *x, const heed_shape *w, const conv_attr *attr)
{
    conv_attr own = *attr;
    heed_conv_set_size(&own, w);
    return heed_apply(&heed_op_conv_dw, &own, 2, (heed_node *[]){ dy, x });
}

/* conv1d_dw.c - dw[o, c, t] = sum_b,l dy[b, o, l] x[b, c, l stride + t dilation - pad_left]: the
 * reverse of conv1d for w. */
#include "ops/conv1d.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP

/* Products are numbered tap + taps * group; each sums over the batch in order. */
static void add_sequence(const heed_call *call, const heed_gemm_block *block, conv1d_range l,
                         int64_t batch)
{
    const conv1d_plan *plan = call->plan;
    const conv1d_geometry *s = &plan->shape;
    const heed_view *dy = &call->in[0], *x = &call->in[1], *dw = &call->out;
    const int64_t tap = block->product % s->taps, group = block->product / s->taps;
    const int64_t out = group * s->out + block->row, in = group * s->in + block->column;
    const int64_t position = l.begin < l.end ? conv1d_position(s, tap, l.begin) : 0;
    const heed_gemm g = {
        .m = block->rows,
        .n = block->columns,
        .k = l.end - l.begin,
        .a = (const real *)dy->data + batch * dy->stride[0] + out * dy->stride[1] +
             l.begin * dy->stride[2],
        .a_row = dy->stride[1],
        .a_column = dy->stride[2],
        .b = (const real *)x->data + batch * x->stride[0] + in * x->stride[1] +
             position * x->stride[2],
        .b_row = x->stride[2] * s->stride,
        .b_column = x->stride[1],
        .c = (real *)dw->data + out * dw->stride[0] + block->column * dw->stride[1] +
             tap * dw->stride[2],
        .c_row = dw->stride[0],
        .c_column = dw->stride[1],
        .accumulate = batch > 0,
        .block_rows = plan->block_rows,
        .scratch = call->scratch,
    };
    HEED_FN(gemm)(&g);
}

HEED_KERNEL(conv1d_dw)
{
    const conv1d_plan *plan = call->plan;
    const conv1d_geometry *s = &plan->shape;
    const int64_t last = heed_gemm_first(&plan->split, end);
    for (int64_t i = heed_gemm_first(&plan->split, begin); i < last; i++) {
        const heed_gemm_block block = heed_gemm_block_at(&plan->split, i, s->out, s->in);
        conv1d_range l = conv1d_reach(s, block.product % s->taps, 0, s->length);
        if (l.begin >= l.end || s->batch == 0) l.begin = l.end = 0;
        add_sequence(call, &block, l, 0); /* an empty range writes zeros */
        for (int64_t batch = 1; batch < s->batch && l.begin < l.end; batch++)
            add_sequence(call, &block, l, batch);
    }
}

#else
#include <string.h>

HEED_DECLARE_KERNEL(conv1d_dw);
static const heed_kernel kernel = HEED_KERNEL_TABLE(conv1d_dw);

static conv1d_plan make_plan(const heed_call *call)
{
    const heed_view *dy = &call->in[0], *x = &call->in[1], *dw = &call->out;
    conv1d_plan plan = { .block_rows = heed_gemm_block_rows(dw->dtype) };
    plan.shape = heed_conv1d_geometry_of(&x->shape, &dw->shape, &dy->shape, call->attr);
    const conv1d_geometry *s = &plan.shape;
    plan.split = heed_gemm_divide(s->groups * s->taps, s->out, s->in, s->batch * s->out_length,
                                  x->stride[1] != 1);
    return plan;
}

static void dw_prepare(const heed_call *call, void *plan)
{
    const conv1d_plan made = make_plan(call);
    memcpy(plan, &made, sizeof made);
}

static int64_t dw_units(const heed_call *call)
{
    return make_plan(call).split.units;
}

static size_t dw_scratch(const heed_call *call)
{
    const conv1d_plan plan = make_plan(call);
    return heed_gemm_scratch(call->out.dtype, plan.split.rows, plan.split.columns,
                             plan.shape.out_length);
}

static bool dw_infer(heed_infer *infer)
{
    const conv1d_attr *attr = infer->attr;
    const heed_shape dy = infer->in[0]->shape, x = infer->in[1]->shape;
    heed_shape expected;
    if (dy.rank != 3 || x.rank != 3) return heed_refuse(infer, "dy and x have rank 3");
    const int64_t groups = attr->groups > 0 ? attr->groups : 1;
    const heed_shape w = HEED_SHAPE(dy.dim[1], x.dim[1] / groups, attr->size);
    if (!heed_conv1d_check(infer, &x, &w, &expected)) return false;
    if (!heed_shape_equal(&expected, &dy))
        return heed_refuse(infer, "dy does not have the shape of the convolution's result");
    infer->shape = w;
    return true;
}

/* The gradients of sum(dw * g), g like w. */
static void dw_vjp(heed_vjp *v)
{
    heed_node *x = v->in[1];
    if (v->want[0]) v->dx[0] = heed_conv1d_forward(x, v->dy, v->attr);
    if (v->want[1]) v->dx[1] = heed_conv1d_dx(v->in[0], v->dy, x->shape.dim[2], v->attr);
}

static bool dw_sample(int k, heed_sample *sample)
{
    heed_shape w;
    if (k >= CONV1D_SAMPLES) return false;
    heed_conv1d_set_sample(k, sample, &sample->in[1].shape, &w, &sample->in[0].shape);
    ((conv1d_attr *)(void *)sample->attr)->size = w.dim[2];
    return true;
}

static double flops(const heed_node *dw)
{
    const conv1d_geometry s =
        heed_conv1d_geometry_of(&dw->in[1]->shape, &dw->shape, &dw->in[0]->shape, dw->attr);
    return heed_conv1d_flops(&s);
}

const heed_op heed_op_conv1d_dw = {
    .name = "conv1d_dw",
    .doc = "conv1d's gradient for w: dw[o, c, t] = sum_b,l dy[b, o, l] x[b, c, l stride + "
           "t dilation - pad_left].",
    .n_in = 2,
    .diff = 1u << 0 | 1u << 1,
    .strided = 1u << 0 | 1u << 1,
    .strided_out = true,
    .flags = HEED_LINEAR,
    .attr_size = sizeof(conv1d_attr),
    .infer = dw_infer,
    .kernel = &kernel,
    .units = dw_units,
    .scratch = dw_scratch,
    .plan_size = sizeof(conv1d_plan),
    .prepare = dw_prepare,
    .vjp = dw_vjp,
    .sample = dw_sample,
    .flops = flops,
};

heed_node *heed_conv1d_dw(heed_node *dy, heed_node *x, int64_t taps, const conv1d_attr *attr)
{
    conv1d_attr own = *attr;
    own.size = taps;
    return heed_apply(&heed_op_conv1d_dw, &own, 2, (heed_node *[]){ dy, x });
}
#endif

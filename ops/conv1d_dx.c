/* conv1d_dx.c - dx[b, c, i] = sum of w[o, c, t] dy[b, o, l] over all o, t, l with
 * i = l stride + t dilation - pad_left: the reverse of conv1d for x. */
#include "ops/conv1d.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP

/* Columns of the block that tap `tap` adds to. Without a stride, one that adds to all may come
 * first. */
static bool covers(const conv1d_geometry *s, const heed_gemm_block *block, int64_t tap)
{
    const conv1d_range l = conv1d_reach(s, tap, block->column, block->column + block->columns);
    return s->stride == 1 && l.end - l.begin == block->columns;
}

static void add_tap(const heed_call *call, const heed_gemm_block *block, int64_t tap, bool first)
{
    const conv1d_plan *plan = call->plan;
    const conv1d_geometry *s = &plan->shape;
    const heed_view *dy = &call->in[0], *w = &call->in[1], *dx = &call->out;
    const int64_t batch = block->product / s->groups, group = block->product % s->groups;
    const conv1d_range l = conv1d_reach(s, tap, block->column, block->column + block->columns);
    if (l.begin >= l.end) return;
    const int64_t position = conv1d_position(s, tap, l.begin);
    const heed_gemm g = {
        .m = block->rows,
        .n = l.end - l.begin,
        .k = s->out,
        .a = (const real *)w->data + group * s->out * w->stride[0] + block->row * w->stride[1] +
             tap * w->stride[2],
        .a_row = w->stride[1],
        .a_column = w->stride[0],
        .b = (const real *)dy->data + batch * dy->stride[0] + group * s->out * dy->stride[1] +
             l.begin * dy->stride[2],
        .b_row = dy->stride[1],
        .b_column = dy->stride[2],
        .c = (real *)dx->data + batch * dx->stride[0] +
             (group * s->in + block->row) * dx->stride[1] + position * dx->stride[2],
        .c_row = dx->stride[1],
        .c_column = dx->stride[2] * s->stride,
        .accumulate = !first,
        .block_rows = plan->block_rows,
        .scratch = call->scratch,
    };
    HEED_FN(gemm)(&g);
}

static void zero_block(const heed_call *call, const heed_gemm_block *block)
{
    const conv1d_geometry *s = &((const conv1d_plan *)call->plan)->shape;
    const heed_view *dx = &call->out;
    const int64_t batch = block->product / s->groups, group = block->product % s->groups;
    for (int64_t i = block->row; i < block->row + block->rows; i++) {
        real *row = (real *)dx->data + batch * dx->stride[0] + (group * s->in + i) * dx->stride[1];
        for (int64_t l = block->column; l < block->column + block->columns; l++)
            row[l * dx->stride[2]] = 0;
    }
}

HEED_KERNEL(conv1d_dx)
{
    const conv1d_plan *plan = call->plan;
    const conv1d_geometry *s = &plan->shape;
    const int64_t last = heed_gemm_first(&plan->split, end);
    for (int64_t i = heed_gemm_first(&plan->split, begin); i < last; i++) {
        const heed_gemm_block block = heed_gemm_block_at(&plan->split, i, s->in, s->length);
        int64_t first = 0;
        while (first < s->taps && !covers(s, &block, first)) first++;
        if (first == s->taps)
            zero_block(call, &block);
        else
            add_tap(call, &block, first, true);
        for (int64_t tap = 0; tap < s->taps; tap++)
            if (tap != first) add_tap(call, &block, tap, false);
    }
}

#else
#include <string.h>

HEED_DECLARE_KERNEL(conv1d_dx);
static const heed_kernel kernel = HEED_KERNEL_TABLE(conv1d_dx);

static conv1d_plan make_plan(const heed_call *call)
{
    const heed_view *dy = &call->in[0], *w = &call->in[1], *dx = &call->out;
    conv1d_plan plan = { .block_rows = heed_gemm_block_rows(dx->dtype) };
    plan.shape = heed_conv1d_geometry_of(&dx->shape, &w->shape, &dy->shape, call->attr);
    const conv1d_geometry *s = &plan.shape;
    plan.split =
        heed_gemm_divide(s->batch * s->groups, s->in, s->length,
                         s->out * ((s->taps + s->stride - 1) / s->stride), dy->stride[2] != 1);
    return plan;
}

static void dx_prepare(const heed_call *call, void *plan)
{
    const conv1d_plan made = make_plan(call);
    memcpy(plan, &made, sizeof made);
}

static int64_t dx_units(const heed_call *call)
{
    return make_plan(call).split.units;
}

static size_t dx_scratch(const heed_call *call)
{
    const conv1d_plan plan = make_plan(call);
    return heed_gemm_scratch(call->out.dtype, plan.split.rows, plan.split.columns, plan.shape.out);
}

static bool dx_infer(heed_infer *infer)
{
    const conv1d_attr *attr = infer->attr;
    const heed_shape dy = infer->in[0]->shape, w = infer->in[1]->shape;
    heed_shape expected;
    if (dy.rank != 3 || w.rank != 3) return heed_refuse(infer, "dy and w have rank 3");
    const int64_t groups = attr->groups > 0 ? attr->groups : 1;
    const heed_shape x = HEED_SHAPE(dy.dim[0], w.dim[1] * groups, attr->size);
    if (!heed_conv1d_check(infer, &x, &w, &expected)) return false;
    if (!heed_shape_equal(&expected, &dy))
        return heed_refuse(infer, "dy does not have the shape of the convolution's result");
    infer->shape = x;
    return true;
}

/* The gradients of sum(dx * g), g like x. */
static void dx_vjp(heed_vjp *v)
{
    if (v->want[0]) v->dx[0] = heed_conv1d_forward(v->dy, v->in[1], v->attr);
    if (v->want[1]) v->dx[1] = heed_conv1d_dw(v->in[0], v->dy, v->in[1]->shape.dim[2], v->attr);
}

static bool dx_sample(int k, heed_sample *sample)
{
    heed_shape x;
    if (k >= CONV1D_SAMPLES) return false;
    heed_conv1d_set_sample(k, sample, &x, &sample->in[1].shape, &sample->in[0].shape);
    ((conv1d_attr *)(void *)sample->attr)->size = x.dim[2];
    return true;
}

static double flops(const heed_node *dx)
{
    const conv1d_geometry s =
        heed_conv1d_geometry_of(&dx->shape, &dx->in[1]->shape, &dx->in[0]->shape, dx->attr);
    return heed_conv1d_flops(&s);
}

const heed_op heed_op_conv1d_dx = {
    .name = "conv1d_dx",
    .doc = "conv1d's gradient for x: dx[b, c, i] = sum of w[o, c, t] dy[b, o, l] over o, t, l with "
           "i = l stride + t dilation - pad_left.",
    .n_in = 2,
    .diff = 1u << 0 | 1u << 1,
    .strided = 1u << 0 | 1u << 1,
    .strided_out = true,
    .flags = HEED_LINEAR,
    .attr_size = sizeof(conv1d_attr),
    .infer = dx_infer,
    .kernel = &kernel,
    .units = dx_units,
    .scratch = dx_scratch,
    .plan_size = sizeof(conv1d_plan),
    .prepare = dx_prepare,
    .vjp = dx_vjp,
    .sample = dx_sample,
    .flops = flops,
};

heed_node *heed_conv1d_dx(heed_node *dy, heed_node *w, int64_t length, const conv1d_attr *attr)
{
    conv1d_attr own = *attr;
    own.size = length;
    return heed_apply(&heed_op_conv1d_dx, &own, 2, (heed_node *[]){ dy, w });
}
#endif

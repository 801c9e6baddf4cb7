/* conv1d.c - y[b, o, l] = sum_c,t w[o, c, t] x[b, c, l stride + t dilation - pad_left]. */
#include "ops/conv1d.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP

/* The tap that reaches every column of the block and may therefore come first; -1: none does. */
static int64_t covering_tap(const conv1d_geometry *s, const heed_gemm_block *block)
{
    for (int64_t tap = 0; tap < s->taps; tap++) {
        const conv1d_range reach = conv1d_reach(s, tap, 0, s->length);
        if (reach.begin <= block->column && reach.end >= block->column + block->columns) return tap;
    }
    return -1;
}

static void add_tap(const heed_call *call, const heed_gemm_block *block, int64_t tap, bool first)
{
    const conv1d_plan *plan = call->plan;
    const conv1d_geometry *s = &plan->shape;
    const heed_view *x = &call->in[0], *w = &call->in[1], *y = &call->out;
    const int64_t batch = block->product / s->groups, group = block->product % s->groups;
    const int64_t channel = group * s->out + block->row, last = block->column + block->columns;
    conv1d_range l = conv1d_reach(s, tap, 0, s->length);
    if (l.begin < block->column) l.begin = block->column;
    if (l.end > last) l.end = last;
    if (l.begin >= l.end) return;
    const int64_t position = conv1d_position(s, tap, l.begin);
    const heed_gemm g = {
        .m = block->rows,
        .n = l.end - l.begin,
        .k = s->in,
        .a = (const real *)w->data + channel * w->stride[0] + tap * w->stride[2],
        .a_row = w->stride[0],
        .a_column = w->stride[1],
        .b = (const real *)x->data + batch * x->stride[0] + group * s->in * x->stride[1] +
             position * x->stride[2],
        .b_row = x->stride[1],
        .b_column = x->stride[2] * s->stride,
        .c = (real *)y->data + batch * y->stride[0] + channel * y->stride[1] +
             l.begin * y->stride[2],
        .c_row = y->stride[1],
        .c_column = y->stride[2],
        .accumulate = !first,
        .block_rows = plan->block_rows,
        .scratch = call->scratch,
    };
    HEED_FN(gemm)(&g);
}

static void zero_block(const heed_call *call, const heed_gemm_block *block)
{
    const conv1d_geometry *s = &((const conv1d_plan *)call->plan)->shape;
    const heed_view *y = &call->out;
    const int64_t batch = block->product / s->groups, group = block->product % s->groups;
    for (int64_t i = block->row; i < block->row + block->rows; i++) {
        real *row = (real *)y->data + batch * y->stride[0] + (group * s->out + i) * y->stride[1];
        for (int64_t l = block->column; l < block->column + block->columns; l++)
            row[l * y->stride[2]] = 0;
    }
}

HEED_KERNEL(conv1d)
{
    const conv1d_plan *plan = call->plan;
    const conv1d_geometry *s = &plan->shape;
    const int64_t last = heed_gemm_first(&plan->split, end);
    for (int64_t i = heed_gemm_first(&plan->split, begin); i < last; i++) {
        const heed_gemm_block block = heed_gemm_block_at(&plan->split, i, s->out, s->out_length);
        const int64_t first = covering_tap(s, &block);
        if (first < 0)
            zero_block(call, &block);
        else
            add_tap(call, &block, first, true);
        for (int64_t tap = 0; tap < s->taps; tap++)
            if (tap != first) add_tap(call, &block, tap, false);
    }
}

#else
#include <string.h>

HEED_DECLARE_KERNEL(conv1d);
static const heed_kernel kernel = HEED_KERNEL_TABLE(conv1d);

/* ---- shared with dx and dw ---- */

/* Zero means one; anything past 2^31 would overflow positions. */
static bool check_options(heed_infer *infer, conv1d_attr *o)
{
    const int64_t most = INT32_MAX;
    if (o->stride == 0) o->stride = 1;
    if (o->dilation == 0) o->dilation = 1;
    if (o->groups == 0) o->groups = 1;
    if (o->stride < 1 || o->stride > most || o->dilation < 1 || o->dilation > most)
        return heed_refuse(infer, "stride %lld and dilation %lld must be at least 1",
                           (long long)o->stride, (long long)o->dilation);
    if (o->groups < 1) return heed_refuse(infer, "groups %lld is below 1", (long long)o->groups);
    if (o->pad_left < 0 || o->pad_right < 0 || o->pad_left > most || o->pad_right > most)
        return heed_refuse(infer, "padding %lld, %lld must not be negative", (long long)o->pad_left,
                           (long long)o->pad_right);
    return true;
}

bool heed_conv1d_check(heed_infer *infer, const heed_shape *x, const heed_shape *w, heed_shape *y)
{
    conv1d_attr *o = infer->attr;
    if (!heed_need_real(infer, 0) || !heed_need_real(infer, 1) || !heed_need_same_dtype(infer))
        return false;
    if (x->rank != 3 || w->rank != 3)
        return heed_refuse(infer, "x [batch, channels, length] and w [out channels, channels / "
                                  "groups, taps] have rank 3");
    if (!check_options(infer, o)) return false;
    if (x->dim[1] != w->dim[1] * o->groups || w->dim[0] % o->groups != 0)
        return heed_refuse(infer,
                           "%lld channels and %lld output channels do not fit weights for %lld "
                           "channels in each of %lld groups",
                           (long long)x->dim[1], (long long)w->dim[0], (long long)w->dim[1],
                           (long long)o->groups);
    const int64_t padded = x->dim[2] + o->pad_left + o->pad_right;
    const int64_t taps = w->dim[2];
    if (taps < 1 || padded < 1 || taps - 1 > (padded - 1) / o->dilation)
        return heed_refuse(infer,
                           "%lld taps with dilation %lld are longer than x with padding, %lld",
                           (long long)taps, (long long)o->dilation, (long long)padded);
    *y = HEED_SHAPE(x->dim[0], w->dim[0], (padded - 1 - (taps - 1) * o->dilation) / o->stride + 1);
    return true;
}

conv1d_geometry heed_conv1d_geometry_of(const heed_shape *x, const heed_shape *w,
                                        const heed_shape *y, const conv1d_attr *attr)
{
    return (conv1d_geometry){ .batch = x->dim[0],
                              .groups = attr->groups,
                              .in = w->dim[1],
                              .out = w->dim[0] / attr->groups,
                              .length = x->dim[2],
                              .out_length = y->dim[2],
                              .taps = w->dim[2],
                              .stride = attr->stride,
                              .dilation = attr->dilation,
                              .pad_left = attr->pad_left };
}

double heed_conv1d_flops(const conv1d_geometry *g)
{
    return 2.0 * (double)(g->batch * g->groups) * (double)(g->in * g->out) *
           (double)(g->out_length * g->taps);
}

void heed_conv1d_set_sample(int k, heed_sample *sample, heed_shape *x, heed_shape *w, heed_shape *y)
{
    static const struct {
        int64_t batch, in, length, out, taps;
        conv1d_attr attr;
    } cases[CONV1D_SAMPLES] = {
        { 2, 3, 7, 2, 3, { .stride = 1 } },
        { 1, 1, 1, 1, 1, { .stride = 1 } },
        { 2, 2, 5, 3, 1, { .stride = 1 } },
        { 1, 2, 13, 2, 4, { .stride = 3, .pad_left = 1, .pad_right = 2 } },
        { 2, 2, 8, 2, 3, { .stride = 1, .dilation = 2, .pad_left = 4 } },
        { 1, 4, 6, 6, 3, { .stride = 1, .groups = 2, .pad_left = 1, .pad_right = 1 } },
        { 2, 3, 5, 3, 2, { .stride = 2, .groups = 3 } },
        { 1, 2, 2, 2, 3, { .stride = 1, .dilation = 3, .pad_left = 3, .pad_right = 3 } },
        { 1, 1, 33, 1, 7, { .stride = 2, .dilation = 2, .pad_left = 5, .pad_right = 1 } },
        { 1, 1, 3, 2, 2, { .stride = 4, .pad_left = 5, .pad_right = 6 } },
    };
    const conv1d_attr o = cases[k].attr;
    const int64_t dilation = o.dilation ? o.dilation : 1, groups = o.groups ? o.groups : 1;
    const int64_t span = dilation * (cases[k].taps - 1) + 1;
    *x = HEED_SHAPE(cases[k].batch, cases[k].in, cases[k].length);
    *w = HEED_SHAPE(cases[k].out, cases[k].in / groups, cases[k].taps);
    *y = HEED_SHAPE(cases[k].batch, cases[k].out,
                    (cases[k].length + o.pad_left + o.pad_right - span) / o.stride + 1);
    memcpy(sample->attr, &o, sizeof o);
    sample->n_in = 2;
}

/* ---- this op ---- */

static conv1d_plan make_plan(const heed_call *call)
{
    const heed_view *x = &call->in[0], *w = &call->in[1], *y = &call->out;
    conv1d_plan plan = { .block_rows = heed_gemm_block_rows(y->dtype) };
    plan.shape = heed_conv1d_geometry_of(&x->shape, &w->shape, &y->shape, call->attr);
    const conv1d_geometry *s = &plan.shape;
    plan.split = heed_gemm_divide(s->batch * s->groups, s->out, s->out_length, s->in * s->taps,
                                  s->stride * x->stride[2] != 1);
    return plan;
}

static void conv1d_prepare(const heed_call *call, void *plan)
{
    const conv1d_plan made = make_plan(call);
    memcpy(plan, &made, sizeof made);
}

static int64_t conv1d_units(const heed_call *call)
{
    return make_plan(call).split.units;
}

static size_t conv1d_scratch(const heed_call *call)
{
    const conv1d_plan plan = make_plan(call);
    return heed_gemm_scratch(call->out.dtype, plan.split.rows, plan.split.columns, plan.shape.in);
}

static bool conv1d_infer(heed_infer *infer)
{
    return heed_conv1d_check(infer, &infer->in[0]->shape, &infer->in[1]->shape, &infer->shape);
}

static void conv1d_vjp(heed_vjp *v)
{
    heed_node *x = v->in[0], *w = v->in[1];
    if (v->want[0]) v->dx[0] = heed_conv1d_dx(v->dy, w, x->shape.dim[2], v->attr);
    if (v->want[1]) v->dx[1] = heed_conv1d_dw(v->dy, x, w->shape.dim[2], v->attr);
}

static bool conv1d_sample(int k, heed_sample *sample)
{
    heed_shape y;
    if (k >= CONV1D_SAMPLES) return false;
    heed_conv1d_set_sample(k, sample, &sample->in[0].shape, &sample->in[1].shape, &y);
    return true;
}

static double flops(const heed_node *y)
{
    const conv1d_geometry s =
        heed_conv1d_geometry_of(&y->in[0]->shape, &y->in[1]->shape, &y->shape, y->attr);
    return heed_conv1d_flops(&s);
}

const heed_op heed_op_conv1d = {
    .name = "conv1d",
    .doc =
        "y[b, o, l] = sum_c,t w[o, c, t] x[b, c, l stride + t dilation - pad_left]: x [B, C, L], "
        "w [O, C / groups, K] -> y [B, O, (L + pads - dilation (K - 1) - 1) / stride + 1].",
    .n_in = 2,
    .diff = 1u << 0 | 1u << 1,
    .strided = 1u << 0 | 1u << 1,
    .strided_out = true,
    .flags = HEED_LINEAR,
    .attr_size = sizeof(conv1d_attr),
    .infer = conv1d_infer,
    .kernel = &kernel,
    .units = conv1d_units,
    .scratch = conv1d_scratch,
    .plan_size = sizeof(conv1d_plan),
    .prepare = conv1d_prepare,
    .vjp = conv1d_vjp,
    .sample = conv1d_sample,
    .flops = flops,
};

heed_node *heed_conv1d_forward(heed_node *x, heed_node *w, const conv1d_attr *attr)
{
    conv1d_attr own = *attr;
    own.size = 0;
    return heed_apply(&heed_op_conv1d, &own, 2, (heed_node *[]){ x, w });
}

heed_node *heed_conv1d_with(heed_node *x, heed_node *w, heed_conv1d_options options)
{
    const conv1d_attr attr = { .stride = options.stride,
                               .dilation = options.dilation,
                               .groups = options.groups,
                               .pad_left = options.pad_left,
                               .pad_right = options.pad_right };
    return heed_conv1d_forward(x, w, &attr);
}
#endif

/* slice.c - y = x[.., start : stop : step, ..] along one axis, without a copy */
#include "ops/common.h"
#include "ops/movement.h"
#include "ops/ops.h"

/* Resolve negative ends; then put stop just behind the last element taken, so that equal slices
 * have equal attributes. */
static bool slice_infer(heed_infer *infer)
{
    heed_slice_attr *attr = infer->attr;
    if (!heed_need_axis(infer, &infer->in[0]->shape, &attr->axis)) return false;
    int64_t size = infer->in[0]->shape.dim[attr->axis];
    int64_t start = attr->start < 0 ? attr->start + size : attr->start;
    int64_t stop = attr->stop < 0 ? attr->stop + size : attr->stop;
    if (attr->step < 1) {
        return heed_refuse(infer, "step %lld is not positive", (long long)attr->step);
    }
    if (start < 0 || stop > size || start > stop) {
        return heed_refuse(infer, "%lld:%lld is not a range of axis %d, which has size %lld",
                           (long long)attr->start, (long long)attr->stop, attr->axis,
                           (long long)size);
    }
    int64_t count = start == stop ? 0 : (stop - start - 1) / attr->step + 1;
    attr->start = start;
    attr->stop = count > 0 ? start + (count - 1) * attr->step + 1 : start;
    if (count <= 1) attr->step = 1;
    infer->shape.dim[attr->axis] = count;
    return true;
}

static bool slice_view(const heed_node *node, const heed_view *in, heed_view *out)
{
    const heed_slice_attr *attr = node->attr;
    *out = heed_view_slice(in, attr->axis, attr->start, attr->step, node->shape.dim[attr->axis]);
    return true;
}

/* dx is zero but for dy where y was read. */
static void slice_vjp(heed_vjp *v)
{
    const heed_slice_attr *attr = v->attr;
    heed_pad_attr back = {
        .axis = attr->axis,
        .before = attr->start,
        .after = v->in[0]->shape.dim[attr->axis] - attr->stop,
        .step = attr->step,
    };
    if (v->want[0]) v->dx[0] = heed_apply(&heed_op_pad, &back, 1, &v->dy);
}

/* The part of a concatenation that holds all of the slice, which is moved to that part's start. */
static heed_node *only_part(heed_node *concat, heed_slice_attr *slice)
{
    int64_t before = 0;
    for (int i = 0; i < concat->n_in; i++) {
        int64_t size = concat->in[i]->shape.dim[slice->axis];
        if (slice->start >= before && slice->stop <= before + size) {
            slice->start -= before;
            slice->stop -= before;
            return concat->in[i];
        }
        before += size;
    }
    return NULL;
}

/* All of x: x. Of a slice: one step. Of one part of a concat: of that part. */
static heed_node *slice_simplify(heed_node *node)
{
    heed_slice_attr all = *(const heed_slice_attr *)node->attr;
    heed_node *x = node->in[0];
    int64_t count = node->shape.dim[all.axis];
    if (count == 0) return node;
    while (x->op == &heed_op_slice) {
        const heed_slice_attr *first = x->attr;
        if (first->axis != all.axis) break;
        all.start = first->start + all.start * first->step;
        all.step *= first->step;
        all.stop = all.start + (count - 1) * all.step + 1;
        x = x->in[0];
    }
    if (x->op == &heed_op_concat && ((const heed_concat_attr *)x->attr)->axis == all.axis) {
        heed_node *part = only_part(x, &all);
        if (part) x = part;
    }
    if (count == x->shape.dim[all.axis]) return x;
    return x == node->in[0] ? node : heed_apply(&heed_op_slice, &all, 1, &x);
}

static bool slice_sample(int k, heed_sample *sample)
{
    static const struct {
        heed_shape shape;
        heed_slice_attr attr;
    } cases[] = {
        { { 1, { 7 } }, { .axis = 0, .start = 2, .stop = 5, .step = 1 } },
        { { 2, { 3, 4 } }, { .axis = -1, .start = 1, .stop = 4, .step = 2 } },
        { { 2, { 5, 3 } }, { .axis = 0, .start = 0, .stop = 5, .step = 1 } },
        { { 3, { 2, 13, 2 } }, { .axis = 1, .start = 1, .stop = -1, .step = 3 } },
        { { 3, { 2, 1, 7 } }, { .axis = 2, .start = -2, .stop = 7, .step = 1 } },
        { { 1, { 33 } }, { .axis = 0, .start = 4, .stop = 33, .step = 7 } },
        { { 2, { 4, 3 } }, { .axis = 0, .start = 3, .stop = 4, .step = 5 } },
    };
    if (k < 0 || k >= (int)(sizeof cases / sizeof cases[0])) return false;
    sample->n_in = 1;
    sample->in[0].shape = cases[k].shape;
    heed_sample_attr(sample, &cases[k].attr, sizeof cases[k].attr);
    return true;
}

static bool slice_large(heed_sample *sample)
{
    const heed_slice_attr attr = { .axis = 1, .start = 512, .stop = 3584, .step = 1 };
    return heed_sample_large(sample, 1, &(heed_shape){ 2, { 8192, 4096 } }, &attr, sizeof attr);
}

const heed_op heed_op_slice = {
    .name = "slice",
    .doc = "y = x[.., start : stop : step, ..] along one axis; step > 0.",
    .n_in = 1,
    .diff = 1,
    .flags = HEED_LINEAR,
    .attr_size = sizeof(heed_slice_attr),
    .infer = slice_infer,
    .view = slice_view,
    .vjp = slice_vjp,
    .sample = slice_sample,
    .large = slice_large,
    .flops = heed_flops_none,
    .simplify = slice_simplify,
};

/* Downwards: the same elements upwards, turned round. `stop` is not reached: -(size + 1) means down
 * to the first element, as in NumPy. */
static heed_node *slice_down(heed_node *x, int axis, int64_t start, int64_t stop, int64_t step)
{
    char text[256];
    if (!heed_resolve_axis(x, "slice", &axis)) return NULL;
    int64_t size = x->shape.dim[axis], from = start < 0 ? start + size : start;
    int64_t to = stop < 0 ? stop + size : stop;
    if (from < 0 || from >= size || to < -1 || to > from || step < -INT64_MAX) {
        return heed_graph_fail(x->graph, "slice: %lld:%lld:%lld is not a range of axis %d of %s",
                               (long long)start, (long long)stop, (long long)step, axis,
                               heed_describe(x, text, sizeof text));
    }
    if (from == to) return heed_slice(x, axis, 0, 0);
    int64_t first = from - (from - to - 1) / -step * -step;
    return heed_flip_axes(heed_slice_step(x, axis, first, from + 1, -step), &axis, 1);
}

heed_node *heed_slice_step(heed_node *x, int axis, int64_t start, int64_t stop, int64_t step)
{
    if (step < 0) return slice_down(x, axis, start, stop, step);
    heed_slice_attr attr = { .axis = axis, .start = start, .stop = stop, .step = step };
    return heed_apply(&heed_op_slice, &attr, 1, &x);
}

heed_node *heed_slice(heed_node *x, int axis, int64_t start, int64_t stop)
{
    return heed_slice_step(x, axis, start, stop, 1);
}

heed_node *heed_index(heed_node *x, int axis, int64_t i)
{
    char text[256];
    if (!heed_resolve_axis(x, "index", &axis)) return NULL;
    int64_t size = x->shape.dim[axis], at = i < 0 ? i + size : i;
    if (at < 0 || at >= size) {
        return heed_graph_fail(x->graph, "index: %lld is out of range for axis %d of %s",
                               (long long)i, axis, heed_describe(x, text, sizeof text));
    }
    return heed_squeeze(heed_slice(x, axis, at, at + 1), axis);
}

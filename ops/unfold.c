/* unfold.c - windows of `size` elements, `step` apart, along an axis: a view whose windows may
 * overlap; and its reverse, fold_windows, which adds them up again */
#include "ops/common.h"
#include "ops/kernel.h"

typedef struct heed_unfold_attr {
    int64_t size; /* of a window; of fold_windows: of the axis of its output */
    int64_t step;
    int axis, unused;
} heed_unfold_attr;

#ifdef HEED_STAMP
#include <string.h>

static void add_run(real *to, const real *from, int64_t step, int64_t n)
{
    if (step == 1) {
        for (int64_t i = 0; i < n; i++) to[i] += from[i];
    } else {
        for (int64_t i = 0; i < n; i++) to[i] += from[i * step];
    }
}

/* out is [outer, length, inner], dy [outer, windows, inner, size]. A unit has a run of rows of out;
 * what overlaps is added in the order of windows. */
typedef struct folding {
    int64_t length, inner, windows, size, step;
} folding;

/* Rows first <= l < last of one outer index. */
static void fold_rows(const folding *f, const real *dy, real *out, int64_t first, int64_t last)
{
    int64_t from = first < f->size ? 0 : (first - f->size) / f->step + 1;
    memset(out + first * f->inner, 0, (size_t)((last - first) * f->inner) * sizeof *out);
    for (int64_t w = from; w < f->windows && w * f->step < last; w++) {
        int64_t at = w * f->step, k = first > at ? first - at : 0;
        int64_t end = heed_smaller(f->size, last - at);
        const real *window = dy + w * f->inner * f->size;
        if (f->inner == 1) {
            add_run(out + at + k, window + k, 1, end - k);
            continue;
        }
        for (; k < end; k++) add_run(out + (at + k) * f->inner, window + k, f->size, f->inner);
    }
}

HEED_KERNEL(fold_windows)
{
    const heed_unfold_attr *attr = call->attr;
    const heed_shape *in = &call->in[0].shape, *out = &call->out.shape;
    const folding f = {
        .length = attr->size,
        .inner = heed_product(out, attr->axis + 1, out->rank),
        .windows = in->dim[attr->axis],
        .size = in->dim[in->rank - 1],
        .step = attr->step,
    };
    int64_t rows = heed_product(out, 0, attr->axis + 1), per_unit = heed_rows_per_unit(f.inner);
    int64_t end_row = heed_smaller(end * per_unit, rows);
    for (int64_t r = begin * per_unit, next; r < end_row; r = next) {
        int64_t outer = r / f.length;
        next = heed_smaller(end_row, (outer + 1) * f.length);
        const real *dy = (const real *)call->in[0].data + outer * f.windows * f.inner * f.size;
        real *to = (real *)call->out.data + outer * f.length * f.inner;
        fold_rows(&f, dy, to, r - outer * f.length, next - outer * f.length);
    }
}

#else
#include "ops/ops.h"

HEED_DECLARE_KERNEL(fold_windows);
static const heed_kernel fold_windows_kernel = HEED_KERNEL_TABLE(fold_windows);

static int64_t fold_windows_units(const heed_call *call)
{
    const heed_unfold_attr *attr = call->attr;
    const heed_shape *out = &call->out.shape;
    int64_t inner = heed_product(out, attr->axis + 1, out->rank);
    if (inner == 0) return 0;
    return heed_units_of(heed_product(out, 0, attr->axis + 1), heed_rows_per_unit(inner));
}

static int64_t windows_of(int64_t length, int64_t size, int64_t step)
{
    return (length - size) / step + 1;
}

static bool unfold_infer(heed_infer *infer)
{
    heed_unfold_attr *attr = infer->attr;
    heed_shape *shape = &infer->shape;
    if (!heed_need_axis(infer, shape, &attr->axis)) return false;
    int64_t *length = &shape->dim[attr->axis];
    if (attr->step < 1) {
        return heed_refuse(infer, "step %lld is not positive", (long long)attr->step);
    }
    if (attr->size < 0 || attr->size > *length) {
        return heed_refuse(infer, "windows of %lld do not fit axis %d, which has size %lld",
                           (long long)attr->size, attr->axis, (long long)*length);
    }
    if (shape->rank == HEED_MAX_RANK) {
        return heed_refuse(infer, "the result has more than %d axes", HEED_MAX_RANK);
    }
    *length = windows_of(*length, attr->size, attr->step);
    shape->dim[shape->rank++] = attr->size;
    return true;
}

static bool unfold_view(const heed_node *node, const heed_view *in, heed_view *out)
{
    const heed_unfold_attr *attr = node->attr;
    *out = *in;
    out->shape = node->shape;
    out->stride[in->shape.rank] = in->stride[attr->axis];
    out->stride[attr->axis] *= attr->step;
    return true;
}

static void unfold_vjp(heed_vjp *v)
{
    const heed_unfold_attr *attr = v->attr;
    if (!v->want[0]) return;
    v->dx[0] = heed_fold_windows(v->dy, attr->axis, v->in[0]->shape.dim[attr->axis], attr->step);
}

typedef struct unfold_case {
    heed_shape x;
    heed_unfold_attr attr;
} unfold_case;

static const unfold_case cases[] = {
    { { 1, { 7 } }, { .size = 3, .step = 1 } },
    { { 1, { 13 } }, { .size = 4, .step = 2 } },
    { { 2, { 3, 7 } }, { .size = 2, .step = 3, .axis = -1 } },
    { { 3, { 2, 5, 3 } }, { .size = 3, .step = 1, .axis = 1 } },
    { { 2, { 4, 3 } }, { .size = 4, .step = 5, .axis = 0 } },
    { { 1, { 33 } }, { .size = 1, .step = 7 } },
    { { 2, { 5, 1 } }, { .size = 2, .step = 2, .axis = 0 } },
};

static bool unfold_sample(int k, heed_sample *sample)
{
    if (k < 0 || k >= (int)(sizeof cases / sizeof cases[0])) return false;
    sample->n_in = 1;
    sample->in[0].shape = cases[k].x;
    heed_sample_attr(sample, &cases[k].attr, sizeof cases[k].attr);
    return true;
}

static bool unfold_large(heed_sample *sample)
{
    const heed_unfold_attr attr = { .size = 512, .step = 256, .axis = -1 };
    return heed_sample_large(sample, 1, &(heed_shape){ 2, { 64, 131072 } }, &attr, sizeof attr);
}

const heed_op heed_op_unfold = {
    .name = "unfold",
    .doc = "Windows of `size` elements, `step` apart, along an axis, which counts windows then; a "
           "new last axis goes through a window. Without a copy.",
    .n_in = 1,
    .diff = 1,
    .flags = HEED_LINEAR,
    .attr_size = sizeof(heed_unfold_attr),
    .infer = unfold_infer,
    .view = unfold_view,
    .vjp = unfold_vjp,
    .sample = unfold_sample,
    .flops = heed_flops_none,
    .large = unfold_large,
};

/* ---- the reverse ---- */

static bool fold_windows_infer(heed_infer *infer)
{
    heed_unfold_attr *attr = infer->attr;
    heed_shape *shape = &infer->shape;
    if (!heed_need_real(infer, 0)) return false;
    if (shape->rank < 2) return heed_refuse(infer, "windows have two axes or more");
    int64_t size = shape->dim[--shape->rank];
    if (!heed_need_axis(infer, shape, &attr->axis)) return false;
    int64_t windows = shape->dim[attr->axis];
    if (attr->step < 1) {
        return heed_refuse(infer, "step %lld is not positive", (long long)attr->step);
    }
    if (attr->size < size || windows != windows_of(attr->size, size, attr->step)) {
        return heed_refuse(infer, "%lld elements don't have %lld windows of %lld, %lld apart",
                           (long long)attr->size, (long long)windows, (long long)size,
                           (long long)attr->step);
    }
    shape->dim[attr->axis] = attr->size;
    return true;
}

static void fold_windows_vjp(heed_vjp *v)
{
    const heed_unfold_attr *attr = v->attr;
    const heed_shape *in = &v->in[0]->shape;
    if (!v->want[0]) return;
    v->dx[0] = heed_unfold(v->dy, attr->axis, in->dim[in->rank - 1], attr->step);
}

static bool fold_windows_sample(int k, heed_sample *sample)
{
    if (!unfold_sample(k, sample)) return false;
    heed_unfold_attr attr = cases[k].attr;
    heed_shape *shape = &sample->in[0].shape;
    int axis = attr.axis < 0 ? attr.axis + shape->rank : attr.axis;
    shape->dim[shape->rank++] = attr.size;
    attr.size = shape->dim[axis];
    shape->dim[axis] = windows_of(attr.size, cases[k].attr.size, attr.step);
    attr.axis = axis;
    heed_sample_attr(sample, &attr, sizeof attr);
    return true;
}

static bool fold_windows_large(heed_sample *sample)
{
    const heed_unfold_attr attr = { .size = 131072, .step = 256, .axis = 1 };
    const heed_shape windows = { 3, { 64, 511, 512 } };
    return heed_sample_large(sample, 1, &windows, &attr, sizeof attr);
}

const heed_op heed_op_fold_windows = {
    .name = "fold_windows",
    .doc = "Windows along an axis (their elements are the last axis) added up where they overlap: "
           "the reverse of unfold.",
    .n_in = 1,
    .diff = 1,
    .flags = HEED_LINEAR,
    .attr_size = sizeof(heed_unfold_attr),
    .infer = fold_windows_infer,
    .kernel = &fold_windows_kernel,
    .units = fold_windows_units,
    .vjp = fold_windows_vjp,
    .sample = fold_windows_sample,
    .flops = heed_flops_of_input,
    .large = fold_windows_large,
};

heed_node *heed_unfold(heed_node *x, int axis, int64_t size, int64_t step)
{
    heed_unfold_attr attr = { .axis = axis, .size = size, .step = step };
    return heed_apply(&heed_op_unfold, &attr, 1, &x);
}

heed_node *heed_fold_windows(heed_node *windows, int axis, int64_t length, int64_t step)
{
    heed_unfold_attr attr = { .axis = axis, .size = length, .step = step };
    return heed_apply(&heed_op_fold_windows, &attr, 1, &windows);
}

#endif

/* pad.c - along one axis: before values, x (step - 1 values between its elements), after values */
#include "ops/common.h"
#include "ops/kernel.h"
#include "ops/movement.h"

#ifdef HEED_STAMP
#include "ops/micro/walk.h"

/* The value as bits of out's element. */
static ireal pad_bits(double value, heed_dtype dtype)
{
    real number = (real)value;
    ireal bits;
    memcpy(&bits, &number, sizeof bits);
    return dtype == HEED_I32 ? (ireal)value : bits;
}

static void fill(ireal *to, int64_t n, ireal value)
{
    for (int64_t i = 0; i < n; i++) to[i] = value;
}

/* Positions first <= p < last of the axis, for one outer index; x and out begin there. */
static void pad_block(const heed_call *call, const ireal *x, ireal *out, int64_t first,
                      int64_t last)
{
    const heed_pad_attr *attr = call->attr;
    const heed_view *in = &call->in[0];
    int axis = attr->axis;
    int64_t n = in->shape.dim[axis], inner = call->out.stride[axis], dim[HEED_MAX_RANK];
    int64_t to[HEED_MAX_RANK];
    int64_t begin = first <= attr->before ? 0 : (first - attr->before - 1) / attr->step + 1;
    int64_t end = last <= attr->before ? 0 : (last - attr->before - 1) / attr->step + 1;
    ireal value = pad_bits(attr->value, call->out.dtype);
    end = heed_smaller(end, n);
    if (begin >= end || attr->step > 1) { /* all of it; x's elements then go in between */
        fill(out + first * inner, (last - first) * inner, value);
    } else {
        int64_t front = attr->before + begin, back = attr->before + end;
        fill(out + first * inner, (front - first) * inner, value);
        fill(out + back * inner, (last - back) * inner, value);
    }
    if (begin >= end) return;
    for (int i = axis; i < in->shape.rank; i++) {
        dim[i - axis] = in->shape.dim[i];
        to[i - axis] = call->out.stride[i];
    }
    dim[0] = end - begin;
    to[0] = inner * attr->step;
    heed_walk walk = heed_walk_of(in->shape.rank - axis, dim, in->stride + axis, to);
    heed_walk_copy(&walk, out + (attr->before + begin * attr->step) * inner,
                   x + begin * in->stride[axis]);
}

/* A unit is a run of positions of the axis, each `inner` elements of out. */
HEED_KERNEL(pad)
{
    const heed_pad_attr *attr = call->attr;
    const heed_view *x = &call->in[0];
    const heed_shape *out = &call->out.shape;
    int axis = attr->axis;
    int64_t inner = heed_product(out, axis + 1, out->rank), size = out->dim[axis];
    int64_t rows = heed_product(out, 0, axis) * size, per_unit = heed_rows_per_unit(inner);
    int64_t end_row = heed_smaller(end * per_unit, rows);
    heed_walk outer = { .outer = axis };
    for (int i = 0; i < axis; i++) {
        outer.dim[i] = out->dim[i];
        outer.from[i] = x->stride[i];
    }
    for (int64_t r = begin * per_unit, next; r < end_row; r = next) {
        int64_t block = r / size, start = block * size, from, unused;
        next = heed_smaller(end_row, start + size);
        heed_walk_row(&outer, block, &from, &unused);
        pad_block(call, (const ireal *)x->data + from, (ireal *)call->out.data + start * inner,
                  r - start, next - start);
    }
}

#else
#include "ops/ops.h"

HEED_DECLARE_KERNEL(pad);
static const heed_kernel pad_kernel = HEED_MOVE_TABLE(pad);

static int64_t pad_units(const heed_call *call)
{
    const heed_pad_attr *attr = call->attr;
    const heed_shape *out = &call->out.shape;
    int64_t inner = heed_product(out, attr->axis + 1, out->rank);
    return heed_units_of(heed_product(out, 0, attr->axis + 1), heed_rows_per_unit(inner));
}

static bool pad_infer(heed_infer *infer)
{
    heed_pad_attr *attr = infer->attr;
    int64_t size;
    if (!heed_need_axis(infer, &infer->shape, &attr->axis)) return false;
    int64_t *dim = &infer->shape.dim[attr->axis];
    if (attr->before < 0 || attr->after < 0) {
        return heed_refuse(infer, "%lld before and %lld after: one is negative",
                           (long long)attr->before, (long long)attr->after);
    }
    if (attr->step < 1) {
        return heed_refuse(infer, "step %lld is not positive", (long long)attr->step);
    }
    if (*dim <= 1) attr->step = 1;
    if (__builtin_mul_overflow(*dim > 0 ? *dim - 1 : 0, attr->step, &size) ||
        __builtin_add_overflow(size, *dim > 0, &size) ||
        __builtin_add_overflow(size, attr->before, &size) ||
        __builtin_add_overflow(size, attr->after, &size)) {
        return heed_refuse(infer, "axis %d becomes too long", attr->axis);
    }
    *dim = size;
    return true;
}

/* What y took from x, dx takes from dy. */
static void pad_vjp(heed_vjp *v)
{
    const heed_pad_attr *attr = v->attr;
    int64_t n = v->in[0]->shape.dim[attr->axis];
    int64_t stop = n > 0 ? attr->before + (n - 1) * attr->step + 1 : attr->before;
    if (!v->want[0]) return;
    v->dx[0] = heed_slice_step(v->dy, attr->axis, attr->before, stop, attr->step);
}

static heed_node *pad_simplify(heed_node *node)
{
    return heed_shape_equal(&node->shape, &node->in[0]->shape) ? node->in[0] : node;
}

static bool pad_sample(int k, heed_sample *sample)
{
    static const struct {
        heed_shape shape;
        heed_pad_attr attr;
    } cases[] = {
        { { 1, { 5 } }, { .before = 2, .after = 1, .step = 1 } },
        { { 2, { 3, 4 } }, { .axis = -1, .before = 0, .after = 3, .step = 2, .value = 1.5 } },
        { { 2, { 3, 4 } }, { .axis = 0, .before = 1, .after = 0, .step = 1, .value = -2 } },
        { { 3, { 2, 1, 7 } }, { .axis = 1, .before = 1, .after = 2, .step = 3 } },
        { { 3, { 2, 4, 3 } }, { .axis = 1, .before = 0, .after = 0, .step = 4 } },
        { { 1, { 13 } }, { .axis = 0, .before = 0, .after = 0, .step = 1 } },
        { { 1, { 1 } }, { .axis = 0, .before = 16, .after = 16, .step = 1 } },
    };
    if (k < 0 || k >= (int)(sizeof cases / sizeof cases[0])) return false;
    sample->n_in = 1;
    sample->in[0].shape = cases[k].shape;
    heed_sample_attr(sample, &cases[k].attr, sizeof cases[k].attr);
    return true;
}

const heed_op heed_op_pad = {
    .name = "pad",
    .doc = "x with `before` and `after` values added along one axis, and step - 1 between "
           "neighbours: the reverse of a slice.",
    .n_in = 1,
    .diff = 1,
    .strided = 1,
    .attr_size = sizeof(heed_pad_attr),
    .infer = pad_infer,
    .kernel = &pad_kernel,
    .units = pad_units,
    .vjp = pad_vjp,
    .sample = pad_sample,
    .flops = heed_flops_none,
    .simplify = pad_simplify,
};

heed_node *heed_pad(heed_node *x, int axis, int64_t before, int64_t after, double value)
{
    heed_pad_attr attr = {
        .axis = axis, .before = before, .after = after, .step = 1, .value = value
    };
    return heed_apply(&heed_op_pad, &attr, 1, &x);
}

#endif

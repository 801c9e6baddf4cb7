/* concat.c - y = x0, x1, ... one after another along an axis */
#include "ops/common.h"
#include "ops/kernel.h"
#include "ops/movement.h"

#ifdef HEED_STAMP
#include "ops/micro/walk.h"

/* Positions begin <= p < end of input x along the axis, for outer rows first <= o < last, go to
 * `at` + p of out. */
static void copy_part(const heed_view *x, const heed_view *out, int axis, int64_t first,
                      int64_t last, int64_t begin, int64_t end, int64_t at)
{
    int64_t dim[HEED_MAX_RANK];
    int inner = out->shape.rank - axis;
    int64_t outer_stride = axis > 0 ? out->stride[axis - 1] : 0;
    for (int i = 0; i < inner; i++) dim[i] = out->shape.dim[axis + i];
    dim[0] = end - begin;
    heed_walk block = heed_walk_of(inner, dim, x->stride + axis, out->stride + axis);
    heed_walk rows = { .outer = axis };
    for (int i = 0; i < axis; i++) {
        rows.dim[i] = x->shape.dim[i];
        rows.from[i] = x->stride[i];
    }
    for (int64_t o = first; o < last; o++) {
        int64_t from, unused;
        heed_walk_row(&rows, o, &from, &unused);
        const ireal *source = (const ireal *)x->data + from + begin * x->stride[axis];
        ireal *target = (ireal *)out->data + o * outer_stride + (at + begin) * out->stride[axis];
        heed_walk_copy(&block, target, source);
    }
}

/* A unit is a run of outer rows, or a part of one row when it is long. */
HEED_KERNEL(concat)
{
    const heed_concat_attr *attr = call->attr;
    const heed_view *out = &call->out;
    int axis = attr->axis;
    int64_t size = out->shape.dim[axis];
    int64_t inner = heed_product(&out->shape, axis + 1, out->shape.rank);
    int64_t outer = heed_product(&out->shape, 0, axis);
    int64_t group = heed_rows_per_unit(size * inner);
    int64_t length = group > 1 ? size : heed_smaller(size, heed_rows_per_unit(inner));
    int64_t parts = length > 0 ? heed_units_of(size, length) : 0;
    for (int64_t u = begin; u < end; u++) {
        int64_t first = u / parts * group, last = heed_smaller(first + group, outer);
        int64_t left = u % parts * length, right = heed_smaller(left + length, size), at = 0;
        for (int i = 0; i < call->n_in && at < right; i++) {
            int64_t n = call->in[i].shape.dim[axis];
            int64_t from = left > at ? left - at : 0, to = heed_smaller(n, right - at);
            if (from < to) copy_part(&call->in[i], out, axis, first, last, from, to, at);
            at += n;
        }
    }
}

#else
#include <limits.h>

#include "ops/ops.h"

HEED_DECLARE_KERNEL(concat);
static const heed_kernel concat_kernel = HEED_MOVE_TABLE(concat);

static int64_t concat_units(const heed_call *call)
{
    const heed_concat_attr *attr = call->attr;
    const heed_shape *out = &call->out.shape;
    int64_t size = out->dim[attr->axis], inner = heed_product(out, attr->axis + 1, out->rank);
    int64_t outer = heed_product(out, 0, attr->axis), group = heed_rows_per_unit(size * inner);
    if (outer * size * inner == 0) return 0;
    if (group > 1) return heed_units_of(outer, group);
    return outer * heed_units_of(size, heed_smaller(size, heed_rows_per_unit(inner)));
}

static bool concat_infer(heed_infer *infer)
{
    heed_concat_attr *attr = infer->attr;
    char first[HEED_SHAPE_TEXT], other[HEED_SHAPE_TEXT];
    heed_shape *out = &infer->shape;
    if (!heed_need_axis(infer, out, &attr->axis)) return false;
    for (int i = 1; i < infer->n_in; i++) {
        const heed_node *x = infer->in[i];
        if (x->dtype != infer->dtype) {
            return heed_refuse(infer, "input %d is %s, input 0 is %s", i, heed_dtype_name(x->dtype),
                               heed_dtype_name(infer->dtype));
        }
        heed_shape rest = x->shape;
        if (rest.rank == out->rank) rest.dim[attr->axis] = infer->in[0]->shape.dim[attr->axis];
        if (!heed_shape_equal(&rest, &infer->in[0]->shape)) {
            return heed_refuse(infer, "input %d is %s, which differs from %s outside axis %d", i,
                               heed_shape_print(&x->shape, other, sizeof other),
                               heed_shape_print(&infer->in[0]->shape, first, sizeof first),
                               attr->axis);
        }
        if (__builtin_add_overflow(out->dim[attr->axis], x->shape.dim[attr->axis],
                                   &out->dim[attr->axis])) {
            return heed_refuse(infer, "axis %d becomes too long", attr->axis);
        }
    }
    return true;
}

/* Input i fills its part of out. */
static bool concat_place(const heed_node *node, int i, const heed_view *out, heed_view *in)
{
    const heed_concat_attr *attr = node->attr;
    int64_t at = 0;
    for (int k = 0; k < i; k++) at += node->in[k]->shape.dim[attr->axis];
    *in = heed_view_slice(out, attr->axis, at, 1, node->in[i]->shape.dim[attr->axis]);
    return true;
}

static void concat_vjp(heed_vjp *v)
{
    const heed_concat_attr *attr = v->attr;
    int64_t at = 0;
    for (int i = 0; i < v->n_in; i++) {
        int64_t n = v->in[i]->shape.dim[attr->axis];
        if (v->want[i]) v->dx[i] = heed_slice(v->dy, attr->axis, at, at + n);
        at += n;
    }
}

static heed_node *concat_simplify(heed_node *node)
{
    return node->n_in == 1 ? node->in[0] : node;
}

static bool concat_sample(int k, heed_sample *sample)
{
    static const struct {
        int n, axis;
        heed_shape in[4];
    } cases[] = {
        { 2, 0, { { 1, { 3 } }, { 1, { 4 } } } },
        { 3, -1, { { 2, { 3, 4 } }, { 2, { 3, 1 } }, { 2, { 3, 2 } } } },
        { 2, 1, { { 3, { 2, 3, 2 } }, { 3, { 2, 1, 2 } } } },
        { 1, 0, { { 2, { 2, 7 } } } },
        { 4, 0, { { 2, { 1, 5 } }, { 2, { 3, 5 } }, { 2, { 1, 5 } }, { 2, { 2, 5 } } } },
        { 2, 2, { { 3, { 1, 2, 13 } }, { 3, { 1, 2, 7 } } } },
    };
    if (k < 0 || k >= (int)(sizeof cases / sizeof cases[0])) return false;
    sample->n_in = cases[k].n;
    for (int i = 0; i < cases[k].n; i++) sample->in[i].shape = cases[k].in[i];
    heed_sample_attr(sample, &(heed_concat_attr){ cases[k].axis }, sizeof(heed_concat_attr));
    return true;
}

static bool concat_large(heed_sample *sample)
{
    const heed_shape halves[] = { { 2, { 16384, 512 } }, { 2, { 16384, 512 } } };
    const heed_concat_attr attr = { .axis = 1 };
    return heed_sample_large(sample, 2, halves, &attr, sizeof attr);
}

const heed_op heed_op_concat = {
    .name = "concat",
    .doc = "Inputs one after another along an axis; their other dimensions are equal.",
    .n_in = 1,
    .max_in = INT_MAX,
    .diff = HEED_ALL_INPUTS,
    .strided = HEED_ALL_INPUTS,
    .flags = HEED_LINEAR,
    .attr_size = sizeof(heed_concat_attr),
    .infer = concat_infer,
    .kernel = &concat_kernel,
    .place = concat_place,
    .units = concat_units,
    .vjp = concat_vjp,
    .sample = concat_sample,
    .large = concat_large,
    .flops = heed_flops_none,
    .simplify = concat_simplify,
};

heed_node *heed_concat(heed_node *const *x, int n, int axis)
{
    return heed_apply(&heed_op_concat, &(heed_concat_attr){ axis }, n, x);
}

/* Flat list of unsqueezed inputs, kept with the graph. */
heed_node *heed_stack(heed_node *const *x, int n, int axis)
{
    if (n < 1 || !x[0]) return NULL;
    heed_node **row = heed_graph_memory(x[0]->graph, (size_t)n * sizeof *row);
    if (!row) return NULL;
    for (int i = 0; i < n; i++) row[i] = heed_unsqueeze(x[i], axis);
    return heed_concat(row, n, axis);
}

#endif

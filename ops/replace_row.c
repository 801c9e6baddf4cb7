/* replace_row.c - y = x, but row `index` along axis is another one: what a loop writes down in each
 * step
 *
 * x is read as [Q, V, S]: Q x's axes before `axis`, V that axis, S the rest; row is [Q, S]. An
 * index outside 0 .. V - 1 replaces nothing. Where y is x's memory only the row is written. */
#include "ops/common.h"
#include "ops/kernel.h"

typedef struct heed_replace_row_attr {
    int axis;
} heed_replace_row_attr;

#ifdef HEED_STAMP
#include "ops/micro/walk.h"

/* Row number q of `row`, which may have any strides, to `to`. */
static void write_row(const heed_view *row, int axis, int64_t q, ireal *to)
{
    int64_t dense[HEED_MAX_RANK], step = 1, offset = 0;
    for (int i = row->shape.rank - 1; i >= axis; i--) {
        dense[i] = step;
        step *= row->shape.dim[i];
    }
    for (int i = axis - 1; i >= 0; i--) {
        offset += q % row->shape.dim[i] * row->stride[i];
        q /= row->shape.dim[i];
    }
    const heed_walk walk = heed_walk_of(row->shape.rank - axis, row->shape.dim + axis,
                                        row->stride + axis, dense + axis);
    heed_walk_copy(&walk, to, (const ireal *)row->data + offset);
}

HEED_KERNEL(replace_row)
{
    const heed_view *x = &call->in[0], *row = &call->in[1];
    const int axis = ((const heed_replace_row_attr *)call->attr)->axis;
    const int64_t v = x->shape.dim[axis], s = heed_product(&x->shape, axis + 1, x->shape.rank);
    const int64_t rows = heed_product(&x->shape, 0, axis) * v, at = *(int32_t *)call->in[2].data;
    const int64_t first = begin * heed_rows_per_unit(s);
    const int64_t last = heed_smaller(end * heed_rows_per_unit(s), rows);
    ireal *y = call->out.data;
    const ireal *from = x->data;
    if (last <= first) return;
    if (y != from)
        memcpy(y + first * s, from + first * s, (size_t)((last - first) * s) * sizeof *y);
    if (at < 0 || at >= v) return;
    for (int64_t q = first / v; q * v + at < last; q++)
        if (q * v + at >= first) write_row(row, axis, q, y + (q * v + at) * s);
}

#else
#include "ops/ops.h"

HEED_DECLARE_KERNEL(replace_row);
static const heed_kernel replace_row_kernel = HEED_MOVE_TABLE(replace_row);

static int64_t replace_row_units(const heed_call *call)
{
    const heed_shape *x = &call->in[0].shape;
    const int axis = ((const heed_replace_row_attr *)call->attr)->axis;
    const int64_t s = heed_product(x, axis + 1, x->rank);
    return s > 0 ? heed_units_of(heed_product(x, 0, axis + 1), heed_rows_per_unit(s)) : 0;
}

static heed_shape row_of(const heed_shape *x, int axis)
{
    heed_shape row = { .rank = 0 };
    for (int i = 0; i < x->rank; i++)
        if (i != axis) row.dim[row.rank++] = x->dim[i];
    return row;
}

static bool replace_row_infer(heed_infer *infer)
{
    heed_replace_row_attr *attr = infer->attr;
    const heed_node *x = infer->in[0], *row = infer->in[1];
    char text[HEED_SHAPE_TEXT];
    if (!heed_need_index(infer, 2) || !heed_need_axis(infer, &x->shape, &attr->axis)) return false;
    if (infer->in[2]->shape.rank != 0) return heed_refuse(infer, "the index must be one number");
    if (row->dtype != x->dtype)
        return heed_refuse(infer, "the row is %s instead of %s", heed_dtype_name(row->dtype),
                           heed_dtype_name(x->dtype));
    const heed_shape expected = row_of(&x->shape, attr->axis);
    return heed_shape_equal(&row->shape, &expected) ||
           heed_refuse(infer, "the row must have the shape %s",
                       heed_shape_print(&expected, text, sizeof text));
}

static void replace_row_vjp(heed_vjp *v)
{
    const int axis = ((const heed_replace_row_attr *)v->attr)->axis;
    if (v->want[0]) v->dx[0] = heed_replace_row(v->dy, heed_zeros_like(v->in[1]), v->in[2], axis);
    if (v->want[1]) v->dx[1] = heed_gather(v->dy, v->in[2], axis, 0);
}

static bool take_sample(heed_sample *sample, const heed_shape *x, int axis, int below)
{
    const heed_replace_row_attr attr = { axis };
    sample->n_in = 3;
    sample->in[0].shape = *x;
    sample->in[1].shape = row_of(x, axis < 0 ? axis + x->rank : axis);
    sample->in[2] = (heed_sample_input){ .index = true, .below = below };
    heed_sample_attr(sample, &attr, sizeof attr);
    return true;
}

/* Some indices are out of range. */
static bool replace_row_sample(int k, heed_sample *sample)
{
    static const struct {
        heed_shape x;
        int axis, below;
    } cases[] = {
        { { 2, { 5, 3 } }, 0, 5 },       { { 3, { 2, 4, 3 } }, 1, 4 }, { { 2, { 3, 7 } }, -1, 7 },
        { { 4, { 2, 3, 1, 2 } }, 2, 2 }, { { 1, { 13 } }, 0, 13 },     { { 2, { 2, 3 } }, 0, 1000 },
    };
    if (k < 0 || k >= (int)(sizeof cases / sizeof cases[0])) return false;
    return take_sample(sample, &cases[k].x, cases[k].axis, cases[k].below);
}

static bool replace_row_large(heed_sample *sample)
{
    const heed_shape x = { 3, { 64, 512, 512 } };
    return take_sample(sample, &x, 1, 512);
}

const heed_op heed_op_replace_row = {
    .name = "replace_row",
    .doc = "y = x, but y[a.., index, b..] = row[a.., b..]; index i32 []. One out of range replaces "
           "nothing.",
    .n_in = 3,
    .diff = 3,
    .strided = 2,
    .in_place = 1,
    .updates = 1,
    .flags = HEED_LINEAR,
    .attr_size = sizeof(heed_replace_row_attr),
    .infer = replace_row_infer,
    .kernel = &replace_row_kernel,
    .units = replace_row_units,
    .vjp = replace_row_vjp,
    .sample = replace_row_sample,
    .large = replace_row_large,
    .flops = heed_flops_none,
};

heed_node *heed_replace_row(heed_node *x, heed_node *row, heed_node *index, int axis)
{
    const heed_replace_row_attr attr = { axis };
    return heed_apply(&heed_op_replace_row, &attr, 3, (heed_node *[]){ x, row, index });
}

#endif

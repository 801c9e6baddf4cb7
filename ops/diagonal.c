/* diagonal.c - y[.., i] = x[.., i + max(-offset, 0), .., i + max(offset, 0), ..]: a view along two
 * axes at once; and its reverse, diag_embed */
#include "ops/common.h"
#include "ops/movement.h"
#include "ops/ops.h"

typedef struct heed_diagonal_attr {
    int64_t offset;
    int row, column; /* axes */
} heed_diagonal_attr;

static int64_t diagonal_length(int64_t rows, int64_t columns, int64_t offset)
{
    int64_t n =
        offset < 0 ? heed_smaller(rows + offset, columns) : heed_smaller(rows, columns - offset);
    return n > 0 ? n : 0;
}

static bool diagonal_infer(heed_infer *infer)
{
    heed_diagonal_attr *attr = infer->attr;
    const heed_shape *x = &infer->in[0]->shape;
    if (!heed_need_axis(infer, x, &attr->row)) return false;
    if (!heed_need_axis(infer, x, &attr->column)) return false;
    if (attr->row == attr->column) {
        return heed_refuse(infer, "axis %d is given twice; a diagonal has two axes", attr->row);
    }
    if (attr->offset > INT32_MAX || attr->offset < -INT32_MAX) {
        return heed_refuse(infer, "offset %lld is too large", (long long)attr->offset);
    }
    heed_shape *y = &infer->shape;
    y->rank = 0;
    for (int i = 0; i < x->rank; i++)
        if (i != attr->row && i != attr->column) y->dim[y->rank++] = x->dim[i];
    y->dim[y->rank++] = diagonal_length(x->dim[attr->row], x->dim[attr->column], attr->offset);
    return true;
}

static bool diagonal_view(const heed_node *node, const heed_view *in, heed_view *out)
{
    const heed_diagonal_attr *attr = node->attr;
    int64_t n = node->shape.dim[node->shape.rank - 1];
    heed_view from = *in;
    int rank = 0;
    if (n > 0 && attr->offset > 0) from = heed_view_slice(in, attr->column, attr->offset, 1, n);
    if (n > 0 && attr->offset < 0) from = heed_view_slice(in, attr->row, -attr->offset, 1, n);
    *out = (heed_view){ .data = from.data, .dtype = in->dtype, .shape = node->shape };
    for (int i = 0; i < in->shape.rank; i++)
        if (i != attr->row && i != attr->column) out->stride[rank++] = in->stride[i];
    out->stride[rank] = in->stride[attr->row] + in->stride[attr->column];
    return true;
}

/* [.., n] -> zeros [.., rows, columns] with x on a diagonal, which is every (columns + 1)-th
 * element of the flattened matrix. */
static heed_node *embed(heed_node *x, int64_t rows, int64_t columns, int64_t offset)
{
    if (!x) return NULL;
    heed_shape shape = x->shape;
    int64_t n = shape.dim[shape.rank - 1];
    heed_pad_attr around = {
        .axis = shape.rank - 1,
        .before = n == 0       ? 0
                  : offset < 0 ? -offset * columns
                               : offset,
        .step = columns + 1,
    };
    around.after = rows * columns - around.before;
    if (n > 0) around.after -= (n - 1) * (columns + 1) + 1;
    shape.dim[shape.rank - 1] = rows;
    shape.dim[shape.rank++] = columns;
    return heed_reshape_to(heed_apply(&heed_op_pad, &around, 1, &x), shape);
}

/* The last two axes, moved to where `row` and `column` are to be. */
static heed_node *put_axes(heed_node *x, int row, int column)
{
    int axes[HEED_MAX_RANK];
    if (!x) return NULL;
    for (int i = 0, next = 0; i < x->shape.rank; i++) {
        axes[i] = i == row ? x->shape.rank - 2 : i == column ? x->shape.rank - 1 : next++;
    }
    return heed_permute_axes(x, axes, x->shape.rank);
}

static void diagonal_vjp(heed_vjp *v)
{
    const heed_diagonal_attr *attr = v->attr;
    const int64_t *dim = v->in[0]->shape.dim;
    if (!v->want[0]) return;
    heed_node *dx = embed(v->dy, dim[attr->row], dim[attr->column], attr->offset);
    v->dx[0] = put_axes(dx, attr->row, attr->column);
}

static bool diagonal_sample(int k, heed_sample *sample)
{
    static const struct {
        heed_shape shape;
        heed_diagonal_attr attr;
    } cases[] = {
        { { 2, { 4, 4 } }, { .row = 0, .column = 1 } },
        { { 2, { 3, 7 } }, { .offset = 2, .row = 0, .column = 1 } },
        { { 2, { 7, 3 } }, { .offset = -5, .row = 0, .column = 1 } },
        { { 3, { 2, 3, 5 } }, { .offset = 1, .row = -1, .column = -2 } },
        { { 4, { 3, 2, 1, 4 } }, { .offset = -1, .row = 3, .column = 0 } },
        { { 2, { 13, 13 } }, { .offset = 12, .row = 1, .column = 0 } },
        { { 3, { 1, 1, 33 } }, { .row = 0, .column = 1 } },
    };
    if (k < 0 || k >= (int)(sizeof cases / sizeof cases[0])) return false;
    sample->n_in = 1;
    sample->in[0].shape = cases[k].shape;
    heed_sample_attr(sample, &cases[k].attr, sizeof cases[k].attr);
    return true;
}

const heed_op heed_op_diagonal = {
    .name = "diagonal",
    .doc = "The diagonal of two axes (`offset` above it, if positive) as a new last axis, without "
           "a copy; the two axes go.",
    .n_in = 1,
    .diff = 1,
    .flags = HEED_LINEAR,
    .attr_size = sizeof(heed_diagonal_attr),
    .infer = diagonal_infer,
    .view = diagonal_view,
    .vjp = diagonal_vjp,
    .sample = diagonal_sample,
    .flops = heed_flops_none,
};

heed_node *heed_diagonal(heed_node *x, int64_t offset, int row, int column)
{
    heed_diagonal_attr attr = { .offset = offset, .row = row, .column = column };
    return heed_apply(&heed_op_diagonal, &attr, 1, &x);
}

heed_node *heed_diag_embed(heed_node *x, int64_t offset, int row, int column)
{
    char text[256];
    if (!x) return NULL;
    int rank = x->shape.rank + 1, r = row < 0 ? row + rank : row;
    int c = column < 0 ? column + rank : column;
    if (x->shape.rank < 1 || rank > HEED_MAX_RANK || offset > INT32_MAX || offset < -INT32_MAX) {
        return heed_graph_fail(x->graph, "diag_embed: offset %lld of %s makes no tensor",
                               (long long)offset, heed_describe(x, text, sizeof text));
    }
    if (r < 0 || r >= rank || c < 0 || c >= rank || r == c) {
        return heed_graph_fail(x->graph, "diag_embed: axes %d and %d are not two axes of rank %d",
                               row, column, rank);
    }
    int64_t n = x->shape.dim[rank - 2] + (offset < 0 ? -offset : offset);
    return put_axes(embed(x, n, n, offset), r, c);
}

/* reduce.c - rules that reductions share: shapes, reverse rules, test cases. */
#include "ops/reduce.h"

#include <string.h>

#include "ops/common.h"
#include "ops/ops.h"

/* Axes as given -> their set, in ascending order. */
static bool read_axes(heed_infer *infer, heed_reduce_attr *attr)
{
    const heed_shape *x = &infer->in[0]->shape;
    bool reduced[HEED_MAX_RANK] = { false };
    if (attr->n < 0 || attr->n > x->rank) {
        return heed_refuse(infer, "%d axes given for rank %d", attr->n, x->rank);
    }
    for (int i = 0; i < attr->n; i++) {
        if (!heed_need_axis(infer, x, &attr->axes[i])) return false;
        if (reduced[attr->axes[i]]) {
            return heed_refuse(infer, "axis %d is given twice", attr->axes[i]);
        }
        reduced[attr->axes[i]] = true;
    }
    bool all = attr->n == 0;
    int keep = attr->keep;
    memset(attr, 0, sizeof *attr); /* attributes are compared as bytes */
    attr->keep = keep != 0;
    for (int i = 0; i < x->rank; i++) {
        if (all || reduced[i]) attr->axes[attr->n++] = i;
    }
    return true;
}

static heed_shape reduced_shape(const heed_shape *x, const heed_reduce_attr *attr, bool keep)
{
    heed_shape shape = { .rank = 0 };
    for (int i = 0, at = 0; i < x->rank; i++) {
        bool reduced = at < attr->n && attr->axes[at] == i;
        at += reduced;
        if (!reduced || keep) shape.dim[shape.rank++] = reduced ? 1 : x->dim[i];
    }
    return shape;
}

bool heed_reduce_infer(heed_infer *infer)
{
    heed_reduce_attr *attr = infer->attr;
    if (!heed_need_real(infer, 0) || !read_axes(infer, attr)) return false;
    infer->shape = reduced_shape(&infer->in[0]->shape, attr, attr->keep);
    return true;
}

bool heed_extremum_infer(heed_infer *infer)
{
    const heed_reduce_attr *attr = infer->attr;
    if (!heed_reduce_infer(infer)) return false;
    for (int i = 0; i < attr->n; i++) {
        if (infer->in[0]->shape.dim[attr->axes[i]] > 0) continue;
        return heed_refuse(infer, "axis %d is empty", attr->axes[i]);
    }
    return true;
}

bool heed_reduce_lines_infer(heed_infer *infer)
{
    const heed_reduce_attr *attr = infer->attr;
    if (!heed_reduce_infer(infer)) return false;
    for (int i = 1; i < attr->n; i++) {
        if (attr->axes[i] == attr->axes[0] + i) continue;
        return heed_refuse(infer, "axes %d and %d are not neighbours; the builder moves them",
                           attr->axes[i - 1], attr->axes[i]);
    }
    return true;
}

int64_t heed_reduced_count(const heed_shape *x, const heed_reduce_attr *attr)
{
    int64_t count = 1;
    for (int i = 0; i < attr->n; i++) count *= x->dim[attr->axes[i]];
    return count;
}

heed_node *heed_reduce_restore(heed_node *y, const heed_node *x, const heed_reduce_attr *attr)
{
    if (!y || attr->keep) return y;
    return heed_reshape_to(y, reduced_shape(&x->shape, attr, true));
}

heed_node *heed_reduce_spread(heed_node *dy, const heed_node *x, const heed_reduce_attr *attr)
{
    return heed_stretch(heed_reduce_restore(dy, x, attr), &x->shape);
}

void heed_extremum_vjp(heed_vjp *v)
{
    const heed_reduce_attr *attr = v->attr;
    heed_node *x = v->in[0];
    if (!v->want[0]) return;
    heed_node *y = heed_reduce_restore(v->y, x, attr);
    heed_node *chosen = heed_equal(heed_stop_gradient(x), heed_stop_gradient(y));
    heed_node *ties = heed_sum_axes(chosen, attr->axes, attr->n, true);
    heed_node *share = heed_div(heed_reduce_restore(v->dy, x, attr), ties);
    v->dx[0] = heed_where(chosen, share, heed_number_like(v->dy, 0));
}

heed_node *heed_reduce_simplify(heed_node *node)
{
    const heed_node *x = node->in[0];
    if (heed_reduced_count(&x->shape, node->attr) != 1) return node;
    return heed_reshape_to(node->in[0], node->shape);
}

bool heed_reduce_sample(int k, heed_sample *sample)
{
    static const struct {
        heed_shape shape;
        heed_reduce_attr attr;
    } cases[] = {
        { { 2, { 3, 4 } }, { .n = 0 } },
        { { 2, { 3, 4 } }, { 1, { 0 }, 0 } },
        { { 2, { 3, 4 } }, { 1, { -1 }, 1 } },
        { { 3, { 2, 3, 5 } }, { 2, { 2, 0 }, 0 } },
        { { 3, { 2, 3, 5 } }, { 1, { 1 }, 1 } },
        { { 1, { 33 } }, { 1, { 0 }, 0 } },
        { { 0, { 0 } }, { .n = 0, .keep = 1 } },
        { { 4, { 2, 1, 3, 7 } }, { 2, { 1, 3 }, 0 } },
        { { 2, { 13, 3 } }, { 1, { 1 }, 0 } },
        { { 3, { 1, 7, 1 } }, { 2, { 0, 2 }, 1 } },
        { { 4, { 2, 3, 2, 3 } }, { 2, { 0, 2 }, 1 } },
    };
    if (k < 0 || k >= (int)(sizeof cases / sizeof cases[0])) return false;
    sample->n_in = 1;
    sample->in[0].shape = cases[k].shape;
    heed_sample_attr(sample, &cases[k].attr, sizeof cases[k].attr);
    return true;
}

bool heed_reduce_lines_sample(int k, heed_sample *sample)
{
    static const struct {
        heed_shape shape;
        heed_reduce_attr attr;
    } cases[] = {
        { { 2, { 3, 4 } }, { .n = 0 } },         { { 2, { 3, 4 } }, { 1, { 0 }, 0 } },
        { { 2, { 3, 4 } }, { 1, { -1 }, 1 } },   { { 3, { 2, 3, 5 } }, { 2, { 2, 1 }, 0 } },
        { { 3, { 2, 3, 5 } }, { 1, { 1 }, 1 } }, { { 1, { 33 } }, { 1, { 0 }, 0 } },
        { { 2, { 13, 3 } }, { 1, { -2 }, 0 } },  { { 3, { 2, 7, 1 } }, { 2, { 1, 2 }, 1 } },
        { { 2, { 2, 17 } }, { 1, { 1 }, 0 } },   { { 3, { 3, 2, 19 } }, { 2, { 0, 1 }, 0 } },
    };
    if (k < 0 || k >= (int)(sizeof cases / sizeof cases[0])) return false;
    sample->n_in = 1;
    sample->in[0].shape = cases[k].shape;
    heed_sample_attr(sample, &cases[k].attr, sizeof cases[k].attr);
    return true;
}

bool heed_extremum_sample(int k, heed_sample *sample)
{
    if (!heed_reduce_sample(k, sample)) return false;
    sample->in[0].distinct = true; /* where the largest changes hands there is a kink */
    return true;
}

/* One number would be one unit of work. Only of dense values: the reshape of a view may cost a
 * copy. */
int64_t heed_reduce_parts(const heed_node *x)
{
    int64_t count = heed_count(&x->shape), parts = 64;
    if (count < 8 * HEED_UNIT_WORK || x->op->view) return 1;
    while (count % parts != 0) parts--;
    return parts;
}

heed_reduce_attr heed_reduce_attr_of(const int *axes, int n, bool keep)
{
    heed_reduce_attr attr = { .n = n, .keep = keep };
    for (int i = 0; i < n && i < HEED_MAX_RANK; i++) attr.axes[i] = axes[i];
    return attr;
}

heed_node *heed_reduce_apply(const heed_op *op, heed_node *x, const int *axes, int n, bool keep)
{
    heed_reduce_attr attr = heed_reduce_attr_of(axes, n, keep);
    int64_t parts = x && n == 0 ? heed_reduce_parts(x) : 1;
    if (parts > 1) {
        heed_reduce_attr rows = { .n = 1, .axes = { 1 } };
        heed_node *matrix = heed_reshape_to(x, HEED_SHAPE(parts, -1));
        heed_node *row = heed_apply(op, &rows, 1, &matrix);
        heed_node *y = heed_apply(op, &(heed_reduce_attr){ .n = 0 }, 1, &row);
        if (!keep) return y;
        heed_shape ones = { .rank = x->shape.rank };
        for (int i = 0; i < ones.rank; i++) ones.dim[i] = 1;
        return heed_reshape_to(y, ones);
    }
    return heed_apply(op, &attr, 1, &x);
}

/* The axes of x with the reduced ones last, in `order`; how many are kept. -1: they are neighbours
 * already, or the shape rule has something to say about them. */
static int kept_before_reduced(const heed_shape *x, const heed_reduce_attr *attr, int *order)
{
    unsigned reduced = 0;
    int kept = 0, least = x->rank, most = -1;
    for (int i = 0; i < attr->n; i++) {
        int axis = i < HEED_MAX_RANK ? attr->axes[i] : x->rank;
        if (!heed_axis(x, &axis) || reduced & 1u << axis) return -1;
        reduced |= 1u << axis;
        if (axis < least) least = axis;
        if (axis > most) most = axis;
    }
    if (most - least + 1 == attr->n || attr->n == 0) return -1;
    for (int i = 0; i < x->rank; i++)
        if (!(reduced & 1u << i)) order[kept++] = i;
    for (int i = 0, at = kept; i < x->rank; i++)
        if (reduced & 1u << i) order[at++] = i;
    return kept;
}

heed_node *heed_reduce_lines_apply(const heed_op *op, heed_node *x, void *attr)
{
    heed_reduce_attr *axes = attr;
    int order[HEED_MAX_RANK], kept = x ? kept_before_reduced(&x->shape, axes, order) : -1;
    if (kept < 0) return heed_apply(op, attr, 1, &x);
    heed_shape ones = x->shape;
    for (int i = kept; i < ones.rank; i++) ones.dim[order[i]] = 1;
    bool keep = axes->keep != 0;
    heed_node *turned = heed_permute_axes(x, order, x->shape.rank);
    for (int i = 0; i < axes->n; i++) axes->axes[i] = kept + i;
    axes->keep = 0;
    heed_node *y = heed_apply(op, attr, 1, &turned);
    return y && keep ? heed_reshape_to(y, ones) : y;
}

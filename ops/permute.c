/* permute.c - axis i of y is axis axes[i] of x */
#include "ops/common.h"
#include "ops/movement.h"
#include "ops/ops.h"

static bool permute_infer(heed_infer *infer)
{
    heed_permute_attr *attr = infer->attr;
    const heed_shape *x = &infer->in[0]->shape;
    unsigned seen = 0;
    if (attr->n != x->rank) {
        return heed_refuse(infer, "%d axes given for rank %d", attr->n, x->rank);
    }
    for (int i = 0; i < x->rank; i++) {
        if (!heed_need_axis(infer, x, &attr->axes[i])) return false;
        if (seen & 1u << attr->axes[i]) {
            return heed_refuse(infer, "axis %d is given twice", attr->axes[i]);
        }
        seen |= 1u << attr->axes[i];
        infer->shape.dim[i] = x->dim[attr->axes[i]];
    }
    return true;
}

static bool permute_view(const heed_node *node, const heed_view *in, heed_view *out)
{
    const heed_permute_attr *attr = node->attr;
    *out = heed_view_permute(in, attr->axes);
    return true;
}

/* The permutation that undoes this one. */
static void invert(const heed_permute_attr *attr, int *back)
{
    for (int i = 0; i < attr->n; i++) back[attr->axes[i]] = i;
}

static bool permute_place(const heed_node *node, int i, const heed_view *out, heed_view *in)
{
    int back[HEED_MAX_RANK];
    (void)i;
    invert(node->attr, back);
    *in = heed_view_permute(out, back);
    return true;
}

static void permute_vjp(heed_vjp *v)
{
    const heed_permute_attr *attr = v->attr;
    int back[HEED_MAX_RANK];
    invert(attr, back);
    if (v->want[0]) v->dx[0] = heed_permute_axes(v->dy, back, attr->n);
}

/* Of a permutation: one step. In place: nothing. */
static heed_node *permute_simplify(heed_node *node)
{
    heed_permute_attr all = *(const heed_permute_attr *)node->attr;
    heed_node *x = node->in[0];
    bool same = true;
    for (; x->op == &heed_op_permute; x = x->in[0]) {
        const heed_permute_attr *first = x->attr;
        for (int i = 0; i < all.n; i++) all.axes[i] = first->axes[all.axes[i]];
    }
    for (int i = 0; i < all.n; i++) same = same && all.axes[i] == i;
    if (same) return x;
    return x == node->in[0] ? node : heed_permute_axes(x, all.axes, all.n);
}

static bool permute_sample(int k, heed_sample *sample)
{
    static const struct {
        heed_shape shape;
        heed_permute_attr attr;
    } cases[] = {
        { { 2, { 3, 4 } }, { 2, { 1, 0 } } },
        { { 1, { 7 } }, { 1, { 0 } } },
        { { 3, { 2, 3, 5 } }, { 3, { 2, 0, 1 } } },
        { { 3, { 2, 1, 13 } }, { 3, { 0, -1, 1 } } },
        { { 4, { 2, 3, 2, 3 } }, { 4, { 0, 2, 1, 3 } } },
        { { 0, { 0 } }, { 0, { 0 } } },
    };
    if (k < 0 || k >= (int)(sizeof cases / sizeof cases[0])) return false;
    sample->n_in = 1;
    sample->in[0].shape = cases[k].shape;
    heed_sample_attr(sample, &cases[k].attr, sizeof cases[k].attr);
    return true;
}

static bool permute_large(heed_sample *sample)
{
    const heed_permute_attr attr = { .n = 2, .axes = { 1, 0 } };
    return heed_sample_large(sample, 1, &(heed_shape){ 2, { 4096, 4096 } }, &attr, sizeof attr);
}

const heed_op heed_op_permute = {
    .name = "permute",
    .doc = "Axis i of y is axis axes[i] of x; axes is a permutation of x's axes.",
    .n_in = 1,
    .diff = 1,
    .flags = HEED_LINEAR,
    .attr_size = sizeof(heed_permute_attr),
    .infer = permute_infer,
    .view = permute_view,
    .place = permute_place,
    .vjp = permute_vjp,
    .sample = permute_sample,
    .large = permute_large,
    .flops = heed_flops_none,
    .simplify = permute_simplify,
    .limit = "an element of a line of memory at a time where rows lie a page apart",
};

heed_node *heed_permute_axes(heed_node *x, const int *axes, int n)
{
    heed_permute_attr attr = { .n = n };
    for (int i = 0; i < n && i < HEED_MAX_RANK; i++) attr.axes[i] = axes[i];
    return heed_apply(&heed_op_permute, &attr, 1, &x);
}

heed_node *heed_transpose(heed_node *x, int axis_a, int axis_b)
{
    int axes[HEED_MAX_RANK];
    if (!heed_resolve_axis(x, "transpose", &axis_a)) return NULL;
    if (!heed_resolve_axis(x, "transpose", &axis_b)) return NULL;
    for (int i = 0; i < x->shape.rank; i++) axes[i] = i;
    axes[axis_a] = axis_b;
    axes[axis_b] = axis_a;
    return heed_permute_axes(x, axes, x->shape.rank);
}

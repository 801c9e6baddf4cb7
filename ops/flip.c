/* flip.c - y[.., i, ..] = x[.., n - 1 - i, ..] along some axes: negative strides, no copy */
#include "ops/common.h"
#include "ops/ops.h"

typedef struct heed_flip_attr {
    unsigned axes; /* bit d: axis d is turned round */
} heed_flip_attr;

static bool flip_infer(heed_infer *infer)
{
    heed_flip_attr *attr = infer->attr;
    const heed_shape *x = &infer->in[0]->shape;
    if (attr->axes >> x->rank) return heed_refuse(infer, "there are only %d axes", x->rank);
    for (int i = 0; i < x->rank; i++)
        if (x->dim[i] <= 1) attr->axes &= ~(1u << i);
    return true;
}

static heed_view turned(const heed_node *node, const heed_view *x)
{
    const heed_flip_attr *attr = node->attr;
    heed_view y = *x;
    for (int i = 0; i < x->shape.rank; i++) {
        int64_t n = x->shape.dim[i];
        if (attr->axes >> i & 1) y = heed_view_slice(&y, i, n - 1, -1, n);
    }
    return y;
}

static bool flip_view(const heed_node *node, const heed_view *in, heed_view *out)
{
    *out = turned(node, in);
    return true;
}

static bool flip_place(const heed_node *node, int i, const heed_view *out, heed_view *in)
{
    (void)i;
    *in = turned(node, out);
    return true;
}

static void flip_vjp(heed_vjp *v)
{
    if (v->want[0]) v->dx[0] = heed_apply(&heed_op_flip, v->attr, 1, &v->dy);
}

/* Of a flip: one step. Of nothing: x. */
static heed_node *flip_simplify(heed_node *node)
{
    heed_flip_attr all = *(const heed_flip_attr *)node->attr;
    heed_node *x = node->in[0];
    for (; x->op == &heed_op_flip; x = x->in[0])
        all.axes ^= ((const heed_flip_attr *)x->attr)->axes;
    if (all.axes == 0) return x;
    return x == node->in[0] ? node : heed_apply(&heed_op_flip, &all, 1, &x);
}

static bool flip_sample(int k, heed_sample *sample)
{
    static const unsigned axes[] = { 0, 1, 1, 3, 5, 1, 10, 3 };
    if (!heed_sample_unary(k, sample)) return false;
    heed_sample_attr(sample, &(heed_flip_attr){ axes[k] }, sizeof(heed_flip_attr));
    return true;
}

const heed_op heed_op_flip = {
    .name = "flip",
    .doc = "The order of elements reversed along the given axes, without a copy.",
    .n_in = 1,
    .diff = 1,
    .flags = HEED_LINEAR,
    .attr_size = sizeof(heed_flip_attr),
    .infer = flip_infer,
    .view = flip_view,
    .place = flip_place,
    .vjp = flip_vjp,
    .sample = flip_sample,
    .flops = heed_flops_none,
    .simplify = flip_simplify,
};

heed_node *heed_flip_axes(heed_node *x, const int *axes, int n)
{
    heed_flip_attr attr = { 0 };
    if (!x) return NULL;
    if (n == 0) attr.axes = (1u << x->shape.rank) - 1;
    for (int i = 0; i < n; i++) {
        int axis = axes[i];
        if (!heed_resolve_axis(x, "flip", &axis)) return NULL;
        if (attr.axes >> axis & 1)
            return heed_graph_fail(x->graph, "flip: axis %d is given twice", axis);
        attr.axes |= 1u << axis;
    }
    return heed_apply(&heed_op_flip, &attr, 1, &x);
}

/* expand.c - y = x broadcast to a larger shape: zero strides, no copy */
#include <string.h>

#include "ops/common.h"
#include "ops/ops.h"

typedef struct heed_expand_attr {
    heed_shape shape;
} heed_expand_attr;

static bool expand_infer(heed_infer *infer)
{
    const heed_expand_attr *attr = infer->attr;
    heed_shape both;
    char to[HEED_SHAPE_TEXT];
    if (attr->shape.rank < 0) {
        return heed_refuse(infer, "the new shape has more than %d axes", HEED_MAX_RANK);
    }
    heed_shape_print(&attr->shape, to, sizeof to);
    for (int i = 0; i < attr->shape.rank; i++) {
        if (attr->shape.dim[i] < 0) {
            return heed_refuse(infer, "axis %d of the new shape %s is negative", i, to);
        }
    }
    if (!heed_broadcast(&infer->in[0]->shape, &attr->shape, &both) ||
        !heed_shape_equal(&both, &attr->shape)) {
        return heed_refuse(infer, "it does not broadcast to %s", to);
    }
    infer->shape = attr->shape;
    return true;
}

static bool expand_view(const heed_node *node, const heed_view *in, heed_view *out)
{
    *out = heed_view_expand(in, &node->shape);
    return true;
}

static void expand_vjp(heed_vjp *v)
{
    if (v->want[0]) v->dx[0] = heed_sum_to(v->dy, &v->in[0]->shape);
}

/* Same shape: x. Of an expand: one step. */
static heed_node *expand_simplify(heed_node *node)
{
    heed_node *x = node->in[0];
    while (x->op == &heed_op_expand) x = x->in[0];
    if (heed_shape_equal(&x->shape, &node->shape)) return x;
    return x == node->in[0] ? node : heed_expand_to(x, node->shape);
}

static bool expand_sample(int k, heed_sample *sample)
{
    static const heed_shape shapes[][2] = {
        { { 1, { 4 } }, { 2, { 3, 4 } } },           { { 0, { 0 } }, { 1, { 7 } } },
        { { 2, { 3, 1 } }, { 2, { 3, 5 } } },        { { 3, { 2, 1, 3 } }, { 4, { 2, 2, 4, 3 } } },
        { { 2, { 3, 2 } }, { 2, { 3, 2 } } },        { { 1, { 1 } }, { 3, { 1, 13, 1 } } },
        { { 3, { 1, 3, 1 } }, { 3, { 2, 3, 33 } } },
    };
    if (k < 0 || k >= (int)(sizeof shapes / sizeof shapes[0])) return false;
    sample->n_in = 1;
    sample->in[0].shape = shapes[k][0];
    heed_sample_attr(sample, &(heed_expand_attr){ shapes[k][1] }, sizeof(heed_expand_attr));
    return true;
}

static bool expand_large(heed_sample *sample)
{
    const heed_expand_attr attr = { { 2, { 8192, 4096 } } };
    return heed_sample_large(sample, 1, &(heed_shape){ 1, { 4096 } }, &attr, sizeof attr);
}

const heed_op heed_op_expand = {
    .name = "expand",
    .doc = "y = x broadcast to the given shape (NumPy's broadcast_to).",
    .n_in = 1,
    .diff = 1,
    .flags = HEED_LINEAR,
    .attr_size = sizeof(heed_expand_attr),
    .infer = expand_infer,
    .view = expand_view,
    .vjp = expand_vjp,
    .sample = expand_sample,
    .large = expand_large,
    .flops = heed_flops_none,
    .simplify = expand_simplify,
};

heed_node *heed_expand_to(heed_node *x, heed_shape shape)
{
    heed_expand_attr attr;
    memset(&attr, 0, sizeof attr); /* attributes are compared as bytes */
    attr.shape.rank = shape.rank;
    for (int i = 0; i < shape.rank; i++) attr.shape.dim[i] = shape.dim[i];
    return heed_apply(&heed_op_expand, &attr, 1, &x);
}

/* reshape.c - y has x's elements in row-major order, under another shape */
#include <string.h>

#include "ops/common.h"
#include "ops/ops.h"

typedef struct heed_reshape_attr {
    heed_shape shape;
} heed_reshape_attr;

/* Replace the one -1, if any, by what makes the counts equal. */
static bool reshape_infer(heed_infer *infer)
{
    heed_reshape_attr *attr = infer->attr;
    heed_shape *shape = &attr->shape;
    char to[HEED_SHAPE_TEXT];
    int64_t count = heed_count(&infer->in[0]->shape), known = 1;
    int open = -1;
    if (shape->rank < 0) {
        return heed_refuse(infer, "the new shape has more than %d axes", HEED_MAX_RANK);
    }
    heed_shape_print(shape, to, sizeof to);
    for (int i = 0; i < shape->rank; i++) {
        int64_t n = shape->dim[i];
        if (n < -1) return heed_refuse(infer, "axis %d of the new shape %s is negative", i, to);
        if (n == -1 && open >= 0) return heed_refuse(infer, "new shape %s has two -1", to);
        if (n == -1)
            open = i;
        else if (__builtin_mul_overflow(known, n, &known)) {
            return heed_refuse(infer, "new shape %s is too large", to);
        }
    }
    if (open >= 0 && known == 0) {
        return heed_refuse(infer, "-1 in new shape %s can be any number", to);
    }
    if (open >= 0 && count % known == 0) {
        shape->dim[open] = count / known;
        known = count;
    }
    if (known != count) {
        return heed_refuse(infer, "%lld elements do not fit the new shape %s", (long long)count,
                           to);
    }
    infer->shape = *shape;
    return true;
}

static bool reshape_view(const heed_node *node, const heed_view *in, heed_view *out)
{
    return heed_view_reshape(in, &node->shape, out);
}

/* Where x must lie for y to lie at `out`: the same question the other way round. */
static bool reshape_place(const heed_node *node, int i, const heed_view *out, heed_view *in)
{
    return heed_view_reshape(out, &node->in[i]->shape, in);
}

static void reshape_vjp(heed_vjp *v)
{
    if (v->want[0]) v->dx[0] = heed_reshape_to(v->dy, v->in[0]->shape);
}

/* Same shape: x. Of a reshape: only the last one counts. */
static heed_node *reshape_simplify(heed_node *node)
{
    heed_node *x = node->in[0];
    while (x->op == &heed_op_reshape) x = x->in[0];
    if (heed_shape_equal(&x->shape, &node->shape)) return x;
    return x == node->in[0] ? node : heed_reshape_to(x, node->shape);
}

static bool reshape_sample(int k, heed_sample *sample)
{
    static const heed_shape shapes[][2] = {
        { { 2, { 3, 4 } }, { 1, { 12 } } },
        { { 1, { 7 } }, { 3, { 1, 7, 1 } } },
        { { 0, { 0 } }, { 2, { 1, 1 } } },
        { { 3, { 2, 3, 4 } }, { 2, { 6, -1 } } },
        { { 3, { 2, 1, 33 } }, { 2, { 3, 22 } } },
        { { 1, { 1 } }, { 0, { 0 } } },
        { { 2, { 13, 2 } }, { 4, { -1, 1, 13, 1 } } },
    };
    if (k < 0 || k >= (int)(sizeof shapes / sizeof shapes[0])) return false;
    sample->n_in = 1;
    sample->in[0].shape = shapes[k][0];
    heed_sample_attr(sample, &(heed_reshape_attr){ shapes[k][1] }, sizeof(heed_reshape_attr));
    return true;
}

const heed_op heed_op_reshape = {
    .name = "reshape",
    .doc = "y has x's elements in row-major order and the given shape; one dimension may be -1.",
    .n_in = 1,
    .diff = 1,
    .flags = HEED_LINEAR,
    .attr_size = sizeof(heed_reshape_attr),
    .infer = reshape_infer,
    .view = reshape_view,
    .place = reshape_place,
    .vjp = reshape_vjp,
    .sample = reshape_sample,
    .flops = heed_flops_none,
    .simplify = reshape_simplify,
};

heed_node *heed_reshape_to(heed_node *x, heed_shape shape)
{
    heed_reshape_attr attr;
    memset(&attr, 0, sizeof attr); /* attributes are compared as bytes */
    attr.shape.rank = shape.rank;
    for (int i = 0; i < shape.rank; i++) attr.shape.dim[i] = shape.dim[i];
    return heed_apply(&heed_op_reshape, &attr, 1, &x);
}

heed_node *heed_flatten(heed_node *x)
{
    return x ? heed_reshape_to(x, HEED_SHAPE(heed_count(&x->shape))) : NULL;
}

heed_node *heed_squeeze(heed_node *x, int axis)
{
    char text[256];
    if (!heed_resolve_axis(x, "squeeze", &axis)) return NULL;
    if (x->shape.dim[axis] != 1) {
        return heed_graph_fail(x->graph, "squeeze: axis %d of %s has size %lld, not 1", axis,
                               heed_describe(x, text, sizeof text), (long long)x->shape.dim[axis]);
    }
    heed_shape shape = x->shape;
    shape.rank--;
    for (int i = axis; i < shape.rank; i++) shape.dim[i] = x->shape.dim[i + 1];
    return heed_reshape_to(x, shape);
}

heed_node *heed_unsqueeze(heed_node *x, int axis)
{
    char text[256];
    if (!x) return NULL;
    int rank = x->shape.rank, at = axis < 0 ? axis + rank + 1 : axis;
    if (at < 0 || at > rank) {
        return heed_graph_fail(x->graph, "unsqueeze: axis %d is out of range for %s", axis,
                               heed_describe(x, text, sizeof text));
    }
    if (rank == HEED_MAX_RANK) {
        return heed_graph_fail(x->graph, "unsqueeze: %s has %d axes, the most there can be",
                               heed_describe(x, text, sizeof text), rank);
    }
    heed_shape shape = { .rank = rank + 1 };
    for (int i = 0; i <= rank; i++) {
        shape.dim[i] = i == at ? 1 : x->shape.dim[i < at ? i : i - 1];
    }
    return heed_reshape_to(x, shape);
}

/* common.c - test cases, FLOP counts and small steps that operations share. */
#include "ops/common.h"

#include <string.h>

#include "ops/ops.h"

bool heed_sample_unary(int k, heed_sample *sample)
{
    static const heed_shape shapes[] = {
        { 0, { 0 } },       { 1, { 5 } },  { 1, { 1 } },          { 2, { 3, 4 } },
        { 3, { 2, 1, 7 } }, { 1, { 33 } }, { 4, { 2, 3, 1, 5 } }, { 2, { 13, 1 } },
    };
    if (k < 0 || k >= (int)(sizeof shapes / sizeof shapes[0])) return false;
    sample->n_in = 1;
    sample->in[0].shape = shapes[k];
    return true;
}

bool heed_sample_binary(int k, heed_sample *sample)
{
    static const heed_shape shapes[][2] = {
        { { 2, { 3, 4 } }, { 2, { 3, 4 } } },    { { 2, { 3, 4 } }, { 1, { 4 } } },
        { { 1, { 4 } }, { 2, { 3, 4 } } },       { { 3, { 2, 1, 7 } }, { 2, { 3, 1 } } },
        { { 0, { 0 } }, { 1, { 5 } } },          { { 1, { 13 } }, { 1, { 13 } } },
        { { 1, { 33 } }, { 1, { 1 } } },         { { 2, { 1, 5 } }, { 2, { 4, 1 } } },
        { { 4, { 2, 3, 1, 2 } }, { 1, { 2 } } }, { { 0, { 0 } }, { 0, { 0 } } },
    };
    if (k < 0 || k >= (int)(sizeof shapes / sizeof shapes[0])) return false;
    sample->n_in = 2;
    sample->in[0].shape = shapes[k][0];
    sample->in[1].shape = shapes[k][1];
    return true;
}

void heed_sample_attr(heed_sample *sample, const void *attr, size_t size)
{
    memcpy(sample->attr, attr, size);
}

bool heed_sample_large(heed_sample *sample, int n_in, const heed_shape *shapes, const void *attr,
                       size_t size)
{
    sample->n_in = n_in;
    for (int i = 0; i < n_in; i++) sample->in[i].shape = shapes[i];
    if (size) heed_sample_attr(sample, attr, size);
    return true;
}

double heed_flops_none(const heed_node *node)
{
    (void)node;
    return 0;
}

double heed_flops_of_input(const heed_node *node)
{
    return (double)heed_count(&node->in[0]->shape);
}

heed_node *heed_stretch(heed_node *x, const heed_shape *shape)
{
    if (!x || heed_shape_equal(&x->shape, shape)) return x;
    return heed_expand_to(x, *shape);
}

heed_node *heed_number_like(heed_node *x, double value)
{
    if (!x) return NULL;
    return heed_full_shaped(x->graph, x->dtype, heed_scalar(), value);
}

heed_node *heed_sqrt_or_zero(heed_node *x)
{
    heed_node *positive = heed_greater(heed_stop_gradient(x), heed_number_like(x, 0));
    return heed_where(positive, heed_sqrt(heed_where(positive, x, heed_number_like(x, 1))), x);
}

/* The composed form's own gradient, for nodes that equal the inputs and are new: one input, or dy,
 * may depend on another, and each one's share is wanted, not the total. */
void heed_composed_vjp(heed_vjp *v, heed_composed *composed)
{
    heed_node *in[HEED_SAMPLE_INPUTS], *dx[HEED_SAMPLE_INPUTS];
    for (int i = 0; i < v->n_in; i++) in[i] = heed_affine(v->in[i], 1, 0);
    heed_node *y = composed(in, v->attr);
    if (!y || !heed_gradient_partial(y, v->dy, in, v->n_in, dx)) return;
    for (int i = 0; i < v->n_in; i++)
        if (v->want[i]) v->dx[i] = dx[i] ? dx[i] : heed_zeros_like(v->in[i]);
}

void heed_packed_vjp(heed_vjp *v, const heed_op *reverse)
{
    heed_node *in[HEED_SAMPLE_INPUTS];
    for (int i = 0; i < v->n_in; i++) in[i] = v->in[i];
    in[v->n_in] = v->dy;
    heed_node *all = heed_apply(reverse, v->attr, v->n_in + 1, in);
    int64_t at = 0;
    for (int i = 0; i < v->n_in; i++) {
        const heed_shape *shape = &v->in[i]->shape;
        const int64_t count = heed_product(shape, 1, shape->rank);
        if (v->want[i]) v->dx[i] = heed_reshape_to(heed_slice(all, 1, at, at + count), *shape);
        at += count;
    }
}

/* For nodes that are new, for the reason above. */
heed_node *heed_packed_gradients(heed_node *const *in, int n, heed_composed *composed,
                                 const void *attr)
{
    heed_node *x[HEED_SAMPLE_INPUTS] = { NULL }, *dx[HEED_SAMPLE_INPUTS];
    for (int i = 0; i < n; i++) {
        x[i] = heed_affine(in[i], 1, 0);
        if (!x[i]) return NULL;
    }
    if (!heed_gradient(composed(x, attr), in[n], x, n, dx)) return NULL;
    for (int i = 0; i < n; i++) dx[i] = heed_reshape(dx[i], in[0]->shape.dim[0], -1);
    return heed_concat(dx, n, 1);
}

bool heed_resolve_axis(heed_node *x, const char *what, int *axis)
{
    char text[256];
    if (!x) return false;
    if (heed_axis(&x->shape, axis)) return true;
    heed_graph_fail(x->graph, "%s: axis %d is out of range for rank %d of %s", what, *axis,
                    x->shape.rank, heed_describe(x, text, sizeof text));
    return false;
}

/* stop_gradient.c - y = x, and no gradient flows back */
#include "ops/common.h"
#include "ops/ops.h"

/* Shape and dtype are preset to x's. */
static bool stop_gradient_infer(heed_infer *infer)
{
    (void)infer;
    return true;
}

static bool stop_gradient_view(const heed_node *node, const heed_view *in, heed_view *out)
{
    (void)node;
    *out = *in;
    return true;
}

static bool stop_gradient_place(const heed_node *node, int i, const heed_view *out, heed_view *in)
{
    (void)node, (void)i;
    *in = *out;
    return true;
}

/* Gradients exist already when a graph is simplified, so the node has done its work. */
static heed_node *stop_gradient_simplify(heed_node *node)
{
    return node->in[0];
}

const heed_op heed_op_stop_gradient = {
    .name = "stop_gradient",
    .doc = "y = x; gradients end here.",
    .n_in = 1,
    .flags = HEED_STOPS,
    .infer = stop_gradient_infer,
    .view = stop_gradient_view,
    .place = stop_gradient_place,
    .sample = heed_sample_unary,
    .flops = heed_flops_none,
    .simplify = stop_gradient_simplify,
};

heed_node *heed_stop_gradient(heed_node *x)
{
    return heed_apply(&heed_op_stop_gradient, NULL, 1, &x);
}

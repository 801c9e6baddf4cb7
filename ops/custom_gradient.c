/* custom_gradient.c - y = value, with a reverse rule of the caller's own */
#include <limits.h>

#include "ops/common.h"
#include "ops/ops.h"

typedef struct custom_attr {
    heed_gradient_rule *rule;
    void *context;
} custom_attr;

static bool custom_infer(heed_infer *infer)
{
    return heed_need_real(infer, 0);
}

static bool custom_view(const heed_node *node, const heed_view *in, heed_view *out)
{
    (void)node;
    *out = *in;
    return true;
}

static void custom_vjp(heed_vjp *v)
{
    const custom_attr *attr = v->attr;
    attr->rule(attr->context, v->y, v->dy, v->in + 1, v->want + 1, v->dx + 1);
}

/* Compiled, it is the value. */
static heed_node *custom_simplify(heed_node *node)
{
    return node->in[0];
}

/* A test case: a value that x has nothing to do with. */
static void none(void *context, heed_node *value, heed_node *dy, heed_node *const *x,
                 const bool *want, heed_node **dx)
{
    (void)context, (void)value, (void)dy;
    if (want[0]) dx[0] = heed_zeros_like(x[0]);
}

static bool custom_sample(int k, heed_sample *sample)
{
    const custom_attr attr = { .rule = none };
    if (k > 0) return false;
    sample->n_in = 2;
    sample->in[0].shape = HEED_SHAPE(3, 2);
    sample->in[1].shape = HEED_SHAPE(5);
    heed_sample_attr(sample, &attr, sizeof attr);
    return true;
}

const heed_op heed_op_custom_gradient = {
    .name = "custom_gradient",
    .doc = "y = input 0; its gradient with respect to the other inputs is what a function says.",
    .n_in = 1,
    .max_in = INT_MAX,
    .diff = HEED_ALL_INPUTS & ~1u,
    .attr_size = sizeof(custom_attr),
    .infer = custom_infer,
    .view = custom_view,
    .vjp = custom_vjp,
    .sample = custom_sample,
    .flops = heed_flops_none,
    .simplify = custom_simplify,
};

heed_node *heed_custom_gradient(heed_node *value, heed_node *const *x, int n,
                                heed_gradient_rule *rule, void *context)
{
    if (!value) return NULL;
    const custom_attr attr = { .rule = rule, .context = context };
    heed_node **in = heed_graph_memory(value->graph, (size_t)(n + 1) * sizeof *in);
    if (!in) return NULL;
    in[0] = heed_stop_gradient(value);
    for (int i = 0; i < n; i++) in[i + 1] = x[i];
    return heed_apply(&heed_op_custom_gradient, &attr, n + 1, in);
}

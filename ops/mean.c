/* mean.c - y = (sum of x over axes) / (number of elements in each sum) */
#include "ops/common.h"
#include "ops/ops.h"
#include "ops/reduce.h"

static void mean_prepare(const heed_call *call, void *plan)
{
    int64_t count = heed_reduced_count(&call->in[0].shape, call->attr);
    heed_reduce_prepare(call, HEED_REDUCE_SUM, 1.0 / (double)count, plan);
}

/* The small dy is scaled, then spread. */
static void mean_vjp(heed_vjp *v)
{
    int64_t count = heed_reduced_count(&v->in[0]->shape, v->attr);
    heed_node *share = heed_scale(v->dy, 1.0 / (double)count);
    if (v->want[0]) v->dx[0] = heed_reduce_spread(share, v->in[0], v->attr);
}

const heed_op heed_op_mean = {
    .name = "mean",
    .doc = "Mean over the given axes (all when none is given); NaN over an empty axis.",
    .n_in = 1,
    .diff = 1,
    .strided = 1,
    .strided_out = true,
    .flags = HEED_LINEAR,
    .attr_size = sizeof(heed_reduce_attr),
    .infer = heed_reduce_infer,
    .kernel = &heed_reduce_kernel,
    .reduction = &heed_mean_reduction,
    .units = heed_reduce_units,
    .plan_size = sizeof(heed_reduce_plan),
    .prepare = mean_prepare,
    .vjp = mean_vjp,
    .sample = heed_reduce_sample,
    .flops = heed_flops_of_input,
    .simplify = heed_reduce_simplify,
};

heed_node *heed_mean_axes(heed_node *x, const int *axes, int n, bool keep)
{
    return heed_reduce_apply(&heed_op_mean, x, axes, n, keep);
}

heed_node *heed_mean(heed_node *x, int axis, bool keep)
{
    return heed_mean_axes(x, &axis, 1, keep);
}

heed_node *heed_mean_all(heed_node *x)
{
    return heed_mean_axes(x, NULL, 0, false);
}

/* sum.c - y = sum of x over axes */
#include "ops/common.h"
#include "ops/ops.h"
#include "ops/reduce.h"

static void sum_prepare(const heed_call *call, void *plan)
{
    heed_reduce_prepare(call, HEED_REDUCE_SUM, 1, plan);
}

static void sum_vjp(heed_vjp *v)
{
    if (v->want[0]) v->dx[0] = heed_reduce_spread(v->dy, v->in[0], v->attr);
}

const heed_op heed_op_sum = {
    .name = "sum",
    .doc = "Sum over the given axes (all when none is given); 0 over an empty axis.",
    .n_in = 1,
    .diff = 1,
    .strided = 1,
    .strided_out = true,
    .flags = HEED_LINEAR,
    .attr_size = sizeof(heed_reduce_attr),
    .infer = heed_reduce_infer,
    .kernel = &heed_reduce_kernel,
    .reduction = &heed_sum_reduction,
    .units = heed_reduce_units,
    .plan_size = sizeof(heed_reduce_plan),
    .prepare = sum_prepare,
    .vjp = sum_vjp,
    .sample = heed_reduce_sample,
    .flops = heed_flops_of_input,
    .simplify = heed_reduce_simplify,
};

heed_node *heed_sum_axes(heed_node *x, const int *axes, int n, bool keep)
{
    return heed_reduce_apply(&heed_op_sum, x, axes, n, keep);
}

heed_node *heed_sum(heed_node *x, int axis, bool keep)
{
    return heed_sum_axes(x, &axis, 1, keep);
}

heed_node *heed_sum_all(heed_node *x)
{
    return heed_sum_axes(x, NULL, 0, false);
}

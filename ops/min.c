/* min.c - y = smallest of x over axes; NaN wins */
#include "ops/common.h"
#include "ops/ops.h"
#include "ops/reduce.h"

static void min_prepare(const heed_call *call, void *plan)
{
    heed_reduce_prepare(call, HEED_REDUCE_MIN, 1, plan);
}

const heed_op heed_op_min = {
    .name = "min",
    .doc = "Smallest element over the given axes (all when none is given); NaN if there is one; "
           "ties share dy evenly; no empty axes.",
    .n_in = 1,
    .diff = 1,
    .strided = 1,
    .strided_out = true,
    .attr_size = sizeof(heed_reduce_attr),
    .infer = heed_extremum_infer,
    .kernel = &heed_reduce_kernel,
    .reduction = &heed_min_reduction,
    .units = heed_reduce_units,
    .plan_size = sizeof(heed_reduce_plan),
    .prepare = min_prepare,
    .vjp = heed_extremum_vjp,
    .sample = heed_extremum_sample,
    .flops = heed_flops_of_input,
    .simplify = heed_reduce_simplify,
};

heed_node *heed_min_axes(heed_node *x, const int *axes, int n, bool keep)
{
    return heed_reduce_apply(&heed_op_min, x, axes, n, keep);
}

heed_node *heed_min(heed_node *x, int axis, bool keep)
{
    return heed_min_axes(x, &axis, 1, keep);
}

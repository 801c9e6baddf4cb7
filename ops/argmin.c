/* argmin.c - y = position of the smallest x along an axis */
#include "ops/common.h"
#include "ops/micro/arg_reduce.h"
#include "ops/ops.h"
#include "ops/reduce.h"

static void argmin_prepare(const heed_call *call, void *plan)
{
    heed_reduce_prepare(call, HEED_REDUCE_MIN, 1, plan);
}

const heed_op heed_op_argmin = {
    .name = "argmin",
    .doc =
        "i32 position of the smallest element along an axis, which goes: the first of equals; the "
        "first NaN if there is one.",
    .n_in = 1,
    .strided = 1,
    .strided_out = true,
    .attr_size = sizeof(heed_reduce_attr),
    .infer = heed_arg_infer,
    .kernel = &heed_arg_kernel,
    .units = heed_reduce_units,
    .plan_size = sizeof(heed_reduce_plan),
    .prepare = argmin_prepare,
    .sample = heed_arg_sample,
    .flops = heed_flops_of_input,
};

heed_node *heed_argmin(heed_node *x, int axis)
{
    return heed_arg_apply(&heed_op_argmin, heed_stop_gradient(x), axis);
}

/* argmax.c - y = position of the largest x along an axis */
#include "ops/common.h"
#include "ops/micro/arg_reduce.h"
#include "ops/ops.h"
#include "ops/reduce.h"

static void argmax_prepare(const heed_call *call, void *plan)
{
    heed_reduce_prepare(call, HEED_REDUCE_MAX, 1, plan);
}

const heed_op heed_op_argmax = {
    .name = "argmax",
    .doc =
        "i32 position of the largest element along an axis, which goes: the first of equals; the "
        "first NaN if there is one.",
    .n_in = 1,
    .strided = 1,
    .strided_out = true,
    .attr_size = sizeof(heed_reduce_attr),
    .infer = heed_arg_infer,
    .kernel = &heed_arg_kernel,
    .units = heed_reduce_units,
    .plan_size = sizeof(heed_reduce_plan),
    .prepare = argmax_prepare,
    .sample = heed_arg_sample,
    .flops = heed_flops_of_input,
};

heed_node *heed_argmax(heed_node *x, int axis)
{
    return heed_arg_apply(&heed_op_argmax, heed_stop_gradient(x), axis);
}

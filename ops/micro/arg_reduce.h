/* arg_reduce.h - position of the largest or smallest element along one axis. */
#ifndef HEED_OPS_MICRO_ARG_REDUCE_H
#define HEED_OPS_MICRO_ARG_REDUCE_H

#include "ops/micro/reduce.h"

extern const heed_kernel heed_arg_kernel; /* its call needs a heed_reduce_plan */

/* One axis, not empty, not too long for i32; out is i32. The attribute is a heed_reduce_attr. */
bool heed_arg_infer(heed_infer *infer);
bool heed_arg_sample(int k, heed_sample *sample);
heed_node *heed_arg_apply(const heed_op *op, heed_node *x, int axis);

#endif

/* update.c - what the optimizers' operations share. */
#include "graph/op.h"
#include "optim/rule.h"

bool heed_update_infer(heed_infer *infer)
{
    for (int i = 0; i < infer->n_in; i++)
        if (!heed_need_real(infer, i)) return false;
    if (!heed_need_same_dtype(infer)) return false;
    for (int i = 1; i < infer->n_in; i++)
        if (i != 2 && i != 3 && !heed_shape_equal(&infer->in[i]->shape, &infer->in[0]->shape))
            return heed_refuse(infer, "input %d does not have the parameter's shape", i);
    infer->shape = heed_scalar(); /* the work is its effect; the value says nothing */
    return true;
}

int64_t heed_update_units(const heed_call *call)
{
    int64_t count = heed_count(&call->in[0].shape);
    return count ? (count + HEED_UPDATE_UNIT - 1) / HEED_UPDATE_UNIT : 1;
}

double heed_update_flops(const heed_node *node)
{
    return 12 * (double)heed_count(&node->in[0]->shape);
}

/* update.c - what the optimizers' operations share. */
#include "graph/op.h"
#include "optim/rule.h"

bool heed_update_infer(heed_infer *infer)
{
    const int width = infer->op->n_in - HEED_UPDATE_FIRST; /* inputs of one parameter */
    for (int i = 0; i < infer->n_in; i++)
        if (!heed_need_real(infer, i)) return false;
    if (!heed_need_same_dtype(infer)) return false;
    if ((infer->n_in - HEED_UPDATE_FIRST) % width != 0)
        return heed_refuse(infer, "each parameter comes with %d inputs", width);
    for (int i = HEED_UPDATE_FIRST; i < infer->n_in; i++) {
        const int parameter = i - (i - HEED_UPDATE_FIRST) % width;
        if (!heed_shape_equal(&infer->in[i]->shape, &infer->in[parameter]->shape))
            return heed_refuse(infer, "input %d does not have the parameter's shape", i);
    }
    infer->shape = heed_scalar(); /* the work is its effect; the value says nothing */
    return true;
}

int64_t heed_update_units(const heed_call *call, int states)
{
    int64_t units = 0;
    for (int i = HEED_UPDATE_FIRST; i < call->n_in; i += 2 + states)
        units += heed_update_parts(heed_count(&call->in[i].shape));
    return units;
}

double heed_update_flops(const heed_node *node)
{
    const int width = node->op->n_in - HEED_UPDATE_FIRST;
    double elements = 0;
    for (int i = HEED_UPDATE_FIRST; i < node->n_in; i += width)
        elements += (double)heed_count(&node->in[i]->shape);
    return 12 * elements;
}

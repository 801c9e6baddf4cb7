/* positions.c - rules of operations that pick values along an axis. */
#include "ops/positions.h"

#include "ops/common.h"
#include "ops/ops.h"

bool heed_positions_infer(heed_infer *infer, int axis)
{
    if (infer->in[0]->shape.dim[axis] > INT32_MAX)
        return heed_refuse(infer, "axis %d is too long for i32 positions", axis);
    infer->has_aux = true;
    infer->aux_dtype = HEED_I32;
    infer->aux_shape = infer->shape;
    return true;
}

/* scatter_add's index goes with its leading axes: the axis becomes the last one. */
heed_node *heed_positions_vjp(heed_node *y, heed_node *dy, int axis, int64_t size)
{
    heed_node *at = heed_transpose(heed_stop_gradient(heed_aux(y)), axis, -1);
    int batch = y->shape.rank - 1;
    heed_node *dx = heed_scatter_add(heed_transpose(dy, axis, -1), at, -1, batch, size);
    return heed_transpose(dx, axis, -1);
}

void heed_positions_give(heed_node *y, int axis, heed_node **positions)
{
    if (!positions) return;
    *positions = NULL;
    if (y) *positions = heed_transpose(heed_stop_gradient(heed_aux(y)), axis, -1);
}

heed_node *heed_positions_apply(const heed_op *op, const void *attr, heed_node *x, int axis,
                                heed_node **positions)
{
    if (positions) *positions = NULL;
    if (!heed_resolve_axis(x, op->name, &axis)) return NULL;
    if (axis != x->shape.rank - 1) x = heed_transpose(x, axis, -1);
    heed_node *y = heed_apply(op, attr, 1, &x);
    heed_positions_give(y, axis, positions);
    return heed_transpose(y, axis, -1);
}

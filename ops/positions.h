/* positions.h - what operations that pick values along an axis (cummax, sort, topk) share: beside
 * their values they fill the positions they come from, i32, as their aux. */
#ifndef HEED_OPS_POSITIONS_H
#define HEED_OPS_POSITIONS_H

#include "graph/op.h"

/* Real, `axis` not too long for i32; the aux has the shape of the values, infer->shape. */
bool heed_positions_infer(heed_infer *infer, int axis);
/* dx where y = x[positions] along axis: dy added where it was picked. */
heed_node *heed_positions_vjp(heed_node *y, heed_node *dy, int axis, int64_t size);
/* Where the positions are wanted, y's go to *positions; no gradient is asked for through them. */
void heed_positions_give(heed_node *y, int axis, heed_node **positions);
/* An `op` of the last axis along another one; y and its positions come back in x's order. */
heed_node *heed_positions_apply(const heed_op *op, const void *attr, heed_node *x, int axis,
                                heed_node **positions);

#endif

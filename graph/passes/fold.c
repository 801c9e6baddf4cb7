/* fold.c - elementwise operations of uniform constants are uniform constants. */
#include "graph/plan.h"

heed_node *heed_fold(heed_node *node)
{
    enum { MOST = 4 };
    const heed_op *op = node->op;
    if (!op->tile || node->n_in > MOST || !heed_is_real(node->dtype)) return node;
    if (op->flags & (HEED_RANDOM | HEED_IMPURE)) return node;
    double filled;
    union {
        double f64;
        float f32;
    } result = { 0 };
    const void *in[MOST];
    for (int i = 0; i < node->n_in; i++) {
        if (!heed_is_filled_with(node->in[i], &filled)) return node;
        in[i] = node->in[i]->value;
    }
    heed_tile_fn fn = op->tile->fn[node->dtype][HEED_PORTABLE];
    if (!fn || heed_kernel_dtype(node) != node->dtype) return node;
    fn(1, in, &result, node->attr);
    double value = node->dtype == HEED_F64 ? result.f64 : (double)result.f32;
    return heed_full_shaped(node->graph, node->dtype, node->shape, value);
}

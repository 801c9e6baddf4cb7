/* accumulate.h - what loops know of sums over their steps. */
#ifndef HEED_OPS_ACCUMULATE_H
#define HEED_OPS_ACCUMULATE_H

#include "graph/op.h"

/* Is a step's contribution to a sum over all steps a product A^T D of two matrices (or its
 * transpose)? Then the sum is one product of all steps, stacked: ... */
bool heed_step_product(heed_node *term, heed_node **a, heed_node **d, bool *transposed);
/* ... of A [steps, m, k] and D [steps, m, n]. */
heed_node *heed_sum_step_products(heed_node *a, heed_node *d, bool transposed);

#endif

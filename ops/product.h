/* product.h - what products share. */
#ifndef HEED_OPS_PRODUCT_H
#define HEED_OPS_PRODUCT_H

#include "graph/op.h"

/* heed_op.as_reduction of matmul: reads the matrix, input i, where the other one is a row or
 * column; NULL when it is not, or is a batch of them for one matrix. */
heed_node *heed_product_as_sum(heed_node *node, int i);

#endif

/* matmul.h - what the product of matrices and the product with a matrix in panels share. */
#ifndef HEED_OPS_MATMUL_H
#define HEED_OPS_MATMUL_H

#include "ops/micro/gemm.h"

/* What is known once shapes and strides are: one product, and where the next ones are. */
typedef struct matmul_plan {
    heed_gemm product;
    int n_axes; /* of products */
    int64_t dim[HEED_MAX_RANK];
    int64_t a_step[HEED_MAX_RANK], b_step[HEED_MAX_RANK], c_step[HEED_MAX_RANK];
    int64_t d_step[HEED_MAX_RANK]; /* of what is added */
    heed_gemm_split split;
} matmul_plan;

extern const heed_kernel heed_matmul_kernel;
/* b_panel: 0, or in[1] lies in panels of so many elements. */
void heed_matmul_plan(const heed_call *call, int64_t b_panel, matmul_plan *plan);
/* heed_op.units and heed_op.scratch. */
int64_t heed_matmul_units(const heed_call *call);
size_t heed_matmul_scratch(const heed_call *call);

/* A third input, if there is one, is added to the product: it has the dtype of the result and
 * broadcasts to its shape, infer->shape. */
bool heed_matmul_check_addend(heed_infer *infer);

heed_node *heed_matmul_plus(heed_node *node, heed_node *addend, const heed_shape *shape);

/* a [m, k] b [k, n] (and what is added) through a copy of b in panels: the nodes matmul_pack and
 * matmul_packed. */
heed_node *heed_matmul_shared(heed_node *const *in, int n_in);

#endif

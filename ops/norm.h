/* norm.h - rules that layer norm and RMS norm share; their kernels are in ops/micro/row_norm.h. */
#ifndef HEED_OPS_NORM_H
#define HEED_OPS_NORM_H

#include "graph/op.h"

/* Inputs x [.., d], then gain and bias [d] as far as they are there; of the reverse: x, dy,
 * gain. */
typedef struct heed_norm_attr {
    double eps;
    int gain, bias;
} heed_norm_attr;

bool heed_norm_infer(heed_infer *infer);
bool heed_norm_vjp_infer(heed_infer *infer);

/* Test cases; without a bias where the operation has none. */
bool heed_norm_sample(int k, heed_sample *sample, bool bias);
bool heed_norm_vjp_sample(int k, heed_sample *sample);

/* The node of `op`; gain and bias may be NULL, eps 0 means 1e-5. */
heed_node *heed_norm_apply(const heed_op *op, heed_node *x, heed_node *gain, heed_node *bias,
                           double eps);
heed_node *heed_norm_apply_attr(const heed_op *op, const void *attr, heed_node *x, heed_node *gain,
                                heed_node *bias);
/* The reverse rule of `op`, of which `reverse` gives dx. */
void heed_norm_vjp(heed_vjp *v, const heed_op *op, const heed_op *reverse);

/* Over channels (ops/channel_norm.c): groups 0 is batch norm. Its aux: means, then variances,
 * [2, sets]. */
heed_node *heed_channel_norm(heed_node *x, int64_t groups, heed_node *gain, heed_node *bias,
                             double eps);

#endif

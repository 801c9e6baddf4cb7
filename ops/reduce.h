/* reduce.h - rules that sum, mean, max and min share; their kernel is in ops/micro/reduce.c. */
#ifndef HEED_OPS_REDUCE_H
#define HEED_OPS_REDUCE_H

#include "ops/micro/reduce.h"

/* Shape rules: refuse bad axes; of max and min: also empty ones. */
bool heed_reduce_infer(heed_infer *infer);
bool heed_extremum_infer(heed_infer *infer);
/* Elements that one output is made of. */
int64_t heed_reduced_count(const heed_shape *x, const heed_reduce_attr *attr);

/* Steps of reverse rules: y or dy with the reduced axes back (size 1); that, stretched to x. */
heed_node *heed_reduce_restore(heed_node *y, const heed_node *x, const heed_reduce_attr *attr);
heed_node *heed_reduce_spread(heed_node *dy, const heed_node *x, const heed_reduce_attr *attr);
/* dx of max and min: dy in equal shares to the elements that are equal to y. */
void heed_extremum_vjp(heed_vjp *vjp);
/* Reducing axes of size 1 only: a reshape. */
heed_node *heed_reduce_simplify(heed_node *node);
bool heed_reduce_sample(int k, heed_sample *sample);
bool heed_extremum_sample(int k, heed_sample *sample);

/* The node of `op` for axes as a caller lists them. */
heed_node *heed_reduce_apply(const heed_op *op, heed_node *x, const int *axes, int n, bool keep);

#endif

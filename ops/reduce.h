/* reduce.h - rules that sum, mean, max, min, prod and their relatives share; the kernel of these
 * five is in ops/micro/reduce.c. */
#ifndef HEED_OPS_REDUCE_H
#define HEED_OPS_REDUCE_H

#include "ops/micro/reduce.h"

/* Shape rules: refuse bad axes; of max and min: also empty ones. */
bool heed_reduce_infer(heed_infer *infer);
bool heed_extremum_infer(heed_infer *infer);
/* Also: the reduced axes must be neighbours, of input 0 as [outer, n, inner]. */
bool heed_reduce_lines_infer(heed_infer *infer);
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
bool heed_reduce_lines_sample(int k, heed_sample *sample); /* axes that are neighbours */

/* The node of `op` for axes as a caller lists them. */
heed_node *heed_reduce_apply(const heed_op *op, heed_node *x, const int *axes, int n, bool keep);
/* The attribute for axes as a caller lists them. */
heed_reduce_attr heed_reduce_attr_of(const int *axes, int n, bool keep);
/* The node of an `op` whose attribute begins with a heed_reduce_attr and whose axes must be
 * neighbours: others are moved to the end first. */
heed_node *heed_reduce_lines_apply(const heed_op *op, heed_node *x, void *attr);
/* Equal parts for a long reduction of all of x to one number, else 1. */
int64_t heed_reduce_parts(const heed_node *x);

#endif

/* common.h - what many operations' files share: test cases, FLOP counts, small steps of rules. */
#ifndef HEED_OPS_COMMON_H
#define HEED_OPS_COMMON_H

#include "graph/op.h"

/* Loops of elementwise tiles carry this: y may be the same array as an input, never a shifted one,
 * so iterations are independent. */
#if defined(__clang__)
#define HEED_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define HEED_INDEPENDENT _Pragma("GCC ivdep")
#endif

/* The k-th shape, or pair of shapes that broadcast, of a list; false past the last. */
bool heed_sample_unary(int k, heed_sample *sample);
bool heed_sample_binary(int k, heed_sample *sample);
void heed_sample_attr(heed_sample *sample, const void *attr, size_t size);
/* A case of so many real inputs; always true, for heed_op.large to return. */
bool heed_sample_large(heed_sample *sample, int n_in, const heed_shape *shapes, const void *attr,
                       size_t size);

double heed_flops_none(const heed_node *node);     /* operations that only move numbers */
double heed_flops_of_input(const heed_node *node); /* one for each element of input 0 */

/* x, or x broadcast to `shape` when it is smaller. */
heed_node *heed_stretch(heed_node *x, const heed_shape *shape);
/* One number, in x's dtype. */
heed_node *heed_number_like(heed_node *x, double value);
/* sqrt(x), and 0 without a gradient where x is 0: where sqrt's own slope would be infinite. */
heed_node *heed_sqrt_or_zero(heed_node *x);
/* Axis of x, negative ones resolved; false (and the graph has failed) when x has no such axis.
 * For builders that need the axis before there is a node; `what` is the builder's name. */
bool heed_resolve_axis(heed_node *x, const char *what, int *axis);

/* The reverse rule of an operation that computes composed(in, attr), in ordinary operations: of a
 * fused reverse kernel. At most HEED_SAMPLE_INPUTS inputs. */
typedef heed_node *heed_composed(heed_node *const *in, const void *attr);
void heed_composed_vjp(heed_vjp *v, heed_composed *composed);

/* The reverse rule of an operation on inputs [B, ..] whose fused reverse, given these and dy, has
 * all their gradients side by side: [B, the elements of an example of input 0, of input 1, ..].
 * Inputs and dy are at most HEED_SAMPLE_INPUTS. */
void heed_packed_vjp(heed_vjp *v, const heed_op *reverse);
/* That fused reverse's result in ordinary operations: gradients of composed(in, attr) for its n
 * inputs, where in[n] is dy. */
heed_node *heed_packed_gradients(heed_node *const *in, int n, heed_composed *composed,
                                 const void *attr);

/* Elements of work in one unit: 10 to 50 microseconds. */
#define HEED_UNIT_WORK 32768

/* How many rows of `row` elements make a unit, at least 1; how many such units `rows` rows make. */
static inline int64_t heed_rows_per_unit(int64_t row)
{
    int64_t rows = row > 0 ? HEED_UNIT_WORK / row : HEED_UNIT_WORK;
    return rows > 0 ? rows : 1;
}

static inline int64_t heed_units_of(int64_t rows, int64_t per_unit)
{
    return (rows + per_unit - 1) / per_unit;
}

static inline int64_t heed_round_up(int64_t n, int64_t multiple)
{
    return heed_units_of(n, multiple) * multiple;
}

static inline int64_t heed_smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Product of shape's dimensions begin <= axis < end. */
static inline int64_t heed_product(const heed_shape *shape, int begin, int end)
{
    int64_t product = 1;
    for (int i = begin; i < end; i++) product *= shape->dim[i];
    return product;
}

#endif

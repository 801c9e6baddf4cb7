/* reduce.h - sum, mean, max, min and prod over any set of axes: what their files share. */
#ifndef HEED_OPS_MICRO_REDUCE_H
#define HEED_OPS_MICRO_REDUCE_H

#include "graph/op.h"

/* Axes to reduce. In a node: ascending, none twice, all of them listed when n was 0. */
typedef struct heed_reduce_attr {
    int n;
    int axes[HEED_MAX_RANK];
    int keep; /* reduced axes stay, with size 1 */
} heed_reduce_attr;

typedef enum heed_reduce_kind {
    HEED_REDUCE_SUM,
    HEED_REDUCE_MAX,
    HEED_REDUCE_MIN,
    HEED_REDUCE_PROD
} heed_reduce_kind;

/* A nest of loops; strides in elements. */
typedef struct heed_loops {
    int n;
    int64_t count, dim[HEED_MAX_RANK], in[HEED_MAX_RANK], out[HEED_MAX_RANK];
} heed_loops;

/* How a reduction runs. Axes are merged where strides allow it; one axis is the run, along which
 * memory is contiguous if any axis is. Either the run is reduced (`rows`: outputs one by one), or
 * it is kept (outputs run by run: the reduced loops add whole runs up). */
typedef struct heed_reduce_plan {
    heed_reduce_kind kind;
    double scale; /* of the result: 1 / n for a mean */
    bool rows;
    int64_t run, stride, run_out; /* the run's length, its strides in input and output */
    heed_loops kept, reduced;     /* without the run */
    int64_t group;                /* outputs (or runs of outputs) per unit ... */
    int64_t part, parts;          /* ... or a unit is a part of one run, and a run has so many */
    int64_t units;
} heed_reduce_plan;

extern const heed_kernel heed_reduce_kernel; /* its call needs a heed_reduce_plan */
extern const heed_reduction heed_sum_reduction, heed_mean_reduction, heed_max_reduction,
    heed_min_reduction, heed_prod_reduction; /* at the end of an elementwise program */

/* heed_op.prepare of each kind, and heed_op.units. */
void heed_reduce_prepare(const heed_call *call, heed_reduce_kind kind, double scale, void *plan);
int64_t heed_reduce_units(const heed_call *call);

#endif

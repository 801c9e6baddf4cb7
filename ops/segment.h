/* segment.h - what operations on segments share: a segment is the elements (edges) of one index.
 *
 * These operations take x [E, ..] and index i32 [E], and may take a third thing: a plan, heed_csr()
 * of the index, which lists the edges of each segment in ascending order. The builders always give
 * it: it is shared by all operations on one index, and computed once at compile when the index is
 * constant. Without it a kernel makes its own, in one unit. */
#ifndef HEED_OPS_SEGMENT_H
#define HEED_OPS_SEGMENT_H

#include "ops/common.h"

typedef struct heed_segment_attr {
    int64_t n;       /* segments */
    int64_t minimum; /* segment_max: 1 is the minimum */
} heed_segment_attr;

/* ---- rules ---- */

/* Input `index` is i32 [edges], fit for 0 .. n - 1; the one after all of `n_in` inputs, if there is
 * one, a plan of it. */
bool heed_segment_index_fits(heed_infer *infer, int index, int64_t edges);
bool heed_segment_plan_fits(heed_infer *infer, int at, int64_t n, int64_t edges);
/* Of x [E, ..], index, plan: out is [n, ..], or x's shape. */
bool heed_segment_infer(heed_infer *infer);
bool heed_segment_edges_infer(heed_infer *infer);

/* Units of a kernel over segments and edges of `row` elements: 1 without a plan. */
int64_t heed_segment_units(int64_t n, int64_t edges, int64_t row, bool planned);
/* Elements that stand behind the first axis. */
static inline int64_t heed_segment_row(const heed_shape *x)
{
    return heed_product(x, 1, x->rank);
}
/* Bytes of a plan, for kernels that make their own. */
size_t heed_segment_scratch(int64_t n, int64_t edges, bool planned);

/* Both of x [E, ..], index, plan -> [n, ..]. */
int64_t heed_segments_units(const heed_call *call);
size_t heed_segments_scratch(const heed_call *call);

/* Test cases: x [E, ..] (and the same again, `n_x` in all), index; no plan. */
bool heed_segment_sample(int k, heed_sample *sample, int n_x);
/* op(x..., index, plan if there is one) */
heed_node *heed_segment_apply(const heed_op *op, const heed_segment_attr *attr, heed_node *const *x,
                              int n_x, heed_node *index, heed_node *plan);

#endif

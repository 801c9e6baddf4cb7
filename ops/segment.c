/* segment.c - rules that operations on segments share, and the builders made of them */
#include "ops/segment.h"

#include "ops/ops.h"

enum { MOST_UNITS = 128 };

/* ---- shapes ---- */

bool heed_segment_index_fits(heed_infer *infer, int index, int64_t edges)
{
    const heed_shape *shape = &infer->in[index]->shape;
    if (!heed_need_index(infer, index)) return false;
    if (shape->rank != 1 || shape->dim[0] != edges) {
        return heed_refuse(infer, "input %d must be [%lld], one index for each edge", index,
                           (long long)edges);
    }
    if (edges < INT32_MAX) return true;
    return heed_refuse(infer, "%lld edges are more than an i32 counts", (long long)edges);
}

bool heed_segment_plan_fits(heed_infer *infer, int at, int64_t n, int64_t edges)
{
    if (n < 0 || n >= INT32_MAX) return heed_refuse(infer, "%lld segments", (long long)n);
    if (infer->n_in <= at) return true;
    const heed_shape *shape = &infer->in[at]->shape;
    if (!heed_need_index(infer, at)) return false;
    if (shape->rank == 1 && shape->dim[0] == n + 1 + edges) return true;
    return heed_refuse(infer, "input %d must be csr of the index, [%lld]", at,
                       (long long)(n + 1 + edges));
}

/* Inputs are `n_x` of one shape, index, plan. */
static bool edges_fit(heed_infer *infer, int n_x)
{
    const heed_segment_attr *attr = infer->attr;
    const heed_shape *x = &infer->in[0]->shape;
    if (!heed_need_same_dtype(infer)) return false;
    for (int i = 0; i < n_x; i++) {
        if (!heed_need_real(infer, i)) return false;
        if (x->rank < 1) return heed_refuse(infer, "input %d has no axis of edges", i);
        if (heed_shape_equal(x, &infer->in[i]->shape)) continue;
        return heed_refuse(infer, "inputs 0 and %d must have one shape", i);
    }
    if (!heed_segment_index_fits(infer, n_x, x->dim[0])) return false;
    return heed_segment_plan_fits(infer, n_x + 1, attr->n, x->dim[0]);
}

bool heed_segment_infer(heed_infer *infer)
{
    const heed_segment_attr *attr = infer->attr;
    if (!edges_fit(infer, 1)) return false;
    infer->shape.dim[0] = attr->n;
    return true;
}

bool heed_segment_edges_infer(heed_infer *infer)
{
    return edges_fit(infer, infer->op->n_in - 1);
}

/* ---- work ---- */

int64_t heed_segment_units(int64_t n, int64_t edges, int64_t row, bool planned)
{
    int64_t units = heed_units_of(n + edges, heed_rows_per_unit(row > 8 ? row : 8));
    if (!planned || units < 1) return 1;
    return heed_smaller(units, MOST_UNITS);
}

size_t heed_segment_scratch(int64_t n, int64_t edges, bool planned)
{
    return planned ? 0 : (size_t)(n + 1 + edges) * sizeof(int32_t);
}

int64_t heed_segments_units(const heed_call *call)
{
    const heed_shape *x = &call->in[0].shape;
    if (heed_segment_row(x) == 0) return 0;
    return heed_segment_units(call->out.shape.dim[0], x->dim[0], heed_segment_row(x),
                              call->n_in > 2);
}

size_t heed_segments_scratch(const heed_call *call)
{
    return heed_segment_scratch(call->out.shape.dim[0], call->in[0].shape.dim[0], call->n_in > 2);
}

/* ---- test cases and builders ---- */

bool heed_segment_sample(int k, heed_sample *sample, int n_x)
{
    static const struct {
        heed_shape x;
        int n, below;
    } cases[] = {
        { { 1, { 7 } }, 3, 3 },     { { 2, { 7, 3 } }, 4, 5 },    { { 1, { 33 } }, 5, 5 },
        { { 2, { 13, 1 } }, 1, 1 }, { { 3, { 5, 2, 3 } }, 7, 9 }, { { 2, { 1, 7 } }, 2, 2 },
        { { 2, { 6, 33 } }, 2, 2 }, { { 2, { 13, 2 } }, 40, 40 },
    };
    if (k < 0 || k >= (int)(sizeof cases / sizeof cases[0])) return false;
    heed_segment_attr attr = { .n = cases[k].n };
    sample->n_in = n_x + 1;
    for (int i = 0; i < n_x; i++) sample->in[i].shape = cases[k].x;
    sample->in[n_x] = (heed_sample_input){ .shape = HEED_SHAPE(cases[k].x.dim[0]),
                                           .index = true,
                                           .below = cases[k].below };
    heed_sample_attr(sample, &attr, sizeof attr);
    return true;
}

heed_node *heed_segment_apply(const heed_op *op, const heed_segment_attr *attr, heed_node *const *x,
                              int n_x, heed_node *index, heed_node *plan)
{
    heed_node *in[4];
    for (int i = 0; i < n_x; i++) in[i] = x[i];
    in[n_x] = index;
    in[n_x + 1] = plan;
    return heed_apply(op, attr, n_x + 1 + (plan != NULL), in);
}

heed_node *heed_segment_count(heed_node *index, int64_t n)
{
    heed_node *offsets = heed_slice(heed_csr(index, n), 0, 0, n + 1);
    if (!offsets) return NULL;
    heed_node *first = heed_cast(heed_slice(offsets, 0, 0, n), heed_graph_dtype(index->graph));
    heed_node *last = heed_cast(heed_slice(offsets, 0, 1, n + 1), heed_graph_dtype(index->graph));
    return heed_sub(last, first);
}

/* By the number of edges, at least 1: an empty segment has mean 0. */
heed_node *heed_segment_mean(heed_node *x, heed_node *index, int64_t n)
{
    heed_node *sum = heed_segment_sum(x, index, n), *count = heed_segment_count(index, n);
    if (!sum || !count) return NULL;
    heed_shape column = { .rank = sum->shape.rank };
    for (int i = 0; i < column.rank; i++) column.dim[i] = i == 0 ? n : 1;
    heed_node *some = heed_maximum(heed_cast(count, x->dtype), heed_number_like(x, 1));
    return heed_div(sum, heed_reshape_to(some, column));
}

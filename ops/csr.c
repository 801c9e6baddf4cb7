/* csr.c - edges sorted by index: where each segment begins, then the edges, segment after segment;
 * and csr_rows, the way back from row offsets to an index for each edge
 *
 * One counting sort, in one unit: about two passes over the index. The compiler runs it once when
 * the index is a constant (flag HEED_PRECOMPUTED), as a graph's edges usually are. */
#include "ops/common.h"
#include "ops/kernel.h"
#include "ops/segment.h"

#ifdef HEED_STAMP
#include "ops/micro/segment.h"

HEED_KERNEL(csr)
{
    const heed_segment_attr *attr = call->attr;
    heed_sort_edges(call->in[0].data, call->in[0].shape.dim[0], attr->n, call->out.data);
}

/* The row of edge e is the last one whose offset is not above e. Offsets that don't ascend are no
 * error: it is counted how many are not above e. */
HEED_KERNEL(csr_rows)
{
    const int32_t *offset = call->in[0].data;
    int32_t *row = call->out.data, at = -1;
    int64_t rows = call->in[0].shape.dim[0] - 1, edges = call->out.shape.dim[0];
    memset(row, 0, (size_t)edges * sizeof *row);
    for (int64_t s = 0; s <= rows; s++) {
        if (offset[s] <= 0)
            at++;
        else if (offset[s] < edges)
            row[offset[s]]++;
    }
    for (int64_t e = 0; e < edges; e++) {
        at += row[e];
        row[e] = at < rows ? at : -1;
    }
}

#else
#include "ops/ops.h"

HEED_DECLARE_KERNEL(csr);
HEED_DECLARE_KERNEL(csr_rows);
static const heed_kernel csr_kernel = HEED_MOVE_TABLE(csr);
static const heed_kernel csr_rows_kernel = HEED_MOVE_TABLE(csr_rows);

static bool csr_infer(heed_infer *infer)
{
    const heed_segment_attr *attr = infer->attr;
    const heed_shape *index = &infer->in[0]->shape;
    if (index->rank != 1) return heed_refuse(infer, "the index must have rank 1");
    if (!heed_segment_index_fits(infer, 0, index->dim[0])) return false;
    if (!heed_segment_plan_fits(infer, 1, attr->n, index->dim[0])) return false;
    infer->shape.dim[0] += attr->n + 1;
    return true;
}

static bool csr_sample(int k, heed_sample *sample)
{
    return heed_segment_sample(k, sample, 0);
}

const heed_op heed_op_csr = {
    .name = "csr",
    .doc = "i32 [E] -> i32 [n + 1 + E]: where the edges of each segment 0 .. n - 1 begin in the "
           "list that follows, of edges in the order of their segments; those out of range are "
           "last.",
    .n_in = 1,
    .flags = HEED_PRECOMPUTED,
    .attr_size = sizeof(heed_segment_attr),
    .infer = csr_infer,
    .kernel = &csr_kernel,
    .sample = csr_sample,
    .flops = heed_flops_none,
    .limit = "runs once for constant indices; counts, then scattered writes",
};

static bool csr_rows_infer(heed_infer *infer)
{
    const heed_segment_attr *attr = infer->attr; /* n: edges */
    if (!heed_need_index(infer, 0)) return false;
    if (infer->shape.rank != 1 || infer->shape.dim[0] < 1) {
        return heed_refuse(infer, "row offsets are [rows + 1]");
    }
    if (attr->n < 0 || attr->n >= INT32_MAX) {
        return heed_refuse(infer, "%lld edges", (long long)attr->n);
    }
    infer->shape.dim[0] = attr->n;
    return true;
}

static bool csr_rows_sample(int k, heed_sample *sample)
{
    static const int edges[] = { 7, 33, 1, 13, 0 }, rows[] = { 3, 5, 1, 13, 2 };
    if (k < 0 || k >= 5) return false;
    heed_segment_attr attr = { .n = edges[k] };
    sample->n_in = 1;
    sample->in[0] = (heed_sample_input){ .shape = HEED_SHAPE(rows[k] + 1),
                                         .index = true,
                                         .below = edges[k] + 2 };
    heed_sample_attr(sample, &attr, sizeof attr);
    return true;
}

const heed_op heed_op_csr_rows = {
    .name = "csr_rows",
    .doc = "Row offsets i32 [rows + 1] -> i32 [n]: the row that each of n entries belongs to, -1 "
           "where it belongs to none.",
    .n_in = 1,
    .flags = HEED_PRECOMPUTED,
    .attr_size = sizeof(heed_segment_attr),
    .infer = csr_rows_infer,
    .kernel = &csr_rows_kernel,
    .sample = csr_rows_sample,
    .flops = heed_flops_none,
    .limit = "runs once for constant indices",
};

heed_node *heed_csr(heed_node *index, int64_t n)
{
    heed_segment_attr attr = { .n = n };
    return heed_apply(&heed_op_csr, &attr, 1, &index);
}

heed_node *heed_csr_rows(heed_node *offsets, int64_t entries)
{
    heed_segment_attr attr = { .n = entries };
    return heed_apply(&heed_op_csr_rows, &attr, 1, &offsets);
}

#endif

/* sparse_matmul.c - y[r] = sum over entries e with rows[e] = r of values[e] * dense[columns[e]]: a
 * sparse matrix, given by its entries, times a dense one; for each of H matrices at once when
 * values is [E, H] and dense [m, H, d]. Its reverse rules are a sampled_matmul, and itself with
 * rows and columns exchanged. */
#include "ops/kernel.h"
#include "ops/segment.h"
#include "ops/sparse.h"

#ifdef HEED_STAMP
#include "ops/micro/segment.h"

enum { MOST_HEADS = HEED_LANES, MOST_ROW = MOST_HEADS * 2 * HEED_LANES };

/* Of all heads, [heads d] numbers in a row, with a weight for each d: `vectors` LANES of them from
 * `column` on, the last one with n. The weights of an entry are one vector, picked from: head[i] is
 * the head of number i. */
static inline __attribute__((always_inline)) void sum_columns(const heed_segments *g,
                                                              const heed_edge_rows *r, int64_t s,
                                                              const ireal *head, int64_t column,
                                                              int vectors, int64_t n, real *y)
{
    const int64_t heads = r->weight_stride;
    vec sum[4] = { { 0 } };
    for (int64_t k = g->offset[s]; k < g->offset[s + 1]; k++) {
        int64_t e = g->order[k];
        const real *x = heed_edge_row(r, e);
        if (column == 0) heed_edge_ask(g, r, k);
        if (!x) continue;
        vec weight = vec_load_part(r->weight + e * heads, heads, 0);
        for (int v = 0; v < vectors; v++) {
            const real *from = x + column + v * HEED_LANES;
            vec part = n < HEED_LANES ? vec_load_part(from, n, 0) : vec_load(from);
            const ivec_u *which = (const ivec_u *)(head + column) + v;
            sum[v] += vec_pick(weight, *which) * part;
        }
    }
    for (int v = 0; v < vectors; v++) vec_store_part(y + column + v * HEED_LANES, sum[v], n);
}

static void sum_heads(const heed_segments *g, const heed_edge_rows *r, int64_t s, const ireal *head,
                      real *y)
{
    int64_t c = 0;
    for (; c + 4 * HEED_LANES <= r->stride; c += 4 * HEED_LANES)
        sum_columns(g, r, s, head, c, 4, HEED_LANES, y);
    for (; c + HEED_LANES <= r->stride; c += HEED_LANES)
        sum_columns(g, r, s, head, c, 1, HEED_LANES, y);
    if (c < r->stride) sum_columns(g, r, s, head, c, 1, r->stride - c, y);
}

/* More heads than lanes, or long rows: one head after the other. */
static void sum_each_head(const heed_segments *g, const heed_edge_rows *r, int64_t s, int64_t d,
                          real *y)
{
    heed_edge_rows one = *r;
    for (int64_t h = 0; h < r->weight_stride; h++) {
        heed_sum_segment(g, &one, s, y + h * d, d);
        one.x += d;
        one.weight++;
    }
}

HEED_KERNEL(sparse_matmul)
{
    const heed_segment_attr *attr = call->attr;
    const heed_shape *values = &call->in[0].shape, *dense = &call->in[1].shape;
    int64_t edges = values->dim[0], heads = heed_segment_row(values);
    int64_t d = dense->dim[dense->rank - 1], row = heads * d;
    int64_t units = heed_segment_units(attr->n, edges, row, call->n_in > 4);
    const heed_segments g = heed_segments_of(call, 4, call->in[2].data, edges, attr->n);
    const heed_edge_rows rows = { .x = call->in[1].data,
                                  .stride = row,
                                  .at = call->in[3].data,
                                  .rows = dense->dim[0],
                                  .weight = call->in[0].data,
                                  .weight_stride = heads };
    const bool together = heads > 1 && heads <= MOST_HEADS && d <= 2 * HEED_LANES;
    ireal head[MOST_ROW + HEED_LANES] = { 0 };
    for (int64_t i = 0; together && i < row; i++) head[i] = (ireal)(i / d);
    int64_t s = heed_first_segment(&g, begin, units), last = heed_first_segment(&g, end, units);
    for (; s < last; s++) {
        real *y = (real *)call->out.data + s * row;
        if (together)
            sum_heads(&g, &rows, s, head, y);
        else
            sum_each_head(&g, &rows, s, d, y);
    }
}

#else
#include "ops/ops.h"

HEED_DECLARE_KERNEL(sparse_matmul);
static const heed_kernel sparse_matmul_kernel = HEED_KERNEL_TABLE(sparse_matmul);

static int64_t sparse_matmul_units(const heed_call *call)
{
    const heed_shape *y = &call->out.shape;
    if (heed_segment_row(y) == 0) return 0;
    return heed_segment_units(y->dim[0], call->in[0].shape.dim[0], heed_segment_row(y),
                              call->n_in > 4);
}

static size_t sparse_matmul_scratch(const heed_call *call)
{
    return heed_segment_scratch(call->out.shape.dim[0], call->in[0].shape.dim[0], call->n_in > 4);
}

static bool sparse_matmul_infer(heed_infer *infer)
{
    const heed_segment_attr *attr = infer->attr;
    const heed_shape *values = &infer->in[0]->shape, *dense = &infer->in[1]->shape;
    if (!heed_need_real(infer, 0) || !heed_need_real(infer, 1)) return false;
    if (!heed_need_same_dtype(infer)) return false;
    bool heads = values->rank == 2;
    if (values->rank < 1 || values->rank > 2 || dense->rank != values->rank + 1 ||
        (heads && values->dim[1] != dense->dim[1])) {
        return heed_refuse(infer, "values and dense must be [E] and [m, d], or [E, H] and [m, H, "
                                  "d]");
    }
    if (!heed_segment_index_fits(infer, 2, values->dim[0])) return false;
    if (!heed_segment_index_fits(infer, 3, values->dim[0])) return false;
    if (!heed_segment_plan_fits(infer, 4, attr->n, values->dim[0])) return false;
    infer->shape = *dense;
    infer->shape.dim[0] = attr->n;
    return true;
}

heed_node *heed_sparse_apply(heed_node *values, heed_node *dense, heed_node *rows,
                             heed_node *columns, int64_t n)
{
    heed_segment_attr attr = { .n = n };
    if (!values || !dense || !columns) return NULL;
    heed_node *plan = heed_csr(rows, n);
    heed_node *in[5] = { values, dense, rows, columns, plan };
    return plan ? heed_apply(&heed_op_sparse_matmul, &attr, 5, in) : NULL;
}

static void sparse_matmul_vjp(heed_vjp *v)
{
    heed_node *values = v->in[0], *dense = v->in[1], *rows = v->in[2], *columns = v->in[3];
    if (v->want[0]) v->dx[0] = heed_sampled_matmul(v->dy, dense, rows, columns);
    if (v->want[1]) v->dx[1] = heed_sparse_apply(values, v->dy, columns, rows, dense->shape.dim[0]);
}

static bool sparse_matmul_sample(int k, heed_sample *sample)
{
    heed_sparse_case c;
    if (!heed_sparse_sample(k, &c)) return false;
    heed_segment_attr attr = { .n = c.n };
    sample->n_in = 4;
    sample->in[0].shape = c.heads ? HEED_SHAPE(c.entries, c.heads) : HEED_SHAPE(c.entries);
    sample->in[1].shape = heed_sparse_dense(&c, c.m);
    heed_sparse_index(&c, &sample->in[2]);
    heed_sample_attr(sample, &attr, sizeof attr);
    return true;
}

static double sparse_matmul_flops(const heed_node *node)
{
    const heed_shape *dense = &node->in[1]->shape;
    return 2.0 * (double)heed_count(&node->in[0]->shape) * (double)dense->dim[dense->rank - 1];
}

static bool sparse_matmul_large(heed_sample *sample)
{
    const heed_sparse_case c = HEED_SPARSE_LARGE;
    const heed_segment_attr attr = { .n = c.n };
    sample->n_in = 5;
    sample->in[0].shape = HEED_SHAPE(c.entries, c.heads);
    sample->in[1].shape = heed_sparse_dense(&c, c.m);
    heed_sparse_index(&c, &sample->in[2]);
    sample->in[4] =
        (heed_sample_input){ .shape = HEED_SHAPE(c.n + 1 + c.entries), .plan_of = 3, .below = c.n };
    heed_sample_attr(sample, &attr, sizeof attr);
    return true;
}

const heed_op heed_op_sparse_matmul = {
    .name = "sparse_matmul",
    .doc = "y[r] = sum of values[e] * dense[columns[e]] over the entries e with rows[e] = r: "
           "values [E], dense [m, d] -> [n, d]; or [E, H], [m, H, d] -> [n, H, d]; rows, columns "
           "i32 [E]; those out of range add nothing. Optional fifth input: csr of rows.",
    .n_in = 4,
    .max_in = 5,
    .diff = 3,
    .attr_size = sizeof(heed_segment_attr),
    .infer = sparse_matmul_infer,
    .kernel = &sparse_matmul_kernel,
    .units = sparse_matmul_units,
    .scratch = sparse_matmul_scratch,
    .vjp = sparse_matmul_vjp,
    .sample = sparse_matmul_sample,
    .flops = sparse_matmul_flops,
    .large = sparse_matmul_large,
    .limit = "a row of dense for each entry, from anywhere in memory",
};

heed_node *heed_coo_matmul(heed_node *values, heed_node *rows, heed_node *columns, heed_node *dense,
                           int64_t n)
{
    return heed_sparse_apply(values, dense, rows, columns, n);
}

heed_node *heed_sparse_matmul(heed_node *values, heed_node *row_offsets, heed_node *columns,
                              heed_node *dense)
{
    char text[256];
    if (!values || !row_offsets || !columns || !dense) return NULL;
    if (values->shape.rank < 1 || row_offsets->shape.rank != 1 || row_offsets->shape.dim[0] < 1) {
        return heed_graph_fail(values->graph, "sparse_matmul: row offsets must be [n + 1], not %s",
                               heed_describe(row_offsets, text, sizeof text));
    }
    heed_node *rows = heed_csr_rows(row_offsets, values->shape.dim[0]);
    return heed_sparse_apply(values, dense, rows, columns, row_offsets->shape.dim[0] - 1);
}

#endif

/* sampled_matmul.c - y[e] = <a[rows[e]], b[columns[e]]>: some entries of a b^T, for each head; the
 * reverse of sparse_matmul, and the scores of attention over the edges of a graph */
#include "ops/kernel.h"
#include "ops/rows.h"
#include "ops/segment.h"
#include "ops/sparse.h"

#ifdef HEED_STAMP
#include "ops/micro/row_math.h"
#include "ops/micro/vector.h"

/* The row of x that an index names; NULL where there is none. */
static const real *row_at(const heed_view *x, int64_t row, int64_t at)
{
    return (uint64_t)at < (uint64_t)x->shape.dim[0] ? (const real *)x->data + at * row : NULL;
}

static void ask(const heed_view *x, int64_t row, int64_t at)
{
    __builtin_prefetch((const char *)((uintptr_t)x->data + (uintptr_t)(at * row) * sizeof(real)));
}

/* Do several heads fill a vector, so that their products can be summed side by side? */
static bool fill_vectors(int64_t heads, int64_t d)
{
    return 2 * d <= HEED_LANES && (d & (d - 1)) == 0 && heads * d % HEED_LANES == 0;
}

static void dot_heads(const real *x, const real *z, int64_t row, int d, real *y)
{
    const int heads = HEED_LANES / d;
    const ivec first = vec_lane_numbers() * d;
    for (int64_t k = 0; k < row; k += HEED_LANES, y += heads) {
        vec sum = vec_load(x + k) * vec_load(z + k);
        for (int by = d / 2; by > 0; by /= 2) sum += vec_rotate(sum, by);
        vec_store_part(y, vec_pick(sum, first), heads);
    }
}

HEED_KERNEL(sampled_matmul)
{
    enum { AHEAD = 8 };
    const heed_view *a = &call->in[0], *b = &call->in[1];
    const int32_t *rows = call->in[2].data, *columns = call->in[3].data;
    int64_t d = heed_row_length(a), row = heed_segment_row(&a->shape);
    int64_t heads = heed_segment_row(&call->out.shape), per_unit = heed_rows_per_unit(row);
    int64_t edges = call->out.shape.dim[0], last = heed_smaller(end * per_unit, edges);
    const bool together = fill_vectors(heads, d);
    for (int64_t e = begin * per_unit; e < last; e++) {
        const real *x = row_at(a, row, rows[e]), *z = row_at(b, row, columns[e]);
        real *y = (real *)call->out.data + e * heads;
        if (e + AHEAD < edges) {
            ask(a, row, rows[e + AHEAD]);
            ask(b, row, columns[e + AHEAD]);
        }
        if (together && x && z) {
            dot_heads(x, z, row, (int)d, y);
            continue;
        }
        for (int64_t h = 0; h < heads; h++) y[h] = x && z ? row_dot(x + h * d, z + h * d, d) : 0;
    }
}

#else
#include "ops/ops.h"

HEED_DECLARE_KERNEL(sampled_matmul);
static const heed_kernel sampled_matmul_kernel = HEED_KERNEL_TABLE(sampled_matmul);

static int64_t sampled_matmul_units(const heed_call *call)
{
    const heed_shape *y = &call->out.shape;
    if (heed_count(y) == 0) return 0;
    return heed_units_of(y->dim[0], heed_rows_per_unit(heed_segment_row(&call->in[0].shape)));
}

static bool sampled_matmul_infer(heed_infer *infer)
{
    const heed_shape *a = &infer->in[0]->shape, *b = &infer->in[1]->shape;
    const heed_shape *rows = &infer->in[2]->shape;
    if (!heed_need_real(infer, 0) || !heed_need_real(infer, 1)) return false;
    if (!heed_need_same_dtype(infer)) return false;
    heed_shape like = *b;
    if (a->rank == b->rank && a->rank > 0) like.dim[0] = a->dim[0];
    if (a->rank < 2 || a->rank > 3 || !heed_shape_equal(a, &like)) {
        return heed_refuse(infer, "a and b must be [n, d] and [m, d], or [n, H, d] and [m, H, d]");
    }
    if (rows->rank != 1) return heed_refuse(infer, "rows must be [E], one for each entry");
    if (!heed_segment_index_fits(infer, 2, rows->dim[0])) return false;
    if (!heed_segment_index_fits(infer, 3, rows->dim[0])) return false;
    infer->shape = a->rank == 2 ? HEED_SHAPE(rows->dim[0]) : HEED_SHAPE(rows->dim[0], a->dim[1]);
    return true;
}

static void sampled_matmul_vjp(heed_vjp *v)
{
    heed_node *a = v->in[0], *b = v->in[1], *rows = v->in[2], *columns = v->in[3];
    if (v->want[0]) v->dx[0] = heed_sparse_apply(v->dy, b, rows, columns, a->shape.dim[0]);
    if (v->want[1]) v->dx[1] = heed_sparse_apply(v->dy, a, columns, rows, b->shape.dim[0]);
}

static bool sampled_matmul_sample(int k, heed_sample *sample)
{
    heed_sparse_case c;
    if (!heed_sparse_sample(k, &c)) return false;
    sample->n_in = 4;
    sample->in[0].shape = heed_sparse_dense(&c, c.n);
    sample->in[1].shape = heed_sparse_dense(&c, c.m);
    heed_sparse_index(&c, &sample->in[2]);
    return true;
}

static double sampled_matmul_flops(const heed_node *node)
{
    const heed_shape *a = &node->in[0]->shape;
    return 2.0 * (double)heed_count(&node->shape) * (double)a->dim[a->rank - 1];
}

static bool sampled_matmul_large(heed_sample *sample)
{
    const heed_sparse_case c = HEED_SPARSE_LARGE;
    sample->n_in = 4;
    sample->in[0].shape = heed_sparse_dense(&c, c.n);
    sample->in[1].shape = heed_sparse_dense(&c, c.m);
    heed_sparse_index(&c, &sample->in[2]);
    return true;
}

const heed_op heed_op_sampled_matmul = {
    .name = "sampled_matmul",
    .doc = "y[e] = <a[rows[e]], b[columns[e]]>: a [n, d], b [m, d] -> [E]; or [n, H, d], [m, H, d] "
           "-> [E, H]; rows, columns i32 [E]; 0 where one is out of range.",
    .n_in = 4,
    .diff = 3,
    .infer = sampled_matmul_infer,
    .kernel = &sampled_matmul_kernel,
    .units = sampled_matmul_units,
    .vjp = sampled_matmul_vjp,
    .sample = sampled_matmul_sample,
    .flops = sampled_matmul_flops,
    .large = sampled_matmul_large,
    .limit = "two rows for each entry, from anywhere in memory",
};

heed_node *heed_sampled_matmul(heed_node *a, heed_node *b, heed_node *rows, heed_node *columns)
{
    return heed_apply(&heed_op_sampled_matmul, NULL, 4, (heed_node *[]){ a, b, rows, columns });
}

#endif

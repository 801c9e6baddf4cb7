/* segment_softmax.c - y[e] = exp(x[e] - max) / sum over the edges of e's segment, for each column;
 * dx = y (dy - <y, dy>), the product over the segment. Velickovic et al. 2018, eq. 3.
 *
 * Where rows of x are all over memory, a segment is brought together in a small dense buffer, so
 * that exponentials go over full vectors, however few columns there are. */
#include "ops/kernel.h"
#include "ops/segment.h"

#ifdef HEED_STAMP
#include "ops/micro/row_math.h"
#include "ops/micro/segment.h"

enum { BUFFER = 2048, AHEAD = 12 }; /* numbers; edges that are asked for early */

/* Some columns of one segment: at most as many as there are lanes. In the buffer a row takes a
 * power of two, so that lane l of every vector belongs to column l modulo that. */
typedef struct block {
    const int32_t *edge, *end; /* its edges; where the list of all of them ends */
    int64_t edges, n, width;   /* rows of n numbers in memory, `width` of them here */
    int row;                   /* in the buffer */
} block;

static void gather_block(const block *b, int64_t from, int64_t to, const real *x, real *buffer)
{
    for (int64_t k = from; k < to; k++, buffer += b->row) {
        const int32_t *edge = b->edge + k;
        if (edge + AHEAD < b->end) __builtin_prefetch(x + edge[AHEAD] * b->n);
        if (b->width == 1)
            *buffer = x[*edge * b->n];
        else /* what is too much belongs to the next row, or is as good as nothing */
            vec_store(buffer, vec_load_part(x + *edge * b->n, b->width, -INFINITY));
    }
    vec_store(buffer, vec_fill(-INFINITY));
}

static void scatter_block(const block *b, int64_t from, int64_t to, vec factor, const real *buffer,
                          real *y)
{
    for (int64_t k = from; k < to; k++, buffer += b->row) {
        real *row = y + b->edge[k] * b->n;
        if (b->width == 1)
            *row = *buffer * factor[0];
        else
            vec_store_part(row, vec_load(buffer) * factor, b->width);
    }
}

static vec join_maximum(const block *b, int64_t rows, const real *buffer, vec most)
{
    for (int64_t i = 0; i < rows * b->row; i += HEED_LANES)
        most = vec_max(vec_load(buffer + i), most);
    return most;
}

/* exp(x - shift) in place, joined to sum */
static vec exponentials(const block *b, int64_t rows, vec shift, real *buffer, vec sum)
{
    for (int64_t i = 0; i < rows * b->row; i += HEED_LANES) {
        vec e = vec_exp_negative(vec_load(buffer + i) - shift);
        vec_store(buffer + i, e);
        sum += e;
    }
    return sum;
}

/* All lanes of a column have its maximum, less what must not be subtracted; 1 / its sum. */
static vec shift_of(const block *b, vec most)
{
    for (int by = HEED_LANES / 2; by >= b->row; by /= 2) most = vec_max(vec_rotate(most, by), most);
    return vec_select(most == -INFINITY, vec_fill(0), most);
}

static vec sum_of(const block *b, vec sum)
{
    for (int by = HEED_LANES / 2; by >= b->row; by /= 2) sum += vec_rotate(sum, by);
    return sum;
}

static vec factor_of(const block *b, vec sum)
{
    sum = sum_of(b, sum);
    return vec_select(sum == 0, vec_fill(0), 1 / sum);
}

/* ---- edges that are sorted: a segment's numbers lie side by side, whole rows of lanes ---- */

static bool lie_together(const block *b)
{
    return b->row == b->n && b->edge[b->edges - 1] - b->edge[0] == b->edges - 1;
}

/* n numbers, vector by vector; what is missing in the last one is `fill`. */
static vec load_next(const real *x, int64_t i, int64_t n, real fill)
{
    return n - i < HEED_LANES ? vec_load_part(x + i, n - i, fill) : vec_load(x + i);
}

static void store_next(real *y, int64_t i, int64_t n, vec value)
{
    if (n - i < HEED_LANES)
        vec_store_part(y + i, value, n - i);
    else
        vec_store(y + i, value);
}

static void softmax_together(const block *b, const real *x, real *y)
{
    const int64_t n = b->edges * b->n;
    vec most = vec_fill(-INFINITY), sum = vec_fill(0);
    for (int64_t i = 0; i < n; i += HEED_LANES) most = vec_max(load_next(x, i, n, -INFINITY), most);
    most = shift_of(b, most);
    for (int64_t i = 0; i < n; i += HEED_LANES) {
        const vec e = vec_exp_negative(load_next(x, i, n, -INFINITY) - most);
        store_next(y, i, n, e);
        sum += e;
    }
    sum = factor_of(b, sum);
    for (int64_t i = 0; i < n; i += HEED_LANES) store_next(y, i, n, load_next(y, i, n, 0) * sum);
}

static void reverse_together(const block *b, const real *y, const real *dy, real *dx)
{
    const int64_t n = b->edges * b->n;
    vec dot = vec_fill(0);
    for (int64_t i = 0; i < n; i += HEED_LANES)
        dot += load_next(y, i, n, 0) * load_next(dy, i, n, 0);
    dot = sum_of(b, dot);
    for (int64_t i = 0; i < n; i += HEED_LANES)
        store_next(dx, i, n, load_next(y, i, n, 0) * (load_next(dy, i, n, 0) - dot));
}

/* ---- edges anywhere ---- */

/* A segment that does not fit the buffer goes through it in parts: once for the maximum, once for
 * the sum, once for y. */
static void softmax_block(const block *b, const real *x, real *y)
{
    real buffer[BUFFER + 2 * 64];
    const int64_t part = BUFFER / b->row;
    const bool whole = b->edges <= part;
    vec most = vec_fill(-INFINITY), sum = vec_fill(0);
    for (int64_t k = 0, to; k < b->edges; k = to) {
        to = heed_smaller(k + part, b->edges);
        gather_block(b, k, to, x, buffer);
        most = join_maximum(b, to - k, buffer, most);
    }
    most = shift_of(b, most);
    for (int64_t k = 0, to; k < b->edges; k = to) {
        to = heed_smaller(k + part, b->edges);
        if (!whole) gather_block(b, k, to, x, buffer);
        sum = exponentials(b, to - k, most, buffer, sum);
    }
    sum = factor_of(b, sum);
    for (int64_t k = 0, to; k < b->edges; k = to) {
        to = heed_smaller(k + part, b->edges);
        if (!whole) gather_block(b, k, to, x, buffer);
        if (!whole) exponentials(b, to - k, most, buffer, sum);
        scatter_block(b, k, to, sum, buffer, y);
    }
}

static void reverse_block(const block *b, const real *y, const real *dy, real *dx)
{
    vec dot = vec_fill(0);
    for (int64_t k = 0; k < b->edges; k++) {
        const int32_t *edge = b->edge + k;
        int64_t at = *edge * b->n;
        if (edge + AHEAD < b->end) {
            __builtin_prefetch(y + edge[AHEAD] * b->n);
            __builtin_prefetch(dy + edge[AHEAD] * b->n);
        }
        dot += vec_load_part(y + at, b->width, 0) * vec_load_part(dy + at, b->width, 0);
    }
    for (int64_t k = 0; k < b->edges; k++) {
        int64_t at = b->edge[k] * b->n;
        vec left = vec_load_part(dy + at, b->width, 0) - dot;
        vec_store_part(dx + at, vec_load_part(y + at, b->width, 0) * left, b->width);
    }
}

/* Edges of no segment, which stand last, get 0. */
static void clear_rest(const heed_segments *g, int64_t n, real *y)
{
    for (int64_t k = g->offset[g->n]; k < g->edges; k++)
        memset(y + g->order[k] * n, 0, (size_t)n * sizeof *y);
}

/* The segments of some units: `count` is 1 for y(x), 2 for dx(y, dy). */
static void softmax_units(const heed_call *call, int64_t begin, int64_t end, int count)
{
    const heed_segment_attr *attr = call->attr;
    const heed_shape *shape = &call->out.shape;
    const real *x = call->in[0].data, *other = call->in[count - 1].data;
    real *y = call->out.data;
    int64_t edges = shape->dim[0], n = heed_segment_row(shape);
    bool planned = call->n_in > count + 1;
    int64_t units = heed_segment_units(attr->n, edges, n, planned);
    const heed_segments g = heed_segments_of(call, count + 1, call->in[count].data, edges, attr->n);
    int64_t s = heed_first_segment(&g, begin, units), last = heed_first_segment(&g, end, units);
    for (; s < last; s++) {
        block b = {
            g.order + g.offset[s], g.order + edges, g.offset[s + 1] - g.offset[s], n, 0, 1
        };
        for (int64_t c = 0; b.edges > 0 && c < n; c += HEED_LANES) {
            b.width = heed_smaller(n - c, HEED_LANES);
            for (b.row = 1; b.row < b.width;) b.row *= 2;
            const bool together = lie_together(&b);
            const int64_t at = together ? b.edge[0] * n : c;
            if (count == 1)
                (together ? softmax_together : softmax_block)(&b, x + at, y + at);
            else
                (together ? reverse_together : reverse_block)(&b, x + at, other + at, y + at);
        }
    }
    if (end == units) clear_rest(&g, n, y);
}

HEED_KERNEL(segment_softmax)
{
    softmax_units(call, begin, end, 1);
}

HEED_KERNEL(segment_softmax_vjp)
{
    softmax_units(call, begin, end, 2);
}

#else
#include "ops/ops.h"

HEED_DECLARE_KERNEL(segment_softmax);
HEED_DECLARE_KERNEL(segment_softmax_vjp);
static const heed_kernel segment_softmax_kernel = HEED_KERNEL_TABLE(segment_softmax);
static const heed_kernel segment_softmax_vjp_kernel = HEED_KERNEL_TABLE(segment_softmax_vjp);

/* Inputs without index and plan: 1 (x) or 2 (y, dy), as the index is the first one of i32. */
static int reals_of(const heed_call *call)
{
    return call->in[1].dtype == HEED_I32 ? 1 : 2;
}

static int64_t softmax_units(const heed_call *call)
{
    const heed_segment_attr *attr = call->attr;
    const heed_shape *x = &call->in[0].shape;
    if (heed_count(x) == 0) return 0;
    return heed_segment_units(attr->n, x->dim[0], heed_segment_row(x),
                              call->n_in > reals_of(call) + 1);
}

static size_t softmax_scratch(const heed_call *call)
{
    const heed_segment_attr *attr = call->attr;
    return heed_segment_scratch(attr->n, call->in[0].shape.dim[0], call->n_in > reals_of(call) + 1);
}

static void softmax_reverse(heed_vjp *v)
{
    heed_node *plan = v->n_in > 2 ? v->in[2] : NULL;
    if (!v->want[0]) return;
    v->dx[0] = heed_segment_apply(&heed_op_segment_softmax_vjp, v->attr,
                                  (heed_node *[]){ v->y, v->dy }, 2, v->in[1], plan);
}

static bool softmax_sample(int k, heed_sample *sample)
{
    return heed_segment_sample(k, sample, 1);
}

static double softmax_flops(const heed_node *node)
{
    return 14.0 * (double)heed_count(&node->shape);
}

static bool segment_softmax_large(heed_sample *sample)
{
    return heed_segment_large(sample, 1, HEED_SHAPE(2097152, 8), 131072);
}

const heed_op heed_op_segment_softmax = {
    .name = "segment_softmax",
    .doc = "y[e] = exp(x[e] - max) / sum of it, over the edges with e's index: x [E, ..], index "
           "i32 [E]; 0 where the index is out of range or all of a segment is -inf. Optional third "
           "input: csr of the index.",
    .n_in = 2,
    .max_in = 3,
    .diff = 1,
    .attr_size = sizeof(heed_segment_attr),
    .infer = heed_segment_edges_infer,
    .kernel = &segment_softmax_kernel,
    .units = softmax_units,
    .scratch = softmax_scratch,
    .vjp = softmax_reverse,
    .sample = softmax_sample,
    .flops = softmax_flops,
    .large = segment_softmax_large,
    .limit = "rows of a segment lie anywhere in memory",
};

/* ---- the reverse: dx(y, dy) ---- */

/* For each edge, the sum over its segment. */
static heed_node *sum_of_segment(heed_vjp *v, heed_node *x)
{
    heed_node *index = v->in[2], *plan = v->n_in > 3 ? v->in[3] : NULL;
    heed_node *sum = heed_segment_apply(&heed_op_segment_sum, v->attr, &x, 1, index, plan);
    return heed_gather(sum, index, 0, 0);
}

/* As softmax's; but an edge out of range has dx = 0, whatever y is. */
static void softmax_vjp_reverse(heed_vjp *v)
{
    heed_node *y = v->in[0], *dy = v->in[1], *c = v->dy;
    heed_node *index = v->in[2], *plan = v->n_in > 3 ? v->in[3] : NULL;
    if (v->want[0]) {
        const heed_segment_attr *attr = v->attr;
        heed_node *ones = heed_full_shaped(y->graph, y->dtype, HEED_SHAPE(attr->n), 1);
        heed_shape column = { .rank = y->shape.rank, .dim = { y->shape.dim[0] } };
        for (int i = 1; i < column.rank; i++) column.dim[i] = 1;
        heed_node *inside = heed_reshape_to(heed_gather(ones, index, 0, 0), column);
        heed_node *centered = heed_sub(dy, sum_of_segment(v, heed_mul(y, dy)));
        heed_node *share = heed_mul(dy, sum_of_segment(v, heed_mul(c, y)));
        v->dx[0] = heed_mul(inside, heed_sub(heed_mul(c, centered), share));
    }
    if (v->want[1]) {
        v->dx[1] = heed_segment_apply(&heed_op_segment_softmax_vjp, v->attr,
                                      (heed_node *[]){ y, c }, 2, index, plan);
    }
}

static bool softmax_vjp_sample(int k, heed_sample *sample)
{
    return heed_segment_sample(k, sample, 2);
}

static double softmax_vjp_flops(const heed_node *node)
{
    return 4.0 * (double)heed_count(&node->shape);
}

static bool segment_softmax_vjp_large(heed_sample *sample)
{
    return heed_segment_large(sample, 2, HEED_SHAPE(2097152, 8), 131072);
}

const heed_op heed_op_segment_softmax_vjp = {
    .name = "segment_softmax_vjp",
    .doc = "dx = y * (dy - <y, dy>), the product over the edges with one index: the reverse of y = "
           "segment_softmax(x). Inputs y, dy [E, ..], index i32 [E], optional csr of it.",
    .n_in = 3,
    .max_in = 4,
    .diff = 3,
    .attr_size = sizeof(heed_segment_attr),
    .infer = heed_segment_edges_infer,
    .kernel = &segment_softmax_vjp_kernel,
    .units = softmax_units,
    .scratch = softmax_scratch,
    .vjp = softmax_vjp_reverse,
    .sample = softmax_vjp_sample,
    .flops = softmax_vjp_flops,
    .large = segment_softmax_vjp_large,
    .limit = "rows of a segment lie anywhere in memory",
};

heed_node *heed_segment_softmax(heed_node *x, heed_node *index, int64_t n)
{
    heed_segment_attr attr = { .n = n };
    heed_node *plan = x ? heed_csr(index, n) : NULL;
    return plan ? heed_segment_apply(&heed_op_segment_softmax, &attr, &x, 1, index, plan) : NULL;
}

#endif

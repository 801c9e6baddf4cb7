/* segment_max.c - y[s] = largest (smallest) x[e] over the edges e with index[e] = s; 0 of no
 * edges, as PyTorch's scatter_reduce leaves a zero where nothing was reduced */
#include "ops/kernel.h"
#include "ops/segment.h"

#ifdef HEED_STAMP
#include <math.h>

#include "ops/micro/segment.h"

/* x where it is larger, or NaN; once NaN, always NaN. */
static inline vec larger(vec x, vec most)
{
    return vec_select((x > most) | (x != x), x, most);
}

/* Columns 0 .. n - 1, n <= LANES, of one segment; sign -1 looks for the smallest. */
static void most_of(const heed_segments *g, const heed_edge_rows *r, int64_t s, int64_t column,
                    int64_t n, real sign, real *y)
{
    vec most = vec_fill(-INFINITY);
    for (int64_t k = g->offset[s]; k < g->offset[s + 1]; k++) {
        const real *x = heed_edge_row(r, g->order[k]);
        if (column == 0) heed_edge_ask(g, r, k);
        if (x) most = larger(sign * vec_load_part(x + column, n, 0), most);
    }
    vec_store_part(y + column, sign * most, n);
}

static real most_number(const heed_segments *g, const heed_edge_rows *r, int64_t s, real sign)
{
    real most = -INFINITY;
    for (int64_t k = g->offset[s]; k < g->offset[s + 1]; k++) {
        const real *x = heed_edge_row(r, g->order[k]);
        heed_edge_ask(g, r, k);
        real value = x ? sign * *x : most;
        most = value > most || value != value ? value : most;
    }
    return sign * most;
}

HEED_KERNEL(segment_max)
{
    const heed_segment_attr *attr = call->attr;
    const heed_view *x = &call->in[0];
    int64_t edges = x->shape.dim[0], n = heed_segment_row(&x->shape);
    int64_t units = heed_segment_units(attr->n, edges, n, call->n_in > 2);
    const heed_segments g = heed_segments_of(call, 2, call->in[1].data, edges, attr->n);
    const heed_edge_rows rows = { .x = x->data, .stride = n, .rows = edges };
    real sign = attr->minimum ? -1 : 1;
    int64_t s = heed_first_segment(&g, begin, units), last = heed_first_segment(&g, end, units);
    for (; s < last; s++) {
        real *y = (real *)call->out.data + s * n;
        if (g.offset[s] == g.offset[s + 1]) {
            memset(y, 0, (size_t)n * sizeof *y);
            continue;
        }
        if (n == 1) *y = most_number(&g, &rows, s, sign);
        for (int64_t c = 0; n > 1 && c < n; c += HEED_LANES)
            most_of(&g, &rows, s, c, heed_smaller(n - c, HEED_LANES), sign, y);
    }
}

#else
#include <string.h>

#include "ops/ops.h"

HEED_DECLARE_KERNEL(segment_max);
static const heed_kernel segment_max_kernel = HEED_KERNEL_TABLE(segment_max);

/* Equal shares to the edges that are equal to y; an edge out of range reads dy as 0. */
static void segment_max_vjp(heed_vjp *v)
{
    const heed_segment_attr sum = { .n = v->y->shape.dim[0] };
    heed_node *x = v->in[0], *index = v->in[1], *plan = v->n_in > 2 ? v->in[2] : NULL;
    if (!v->want[0]) return;
    heed_node *y = heed_gather(heed_stop_gradient(v->y), index, 0, 0);
    heed_node *chosen = heed_stop_gradient(heed_equal(heed_stop_gradient(x), y));
    heed_node *ties = heed_segment_apply(&heed_op_segment_sum, &sum, &chosen, 1, index, plan);
    heed_node *some = heed_maximum(ties, heed_number_like(x, 1));
    heed_node *share = heed_gather(heed_div(v->dy, some), index, 0, 0);
    v->dx[0] = heed_where(chosen, share, heed_number_like(v->dy, 0));
}

static bool segment_max_sample(int k, heed_sample *sample)
{
    if (!heed_segment_sample(k / 2, sample, 1)) return false;
    heed_segment_attr attr;
    memcpy(&attr, sample->attr, sizeof attr);
    sample->in[0].distinct = true;
    sample->in[1].below = (int)heed_smaller(sample->in[1].below, attr.n);
    attr.minimum = k % 2;
    heed_sample_attr(sample, &attr, sizeof attr);
    return true;
}

const heed_op heed_op_segment_max = {
    .name = "segment_max",
    .doc = "y[s] = largest (minimum: smallest) x[e] over the e with index[e] = s: x [E, ..], index "
           "i32 [E] -> [n, ..]; an empty segment is 0. Optional third input: csr of the "
           "index.",
    .n_in = 2,
    .max_in = 3,
    .diff = 1,
    .attr_size = sizeof(heed_segment_attr),
    .infer = heed_segment_infer,
    .kernel = &segment_max_kernel,
    .units = heed_segments_units,
    .scratch = heed_segments_scratch,
    .vjp = segment_max_vjp,
    .sample = segment_max_sample,
    .flops = heed_flops_of_input,
};

static heed_node *extremum(heed_node *x, heed_node *index, int64_t n, bool minimum)
{
    heed_segment_attr attr = { .n = n, .minimum = minimum };
    heed_node *plan = x ? heed_csr(index, n) : NULL;
    return plan ? heed_segment_apply(&heed_op_segment_max, &attr, &x, 1, index, plan) : NULL;
}

heed_node *heed_segment_max(heed_node *x, heed_node *index, int64_t n)
{
    return extremum(x, index, n, false);
}

heed_node *heed_segment_min(heed_node *x, heed_node *index, int64_t n)
{
    return extremum(x, index, n, true);
}

#endif

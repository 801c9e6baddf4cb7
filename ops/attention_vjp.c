/* attention_vjp.c - dq, dk and dv of attention in one pass over the blocks of scores: five
 * products, where three operations would need eight. P comes from the log-sum-exps. Dao 2023.
 *
 * The output is one row of numbers: dq, then dk, then dv, each if wanted; dk and dv are sums over a
 * range of queries, one after the other for each range, to be added up. */
#include "ops/attention.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP
#include "ops/attention_block.h"

/* A sum that grows block by block: in place, or in scratch when its rows are no whole vectors. */
typedef struct sums {
    real *at, *out; /* out: NULL when it is not wanted */
    int64_t row, columns;
} sums;

static sums sums_at(real *out, bool staged, int64_t columns, real *scratch, int64_t scratch_row)
{
    return (sums){ staged ? scratch : out, out, staged ? scratch_row : columns, columns };
}

/* Of n rows, those from `begun` on have got nothing yet. */
static void end_sums(const sums *s, int64_t begun, int64_t n)
{
    if (!s->out) return;
    for (int64_t i = 0; i < begun && s->out != s->at; i++)
        memcpy(s->out + i * s->columns, s->at + i * s->row, (size_t)s->columns * sizeof(real));
    if (begun < n)
        memset(s->out + begun * s->columns, 0, (size_t)((n - begun) * s->columns) * sizeof(real));
}

/* Sums of one item. */
typedef struct gradients {
    real *dq; /* of the whole product; NULL when it is not wanted */
    sums dk, dv;
    int64_t begun; /* keys that have got something */
} gradients;

/* A block of n keys, of which the first `seen` are visible to some query. */
static void take_keys(const head *h, const query_block *q, const sums *dq, const gradients *g,
                      matrix q_rows, matrix dy_rows, int64_t key, int64_t n, int64_t seen)
{
    const attention_plan *plan = h->plan;
    const real *p = h->scratch + plan->at.scores, *slopes = h->scratch + plan->at.slopes;
    const bool begun = key < g->begun;
    compute_slopes(h, q, key, n, (real)plan->scale);
    if (g->dv.out)
        sum_by_keys(h, q, key, n, p, dy_rows, plan->width, g->dv.at + key * g->dv.row, g->dv.row,
                    begun);
    if (g->dk.out)
        sum_by_keys(h, q, key, n, slopes, q_rows, plan->depth, g->dk.at + key * g->dk.row,
                    g->dk.row, begun);
    if (dq->out)
        sum_by_queries(h, q, key, seen, slopes, rows_from(h->in[ATTENTION_K], key), plan->depth,
                       dq->at, dq->row);
}

static void take_queries(const head *h, int64_t first, int64_t n, gradients *g)
{
    const attention_plan *plan = h->plan;
    const attention_scratch *at = &plan->at;
    const query_block q = reverse_block(h, first, n, (real)plan->scale);
    const matrix q_rows =
        vector_rows(rows_from(h->in[ATTENTION_Q], first), plan->in[ATTENTION_Q].copy, n,
                    plan->depth, h->scratch + at->q, plan->depth_row);
    const matrix dy_rows =
        vector_rows(rows_from(h->in[ATTENTION_DY], first), plan->in[ATTENTION_DY].copy, n,
                    plan->width, h->scratch + at->dy, plan->width_row);
    const sums dq = sums_at(g->dq ? g->dq + first * plan->depth : NULL, plan->staged_q, plan->depth,
                            h->scratch + at->out_q, plan->depth_row);
    const int64_t seen = visible_keys(plan, first + n - 1, 0, plan->keys);
    int64_t key = 0;
    for (; key < seen; key += plan->key_block)
        take_keys(h, &q, &dq, g, q_rows, dy_rows, key,
                  heed_smaller(plan->key_block, plan->keys - key),
                  heed_smaller(plan->key_block, seen - key));
    if (g->begun < key) g->begun = heed_smaller(key, plan->keys);
    end_sums(&dq, seen > 0 ? n : 0, n);
}

/* Where the item's parts of the output are. */
static gradients begin_item(const heed_call *call, const head *h, const work *w)
{
    const attention_plan *plan = call->plan;
    const int want = ((const attention_attr *)call->attr)->want;
    const int64_t key_item = w->range * plan->products + w->product;
    const int64_t parts = plan->ranges * plan->products;
    real *out = call->out.data, *dk = NULL, *dv = NULL;
    gradients g = { .dq = NULL };
    if (want & 1 << ATTENTION_Q) {
        g.dq = out + w->product * plan->queries * plan->depth;
        out += plan->products * plan->queries * plan->depth;
    }
    if (want & 1 << ATTENTION_K) {
        dk = out + key_item * plan->keys * plan->depth;
        out += parts * plan->keys * plan->depth;
    }
    if (want & 1 << ATTENTION_V) dv = out + key_item * plan->keys * plan->width;
    g.dk = sums_at(dk, plan->staged_q, plan->depth, h->scratch + plan->at.out_k, plan->depth_row);
    g.dv = sums_at(dv, plan->staged_v, plan->width, h->scratch + plan->at.out_v, plan->width_row);
    return g;
}

HEED_KERNEL(attention_vjp)
{
    const attention_plan *plan = call->plan;
    const int64_t stop = heed_smaller(end * plan->items_per_unit, plan->items);
    for (int64_t item = begin * plan->items_per_unit; item < stop; item++) {
        const work w = work_of(plan, item);
        const head h = head_of(call, plan, w.product);
        gradients g = begin_item(call, &h, &w);
        for (int64_t i = w.first; i < w.stop; i += plan->query_block)
            take_queries(&h, i, heed_smaller(plan->query_block, w.stop - i), &g);
        end_sums(&g.dk, g.begun, plan->keys);
        end_sums(&g.dv, g.begun, plan->keys);
    }
}

#else
#include <math.h>

HEED_DECLARE_KERNEL(attention_vjp);
static const heed_kernel kernel = HEED_KERNEL_TABLE(attention_vjp);

/* ---- the output's parts ---- */

typedef struct part {
    heed_shape shape; /* of the gradient, leading axes broadcast */
    int64_t sums;     /* how many there are to be added */
} part;

/* Of dq, dk or dv. */
static part part_of(int which, heed_node *const *in)
{
    const heed_shape *x = &in[which]->shape, *y = &in[ATTENTION_Y]->shape;
    const int64_t products = heed_product(y, 0, y->rank - 2), queries = y->dim[y->rank - 2];
    const int64_t range = heed_attention_range(products, queries);
    part p = { .shape = *y, .sums = 1 };
    p.shape.dim[y->rank - 2] = x->dim[x->rank - 2];
    p.shape.dim[y->rank - 1] = x->dim[x->rank - 1];
    if (which != ATTENTION_Q && range > 0) p.sums = heed_units_of(queries, range);
    return p;
}

void heed_attention_gradients(heed_node *const *in, const attention_attr *attr, const bool *want,
                              heed_node **dx)
{
    attention_attr reverse = *attr;
    reverse.want = want[ATTENTION_Q] << ATTENTION_Q | want[ATTENTION_K] << ATTENTION_K |
                   want[ATTENTION_V] << ATTENTION_V;
    if (!reverse.want) return;
    heed_node *all = heed_apply(&heed_op_attention_vjp, &reverse, ATTENTION_INPUTS, in);
    int64_t at = 0;
    for (int i = ATTENTION_Q; all && i <= ATTENTION_V; i++) {
        if (!want[i]) continue;
        const part p = part_of(i, in);
        const int64_t count = heed_count(&p.shape);
        heed_node *x = heed_slice(all, 0, at, at + p.sums * count);
        if (p.sums > 1) x = heed_sum(heed_reshape(x, p.sums, count), 0, false);
        dx[i] = heed_reshape_to(x, p.shape);
        at += p.sums * count;
    }
}

static bool attention_vjp_infer(heed_infer *infer)
{
    const attention_attr *attr = infer->attr;
    if (!heed_attention_check(infer)) return false;
    if (attr->want < 1 || attr->want > 7) return heed_refuse(infer, "want is %d", attr->want);
    int64_t size = 0;
    for (int i = ATTENTION_Q; i <= ATTENTION_V; i++) {
        const part p = part_of(i, infer->in);
        if (attr->want >> i & 1) size += p.sums * heed_count(&p.shape);
    }
    infer->shape = HEED_SHAPE(size);
    return true;
}

/* ---- the reverse of the reverse ---- */

/* 0, 1, .. n - 1 along an axis of [n, 1] or [1, n], plus `from`. */
static heed_node *count_up(heed_node *like, int64_t rows, int64_t columns, int64_t from)
{
    heed_shape shape = HEED_SHAPE(rows, columns);
    heed_tensor *number = heed_tensor_new(like->dtype, &shape, heed_graph_error(like->graph));
    if (!number) return NULL;
    for (int64_t i = 0; i < rows * columns; i++) heed_set(&number->view, i, (double)(from + i));
    heed_node *node = heed_constant_of(like->graph, &number->view);
    heed_tensor_free(number);
    return node;
}

attention_composed heed_attention_compose(heed_node *const *in, const attention_attr *attr)
{
    const heed_shape *k = &in[ATTENTION_K]->shape, *y = &in[ATTENTION_Y]->shape;
    const int64_t queries = y->dim[y->rank - 2], keys = k->dim[k->rank - 2];
    heed_node *hidden = heed_number_like(in[ATTENTION_Q], -INFINITY);
    heed_node *scores =
        heed_scale(heed_matmul(in[ATTENTION_Q], heed_transpose(in[ATTENTION_K], -1, -2)),
                   attr->scale);
    if (in[ATTENTION_BIAS]->shape.rank) scores = heed_add(scores, in[ATTENTION_BIAS]);
    if (in[ATTENTION_KEEP]->shape.rank)
        scores = heed_where(heed_stop_gradient(in[ATTENTION_KEEP]), scores, hidden);
    if (attr->causal) {
        heed_node *last = count_up(hidden, queries, 1, keys - queries);
        heed_node *seen = heed_less_equal(count_up(hidden, 1, keys, 0), last);
        scores = heed_where(seen, scores, hidden);
    }
    attention_composed c = { .p = heed_softmax(scores, -1) };
    heed_node *dp = heed_matmul(in[ATTENTION_DY], heed_transpose(in[ATTENTION_V], -1, -2));
    if (!c.p || !dp) return c;
    c.p = heed_stretch(c.p, &dp->shape);
    c.slope = heed_apply(&heed_op_softmax_vjp, NULL, 2, (heed_node *[]){ c.p, dp });
    return c;
}

/* x^T y, summed over each range of queries by itself; one row of numbers. */
static heed_node *range_sums(heed_node *x, heed_node *y, int64_t range)
{
    heed_node *parts[ATTENTION_MOST_RANGES];
    if (!x || !y) return NULL;
    const int64_t queries = y->shape.dim[y->shape.rank - 2];
    int n = 0;
    for (int64_t i = 0; n == 0 || i < queries; i += range) {
        const int64_t stop = heed_smaller(i + range, queries);
        parts[n++] = heed_flatten(heed_matmul(heed_transpose(heed_slice(x, -2, i, stop), -1, -2),
                                              heed_slice(y, -2, i, stop)));
    }
    return heed_concat(parts, n, 0);
}

static heed_node *composed_gradients(heed_node *const *in, const void *attributes)
{
    const attention_attr *attr = attributes;
    heed_node *parts[3];
    int n = 0;
    const heed_shape *y = &in[ATTENTION_Y]->shape;
    const int64_t range =
        heed_attention_range(heed_product(y, 0, y->rank - 2), y->dim[y->rank - 2]);
    const attention_composed c = heed_attention_compose(in, attr);
    heed_node *slope = heed_scale(c.slope, attr->scale);
    if (attr->want & 1 << ATTENTION_Q)
        parts[n++] = heed_flatten(heed_matmul(slope, in[ATTENTION_K]));
    if (attr->want & 1 << ATTENTION_K) parts[n++] = range_sums(slope, in[ATTENTION_Q], range);
    if (attr->want & 1 << ATTENTION_V) parts[n++] = range_sums(c.p, in[ATTENTION_DY], range);
    return heed_concat(parts, n, 0);
}

static void attention_vjp_vjp(heed_vjp *v)
{
    heed_composed_vjp(v, composed_gradients);
}

static bool attention_vjp_sample(int k, heed_sample *sample)
{
    return heed_attention_sample(k, sample, ATTENTION_INPUTS);
}

static double attention_vjp_flops(const heed_node *node)
{
    const int want = ((const attention_attr *)node->attr)->want;
    return heed_attention_flops(node, 1 + (want & 1) + (want >> 1 & 1), 1 + (want >> 2 & 1));
}

static bool attention_vjp_large(heed_sample *sample)
{
    return heed_attention_large(sample, ATTENTION_INPUTS);
}

const heed_op heed_op_attention_vjp = {
    .name = "attention_vjp",
    .doc =
        "dq = scale dS k, dk = scale dS^T q, dv = P^T dy, dS = P (dy v^T - <dy, y>): the reverse "
        "of y = attention(q, k, v, keep, bias). Inputs those, dy, y and the log-sum-exps of the "
        "scores. One row of numbers: those of the three that are wanted, one after the other; "
        "dk and dv in one part for each range of queries.",
    .n_in = ATTENTION_INPUTS,
    .diff = ATTENTION_REVERSE_DIFF,
    .accounts = ATTENTION_ACCOUNTS,
    .strided = HEED_ALL_INPUTS,
    .attr_size = sizeof(attention_attr),
    .infer = attention_vjp_infer,
    .kernel = &kernel,
    .units = heed_attention_units,
    .scratch = heed_attention_scratch,
    .plan_size = sizeof(attention_plan),
    .prepare = heed_attention_prepare,
    .vjp = attention_vjp_vjp,
    .sample = attention_vjp_sample,
    .large = attention_vjp_large,
    .flops = attention_vjp_flops,
};

#endif

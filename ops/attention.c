/* attention.c - y = softmax(scale q k^T + bias, -inf where hidden) v, block by block: scores and
 * probabilities are never stored as a whole. Vaswani et al. 2017; Dao et al. 2022, Dao 2023. */
#include "ops/attention.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP
#include "ops/attention_block.h"

/* What a block of queries knows of the keys so far: maxima, sums of exp(score - maximum), sums of
 * these times v; factor: what the newest maximum makes of the older sums. */
typedef struct running {
    real *most, *sum, *factor, *y;
} running;

/* The maximum of `top` and n rows of a vector. */
static vec rows_max(const real *x, int64_t row, int64_t n, vec top)
{
    vec other = top;
    int64_t j = 0;
    for (; j + 2 <= n; j += 2) {
        top = vec_max(vec_load(x + j * row), top);
        other = vec_max(vec_load(x + (j + 1) * row), other);
    }
    if (j < n) top = vec_max(vec_load(x + j * row), top);
    return vec_max(top, other);
}

/* Scores become exp(score - maximum). */
static void strip_softmax(const strip *s, int64_t row, const running *r, real *scores)
{
    for (int64_t i = 0; i < s->lanes; i += HEED_LANES) {
        real *score = scores + i, *most = r->most + s->at + i, *sum = r->sum + s->at + i;
        const int64_t n = s->n[i / HEED_LANES];
        const vec top = rows_max(score, row, n, vec_load(most));
        const vec shift = vec_select(top == -INFINITY, vec_fill(0), top);
        const vec factor = vec_exp_negative(vec_load(most) - shift);
        vec total = vec_load(sum) * factor;
        for (int64_t j = 0; j < n; j++) {
            const vec p = vec_exp_negative(vec_load(score + j * row) - shift);
            vec_store(score + j * row, p);
            total += p;
        }
        vec_store(most, top);
        vec_store(sum, total);
        vec_store(r->factor + s->at + i, factor);
    }
}

static void scale_rows(const attention_plan *plan, int64_t n, const running *r)
{
    for (int64_t i = 0; i < n; i++) {
        const real factor = r->factor[i];
        if (factor == 1) continue;
        real *y = r->y + i * plan->width_row;
        for (int64_t j = 0; j < plan->width; j += HEED_LANES)
            vec_store(y + j, vec_load(y + j) * factor);
    }
}

static void take_keys(const head *h, const query_block *q, int64_t key, int64_t n, const running *r)
{
    const attention_plan *plan = h->plan;
    real *scores = h->scratch + plan->at.scores;
    for (int64_t lane = 0; lane < q->n; lane += PANEL_LANES) {
        const strip s = strip_of(h, q, lane, key, n);
        compute_scores(h, q, &s, scores + lane);
        strip_softmax(&s, plan->lane_row, r, scores + lane);
        clear_margin(h, &s, n, scores + lane);
    }
    if (key > 0) scale_rows(plan, q->n, r);
    sum_by_queries(h, q, key, n, scores, rows_from(h->in[ATTENTION_V], key), plan->width, r->y,
                   plan->width_row);
}

/* Sums become what y is to be multiplied with, maxima become log-sum-exps. A query that sees
 * nothing has sum 0: y = 0, and a log-sum-exp of inf makes P = 0 in the reverse. */
static void finish(const running *r, int64_t n)
{
    for (int64_t i = 0; i < n; i += HEED_LANES) {
        const vec sum = vec_load(r->sum + i), log_sum = vec_load(r->most + i) + vec_log(sum);
        const ivec nothing = sum == 0;
        vec_store(r->sum + i, vec_select(nothing, vec_fill(0), 1 / sum));
        vec_store(r->most + i, vec_select(nothing, vec_fill(INFINITY), log_sum));
    }
}

static void write_rows(const attention_plan *plan, int64_t n, const running *r, real *y, real *lse)
{
    const int64_t column = plan->out.column;
    memcpy(lse, r->most, (size_t)n * sizeof(real));
    for (int64_t i = 0; i < n; i++) {
        const real *from = r->y + i * plan->width_row, factor = r->sum[i];
        real *to = y + i * plan->out.row;
        if (column == 1) {
            HEED_INDEPENDENT
            for (int64_t j = 0; j < plan->width; j++) to[j] = from[j] * factor;
        } else {
            for (int64_t j = 0; j < plan->width; j++) to[j * column] = from[j] * factor;
        }
    }
}

/* Of the first n keys those up to the last one that any of these queries may see: what is padding,
 * or not there yet, is not computed. */
static int64_t kept_keys(const head *h, int64_t first, int64_t queries, int64_t n)
{
    const matrix keep = rows_from(h->in[ATTENTION_KEEP], first);
    if (!h->plan->in[ATTENTION_KEEP].present) return n;
    if (keep.row == 0) queries = 1;
    for (; n > 0; n--)
        for (int64_t i = 0; i < queries; i++)
            if (keep.at[i * keep.row + (n - 1) * keep.column] != 0) return n;
    return 0;
}

static void attend(const head *h, int64_t first, int64_t n, real *y, real *lse)
{
    const attention_plan *plan = h->plan;
    const attention_scratch *at = &plan->at;
    const running r = { h->scratch + at->most, h->scratch + at->sum, h->scratch + at->factor,
                        h->scratch + at->out_q };
    query_block q = { .first = first, .n = n };
    q.turned_q = turn(rows_from(h->in[ATTENTION_Q], first), n, plan->depth, (real)plan->scale,
                      h->scratch + at->turned_q);
    for (int64_t i = 0; i < plan->query_block; i++) {
        r.most[i] = -INFINITY;
        r.sum[i] = 0;
    }
    const int64_t keys = kept_keys(h, first, n, visible_keys(plan, first + n - 1, 0, plan->keys));
    if (keys == 0) memset(r.y, 0, (size_t)(n * plan->width_row) * sizeof(real));
    for (int64_t key = 0; key < keys; key += plan->key_block)
        take_keys(h, &q, key, heed_smaller(plan->key_block, keys - key), &r);
    finish(&r, n);
    write_rows(plan, n, &r, y + first * plan->out.row, lse + first);
}

/* ---- a single query, of a step of a sequence: vectors lie along its keys and along rows ---- */

static void score_keys(const head *h, int64_t n, const real *query, real *scores)
{
    const attention_plan *plan = h->plan;
    const matrix k = h->in[ATTENTION_K];
    const matrix *keep = &h->in[ATTENTION_KEEP], *bias = &h->in[ATTENTION_BIAS];
    for (int64_t j = 0; j < n; j++) scores[j] = row_dot(query, k.at + j * k.row, plan->depth);
    for (int64_t j = 0; j < n && plan->in[ATTENTION_BIAS].present; j++)
        scores[j] += bias->at[j * bias->column];
    for (int64_t j = 0; j < n && plan->in[ATTENTION_KEEP].present; j++)
        if (keep->at[j * keep->column] == 0) scores[j] = -INFINITY;
}

/* x becomes exp(x - most). return: the sum */
static real exp_row(real *x, int64_t n, real most)
{
    vec sum = vec_fill(0);
    for (int64_t j = 0; j < n; j += HEED_LANES) {
        const int64_t part = heed_smaller(HEED_LANES, n - j);
        const vec p = vec_exp_negative(vec_load_part(x + j, part, -INFINITY) - most);
        vec_store_part(x + j, p, part);
        sum += p;
    }
    return vec_sum_lanes(sum);
}

/* At most a vector's columns of sum_j p[j] v[j, :], for n rows. */
static vec weigh_rows(const real *p, int64_t n, const real *v, int64_t row, int64_t columns)
{
    vec sum = vec_fill(0), other = sum;
    int64_t j = 0;
    if (columns < HEED_LANES) {
        for (; j < n; j++) sum += p[j] * vec_load_part(v + j * row, columns, 0);
        return sum;
    }
    for (; j + 2 <= n; j += 2) {
        sum += p[j] * vec_load(v + j * row);
        other += p[j + 1] * vec_load(v + (j + 1) * row);
    }
    if (j < n) sum += p[j] * vec_load(v + j * row);
    return sum + other;
}

static void attend_one(const head *h, real *y, real *lse)
{
    const attention_plan *plan = h->plan;
    const attention_scratch *at = &plan->at;
    const running r = { h->scratch + at->most, h->scratch + at->sum, h->scratch + at->factor,
                        h->scratch + at->out_q };
    const matrix q = h->in[ATTENTION_Q], v = h->in[ATTENTION_V];
    real *query = h->scratch + at->turned_q, *scores = h->scratch + at->scores;
    for (int64_t k = 0; k < plan->depth; k++) query[k] = (real)plan->scale * q.at[k * q.column];
    const int64_t n = kept_keys(h, 0, 1, visible_keys(plan, 0, 0, plan->keys));
    score_keys(h, n, query, scores);
    const real most = row_shift(row_max(scores, n)), sum = exp_row(scores, n, most);
    vec_store(r.most, vec_fill(most));
    vec_store(r.sum, vec_fill(sum));
    for (int64_t j = 0; j < plan->width; j += HEED_LANES) {
        const int64_t columns = heed_smaller(HEED_LANES, plan->width - j);
        vec_store(r.y + j, weigh_rows(scores, n, v.at + j, v.row, columns));
    }
    finish(&r, 1);
    write_rows(plan, 1, &r, y, lse);
}

HEED_KERNEL(attention)
{
    const attention_plan *plan = call->plan;
    const int64_t stop = heed_smaller(end * plan->items_per_unit, plan->items);
    for (int64_t item = begin * plan->items_per_unit; item < stop; item++) {
        const work w = work_of(plan, item);
        const head h = head_of(call, plan, w.product);
        real *y = (real *)call->out.data + product_offset(plan, &plan->out, w.product);
        real *lse = (real *)call->aux.data + w.product * plan->queries;
        if (plan->queries == 1) {
            attend_one(&h, y, lse);
            continue;
        }
        for (int64_t i = w.first; i < w.stop; i += plan->query_block)
            attend(&h, i, heed_smaller(plan->query_block, w.stop - i), y, lse);
    }
}

#else
HEED_DECLARE_KERNEL(attention);
static const heed_kernel kernel = HEED_KERNEL_TABLE(attention);

/* ---- rules ---- */

static bool attention_infer(heed_infer *infer)
{
    if (!heed_attention_check(infer)) return false;
    infer->has_aux = true;
    infer->aux_dtype = infer->dtype;
    infer->aux_shape = infer->shape;
    infer->aux_shape.rank--;
    return true;
}

static void attention_vjp(heed_vjp *v)
{
    heed_node *in[ATTENTION_INPUTS];
    for (int i = 0; i < v->n_in; i++) in[i] = v->in[i];
    in[ATTENTION_DY] = v->dy;
    in[ATTENTION_Y] = v->y;
    in[ATTENTION_LSE] = heed_aux(v->y);
    heed_attention_gradients(in, v->attr, v->want, v->dx);
    if (v->want[ATTENTION_BIAS]) v->dx[ATTENTION_BIAS] = heed_attention_dbias(in, v->attr);
}

static bool attention_sample(int k, heed_sample *sample)
{
    return heed_attention_sample(k, sample, ATTENTION_FORWARD_INPUTS);
}

static double attention_flops(const heed_node *node)
{
    return heed_attention_flops(node, 1, 1);
}

static bool attention_large(heed_sample *sample)
{
    return heed_attention_large(sample, ATTENTION_FORWARD_INPUTS);
}

const heed_op heed_op_attention = {
    .name = "attention",
    .doc = "y = softmax(scale q k^T + bias) v: q [.., T, d], k [.., S, d], v [.., S, e] -> "
           "[.., T, e]; leading axes broadcast. keep (0: hidden) and bias broadcast to [.., T, S], "
           "a scalar stands for none. causal: key j is visible to query i when j <= i + S - T. A "
           "query that sees no key gives 0.",
    .n_in = ATTENTION_FORWARD_INPUTS,
    .diff = ATTENTION_FORWARD_DIFF,
    .strided = HEED_ALL_INPUTS,
    .strided_out = true,
    .attr_size = sizeof(attention_attr),
    .infer = attention_infer,
    .kernel = &kernel,
    .units = heed_attention_units,
    .scratch = heed_attention_scratch,
    .plan_size = sizeof(attention_plan),
    .prepare = heed_attention_prepare,
    .vjp = attention_vjp,
    .sample = attention_sample,
    .large = attention_large,
    .flops = attention_flops,
};

/* ---- builder ---- */

/* Of a keep or bias that is a number, [1]: a scalar stands for none. */
static heed_node *given(heed_node *x, heed_node *q, double none)
{
    if (!x) return heed_number_like(q, none);
    return x->shape.rank > 0 ? x : heed_unsqueeze(x, 0);
}

heed_node *heed_attention_with(heed_node *q, heed_node *k, heed_node *v,
                               heed_attention_options options)
{
    if (!q || !k || !v) return NULL;
    attention_attr attr = { .scale = options.scale, .causal = options.causal };
    heed_node *keep = options.keep;
    if (keep && keep->dtype != q->dtype) keep = heed_cast(keep, q->dtype);
    return heed_apply(&heed_op_attention, &attr, ATTENTION_FORWARD_INPUTS,
                      (heed_node *[]){ q, k, v, given(keep, q, 1), given(options.bias, q, 0) });
}

#endif

/* attention_block.h - blocks of scores, queries along the lanes; for the stamped part of
 * attention's kernels only. Element (j, i) of a block is what query i gives key j, at
 * [j * lane_row + i]: maxima, sums and log-sum-exps of queries are then whole vectors, k and v are
 * read row by row as they lie, and only a block of queries has to be transposed. */
#ifndef HEED_OPS_ATTENTION_BLOCK_H
#define HEED_OPS_ATTENTION_BLOCK_H

#include <string.h>

#include "ops/attention.h"
#include "ops/micro/panel.h"
#include "ops/micro/row_math.h"

#define PANEL_LANES (2 * HEED_LANES)

typedef struct matrix {
    const real *at;
    int64_t row, column;
} matrix;

/* One product of the leading axes. */
typedef struct head {
    const attention_plan *plan;
    real *scratch;
    matrix in[ATTENTION_INPUTS]; /* k, v: rows that can be read as vectors */
} head;

/* A block of queries of it. */
typedef struct query_block {
    int64_t first, n;
    const real *turned_q, *turned_dy;
} query_block;

/* An item of work: queries first <= i < stop of one product. */
typedef struct work {
    int64_t product, range, first, stop;
} work;

/* The last queries see most keys: with causality their range is the longest work, so it comes
 * first. */
static inline work work_of(const attention_plan *plan, int64_t item)
{
    work w = { .product = item / plan->ranges, .range = plan->ranges - 1 - item % plan->ranges };
    w.first = w.range * plan->range;
    w.stop = heed_smaller(w.first + plan->range, plan->queries);
    return w;
}

/* Where `product` begins in an operand. */
static inline int64_t product_offset(const attention_plan *plan, const attention_operand *o,
                                     int64_t product)
{
    int64_t offset = 0;
    for (int i = plan->n_axes - 1; i >= 0; i--) {
        offset += product % plan->dim[i] * o->step[i];
        product /= plan->dim[i];
    }
    return offset;
}

static inline matrix matrix_of(const heed_call *call, const attention_plan *plan, int i,
                               int64_t product)
{
    const attention_operand *o = &plan->in[i];
    return (matrix){ (const real *)call->in[i].data + product_offset(plan, o, product), o->row,
                     o->column };
}

static inline matrix rows_from(matrix x, int64_t row)
{
    x.at += row * x.row;
    return x;
}

/* n rows of x as they are, or copied to `to`, filled up with 0 to whole vectors. */
static inline matrix vector_rows(matrix x, bool copy, int64_t n, int64_t columns, real *to,
                                 int64_t to_row)
{
    if (!copy) return x;
    for (int64_t i = 0; i < n; i++) {
        const real *from = x.at + i * x.row;
        real *row = to + i * to_row;
        int64_t j = 0;
        if (x.column == 1)
            memcpy(row, from, (size_t)columns * sizeof(real));
        else
            for (; j < columns; j++) row[j] = from[j * x.column];
        for (j = columns; j % HEED_LANES != 0; j++) row[j] = 0;
    }
    return (matrix){ to, to_row, 1 };
}

static inline head head_of(const heed_call *call, const attention_plan *plan, int64_t product)
{
    head h = { .plan = plan, .scratch = call->scratch };
    for (int i = 0; i < call->n_in; i++) h.in[i] = matrix_of(call, plan, i, product);
    h.in[ATTENTION_K] = vector_rows(h.in[ATTENTION_K], plan->in[ATTENTION_K].copy, plan->keys,
                                    plan->depth, h.scratch + plan->at.k, plan->depth_row);
    h.in[ATTENTION_V] = vector_rows(h.in[ATTENTION_V], plan->in[ATTENTION_V].copy, plan->keys,
                                    plan->width, h.scratch + plan->at.v, plan->width_row);
    return h;
}

/* scale x^T of n rows, panel by panel. */
static inline const real *turn(matrix x, int64_t n, int64_t columns, real scale, real *to)
{
    for (int64_t i = 0; i < n; i += PANEL_LANES) {
        const heed_panel_copy p = { .k = columns,
                                    .columns = n - i < PANEL_LANES ? n - i : PANEL_LANES,
                                    .b = x.at + i * x.row,
                                    .b_row = x.column,
                                    .b_column = x.row,
                                    .panel = to + i * columns };
        HEED_FN(panel_pack)(&p);
    }
    const int64_t count = (n + HEED_LANES - 1) / HEED_LANES * HEED_LANES * columns;
    for (int64_t k = 0; scale != 1 && k < count; k += HEED_LANES)
        vec_store(to + k, vec_load(to + k) * scale);
    return to;
}

/* How many of the keys from `key` on, at most n, query i sees. */
static inline int64_t visible_keys(const attention_plan *plan, int64_t i, int64_t key, int64_t n)
{
    if (!plan->causal) return n;
    const int64_t seen = i + plan->shift + 1 - key;
    return seen < 0 ? 0 : seen < n ? seen : n;
}

/* ---- products with a block of scores ---- */

/* c[j, :] (+)= sum over queries of block[j, i] b[i, :], for n keys from `key` on. */
static inline void sum_by_keys(const head *h, const query_block *q, int64_t key, int64_t n,
                               const real *block, matrix b, int64_t columns, real *c, int64_t c_row,
                               bool accumulate)
{
    const attention_plan *plan = h->plan;
    const int64_t first = key - q->first - plan->shift; /* the first query that sees `key` */
    const heed_panel p = { .m = n,
                           .n = columns,
                           .k = q->n,
                           .first = plan->causal ? first : -HEED_BAND_OPEN,
                           .last = HEED_BAND_OPEN,
                           .a = block,
                           .a_row = plan->lane_row,
                           .a_column = 1,
                           .b = b.at,
                           .b_row = b.row,
                           .c = c,
                           .c_row = c_row,
                           .accumulate = accumulate };
    HEED_FN(panel_multiply)(&p);
}

/* c[i, :] (+)= sum over n keys from `key` on of block[j, i] b[j, :], for the queries; added unless
 * these are the first keys. */
static inline void sum_by_queries(const head *h, const query_block *q, int64_t key, int64_t n,
                                  const real *block, matrix b, int64_t columns, real *c,
                                  int64_t c_row)
{
    const attention_plan *plan = h->plan;
    const int64_t last = q->first + plan->shift - key + 1; /* keys that the first query sees */
    const heed_panel p = { .m = q->n,
                           .n = columns,
                           .k = n,
                           .first = -HEED_BAND_OPEN,
                           .last = plan->causal ? last : HEED_BAND_OPEN,
                           .a = block,
                           .a_row = 1,
                           .a_column = plan->lane_row,
                           .b = b.at,
                           .b_row = b.row,
                           .c = c,
                           .c_row = c_row,
                           .accumulate = key > 0 };
    HEED_FN(panel_multiply)(&p);
}

/* ---- scores ---- */

/* A panel's lanes of a block of queries, and the keys that they see: n[v] of them the lanes of
 * vector v, the last vector most. */
typedef struct strip {
    int64_t query, lanes; /* its first query; how many there are */
    int64_t key, n[2];
    int64_t at; /* its first lane in the block */
} strip;

static inline strip strip_of(const head *h, const query_block *q, int64_t lane, int64_t key,
                             int64_t n)
{
    strip s = { .query = q->first + lane,
                .lanes = q->n - lane < PANEL_LANES ? q->n - lane : PANEL_LANES,
                .key = key,
                .at = lane };
    for (int v = 0; v < 2; v++) {
        const int64_t last = heed_smaller(s.lanes, (v + 1) * HEED_LANES) - 1;
        s.n[v] = visible_keys(h->plan, s.query + last, key, n);
    }
    return s;
}

static inline int64_t strip_rows(const strip *s)
{
    return s->n[1];
}

/* out = x[key .. key + n) turned^T: scores from k and q, slopes from v and dy. Rows that only the
 * second vector's lanes see are computed for these. */
static inline void multiply_strip(const head *h, const strip *s, matrix x, const real *turned,
                                  int64_t depth, real *out)
{
    heed_panel p = { .m = s->n[0],
                     .n = s->lanes,
                     .k = depth,
                     .first = -HEED_BAND_OPEN,
                     .last = HEED_BAND_OPEN,
                     .a = x.at + s->key * x.row,
                     .a_row = x.row,
                     .a_column = x.column,
                     .b = turned + s->at * depth,
                     .b_row = s->lanes > HEED_LANES ? PANEL_LANES : HEED_LANES,
                     .c = out,
                     .c_row = h->plan->lane_row };
    HEED_FN(panel_multiply)(&p);
    if (s->n[1] == s->n[0]) return;
    p.m = s->n[1] - s->n[0];
    p.n = s->lanes - HEED_LANES;
    p.a = x.at + (s->key + s->n[0]) * x.row;
    p.b = turned + s->at * depth + HEED_LANES;
    p.c = out + s->n[0] * h->plan->lane_row + HEED_LANES;
    HEED_FN(panel_multiply)(&p);
}

/* The strip's part of keep or bias, transposed. */
static inline const real *turned_part(const head *h, const strip *s, int which, int64_t place)
{
    const matrix *x = &h->in[which];
    const heed_panel_copy p = { .k = strip_rows(s),
                                .columns = s->lanes,
                                .b = x->at + s->query * x->row + s->key * x->column,
                                .b_row = x->column,
                                .b_column = x->row,
                                .panel = h->scratch + place };
    HEED_FN(panel_pack)(&p);
    return p.panel;
}

static inline void add_bias(const head *h, const strip *s, real *scores)
{
    const real *bias = turned_part(h, s, ATTENTION_BIAS, h->plan->at.bias);
    for (int64_t j = 0; j < strip_rows(s); j++, scores += h->plan->lane_row)
        for (int64_t i = 0; i < s->lanes; i += HEED_LANES, bias += HEED_LANES)
            vec_store(scores + i, vec_load(scores + i) + vec_load(bias));
}

static inline void hide_dropped(const head *h, const strip *s, real *scores)
{
    const real *keep = turned_part(h, s, ATTENTION_KEEP, h->plan->at.keep);
    const vec hidden = vec_fill(-INFINITY);
    for (int64_t j = 0; j < strip_rows(s); j++, scores += h->plan->lane_row)
        for (int64_t i = 0; i < s->lanes; i += HEED_LANES, keep += HEED_LANES)
            vec_store(scores + i, vec_select(vec_load(keep) == 0, hidden, vec_load(scores + i)));
}

/* On the diagonal: row j is hidden from the lanes before the first query that sees it. */
static inline void hide_future(const head *h, const strip *s, real *scores)
{
    const vec hidden = vec_fill(-INFINITY);
    const int64_t all = visible_keys(h->plan, s->query, s->key, strip_rows(s));
    for (int64_t j = all; j < strip_rows(s); j++) {
        real *row = scores + j * h->plan->lane_row;
        const ireal first = (ireal)(s->key + j - h->plan->shift - s->query);
        for (int64_t i = 0; i < s->lanes; i += HEED_LANES) {
            const ivec before = vec_lane_numbers() + (ireal)i < first;
            vec_store(row + i, vec_select(before, hidden, vec_load(row + i)));
        }
    }
}

static inline void compute_scores(const head *h, const query_block *q, const strip *s, real *scores)
{
    const attention_plan *plan = h->plan;
    multiply_strip(h, s, h->in[ATTENTION_K], q->turned_q, plan->depth, scores);
    if (plan->in[ATTENTION_BIAS].present) add_bias(h, s, scores);
    if (plan->in[ATTENTION_KEEP].present) hide_dropped(h, s, scores);
    if (plan->causal) hide_future(h, s, scores);
}

/* Below each vector's last row of a block of n keys: 0 as far as products may read. */
static inline void clear_margin(const head *h, const strip *s, int64_t n, real *block)
{
    for (int64_t i = 0; i < s->lanes; i += HEED_LANES) {
        const int64_t first = s->n[i / HEED_LANES];
        const int64_t stop = heed_smaller(first + HEED_PANEL_MARGIN, n);
        for (int64_t j = first; j < stop; j++)
            vec_store(block + j * h->plan->lane_row + i, vec_fill(0));
    }
}

/* ---- of the reverse operations ---- */

/* Queries of the block, dy transposed; log-sum-exps and <dy, y> scale, one for each lane, in
 * scratch (`most`, `sum`), lanes without a query filled up so that their P and dS are 0. */
static inline query_block reverse_block(const head *h, int64_t first, int64_t n, real scale)
{
    const attention_plan *plan = h->plan;
    const matrix dy = rows_from(h->in[ATTENTION_DY], first);
    const matrix y = rows_from(h->in[ATTENTION_Y], first);
    const matrix lse = rows_from(h->in[ATTENTION_LSE], first);
    real *most = h->scratch + plan->at.most, *sum = h->scratch + plan->at.sum;
    query_block q = { .first = first, .n = n };
    q.turned_q = turn(rows_from(h->in[ATTENTION_Q], first), n, plan->depth, (real)plan->scale,
                      h->scratch + plan->at.turned_q);
    q.turned_dy = turn(dy, n, plan->width, 1, h->scratch + plan->at.turned_dy);
    for (int64_t i = 0; i < n; i++) {
        const real *a = dy.at + i * dy.row, *b = y.at + i * y.row;
        real dot = 0;
        if (dy.column == 1 && y.column == 1)
            dot = row_dot(a, b, plan->width);
        else
            for (int64_t j = 0; j < plan->width; j++) dot += a[j * dy.column] * b[j * y.column];
        most[i] = lse.at[i * lse.row];
        sum[i] = scale * dot;
    }
    for (int64_t i = n; i % PANEL_LANES != 0; i++) {
        most[i] = INFINITY;
        sum[i] = 0;
    }
    return q;
}

/* scores become P = exp(S - lse), slopes (dy v^T before) become P (scale slopes - mean). */
static inline void strip_slopes(const head *h, const strip *s, real scale, real *scores,
                                real *slopes)
{
    const attention_plan *plan = h->plan;
    const real *lse = h->scratch + plan->at.most + s->at;
    const real *means = h->scratch + plan->at.sum + s->at;
    for (int64_t i = 0; i < s->lanes; i += HEED_LANES) {
        const vec shift = vec_load(lse + i), mean = vec_load(means + i);
        for (int64_t j = 0; j < s->n[i / HEED_LANES]; j++) {
            real *score = scores + j * plan->lane_row + i, *slope = slopes + j * plan->lane_row + i;
            const vec p = vec_exp_negative(vec_load(score) - shift);
            vec_store(score, p);
            vec_store(slope, p * (vec_load(slope) * scale - mean));
        }
    }
}

/* P and dS (times `scale`) of the block and n keys from `key` on, in scratch. */
static inline void compute_slopes(const head *h, const query_block *q, int64_t key, int64_t n,
                                  real scale)
{
    const attention_plan *plan = h->plan;
    for (int64_t lane = 0; lane < q->n; lane += PANEL_LANES) {
        const strip s = strip_of(h, q, lane, key, n);
        real *scores = h->scratch + plan->at.scores + lane;
        real *slopes = h->scratch + plan->at.slopes + lane;
        compute_scores(h, q, &s, scores);
        multiply_strip(h, &s, h->in[ATTENTION_V], q->turned_dy, plan->width, slopes);
        strip_slopes(h, &s, scale, scores, slopes);
        clear_margin(h, &s, n, scores);
        clear_margin(h, &s, n, slopes);
    }
}

#endif

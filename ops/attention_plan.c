/* attention_plan.c - shapes, work and memory of attention and its reverse operations. */
#include "ops/attention.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "ops/micro/panel.h"

/* ---- shapes ---- */

static bool fits_scores(heed_infer *infer, int i, const heed_shape *scores, const char *name)
{
    const heed_shape *shape = &infer->in[i]->shape;
    heed_shape both;
    char text[HEED_SHAPE_TEXT];
    if (heed_broadcast(shape, scores, &both) && heed_shape_equal(&both, scores)) return true;
    return heed_refuse(infer, "%s does not broadcast to the scores, %s", name,
                       heed_shape_print(scores, text, sizeof text));
}

static bool check_products(heed_infer *infer)
{
    const heed_shape *q = &infer->in[ATTENTION_Q]->shape, *k = &infer->in[ATTENTION_K]->shape;
    const heed_shape *v = &infer->in[ATTENTION_V]->shape;
    if (q->rank < 2 || k->rank < 2 || v->rank < 2)
        return heed_refuse(infer, "q [.., T, d], k [.., S, d] and v [.., S, e] have two axes or "
                                  "more");
    if (q->dim[q->rank - 1] != k->dim[k->rank - 1])
        return heed_refuse(infer, "the last axes of q and k differ: %lld and %lld",
                           (long long)q->dim[q->rank - 1], (long long)k->dim[k->rank - 1]);
    if (k->dim[k->rank - 2] != v->dim[v->rank - 2])
        return heed_refuse(infer, "k has %lld keys, v has %lld values (last axis but one)",
                           (long long)k->dim[k->rank - 2], (long long)v->dim[v->rank - 2]);
    heed_shape leading[3] = { *q, *k, *v }, both;
    for (int i = 0; i < 3; i++) leading[i].rank -= 2;
    if (!heed_broadcast(&leading[0], &leading[1], &both) ||
        !heed_broadcast(&both, &leading[2], &infer->shape))
        return heed_refuse(infer, "the leading axes of q, k and v do not broadcast");
    return true;
}

static bool check_reverse(heed_infer *infer)
{
    const heed_shape *y = &infer->shape, *lse = &infer->in[ATTENTION_LSE]->shape;
    heed_shape rows = *y;
    rows.rank--;
    rows.dim[rows.rank] = lse->dim[rows.rank]; /* plays no part */
    if (!heed_shape_equal(&infer->in[ATTENTION_DY]->shape, y) ||
        !heed_shape_equal(&infer->in[ATTENTION_Y]->shape, y))
        return heed_refuse(infer, "dy and y must have the shape of y");
    if (!heed_shape_equal(lse, &rows))
        return heed_refuse(infer, "the log-sum-exp must have the shape of y without its last axis");
    return true;
}

bool heed_attention_check(heed_infer *infer)
{
    attention_attr *attr = infer->attr;
    for (int i = 0; i < infer->n_in; i++)
        if (!heed_need_real(infer, i)) return false;
    if (!heed_need_same_dtype(infer) || !check_products(infer)) return false;
    if (!isfinite(attr->scale)) return heed_refuse(infer, "scale is %g", attr->scale);
    const heed_shape *q = &infer->in[ATTENTION_Q]->shape, *v = &infer->in[ATTENTION_V]->shape;
    const int64_t depth = q->dim[q->rank - 1];
    if (attr->scale == 0) attr->scale = depth > 0 ? 1 / sqrt((double)depth) : 1;
    attr->causal = attr->causal != 0;
    heed_shape *y = &infer->shape, scores = *y;
    scores.dim[scores.rank++] = y->dim[y->rank++] = q->dim[q->rank - 2];
    scores.dim[scores.rank++] = v->dim[v->rank - 2];
    y->dim[y->rank++] = v->dim[v->rank - 1];
    if (!fits_scores(infer, ATTENTION_KEEP, &scores, "keep") ||
        !fits_scores(infer, ATTENTION_BIAS, &scores, "bias"))
        return false;
    return infer->n_in == ATTENTION_FORWARD_INPUTS || check_reverse(infer);
}

/* ---- plan ---- */

#define PANEL_BYTES 128  /* of a row of a panel: two of the widest vectors */
#define MOST_QUERIES 256 /* in a block: more make no product faster */
#define NEAR_ROWS 2      /* rows up to so many lengths apart are read in place */
#define LEAST_WORK 5e5   /* of a unit: a few microseconds */
#define MOST_WORK 8e6
#define ELEMENT_WORK 16 /* an exponential takes as long as so many multiply-adds */

int64_t heed_attention_range(int64_t products, int64_t queries)
{
    int64_t ranges = products > 0 ? heed_units_of(ATTENTION_MOST_RANGES, products) : 1;
    const int64_t most = queries / ATTENTION_LEAST_RANGE;
    if (ranges > most) ranges = most;
    if (ranges <= 1) return queries;
    return heed_round_up(heed_units_of(queries, ranges), 32);
}

/* Strides of a view, aligned to the right with `n_axes` leading axes and a matrix. */
static attention_operand operand_of(const heed_view *view, int n_axes)
{
    attention_operand o = { .present = view->shape.rank > 0 };
    for (int i = 0; i < n_axes + 2; i++) {
        const int axis = i - (n_axes + 2 - view->shape.rank);
        const int64_t stride = axis < 0 || view->shape.dim[axis] == 1 ? 0 : view->stride[axis];
        *(i < n_axes ? &o.step[i] : i == n_axes ? &o.row : &o.column) = stride;
    }
    return o;
}

/* Rows that are read as vectors, or again and again, must be whole vectors close to each other. */
static bool needs_copy(const attention_operand *o, int64_t columns, int64_t lanes)
{
    return o->column != 1 || columns % lanes != 0 || o->row > NEAR_ROWS * columns ||
           o->row < columns;
}

/* Blocks: the strips for one panel of queries (scores; in the reverse slopes too) fill half of the
 * first-level cache, what belongs to a block of queries a quarter of the second-level one. */
static void plan_blocks(attention_plan *plan, size_t size, bool reverse)
{
    const int64_t strips = reverse ? 2 : 1;
    const int64_t most_keys = (int64_t)heed_cache_size(1) / 2 / (strips * PANEL_BYTES);
    plan->key_block = heed_smaller(most_keys < 32 ? 32 : most_keys, plan->keys);
    const int64_t query =
        (strips * plan->key_block + 3 * plan->depth + 2 * plan->width) * (int64_t)size;
    int64_t queries = (int64_t)heed_cache_size(2) / 4 / (query + 1);
    if (queries > MOST_QUERIES) queries = MOST_QUERIES;
    queries = heed_smaller(queries, plan->queries);
    plan->query_block = heed_round_up(queries < 32 ? 32 : queries, PANEL_BYTES / (int64_t)size);
}

/* Reserve n elements, a whole number of cache lines. */
static int64_t reserve(attention_scratch *at, int64_t n)
{
    const int64_t place = at->total;
    at->total += heed_round_up(n, 16);
    return place;
}

static void plan_scratch(attention_plan *plan, bool reverse)
{
    attention_scratch *at = &plan->at;
    const int64_t strip = plan->key_block * plan->lane_row;
    const int64_t panel = plan->key_block * (PANEL_BYTES / 4);
    const attention_operand *in = plan->in;
    at->turned_q = reserve(at, plan->query_block * plan->depth);
    at->turned_dy = reserve(at, reverse ? plan->query_block * plan->width : 0);
    at->scores = reserve(at, plan->keys > strip ? plan->keys : strip);
    at->slopes = reserve(at, reverse ? strip : 0);
    at->keep = reserve(at, in[ATTENTION_KEEP].present ? panel : 0);
    at->bias = reserve(at, in[ATTENTION_BIAS].present ? panel : 0);
    at->most = reserve(at, plan->query_block);
    at->sum = reserve(at, plan->query_block);
    at->factor = reserve(at, plan->query_block);
    at->k = reserve(at, in[ATTENTION_K].copy ? plan->keys * plan->depth_row : 0);
    at->v = reserve(at, in[ATTENTION_V].copy ? plan->keys * plan->width_row : 0);
    at->q = reserve(at, reverse && in[ATTENTION_Q].copy ? plan->query_block * plan->depth_row : 0);
    at->dy =
        reserve(at, reverse && in[ATTENTION_DY].copy ? plan->query_block * plan->width_row : 0);
    at->out_q = reserve(at, plan->query_block * (reverse ? plan->depth_row : plan->width_row));
    at->out_k = reserve(at, reverse && plan->staged_q ? plan->keys * plan->depth_row : 0);
    at->out_v = reserve(at, reverse && plan->staged_v ? plan->keys * plan->width_row : 0);
}

static void plan_shape(attention_plan *plan, const heed_call *call, const heed_shape *y)
{
    const attention_attr *attr = call->attr;
    const heed_shape *q = &call->in[ATTENTION_Q].shape, *k = &call->in[ATTENTION_K].shape;
    plan->n_axes = y->rank - 2;
    for (int i = 0; i < plan->n_axes; i++) plan->dim[i] = y->dim[i] > 0 ? y->dim[i] : 1;
    plan->products = heed_product(y, 0, plan->n_axes);
    plan->queries = y->dim[y->rank - 2];
    plan->width = y->dim[y->rank - 1];
    plan->depth = q->dim[q->rank - 1];
    plan->keys = k->dim[k->rank - 2];
    plan->shift = plan->keys - plan->queries;
    plan->causal = attr->causal;
    plan->scale = attr->scale;
}

static void plan_operands(attention_plan *plan, const heed_call *call, int64_t lanes)
{
    static const int rows[] = { ATTENTION_Q, ATTENTION_K, ATTENTION_V, ATTENTION_DY };
    for (int i = 0; i < call->n_in; i++) {
        heed_view x = call->in[i];
        if (i == ATTENTION_LSE) x.shape.dim[x.shape.rank++] = 1; /* [.., T, 1] */
        plan->in[i] = operand_of(&x, plan->n_axes);
    }
    plan->out = operand_of(&call->out, plan->n_axes);
    const bool once = plan->queries == 1 && call->n_in == ATTENTION_FORWARD_INPUTS;
    for (int i = 0; i < 4; i++) { /* rows that are read once need no whole vectors */
        attention_operand *o = &plan->in[rows[i]];
        o->copy = once ? o->column != 1 : needs_copy(o, i < 2 ? plan->depth : plan->width, lanes);
    }
    plan->staged_q = plan->depth % lanes != 0;
    plan->staged_v = plan->width % lanes != 0;
}

void heed_attention_plan(attention_plan *plan, const heed_call *call)
{
    const bool reverse = call->n_in == ATTENTION_INPUTS;
    const size_t size = heed_dtype_size(call->out.dtype);
    const int64_t lanes = 64 / (int64_t)size; /* of the widest vectors */
    memset(plan, 0, sizeof *plan);
    plan_shape(plan, call, reverse ? &call->in[ATTENTION_Y].shape : &call->out.shape);
    plan_operands(plan, call, lanes);
    plan_blocks(plan, size, reverse);
    plan->depth_row =
        heed_round_up(plan->depth, 2 * lanes) + lanes; /* an odd number of vectors: rows */
    plan->width_row =
        heed_round_up(plan->width, 2 * lanes) + lanes; /* spread over the cache's sets */
    plan->lane_row = plan->query_block + lanes;
    plan_scratch(plan, reverse);
}

void heed_attention_divide(attention_plan *plan, int64_t products, int64_t range)
{
    plan->range = range;
    plan->ranges = range > 0 ? heed_units_of(plan->queries, range) : 1;
    plan->items = products * plan->ranges;
    const double work = 1 + 4.0 * (double)range * (double)plan->keys *
                                (double)(plan->depth + plan->width + ELEMENT_WORK);
    double most = work * (double)plan->items / ATTENTION_MOST_RANGES;
    most = most < LEAST_WORK ? LEAST_WORK : most > MOST_WORK ? MOST_WORK : most;
    plan->items_per_unit = work < most ? (int64_t)(most / work) : 1;
}

void heed_attention_prepare(const heed_call *call, void *plan)
{
    attention_plan *to = plan;
    heed_attention_plan(to, call);
    heed_attention_divide(to, to->products, heed_attention_range(to->products, to->queries));
}

int64_t heed_attention_units(const heed_call *call)
{
    const attention_plan *plan = call->plan;
    return heed_units_of(plan->items, plan->items_per_unit);
}

size_t heed_attention_scratch(const heed_call *call)
{
    const attention_plan *plan = call->plan;
    return (size_t)plan->at.total * heed_dtype_size(call->out.dtype);
}

/* ---- work ---- */

double heed_attention_flops(const heed_node *node, int by_depth, int by_width)
{
    const attention_attr *attr = node->attr;
    const heed_shape *q = &node->in[ATTENTION_Q]->shape, *v = &node->in[ATTENTION_V]->shape;
    const heed_shape *y =
        node->n_in == ATTENTION_INPUTS ? &node->in[ATTENTION_Y]->shape : &node->shape;
    const int64_t queries = q->dim[q->rank - 2], keys = v->dim[v->rank - 2];
    double visible = (double)queries * (double)keys;
    for (int64_t i = 0; attr->causal && i < queries; i++) {
        const int64_t hidden = queries - 1 - i;
        visible -= (double)heed_smaller(hidden, keys);
    }
    const double products = (double)heed_product(y, 0, y->rank - 2);
    return 2 * products * visible *
           (by_depth * (double)q->dim[q->rank - 1] + by_width * (double)v->dim[v->rank - 1]);
}

/* ---- samples ---- */

static const struct {
    heed_shape q, k, v, keep, bias; /* keep, bias of rank 0: none */
    attention_attr attr;
} cases[] = {
    { { 2, { 3, 4 } }, { 2, { 5, 4 } }, { 2, { 5, 2 } }, { 0 }, { 0 }, { 0, 0, 7 } },
    { { 3, { 2, 5, 3 } }, { 3, { 2, 5, 3 } }, { 3, { 2, 5, 3 } }, { 0 }, { 0 }, { 0, 1, 7 } },
    { { 2, { 3, 2 } }, { 2, { 7, 2 } }, { 2, { 7, 1 } }, { 0 }, { 0 }, { 0.5, 1, 6 } },
    { { 2, { 5, 2 } }, { 2, { 3, 2 } }, { 2, { 3, 3 } }, { 0 }, { 0 }, { -1, 1, 7 } },
    { { 4, { 2, 2, 3, 2 } },
      { 4, { 2, 2, 4, 2 } },
      { 4, { 2, 2, 4, 2 } },
      { 4, { 2, 1, 1, 4 } },
      { 0 },
      { 0, 0, 7 } },
    { { 2, { 5, 3 } }, { 2, { 4, 3 } }, { 2, { 4, 1 } }, { 2, { 5, 4 } }, { 0 }, { 0, 0, 3 } },
    { { 2, { 4, 2 } }, { 2, { 5, 2 } }, { 2, { 5, 3 } }, { 0 }, { 2, { 4, 5 } }, { 0, 0, 7 } },
    { { 4, { 2, 2, 3, 2 } },
      { 4, { 2, 2, 4, 2 } },
      { 4, { 2, 2, 4, 1 } },
      { 0 },
      { 3, { 2, 1, 4 } },
      { 0, 1, 7 } },
    { { 4, { 2, 3, 4, 2 } },
      { 4, { 2, 1, 4, 2 } },
      { 4, { 2, 1, 4, 2 } },
      { 0 },
      { 0 },
      { 0, 1, 7 } },
    { { 3, { 1, 3, 2 } }, { 2, { 3, 2 } }, { 3, { 2, 3, 2 } }, { 0 }, { 0 }, { 0, 0, 5 } },
    { { 2, { 1, 1 } }, { 2, { 13, 1 } }, { 2, { 13, 1 } }, { 0 }, { 0 }, { 2, 0, 1 } },
    { { 2, { 7, 3 } },
      { 2, { 9, 3 } },
      { 2, { 9, 2 } },
      { 1, { 9 } },
      { 2, { 7, 9 } },
      { 1, 1, 7 } },
    { { 3, { 2, 3, 2 } },
      { 3, { 2, 2, 2 } },
      { 3, { 2, 2, 2 } },
      { 2, { 1, 1 } },
      { 3, { 1, 3, 1 } },
      { 0, 0, 2 } },
    { { 2, { 33, 1 } }, { 2, { 33, 1 } }, { 2, { 33, 1 } }, { 0 }, { 0 }, { 0, 1, 7 } },
};

const int heed_attention_bias_samples[] = { 6, 7, 11, 12, -1 };

bool heed_attention_large(heed_sample *sample, int n)
{
    const heed_shape x = { 4, { 8, 8, 1024, 64 } }, none = { 0 };
    const heed_shape shapes[ATTENTION_INPUTS] = {
        x, x, x, none, none, x, x, { 3, { 8, 8, 1024 } }
    };
    const attention_attr attr = { .want = n == ATTENTION_INPUTS ? 7 : 0 };
    return heed_sample_large(sample, n, shapes, &attr, sizeof attr);
}

bool heed_attention_sample(int k, heed_sample *sample, int n)
{
    if (k < 0 || k >= (int)(sizeof cases / sizeof cases[0])) return false;
    const heed_shape *q = &cases[k].q, *v = &cases[k].v;
    heed_shape y = v->rank > q->rank ? *v : *q; /* no sample broadcasts both */
    for (int i = 0; i < y.rank - 2; i++)
        if (v->rank == y.rank && v->dim[i] > y.dim[i]) y.dim[i] = v->dim[i];
    y.dim[y.rank - 2] = q->dim[q->rank - 2];
    y.dim[y.rank - 1] = v->dim[v->rank - 1];
    const heed_shape shapes[ATTENTION_INPUTS] = { *q, cases[k].k, *v, cases[k].keep, cases[k].bias,
                                                  y,  y,          y };
    sample->n_in = n;
    for (int i = 0; i < n; i++) sample->in[i].shape = shapes[i];
    if (n == ATTENTION_INPUTS) sample->in[ATTENTION_LSE].shape.rank--;
    sample->in[ATTENTION_KEEP].high = DBL_TRUE_MIN; /* rounds to 0 half of the time */
    attention_attr attr = cases[k].attr;
    if (n == ATTENTION_FORWARD_INPUTS) attr.want = 0;
    heed_sample_attr(sample, &attr, sizeof attr);
    return true;
}

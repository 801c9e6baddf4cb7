/* attention_bias_vjp.c - dbias = dS of attention, summed over the axes along which the bias was
 * broadcast as it is computed: no more is stored than the bias itself has. */
#include "ops/attention.h"
#include "ops/kernel.h"

/* The bias is divided by its own leading axes and ranges of queries; an item goes through all
 * products that share its part. */
typedef struct bias_plan {
    attention_plan attention; /* first: units and scratch are read from there */
    int64_t shared;           /* products that share a part of the bias */
} bias_plan;

#ifdef HEED_STAMP
#include "ops/attention_block.h"

/* The `other`-th product of those that share part `own`: axes that the bias has are numbered by
 * `own`, the others by `other`. */
static int64_t product_at(const attention_plan *plan, int64_t own, int64_t other)
{
    int64_t product = 0, place = 1;
    for (int i = plan->n_axes - 1; i >= 0; i--) {
        int64_t *from = plan->out.step[i] != 0 ? &own : &other;
        product += *from % plan->dim[i] * place;
        *from /= plan->dim[i];
        place *= plan->dim[i];
    }
    return product;
}

/* dbias += dS of a block of queries and n keys from `key` on. */
static void add_slopes(const head *h, const query_block *q, int64_t key, int64_t n, real *dbias)
{
    const attention_plan *plan = h->plan;
    const int64_t row = plan->out.row, column = plan->out.column;
    const real *slopes = h->scratch + plan->at.slopes;
    for (int64_t i = 0; i < q->n; i++) {
        const int64_t seen = visible_keys(plan, q->first + i, key, n);
        for (int64_t j = 0; j < seen; j++)
            dbias[(q->first + i) * row + (key + j) * column] += slopes[j * plan->lane_row + i];
    }
}

static void take_queries(const head *h, int64_t first, int64_t n, real *dbias)
{
    const attention_plan *plan = h->plan;
    const query_block q = reverse_block(h, first, n, 1);
    const int64_t keys = visible_keys(plan, first + n - 1, 0, plan->keys);
    for (int64_t key = 0; key < keys; key += plan->key_block) {
        const int64_t block = heed_smaller(plan->key_block, keys - key);
        compute_slopes(h, &q, key, block, 1);
        add_slopes(h, &q, key, block, dbias);
    }
}

/* Rows begin <= i < end of the item's part of dbias; the one there is when they are broadcast. */
static void clear_part(const attention_plan *plan, real *dbias, int64_t begin, int64_t end)
{
    const int64_t columns = plan->out.column == 0 ? 1 : plan->keys;
    if (plan->out.row == 0) end = heed_smaller(end, begin + 1);
    for (int64_t i = begin; i < end; i++)
        for (int64_t j = 0; j < columns; j++) dbias[i * plan->out.row + j * plan->out.column] = 0;
}

HEED_KERNEL(attention_bias_vjp)
{
    const bias_plan *bias = call->plan;
    const attention_plan *plan = &bias->attention;
    const int64_t stop = heed_smaller(end * plan->items_per_unit, plan->items);
    for (int64_t item = begin * plan->items_per_unit; item < stop; item++) {
        const work w = work_of(plan, item);
        const int64_t first = product_at(plan, w.product, 0);
        real *dbias = (real *)call->out.data + product_offset(plan, &plan->out, first);
        clear_part(plan, dbias, w.first, w.stop);
        for (int64_t other = 0; other < bias->shared; other++) {
            const head h = head_of(call, plan, product_at(plan, w.product, other));
            for (int64_t i = w.first; i < w.stop; i += plan->query_block)
                take_queries(&h, i, heed_smaller(plan->query_block, w.stop - i), dbias);
        }
    }
}

#else
HEED_DECLARE_KERNEL(attention_bias_vjp);
static const heed_kernel kernel = HEED_KERNEL_TABLE(attention_bias_vjp);

static void bias_prepare(const heed_call *call, void *plan)
{
    bias_plan *to = plan;
    attention_plan *a = &to->attention;
    int64_t own = heed_count(&call->out.shape) > 0;
    heed_attention_plan(a, call);
    for (int i = 0; i < a->n_axes; i++)
        if (a->out.step[i] != 0) own *= a->dim[i];
    to->shared = own > 0 ? a->products / own : 0;
    heed_attention_divide(a, own, a->out.row != 0 ? ATTENTION_LEAST_RANGE : a->queries);
}

static bool bias_infer(heed_infer *infer)
{
    if (!heed_attention_check(infer)) return false;
    infer->shape = infer->in[ATTENTION_BIAS]->shape;
    return true;
}

/* A scalar stands for none. */
heed_node *heed_attention_dbias(heed_node *const *in, const attention_attr *attr)
{
    if (in[ATTENTION_BIAS]->shape.rank == 0) return heed_zeros_like(in[ATTENTION_BIAS]);
    return heed_apply(&heed_op_attention_bias_vjp, attr, ATTENTION_INPUTS, in);
}

static heed_node *composed_dbias(heed_node *const *in, const void *attr)
{
    heed_node *slope = heed_attention_compose(in, attr).slope;
    return slope ? heed_sum_to(slope, &in[ATTENTION_BIAS]->shape) : NULL;
}

static void bias_vjp(heed_vjp *v)
{
    heed_composed_vjp(v, composed_dbias);
}

static bool bias_sample(int k, heed_sample *sample)
{
    for (int i = 0; i < k; i++)
        if (heed_attention_bias_samples[i] < 0) return false;
    return heed_attention_sample(heed_attention_bias_samples[k], sample, ATTENTION_INPUTS);
}

static double bias_flops(const heed_node *node)
{
    return heed_attention_flops(node, 1, 1);
}

static bool attention_bias_vjp_large(heed_sample *sample)
{
    if (!heed_attention_large(sample, ATTENTION_INPUTS)) return false;
    sample->in[ATTENTION_BIAS].shape = HEED_SHAPE(1024, 1024);
    return true;
}

const heed_op heed_op_attention_bias_vjp = {
    .name = "attention_bias_vjp",
    .doc =
        "dbias = P (dy v^T - <dy, y>), in the bias's shape: the reverse of y = attention(q, k, v, "
        "keep, bias). Inputs those, dy, y and the log-sum-exps of the scores.",
    .n_in = ATTENTION_INPUTS,
    .diff = ATTENTION_REVERSE_DIFF,
    .accounts = ATTENTION_ACCOUNTS,
    .strided = HEED_ALL_INPUTS,
    .attr_size = sizeof(attention_attr),
    .infer = bias_infer,
    .kernel = &kernel,
    .units = heed_attention_units,
    .scratch = heed_attention_scratch,
    .plan_size = sizeof(bias_plan),
    .prepare = bias_prepare,
    .vjp = bias_vjp,
    .sample = bias_sample,
    .large = attention_bias_vjp_large,
    .flops = bias_flops,
};

#endif

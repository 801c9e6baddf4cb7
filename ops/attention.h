/* attention.h - what attention and its reverse operations share. Private to ops/attention*.c.
 *
 *     S = scale q k^T + bias, -inf where hidden;   P = softmax(S);   y = P v
 *     dS = P (dy v^T - <dy, y>);   dq = scale dS k,  dk = scale dS^T q,  dv = P^T dy,  dbias = dS
 *
 * No kernel holds more of S than a block: P is computed again from the log-sum-exp of its rows that
 * the forward kernel leaves as statistic (Dao 2023; online softmax: Milakov, Gimelshein 2018). */
#ifndef HEED_OPS_ATTENTION_H
#define HEED_OPS_ATTENTION_H

#include "ops/common.h"
#include "ops/ops.h"

typedef struct attention_attr { /* without padding bytes: attributes are compared as memory */
    double scale;               /* 0 becomes 1 / sqrt(depth) */
    int causal;
    int want; /* of attention_vjp: which of dq, dk, dv (bits 0, 1, 2); else 0 */
} attention_attr;

/* Inputs. keep and bias are always there; a scalar stands for none. The last three are those of the
 * reverse operations: y and lse are what attention computed from the first five. */
enum {
    ATTENTION_Q,
    ATTENTION_K,
    ATTENTION_V,
    ATTENTION_KEEP,
    ATTENTION_BIAS,
    ATTENTION_FORWARD_INPUTS,
    ATTENTION_DY = ATTENTION_FORWARD_INPUTS,
    ATTENTION_Y,
    ATTENTION_LSE,
    ATTENTION_INPUTS
};
#define ATTENTION_FORWARD_DIFF \
    (1u << ATTENTION_Q | 1u << ATTENTION_K | 1u << ATTENTION_V | 1u << ATTENTION_BIAS)
#define ATTENTION_REVERSE_DIFF (ATTENTION_FORWARD_DIFF | 1u << ATTENTION_DY)
#define ATTENTION_ACCOUNTS (1u << ATTENTION_Y | 1u << ATTENTION_LSE)

typedef struct attention_operand {
    int64_t step[HEED_MAX_RANK]; /* along the leading axes; 0 where broadcast */
    int64_t row, column;
    bool present; /* false: a keep or bias that stands for none */
    bool copy;    /* the blocks that are read as vectors must be copied first */
} attention_operand;

/* Where in a thread's scratch, in elements. */
typedef struct attention_scratch {
    int64_t turned_q, turned_dy; /* blocks of q (scaled) and dy, transposed, in panels */
    int64_t scores, slopes;      /* S^T then P^T; dP^T then dS^T: [key_block, lane_row] */
    int64_t keep, bias;          /* a panel's part of them, transposed */
    int64_t most, sum, factor;   /* one number for each query of a block */
    int64_t q, k, v, dy;         /* copies of rows */
    int64_t out_q, out_k, out_v; /* sums whose rows are no whole vectors, or are not final */
    int64_t total;
} attention_scratch;

typedef struct attention_plan {
    int64_t products, queries, keys, depth, width; /* y [products, queries, width] */
    int64_t shift; /* key j is visible to query i when j <= i + shift, if causal */
    bool causal;
    double scale;
    int n_axes;                 /* leading axes */
    int64_t dim[HEED_MAX_RANK]; /* at least 1: divisors */
    attention_operand in[ATTENTION_INPUTS], out;
    int64_t query_block, key_block;
    int64_t depth_row, width_row; /* rows of copies of q, k and of v, dy, in elements */
    int64_t lane_row;             /* rows of scores and slopes */
    int64_t range, ranges;        /* queries that one item of work has; how many such there are */
    int64_t items, items_per_unit;
    bool staged_q, staged_v; /* sums as wide as q (v) are made in scratch */
    attention_scratch at;
} attention_plan;

/* ---- in attention_plan.c ---- */

/* Operands fit: dtypes, [.., T, d] [.., S, d] [.., S, e], keep and bias broadcast to [.., T, S].
 * Fills in the default scale. infer->shape becomes y's; of a reverse operation dy, y and lse fit
 * it. */
bool heed_attention_check(heed_infer *infer);

/* Queries of one range. With few heads the queries of a head are divided among several items; dk
 * and dv then come as one sum for each range. Depends on nothing but these sizes. */
#define ATTENTION_MOST_RANGES 16
#define ATTENTION_LEAST_RANGE 128
int64_t heed_attention_range(int64_t products, int64_t queries);

/* All but ranges and items; then those, for `products` in ranges of `range` queries. */
void heed_attention_plan(attention_plan *plan, const heed_call *call);
void heed_attention_divide(attention_plan *plan, int64_t products, int64_t range);

/* heed_op.prepare where an item is a product's range of queries. */
void heed_attention_prepare(const heed_call *call, void *plan);
/* heed_op.units and heed_op.scratch of plans that begin with an attention_plan. */
int64_t heed_attention_units(const heed_call *call);
size_t heed_attention_scratch(const heed_call *call);

/* Of `by_depth` products as deep as q and `by_width` as wide as v, visible scores only. */
double heed_attention_flops(const heed_node *node, int by_depth, int by_width);
/* n: inputs of the operation */
bool heed_attention_sample(int k, heed_sample *sample, int n);
bool heed_attention_large(heed_sample *sample, int n);
extern const int heed_attention_bias_samples[]; /* those with a bias; ends with -1 */

/* ---- gradients as nodes; `in` are the ATTENTION_INPUTS ---- */

/* dx[0 .. 2] of q, k, v where wanted: in attention_vjp.c */
void heed_attention_gradients(heed_node *const *in, const attention_attr *attr, const bool *want,
                              heed_node **dx);
/* of the bias, in its shape: in attention_bias_vjp.c */
heed_node *heed_attention_dbias(heed_node *const *in, const attention_attr *attr);

/* ---- in attention_vjp.c: the reverse as ordinary operations on all of [.., T, S] ---- */

typedef struct attention_composed {
    heed_node *p, *slope; /* P, dS */
} attention_composed;
attention_composed heed_attention_compose(heed_node *const *in, const attention_attr *attr);

#endif

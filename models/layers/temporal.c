/* temporal.c - blocks of SNAIL, on a whole sequence or on one step of it. */
#include <math.h>
#include <stdio.h>

#include "models/layers/layers.h"
#include "ops/ops.h"

/* ---- what blocks remember ---- */

heed_node *heed_past_steps(heed_graph *graph, int64_t steps)
{
    return heed_cast(heed_arange(graph, 0, (double)steps, 1), HEED_I32);
}

heed_past heed_past_first(heed_graph *graph, int64_t steps)
{
    return (heed_past){ .steps = steps,
                        .step = heed_index(heed_past_steps(graph, steps), 0, 0),
                        .so_far = heed_full(graph, 1, steps),
                        .first = true };
}

heed_past heed_past_at(const heed_past *first, heed_node *const *state, heed_node *step,
                       heed_node *so_far)
{
    heed_past past = { .steps = first->steps, .step = step, .so_far = so_far };
    for (int i = 0; i < first->n; i++) past.state[i] = state[i];
    return past;
}

static heed_node *zeros_like(heed_node *x, int64_t steps)
{
    const heed_shape shape = HEED_SHAPE(x->shape.dim[0], steps, x->shape.dim[2]);
    return heed_full_shaped(x->graph, x->dtype, shape, 0);
}

/* The next block's state: what it keeps of steps, zeros at first. */
static heed_node *remembered(heed_past *past, heed_node *x, heed_shape shape)
{
    if (past->n == HEED_PAST_MOST)
        return heed_graph_fail(x->graph, "a past holds at most %d states", HEED_PAST_MOST);
    if (past->first) past->state[past->n] = heed_full_shaped(x->graph, x->dtype, shape, 0);
    return past->state[past->n];
}

/* This step's place in a ring of n: step mod n. */
static heed_node *place_in_ring(const heed_past *past, int64_t n)
{
    heed_node *t = heed_arange(past->step->graph, 0, (double)past->steps, 1);
    heed_node *rounds = heed_floor(heed_affine(t, 1 / (double)n, 0.5 / (double)n));
    heed_node *table = heed_cast(heed_sub(t, heed_scale(rounds, (double)n)), HEED_I32);
    return heed_gather(table, past->step, 0, 0);
}

/* A ring of `distance` steps: x takes the place of the oldest. */
heed_node *heed_earlier(heed_past *past, heed_node *x, int64_t distance)
{
    if (!x) return NULL;
    if (!past) {
        const int64_t kept = x->shape.dim[1] > distance ? x->shape.dim[1] - distance : 0;
        heed_node *before = zeros_like(x, x->shape.dim[1] - kept);
        return heed_concat(HEED_NODES(before, heed_slice(x, 1, 0, kept)), 1);
    }
    const heed_shape shape = HEED_SHAPE(distance, x->shape.dim[0], x->shape.dim[2]);
    heed_node *ring = remembered(past, x, shape); /* [distance, B, C] */
    heed_node *at = ring ? place_in_ring(past, distance) : NULL;
    heed_node *oldest = heed_gather(ring, at, 0, 0);
    past->next[past->n++] = heed_replace_row(ring, heed_index(x, 1, 0), at, 0);
    return heed_unsqueeze(oldest, 1);
}

heed_node *heed_all_so_far(heed_past *past, heed_node *x)
{
    if (!past || !x) return x;
    const heed_shape shape = HEED_SHAPE(x->shape.dim[0], past->steps, x->shape.dim[2]);
    heed_node *all = remembered(past, x, shape); /* [B, T, C] */
    if (!all) return NULL;
    return past->next[past->n++] = heed_replace_row(all, heed_index(x, 1, 0), past->step, 1);
}

/* ---- blocks ---- */

static bool is_sequence(heed_scope *scope, const char *what, const char *name, heed_node *x)
{
    char text[256];
    if (!scope || !x) return false;
    if (x->shape.rank == 3 && x->shape.dim[1] > 0 && x->shape.dim[2] > 0) return true;
    heed_graph_fail(x->graph, "%s '%s%s': a sequence is [B, T, C]; got %s", what,
                    heed_scope_prefix(scope), name, heed_describe(x, text, sizeof text));
    return false;
}

heed_node *(heed_dense_block)(heed_scope *scope, const char *name, heed_node *x, heed_past *past,
                              int64_t dilation, int64_t filters)
{
    if (!is_sequence(scope, "dense block", name, x)) return NULL;
    const int64_t channels = x->shape.dim[2], width = 2 * filters;
    const heed_init init = { .rule = HEED_INIT_DEFAULT, .fan_in = 2 * channels };
    heed_scope *own = heed_enter(scope, name);
    heed_node *taps = heed_matmul(x, heed_param(own, "weight", init, channels, 2 * width));
    heed_node *h = heed_add(heed_slice(taps, 2, 0, width),
                            heed_earlier(past, heed_slice(taps, 2, width, 2 * width), dilation));
    h = heed_add(h, heed_param(own, "bias", init, width));         /* [B, T, 2 D] */
    heed_node *f = heed_tanh(heed_slice(h, 2, 0, filters));        /* [B, T, D] */
    heed_node *g = heed_sigmoid(heed_slice(h, 2, filters, width)); /* [B, T, D] */
    return heed_concat(HEED_NODES(x, heed_mul(f, g)), 2);
}

heed_node *(heed_temporal_block)(heed_scope *scope, const char *name, heed_node *x, heed_past *past,
                                 int64_t steps, int64_t filters)
{
    heed_scope *own = heed_enter(scope, name);
    int64_t dilation = 1;
    for (int i = 0; dilation < steps; i++, dilation *= 2) {
        char block[16];
        snprintf(block, sizeof block, "%d", i);
        x = heed_dense_block(own, block, x, past, dilation, filters);
    }
    return x;
}

/* softmax of the scores of what may be seen; the rest weighs exactly nothing. */
static heed_node *weights_of(heed_node *q, heed_node *k, heed_node *seen)
{
    if (!q) return NULL;
    const double scale = 1 / sqrt((double)q->shape.dim[2]);
    heed_node *scores = heed_scale(heed_matmul(q, heed_transpose(k, 1, 2)), scale);
    return heed_softmax(heed_masked_fill(scores, heed_logical_not(seen), -1e30), -1);
}

/* The linear layer "query", or "key". Keys start as queries do: then what is alike scores higher,
 * and there is something to be learned from the first step on, where random scores mix all that was
 * seen. */
static heed_node *query_or_key(heed_scope *own, const char *name, heed_node *x, int64_t width)
{
    const double bound = sqrt(3 / (double)x->shape.dim[2]);
    const heed_init weight = { .rule = HEED_INIT_UNIFORM,
                               .a = -bound,
                               .b = bound,
                               .as = heed_full_name(own, "query/weight") };
    const heed_init bias = { .as = heed_full_name(own, "query/bias") };
    return heed_linear(own, name, x, width, .weight = weight, .bias = bias);
}

heed_node *(heed_look_back)(heed_node *q, heed_node *k, heed_node *v, heed_past *past,
                            heed_node **weights)
{
    if (!q || !k || !v) return NULL;
    const int64_t steps = past ? past->steps : q->shape.dim[1];
    k = heed_all_so_far(past, k);
    v = heed_all_so_far(past, v);
    heed_node *seen = past ? past->so_far : heed_causal_mask(q->graph, steps, steps);
    if (weights) *weights = weights_of(q, k, seen); /* [B, T, T] */
    return past ? heed_attention(q, k, v, .keep = heed_unsqueeze(seen, 0))
                : heed_attention(q, k, v, .causal = true);
}

heed_node *(heed_causal_attention)(heed_scope *scope, const char *name, heed_node *x,
                                   heed_past *past, int64_t key_width, int64_t value_width,
                                   heed_node **weights)
{
    if (!is_sequence(scope, "causal attention", name, x)) return NULL;
    heed_scope *own = heed_enter(scope, name);
    heed_node *q = query_or_key(own, "query", x, key_width);
    heed_node *k = query_or_key(own, "key", x, key_width);
    heed_node *v = heed_linear(own, "value", x, value_width);
    return heed_concat(HEED_NODES(x, heed_look_back(q, k, v, past, weights)), 2);
}

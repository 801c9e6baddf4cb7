/* temporal.h - sequences that look back: dilated causal convolutions and causal attention.
 *
 * Mishra, Rohaninejad, Chen, Abbeel 2018, "A Simple Neural Attentive Meta-Learner" [SNAIL], after
 * the WaveNet (van den Oord et al. 2016) and the transformer (Vaswani et al. 2017).
 *
 * A block takes x [B, T, C] and concatenates what it finds to x's channels. The same block is one
 * step of a loop when it is given a past: x is then [B, 1, C], step t of T, and what the block must
 * know of earlier steps comes from states of the loop (heed_scan), so that a step does its own work
 * only. */
#ifndef HEED_MODELS_LAYERS_TEMPORAL_H
#define HEED_MODELS_LAYERS_TEMPORAL_H

#include "graph/graph.h"
#include "graph/store.h"

/* ---- what blocks remember from step to step ---- */

enum { HEED_PAST_MOST = 64 };
typedef struct heed_past {
    int64_t steps;     /* T */
    heed_node *step;   /* [], i32: which this one is */
    heed_node *so_far; /* [T]: 1 up to this step; a row of heed_causal_mask() */
    heed_node *state[HEED_PAST_MOST], *next[HEED_PAST_MOST]; /* before and after this step */
    int n;                                                   /* how many blocks have asked for */
    bool first;
} heed_past;

/* Build the network once on this past and any [B, 1, C]: then .state[0 .. n - 1] are the states'
 * first values, zeros. */
heed_past heed_past_first(heed_graph *graph, int64_t steps);
/* The past of a step: `state` as the loop gives it. The network leaves .next[0 .. n - 1]. */
heed_past heed_past_at(const heed_past *first, heed_node *const *state, heed_node *step,
                       heed_node *so_far);
/* i32 [T]: 0, 1, .. T - 1, whose parts are the steps of a loop. */
heed_node *heed_past_steps(heed_graph *graph, int64_t steps);

/* x as it was `distance` steps earlier, 0 before the first step. past NULL: x is all steps. */
heed_node *heed_earlier(heed_past *past, heed_node *x, int64_t distance);
/* x of all steps, [B, T, C]; those to come are 0. */
heed_node *heed_all_so_far(heed_past *past, heed_node *x);

/* ---- blocks ---- */

/* Two taps, gated: h[t] = x[t] W1 + x[t - dilation] W2 + b;  [f g] = h;
 * y = [x, tanh(f) sigmoid(g)]: [B, T, C] -> [B, T, C + D], D = filters.        [SNAIL, fig. 2 a]
 * Parameters "name/weight" [W1 W2] [C, 4 D], "name/bias" b [2 D]. */
heed_node *heed_dense_block(heed_scope *scope, const char *name, heed_node *x, heed_past *past,
                            int64_t dilation, int64_t filters);
/* Dense blocks "name/0", "name/1", .. of dilations 1, 2, 4, .. until the last step sees the first:
 * ceil(log2 steps) of them. -> [B, T, C + filters ceil(log2 steps)]            [SNAIL, fig. 2 b] */
heed_node *heed_temporal_block(heed_scope *scope, const char *name, heed_node *x, heed_past *past,
                               int64_t steps, int64_t filters);
/* softmax(q k^T / sqrt(D)) v over the steps so far: q, k [B, T, D], v [B, T, W] -> [B, T, W].
 * weights, unless NULL: [B, T, T] (a step: [B, 1, T]), computed besides. */
heed_node *heed_look_back(heed_node *q, heed_node *k, heed_node *v, heed_past *past,
                          heed_node **weights);
/* One causal look back: y = [x, softmax(q k^T / sqrt(key width)) v] with q, k, v linear in x.
 * -> [B, T, C + value width]                                                    [SNAIL, fig. 2 c]
 * weights, unless NULL: what it looks at, [B, T, T] (a step: [B, 1, T]), computed besides.
 * Parameters "name/query", "name/key", "name/value", linear layers; keys start as queries do: it
 * looks at what is alike. */
heed_node *heed_causal_attention(heed_scope *scope, const char *name, heed_node *x, heed_past *past,
                                 int64_t key_width, int64_t value_width, heed_node **weights);

#ifndef HEED_NO_LOCATIONS
#define heed_dense_block(...) HEED_AT(heed_dense_block(__VA_ARGS__))
#define heed_temporal_block(...) HEED_AT(heed_temporal_block(__VA_ARGS__))
#define heed_look_back(...) HEED_AT(heed_look_back(__VA_ARGS__))
#define heed_causal_attention(...) HEED_AT(heed_causal_attention(__VA_ARGS__))
#endif
#endif

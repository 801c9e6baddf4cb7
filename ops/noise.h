/* noise.h - the catalogue, noise and samples. */
#ifndef HEED_OPS_NOISE_H
#define HEED_OPS_NOISE_H

#include "graph/graph.h"

/* ---- random: functions of (seed, node, step, element), new in every run, in training or not; no
 * gradient flows into noise ---- */

/* Noise in the graph's dtype: heed_uniform(g, -1, 1, 2, 3) is a [2, 3] in [-1, 1). */
heed_node *heed_uniform_shaped(heed_graph *graph, heed_shape shape, double low, double high);
heed_node *heed_normal_shaped(heed_graph *graph, heed_shape shape, double mean, double deviation);
heed_node *heed_gumbel_shaped(heed_graph *graph, heed_shape shape); /* -log(-log(uniform)) */
#define heed_uniform(graph, low, high, ...) \
    HEED_AT(heed_uniform_shaped(graph, HEED_SHAPE(__VA_ARGS__), low, high))
#define heed_normal(graph, mean, deviation, ...) \
    HEED_AT(heed_normal_shaped(graph, HEED_SHAPE(__VA_ARGS__), mean, deviation))
#define heed_gumbel(graph, ...) HEED_AT(heed_gumbel_shaped(graph, HEED_SHAPE(__VA_ARGS__)))
heed_node *heed_bernoulli(heed_node *p); /* 1 with probability p, else 0, for each p */
/* logits [.., C] -> i32 [..]: index c with probability softmax(logits)[c]. A logit of -inf or NaN
 * is never drawn (index 0 of a row that has no other); +inf always is. The noise is not stored. */
heed_node *heed_categorical(heed_node *logits);
/* softmax((logits + gumbel) / temperature) along axis; hard: 1 at its largest element, else 0, with
 * the gradient of the softmax (straight through). As PyTorch's, it always samples. Jang, Gu, Poole
 * 2017; Maddison, Mnih, Teh 2017. */
typedef struct heed_gumbel_softmax_options {
    int defaults;
    bool hard;
} heed_gumbel_softmax_options;
heed_node *heed_gumbel_softmax_with(heed_node *logits, int axis, double temperature,
                                    heed_gumbel_softmax_options options);
#define heed_gumbel_softmax(logits, axis, temperature, ...)     \
    HEED_AT(heed_gumbel_softmax_with(logits, axis, temperature, \
                                     (heed_gumbel_softmax_options){ .defaults = 0, __VA_ARGS__ }))

#endif

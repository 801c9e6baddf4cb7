/* loops.h - the catalogue: loops, regions that are computed again, gradients of one's own. */
#ifndef HEED_OPS_LOOPS_H
#define HEED_OPS_LOOPS_H

#include "graph/graph.h"

/* One step of a loop, as nodes: from the states before it and the step's part x of each sequence,
 * [..], to the states after it, of the same shapes, and what the step puts out. Whatever else it
 * reads - parameters, values computed before the loop - it just uses; what depends on such values
 * alone is computed once, before the loop, but for random operations. return: false to give up (the
 * graph then has failed). */
typedef bool heed_scan_step(void *context, heed_node *const *state, heed_node *const *x,
                            heed_node **next, heed_node **y);

typedef struct heed_scan_options {
    int defaults;
    heed_node *const *initial; /* of the carried states, f32, f64 or i32 */
    int n_states;
    heed_node *const *over; /* sequences [T, ..], one part for each step */
    int n_over;
    int n_out;        /* values that a step puts out */
    int64_t steps;    /* T; needed when there is no sequence */
    heed_node *count; /* i32 []: only steps 0 .. count - 1 are run; outputs of others are 0 */
    bool backwards;   /* from the last step to the first; output t is still step t's */
    bool recompute;   /* the reverse pass computes a step's values anew, from the kept states */
    int64_t every;    /* ... from the states of every so many steps, which alone are kept */
} heed_scan_options;

/* states(t + 1), y(t) = step(states(t), x(t)) for t = 0 .. T - 1. final[k]: state k after the last
 * step; y[j]: [T, ..], all outputs. The graph has the step once, whatever T is; memory holds one
 * step, the outputs, and what the reverse pass asks for: values of every step (the default), the
 * states only (.recompute), or every k-th state (.every = k). All real states and outputs have one
 * dtype; i32 ones are carried in it, and so stay below 2^24 in f32. return: false when the graph
 * has failed. */
bool heed_scan_with(heed_graph *graph, heed_scan_step *step, void *context,
                    heed_scan_options options, heed_node **final, heed_node **y);
#define heed_scan(graph, step, context, final, y, ...)                                             \
    heed_scan_with(graph, step, context, (heed_scan_options){ .defaults = 0, __VA_ARGS__ }, final, \
                   y)

/* A region of the graph whose inner values are not kept for the reverse pass, but computed anew in
 * it: y[j], j < n_out, of what `region` builds out of x[0 .. n - 1] (Chen et al. 2016). */
typedef bool heed_region(void *context, heed_node *const *x, heed_node **y);
bool heed_checkpoint(heed_graph *graph, heed_region *region, void *context, heed_node *const *x,
                     int n, heed_node **y, int n_out);

/* value, whose gradient with respect to x[0 .. n - 1] is what `rule` says: dx[i] of dy, for every i
 * that is wanted, as nodes (NULL otherwise). The path through value itself is cut. */
typedef void heed_gradient_rule(void *context, heed_node *value, heed_node *dy, heed_node *const *x,
                                const bool *want, heed_node **dx);
heed_node *heed_custom_gradient(heed_node *value, heed_node *const *x, int n,
                                heed_gradient_rule *rule, void *context);

#endif

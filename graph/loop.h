/* loop.h - bodies: graphs that a node of another graph runs many times (ops/scan.c makes them).
 *
 * A body's leaves are slots, fed by the node's operands: a whole operand (the same in all
 * iterations), the operand's t-th part along its first axis, or a carried state, whose operand is
 * the value that it starts with. What iterations leave behind lies side by side in the node's one
 * result, a vector of numbers: the last states, values of each iteration, the states' histories.
 * More results may be added as long as gradients are taken; earlier ones stay where they are.
 *
 * A body is compiled with the program that its node is part of: its memory is part of that plan,
 * its instructions point at the current iteration's parts of the operands and results, so nothing
 * is copied in or out, and what does not change from iteration to iteration is computed in the
 * first one only. */
#ifndef HEED_GRAPH_LOOP_H
#define HEED_GRAPH_LOOP_H

#include "graph/graph.h"

typedef enum heed_slot_kind { HEED_SLOT_WHOLE, HEED_SLOT_STEP, HEED_SLOT_STATE } heed_slot_kind;

typedef struct heed_slot {
    heed_slot_kind kind;
    int state;       /* of a state: which */
    heed_node *leaf; /* in the body */
} heed_slot;

typedef enum heed_result_kind {
    HEED_RESULT_FINAL,  /* a state after the last iteration                                     */
    HEED_RESULT_STEP,   /* a value of every iteration: [steps, ..]                              */
    HEED_RESULT_HISTORY /* a state around all iterations: [steps + 1, ..]. Forwards, row t is the
                           state before iteration t, row t + 1 the one after it; backwards row
                           t + 1 is before, row t after */
} heed_result_kind;

typedef struct heed_result {
    heed_result_kind kind;
    int state;        /* of a final value or a history */
    heed_node *value; /* in the body: what a row is */
    int64_t offset;   /* in the node's result, in numbers */
} heed_result;

typedef struct heed_body {
    heed_graph *graph;
    heed_dtype dtype; /* of all states and results */
    heed_slot *slots; /* as many as operands */
    int n_slots;
    heed_node **next; /* by state: its value after an iteration */
    int n_states;
    heed_result *results;
    int n_results;
    int64_t numbers; /* of all results, and gaps between them */
    int64_t steps;
    bool counted;   /* one more operand, i32 []: how many of the steps are run */
    bool backwards; /* from the last step to the first */
    bool recompute; /* the reverse rule computes a step's values anew from the state before it */
} heed_body;

/* ---- making bodies ---- */

/* A graph that goes with `parent`: same options, freed with it. NULL without memory. */
heed_graph *heed_graph_child(heed_graph *parent);
/* A node of another graph, with other inputs. `own`: a body that it has, it has for itself: results
 * that are added to it are not the other's. */
heed_node *heed_copy_node(heed_graph *graph, const heed_node *node, heed_node *const *in, bool own);
/* A leaf that slot number `index` of a body feeds. */
heed_node *heed_slot_leaf(heed_graph *graph, int index, heed_dtype dtype, const heed_shape *shape);
bool heed_is_slot(const heed_node *node, int *index);

/* Take what depends on slots `slots` (leaves of `graph`, made after all nodes below id `first`) out
 * of the graph, and make it the body's: its graph, and its slots with those for outside values that
 * it reads. root: the nodes that matter, replaced by those of the body. operand: of each slot that
 * was added, in the graph's memory. false: the graph has failed. */
bool heed_body_extract(heed_body *body, heed_graph *graph, int first, heed_node **root, int n_roots,
                       heed_node ***operand);
/* Room for one more result of these; sets its offset. NULL: the graph has failed. */
heed_result *heed_body_add(heed_body *body, heed_graph *graph, heed_result result);
/* Rows of a result, its shape with them. */
int64_t heed_result_rows(const heed_body *body, const heed_result *result);
heed_body *heed_body_copy(const heed_body *body, heed_graph *graph);
double heed_body_flops(const heed_body *body);

#endif

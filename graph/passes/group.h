/* group.h - an instruction in the making: nodes that share one pass over memory. */
#ifndef HEED_GRAPH_PASSES_GROUP_H
#define HEED_GRAPH_PASSES_GROUP_H

#include "graph/plan.h"
#include "graph/space.h"

enum { HEED_MOST_MEMBERS = 256 };

typedef struct heed_group {
    heed_program *p;
    int number;                     /* of the instruction */
    int *inside;                    /* by id: the last group that computes it, + 1 */
    int *late;                      /* by id: the last group during which it became readable, + 1 */
    int members[HEED_MOST_MEMBERS]; /* elementwise nodes, in topological order */
    int ends[HEED_MOST_ENDS];       /* reductions of them */
    int n_members, n_ends, n_inputs;
    heed_dtype dtype;
    heed_shape space;
} heed_group;

/* Can `node` be computed tile by tile, alone if need be? Else it is a kernel's instruction. */
bool heed_is_tiled(const heed_program *p, const heed_node *node);

/* Begin instruction `number` with a tiled node. */
void heed_group_open(heed_group *group, int number, const heed_node *node);
/* Add a node whose inputs are all there, with the values that it recomputes. false: it does not
 * fit; nothing has changed. */
bool heed_group_add(heed_group *group, const heed_node *node);

#endif

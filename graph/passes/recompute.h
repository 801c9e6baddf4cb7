/* recompute.h - values that every reader computes for itself. */
#ifndef HEED_GRAPH_PASSES_RECOMPUTE_H
#define HEED_GRAPH_PASSES_RECOMPUTE_H

#include "graph/plan.h"

enum { HEED_MOST_RECOMPUTED = 256 }; /* of one reader; more than weights and inputs allow */

static inline bool heed_is_recomputed(const heed_program *p, int id)
{
    return p->elided[id] && p->work->nodes[id]->op->tile;
}

/* The values that `node` computes for itself, in topological order. return: how many */
int heed_recomputed_by(const heed_program *p, const heed_node *node, int *list);

#endif

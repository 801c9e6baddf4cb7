/* grown.h - elementwise values that broadcasting made much larger than what they are made of. */
#ifndef HEED_GRAPH_PASSES_GROWN_H
#define HEED_GRAPH_PASSES_GROWN_H

#include "graph/plan.h"
#include "graph/space.h"

/* By id: the node itself, or for a view that only changes the shape, such as a reshape, what it
 * views (never such a view). NULL without memory; the caller frees it. */
int *heed_flat_sources(const heed_graph *graph);

/* Which values an instruction can compute anew from small operands instead of reading them. */
typedef struct heed_grown {
    int *weight;       /* by id: operations and operands it takes, itself included; 0: not grown */
    heed_shape *space; /* by id, of grown values: all operations fit this iteration space */
} heed_grown;

/* In p->work. Both arrays stay NULL when there is nothing of the kind. false: no memory. */
bool heed_grown_find(const heed_program *p, const bool *live, const int *source, heed_grown *grown);
void heed_grown_free(heed_grown *grown);

#endif

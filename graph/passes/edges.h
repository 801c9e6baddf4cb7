/* edges.h - who waits for whom: nodes' consumers, and a heap of those that are ready. */
#ifndef HEED_GRAPH_PASSES_EDGES_H
#define HEED_GRAPH_PASSES_EDGES_H

#include "graph/plan.h"

/* Fill p->edges and allocate p->owner; they live until heed_edges_free(). */
bool heed_make_edges(heed_program *p);
void heed_edges_free(heed_program *p);

typedef struct heed_heap {
    int *ids; /* lowest on top; room for all */
    int n;
} heed_heap;

void heed_heap_push(heed_heap *heap, int id);
int heed_heap_pop(heed_heap *heap); /* the lowest */

#endif

/* dead.c - only what the outputs depend on is worth computing. */
#include <string.h>

#include "graph/plan.h"

bool *heed_live(const heed_graph *graph, heed_node *const *outputs, int n, bool all)
{
    bool *live = heed_alloc((size_t)graph->n_nodes + 1);
    if (!live) return NULL;
    if (all) memset(live, 1, (size_t)graph->n_nodes);
    for (int i = 0; i < n; i++) live[outputs[i]->id] = true;
    for (int id = graph->n_nodes - 1; id >= 0; id--) {
        const heed_node *node = graph->nodes[id];
        for (int i = 0; live[id] && i < node->n_in; i++) live[node->in[i]->id] = true;
    }
    return live;
}

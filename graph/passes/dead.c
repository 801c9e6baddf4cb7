/* dead.c - only what the outputs depend on is worth computing. */
#include "graph/plan.h"

bool *heed_live(const heed_graph *graph, heed_node *const *outputs, int n, bool all)
{
    bool *live = heed_alloc((size_t)graph->n_nodes + 1);
    if (!live) return NULL;
    for (int id = 0; all && id < graph->n_nodes; id++) live[id] = !graph->nodes[id]->op->writes;
    for (int i = 0; i < n; i++) live[outputs[i]->id] = true;
    for (int id = graph->n_nodes - 1; id >= 0; id--) {
        const heed_node *node = graph->nodes[id];
        for (int i = 0; live[id] && i < node->n_in; i++) live[node->in[i]->id] = true;
    }
    return live;
}

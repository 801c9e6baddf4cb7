/* checkpoint.c - a region whose inner values the reverse pass computes anew: a loop of one step */
#include "ops/common.h"
#include "ops/ops.h"

typedef struct region_step {
    heed_region *region;
    void *context;
} region_step;

static bool step(void *context, heed_node *const *state, heed_node *const *x, heed_node **next,
                 heed_node **y)
{
    const region_step *s = context;
    (void)state, (void)next;
    return s->region(s->context, x, y);
}

bool heed_checkpoint(heed_graph *graph, heed_region *region, void *context, heed_node *const *x,
                     int n, heed_node **y, int n_out)
{
    if (heed_graph_failed(graph)) return false;
    region_step one = { region, context };
    heed_node **over = heed_graph_memory(graph, (size_t)(n + 1) * sizeof *over);
    if (!over) return false;
    for (int i = 0; i < n; i++) over[i] = heed_unsqueeze(x[i], 0);
    if (!heed_scan(graph, step, &one, NULL, y, .over = over, .n_over = n, .n_out = n_out,
                   .recompute = true))
        return false;
    for (int j = 0; j < n_out; j++) y[j] = heed_squeeze(y[j], 0);
    return !heed_graph_failed(graph);
}

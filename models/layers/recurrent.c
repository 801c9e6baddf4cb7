/* recurrent.c - what the recurrent cells share. */
#include <math.h>

#include "models/layers/recurrent.h"
#include "ops/ops.h"

bool heed_cell_weights(heed_scope *own, int64_t in, int64_t hidden, int64_t width,
                       heed_cell_options options, heed_node **input, heed_node **recurrent)
{
    if (!own) return false;
    if (in < 1 || hidden < 1) {
        heed_graph_fail(heed_scope_graph(own),
                        "recurrent cell '%s': input width %lld and hidden width %lld must be "
                        "positive",
                        heed_scope_prefix(own), (long long)in, (long long)hidden);
        return false;
    }
    double bound = 1 / sqrt((double)hidden);
    if (options.input.rule == HEED_INIT_DEFAULT)
        options.input = (heed_init){ .rule = HEED_INIT_UNIFORM, .a = -bound, .b = bound };
    if (options.recurrent.rule == HEED_INIT_DEFAULT)
        options.recurrent = (heed_init){ .rule = HEED_INIT_ORTHOGONAL };
    *input = heed_param(own, "input", options.input, in, width);
    *recurrent = heed_param(own, "recurrent", options.recurrent, hidden, width);
    return *input && *recurrent;
}

heed_node *heed_gate(heed_node *x, int64_t hidden, int k)
{
    return heed_slice(x, -1, k * hidden, (k + 1) * hidden);
}

static int64_t cell_steps(heed_node *projected)
{
    if (!projected) return 0;
    if (projected->shape.rank == 3 && projected->shape.dim[0] > 0) return projected->shape.dim[0];
    char text[300];
    heed_graph_fail(projected->graph,
                    "recurrent cell: a sequence is [T, B, width] with T > 0; got %s",
                    heed_describe(projected, text, sizeof text));
    return 0;
}

heed_state_pair heed_state_located(heed_state_pair state, const char *file, int line)
{
    heed_located(state.c, file, line);
    heed_located(state.h, file, line);
    return state;
}

heed_node *heed_cell_run(const void *cell, heed_cell_step *step, heed_node *projected,
                         heed_state_pair *state)
{
    int64_t steps = cell_steps(projected);
    if (steps == 0) return NULL;
    heed_node **h = heed_graph_memory(projected->graph, (size_t)steps * sizeof *h);
    if (!h) return NULL;
    for (int64_t t = 0; t < steps; t++) {
        *state = step(cell, heed_index(projected, 0, t), *state);
        h[t] = state->h;
    }
    return heed_stack(h, (int)steps, 0); /* [T, B, H] */
}

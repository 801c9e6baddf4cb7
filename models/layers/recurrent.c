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

/* ---- as a loop ---- */

typedef struct looped {
    const void *cell;
    heed_cell_step *step;
    bool has_c;
} looped;

static bool loop_step(void *context, heed_node *const *state, heed_node *const *x, heed_node **next,
                      heed_node **y)
{
    const looped *l = context;
    heed_state_pair after =
        l->step(l->cell, x[0], (heed_state_pair){ .h = state[0], .c = l->has_c ? state[1] : NULL });
    next[0] = y[0] = after.h;
    if (l->has_c) next[1] = after.c;
    return true;
}

heed_node *heed_cell_scan(const void *cell, heed_cell_step *step, heed_node *projected,
                          int64_t hidden, bool has_c, heed_state_pair *state,
                          heed_sequence_options options)
{
    if (cell_steps(projected) == 0) return NULL;
    looped l = { .cell = cell, .step = step, .has_c = has_c };
    heed_graph *graph = projected->graph;
    heed_node *zero =
        heed_full_shaped(graph, projected->dtype, HEED_SHAPE(projected->shape.dim[1], hidden), 0);
    heed_node *carried[2] = { state->h ? state->h : zero, state->c ? state->c : zero }, *h;
    if (!heed_scan(graph, loop_step, &l, carried, &h, .initial = carried, .n_states = 1 + has_c,
                   .over = &projected, .n_over = 1, .n_out = 1, .count = options.count,
                   .backwards = options.backwards, .recompute = options.recompute,
                   .every = options.every))
        return NULL;
    *state = (heed_state_pair){ .h = carried[0], .c = has_c ? carried[1] : NULL };
    return h;
}

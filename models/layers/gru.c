/* gru.c - the gated recurrent unit; gates in the order r z n. */
#include "models/layers/recurrent.h"
#include "ops/ops.h"

heed_gru heed_gru_with(heed_scope *scope, const char *name, int64_t in, int64_t hidden,
                       heed_cell_options options)
{
    heed_scope *own = heed_enter(scope, name);
    heed_gru cell = { .hidden = hidden };
    if (!heed_cell_weights(own, in, hidden, 3 * hidden, options, &cell.input, &cell.recurrent))
        return cell;
    cell.bias = heed_param(own, "bias", HEED_ZEROS, 3 * hidden);
    cell.recurrent_bias = heed_param(own, "recurrent_bias", HEED_ZEROS, 3 * hidden);
    return cell;
}

heed_node *(heed_gru_project)(const heed_gru *cell, heed_node *x)
{
    return heed_add(heed_matmul(x, cell->input), cell->bias);
}

/* h U + d, or d alone for a state of zeros. */
static heed_node *from_state(const heed_gru *cell, heed_node *h)
{
    return h ? heed_add(heed_matmul(h, cell->recurrent), cell->recurrent_bias)
             : heed_unsqueeze(cell->recurrent_bias, 0);
}

heed_state_pair(heed_gru_step)(const heed_gru *cell, heed_node *projected, heed_state_pair state)
{
    if (!projected || heed_graph_failed(projected->graph)) return (heed_state_pair){ 0 };
    const int64_t hidden = cell->hidden;
    heed_node *own = from_state(cell, state.h); /* [B, 3H], or [1, 3H] */
    heed_node *r =
        heed_sigmoid(heed_add(heed_gate(projected, hidden, 0), heed_gate(own, hidden, 0)));
    heed_node *z =
        heed_sigmoid(heed_add(heed_gate(projected, hidden, 1), heed_gate(own, hidden, 1)));
    heed_node *n = heed_tanh(heed_add(heed_gate(projected, hidden, 2),
                                      heed_mul(r, heed_gate(own, hidden, 2)))); /* [B, H] */
    heed_node *kept = state.h ? heed_sub(state.h, n) : heed_neg(n);
    return (heed_state_pair){ .h = heed_add(n, heed_mul(z, kept)) };
}

static heed_state_pair step(const void *cell, heed_node *projected, heed_state_pair state)
{
    return heed_gru_step(cell, projected, state);
}

heed_node *(heed_gru_run)(const heed_gru *cell, heed_node *projected, heed_state_pair *state)
{
    return heed_cell_run(cell, step, projected, state);
}

heed_node *heed_gru_scan_with(const heed_gru *cell, heed_node *projected, heed_state_pair *state,
                              heed_sequence_options options)
{
    return heed_cell_scan(cell, step, projected, cell->hidden, false, state, options);
}

/* lstm.c - the long short-term memory cell; gates in the order i f g o. */
#include "models/layers/recurrent.h"
#include "ops/ops.h"

/* The bias starts at 0, except the forget gate's quarter: a cell that remembers from the first
 * step on learns long dependencies sooner (Jozefowicz, Zaremba, Sutskever 2015). */
static void fill_bias(const heed_view *bias, const void *forget_bias)
{
    const double open = *(const double *)forget_bias;
    const int64_t hidden = bias->shape.dim[0] / 4;
    for (int64_t i = hidden; i < 2 * hidden; i++) heed_set(bias, i, open == 0 ? 1 : open);
}

heed_lstm heed_lstm_with(heed_scope *scope, const char *name, int64_t in, int64_t hidden,
                         heed_cell_options options)
{
    const heed_init bias = { .rule = HEED_INIT_CONSTANT,
                             .fill = fill_bias,
                             .context = &options.forget_bias };
    heed_scope *own = heed_enter(scope, name);
    heed_lstm cell = { .hidden = hidden };
    if (!heed_cell_weights(own, in, hidden, 4 * hidden, options, &cell.input, &cell.recurrent))
        return cell;
    cell.bias = heed_param(own, "bias", bias, 4 * hidden);
    return cell;
}

heed_node *(heed_lstm_project)(const heed_lstm *cell, heed_node *x)
{
    return heed_add(heed_matmul(x, cell->input), cell->bias);
}

heed_state_pair(heed_lstm_step)(const heed_lstm *cell, heed_node *projected, heed_state_pair state)
{
    if (!projected || heed_graph_failed(projected->graph)) return (heed_state_pair){ 0 };
    heed_node *gates = projected; /* [B, 4H] */
    if (state.h) gates = heed_add(gates, heed_matmul(state.h, cell->recurrent));
    heed_node *i = heed_sigmoid(heed_gate(gates, cell->hidden, 0)); /* [B, H] */
    heed_node *g = heed_tanh(heed_gate(gates, cell->hidden, 2));
    heed_node *o = heed_sigmoid(heed_gate(gates, cell->hidden, 3));
    heed_node *c = heed_mul(i, g);
    if (state.c)
        c = heed_add(heed_mul(heed_sigmoid(heed_gate(gates, cell->hidden, 1)), state.c), c);
    return (heed_state_pair){ .h = heed_mul(o, heed_tanh(c)), .c = c };
}

static heed_state_pair step(const void *cell, heed_node *projected, heed_state_pair state)
{
    return heed_lstm_step(cell, projected, state);
}

heed_node *(heed_lstm_run)(const heed_lstm *cell, heed_node *projected, heed_state_pair *state)
{
    return heed_cell_run(cell, step, projected, state);
}

heed_node *heed_lstm_scan_with(const heed_lstm *cell, heed_node *projected, heed_state_pair *state,
                               heed_sequence_options options)
{
    return heed_cell_scan(cell, step, projected, cell->hidden, true, state, options);
}

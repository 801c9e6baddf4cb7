/* lstm_both.c - an LSTM in both directions: Schuster, Paliwal 1997; Graves, Schmidhuber 2005. */
#include "models/layers/layers.h"
#include "ops/ops.h"

/* Added to the gates i f g o of a step that is absent: i is then 0 and f is 1 to the last bit, so
 * the cell goes on as it was; before the first step that is there, it is 0, and so is h. */
static heed_node *held(heed_node *projected, heed_node *absent, int64_t hidden)
{
    enum { FAR = 10000 };
    if (!projected || !absent) return projected;
    heed_graph *g = projected->graph;
    heed_node *gates = heed_concat(HEED_NODES(heed_full(g, -FAR, hidden), heed_full(g, FAR, hidden),
                                              heed_full(g, 0, 2 * hidden)),
                                   0);                                       /* [4H] */
    return heed_add(projected, heed_mul(heed_unsqueeze(absent, -1), gates)); /* [T, B, 4H] */
}

static heed_node *run(const heed_lstm *cell, heed_node *projected, bool backwards,
                      heed_both_options options, heed_state_pair *state)
{
    if (options.recompute)
        return heed_lstm_scan(cell, projected, state, .backwards = backwards, .recompute = true);
    if (!backwards) return heed_lstm_run(cell, projected, state);
    return heed_flip(heed_lstm_run(cell, heed_flip(projected, 0), state), 0);
}

heed_node *heed_lstm_both_with(heed_scope *scope, const char *name, heed_node *x, int64_t hidden,
                               heed_state_pair *last, heed_both_options options)
{
    static const char *const direction[] = { "forward", "backward" };
    heed_scope *own = heed_enter(scope, name);
    heed_node *h[2];
    heed_state_pair state[2] = { { .h = NULL }, { .h = NULL } };
    if (!x || !own) return NULL;
    for (int k = 0; k < 2; k++) {
        heed_lstm cell = heed_lstm_cell(own, direction[k], x->shape.dim[x->shape.rank - 1], hidden);
        heed_node *projected = held(heed_lstm_project(&cell, x), options.absent, hidden);
        h[k] = run(&cell, projected, k == 1, options, &state[k]); /* [T, B, H] */
    }
    if (last)
        *last = (heed_state_pair){ .h = heed_concat(HEED_NODES(state[0].h, state[1].h), -1),
                                   .c = heed_concat(HEED_NODES(state[0].c, state[1].c), -1) };
    return heed_concat(h, 2, -1); /* [T, B, 2H] */
}

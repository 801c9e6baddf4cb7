/* ptrnet_encoders.c - from numbers or points to vectors that know of each other. */
#include "models/ptrnet.h"

#include <math.h>

#define START ((heed_init){ .rule = HEED_INIT_DEFAULT })

/* ---- one element as a vector ---- */

/* H soft steps at learned places, which start all over (0, 1) and about as wide as they lie apart,
 * and a linear layer. Numbers that are close differ by whole steps; a linear layer alone would have
 * to grow its weights a thousandfold for that. */
static heed_node *embed_by_steps(heed_scope *s, heed_node *x, int64_t hidden)
{
    const heed_init anywhere = { .rule = HEED_INIT_UNIFORM, .a = 0, .b = 1 };
    const heed_init steep = { .rule = HEED_INIT_UNIFORM,
                              .a = -(double)hidden,
                              .b = (double)hidden };
    heed_node *from = heed_sub(heed_unsqueeze(x, -1), heed_param(s, "place", anywhere, hidden));
    heed_node *steps = heed_tanh(heed_mul(heed_param(s, "slope", steep, hidden), from));
    return heed_linear(s, "out", steps, hidden);
}

/* The same in the plane: soft steps across H lines that start anywhere near the unit square. */
static heed_node *embed_by_lines(heed_scope *s, heed_node *x, int64_t hidden)
{
    const double steep = sqrt((double)hidden);
    const heed_init any = { .rule = HEED_INIT_UNIFORM, .a = -steep, .b = steep };
    heed_node *centred = heed_affine(x, 1, -.5);
    heed_node *lines = heed_linear(s, "lines", centred, hidden, .weight = any, .bias = any);
    return heed_linear(s, "out", heed_tanh(lines), hidden);
}

static heed_node *embed(const ptrnet *o, heed_scope *s, heed_node *x) /* -> [n, B, H] */
{
    s = heed_enter(s, "embed");
    if (o->embed == EMBED_STEPS)
        return o->task->plane ? embed_by_lines(s, x, o->hidden) : embed_by_steps(s, x, o->hidden);
    if (!o->task->plane) x = heed_unsqueeze(x, -1);
    return heed_tanh(heed_linear(s, "out", x, o->hidden));
}

/* ---- encoders ---- */

heed_node *ptrnet_run(const ptrnet *o, const heed_lstm *cell, heed_node *x, heed_state_pair *state)
{
    heed_node *projected = heed_lstm_project(cell, x);
    return o->recompute ? heed_lstm_scan(cell, projected, state, .recompute = true)
                        : heed_lstm_run(cell, projected, state);
}

static ptrnet_encoded encode_in_order(const ptrnet *o, heed_scope *s, heed_node *embedded)
{
    ptrnet_encoded out = { .fed = embedded };
    heed_lstm cell = heed_lstm_cell(s, "lstm", o->hidden, o->hidden);
    out.e = ptrnet_run(o, &cell, embedded, &out.state); /* [n, B, H] */
    return out;
}

/* The decoder's first state, from a summary of the set. */
static heed_state_pair start_from(heed_scope *s, heed_node *summary, int64_t hidden)
{
    return (heed_state_pair){ .h = heed_tanh(heed_linear(s, "to_h", summary, hidden)),
                              .c = heed_linear(s, "to_c", summary, hidden) };
}

static ptrnet_encoded encode_both_ways(const ptrnet *o, heed_scope *s, heed_node *embedded,
                                       heed_node *absent)
{
    ptrnet_encoded out = { .fed = embedded };
    heed_state_pair last;
    heed_node *h = heed_lstm_both(s, "both", embedded, o->hidden, &last, .absent = absent,
                                  .recompute = o->recompute); /* [n, B, 2H] */
    out.e = heed_linear(s, "merge", h, o->hidden);
    out.state = start_from(s, last.c, o->hidden);
    return out;
}

/* One read with dot products: a_i = softmax(m_i . q), r = sum_i a_i m_i           [OM, eq. 4-6] */
static heed_node *read_set(heed_node *m, heed_node *q, heed_node *absent)
{
    heed_node *u = heed_sum(heed_mul(m, q), -1, false); /* [n, B] */
    if (absent) u = heed_masked_fill(u, absent, HEED_POINTER_BLOCKED);
    return heed_sum(heed_mul(m, heed_unsqueeze(heed_softmax(u, 0), -1)), 0, false); /* [B, H] */
}

/* q_t = LSTM(q*_{t-1}) with q*_t = [q_t r_t]: an LSTM whose state is q and whose input is r, from a
 * learned q*_0 on. The decoder starts from q*_P.                               [OM, eq. 3 and 7] */
static ptrnet_encoded encode_as_set(const ptrnet *o, heed_scope *s, heed_node *m, heed_node *absent)
{
    ptrnet_encoded out = { .e = m, .fed = m };
    if (!m || o->process_steps == 0) return out;
    const int64_t hidden = o->hidden, batch = m->shape.dim[1];
    heed_lstm cell = heed_lstm_cell(s, "process", hidden, hidden);
    heed_state_pair q = { .h = heed_expand(heed_param(s, "q0", START, hidden), batch, hidden) };
    heed_node *r = heed_expand(heed_param(s, "r0", START, hidden), batch, hidden);
    for (int64_t t = 0; t < o->process_steps; t++) {
        q = heed_lstm_step(&cell, heed_lstm_project(&cell, r), q);
        r = read_set(m, q.h, absent);
    }
    heed_node *q_star = heed_concat(HEED_NODES(q.h, r), -1); /* [B, 2H] */
    out.state = start_from(s, q_star, hidden);
    return out;
}

/* What the order of the points has to say: where each stands, or which is the first. [n, 1, H] */
static heed_node *places(const ptrnet *o, heed_scope *s, int64_t n)
{
    heed_graph *g = heed_scope_graph(s);
    if (o->task->place == PLACE_ALL) return heed_unsqueeze(heed_sinusoids(g, n, o->hidden, 0), 1);
    heed_node *first = heed_param(s, "first", START, 1, 1, o->hidden);
    return heed_pad(first, 0, 0, n - 1, 0);
}

static heed_node *mean_present(heed_node *e, heed_node *absent) /* [n, B, H] -> [B, H] */
{
    if (!absent) return heed_mean(e, 0, false);
    heed_node *present = heed_unsqueeze(heed_affine(absent, -1, 1), -1); /* [n, B, 1] */
    return heed_div(heed_sum(heed_mul(e, present), 0, false), heed_sum(present, 0, false));
}

/* Every element looks at every other: the encoder of the Transformer. */
static ptrnet_encoded encode_by_attention(const ptrnet *o, heed_scope *s, heed_node *embedded,
                                          heed_node *absent)
{
    ptrnet_encoded out = { .e = NULL };
    heed_node *x = embedded, *keep = NULL;
    if (x && o->task->place != PLACE_NONE) x = heed_add(x, places(o, s, x->shape.dim[0]));
    if (absent) /* [n, B] -> [B, 1, 1, n] */
        keep =
            heed_unsqueeze(heed_unsqueeze(heed_affine(heed_transpose(absent, 0, 1), -1, 1), 1), 1);
    x = heed_transpose(x, 0, 1); /* [B, n, H] */
    for (int64_t k = 0; k < o->layers; k++) {
        heed_scope *own = heed_enter_at(s, "layer", (int)k);
        x = heed_set_block(own, "block", x, .heads = o->heads, .keep = keep);
    }
    out.e = out.fed = heed_transpose(heed_layer_norm_layer(s, "last", x), 0, 1); /* [n, B, H] */
    out.state = start_from(s, mean_present(out.e, absent), o->hidden);
    return out;
}

ptrnet_encoded ptrnet_encode(const ptrnet *o, heed_scope *s, heed_node *x, heed_node *absent)
{
    heed_node *embedded = embed(o, s, x);
    s = heed_enter(s, "encoder");
    switch (o->encoder) {
    case ENCODER_LSTM:
        return encode_in_order(o, s, embedded);
    case ENCODER_BOTH:
        return encode_both_ways(o, s, embedded, absent);
    case ENCODER_ATTENTION:
        return encode_by_attention(o, s, embedded, absent);
    default:
        return encode_as_set(o, s, embedded, absent);
    }
}

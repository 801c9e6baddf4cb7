/* beam.c - beam search: Graves 2012; Sutskever, Vinyals, Le 2014. */
#include "models/layers/layers.h"
#include "ops/ops.h"

/* All beams are alike before the first step: the others must not count. */
heed_beam heed_beam_begin(heed_graph *graph, int64_t batch, int64_t width, int64_t choices)
{
    enum { HOPELESS = -1000000000 };
    heed_beam b = { .batch = batch, .width = width, .choices = choices };
    b.total = heed_full(graph, 0, batch, 1);
    if (width > 1)
        b.total = heed_concat(HEED_NODES(b.total, heed_full(graph, HOPELESS, batch, width - 1)), 1);
    return b;
}

heed_node *(heed_beam_follow)(const heed_beam *b, heed_node *x)
{
    if (!x || b->width == 1) return x;
    const int64_t rest = heed_count(&x->shape) / (b->batch * b->width);
    heed_shape whole = x->shape;
    heed_node *rows = heed_reshape(x, b->batch, b->width, rest);
    return heed_reshape_to(heed_gather(rows, b->parent, 1, 1), whole);
}

heed_node *(heed_beam_extend)(heed_beam *b, heed_node *log_p)
{
    const double choices = (double)b->choices;
    heed_node *at, *p = heed_reshape(log_p, b->batch, b->width, b->choices);
    if (!p) return NULL;
    p = heed_add(heed_unsqueeze(b->total, -1), p); /* [B, W, C] */
    b->total = heed_topk(heed_reshape(p, b->batch, b->width * b->choices), b->width, 1,
                         .positions = &at); /* at = parent C + choice */
    if (!b->total) return NULL;
    heed_node *place = heed_cast(at, p->dtype);
    heed_node *parent = heed_floor(heed_affine(place, 1 / choices, .5 / choices));
    heed_node *choice = heed_cast(heed_sub(place, heed_scale(parent, choices)), HEED_I32);
    b->parent = heed_cast(parent, HEED_I32);
    heed_node *last = heed_reshape(choice, b->batch, b->width, 1);
    if (b->picks && b->width > 1) b->picks = heed_gather(b->picks, b->parent, 1, 1);
    b->picks = b->picks ? heed_concat(HEED_NODES(b->picks, last), -1) : last;
    return heed_reshape(choice, b->batch * b->width);
}

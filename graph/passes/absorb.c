/* absorb.c - sums that a product makes by itself: x W + b, h + x W, and gradients that come from
 * several products. The product's register tiles begin with what is added, so the sum costs no pass
 * over memory; where the addend is not needed afterwards, the result takes its place. */
#include "graph/passes/grown.h"

typedef struct absorb {
    heed_graph *to;
    heed_node **map;    /* old id -> new node */
    int *source, *uses; /* old id -> the value that it only reshapes; readers and outputs */
} absorb;

/* The product that input i of a sum is, possibly under another shape, when nobody else reads it. */
static const heed_node *product_of(const absorb *s, const heed_node *sum, int i)
{
    const heed_node *x = sum->in[i];
    if (!heed_shape_equal(&x->shape, &sum->shape)) return NULL;
    for (; s->source[x->id] != x->id; x = x->in[0])
        if (s->uses[x->id] != 1) return NULL;
    return s->uses[x->id] == 1 && x->op->plus ? x : NULL;
}

static heed_node *visit(const absorb *s, const heed_node *node)
{
    heed_node *copy = heed_node_clone(s->to, node, node->in), *sum = NULL;
    for (int i = 0; copy && i < node->n_in; i++) copy->in[i] = s->map[node->in[i]->id];
    for (int i = 0; copy && !sum && node->op->flags & HEED_ADDS && i < 2; i++) {
        const heed_node *x = product_of(s, node, i);
        if (x) sum = x->op->plus(s->map[x->id], copy->in[1 - i], &node->shape);
    }
    if (!sum) return copy;
    if (!*sum->name) sum->name = node->name;
    return sum;
}

static bool prepare(absorb *s, const heed_program *p)
{
    const heed_graph *from = p->work;
    const size_t n = (size_t)from->n_nodes + 1;
    s->to = heed_graph_make(from->options);
    s->map = heed_alloc_array(n, sizeof *s->map);
    s->uses = heed_alloc_array(n, sizeof *s->uses);
    s->source = heed_flat_sources(from);
    bool *live = heed_live(from, p->outputs, p->n_outputs, heed_keeps_dead(p));
    const bool done = s->to && s->map && s->uses && s->source && live;
    for (int id = 0; done && id < from->n_nodes; id++)
        for (int i = 0; live[id] && i < from->nodes[id]->n_in; i++)
            s->uses[from->nodes[id]->in[i]->id]++;
    for (int i = 0; done && i < p->n_outputs; i++) s->uses[p->outputs[i]->id]++;
    heed_free(live);
    return done;
}

bool heed_absorb(heed_program *p)
{
    if (!(p->passes >> HEED_PASS_ABSORB & 1)) return true;
    heed_graph *from = p->work;
    absorb s = { .to = NULL };
    bool done = prepare(&s, p);
    for (int id = 0; done && id < from->n_nodes; id++) {
        s.map[id] = visit(&s, from->nodes[id]);
        done = s.map[id] != NULL;
    }
    for (int i = 0; done && i < p->n_outputs; i++) p->outputs[i] = s.map[p->outputs[i]->id];
    if (!done)
        heed_graph_fail(p->user, "%s",
                        s.to && s.to->error.set ? s.to->error.text : "no memory to compile");
    heed_free(s.map);
    heed_free(s.uses);
    heed_free(s.source);
    heed_graph_free(done ? from : s.to);
    if (done) p->work = s.to;
    return done;
}

/* absorb.c - sums that a product makes by itself: x W + b, h + x W, and gradients that come from
 * several products. The product's register tiles begin with what is added, so the sum costs no pass
 * over memory; where the addend is not needed afterwards, the result takes its place. */
#include "graph/passes/grown.h"

typedef struct absorb {
    bool *live;
    int *source, *uses; /* by id: the value that it only reshapes; readers and outputs */
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

static heed_node *visit(void *context, heed_node *copy, const heed_node *old, heed_node *const *map)
{
    heed_node *sum = NULL;
    for (int i = 0; !sum && old->op->flags & HEED_ADDS && i < 2; i++) {
        const heed_node *x = product_of(context, old, i);
        if (x) sum = x->op->plus(map[x->id], copy->in[1 - i], &old->shape);
    }
    return sum ? sum : copy;
}

static bool prepare(absorb *s, heed_program *p)
{
    const heed_graph *from = p->work;
    s->live = heed_live(from, p->outputs, p->n_outputs, heed_keeps_dead(p));
    s->uses = heed_alloc_array((size_t)from->n_nodes + 1, sizeof *s->uses);
    s->source = heed_flat_sources(from);
    if (!s->live || !s->uses || !s->source) return heed_plan_no_memory(p);
    for (int id = 0; id < from->n_nodes; id++)
        for (int i = 0; s->live[id] && i < from->nodes[id]->n_in; i++)
            s->uses[from->nodes[id]->in[i]->id]++;
    for (int i = 0; i < p->n_outputs; i++) s->uses[p->outputs[i]->id]++;
    return true;
}

static bool any_product(const heed_graph *graph)
{
    for (int id = 0; id < graph->n_nodes; id++)
        if (graph->nodes[id]->op->plus) return true;
    return false;
}

bool heed_absorb(heed_program *p)
{
    if (!(p->passes >> HEED_PASS_ABSORB & 1) || !any_product(p->work)) return true;
    absorb s = { .live = NULL };
    const bool done = prepare(&s, p) && heed_rebuild(p, p->work, s.live, visit, &s);
    heed_free(s.live);
    heed_free(s.uses);
    heed_free(s.source);
    return done;
}

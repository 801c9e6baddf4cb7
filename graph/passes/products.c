/* products.c - products with one row or column as reductions, where that saves an operand.
 *
 * u = tanh(keys + query) v reads a large elementwise value once. As sum(tanh(keys + query) v') it
 * is the end of the instruction that computes that value, and no memory is touched in between. It
 * pays for the value's first reader, and for every reader of a value that is not stored anyway. */
#include "graph/passes/grown.h"

typedef struct products {
    heed_program *p;
    bool *live;
    int *source, *first; /* first[id]: the first reader of an elementwise value, through views */
    heed_grown grown;
} products;

/* The elementwise value that x has all elements of, in whatever order; or NULL. */
static const heed_node *elementwise(const heed_node *x)
{
    int64_t count = heed_count(&x->shape);
    while (x->op->view) x = x->in[0];
    return x->op->tile && heed_count(&x->shape) == count ? x : NULL;
}

static void find_first_readers(products *s)
{
    const heed_graph *graph = s->p->work;
    for (int id = 0; id < graph->n_nodes; id++) {
        const heed_node *node = graph->nodes[id];
        s->first[id] = -1;
        if (!s->live[id] || node->op->view) continue;
        for (int i = 0; i < node->n_in; i++) {
            const heed_node *x = elementwise(node->in[i]);
            if (x && s->first[x->id] < 0) s->first[x->id] = id;
        }
    }
}

/* The input that `node` had better reduce, or -1. */
static int input_to_reduce(const products *s, const heed_node *node)
{
    if (!s->live[node->id] || !node->op->as_reduction) return -1;
    for (int i = 0; i < node->n_in; i++) {
        const heed_node *x = elementwise(node->in[i]);
        if (!x || heed_count(&x->shape) < heed_count(&node->shape)) continue;
        if (s->first[x->id] == node->id || (s->grown.weight && s->grown.weight[x->id])) return i;
    }
    return -1;
}

static heed_node *visit(void *context, heed_node *copy, const heed_node *old, heed_node *const *map)
{
    const int reduce = input_to_reduce(context, old);
    heed_node *other = reduce >= 0 ? old->op->as_reduction(copy, reduce) : NULL;
    (void)map;
    return other ? other : copy;
}

/* Is there any product that could be written as a reduction? */
static bool any(const heed_graph *graph)
{
    for (int id = 0; id < graph->n_nodes; id++) {
        const heed_node *node = graph->nodes[id];
        if (!node->op->as_reduction) continue;
        for (int i = 0; i < node->n_in; i++)
            if (heed_count(&node->in[i]->shape) > heed_count(&node->shape)) return true;
    }
    return false;
}

bool heed_products(heed_program *p)
{
    if (!(p->passes >> HEED_PASS_FUSE & 1) || !any(p->work)) return true;
    products s = { .p = p };
    s.live = heed_live(p->work, p->outputs, p->n_outputs, heed_keeps_dead(p));
    s.source = heed_flat_sources(p->work);
    s.first = heed_alloc_array((size_t)p->work->n_nodes + 1, sizeof *s.first);
    bool done = s.live && s.source && s.first;
    if (done && p->passes >> HEED_PASS_RECOMPUTE & 1)
        done = heed_grown_find(p, s.live, s.source, &s.grown);
    if (done) find_first_readers(&s);
    if (!done) heed_plan_no_memory(p);
    bool worth = false;
    for (int id = 0; done && !worth && id < p->work->n_nodes; id++)
        worth = input_to_reduce(&s, p->work->nodes[id]) >= 0;
    if (worth) done = heed_rebuild(p, p->work, s.live, visit, &s);
    heed_free(s.live);
    heed_free(s.source);
    heed_free(s.first);
    heed_grown_free(&s.grown);
    return done;
}

/* pack.c - operands in the order that kernels like best, copied once for all their readers: a
 * weight in all steps of a loop, or one matrix for all work units of a large product. */
#include "graph/plan.h"

typedef struct packing {
    bool *live;
    int *readers; /* old id -> operations that may read it from such a copy */
    heed_cse cse;
} packing;

/* How often an operation of a body reads x, as far as that stays the same. */
static int64_t reads_of(const heed_program *p, const heed_node *reader, const heed_node *x)
{
    bool again = p->invariant && p->invariant[x->id] && !p->invariant[reader->id];
    return again ? p->body->steps : 1;
}

/* false: there is nothing to pack. */
static bool count_readers(const heed_program *p, packing *s)
{
    enum { MANY = 1 << 20 };
    const heed_graph *graph = p->work;
    bool any = false;
    for (int id = 0; id < graph->n_nodes; id++) {
        const heed_node *node = graph->nodes[id];
        if (!s->live[id] || !node->op->pack) continue;
        any = true;
        for (int i = 0; i < node->n_in; i++) {
            int64_t more = heed_bit(node->op->packs, i) ? reads_of(p, node, node->in[i]) : 0;
            int *readers = &s->readers[node->in[i]->id];
            *readers = *readers + more < MANY ? *readers + (int)more : MANY;
        }
    }
    return any;
}

/* A packed node's copied operands are merged with earlier ones. */
static heed_node *visit(void *context, heed_node *copy, const heed_node *old, heed_node *const *map)
{
    packing *s = context;
    int most = 0;
    (void)map;
    if (!old->op->pack) return copy;
    for (int i = 0; i < old->n_in; i++)
        if (heed_bit(old->op->packs, i) && s->readers[old->in[i]->id] > most)
            most = s->readers[old->in[i]->id];
    heed_node *packed = old->op->pack(copy, most);
    if (!packed || packed == copy) return packed;
    packed->file = old->file;
    packed->line = old->line;
    for (int i = 0; i < packed->n_in; i++)
        if (packed->in[i]->id > copy->id) packed->in[i] = heed_cse_find(&s->cse, packed->in[i]);
    return packed;
}

bool heed_pack(heed_program *p)
{
    if (!(p->passes >> HEED_PASS_PACK & 1)) return true;
    packing s = { .live = heed_live(p->work, p->outputs, p->n_outputs, heed_keeps_dead(p)) };
    s.readers = heed_alloc_array((size_t)p->work->n_nodes + 1, sizeof *s.readers);
    bool done = s.live && s.readers;
    if (!done) heed_plan_no_memory(p);
    done = done && heed_find_invariant(p);
    if (done && count_readers(p, &s)) done = heed_rebuild(p, p->work, s.live, visit, &s);
    heed_free(s.live);
    heed_free(s.readers);
    heed_free(s.cse.table);
    return done;
}

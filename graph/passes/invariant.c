/* invariant.c - what is the same in all iterations of a body: computed in the first one only. */
#include "graph/plan.h"

static bool is_invariant(const heed_program *p, const bool *invariant, const heed_node *node)
{
    int slot;
    if (heed_is_slot(node, &slot)) return p->body->slots[slot].kind == HEED_SLOT_WHOLE;
    if (node->op->flags & (HEED_RANDOM | HEED_IMPURE)) return false;
    for (int i = 0; i < node->n_in; i++)
        if (!invariant[node->in[i]->id]) return false;
    return true;
}

bool heed_find_invariant(heed_program *p)
{
    heed_free(p->invariant);
    p->invariant = NULL;
    if (!p->body) return true;
    p->invariant = heed_alloc((size_t)p->work->n_nodes + 1);
    if (!p->invariant) return heed_plan_no_memory(p);
    for (int id = 0; id < p->work->n_nodes; id++)
        p->invariant[id] = is_invariant(p, p->invariant, p->work->nodes[id]);
    return true;
}

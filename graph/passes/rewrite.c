/* rewrite.c - copying a graph node by node, and the walk that copies what is live: dead, fold,
 * simplify and cse have their say. */
#include "graph/plan.h"

bool heed_rebuild(heed_program *p, heed_graph *from, const bool *live, heed_visit *visit,
                  void *context)
{
    heed_graph *to = heed_graph_make(from->options);
    heed_node **map = heed_alloc_array((size_t)from->n_nodes + 1, sizeof *map);
    bool done = to && map;
    for (int id = 0; done && id < from->n_nodes; id++) {
        const heed_node *node = from->nodes[id];
        if (!live[id]) continue;
        heed_node *copy = heed_node_clone(to, node, node->in);
        for (int i = 0; copy && i < node->n_in; i++) copy->in[i] = map[node->in[i]->id];
        map[id] = copy ? visit(context, copy, node, map) : NULL;
        done = map[id] && !to->error.set;
        if (done && !*map[id]->name) map[id]->name = node->name;
    }
    for (int i = 0; done && i < p->n_outputs; i++) p->outputs[i] = map[p->outputs[i]->id];
    if (!done)
        heed_graph_fail(p->user, "%s",
                        to && to->error.set ? to->error.text : "no memory to compile the program");
    heed_free(map);
    heed_graph *old = !done ? to : from == p->user ? NULL : from;
    heed_graph_free(old);
    if (done) p->work = to;
    return done;
}

/* ---- the first walk ---- */

typedef struct rewriting {
    const heed_program *p;
    heed_cse cse;
} rewriting;

static bool enabled(const heed_program *p, heed_pass pass)
{
    return p->passes >> pass & 1;
}

static heed_node *visit(void *context, heed_node *node, const heed_node *old, heed_node *const *map)
{
    rewriting *r = context;
    const bool leaf = node->op->flags & HEED_LEAF;
    (void)old, (void)map;
    if (!leaf && enabled(r->p, HEED_PASS_FOLD)) node = heed_fold(node);
    if (node && !leaf && enabled(r->p, HEED_PASS_SIMPLIFY)) node = heed_simplify(node);
    if (node && enabled(r->p, HEED_PASS_CSE)) node = heed_cse_find(&r->cse, node);
    return node;
}

bool heed_rewrite(heed_program *p)
{
    rewriting r = { .p = p };
    bool *live = heed_live(p->user, p->outputs, p->n_outputs, heed_keeps_dead(p));
    const bool done = live ? heed_rebuild(p, p->user, live, visit, &r) : heed_plan_no_memory(p);
    heed_free(live);
    heed_free(r.cse.table);
    return done;
}

/* rewrite.c - one walk that copies what is live: dead, fold, simplify and cse have their say. */
#include "graph/plan.h"

static bool enabled(const heed_program *p, heed_pass pass)
{
    return p->passes >> pass & 1;
}

static heed_node *visit(heed_program *p, heed_cse *cse, heed_node *node)
{
    bool leaf = node->op->flags & HEED_LEAF;
    if (node && !leaf && enabled(p, HEED_PASS_FOLD)) node = heed_fold(node);
    if (node && !leaf && enabled(p, HEED_PASS_SIMPLIFY)) node = heed_simplify(node);
    if (node && enabled(p, HEED_PASS_CSE)) node = heed_cse_find(cse, node);
    return node;
}

bool heed_rewrite(heed_program *p)
{
    heed_graph *from = p->user, *to = p->work;
    bool *live = heed_live(from, p->outputs, p->n_outputs, heed_keeps_dead(p));
    heed_node **map = heed_alloc_array((size_t)from->n_nodes + 1, sizeof *map);
    heed_cse cse = { .table = NULL };
    bool done = live && map;
    for (int id = 0; done && id < from->n_nodes; id++) {
        heed_node *node = from->nodes[id];
        if (!live[id]) continue;
        heed_node *copy = heed_node_clone(to, node, node->in);
        for (int i = 0; copy && i < node->n_in; i++) copy->in[i] = map[node->in[i]->id];
        map[id] = copy ? visit(p, &cse, copy) : NULL;
        done = map[id] != NULL;
        if (done && !*map[id]->name) map[id]->name = node->name;
    }
    for (int i = 0; done && i < p->n_outputs; i++) p->outputs[i] = map[p->outputs[i]->id];
    heed_free(live);
    heed_free(map);
    heed_free(cse.table);
    if (done) return true;
    heed_graph_fail(p->user, "%s", to->error.set ? to->error.text : "no memory to compile");
    return false;
}

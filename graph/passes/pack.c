/* pack.c - operands in the order that kernels like best, copied once for all their readers: a weight
 * in all steps of a loop, or one matrix for all work units of a large product. */
#include "graph/plan.h"

static int *count_readers(const heed_graph *graph)
{
    int *readers = heed_alloc_array((size_t)graph->n_nodes + 1, sizeof *readers);
    for (int id = 0; readers && id < graph->n_nodes; id++) {
        const heed_node *node = graph->nodes[id];
        for (int i = 0; node->op->pack && i < node->n_in; i++)
            if (heed_bit(node->op->packs, i)) readers[node->in[i]->id]++;
    }
    return readers;
}

/* The node's copy in `to`; when it was packed, its copied operands are merged with earlier ones. */
static heed_node *visit(heed_cse *cse, heed_graph *to, const heed_node *node, heed_node **map,
                        const int *readers)
{
    heed_node *copy = heed_node_clone(to, node, node->in);
    int most = 0;
    for (int i = 0; copy && i < node->n_in; i++) {
        copy->in[i] = map[node->in[i]->id];
        if (heed_bit(node->op->packs, i) && readers[node->in[i]->id] > most)
            most = readers[node->in[i]->id];
    }
    if (!copy || !node->op->pack) return copy;
    heed_node *packed = node->op->pack(copy, most);
    if (!packed || packed == copy) return packed;
    packed->name = node->name;
    packed->file = node->file;
    packed->line = node->line;
    for (int i = 0; i < packed->n_in; i++)
        if (packed->in[i]->id > copy->id) packed->in[i] = heed_cse_find(cse, packed->in[i]);
    return packed;
}

bool heed_pack(heed_program *p)
{
    if (!(p->passes >> HEED_PASS_PACK & 1)) return true;
    heed_graph *from = p->work, *to = heed_graph_make(from->options);
    heed_node **map = heed_alloc_array((size_t)from->n_nodes + 1, sizeof *map);
    int *readers = count_readers(from);
    heed_cse cse = { .table = NULL };
    bool done = to && map && readers;
    for (int id = 0; done && id < from->n_nodes; id++) {
        map[id] = visit(&cse, to, from->nodes[id], map, readers);
        done = map[id] != NULL;
    }
    for (int i = 0; done && i < p->n_outputs; i++) p->outputs[i] = map[p->outputs[i]->id];
    if (!done)
        heed_graph_fail(p->user, "%s",
                        to && to->error.set ? to->error.text : "no memory to compile the program");
    heed_free(map);
    heed_free(readers);
    heed_free(cse.table);
    heed_graph_free(done ? from : to);
    if (done) p->work = to;
    return done;
}

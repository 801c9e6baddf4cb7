/* recompute.c - grown values that nobody needs in memory are computed where they are read.
 *
 * Such a value is elided: no instruction owns it; each instruction that reads it computes it anew,
 * tile by tile. That takes readers that are elementwise themselves, or reduce it. */
#include "graph/passes/recompute.h"

#include "graph/passes/grown.h"

/* Can `reader` compute grown value `from`, which it reads as it is or under another shape? `space`
 * is the reader's so far. */
static bool can_read(const heed_node *reader, const heed_grown *grown, int from, heed_shape *space)
{
    bool fits = heed_space_join(space, &grown->space[from]);
    if (!fits || !reader->op->reduction) return fits && reader->op->tile;
    return heed_reduction_fits(space, heed_space_reduced(space, reader));
}

/* needed[id]: somebody reads the grown value from memory. */
static void find_needed(const heed_program *p, const bool *live, const heed_grown *grown,
                        bool *needed)
{
    for (int i = 0; i < p->n_outputs; i++) needed[p->source[p->outputs[i]->id]] = true;
    for (int id = 0; id < p->work->n_nodes; id++) {
        const heed_node *node = p->work->nodes[id];
        if (!live[id] || p->source[id] != id) continue; /* of a flat view its readers count */
        const heed_node *swept = node->op->reduction ? node->in[0] : node;
        heed_shape space = heed_space_of(&swept->shape);
        for (int i = 0; i < node->n_in; i++) {
            int from = p->source[node->in[i]->id];
            if (!grown->weight[from]) continue;
            if (p->elided[id] || !can_read(node, grown, from, &space)) needed[from] = true;
        }
    }
}

/* A grown value whose operands are all small, or recomputed, too. */
static bool is_recomputed(const heed_program *p, const heed_grown *grown, const bool *needed,
                          int id)
{
    const heed_node *node = p->work->nodes[id];
    if (!grown->weight[id] || needed[id]) return false;
    for (int i = 0; i < node->n_in; i++) {
        int from = p->source[node->in[i]->id];
        if (grown->weight[from] && !heed_is_recomputed(p, from)) return false;
    }
    return true;
}

bool heed_recompute(heed_program *p)
{
    p->source = heed_flat_sources(p->work);
    bool *live = heed_live(p->work, p->outputs, p->n_outputs, heed_keeps_dead(p));
    bool *needed = heed_alloc((size_t)p->work->n_nodes + 1);
    unsigned both = 1u << HEED_PASS_FUSE | 1u << HEED_PASS_RECOMPUTE;
    heed_grown grown = { .weight = NULL };
    bool done = p->source && live && needed;
    if (done && (p->passes & both) == both) done = heed_grown_find(p, live, p->source, &grown);
    if (done && grown.weight) {
        find_needed(p, live, &grown, needed);
        for (int id = 0; id < p->work->n_nodes; id++) {
            if (!live[id] || !is_recomputed(p, &grown, needed, id)) continue;
            p->elided[id] = true;
            p->values[id].buffer = -1;
        }
    }
    heed_grown_free(&grown);
    heed_free(live);
    heed_free(needed);
    return done ? true : heed_plan_no_memory(p);
}

/* ---- readers ---- */

static bool listed(const int *list, int n, int id)
{
    for (int i = 0; i < n; i++)
        if (list[i] == id) return true;
    return false;
}

int heed_recomputed_by(const heed_program *p, const heed_node *node, int *list)
{
    int n = 0, looked = 0;
    for (;;) {
        for (int i = 0; i < node->n_in; i++) {
            int from = p->source[node->in[i]->id];
            if (heed_is_recomputed(p, from) && !listed(list, n, from)) list[n++] = from;
        }
        if (looked == n) break;
        node = p->work->nodes[list[looked++]];
    }
    for (int i = 1; i < n; i++) { /* inputs have smaller ids */
        int id = list[i], at = i;
        for (; at > 0 && list[at - 1] > id; at--) list[at] = list[at - 1];
        list[at] = id;
    }
    return n;
}

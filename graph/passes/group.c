/* group.c - which nodes may share an elementwise instruction. */
#include "graph/passes/group.h"

#include "graph/passes/recompute.h"

enum {
    MOST_FUSED = 48,  /* elementwise nodes in one instruction, unless the first needs more ... */
    MOST_INPUTS = 200 /* ... and inputs of all of them */
};

static int source_of(const heed_group *g, const heed_node *x)
{
    return g->p->source[x->id];
}

bool heed_is_tiled(const heed_program *p, const heed_node *node)
{
    return node->op->tile ||
           (node->op->reduction && heed_is_recomputed(p, p->source[node->in[0]->id]));
}

/* Is x computed by this group, element by element? */
static bool is_member(const heed_group *g, const heed_node *x)
{
    int from = source_of(g, x);
    return g->inside[from] == g->number + 1 && g->p->work->nodes[from]->op->tile;
}

/* All inputs are members, or were complete before the group: not its reductions, nor views that
 * read a member's memory in another order. */
static bool inputs_fit(const heed_group *g, const heed_node *node)
{
    for (int i = 0; i < node->n_in; i++) {
        const heed_node *x = node->in[i];
        int from = source_of(g, x);
        if (is_member(g, x) || heed_is_recomputed(g->p, from)) continue;
        if (g->late[x->id] == g->number + 1 || g->inside[from] == g->number + 1) return false;
    }
    return true;
}

/* A finer space is as good only while the innermost axis stays long. */
static bool join_space(heed_shape *space, const heed_shape *shape)
{
    int64_t row = space->rank ? space->dim[space->rank - 1] : 1;
    if (!heed_space_join(space, shape)) return false;
    return space->rank == 0 || space->dim[space->rank - 1] == row ||
           space->dim[space->rank - 1] >= HEED_LONG_ROW;
}

static bool reductions_fit(const heed_group *g, const heed_shape *space, const heed_node *more)
{
    unsigned mask[HEED_MOST_ENDS];
    heed_sweep sweep;
    int n = 0;
    for (; n < g->n_ends; n++) mask[n] = heed_space_reduced(space, g->p->work->nodes[g->ends[n]]);
    if (more) mask[n++] = heed_space_reduced(space, more);
    return n == 0 || heed_sweep_plan(space, mask, n, &sweep);
}

static void append(heed_group *g, const heed_node *node)
{
    g->inside[node->id] = g->number + 1;
    if (node->op->tile) {
        g->members[g->n_members++] = node->id;
        g->n_inputs += node->n_in;
        return;
    }
    g->ends[g->n_ends++] = node->id;
    g->late[node->id] = g->number + 1;
}

static void append_all(heed_group *g, const int *recomputed, int n, const heed_node *node)
{
    for (int k = 0; k < n; k++)
        if (g->inside[recomputed[k]] != g->number + 1) append(g, g->p->work->nodes[recomputed[k]]);
    append(g, node);
}

/* What is swept by a node: its own elements, or those that it reduces. */
static const heed_shape *swept(const heed_node *node)
{
    return node->op->tile ? &node->shape : &node->in[0]->shape;
}

void heed_group_open(heed_group *g, int number, const heed_node *node)
{
    int list[HEED_MOST_RECOMPUTED], n = heed_recomputed_by(g->p, node, list);
    g->number = number;
    g->n_members = g->n_ends = g->n_inputs = 0;
    g->dtype = node->dtype;
    g->space = heed_space_of(swept(node));
    for (int k = 0; k < n; k++) heed_space_join(&g->space, &g->p->work->nodes[list[k]]->shape);
    append_all(g, list, n, node);
}

bool heed_group_add(heed_group *g, const heed_node *node)
{
    if (node->dtype != g->dtype) return false;
    if (node->op->tile ? g->n_members >= MOST_FUSED
                       : !node->op->reduction || g->n_ends == HEED_MOST_ENDS)
        return false;
    if (heed_count(swept(node)) != heed_count(&g->space)) return false;
    if (g->n_inputs + node->n_in > MOST_INPUTS) return false;
    heed_shape space = g->space;
    if (!join_space(&space, swept(node)) || !inputs_fit(g, node)) return false;
    int list[HEED_MOST_RECOMPUTED], n = heed_recomputed_by(g->p, node, list), more = node->n_in;
    for (int k = 0; k < n; k++) {
        const heed_node *inside = g->p->work->nodes[list[k]];
        if (!join_space(&space, &inside->shape) || !inputs_fit(g, inside)) return false;
        more += inside->n_in;
    }
    if (n && (g->n_members + n >= MOST_FUSED || g->n_inputs + more > MOST_INPUTS)) return false;
    bool reduces = !node->op->tile;
    if (reduces && !is_member(g, node->in[0]) && n == 0) return false;
    bool finer = space.rank != g->space.rank;
    if ((reduces || finer) && !reductions_fit(g, &space, reduces ? node : NULL)) return false;
    g->space = space;
    append_all(g, list, n, node);
    return true;
}

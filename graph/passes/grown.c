/* grown.c - which values are cheap to compute anew.
 *
 * tanh(keys[:, 1, S, H] + query[:, T, 1, H]) has T times the elements of the keys: it costs more
 * memory than all else, and a backward pass comes long after the forward pass. A value is grown
 * when each operand has at most a fourth of its elements or is itself grown; when few operations
 * lead from the small operands to it; and when it is much larger than second-level caches are (or
 * than the compile option says): below that, to store it and read it again is faster. The size is a
 * constant, so that the order of sums, and with it every bit, is the same on machines with other
 * caches. */
#include "graph/passes/grown.h"

enum {
    LARGE = 8 << 20, /* bytes */
    GROWTH = 4,      /* a small operand has so many times fewer elements */
    MOST_WEIGHT = 24 /* operations and operands of what is computed anew */
};

static bool is_flat_view(const heed_node *node)
{
    if (!node->op->view) return false;
    char *base = (char *)(uintptr_t)HEED_ALIGNMENT; /* no memory is looked at */
    heed_view in = heed_view_of(base, node->in[0]->dtype, &node->in[0]->shape);
    heed_view out = { .data = NULL };
    return node->op->view(node, &in, &out) && out.data == in.data && heed_is_dense(&out) &&
           heed_count(&out.shape) == heed_count(&in.shape);
}

int *heed_flat_sources(const heed_graph *graph)
{
    int *source = heed_alloc_array((size_t)graph->n_nodes + 1, sizeof *source);
    for (int id = 0; source && id < graph->n_nodes; id++) {
        const heed_node *node = graph->nodes[id];
        source[id] = is_flat_view(node) ? source[node->in[0]->id] : id;
    }
    return source;
}

/* Elements that x takes in memory, when they are less than x's own. */
static int64_t stored_count(const heed_node *x)
{
    int64_t count = heed_count(&x->shape);
    while (x->op->view) x = x->in[0];
    if (x->op == &heed_op_full) return 1;
    int64_t stored = heed_count(&x->shape);
    return stored < count ? stored : count;
}

static bool may_grow(const heed_program *p, const heed_node *node)
{
    size_t most = p->options.recompute_above ? p->options.recompute_above : LARGE;
    const heed_op *op = node->op;
    if (!op->tile || op->flags & (HEED_RANDOM | HEED_IMPURE) || !heed_is_real(node->dtype))
        return false;
    const size_t bytes = heed_node_bytes(node);
    return bytes > most;
}

/* The weight of `node`, or 0; its space. */
static int weigh(const heed_node *node, const int *source, const heed_grown *grown)
{
    int weight = 1;
    heed_shape *space = &grown->space[node->id];
    *space = heed_space_of(&node->shape);
    for (int i = 0; i < node->n_in; i++) {
        const heed_node *x = node->in[i];
        int from = source[x->id];
        if (x->dtype != node->dtype) return 0;
        if (stored_count(x) * GROWTH <= heed_count(&node->shape))
            weight++;
        else if (grown->weight[from] && heed_count(&x->shape) == heed_count(&node->shape) &&
                 heed_space_join(space, &grown->space[from]))
            weight += grown->weight[from];
        else
            return 0;
    }
    return weight <= MOST_WEIGHT ? weight : 0;
}

bool heed_grown_find(const heed_program *p, const bool *live, const int *source, heed_grown *grown)
{
    const heed_graph *graph = p->work;
    bool any = false;
    *grown = (heed_grown){ .weight = NULL };
    for (int id = 0; id < graph->n_nodes && !any; id++)
        any = live[id] && may_grow(p, graph->nodes[id]);
    if (!any) return true;
    grown->weight = heed_alloc_array((size_t)graph->n_nodes, sizeof *grown->weight);
    grown->space = heed_alloc_array((size_t)graph->n_nodes, sizeof *grown->space);
    if (!grown->weight || !grown->space) {
        heed_grown_free(grown);
        return false;
    }
    for (int id = 0; id < graph->n_nodes; id++)
        if (live[id] && may_grow(p, graph->nodes[id]))
            grown->weight[id] = weigh(graph->nodes[id], source, grown);
    return true;
}

void heed_grown_free(heed_grown *grown)
{
    heed_free(grown->weight);
    heed_free(grown->space);
    *grown = (heed_grown){ .weight = NULL };
}

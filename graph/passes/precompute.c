/* precompute.c - operations that make a plan of indices (HEED_PRECOMPUTED) run once, here, when all
 * their inputs are constants; their value is a constant of the program then. */
#include "graph/internal.h"
#include "graph/plan.h"

static bool is_ready(const heed_node *node)
{
    if (!(node->op->flags & HEED_PRECOMPUTED) || node->has_aux || node->op->plan_size) return false;
    for (int i = 0; i < node->n_in; i++)
        if (node->in[i]->op != &heed_op_constant) return false;
    return node->n_in <= HEED_SAMPLE_INPUTS;
}

/* All units of the node's kernel, into memory of the program: graphs come and go until it runs. */
static heed_node *run(heed_program *p, heed_node *node)
{
    const heed_op *op = node->op;
    heed_view in[HEED_SAMPLE_INPUTS];
    for (int i = 0; i < node->n_in; i++)
        in[i] = heed_view_of((void *)(uintptr_t)node->in[i]->value, node->in[i]->dtype,
                             &node->in[i]->shape);
    size_t bytes = heed_node_bytes(node);
    heed_call call = { .n_in = node->n_in, .in = in, .attr = node->attr };
    call.out = heed_view_of(heed_arena_alloc(&p->arena, bytes + 1), node->dtype, &node->shape);
    call.scratch = heed_alloc(op->scratch ? op->scratch(&call) : 0);
    heed_node *value = NULL;
    if (call.out.data && call.scratch) {
        heed_kernel_fn fn = op->kernel->fn[heed_kernel_dtype(node)][HEED_PORTABLE];
        fn(&call, 0, op->units ? op->units(&call) : 1);
        value = heed_constant_of(node->graph, &call.out);
        if (value) value->value = call.out.data;
    } else {
        heed_graph_fail(node->graph, "no memory to compile the program");
    }
    heed_free(call.scratch);
    return value;
}

static heed_node *visit(void *context, heed_node *node, const heed_node *old, heed_node *const *map)
{
    (void)old, (void)map;
    return is_ready(node) ? run(context, node) : node;
}

/* Is there anything to do? Such operations may follow each other, so any one is reason enough. */
bool heed_precompute(heed_program *p)
{
    bool found = false;
    if (!(p->passes >> HEED_PASS_FOLD & 1)) return true;
    for (int id = 0; id < p->work->n_nodes && !found; id++) found = is_ready(p->work->nodes[id]);
    if (!found) return true;
    bool *live = heed_live(p->work, p->outputs, p->n_outputs, heed_keeps_dead(p));
    const bool done = live ? heed_rebuild(p, p->work, live, visit, p) : heed_plan_no_memory(p);
    heed_free(live);
    return done;
}

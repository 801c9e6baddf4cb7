/* order.c - from nodes to instructions.
 *
 * Nodes are taken when all their inputs are there, lowest id first, so instructions keep the order
 * in which the graph was built. An elementwise node opens an instruction that goes on taking
 * elementwise nodes of the same shape and dtype as long as they are ready and were built near by:
 * all of them then share one pass over memory. An instruction only takes nodes whose other inputs
 * are complete, so no cycle can arise. */
#include <string.h>

#include "graph/passes/edges.h"

enum {
    MOST_FUSED = 48,   /* elementwise nodes in one instruction, ... */
    MOST_INPUTS = 200, /* ... and inputs of all of them             */
    NEAR = 64,         /* ids from the newest member on */
    MOST_BETWEEN = 1,  /* kernels built between a member and the next one: a value of the forward
                         pass does not take its reverse rule along, which is needed much later */
    LOOK = 16          /* ready nodes looked at as possible siblings */
};

typedef struct order {
    heed_program *p;
    heed_graph *graph;
    heed_edges *edges;
    int *owner;     /* instruction of a node; -1 */
    int *kernels;   /* by id: kernels among the nodes before */
    int *pending;   /* edges that still have to come in */
    int *since;     /* of a view: the instruction being filled when it became readable */
    bool *output;   /* wanted after the run */
    heed_heap heap; /* ready ids */
    int *stack;     /* nodes that are there and not yet announced to consumers */
    int n_stack;
    int *members;        /* instructions' nodes, one after the other */
    int n_inputs;        /* of the instruction being filled */
    int n_members, open; /* members[open ..] form the instruction being filled; -1: none */
    int *starts;
    int n_starts;
} order;

static bool is_tile(const order *o, int id)
{
    return o->graph->nodes[id]->op->tile != NULL;
}

/* ---- instructions ---- */

static bool may_join(const order *o, int id)
{
    if (o->open < 0 || !is_tile(o, id) || !(o->p->passes >> HEED_PASS_FUSE & 1)) return false;
    if (o->n_members - o->open >= MOST_FUSED) return false;
    const heed_node *node = o->graph->nodes[id];
    if (o->n_inputs + node->n_in > MOST_INPUTS) return false;
    const heed_node *head = o->graph->nodes[o->members[o->open]];
    const heed_node *newest = o->graph->nodes[o->members[o->n_members - 1]];
    /* A view of a member reads its memory in another order: it has to be complete. */
    for (int i = 0; i < node->n_in; i++)
        if (o->since[node->in[i]->id] == o->n_starts) return false;
    if (o->kernels[id] - o->kernels[newest->id] > MOST_BETWEEN) return false;
    return id - newest->id <= NEAR && node->dtype == head->dtype &&
           heed_shape_equal(&node->shape, &head->shape);
}

static void take(order *o, int id)
{
    o->owner[id] = o->n_starts - 1;
    o->n_inputs += o->graph->nodes[id]->n_in;
    o->members[o->n_members++] = id;
    o->stack[o->n_stack++] = id;
}

/* Tell consumers of everything on the stack; what becomes ready joins, waits, or is just there. */
static void announce(order *o)
{
    while (o->n_stack) {
        int id = o->stack[--o->n_stack];
        for (int k = o->edges->first[id]; k < o->edges->first[id + 1]; k++) {
            int next = o->edges->list[k];
            if (--o->pending[next]) continue;
            if (!heed_runs(o->p, o->graph->nodes[next])) {
                if (o->open >= 0) o->since[next] = o->n_starts;
                o->stack[o->n_stack++] = next;
            } else if (may_join(o, next)) {
                take(o, next);
            } else {
                heed_heap_push(&o->heap, next);
            }
        }
    }
}

static void take_siblings(order *o)
{
    int kept[LOOK], n_kept = 0, taken;
    do {
        taken = 0;
        n_kept = 0;
        for (int look = 0; look < LOOK && o->heap.n; look++) {
            int id = heed_heap_pop(&o->heap);
            if (may_join(o, id)) {
                take(o, id);
                taken++;
            } else {
                kept[n_kept++] = id;
            }
        }
        for (int i = 0; i < n_kept; i++) heed_heap_push(&o->heap, kept[i]);
        announce(o);
    } while (taken);
}

static void run_order(order *o)
{
    o->open = -1;
    for (int id = 0; id < o->graph->n_nodes; id++) {
        if (!o->edges->live[id] || o->pending[id]) continue;
        if (heed_runs(o->p, o->graph->nodes[id]))
            heed_heap_push(&o->heap, id);
        else
            o->stack[o->n_stack++] = id;
    }
    /* Sources are listed before anything is announced: pending never returns to 0 twice. */
    announce(o);
    while (o->heap.n) {
        int id = heed_heap_pop(&o->heap);
        o->starts[o->n_starts++] = o->n_members;
        o->open = is_tile(o, id) ? o->n_members : -1;
        o->n_inputs = 0;
        take(o, id);
        announce(o);
        if (o->open >= 0 && (o->p->passes >> HEED_PASS_FUSE & 1)) take_siblings(o);
        o->open = -1;
    }
    o->starts[o->n_starts] = o->n_members;
}

/* ---- filling in the instructions ---- */

/* Does anybody outside instruction k want the value? */
static bool wanted_outside(const order *o, int id, int k)
{
    for (int e = o->edges->first[id]; e < o->edges->first[id + 1]; e++)
        if (o->owner[o->edges->list[e]] != k) return true;
    return o->output[id];
}

/* Nanoseconds on one thread, roughly: a kernel does more arithmetic in one than tile functions. */
static double cost_of(const heed_node *node)
{
    const double flops_per_ns = node->op->tile ? 20 : 60, bytes_per_ns = 40;
    double bytes = (double)heed_count(&node->shape) * (double)heed_dtype_size(node->dtype);
    for (int i = 0; i < node->n_in && i < 64; i++)
        bytes +=
            (double)heed_count(&node->in[i]->shape) * (double)heed_dtype_size(node->in[i]->dtype);
    return heed_node_flops(node) / flops_per_ns + bytes / bytes_per_ns;
}

static bool fill(order *o, heed_instruction *instruction, int k)
{
    heed_program *p = o->p;
    int n = o->starts[k + 1] - o->starts[k], n_in = 0;
    instruction->n_nodes = n;
    instruction->nodes = heed_arena_alloc(&p->arena, (size_t)n * sizeof(heed_node *));
    if (!instruction->nodes) return heed_plan_no_memory(p);
    instruction->cost = 50;
    for (int i = 0; i < n; i++) {
        heed_node *node = o->graph->nodes[o->members[o->starts[k] + i]];
        instruction->nodes[i] = node;
        instruction->cost += cost_of(node);
        n_in += node->n_in;
    }
    instruction->reads = heed_arena_alloc(&p->arena, (size_t)(n_in + 2 * n) * sizeof(int));
    if (!instruction->reads) return heed_plan_no_memory(p);
    for (int i = 0; i < n; i++) {
        const heed_node *node = instruction->nodes[i];
        for (int j = 0; j < node->n_in; j++)
            if (o->owner[node->in[j]->id] != k)
                instruction->reads[instruction->n_reads++] = p->values[node->in[j]->id].buffer;
    }
    instruction->writes = instruction->reads + instruction->n_reads;
    for (int i = 0; i < n; i++) {
        heed_value *value = &p->values[instruction->nodes[i]->id];
        if (value->aux_buffer >= 0)
            instruction->writes[instruction->n_writes++] = value->aux_buffer;
        if (n > 1 && !wanted_outside(o, instruction->nodes[i]->id, k)) value->buffer = -1;
        if (value->buffer >= 0) instruction->writes[instruction->n_writes++] = value->buffer;
    }
    return true;
}

static bool make_instructions(order *o)
{
    heed_program *p = o->p;
    p->n_instructions = o->n_starts;
    p->instructions =
        heed_arena_alloc(&p->arena, (size_t)(o->n_starts + 1) * sizeof *p->instructions);
    if (!p->instructions) return heed_plan_no_memory(p);
    for (int i = 0; i < p->n_outputs; i++) o->output[p->outputs[i]->id] = true;
    for (int k = 0; k < o->n_starts; k++)
        if (!fill(o, &p->instructions[k], k)) return false;
    return true;
}

bool heed_order(heed_program *p)
{
    order o = { .p = p, .graph = p->work, .edges = &p->edges, .owner = p->owner };
    size_t n = (size_t)p->work->n_nodes + 2;
    int *all = heed_alloc_array(n * 7, sizeof(int)), *at = all;
    o.output = heed_alloc(n);
    bool done = all && o.output;
    if (done) {
        int **parts[] = { &o.pending, &o.since,  &o.heap.ids, &o.stack,
                          &o.members, &o.starts, &o.kernels };
        for (int i = 0; i < 7; i++, at += n) *parts[i] = at;
        for (size_t i = 0; i + 2 < n; i++) {
            o.owner[i] = -1;
            o.pending[i] = p->edges.incoming[i];
            const heed_node *node = p->work->nodes[i];
            o.kernels[i + 1] = o.kernels[i] + (node->op->kernel && heed_runs(p, node));
        }
        run_order(&o);
        done = make_instructions(&o);
    } else {
        heed_plan_no_memory(p);
    }
    heed_free(all);
    heed_free(o.output);
    return done;
}

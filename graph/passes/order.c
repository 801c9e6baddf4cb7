/* order.c - from nodes to instructions.
 *
 * Nodes are taken when all their inputs are there, lowest id first, so instructions keep the order
 * in which the graph was built. An elementwise node opens an instruction that goes on taking
 * elementwise nodes of as many elements, and reductions of its members, as long as they are ready
 * and were built near by: all of them then share one pass over memory. An instruction only takes
 * nodes whose other inputs are complete, so no cycle can arise. */
#include <string.h>

#include "graph/fused.h"
#include "graph/loop_run.h"
#include "graph/passes/edges.h"
#include "graph/passes/group.h"
#include "graph/passes/recompute.h"

enum {
    NEAR = 64,        /* ids from the newest member on */
    MOST_BETWEEN = 1, /* kernels built between a member and the next one: a value of the forward
                         pass does not take its reverse rule along, which is needed much later */
    LOOK = 16         /* ready nodes looked at as possible siblings */
};

typedef struct order {
    heed_program *p;
    heed_graph *graph;
    heed_edges *edges;
    int *owner;     /* instruction of a node; -1 */
    int *kernels;   /* by id: kernels among the nodes before */
    int *pending;   /* edges that still have to come in */
    int *reader;    /* by id: see find_readers() */
    bool *output;   /* wanted after the run */
    heed_heap heap; /* ready ids */
    int *stack;     /* nodes that are there and not yet announced to consumers */
    int n_stack;
    heed_group group; /* the instruction being filled, ... */
    bool open;        /* ... if it is one of tiles */
    int newest;       /* the member taken last */
    int *later;       /* of a body: ready, but for every iteration */
    int n_later;
    bool first;   /* under way: what the first iteration does for all of them */
    int *members; /* finished instructions' nodes, one after the other */
    int n_members, member_room;
    int *starts, *first_end; /* by instruction */
    int n_starts;
} order;

static bool fuses(const order *o)
{
    return o->p->passes >> HEED_PASS_FUSE & 1;
}

/* ---- instructions ---- */

static void take(order *o, int id)
{
    o->owner[id] = o->n_starts;
    o->newest = id;
    o->stack[o->n_stack++] = id;
}

/* Let a ready node join the instruction being filled, if it may. */
static bool join(order *o, int id)
{
    if (!o->open || !fuses(o) || id - o->newest > NEAR) return false;
    if (o->kernels[id] - o->kernels[o->newest] > MOST_BETWEEN) return false;
    if (!heed_group_add(&o->group, o->graph->nodes[id])) return false;
    take(o, id);
    return true;
}

/* The first iteration's own come first. */
static bool put_off(order *o, int id)
{
    if (!o->first || o->p->invariant[id]) return false;
    o->later[o->n_later++] = id;
    return true;
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
                if (o->open) o->group.late[next] = o->group.number + 1;
                o->stack[o->n_stack++] = next;
            } else if (!put_off(o, next) && !join(o, next)) {
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
            if (join(o, id)) {
                taken++;
            } else {
                kept[n_kept++] = id;
            }
        }
        for (int i = 0; i < n_kept; i++) heed_heap_push(&o->heap, kept[i]);
        announce(o);
    } while (taken);
}

/* Append the finished instruction's nodes. */
static bool close(order *o, int id)
{
    const heed_group *g = &o->group;
    int n = o->open ? g->n_members + g->n_ends : 1;
    if (o->n_members + n > o->member_room) {
        int room = 2 * o->member_room + n + 256;
        int *more = heed_resize(o->members, (size_t)o->member_room * sizeof *more,
                                (size_t)room * sizeof *more);
        if (!more) return heed_plan_no_memory(o->p);
        o->members = more;
        o->member_room = room;
    }
    int *to = o->members + o->n_members;
    o->starts[o->n_starts] = o->n_members;
    o->first_end[o->n_starts++] = o->n_members + n - (o->open ? g->n_ends : 0);
    o->n_members += n;
    if (!o->open) {
        *to = id;
        return true;
    }
    memcpy(to, g->members, (size_t)g->n_members * sizeof *to);
    memcpy(to + g->n_members, g->ends, (size_t)g->n_ends * sizeof *to);
    o->open = false;
    return true;
}

static bool run_order(order *o)
{
    for (int id = 0; id < o->graph->n_nodes; id++) {
        if (!o->edges->live[id] || o->pending[id]) continue;
        bool runs = heed_runs(o->p, o->graph->nodes[id]);
        if (runs && !put_off(o, id))
            heed_heap_push(&o->heap, id);
        else if (!runs)
            o->stack[o->n_stack++] = id;
    }
    /* Sources are listed before anything is announced: pending never returns to 0 twice. */
    announce(o);
    while (o->heap.n || o->n_later) {
        if (o->first && !o->heap.n) {
            o->p->n_first = o->n_starts;
            o->first = false;
            while (o->n_later) heed_heap_push(&o->heap, o->later[--o->n_later]);
        }
        int id = heed_heap_pop(&o->heap);
        const heed_node *node = o->graph->nodes[id];
        o->open = heed_is_tiled(o->p, node);
        if (o->open) heed_group_open(&o->group, o->n_starts, node);
        take(o, id);
        announce(o);
        if (o->open && fuses(o)) take_siblings(o);
        if (!close(o, id)) return false;
    }
    o->starts[o->n_starts] = o->n_members;
    if (o->first) o->p->n_first = o->n_starts;
    return true;
}

/* ---- filling in the instructions ---- */

/* reader[id]: of a node that runs, its instruction; of a view that only changes the shape, the one
 * that all its readers belong to; else -1. */
static void find_readers(order *o)
{
    for (int id = o->graph->n_nodes - 1; id >= 0; id--) {
        o->reader[id] = o->owner[id];
        if (o->p->source[id] == id || !o->edges->live[id]) continue;
        int first = o->edges->first[id], last = o->edges->first[id + 1];
        bool one = first < last && !o->output[id];
        for (int e = first; e < last; e++)
            one &= o->reader[o->edges->list[e]] == o->reader[o->edges->list[first]];
        if (one) o->reader[id] = o->reader[o->edges->list[first]];
    }
}

/* Does anybody outside instruction k want the value? */
static bool wanted_outside(const order *o, int id, int k)
{
    for (int e = o->edges->first[id]; e < o->edges->first[id + 1]; e++)
        if (o->reader[o->edges->list[e]] != k) return true;
    return o->output[id];
}

/* Does instruction k compute x itself? */
static bool is_inside(const order *o, const heed_node *x, int k)
{
    int from = o->p->source[x->id];
    return o->owner[from] == k || heed_is_recomputed(o->p, from);
}

/* Nanoseconds on one thread, roughly: a kernel does more arithmetic in one than tile functions;
 * what indices point to is fetched one after the other; of a state that is updated only a part is
 * written. */
static double cost_of(const heed_program *p, const heed_node *node)
{
    const double flops_per_ns = node->op->tile ? 20 : 60, bytes_per_ns = 40, index_ns = 1.5;
    int k;
    const heed_node *state = heed_updated_state(p, node, &k);
    double bytes = state ? 0 : (double)heed_node_bytes(node);
    double indices = 0;
    for (int i = 0; i < node->n_in && i < 64; i++) {
        if (node->in[i] == state) continue;
        const double count = (double)heed_count(&node->in[i]->shape);
        bytes += count * (double)heed_dtype_size(node->in[i]->dtype);
        if (node->in[i]->dtype == HEED_I32) indices += count;
    }
    return heed_node_flops(node) / flops_per_ns + bytes / bytes_per_ns + index_ns * indices;
}

static bool take_nodes(order *o, heed_instruction *instruction, int k)
{
    heed_program *p = o->p;
    int n = o->starts[k + 1] - o->starts[k], n_in = 0;
    instruction->n_nodes = n;
    instruction->n_ends = o->starts[k + 1] - o->first_end[k];
    instruction->partial_buffer = -1;
    instruction->nodes = heed_arena_alloc(&p->arena, (size_t)n * sizeof(heed_node *));
    if (!instruction->nodes) return heed_plan_no_memory(p);
    instruction->cost = 50;
    for (int i = 0; i < n; i++) {
        heed_node *node = o->graph->nodes[o->members[o->starts[k] + i]];
        instruction->nodes[i] = node;
        instruction->cost += cost_of(p, node);
        n_in += node->n_in;
    }
    instruction->reads = heed_arena_alloc(&p->arena, (size_t)(n_in + 2 * n + 1) * sizeof(int));
    return instruction->reads ? true : heed_plan_no_memory(p);
}

/* Memory for the reductions' partial results, if there are any. */
static bool take_partial(order *o, heed_instruction *instruction)
{
    size_t bytes = instruction->n_ends ? heed_fused_partial_bytes(instruction) : 0;
    if (!bytes) return true;
    instruction->partial_buffer = heed_buffer_new(o->p, HEED_PLANNED_MEMORY, bytes);
    if (instruction->partial_buffer < 0) return heed_plan_no_memory(o->p);
    instruction->writes[instruction->n_writes++] = instruction->partial_buffer;
    return true;
}

static bool fill(order *o, heed_instruction *instruction, int k)
{
    heed_program *p = o->p;
    if (!take_nodes(o, instruction, k)) return false;
    for (int i = 0; i < instruction->n_nodes; i++) {
        const heed_node *node = instruction->nodes[i];
        for (int j = 0; j < node->n_in; j++)
            if (!is_inside(o, node->in[j], k))
                instruction->reads[instruction->n_reads++] = p->values[node->in[j]->id].buffer;
    }
    instruction->writes = instruction->reads + instruction->n_reads;
    for (int i = 0; i < instruction->n_nodes; i++) {
        const heed_node *node = instruction->nodes[i];
        heed_value *value = &p->values[node->id];
        if (value->aux_buffer >= 0)
            instruction->writes[instruction->n_writes++] = value->aux_buffer;
        bool shared = instruction->n_nodes > 1 && node->op->tile;
        if (shared && !wanted_outside(o, node->id, k)) value->buffer = -1;
        if (value->buffer >= 0) instruction->writes[instruction->n_writes++] = value->buffer;
    }
    if (instruction->nodes[0]->op->body) return heed_loop_compile(p, instruction);
    return take_partial(o, instruction);
}

static bool make_instructions(order *o)
{
    heed_program *p = o->p;
    p->n_instructions = o->n_starts;
    p->instructions =
        heed_arena_alloc(&p->arena, (size_t)(o->n_starts + 1) * sizeof *p->instructions);
    if (!p->instructions) return heed_plan_no_memory(p);
    for (int i = 0; i < p->n_outputs; i++) o->output[p->outputs[i]->id] = true;
    find_readers(o);
    for (int k = 0; k < o->n_starts; k++)
        if (!fill(o, &p->instructions[k], k)) return false;
    return true;
}

bool heed_order(heed_program *p)
{
    enum { ARRAYS = 10 };
    order o = { .p = p, .graph = p->work, .edges = &p->edges, .owner = p->owner };
    size_t n = (size_t)p->work->n_nodes + 2;
    int *all = heed_alloc_array(n * ARRAYS, sizeof(int)), *at = all;
    o.output = heed_alloc(n);
    bool done = all && o.output;
    if (done) {
        int **parts[ARRAYS] = { &o.pending,      &o.heap.ids,   &o.stack,  &o.starts,  &o.first_end,
                                &o.group.inside, &o.group.late, &o.reader, &o.kernels, &o.later };
        for (int i = 0; i < ARRAYS; i++, at += n) *parts[i] = at;
        o.group.p = p;
        o.first = p->invariant != NULL;
        for (size_t i = 0; i + 2 < n; i++) {
            o.owner[i] = -1;
            o.pending[i] = p->edges.incoming[i];
            const heed_node *node = p->work->nodes[i];
            o.kernels[i + 1] =
                o.kernels[i] + (heed_works_on_memory(node->op) && heed_runs(p, node));
        }
        done = run_order(&o) && make_instructions(&o);
    } else {
        heed_plan_no_memory(p);
    }
    heed_free(all);
    heed_free(o.members);
    heed_free(o.output);
    return done;
}

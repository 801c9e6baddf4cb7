/* edges.c - consumers of every node; readers of a parameter, or of a loop's state, before who
 * overwrites it. */
#include "graph/passes/edges.h"

#include "graph/passes/recompute.h"

/* All of its values are kept. */
static bool has_history(const heed_body *body, int state)
{
    for (int r = 0; r < body->n_results; r++)
        if (body->results[r].kind == HEED_RESULT_HISTORY && body->results[r].state == state)
            return true;
    return false;
}

const heed_node *heed_updated_state(const heed_program *p, const heed_node *node, int *state)
{
    for (int k = 0; p->body && node->op->updates && k < p->body->n_states; k++) {
        int slot;
        for (int i = 0; p->outputs[k] == node && i < node->n_in; i++) {
            if (!heed_bit(node->op->updates, i) || !heed_is_slot(node->in[i], &slot)) continue;
            const heed_slot *of = &p->body->slots[slot];
            if (of->kind != HEED_SLOT_STATE || of->state != k) continue;
            *state = k;
            return has_history(p->body, k) ? NULL : node->in[i];
        }
    }
    return NULL;
}

/* The overwriting node that has to wait for `reader`, because it reads x, (a view of) the parameter
 * or state; or -1. What was built after a state's next value may depend on it, and does not come
 * first: the state then stays as it is. */
static int overwriter(const heed_program *p, const int *root, const int *writer,
                      const heed_node *reader, const heed_node *x)
{
    int parameter = root[x->id];
    int by = parameter >= 0 ? writer[parameter] : -1;
    if (by >= 0 && by < reader->id && !heed_is_param(p->work->nodes[parameter])) return -1;
    return by >= 0 && by != reader->id && heed_runs(p, reader) ? by : -1;
}

/* root[id]: the parameter or state that a value is or views, or -1; writer[root]: who overwrites
 * it. */
static bool find_writers(heed_program *p, int *root, int *writer)
{
    for (int id = 0; id < p->work->n_nodes; id++) {
        const heed_node *node = p->work->nodes[id];
        int of;
        root[id] = writer[id] = -1;
        if (!p->edges.live[id]) continue;
        if (heed_is_param(node) || heed_is_slot(node, &of)) root[id] = id;
        const heed_node *state = heed_updated_state(p, node, &of);
        if (state) writer[state->id] = id;
        if (node->op->view) root[id] = root[node->in[0]->id];
        for (int i = 0; node->op->writes && i < node->n_in; i++) {
            if (!heed_bit(node->op->writes, i)) continue;
            int parameter = root[node->in[i]->id];
            if (parameter >= 0 && writer[parameter] < 0) {
                writer[parameter] = id;
                continue;
            }
            heed_graph_fail(p->user, "%s: parameter '%s' is written twice in one program",
                            node->op->name, node->in[i]->name);
            return false;
        }
    }
    return true;
}

/* Count an edge, or with `fill` note it. */
static void edge(heed_edges *e, int from, int to, bool fill)
{
    if (fill) {
        e->list[e->first[from]++] = to;
        return;
    }
    e->first[from + 1]++;
    e->incoming[to]++;
}

static void each_edge(heed_program *p, const int *root, const int *writer, bool fill)
{
    int list[HEED_MOST_RECOMPUTED];
    for (int id = 0; id < p->work->n_nodes; id++) {
        const heed_node *node = p->work->nodes[id];
        if (!p->edges.live[id]) continue;
        for (int i = 0; i < node->n_in; i++) {
            int by = overwriter(p, root, writer, node, node->in[i]);
            edge(&p->edges, node->in[i]->id, id, fill);
            if (by >= 0) edge(&p->edges, id, by, fill);
        }
        /* What it recomputes it reads for. */
        for (int k = heed_recomputed_by(p, node, list) - 1; k >= 0; k--) {
            const heed_node *inside = p->work->nodes[list[k]];
            for (int i = 0; i < inside->n_in; i++) {
                int by = overwriter(p, root, writer, node, inside->in[i]);
                if (by >= 0) edge(&p->edges, id, by, fill);
            }
        }
    }
}

bool heed_make_edges(heed_program *p)
{
    heed_edges *e = &p->edges;
    int n = p->work->n_nodes;
    size_t size = (size_t)n + 2;
    e->live = heed_live(p->work, p->outputs, p->n_outputs, heed_keeps_dead(p));
    e->first = heed_alloc_array(size, sizeof(int));
    e->incoming = heed_alloc_array(size, sizeof(int));
    p->owner = heed_alloc_array(size, sizeof(int));
    int *root = heed_alloc_array(size, sizeof *root),
        *writer = heed_alloc_array(size, sizeof *root);
    bool room = e->live && e->first && e->incoming && p->owner && root && writer;
    bool done = room && find_writers(p, root, writer);
    if (done) {
        each_edge(p, root, writer, false);
        for (int id = 0; id < n; id++) e->first[id + 1] += e->first[id];
        e->list = heed_alloc_array((size_t)e->first[n] + 1, sizeof(int));
        room = done = e->list != NULL;
    }
    if (done) {
        each_edge(p, root, writer, true);
        for (int id = n; id > 0; id--) e->first[id] = e->first[id - 1];
        e->first[0] = 0;
    }
    heed_free(root);
    heed_free(writer);
    return room ? done : heed_plan_no_memory(p);
}

void heed_edges_free(heed_program *p)
{
    heed_free(p->edges.live);
    heed_free(p->edges.first);
    heed_free(p->edges.incoming);
    heed_free(p->edges.list);
    heed_free(p->owner);
    p->edges = (heed_edges){ .live = NULL };
    p->owner = NULL;
}

void heed_heap_push(heed_heap *heap, int id)
{
    int at = heap->n++;
    for (; at > 0 && heap->ids[(at - 1) / 2] > id; at = (at - 1) / 2)
        heap->ids[at] = heap->ids[(at - 1) / 2];
    heap->ids[at] = id;
}

int heed_heap_pop(heed_heap *heap)
{
    int top = heap->ids[0], last = heap->ids[--heap->n], at = 0;
    for (int child; (child = 2 * at + 1) < heap->n; at = child) {
        if (child + 1 < heap->n && heap->ids[child + 1] < heap->ids[child]) child++;
        if (heap->ids[child] >= last) break;
        heap->ids[at] = heap->ids[child];
    }
    heap->ids[at] = last;
    return top;
}

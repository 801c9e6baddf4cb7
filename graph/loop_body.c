/* loop_body.c - bodies of loops: taking a step's nodes out of the graph that they were built in. */
#include <string.h>

#include "graph/internal.h"
#include "graph/loop.h"

/* What the operand number says is all there is to know about a slot. */
const heed_op heed_op_slot = {
    .name = "slot",
    .doc = "A value that an iteration of a loop is given.",
    .flags = HEED_LEAF,
    .attr_size = sizeof(int64_t),
};

heed_graph *heed_graph_child(heed_graph *parent)
{
    heed_graph *child = heed_graph_make(parent->options);
    if (!child) {
        heed_graph_fail(parent, "no memory for a graph");
        return NULL;
    }
    child->sibling = parent->children;
    parent->children = child;
    return child;
}

heed_node *heed_slot_leaf(heed_graph *graph, int index, heed_dtype dtype, const heed_shape *shape)
{
    if (heed_graph_failed(graph)) return NULL;
    heed_node *leaf = heed_node_new(graph, &heed_op_slot, 0);
    if (!leaf) return NULL;
    *(int64_t *)leaf->attr = index;
    leaf->dtype = dtype;
    leaf->shape = *shape;
    return leaf;
}

bool heed_is_slot(const heed_node *node, int *index)
{
    if (node->op != &heed_op_slot) return false;
    *index = (int)*(const int64_t *)node->attr;
    return true;
}

heed_node *heed_copy_node(heed_graph *graph, const heed_node *node, heed_node *const *in, bool own)
{
    heed_node *copy = heed_node_clone(graph, node, in);
    if (!copy || !copy->op->body || !own) return copy;
    heed_body **body = copy->op->body(copy);
    *body = heed_body_copy(*body, graph);
    return *body ? copy : NULL;
}

heed_body *heed_body_copy(const heed_body *body, heed_graph *graph)
{
    heed_body *copy = heed_graph_memory(graph, sizeof *copy);
    heed_result *results =
        heed_graph_memory(graph, (size_t)(body->n_results + 1) * sizeof *results);
    if (!copy || !results) return NULL;
    *copy = *body;
    copy->results = results;
    if (body->n_results) memcpy(results, body->results, (size_t)body->n_results * sizeof *results);
    return copy;
}

int64_t heed_result_rows(const heed_body *body, const heed_result *result)
{
    if (result->kind == HEED_RESULT_FINAL) return 1;
    return body->steps + (result->kind == HEED_RESULT_HISTORY);
}

heed_result *heed_body_add(heed_body *body, heed_graph *graph, heed_result result)
{
    enum { ALIGNED = HEED_ALIGNMENT / 4 }; /* numbers */
    int n = body->n_results;
    heed_result *more = heed_graph_memory(graph, (size_t)(n + 1) * sizeof *more);
    if (!more) return NULL;
    if (n) memcpy(more, body->results, (size_t)n * sizeof *more);
    result.offset = (body->numbers + ALIGNED - 1) / ALIGNED * ALIGNED;
    body->numbers =
        result.offset + heed_result_rows(body, &result) * heed_count(&result.value->shape);
    more[n] = result;
    body->results = more;
    body->n_results++;
    return &body->results[n];
}

double heed_body_flops(const heed_body *body)
{
    double flops = 0;
    for (int id = 0; id < body->graph->n_nodes; id++)
        if (!(body->graph->nodes[id]->op->flags & HEED_LEAF))
            flops += heed_node_flops(body->graph->nodes[id]);
    return flops * (double)body->steps;
}

/* ---- extraction ---- */

typedef struct extraction {
    heed_body *body;
    heed_graph *from;
    int first;
    heed_node **map; /* by id in `from`: the body's node; 0: none yet */
    heed_slot *slots;
    heed_node **operand; /* of added slots */
    int n_slots, n_given, room;
} extraction;

/* A slot for an outside value; a uniform constant is as good inside. */
static heed_node *capture(extraction *x, heed_node *outside)
{
    heed_node **inside = &x->map[outside->id];
    if (*inside) return *inside;
    if (outside->op == &heed_op_full)
        return *inside = heed_node_clone(x->body->graph, outside, NULL);
    if (x->n_slots == x->room) {
        int room = 2 * x->room + 8;
        heed_slot *slots = heed_graph_memory(x->from, (size_t)room * sizeof *slots);
        heed_node **operand = heed_graph_memory(x->from, (size_t)room * sizeof(heed_node *));
        if (!slots || !operand) return NULL;
        if (x->n_slots) memcpy(slots, x->slots, (size_t)x->n_slots * sizeof *slots);
        if (x->operand) memcpy(operand, x->operand, (size_t)x->room * sizeof(heed_node *));
        x->slots = slots;
        x->operand = operand;
        x->room = room;
    }
    heed_node *leaf = heed_slot_leaf(x->body->graph, x->n_slots, outside->dtype, &outside->shape);
    if (!leaf) return NULL;
    leaf->name = outside->name;
    x->operand[x->n_slots - x->n_given] = outside;
    x->slots[x->n_slots++] = (heed_slot){ .kind = HEED_SLOT_WHOLE, .leaf = leaf };
    return *inside = leaf;
}

static bool depends(const extraction *x, const bool *inside, const heed_node *node)
{
    int index;
    if (heed_is_slot(node, &index)) return true;
    if (node->op->flags & HEED_RANDOM) return true; /* anew in every iteration */
    for (int i = 0; i < node->n_in; i++)
        if (node->in[i]->id >= x->first && inside[node->in[i]->id - x->first]) return true;
    return false;
}

static bool move_in(extraction *x, const bool *inside, heed_node *node)
{
    int index;
    if (node->op->writes) {
        char text[300];
        return heed_graph_fail(x->from, "%s: an assignment cannot be a part of a loop's step",
                               heed_describe(node, text, sizeof text)) != NULL;
    }
    for (int i = 0; i < node->n_in; i++) {
        const heed_node *in = node->in[i];
        bool own = in->id >= x->first && inside[in->id - x->first];
        if (!own && !capture(x, node->in[i])) return false;
    }
    heed_node *copy = heed_node_clone(x->body->graph, node, node->in);
    if (!copy) return false;
    for (int i = 0; i < node->n_in; i++) copy->in[i] = x->map[node->in[i]->id];
    if (heed_is_slot(node, &index)) x->slots[index].leaf = copy;
    x->map[node->id] = copy;
    return true;
}

/* What is not the body's stays, and moves up. */
static void close_ranks(extraction *x, const bool *inside)
{
    heed_graph *graph = x->from;
    int kept = x->first;
    for (int id = x->first; id < graph->n_nodes; id++) {
        heed_node *node = graph->nodes[id];
        if (inside[id - x->first]) {
            node->graph = x->body->graph; /* whoever still uses it is told that it is elsewhere */
            continue;
        }
        node->id = kept;
        graph->nodes[kept++] = node;
    }
    graph->n_nodes = kept;
    if (graph->located > x->first) graph->located = x->first;
}

bool heed_body_extract(heed_body *body, heed_graph *graph, int first, heed_node **root, int n_roots,
                       heed_node ***operand)
{
    extraction x = { .body = body, .from = graph, .first = first };
    x.n_slots = x.n_given = x.room = body->n_slots;
    x.slots = body->slots;
    body->graph = heed_graph_child(graph);
    size_t n = (size_t)graph->n_nodes;
    x.map = heed_alloc_array(n + 1, sizeof *x.map);
    bool *inside = heed_alloc(n - (size_t)first + 1);
    bool done = body->graph && x.map && inside;
    for (int id = first; done && id < (int)n; id++) {
        heed_node *node = graph->nodes[id];
        inside[id - first] = depends(&x, inside, node);
        if (inside[id - first]) done = move_in(&x, inside, node);
    }
    for (int i = 0; done && i < n_roots; i++) {
        bool own = root[i]->id >= first && inside[root[i]->id - first];
        heed_node *moved = own ? x.map[root[i]->id] : capture(&x, root[i]);
        done = moved != NULL;
        if (done) root[i] = moved;
    }
    if (done) {
        body->slots = x.slots;
        body->n_slots = x.n_slots;
        *operand = x.operand;
        body->graph->n_salts = graph->n_salts;
        close_ranks(&x, inside);
    } else {
        heed_graph_fail(graph, "%s",
                        body->graph && body->graph->error.set ? body->graph->error.text
                                                              : "no memory for a loop's body");
    }
    heed_free(x.map);
    heed_free(inside);
    return done;
}

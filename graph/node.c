/* node.c - graphs and nodes: making them, naming them, and keeping the first error. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "graph/internal.h"

/* The graph whose error still lacks the caller's line. A builder that fails returns to the macro
 * that called it before anything else of this thread runs, so the line reported is right. */
static _Thread_local heed_graph *unlocated;

heed_graph *heed_graph_make(heed_graph_options options)
{
    heed_graph *graph = heed_alloc(sizeof *graph);
    if (graph) graph->options = options;
    return graph;
}

void heed_graph_free(heed_graph *graph)
{
    if (!graph) return;
    if (unlocated == graph) unlocated = NULL;
    while (graph->children) {
        heed_graph *child = graph->children;
        graph->children = child->sibling;
        heed_graph_free(child);
    }
    heed_arena_free(&graph->arena);
    heed_free(graph->nodes);
    heed_free(graph->entry_node);
    heed_free(graph);
}

const char *heed_why(const heed_graph *graph)
{
    if (!graph) return "no memory for a graph";
    return graph->error.set ? graph->error.text : NULL;
}

bool heed_graph_failed(const heed_graph *graph)
{
    return !graph || graph->error.set;
}

heed_node *heed_graph_fail(heed_graph *graph, const char *format, ...)
{
    if (!graph || graph->error.set) return NULL;
    va_list list;
    va_start(list, format);
    heed_fail_list(&graph->error, format, list);
    va_end(list);
    unlocated = graph;
    return NULL;
}

int heed_graph_size(const heed_graph *graph)
{
    return graph->n_nodes;
}
heed_node *heed_graph_node(const heed_graph *graph, int id)
{
    return graph->nodes[id];
}
heed_dtype heed_graph_dtype(const heed_graph *graph)
{
    return graph->options.dtype;
}
bool heed_graph_training(const heed_graph *graph)
{
    return graph->options.training;
}
heed_store *heed_graph_store(const heed_graph *graph)
{
    return graph->options.store;
}
heed_error *heed_graph_error(heed_graph *graph)
{
    return &graph->error;
}
uint32_t heed_graph_salt(heed_graph *graph)
{
    return (uint32_t)++graph->n_salts;
}

void *heed_graph_memory(heed_graph *graph, size_t bytes)
{
    void *block = heed_arena_alloc(&graph->arena, bytes);
    if (!block) heed_graph_fail(graph, "no memory for %zu bytes of a graph", bytes);
    return block;
}

/* ---- where a node was made ---- */

heed_node *heed_located(heed_node *node, const char *file, int line)
{
    if (!node) {
        if (unlocated) {
            heed_error *error = &unlocated->error;
            size_t used = strlen(error->text);
            snprintf(error->text + used, sizeof error->text - used, " (at %s:%d)", file, line);
        }
        unlocated = NULL;
        return NULL;
    }
    heed_graph *graph = node->graph;
    for (; graph->located <= node->id; graph->located++) {
        heed_node *made = graph->nodes[graph->located];
        if (made->file) continue;
        made->file = file;
        made->line = line;
    }
    return node;
}

heed_node *heed_name(heed_node *node, const char *name)
{
    if (!node) return NULL;
    const char *copy = heed_arena_print(&node->graph->arena, "%s", name);
    if (!copy) return heed_graph_fail(node->graph, "no memory for the name '%s'", name);
    node->name = copy;
    return node;
}

const char *heed_describe(const heed_node *node, char *text, size_t size)
{
    char shape[HEED_SHAPE_TEXT];
    snprintf(text, size, "%s%s%s%s %s %s", node->op->name, *node->name ? " '" : "", node->name,
             *node->name ? "'" : "", heed_shape_print(&node->shape, shape, sizeof shape),
             heed_dtype_name(node->dtype));
    return text;
}

/* ---- making nodes ---- */

static bool make_room(heed_graph *graph)
{
    if (graph->n_nodes < graph->room) return true;
    if (graph->room > INT_MAX / 2) return false;
    int room = graph->room ? graph->room * 2 : 256;
    heed_node **more =
        heed_resize(graph->nodes, (size_t)graph->room * sizeof *more, (size_t)room * sizeof *more);
    if (!more) return false;
    graph->nodes = more;
    graph->room = room;
    return true;
}

heed_node *heed_node_new(heed_graph *graph, const heed_op *op, int n_in)
{
    size_t attr_at = (sizeof(heed_node) + (size_t)n_in * sizeof(heed_node *) + 15) & ~(size_t)15;
    heed_node *node = NULL;
    if (make_room(graph)) node = heed_arena_alloc(&graph->arena, attr_at + op->attr_size);
    if (!node) return heed_graph_fail(graph, "no memory for a node of %s", op->name);
    node->op = op;
    node->graph = graph;
    node->n_in = n_in;
    node->in = (heed_node **)(node + 1);
    node->attr = op->attr_size ? (char *)node + attr_at : NULL;
    node->name = "";
    node->id = graph->n_nodes;
    graph->nodes[graph->n_nodes++] = node;
    return node;
}

heed_node *heed_node_clone(heed_graph *graph, const heed_node *node, heed_node *const *in)
{
    heed_node *copy = heed_node_new(graph, node->op, node->n_in);
    if (!copy) return NULL;
    heed_node fresh = *copy;
    *copy = *node;
    copy->graph = graph;
    copy->id = fresh.id;
    copy->in = fresh.in;
    copy->attr = fresh.attr;
    if (node->n_in) memcpy(copy->in, in, (size_t)node->n_in * sizeof *in);
    if (node->attr) memcpy(copy->attr, node->attr, node->op->attr_size);
    if (node->op == &heed_op_full) { /* a folded one's value goes with the graph it was made in */
        copy->value = heed_arena_copy(&graph->arena, node->value, sizeof(double));
        if (!copy->value) return heed_graph_fail(graph, "no memory for a constant");
    }
    return copy;
}

heed_dtype heed_kernel_dtype(const heed_node *node)
{
    for (int i = 0; i < node->n_in; i++)
        if (heed_is_real(node->in[i]->dtype)) return node->in[i]->dtype;
    return node->dtype;
}

double heed_node_flops(const heed_node *node)
{
    return node->op->flops ? node->op->flops(node) : (double)heed_count(&node->shape);
}

/* Shape rule of plain elementwise operations: broadcasting, one real dtype. */
static bool infer_elementwise(heed_infer *infer)
{
    for (int i = 0; i < infer->n_in; i++)
        if (!heed_need_real(infer, i)) return false;
    if (!heed_need_same_dtype(infer)) return false;
    for (int i = 1; i < infer->n_in; i++)
        if (!heed_broadcast(&infer->shape, &infer->in[i]->shape, &infer->shape))
            return heed_refuse(infer, "the shapes don't broadcast");
    return true;
}

static heed_graph *graph_of(const heed_op *op, int n_in, heed_node *const *in)
{
    heed_graph *graph = NULL;
    for (int i = 0; i < n_in && !graph; i++)
        if (in[i]) graph = in[i]->graph;
    for (int i = 0; i < n_in; i++) {
        if (!in[i]) {
            heed_graph_fail(graph, "%s: input %d is NULL", op->name, i);
            return NULL;
        }
        if (in[i]->graph != graph) {
            heed_graph_fail(graph, "%s: input %d belongs to another graph", op->name, i);
            return NULL;
        }
    }
    return graph;
}

heed_node *heed_apply(const heed_op *op, const void *attr, int n_in, heed_node *const *in)
{
    heed_graph *graph = graph_of(op, n_in, in);
    if (!graph || graph->error.set) return NULL;
    int most = op->max_in ? op->max_in : op->n_in;
    if (n_in < op->n_in || n_in > most)
        return heed_graph_fail(graph, "%s: takes %d%s inputs, got %d", op->name, op->n_in,
                               most > op->n_in ? " or more" : "", n_in);
    if (op->tile && n_in > HEED_TILE_INPUTS)
        return heed_graph_fail(graph, "%s: an elementwise operation takes at most %d inputs",
                               op->name, HEED_TILE_INPUTS);
    for (int i = 0; i < n_in; i++)
        if (heed_bit(op->writes, i) && !heed_is_param(in[i]))
            return heed_graph_fail(graph, "%s: input %d must be a parameter or state", op->name, i);
    heed_node *node = heed_node_new(graph, op, n_in);
    if (!node) return NULL;
    memcpy(node->in, in, (size_t)n_in * sizeof *in);
    if (node->attr && attr) memcpy(node->attr, attr, op->attr_size);
    heed_infer infer = { .graph = graph,
                         .op = op,
                         .in = node->in,
                         .n_in = n_in,
                         .attr = node->attr,
                         .dtype = in[0]->dtype,
                         .shape = in[0]->shape };
    if (!(op->infer ? op->infer(&infer) : infer_elementwise(&infer))) {
        heed_graph_fail(graph, "%s: the inputs don't fit", op->name);
        graph->n_nodes--; /* it was the newest; its memory goes with the arena */
        return NULL;
    }
    size_t bytes;
    if (!heed_count_checked(&infer.shape, heed_dtype_size(infer.dtype), &bytes)) {
        graph->n_nodes--;
        char text[HEED_SHAPE_TEXT];
        return heed_graph_fail(graph, "%s: the result %s is larger than memory can address",
                               op->name, heed_shape_print(&infer.shape, text, sizeof text));
    }
    node->dtype = infer.dtype;
    node->shape = infer.shape;
    node->has_aux = infer.has_aux;
    node->aux_dtype = infer.aux_dtype;
    node->aux_shape = infer.aux_shape;
    return node;
}

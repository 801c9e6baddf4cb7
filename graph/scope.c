/* scope.c - names for parameters: a graph and a prefix; and the leaves of a store's entries. */
#include <stdio.h>
#include <string.h>

#include "graph/init.h"
#include "graph/internal.h"

struct heed_scope {
    heed_graph *graph;
    const char *prefix;
};

static heed_scope *scope_new(heed_graph *graph, const char *prefix)
{
    if (heed_graph_failed(graph)) return NULL;
    heed_scope *scope = heed_graph_memory(graph, sizeof *scope);
    if (!scope) return NULL;
    scope->graph = graph;
    scope->prefix = prefix;
    if (!prefix) {
        heed_graph_fail(graph, "no memory for a scope's name");
        return NULL;
    }
    return scope;
}

heed_scope *heed_root(heed_graph *graph)
{
    return scope_new(graph, "");
}

heed_scope *heed_enter(heed_scope *scope, const char *name)
{
    if (!scope) return NULL;
    return scope_new(scope->graph,
                     heed_arena_print(&scope->graph->arena, "%s%s/", scope->prefix, name));
}

heed_scope *heed_enter_at(heed_scope *scope, const char *name, int index)
{
    if (!scope) return NULL;
    return scope_new(scope->graph,
                     heed_arena_print(&scope->graph->arena, "%s%s%d/", scope->prefix, name, index));
}

heed_graph *heed_scope_graph(heed_scope *scope)
{
    return scope ? scope->graph : NULL;
}
const char *heed_scope_prefix(heed_scope *scope)
{
    return scope ? scope->prefix : "";
}

const char *heed_full_name(heed_scope *scope, const char *name)
{
    if (!scope || heed_graph_failed(scope->graph)) return NULL;
    const char *full = heed_arena_print(&scope->graph->arena, "%s%s", scope->prefix, name);
    if (!full) heed_graph_fail(scope->graph, "no memory for a parameter's name");
    return full;
}

static heed_node *entry_of(heed_scope *scope, const char *name, heed_entry_kind kind,
                           const heed_init *init, const heed_shape *shape)
{
    const char *full = heed_full_name(scope, name);
    if (!full) return NULL;
    heed_graph *graph = scope->graph;
    heed_store *store = graph->options.store;
    if (!store)
        return heed_graph_fail(graph,
                               "parameter '%s': the graph has no store "
                               "(heed_graph_new(.store = heed_store_new(seed)))",
                               full);
    heed_entry *entry = heed_store_find(store, full);
    if (!entry) {
        heed_error error = { .set = false };
        entry = heed_store_add(store, full, kind, graph->options.dtype, shape, &error);
        if (entry &&
            !heed_init_fill(init, heed_store_seed(store), full, &entry->tensor->view, &error))
            heed_store_drop_last(store); /* another graph must not find it, half begun */
        if (error.set) return heed_graph_fail(graph, "parameter '%s': %s", full, error.text);
    }
    const heed_view *view = &entry->tensor->view;
    char has[HEED_SHAPE_TEXT], asked[HEED_SHAPE_TEXT];
    if (!heed_shape_equal(&view->shape, shape))
        return heed_graph_fail(graph, "parameter '%s' has shape %s in the store; asked for is %s",
                               full, heed_shape_print(&view->shape, has, sizeof has),
                               heed_shape_print(shape, asked, sizeof asked));
    if (view->dtype != graph->options.dtype)
        return heed_graph_fail(graph, "parameter '%s' is %s in the store; the graph is %s", full,
                               heed_dtype_name(view->dtype), heed_dtype_name(graph->options.dtype));
    return heed_entry_node(graph, entry);
}

heed_node *heed_param_shaped(heed_scope *scope, const char *name, heed_init init, heed_shape shape)
{
    return entry_of(scope, name, HEED_PARAMETER, &init, &shape);
}

heed_node *heed_state_shaped(heed_scope *scope, const char *name, heed_init init, heed_shape shape)
{
    return entry_of(scope, name, HEED_STATE, &init, &shape);
}

heed_node *heed_moment_shaped(heed_scope *scope, const char *name, heed_init init, heed_shape shape)
{
    return entry_of(scope, name, HEED_MOMENT, &init, &shape);
}

static bool is_trained(const heed_node *node)
{
    return heed_is_param(node) && node->entry->kind == HEED_PARAMETER;
}

static bool is_assignment(const heed_node *node)
{
    return node->op->flags & HEED_ASSIGNS;
}

static int list_nodes(const heed_graph *graph, bool (*belongs)(const heed_node *node),
                      heed_node **nodes, int room)
{
    int n = 0;
    for (int i = 0; i < graph->n_nodes; i++) {
        if (!belongs(graph->nodes[i])) continue;
        if (n < room) nodes[n] = graph->nodes[i];
        n++;
    }
    return n;
}

int heed_graph_params(const heed_graph *graph, heed_node **nodes, int room)
{
    return list_nodes(graph, is_trained, nodes, room);
}

int heed_graph_params_under(const heed_graph *graph, const char *prefix, heed_node **nodes,
                            int room)
{
    const size_t length = prefix ? strlen(prefix) : 0;
    int n = heed_graph_params(graph, nodes, room), kept = 0;
    for (int i = 0; i < n && i < room; i++)
        if (length == 0 || strncmp(nodes[i]->name, prefix, length) == 0) nodes[kept++] = nodes[i];
    return kept;
}

int heed_graph_assignments(const heed_graph *graph, heed_node **nodes, int room)
{
    return list_nodes(graph, is_assignment, nodes, room);
}

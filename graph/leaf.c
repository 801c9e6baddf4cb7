/* leaf.c - nodes without inputs: data, parameters, constants; and aux, a node's second value. */
#include <string.h>

#include "graph/internal.h"

const heed_op heed_op_input = {
    .name = "input",
    .doc = "Data given before each run.",
    .flags = HEED_LEAF,
};
const heed_op heed_op_parameter = {
    .name = "parameter",
    .doc = "An entry of the parameter store.",
    .flags = HEED_LEAF,
};
const heed_op heed_op_constant = {
    .name = "constant",
    .doc = "Data fixed when the graph is built.",
    .flags = HEED_LEAF,
};
const heed_op heed_op_full = {
    .name = "full",
    .doc = "A constant with all elements equal; takes no memory of its size.",
    .flags = HEED_LEAF,
    .attr_size = sizeof(double),
};
/* Not differentiable by itself: an operation that takes it may declare that it accounts for it. */
const heed_op heed_op_aux = {
    .name = "aux",
    .doc = "The statistic that input 0's kernel fills beside its value.",
    .n_in = 1,
    .flags = HEED_LEAF,
};

static heed_node *leaf(heed_graph *graph, const heed_op *op, heed_dtype dtype,
                       const heed_shape *shape)
{
    if (!graph || graph->error.set) return NULL;
    size_t bytes;
    for (int i = 0; i < shape->rank; i++)
        if (shape->dim[i] < 0)
            return heed_graph_fail(graph, "%s: dimension %d is negative (%lld)", op->name, i,
                                   (long long)shape->dim[i]);
    if (shape->rank < 0 || shape->rank > HEED_MAX_RANK)
        return heed_graph_fail(graph, "%s: rank %d is not in 0 .. %d", op->name, shape->rank,
                               HEED_MAX_RANK);
    if (!heed_count_checked(shape, heed_dtype_size(dtype), &bytes)) {
        char text[HEED_SHAPE_TEXT];
        return heed_graph_fail(graph, "%s: %s is larger than memory can address", op->name,
                               heed_shape_print(shape, text, sizeof text));
    }
    heed_node *node = heed_node_new(graph, op, 0);
    if (!node) return NULL;
    node->dtype = dtype;
    node->shape = *shape;
    return node;
}

heed_node *heed_input_shaped(heed_graph *graph, const char *name, heed_dtype dtype,
                             heed_shape shape)
{
    if (heed_graph_failed(graph)) return NULL;
    if (!name || !*name) return heed_graph_fail(graph, "input: a name is needed");
    for (int i = 0; i < graph->n_nodes; i++)
        if (heed_is_input(graph->nodes[i]) && strcmp(graph->nodes[i]->name, name) == 0)
            return heed_graph_fail(graph, "input: the name '%s' is taken", name);
    return heed_name(leaf(graph, &heed_op_input, dtype, &shape), name);
}

heed_node *heed_full_shaped(heed_graph *graph, heed_dtype dtype, heed_shape shape, double value)
{
    heed_node *node = leaf(graph, &heed_op_full, dtype, &shape);
    if (!node) return NULL;
    void *data = heed_graph_memory(graph, sizeof(double));
    if (!data) return NULL;
    heed_shape one = heed_scalar();
    heed_view view = heed_view_of(data, dtype, &one);
    heed_set(&view, 0, value);
    *(double *)node->attr = value;
    node->value = data;
    return node;
}

heed_node *heed_scalar_node(heed_graph *graph, double value)
{
    if (!graph) return NULL;
    return heed_full_shaped(graph, graph->options.dtype, heed_scalar(), value);
}

heed_node *heed_zeros_like(heed_node *x)
{
    return x ? heed_full_shaped(x->graph, x->dtype, x->shape, 0) : NULL;
}

heed_node *heed_ones_like(heed_node *x)
{
    return x ? heed_full_shaped(x->graph, x->dtype, x->shape, 1) : NULL;
}

heed_node *heed_constant_of(heed_graph *graph, const heed_view *value)
{
    heed_node *node = leaf(graph, &heed_op_constant, value->dtype, &value->shape);
    if (!node) return NULL;
    size_t bytes = (size_t)heed_count(&value->shape) * heed_dtype_size(value->dtype);
    void *data = heed_graph_memory(graph, bytes ? bytes : 1);
    if (!data) return NULL;
    heed_view copy = heed_view_of(data, value->dtype, &value->shape);
    heed_view_copy(&copy, value);
    node->value = data;
    return node;
}

heed_node *heed_entry_node(heed_graph *graph, heed_entry *entry)
{
    if (heed_graph_failed(graph) || !entry) return NULL;
    if (entry->store != graph->options.store)
        return heed_graph_fail(graph, "parameter '%s' belongs to another store", entry->name);
    if (entry->index >= graph->entry_room) {
        int room = entry->index * 2 + 64;
        heed_node **more = heed_resize(graph->entry_node, (size_t)graph->entry_room * sizeof *more,
                                       (size_t)room * sizeof *more);
        if (!more) return heed_graph_fail(graph, "no memory for parameter '%s'", entry->name);
        graph->entry_node = more;
        graph->entry_room = room;
    }
    heed_node **slot = &graph->entry_node[entry->index];
    if (*slot) return *slot;
    const heed_view *view = &entry->tensor->view;
    heed_node *node = leaf(graph, &heed_op_parameter, view->dtype, &view->shape);
    if (!node) return NULL;
    node->entry = entry;
    node->name = entry->name;
    return *slot = node;
}

heed_node *heed_aux(heed_node *y)
{
    if (!y) return NULL;
    if (!y->has_aux) return heed_graph_fail(y->graph, "aux: %s fills no statistic", y->op->name);
    heed_node *node = heed_node_new(y->graph, &heed_op_aux, 1);
    if (!node) return NULL;
    node->in[0] = y;
    node->dtype = y->aux_dtype;
    node->shape = y->aux_shape;
    return node;
}

bool heed_is_input(const heed_node *node)
{
    return node->op == &heed_op_input;
}
bool heed_is_param(const heed_node *node)
{
    return node->op == &heed_op_parameter;
}

bool heed_is_constant(const heed_node *node)
{
    return node->op == &heed_op_constant || node->op == &heed_op_full;
}

bool heed_is_filled_with(const heed_node *node, double *value)
{
    if (node->op != &heed_op_full) return false;
    *value = *(const double *)node->attr;
    return true;
}

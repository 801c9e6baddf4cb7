/* Evaluate a graph node by node: each node gets a graph of its own whose inputs are the values of
 * its inputs. Nothing is shared with the passes but the kernels, so whatever the compiler does to
 * the order, the memory or the strides of the whole graph can be compared with this. */
#include "tests/graph_naive.h"

#include <stdio.h>

typedef struct naive {
    heed_tensor **value; /* by id; NULL: not needed */
    heed_tensor **aux;
} naive;

static heed_tensor *tensor_like(heed_dtype dtype, const heed_shape *shape)
{
    heed_error error = { .set = false };
    heed_tensor *tensor = heed_tensor_new(dtype, shape, &error);
    cr_assert_not_null(tensor, "%s", error.text);
    return tensor;
}

static heed_tensor *leaf_value(const heed_node *node)
{
    heed_tensor *tensor = tensor_like(node->dtype, &node->shape);
    double fill;
    if (heed_is_filled_with(node, &fill)) {
        heed_view_fill(&tensor->view, fill);
    } else if (heed_is_constant(node)) {
        heed_view from = heed_view_of((void *)(uintptr_t)node->value, node->dtype, &node->shape);
        heed_view_copy(&tensor->view, &from);
    } else if (heed_is_param(node)) {
        heed_view_copy(&tensor->view, &node->entry->tensor->view);
    }
    return tensor; /* inputs are filled by the caller */
}

/* The node's op on the values of its inputs, which are listed without repetition. */
static void run_alone(naive *all, const heed_node *node)
{
    heed_graph *g = heed_graph_new(.dtype = heed_graph_dtype(node->graph), .training = true);
    heed_node **in = heed_alloc_array((size_t)node->n_in + 1, sizeof *in), *outputs[2];
    char name[24];
    for (int i = 0; i < node->n_in; i++) {
        snprintf(name, sizeof name, "in%d", i);
        in[i] = heed_input_shaped(g, name, node->in[i]->dtype, node->in[i]->shape);
    }
    outputs[0] = heed_apply(node->op, node->attr, node->n_in, in);
    cr_assert_not_null(outputs[0], "%s", heed_why(g));
    if (node->has_aux) outputs[1] = heed_aux(outputs[0]);
    heed_program *p = heed_compile(g, outputs, node->has_aux ? 2 : 1, .threads = 1,
                                   .passes = "none", .fill_nan = true);
    cr_assert_not_null(p, "%s", heed_why(g));
    for (int i = 0; i < node->n_in; i++) {
        snprintf(name, sizeof name, "in%d", i);
        heed_view to = heed_program_input(p, name);
        heed_view_copy(&to, &all->value[node->in[i]->id]->view);
    }
    cr_assert(heed_program_run(p));
    heed_view y = heed_program_output(p, 0);
    all->value[node->id] = tensor_like(node->dtype, &node->shape);
    heed_view_copy(&all->value[node->id]->view, &y);
    if (node->has_aux) {
        heed_view aux = heed_program_output(p, 1);
        all->aux[node->id] = tensor_like(node->aux_dtype, &node->aux_shape);
        heed_view_copy(&all->aux[node->id]->view, &aux);
    }
    heed_program_free(p);
    heed_graph_free(g);
    heed_free(in);
}

static void evaluate(naive *all, const heed_node *node, heed_program *filled)
{
    if (heed_is_input(node)) {
        all->value[node->id] = leaf_value(node);
        heed_view from = heed_program_input(filled, node->name);
        heed_view_copy(&all->value[node->id]->view, &from);
    } else if (strcmp(node->op->name, "aux") == 0) {
        all->value[node->id] = tensor_like(node->dtype, &node->shape);
        heed_view_copy(&all->value[node->id]->view, &all->aux[node->in[0]->id]->view);
    } else if (node->op->flags & HEED_LEAF) {
        all->value[node->id] = leaf_value(node);
    } else {
        run_alone(all, node);
    }
}

kit_values naive_run(heed_graph *graph, heed_node *const *outputs, int n)
{
    int size = heed_graph_size(graph);
    naive all = { heed_alloc_array((size_t)size, sizeof(heed_tensor *)),
                  heed_alloc_array((size_t)size, sizeof(heed_tensor *)) };
    bool *live = heed_alloc((size_t)size + 1);
    heed_program *filled = heed_compile(graph, outputs, n, .threads = 1); /* for its inputs */
    cr_assert(filled && all.value && all.aux && live);
    kit_fill(filled, graph, 1);
    for (int k = 0; k < n; k++) live[outputs[k]->id] = true;
    for (int id = size - 1; id >= 0; id--)
        for (int i = 0; live[id] && i < heed_graph_node(graph, id)->n_in; i++)
            live[heed_graph_node(graph, id)->in[i]->id] = true;
    for (int id = 0; id < size; id++)
        if (live[id]) evaluate(&all, heed_graph_node(graph, id), filled);
    kit_values values = { NULL, 0 };
    for (int k = 0; k < n; k++) values.n += heed_count(&outputs[k]->shape);
    values.value = heed_alloc_array((size_t)values.n + 1, sizeof *values.value);
    int64_t at = 0;
    for (int k = 0; k < n; k++)
        for (int64_t i = 0; i < heed_count(&outputs[k]->shape); i++)
            values.value[at++] = heed_get(&all.value[outputs[k]->id]->view, i);
    for (int id = 0; id < size; id++) {
        heed_tensor_free(all.value[id]);
        heed_tensor_free(all.aux[id]);
    }
    heed_program_free(filled);
    heed_free(all.value);
    heed_free(all.aux);
    heed_free(live);
    return values;
}

/* internal.h - what graph/'s own files share and nobody else sees. */
#ifndef HEED_GRAPH_INTERNAL_H
#define HEED_GRAPH_INTERNAL_H

#include "graph/graph.h"
#include "graph/op.h"
#include "graph/store.h"
#include "tensor/memory.h"

struct heed_graph {
    heed_arena arena;
    heed_graph_options options;
    heed_error error;
    heed_node **nodes;
    int n_nodes, room;
    int located; /* nodes with smaller ids know their line already */
    int n_salts;
    heed_graph *children, *sibling; /* bodies of loops, freed with it */
    heed_node **entry_node;         /* the leaf of each store entry, by the entry's index */
    int entry_room;
};

extern const heed_op heed_op_input, heed_op_parameter, heed_op_constant, heed_op_full, heed_op_aux,
    heed_op_slot;

/* A new node, appended to `graph`, with room for n_in inputs and op->attr_size bytes of attr;
 * NULL without memory (the graph then says so). */
heed_node *heed_node_new(heed_graph *graph, const heed_op *op, int n_in);

/* Copy of `node` in another graph with other inputs: same op, attr, shape, dtype, name, line. */
heed_node *heed_node_clone(heed_graph *graph, const heed_node *node, heed_node *const *in);

/* Descriptor's bit i in a mask that stops at 31 (the last bit stands for all further inputs). */
static inline bool heed_bit(unsigned mask, int i)
{
    return (mask >> (i < 31 ? i : 31)) & 1u;
}

/* The dtype that selects a node's kernel variant. */
heed_dtype heed_kernel_dtype(const heed_node *node);

double heed_node_flops(const heed_node *node);

/* Of the node's value, dense. */
static inline size_t heed_node_bytes(const heed_node *node)
{
    return (size_t)heed_count(&node->shape) * heed_dtype_size(node->dtype);
}

/* Does the op read and write memory itself, with a kernel or a body? (Tiles, views, leaves do
 * not.) */
static inline bool heed_works_on_memory(const heed_op *op)
{
    return op->kernel || op->body;
}

/* The entry that was added last is taken back. */
void heed_store_drop_last(heed_store *store);

#endif

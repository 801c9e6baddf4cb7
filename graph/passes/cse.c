/* cse.c - two nodes with equal operation, inputs and attributes are one. */
#include <string.h>

#include "graph/plan.h"
#include "tensor/rng.h"

static uint64_t hash_of(const heed_node *node)
{
    uint64_t hash = heed_hash(&node->op, sizeof node->op, (uint64_t)node->n_in);
    for (int i = 0; i < node->n_in; i++)
        hash = heed_hash(&node->in[i]->id, sizeof node->in[i]->id, hash);
    if (node->attr) hash = heed_hash(node->attr, node->op->attr_size, hash);
    return hash;
}

static bool equal(const heed_node *a, const heed_node *b)
{
    if (a->op != b->op || a->n_in != b->n_in || a->dtype != b->dtype) return false;
    if (!heed_shape_equal(&a->shape, &b->shape)) return false;
    for (int i = 0; i < a->n_in; i++)
        if (a->in[i] != b->in[i]) return false;
    return !a->attr || memcmp(a->attr, b->attr, a->op->attr_size) == 0;
}

static bool grow(heed_cse *cse, heed_graph *graph)
{
    int size = cse->size ? cse->size * 2 : 1024;
    int *table = heed_alloc_array((size_t)size, sizeof *table);
    if (!table) return false;
    for (int i = 0; i < cse->size; i++) {
        if (!cse->table[i]) continue;
        uint64_t at = hash_of(graph->nodes[cse->table[i] - 1]);
        while (table[at & (uint64_t)(size - 1)]) at++;
        table[at & (uint64_t)(size - 1)] = cse->table[i];
    }
    heed_free(cse->table);
    cse->table = table;
    cse->size = size;
    return true;
}

heed_node *heed_cse_find(heed_cse *cse, heed_node *node)
{
    const heed_op *op = node->op;
    if (op->writes || (op->flags & HEED_IMPURE)) return node;
    if ((op->flags & HEED_LEAF) && op != &heed_op_full && op != &heed_op_aux) return node;
    if (cse->used * 2 >= cse->size && !grow(cse, node->graph))
        return heed_graph_fail(node->graph, "no memory to compile");
    uint64_t at = hash_of(node);
    for (;; at++) {
        int *slot = &cse->table[at & (uint64_t)(cse->size - 1)];
        if (!*slot) {
            *slot = node->id + 1;
            cse->used++;
            return node;
        }
        heed_node *other = node->graph->nodes[*slot - 1];
        if (equal(other, node)) return other;
    }
}

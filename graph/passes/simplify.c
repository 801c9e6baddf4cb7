/* simplify.c - algebra that each operation knows about itself: x * 1 -> x. */
#include "graph/plan.h"

heed_node *heed_simplify(heed_node *node)
{
    return node->op->simplify ? node->op->simplify(node) : node;
}

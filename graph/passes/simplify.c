/* simplify.c - algebra that each operation knows about itself: x * 1 -> x. */
#include "graph/plan.h"

heed_node *heed_simplify(heed_node *node)
{
    enum { MOST = 16 }; /* a rule may return a node that another rule applies to */
    for (int i = 0; i < MOST && node && node->op->simplify; i++) {
        heed_node *simpler = node->op->simplify(node);
        if (simpler == node) break;
        node = simpler;
    }
    return node;
}

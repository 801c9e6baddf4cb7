/* graph_examples.h - small graphs of the kinds that models are made of, with their gradients. */
#ifndef HEED_TESTS_GRAPH_EXAMPLES_H
#define HEED_TESTS_GRAPH_EXAMPLES_H

#include "heed.h"

enum { EXAMPLE_OUTPUTS = 24 };

typedef struct graph_example {
    const char *name;
    /* Build in `graph`, which has a store and is for training. return: how many outputs, 0 when
     * the graph has failed */
    int (*build)(heed_graph *graph, heed_node **outputs);
} graph_example;

const graph_example *graph_example_at(int index); /* NULL past the last */

#endif

/* graph_random_make.h - random graphs for comparisons; a seed makes the same one always. */
#ifndef HEED_TESTS_GRAPH_RANDOM_MAKE_H
#define HEED_TESTS_GRAPH_RANDOM_MAKE_H

#include "heed.h"

enum { RANDOM_OUTPUTS = 24 };

/* Build in an empty graph (f32 or f64, for training; with a store): operations of the registry on
 * their samples' shapes, elementwise mixtures with broadcasting, views, reductions; gradients, of
 * second order too in every fourth.
 * return: how many outputs; 0 when the graph has failed */
int random_graph_make(heed_graph *graph, uint64_t seed, heed_node **outputs);

#endif

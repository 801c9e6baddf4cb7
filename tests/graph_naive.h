/* graph_naive.h - the slowest interpreter: every node is a program of its own. */
#ifndef HEED_TESTS_GRAPH_NAIVE_H
#define HEED_TESTS_GRAPH_NAIVE_H

#include "tests/graph_kit.h"

/* As kit_run() with all passes off, but each node is compiled alone, with dense inputs. */
kit_values naive_run(heed_graph *graph, heed_node *const *outputs, int n);

#endif

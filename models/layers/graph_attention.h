/* graph_attention.h - attention of nodes over their neighbours in a graph, and linear layers of
 * sparse features; layers.h includes it. */
#ifndef HEED_MODELS_LAYERS_GRAPH_ATTENTION_H
#define HEED_MODELS_LAYERS_GRAPH_ATTENTION_H

#include "graph/graph.h"
#include "graph/store.h"

/* Rows of mostly zeros: row r has `values` in `columns` (i32 [E]) from row_offsets[r] (i32 [n + 1])
 * on. values are [E]; or [E, H], others for each of H heads. */
typedef struct heed_sparse_rows {
    heed_node *values, *row_offsets, *columns;
    int64_t width; /* columns there are */
} heed_sparse_rows;

/* x W: [n, in] -> [n, width], "name/weight" W [in, width]; default Glorot. Of H heads, each has its
 * own width / H columns of W. */
heed_node *heed_sparse_linear(heed_scope *scope, const char *name, heed_sparse_rows x,
                              int64_t width, heed_init weight);

/* Edge e goes from node from[e] to node to[e], i32 [E], of n nodes. */
typedef struct heed_edges {
    heed_node *from, *to;
    int64_t nodes;
} heed_edges;

typedef struct heed_graph_attention_options {
    int defaults;
    double slope;         /* of the LeakyReLU below 0; 0 means 0.2 */
    double dropout;       /* of a, in training */
    double value_dropout; /* of the v that are listened to, in training; scores see all of v */
    bool constant;        /* a_ij = 1 / neighbours of i, without parameters */
    bool recompute;       /* keep nothing for each edge: the reverse pass computes it anew */
    heed_node **weights;  /* where to put a [E, H]; NULL: nowhere */
} heed_graph_attention_options;

/* Each node listens to its neighbours j -> i, in each of H heads:
 *   y_i = sum_j a_ij v_j,  a_ij = softmax_j(LeakyReLU(to . v_i + from . v_j))
 * v [n, H, d] -> [n, H, d]; parameters "name/to", "name/from" [H, d]. A node without edges hears
 * nothing: 0. Velickovic et al. 2018, eq. 1-4; time and memory are linear in edges. */
heed_node *heed_graph_attention_with(heed_scope *scope, const char *name, heed_node *v,
                                     heed_edges edges, heed_graph_attention_options options);
#define heed_graph_attention(scope, name, v, edges, ...) \
    HEED_AT(                                             \
        heed_graph_attention_with(scope, name, v, edges, \
                                  (heed_graph_attention_options){ .defaults = 0, __VA_ARGS__ }))

#ifndef HEED_NO_LOCATIONS
#define heed_sparse_linear(...) HEED_AT(heed_sparse_linear(__VA_ARGS__))
#endif
#endif

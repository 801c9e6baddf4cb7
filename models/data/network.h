/* network.h - nodes that are joined by edges, with sparse features, labels and a split: what node
 * classification learns from. (A heed_graph is a computation.) */
#ifndef HEED_MODELS_DATA_NETWORK_H
#define HEED_MODELS_DATA_NETWORK_H

#include "models/harness.h"

typedef struct heed_network {
    heed_arena memory;
    int64_t nodes, features, classes;
    int64_t edges;         /* every edge both ways, and a loop at each node */
    int32_t *from, *to;    /* [edges], sorted by `to`, then by `from`; each pair once */
    int32_t *row, *column; /* node i has features column[row[i]] .. column[row[i + 1] - 1] */
    int32_t *label;        /* [nodes]; -1: none */
    int32_t *member[3];    /* nodes of each heed_split, all labelled */
    int64_t members[3];
} heed_network;

void heed_network_free(heed_network *network); /* a zeroed one, too */

/* ---- from a folder ----
 *
 * meta.txt: "N E F NNZ C"; edges.txt: E lines "u v", undirected; labels.txt: N lines, -1 for none;
 * features.txt (absent when F is 0): N lines "k i1 .. ik"; split_planetoid.txt (if there is one):
 * "train n i1 .. in", then val, then test; without it heed_network_split() with 20 of each class.
 * Numbers count from 0. */
bool heed_network_read(heed_network *network, const char *folder, heed_error *error);

/* ---- generated ---- */

typedef struct heed_network_kind {
    int64_t nodes, edges, classes; /* edges that are drawn; equal ones become one */
    int64_t features, words;       /* a node has `words` of the features */
    int64_t per_class;             /* training nodes of each class */
    double within;                 /* blocks: share of a node's edges that stay in its block */
    double signal;                 /* blocks: share of a node's words that are its block's own */
    double general;                /* blocks: share of nodes that belong to no block */
} heed_network_kind;

/* Edges, features and labels know nothing of each other: for speed and memory. */
bool heed_network_random(heed_network *network, heed_rng *rng, const heed_network_kind *kind,
                         heed_error *error);
/* A stochastic block model with noisy words (Holland et al. 1983): each node's block is its class.
 * General nodes have no label, edges to anywhere, and half of their words are those of some block,
 * the others of their own: they mislead, but can be told by what they say. */
bool heed_network_blocks(heed_network *network, heed_rng *rng, const heed_network_kind *kind,
                         heed_error *error);
/* Give a network that has none `words` of `features` for each node, regardless of anything. */
bool heed_network_add_features(heed_network *network, heed_rng *rng, int64_t features,
                               int64_t words, heed_error *error);

/* ---- parts: what loaders and generators share ---- */

/* Zeros that live as long as the network. */
int32_t *heed_network_numbers(heed_network *network, int64_t n, heed_error *error);
/* Take `n` undirected edges u[k] - v[k], equal ones and loops among them. */
bool heed_network_connect(heed_network *network, const int32_t *u, const int32_t *v, int64_t n,
                          heed_error *error);
/* The first `per_class` nodes of each class are for training; of every three others with a label
 * the first is for validation, two are for evaluation. */
bool heed_network_split(heed_network *network, int64_t per_class, heed_error *error);

#endif

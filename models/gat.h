/* gat.h - what the files of the graph attention network share. */
#ifndef HEED_MODELS_GAT_H
#define HEED_MODELS_GAT_H

#include "models/data/network.h"

typedef struct gat {
    int64_t heads, hidden, out_heads, patience;
    double slope, dropout, value_dropout, attention_dropout, decay;
    bool constant, shared_dropout, recompute;
    int64_t nodes, edges, classes, features, words, per_class; /* of generated networks */
    double within, signal, general;
    int64_t node;
    heed_network network;
} gat;

/* Outputs of the attention graph. */
enum { GAT_FROM, GAT_TO, GAT_FIRST, GAT_SECOND, GAT_HIDDEN, GAT_LOGITS, GAT_OUTPUTS };

void gat_show(const void *own, heed_program *program, FILE *to);
heed_picture *gat_picture(const void *own, heed_program *program);

#endif

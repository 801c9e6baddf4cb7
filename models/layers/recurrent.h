/* recurrent.h - what the recurrent cells share. */
#ifndef HEED_MODELS_LAYERS_RECURRENT_H
#define HEED_MODELS_LAYERS_RECURRENT_H

#include "models/layers/layers.h"

/* "name/input" [in, width] and "name/recurrent" [hidden, width]; false: sizes are refused. */
bool heed_cell_weights(heed_scope *own, int64_t in, int64_t hidden, int64_t width,
                       heed_cell_options options, heed_node **input, heed_node **recurrent);

/* Columns k H .. (k + 1) H of x [B, .. H]. */
heed_node *heed_gate(heed_node *x, int64_t hidden, int k);

/* Step t of [T, B, width] as [B, width], and the number of steps. */
int64_t heed_cell_steps(heed_node *projected);

#endif

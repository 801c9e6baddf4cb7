/* recurrent.h - what the recurrent cells share. */
#ifndef HEED_MODELS_LAYERS_RECURRENT_H
#define HEED_MODELS_LAYERS_RECURRENT_H

#include "models/layers/layers.h"

/* "name/input" [in, width] and "name/recurrent" [hidden, width]; false: sizes are refused. */
bool heed_cell_weights(heed_scope *own, int64_t in, int64_t hidden, int64_t width,
                       heed_cell_options options, heed_node **input, heed_node **recurrent);

/* Columns k H .. (k + 1) H of x [B, .. H]. */
heed_node *heed_gate(heed_node *x, int64_t hidden, int k);

/* A cell's step on its own projection. */
typedef heed_state_pair heed_cell_step(const void *cell, heed_node *projected,
                                       heed_state_pair state);
/* All steps of projected [T, B, width]: every h, [T, B, H]; *state goes from first to last. */
heed_node *heed_cell_run(const void *cell, heed_cell_step *step, heed_node *projected,
                         heed_state_pair *state);
/* The same as a loop; has_c: the state has two parts. */
heed_node *heed_cell_scan(const void *cell, heed_cell_step *step, heed_node *projected,
                          int64_t hidden, bool has_c, heed_state_pair *state,
                          heed_sequence_options options);

#endif

/* ntm.h - what the files of the Neural Turing Machine share. */
#ifndef HEED_MODELS_NTM_H
#define HEED_MODELS_NTM_H

#include "models/data/sequences.h"
#include "models/picture.h"

typedef enum ntm_controller { NTM_USUAL, NTM_LSTM, NTM_FEEDFORWARD } ntm_controller;

typedef struct ntm {
    heed_range length, repeats, items; /* 0: not given; see ntm_settle() */
    heed_range test_length, test_repeats, test_items;
    int64_t answers, bits;
    int64_t hidden, heads, slots, width, shifts;
    int controller, start;
    double size;
    double strength, gate, hold, write_cost;
    bool alike, together;
    bool no_memory;
    heed_sequences train, test; /* what comes of the options above */
} ntm;

/* Names of the inputs: of training's graph, and of those that see --test-.. lengths. */
enum { NTM_X, NTM_TARGET, NTM_ASKED, NTM_COUNT };
extern const char *const ntm_training[], *const ntm_testing[];

/* Outputs of the attention graph. */
enum { NTM_READING, NTM_WRITING, NTM_FOUND, NTM_ADDED, NTM_ANSWER, NTM_GIVEN, NTM_SEEN };

bool ntm_settle(void *own, heed_settings *settings, heed_error *error); /* ntm_settle.c */
void ntm_show(const void *own, heed_program *program, FILE *to);        /* ntm_draw.c */
heed_picture *ntm_picture(const void *own, heed_program *program);

#endif

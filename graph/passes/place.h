/* place.h - the decision to compute values where concat wants them. */
#ifndef HEED_GRAPH_PASSES_PLACE_H
#define HEED_GRAPH_PASSES_PLACE_H

#include "graph/plan.h"

typedef struct heed_place {
    int buffer;                /* -1: a buffer of its own */
    heed_view view;            /* where in `buffer` */
    bool elided;               /* all inputs are placed: nothing to run */
    struct heed_place *copies; /* elided: per input, where a copy must go (buffer -1: placed) */
} heed_place;

/* One heed_place for every node of p->work, in the arena; NULL with the error set. */
heed_place *heed_places(heed_program *p, const bool *live, char *base, heed_arena *arena);

#endif

/* space.h - the iteration space of an elementwise instruction, and how reductions sweep it.
 *
 * All values of an instruction have equally many elements in the same order, though perhaps under
 * several shapes (reshapes between them). The space is their common refinement: [6, 4] and [24] and
 * [3, 2, 4] are walked as [3, 2, 4]. It has no axes of size 1. Everything here follows from shapes
 * only. */
#ifndef HEED_GRAPH_SPACE_H
#define HEED_GRAPH_SPACE_H

#include "graph/internal.h"

enum {
    HEED_MOST_ENDS = 8,   /* reductions at the end of an instruction */
    HEED_LONG_ROW = 64,   /* shorter innermost axes are gathered, several rows to a tile */
    HEED_MOST_TILE = 1024 /* elements of a tile */
};

/* The space of one shape; refined by another of as many elements. false: none fits both. */
heed_shape heed_space_of(const heed_shape *shape);
bool heed_space_join(heed_shape *space, const heed_shape *shape);

/* axis[d]: the axis of `shape` that axis d of the space is (a part of). */
void heed_space_axes(const heed_shape *space, const heed_shape *shape, int *axis);
/* Strides over the space, of a value with `shape` and `stride`. */
void heed_space_strides(const heed_shape *space, const heed_shape *shape, const int64_t *stride,
                        int64_t *out);
/* Bit d: axis d of the space is reduced. */
unsigned heed_space_reduced(const heed_shape *space, const heed_node *reduction);

/* Can a reduction over these axes end an instruction? Not of runs so short that a tile would hold
 * next to nothing. */
bool heed_reduction_fits(const heed_shape *space, unsigned mask);

/* How an instruction with reductions goes through its space: the outer axes, in steps that work
 * units are made of, then the others; the innermost axis stays where it is. A result belongs to one
 * step. A reduction over outer axes too is `crossing`: each unit has partial results of all of it,
 * which are joined when all units are done. */
typedef struct heed_sweep {
    int order[HEED_MAX_RANK]; /* axes of the space, from outside in */
    int64_t outer;            /* steps */
    bool all_crossing;        /* units are any runs of tiles */
    bool gathers;             /* tiles may hold several rows: all reduce the same axes */
    bool chunked;             /* the innermost axis is kept by all: units may divide it, too */
    unsigned crossing;        /* bit e: of end e */
    int64_t most_units;
    int64_t partial; /* numbers that a unit leaves behind */
} heed_sweep;

/* mask[e]: what end e reduces, as heed_space_reduced() says. false: such a sweep would be slow (too
 * few units, too many results at a time, too short runs). One of a reduction that fits is possible
 * all the same. */
bool heed_sweep_plan(const heed_shape *space, const unsigned *mask, int n, heed_sweep *sweep);

#endif

/* gradcheck.h - are the reverse rules right? Numerical differentiation, in double precision.
 *
 * An op is checked on each of its samples, for each non-empty subset of its differentiable inputs:
 * random inputs, a random cotangent r, outputs pre-filled with NaN; d<r, y>/dx by the graph against
 * central differences (fourth-order stencil). Order 2 checks the gradient graph itself the same
 * way. A NaN fails; so does a check that compared nothing. */
#ifndef HEED_GRAPH_GRADCHECK_H
#define HEED_GRAPH_GRADCHECK_H

#include "graph/op.h"
#include "graph/program.h"

typedef struct heed_gradcheck_options {
    double tolerance; /* 0 means 1e-6: |a - n| <= tolerance * max(1, |a|, |n|) */
    int order;        /* 1 or 2; 0 means both (2 where the op's gradient is differentiable) */
    uint64_t seed;
    const char *prefix; /* of a loss: check only parameters whose names begin so; NULL: all */
} heed_gradcheck_options;

typedef struct heed_gradcheck_result {
    bool passed;
    int samples, subsets;
    long compared;    /* numbers compared, first and second order */
    double worst[2];  /* worst relative error, first and second order; 0 when not checked */
    char where[200];  /* of the worst: "sample 3, order 1, inputs {0,2}, d/d input 2 [5]" */
    char second[300]; /* why order 2 was not checked; "" when it was */
    char why[600];    /* when not passed: what failed, with the graph's sentence if it has one */
} heed_gradcheck_result;

/* All samples of one op. An op that is not differentiable is checked to run and to be refused. */
heed_gradcheck_result heed_gradcheck_op(const heed_op *op, heed_gradcheck_options options);

/* A graph that the caller builds, f64: `loss` is one number, checked against each parameter in the
 * graph's store (at most `most` elements of each, spread evenly; 0: all). `fill` writes the
 * program's inputs before every run (the same values each time). */
heed_gradcheck_result heed_gradcheck_loss(heed_node *loss, int most,
                                          void (*fill)(void *context, heed_program *program),
                                          void *context, heed_gradcheck_options options);

#endif

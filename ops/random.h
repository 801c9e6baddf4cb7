/* random.h - what the random operations share: attributes, shape rule, units, making noise. */
#ifndef HEED_OPS_RANDOM_H
#define HEED_OPS_RANDOM_H

#include "graph/op.h"

/* Counters that run through the rounds of Philox side by side; elements that a block of so many
 * counters of four words makes. */
#define HEED_RANDOM_LANES 256
#define HEED_RANDOM_BLOCK (4 * HEED_RANDOM_LANES)

typedef struct heed_random_attr {
    double a, b;   /* uniform: low, high; normal: mean, deviation; else 0 */
    uint32_t salt; /* one for each builder call: tells a graph's random nodes apart */
    uint32_t unused;
} heed_random_attr;

/* Of noise: input 0 gives shape and dtype only; a unit is several blocks. */
bool heed_noise_infer(heed_infer *infer);
int64_t heed_noise_units(const heed_call *call);
bool heed_noise_sample(int k, heed_sample *sample, double a, double b);
double heed_noise_flops(const heed_node *node);

/* Refuse more elements than there are counters. */
bool heed_need_random_count(heed_infer *infer, const heed_shape *shape);

/* A node of `op`: noise of the given dtype and shape. */
heed_node *heed_noise(const heed_op *op, heed_graph *graph, heed_dtype dtype, heed_shape shape,
                      double a, double b);

#define HEED_NOISE_BLOCKS_PER_UNIT 8

#endif

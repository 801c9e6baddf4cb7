/* rng.h - random numbers as a function of a counter: Philox4x32-10.
 * Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3".
 *
 * A stream is (seed, stream). Element i of it is the same whoever asks, in whatever order: bits do
 * not depend on threads, and a resumed run goes on where it stopped. */
#ifndef HEED_TENSOR_RNG_H
#define HEED_TENSOR_RNG_H

#include <stdint.h>

#include "tensor/tensor.h"

/* Ten rounds: 128-bit counter, 64-bit key -> 128 random bits. */
void heed_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

typedef struct heed_rng {
    uint64_t seed;
    uint64_t stream;   /* independent sequences of one seed: a name's hash, a step, ... */
    uint64_t position; /* next 32-bit word of the stream                              */
} heed_rng;

heed_rng heed_rng_new(uint64_t seed, uint64_t stream);
uint64_t heed_hash(const void *bytes, size_t size, uint64_t seed); /* to make streams from names */

uint32_t heed_random(heed_rng *rng);                   /* 32 bits, advances by one word */
double heed_random_uniform(heed_rng *rng);             /* [0, 1), 53 bits, two words    */
double heed_random_normal(heed_rng *rng);              /* mean 0, variance 1, four words */
uint32_t heed_random_below(heed_rng *rng, uint32_t n); /* 0 .. n - 1, unbiased         */

/* Fill a dense view, f32 or f64 (i32 too for Bernoulli). Each advances the generator, by one word
 * per element (two for uniform and normal f64; normal rounds an odd count of elements up).
 * Uniform is in [low, high); Bernoulli writes 1 with the given probability, else 0. */
void heed_fill_uniform(heed_rng *rng, const heed_view *view, double low, double high);
void heed_fill_normal(heed_rng *rng, const heed_view *view, double mean, double deviation);
void heed_fill_bernoulli(heed_rng *rng, const heed_view *view, double probability);
void heed_permutation(heed_rng *rng, int32_t *order, int32_t n); /* 0 .. n - 1, shuffled */

#endif

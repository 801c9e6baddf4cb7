/* rng.c - Philox4x32-10 and single draws.
 *
 * Word w of stream s under a seed is word w % 4 of the block with
 *     counter = { low(w / 4), high(w / 4), low(s), high(s) },  key = { low(seed), high(seed) }.
 * Nothing else is state, so words may be computed in any order, by any thread. */
#include "tensor/rng.h"

#include <math.h>

#define MULTIPLIER_0 0xD2511F53u
#define MULTIPLIER_1 0xCD9E8D57u
#define WEYL_0 0x9E3779B9u /* golden ratio: steps of the key */
#define WEYL_1 0xBB67AE85u /* sqrt(3) - 1                    */
#define TWO_PI 6.283185307179586476925286766559

void heed_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t a = counter[0], b = counter[1], c = counter[2], d = counter[3];
    uint32_t key_0 = key[0], key_1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p = (uint64_t)MULTIPLIER_0 * a;
        uint64_t q = (uint64_t)MULTIPLIER_1 * c;
        a = (uint32_t)(q >> 32) ^ b ^ key_0;
        b = (uint32_t)q;
        c = (uint32_t)(p >> 32) ^ d ^ key_1;
        d = (uint32_t)p;
        key_0 += WEYL_0;
        key_1 += WEYL_1;
    }
    out[0] = a;
    out[1] = b;
    out[2] = c;
    out[3] = d;
}

heed_rng heed_rng_new(uint64_t seed, uint64_t stream)
{
    return (heed_rng){ .seed = seed, .stream = stream, .position = 0 };
}

/* FNV-1a, then the finalizer of splitmix64 so that every bit of the result depends on all bytes. */
uint64_t heed_hash(const void *bytes, size_t size, uint64_t seed)
{
    const unsigned char *at = bytes;
    uint64_t h = 0xCBF29CE484222325u ^ (seed * 0x9E3779B97F4A7C15u);
    for (size_t i = 0; i < size; i++) h = (h ^ at[i]) * 0x100000001B3u;
    h = (h ^ (h >> 30)) * 0xBF58476D1CE4E5B9u;
    h = (h ^ (h >> 27)) * 0x94D049BB133111EBu;
    return h ^ (h >> 31);
}

static void block_at(const heed_rng *rng, uint64_t position, uint32_t out[4])
{
    uint64_t block = position / 4;
    uint32_t counter[4] = { (uint32_t)block, (uint32_t)(block >> 32), (uint32_t)rng->stream,
                            (uint32_t)(rng->stream >> 32) };
    uint32_t key[2] = { (uint32_t)rng->seed, (uint32_t)(rng->seed >> 32) };
    heed_philox(counter, key, out);
}

/* The next n words, n <= 4: they lie in at most two blocks. */
static void take(heed_rng *rng, int n, uint32_t *words)
{
    uint32_t block[8];
    int first = (int)(rng->position % 4);
    block_at(rng, rng->position, block);
    if (first + n > 4) block_at(rng, rng->position + 4, block + 4);
    for (int i = 0; i < n; i++) words[i] = block[first + i];
    rng->position += (uint64_t)n;
}

static uint64_t bits_53(const uint32_t *words)
{
    return ((uint64_t)words[0] << 32 | words[1]) >> 11;
}

uint32_t heed_random(heed_rng *rng)
{
    uint32_t word;
    take(rng, 1, &word);
    return word;
}

double heed_random_uniform(heed_rng *rng)
{
    uint32_t words[2];
    take(rng, 2, words);
    return (double)bits_53(words) * 0x1p-53;
}

/* Box-Muller: z = sqrt(-2 ln u) cos(2 pi v), u in (0, 1], v in [0, 1). */
double heed_random_normal(heed_rng *rng)
{
    uint32_t words[4];
    take(rng, 4, words);
    double u = (double)(bits_53(words) + 1) * 0x1p-53;
    double v = (double)bits_53(words + 2) * 0x1p-53;
    return sqrt(-2.0 * log(u)) * cos(TWO_PI * v);
}

/* Lemire 2019, "Fast random integer generation in an interval": the high half of word * n, with
 * words drawn again while the low half is among the 2^32 mod n surplus ones. */
uint32_t heed_random_below(heed_rng *rng, uint32_t n)
{
    if (n == 0) return 0;
    uint64_t product = (uint64_t)heed_random(rng) * n;
    if ((uint32_t)product < n) {
        uint32_t surplus = (0u - n) % n;
        while ((uint32_t)product < surplus) product = (uint64_t)heed_random(rng) * n;
    }
    return (uint32_t)(product >> 32);
}

void heed_permutation(heed_rng *rng, int32_t *order, int32_t n)
{
    for (int32_t i = 0; i < n; i++) order[i] = i;
    for (int32_t i = n - 1; i > 0; i--) { /* Fisher-Yates */
        int32_t j = (int32_t)heed_random_below(rng, (uint32_t)i + 1);
        int32_t swapped = order[i];
        order[i] = order[j];
        order[j] = swapped;
    }
}

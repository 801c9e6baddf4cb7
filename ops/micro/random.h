/* random.h - random vectors; for the stamped part of kernel files only.
 *
 * Element e = 1024 b + 256 w + j of a node takes word w of
 *     heed_philox({ 256 b + j, salt, low(step), high(step) }, { low(seed), high(seed) });
 * f64 takes 32 more bits from the counter 2^31 + 256 b + j, so f32 and f64 draw the same numbers
 * but for rounding. A normal pair takes the two words w and w + 2 of one counter. */
#ifndef HEED_OPS_MICRO_RANDOM_H
#define HEED_OPS_MICRO_RANDOM_H

#include <string.h>

#include "ops/common.h"
#include "ops/micro/vector_functions.h"
#include "ops/random.h"

/* Ten rounds as in tensor/rng.c, on HEED_RANDOM_LANES counters with first words first, first + 1,
 * ...; word w of counter j to word[w * HEED_RANDOM_LANES + j]. Left to themselves, compilers
 * multiply all 64 bits for products of 32. */
#if defined(__AVX512F__) && HEED_VECTOR_BYTES == 64
enum { WORDS = 16 };
typedef __m512i word_vec;

/* Products of 32 bits each, in even lanes, then in odd ones; put together into halves. */
static inline void wide_products(word_vec a, word_vec by, word_vec *high, word_vec *low)
{
    const word_vec even = _mm512_mul_epu32(a, by);
    const word_vec odd = _mm512_mul_epu32(_mm512_srli_epi64(a, 32), by);
    *high = _mm512_mask_shuffle_epi32(odd, 0x5555, even, _MM_PERM_CDAB);
    *low = _mm512_mask_shuffle_epi32(even, 0xAAAA, odd, _MM_PERM_CDAB);
}
#elif defined(__AVX2__) && HEED_VECTOR_BYTES == 32
enum { WORDS = 8 };
typedef __m256i word_vec;

static inline void wide_products(word_vec a, word_vec by, word_vec *high, word_vec *low)
{
    const word_vec even = _mm256_mul_epu32(a, by);
    const word_vec odd = _mm256_mul_epu32(_mm256_srli_epi64(a, 32), by);
    *high = _mm256_blend_epi32(_mm256_shuffle_epi32(even, 0xB1), odd, 0xAA);
    *low = _mm256_blend_epi32(even, _mm256_shuffle_epi32(odd, 0xB1), 0xAA);
}
#else
enum { WORDS = 4 };
typedef uint32_t word_vec __attribute__((vector_size(WORDS * sizeof(uint32_t))));

static inline void wide_products(word_vec a, word_vec by, word_vec *high, word_vec *low)
{
    for (int l = 0; l < WORDS; l++) {
        const uint64_t product = (uint64_t)a[l] * by[l];
        (*high)[l] = (uint32_t)(product >> 32);
        (*low)[l] = (uint32_t)product;
    }
}
#endif
typedef uint32_t word_lanes __attribute__((vector_size(WORDS * sizeof(uint32_t))));

static inline word_vec all_words(uint32_t word)
{
    return (word_vec)(word - (word_lanes){ 0 });
}

static inline void philox_lanes(uint32_t first, const uint32_t rest[3], const uint32_t key[2],
                                uint32_t *word)
{
    enum { SIDE_BY_SIDE = 2 }; /* rounds wait for each other, counters do not */
    word_lanes number = { 0 };
    for (int l = 0; l < WORDS; l++) number[l] = (uint32_t)l;
    const word_vec by_a = all_words(0xD2511F53u), by_c = all_words(0xCD9E8D57u);
    for (uint32_t j = 0; j < HEED_RANDOM_LANES; j += SIDE_BY_SIDE * WORDS) {
        word_vec x[SIDE_BY_SIDE][4];
        uint32_t key_0 = key[0], key_1 = key[1];
        for (uint32_t k = 0; k < SIDE_BY_SIDE; k++) {
            x[k][0] = (word_vec)(number + (first + j + k * WORDS));
            for (int i = 1; i < 4; i++) x[k][i] = all_words(rest[i - 1]);
        }
        for (int round = 0; round < 10; round++) {
            const word_vec keys[2] = { all_words(key_0), all_words(key_1) };
            for (int k = 0; k < SIDE_BY_SIDE; k++) {
                word_vec *w = x[k], high_a, low_a, high_c, low_c;
                wide_products(w[0], by_a, &high_a, &low_a);
                wide_products(w[2], by_c, &high_c, &low_c);
                w[0] = high_c ^ w[1] ^ keys[0];
                w[1] = low_c;
                w[2] = high_a ^ w[3] ^ keys[1];
                w[3] = low_a;
            }
            key_0 += 0x9E3779B9u;
            key_1 += 0xBB67AE85u;
        }
        for (int k = 0; k < SIDE_BY_SIDE; k++)
            for (int i = 0; i < 4; i++)
                memcpy(word + i * HEED_RANDOM_LANES + j + k * WORDS, &x[k][i], sizeof x[k][i]);
    }
}

typedef struct random_words {
    uint32_t high[HEED_RANDOM_BLOCK];
    uint32_t low[HEED_RANDOM_BLOCK]; /* f64 only */
} random_words;

static inline void random_block(const heed_call *call, uint32_t salt, int64_t block,
                                random_words *words)
{
    const uint32_t key[2] = { (uint32_t)*call->seed, (uint32_t)(*call->seed >> 32) };
    const uint32_t rest[3] = { salt, (uint32_t)*call->step, (uint32_t)(*call->step >> 32) };
    const uint32_t first = (uint32_t)(block * HEED_RANDOM_LANES);
    philox_lanes(first, rest, key, words->high);
#ifdef HEED_STAMP_F64
    philox_lanes(first | 1u << 31, rest, key, words->low);
#endif
}

/* For elements k .. k + HEED_LANES - 1 of a block:
 *     vec_unit         uniform in [0, 1), a multiple of 2^-24 (f64: 2^-53)
 *     vec_turn         uniform in -pi .. pi
 *     vec_exponential  -log of a number uniform in (0, 1), a multiple of 2^-33 (f64: 2^-54). Near
 *                      both ends it is as exact as elsewhere: there the number counts from 1. */
#ifndef HEED_STAMP_F64

static inline vec vec_unit(const random_words *words, int64_t k)
{
    const ivec word = *(const ivec_u *)(words->high + k);
    return __builtin_convertvector(word >> 8 & 0xffffff, vec) * 0x1p-24f;
}

static inline vec vec_turn(const random_words *words, int64_t k)
{
    const ivec word = *(const ivec_u *)(words->high + k);
    return __builtin_convertvector(word, vec) * (3.14159265f * 0x1p-31f);
}

static inline vec vec_exponential(const random_words *words, int64_t k)
{
    const ivec word = *(const ivec_u *)(words->high + k);
    const ivec upper = word < 0; /* the number is above 1/2, and 1 - v */
    vec v = (__builtin_convertvector(word ^ upper, vec) + 0.5f) * 0x1p-32f;
    vec w = vec_select(upper, 1.0f - v, v);
    return -vec_log_with(w, vec_select(upper, -v - (w - 1.0f), vec_fill(0)));
}

static inline vec vec_sine_of(vec turn, int quarters)
{
    return vec_sine(turn, quarters);
}

#else

static inline uint64_t random_bits(const random_words *words, int64_t k)
{
    return ((uint64_t)words->high[k] << 32 | words->low[k]) >> 11;
}

static inline vec vec_unit(const random_words *words, int64_t k)
{
    vec y = { 0 };
    for (int l = 0; l < HEED_LANES; l++) y[l] = (double)random_bits(words, k + l) * 0x1p-53;
    return y;
}

static inline vec vec_turn(const random_words *words, int64_t k)
{
    vec u = vec_unit(words, k);
    u -= vec_select(u < 0.5, vec_fill(0), vec_fill(1)); /* as f32 reads the bits: with a sign */
    return u * 6.28318530717958647692;
}

static inline vec vec_exponential(const random_words *words, int64_t k)
{
    vec y = { 0 };
    for (int l = 0; l < HEED_LANES; l++) {
        const uint64_t bits = random_bits(words, k + l), upper = bits >> 52;
        const double v = ((double)(upper ? (1ull << 53) - 1 - bits : bits) + 0.5) * 0x1p-53;
        y[l] = -(upper ? log1p(-v) : log(v));
    }
    return y;
}

static inline vec vec_sine_of(vec turn, int quarters)
{
    for (int l = 0; l < HEED_LANES; l++) turn[l] = quarters ? cos(turn[l]) : sin(turn[l]);
    return turn;
}

#endif

/* Standard Gumbel noise, -log(-log u): a block. */
static inline void gumbel_block(const random_words *words, const heed_random_attr *attr, real *y)
{
    for (int64_t k = 0; k < HEED_RANDOM_BLOCK; k += HEED_LANES)
        vec_store(y + k, -vec_log(vec_exponential(words, k)));
}

/* Units of noise: out is dense, input 0 is not read. `make` fills one block; a name, so that it is
 * inlined. */
static inline __attribute__((always_inline)) void
noise_units(const heed_call *call, int64_t begin, int64_t end,
            void (*make)(const random_words *, const heed_random_attr *, real *))
{
    const heed_random_attr *attr = call->attr;
    const int64_t unit = HEED_RANDOM_BLOCK * HEED_NOISE_BLOCKS_PER_UNIT;
    const int64_t last = heed_smaller(end * unit, heed_count(&call->out.shape));
    real *y = call->out.data, part[HEED_RANDOM_BLOCK];
    random_words words;
    for (int64_t at = begin * unit; at < last; at += HEED_RANDOM_BLOCK) {
        random_block(call, attr->salt, at / HEED_RANDOM_BLOCK, &words);
        if (last - at >= HEED_RANDOM_BLOCK) {
            make(&words, attr, y + at);
        } else {
            make(&words, attr, part);
            memcpy(y + at, part, (size_t)(last - at) * sizeof *y);
        }
    }
}

#endif

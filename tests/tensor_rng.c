/* tensor_rng.c - Philox against its published vectors, streams, distributions.
 *
 * Statistical bounds are five standard deviations or wider around the exact value; seeds are fixed,
 * so a pass stays a pass. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/memory.h"
#include "tensor/rng.h"

/* Random123, kat_vectors: philox4x32 10. */
Test(tensor_rng, philox_known_answers)
{
    static const uint32_t vectors[3][10] = {
        { 0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 },
        { ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd },
        { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09,
          0x94fdcceb, 0x5001e420, 0x24126ea1 },
    };
    for (int i = 0; i < 3; i++) {
        uint32_t out[4];
        heed_philox(vectors[i], vectors[i] + 4, out);
        cr_expect_arr_eq(out, vectors[i] + 6, sizeof out, "vector %d", i);
    }
}

/* Word w of a stream: counter (block, stream), key seed. */
static uint32_t word(uint64_t seed, uint64_t stream, uint64_t w)
{
    uint32_t out[4], key[2] = { (uint32_t)seed, (uint32_t)(seed >> 32) };
    uint32_t counter[4] = { (uint32_t)(w / 4), (uint32_t)(w / 4 >> 32), (uint32_t)stream,
                            (uint32_t)(stream >> 32) };
    heed_philox(counter, key, out);
    return out[w % 4];
}

static const uint64_t SEED = 0x123456789ABCDEFu, STREAM = 0xFEDCBA9876543210u;

Test(tensor_rng, draws_walk_the_words_of_the_stream)
{
    heed_rng rng = heed_rng_new(SEED, STREAM);
    rng.position = ((uint64_t)1 << 34) - 7; /* the block's low half wraps on the way */
    for (uint64_t w = rng.position, end = w + 20; w < end; w++) {
        cr_expect_eq(heed_random(&rng), word(SEED, STREAM, w));
        cr_expect_eq(rng.position, w + 1);
    }
    for (uint64_t start = 0; start < 4; start++) {
        rng.position = start;
        uint64_t bits = ((uint64_t)word(SEED, STREAM, start) << 32 | word(SEED, STREAM, start + 1));
        cr_expect_eq(heed_random_uniform(&rng), (double)(bits >> 11) * 0x1p-53);
        cr_expect_eq(rng.position, start + 2);
        heed_random_normal(&rng);
        cr_expect_eq(rng.position, start + 6);
    }
}

Test(tensor_rng, seeds_and_streams_are_independent)
{
    uint32_t base = word(1, 1, 0);
    for (int bit = 0; bit < 64; bit++) {
        heed_rng a = heed_rng_new(1 ^ (uint64_t)1 << bit, 1),
                 b = heed_rng_new(1, 1 ^ (uint64_t)1 << bit);
        uint32_t x = heed_random(&a), y = heed_random(&b);
        cr_expect_neq(x, base, "seed bit %d", bit);
        cr_expect_neq(y, base, "stream bit %d", bit);
        cr_expect_neq(x, y, "bit %d", bit);
    }
}

Test(tensor_rng, hashes_depend_on_every_byte_and_the_seed)
{
    uint64_t h = heed_hash("decoder/v", 9, 0);
    cr_expect_eq(h, heed_hash("decoder/v", 9, 0));
    cr_expect_neq(h, heed_hash("decoder/w", 9, 0));
    cr_expect_neq(h, heed_hash("ecoder/v", 8, 0));
    cr_expect_neq(h, heed_hash("decoder/v", 9, 1));
    cr_expect_neq(heed_hash("", 0, 0), heed_hash("", 1, 0));
    int flips = 0;
    for (int i = 0; i < 64; i++) flips += (int)((h ^ heed_hash("decoder/w", 9, 0)) >> i & 1);
    cr_expect(flips > 12 && flips < 52, "%d of 64 bits flip", flips);
}

/* ---- fills ---- */

enum { N = 100000 };

static heed_tensor *new_row(heed_dtype dtype, int64_t n)
{
    heed_shape shape = HEED_SHAPE(n);
    return heed_tensor_new(dtype, &shape, NULL);
}

typedef void (*filler)(heed_rng *, const heed_view *);
static void uniform(heed_rng *r, const heed_view *v)
{
    heed_fill_uniform(r, v, -1, 3);
}
static void normal(heed_rng *r, const heed_view *v)
{
    heed_fill_normal(r, v, 2, 0.5);
}
static void bernoulli(heed_rng *r, const heed_view *v)
{
    heed_fill_bernoulli(r, v, 0.3);
}
static const filler fillers[] = { uniform, normal, bernoulli };
static const uint64_t words_per_element[3][HEED_N_DTYPES] = { { 1, 2, 0 },
                                                              { 1, 2, 0 },
                                                              { 1, 1, 1 } };

/* In one go, or in parts of odd and even length from any position: the same bits. */
Test(tensor_rng, fills_do_not_depend_on_how_they_are_split)
{
    static const int64_t parts[] = { 2, 10, 4, 256, 1024, 1030, 6, 2000, 768 };
    for (int f = 0; f < 3; f++) {
        for (int dtype = 0; dtype < HEED_N_DTYPES; dtype++) {
            for (uint64_t start = 0; start < 5 && words_per_element[f][dtype]; start++) {
                heed_tensor *whole = new_row((heed_dtype)dtype, 5100);
                heed_tensor *split = new_row((heed_dtype)dtype, 5100);
                heed_rng a = { SEED, STREAM, start }, b = a;
                int64_t at = 0;
                fillers[f](&a, &whole->view);
                for (int i = 0; i < 9; at += parts[i++]) {
                    heed_view part = heed_view_slice(&split->view, 0, at, 1, parts[i]);
                    fillers[f](&b, &part);
                }
                cr_assert_eq(at, 5100);
                cr_expect_eq(a.position, b.position);
                cr_expect_eq(a.position, start + 5100 * words_per_element[f][dtype]);
                size_t bytes = 5100 * heed_dtype_size((heed_dtype)dtype);
                cr_expect_eq(memcmp(whole->view.data, split->view.data, bytes), 0,
                             "filler %d, dtype %d, start %d", f, dtype, (int)start);
                heed_tensor_free(whole);
                heed_tensor_free(split);
            }
        }
    }
}

Test(tensor_rng, fills_are_the_streams_words)
{
    float f[100];
    double d[100];
    heed_shape shape = HEED_SHAPE(100);
    heed_view view = heed_view_of(f, HEED_F32, &shape), wide = heed_view_of(d, HEED_F64, &shape);
    heed_rng rng = { SEED, STREAM, 3 }, single = { SEED, STREAM, 3 };
    heed_fill_uniform(&rng, &view, 0, 1);
    for (uint64_t i = 0; i < 100; i++) {
        cr_expect_eq(f[i], (float)(word(SEED, STREAM, 3 + i) >> 8) * 0x1p-24f, "element %d",
                     (int)i);
    }
    rng.position = 3;
    heed_fill_uniform(&rng, &wide, 0, 1);
    for (int i = 0; i < 100; i++) cr_expect_eq(d[i], heed_random_uniform(&single));
    rng.position = single.position = 3;
    heed_fill_normal(&rng, &wide, 0, 1);
    for (int i = 0; i < 100; i += 2) {
        double z = heed_random_normal(&single);
        cr_expect_float_eq(d[i], z, 1e-12, "every other one is the single draw");
    }
}

Test(tensor_rng, an_odd_count_of_normals_advances_by_whole_pairs)
{
    float f[8] = { 0 };
    heed_view view = heed_view_of(f, HEED_F32, &(heed_shape){ 1, { 7 } });
    heed_rng rng = heed_rng_new(1, 1);
    heed_fill_normal(&rng, &view, 0, 1);
    cr_expect_eq(rng.position, 8);
    cr_expect_neq(f[6], 0);
    cr_expect_eq(f[7], 0, "nothing is written past the end");
}

/* Mean, variance and higher moments of N draws. */
typedef struct moments {
    double mean, variance, skew, kurtosis, low, high;
} moments;

static moments moments_of(const heed_view *view)
{
    moments m = { .low = INFINITY, .high = -INFINITY };
    int64_t n = heed_count(&view->shape);
    for (int64_t i = 0; i < n; i++) {
        double x = heed_get(view, i);
        m.mean += x / (double)n;
        m.low = x < m.low ? x : m.low;
        m.high = x > m.high ? x : m.high;
    }
    for (int64_t i = 0; i < n; i++) {
        double x = heed_get(view, i) - m.mean;
        m.variance += x * x / (double)n;
        m.skew += x * x * x / (double)n;
        m.kurtosis += x * x * x * x / (double)n;
    }
    m.skew /= pow(m.variance, 1.5);
    m.kurtosis /= m.variance * m.variance;
    return m;
}

Test(tensor_rng, uniform_is_uniform)
{
    for (int dtype = HEED_F32; dtype <= HEED_F64; dtype++) {
        heed_tensor *t = new_row((heed_dtype)dtype, N);
        heed_rng rng = heed_rng_new(7, 0);
        heed_fill_uniform(&rng, &t->view, -1, 3);
        moments m = moments_of(&t->view);
        cr_expect_float_eq(m.mean, 1, 5 * sqrt(16.0 / 12 / N), "%g", m.mean);
        cr_expect_float_eq(m.variance, 16.0 / 12, 0.02, "%g", m.variance);
        cr_expect(m.low >= -1 && m.low < -0.99 && m.high < 3 && m.high > 2.99);
        double bins[64] = { 0 }, chi = 0;
        for (int i = 0; i < N; i++) bins[(int)((heed_get(&t->view, i) + 1) * 16)]++;
        for (int i = 0; i < 64; i++) chi += (bins[i] - N / 64.0) * (bins[i] - N / 64.0) * 64 / N;
        cr_expect(chi > 20 && chi < 125, "chi square with 63 degrees of freedom: %g", chi);
        heed_tensor_free(t);
    }
}

Test(tensor_rng, uniform_never_reaches_its_upper_end)
{
    heed_tensor *t = new_row(HEED_F32, N);
    heed_rng rng = heed_rng_new(7, 0);
    heed_fill_uniform(&rng, &t->view, 1, 1.0 + 0x1p-22); /* four floats apart: rounding matters */
    moments m = moments_of(&t->view);
    cr_expect_eq(m.low, 1);
    cr_expect_eq(m.high, 1.0 + 0x1p-22 - 0x1p-23);
    heed_fill_uniform(&rng, &t->view, 5, 5);
    m = moments_of(&t->view);
    cr_expect(m.low == 5 && m.high == 5);
    heed_tensor_free(t);
}

Test(tensor_rng, normal_is_normal)
{
    for (int dtype = HEED_F32; dtype <= HEED_F64; dtype++) {
        heed_tensor *t = new_row((heed_dtype)dtype, N);
        heed_rng rng = heed_rng_new(11, 0);
        heed_fill_normal(&rng, &t->view, 2, 0.5);
        moments m = moments_of(&t->view);
        cr_expect_float_eq(m.mean, 2, 5 * 0.5 / sqrt(N), "%g", m.mean);
        cr_expect_float_eq(m.variance, 0.25, 5 * 0.25 * sqrt(2.0 / N), "%g", m.variance);
        cr_expect_float_eq(m.skew, 0, 5 * sqrt(6.0 / N), "%g", m.skew);
        cr_expect_float_eq(m.kurtosis, 3, 5 * sqrt(24.0 / N), "%g", m.kurtosis);
        double worst = 0, below = 0; /* distance to the distribution function on a grid */
        for (int k = -30; k <= 30; k++) {
            below = 0;
            for (int i = 0; i < N; i++) below += heed_get(&t->view, i) <= 2 + 0.05 * k;
            worst = fmax(worst, fabs(below / N - 0.5 * erfc(-0.1 * k / sqrt(2))));
        }
        cr_expect_lt(worst, 2 / sqrt(N), "Kolmogorov distance %g", worst);
        double product = 0; /* both of a pair must not go together */
        for (int i = 0; i < N; i += 2) {
            product += (heed_get(&t->view, i) - 2) * (heed_get(&t->view, i + 1) - 2);
        }
        cr_expect_float_eq(product / (N / 2) / 0.25, 0, 5 / sqrt(N / 2));
        heed_tensor_free(t);
    }
    heed_rng rng = heed_rng_new(11, 1);
    double sum = 0, squares = 0;
    for (int i = 0; i < N; i++) {
        double z = heed_random_normal(&rng);
        sum += z;
        squares += z * z;
    }
    cr_expect_float_eq(sum / N, 0, 5 / sqrt(N));
    cr_expect_float_eq(squares / N, 1, 5 * sqrt(2.0 / N));
}

Test(tensor_rng, bernoulli_has_its_share_of_ones)
{
    static const double probabilities[] = { 0.3, 0.0, 1.0, -1.0, 2.0, NAN };
    static const double expected[] = { 0.3, 0, 1, 0, 1, 0 };
    for (int dtype = 0; dtype < HEED_N_DTYPES; dtype++) {
        heed_tensor *t = new_row((heed_dtype)dtype, N);
        for (int i = 0; i < 6; i++) {
            heed_rng rng = heed_rng_new(3, (uint64_t)i);
            heed_fill_bernoulli(&rng, &t->view, probabilities[i]);
            moments m = moments_of(&t->view);
            cr_expect_float_eq(m.mean, expected[i], i ? 1e-9 : 5 * sqrt(0.21 / N), "%g", m.mean);
            if (i == 0) cr_expect(m.low == 0 && m.high == 1);
        }
        heed_tensor_free(t);
    }
}

Test(tensor_rng, below_is_unbiased_and_in_range)
{
    heed_rng rng = heed_rng_new(5, 5);
    int bins[7] = { 0 }, upper = 0;
    for (int i = 0; i < 70000; i++) {
        uint32_t k = heed_random_below(&rng, 7);
        cr_assert_lt(k, 7);
        bins[k]++;
    }
    for (int i = 0; i < 7; i++) cr_expect(abs(bins[i] - 10000) < 500, "%d times %d", bins[i], i);
    /* n = 3 * 2^30: without rejection, values that are multiples of 3 would come twice as often */
    uint32_t n = 3221225472u;
    for (int i = 0; i < 30000; i++) upper += heed_random_below(&rng, n) % 3 == 0;
    cr_expect(abs(upper - 10000) < 450, "%d of 30000 are multiples of 3", upper);
    cr_expect_eq(heed_random_below(&rng, 1), 0);
    cr_expect_eq(heed_random_below(&rng, 0), 0);
}

Test(tensor_rng, permutations_are_fair)
{
    int counts[4][4] = { { 0 } };
    heed_rng rng = heed_rng_new(9, 9);
    for (int i = 0; i < 40000; i++) {
        int32_t order[4];
        unsigned seen = 0;
        heed_permutation(&rng, order, 4);
        for (int k = 0; k < 4; k++) {
            cr_assert(order[k] >= 0 && order[k] < 4);
            seen |= 1u << order[k];
            counts[k][order[k]]++;
        }
        cr_assert_eq(seen, 15);
    }
    for (int k = 0; k < 16; k++) {
        cr_expect(abs(counts[k / 4][k % 4] - 10000) < 450, "place %d, value %d: %d", k / 4, k % 4,
                  counts[k / 4][k % 4]);
    }
    int32_t one = 5;
    heed_permutation(&rng, &one, 1);
    cr_expect_eq(one, 0);
    heed_permutation(&rng, NULL, 0);
}

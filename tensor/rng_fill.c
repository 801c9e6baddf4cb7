/* rng_fill.c - random numbers by the array.
 *
 * Words come from the stream in chunks. Words taken per element:
 *     uniform    f32 1 (24 bits)   f64 2 (53 bits)
 *     normal     f32 1             f64 2              in pairs: an odd count takes one more
 *     Bernoulli  1 for every dtype
 * so n elements filled at once or in two parts (of even length, for normal) are the same bits. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "tensor/rng.h"

#define CHUNK 1024 /* words: 4 KiB, stays in the L1 cache */
#define TWO_PI 6.283185307179586476925286766559

/* heed_philox for the LANES blocks from `block` on, round by round and lane by lane, so that
 * compilers vectorise it. */
#define LANES 8

static void philox_lanes(const heed_rng *rng, uint64_t block, uint32_t *out)
{
    uint32_t a[LANES], b[LANES], c[LANES], d[LANES];
    uint32_t key_0 = (uint32_t)rng->seed, key_1 = (uint32_t)(rng->seed >> 32);
    for (uint32_t i = 0; i < LANES; i++) {
        a[i] = (uint32_t)(block + i);
        b[i] = (uint32_t)((block + i) >> 32);
        c[i] = (uint32_t)rng->stream;
        d[i] = (uint32_t)(rng->stream >> 32);
    }
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < LANES; i++) {
            uint64_t p = (uint64_t)0xD2511F53u * a[i];
            uint64_t q = (uint64_t)0xCD9E8D57u * c[i];
            a[i] = (uint32_t)(q >> 32) ^ b[i] ^ key_0;
            b[i] = (uint32_t)q;
            c[i] = (uint32_t)(p >> 32) ^ d[i] ^ key_1;
            d[i] = (uint32_t)p;
        }
        key_0 += 0x9E3779B9u;
        key_1 += 0xBB67AE85u;
    }
    for (int i = 0; i < LANES; i++) {
        out[4 * i] = a[i];
        out[4 * i + 1] = b[i];
        out[4 * i + 2] = c[i];
        out[4 * i + 3] = d[i];
    }
}

/* Take `n` words: until a block begins word by word, then LANES blocks at a time. */
static void take(heed_rng *rng, uint32_t *words, size_t n)
{
    for (; n > 0 && rng->position % 4 != 0; n--) *words++ = heed_random(rng);
    for (; n >= 4 * LANES; n -= 4 * LANES, words += 4 * LANES) {
        philox_lanes(rng, rng->position / 4, words);
        rng->position += 4 * LANES;
    }
    if (n > 0) { /* a block boundary: the lanes hold all that is left */
        uint32_t rest[4 * LANES];
        philox_lanes(rng, rng->position / 4, rest);
        memcpy(words, rest, n * sizeof *words);
        rng->position += n;
    }
}

static double unit_f64(const uint32_t *words) /* [0, 1) */
{
    return (double)(((uint64_t)words[0] << 32 | words[1]) >> 11) * 0x1p-53;
}

/* ---- uniform: low + (high - low) u; rounding must not reach high ---- */

static void uniform_f32(heed_rng *rng, float *out, int64_t n, double low, double high)
{
    uint32_t words[CHUNK];
    double span = high - low;
    float end = (float)high, last = low < high ? nextafterf(end, (float)low) : end;
    for (int64_t done = 0, chunk; done < n; done += chunk) {
        chunk = n - done < CHUNK ? n - done : CHUNK;
        take(rng, words, (size_t)chunk);
        for (int64_t i = 0; i < chunk; i++) {
            float value = (float)(low + span * ((double)(int32_t)(words[i] >> 8) * 0x1p-24));
            out[done + i] = value == end ? last : value;
        }
    }
}

static void uniform_f64(heed_rng *rng, double *out, int64_t n, double low, double high)
{
    uint32_t words[CHUNK];
    double span = high - low, last = low < high ? nextafter(high, low) : high;
    for (int64_t done = 0, chunk; done < n; done += chunk) {
        chunk = n - done < CHUNK / 2 ? n - done : CHUNK / 2;
        take(rng, words, 2 * (size_t)chunk);
        for (int64_t i = 0; i < chunk; i++) {
            double value = low + span * unit_f64(words + 2 * i);
            out[done + i] = value == high ? last : value;
        }
    }
}

void heed_fill_uniform(heed_rng *rng, const heed_view *view, double low, double high)
{
    int64_t n = heed_count(&view->shape);
    if (view->dtype == HEED_F32) uniform_f32(rng, view->data, n, low, high);
    if (view->dtype == HEED_F64) uniform_f64(rng, view->data, n, low, high);
}

/* ---- normal: Box-Muller, both values of a pair ----
 *     r = sqrt(-2 ln u),  z0 = r cos(2 pi v),  z1 = r sin(2 pi v),  u in (0, 1], v in [0, 1) */

static void pair_f32(const uint32_t *words, float z[2])
{
    float u = ((float)words[0] + 0.5f) * 0x1p-32f;
    float v = (float)(words[1] >> 8) * 0x1p-24f;
    float r = sqrtf(-2.0f * logf(u));
    z[0] = r * cosf((float)TWO_PI * v);
    z[1] = r * sinf((float)TWO_PI * v);
}

static void pair_f64(const uint32_t *words, double z[2])
{
    double u = unit_f64(words) + 0x1p-53;
    double v = unit_f64(words + 2);
    double r = sqrt(-2.0 * log(u));
    z[0] = r * cos(TWO_PI * v);
    z[1] = r * sin(TWO_PI * v);
}

void heed_fill_normal(heed_rng *rng, const heed_view *view, double mean, double deviation)
{
    int64_t n = heed_count(&view->shape);
    bool wide = view->dtype == HEED_F64;
    int64_t most = wide ? CHUNK / 2 : CHUNK; /* elements per chunk, even */
    uint32_t words[CHUNK];
    if (!heed_is_real(view->dtype)) return;
    for (int64_t done = 0, chunk; done < n; done += chunk) {
        chunk = n - done < most ? n - done : most;
        int64_t pairs = (chunk + 1) / 2;
        take(rng, words, (size_t)(wide ? 4 * pairs : 2 * pairs));
        for (int64_t i = 0; i < chunk; i += 2) {
            int64_t k = done + i;
            bool both = i + 1 < chunk;
            if (wide) {
                double z[2], *out = view->data;
                pair_f64(words + 2 * i, z);
                out[k] = mean + deviation * z[0];
                if (both) out[k + 1] = mean + deviation * z[1];
            } else {
                float z[2], *out = view->data;
                pair_f32(words + i, z);
                out[k] = (float)(mean + deviation * (double)z[0]);
                if (both) out[k + 1] = (float)(mean + deviation * (double)z[1]);
            }
        }
    }
}

/* ---- Bernoulli: 1 when the word is below probability * 2^32 ---- */

void heed_fill_bernoulli(heed_rng *rng, const heed_view *view, double probability)
{
    int64_t n = heed_count(&view->shape);
    uint64_t limit = 0; /* also for NaN */
    uint32_t words[CHUNK];
    float *f = view->data;
    double *d = view->data;
    int32_t *k = view->data;
    if (probability >= 1.0)
        limit = (uint64_t)1 << 32;
    else if (probability > 0.0)
        limit = (uint64_t)(probability * 0x1p32);
    for (int64_t done = 0, chunk; done < n; done += chunk) {
        chunk = n - done < CHUNK ? n - done : CHUNK;
        take(rng, words, (size_t)chunk);
        for (int64_t i = 0; i < chunk; i++) {
            int one = words[i] < limit;
            switch (view->dtype) {
            case HEED_F32:
                f[done + i] = (float)one;
                break;
            case HEED_F64:
                d[done + i] = one;
                break;
            default:
                k[done + i] = one;
                break;
            }
        }
    }
}

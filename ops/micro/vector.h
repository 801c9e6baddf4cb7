/* vector.h - lanes and memory of `vec`: selections, reductions, parts of a vector; for the stamped
 * part of kernel files only. Plain C on vector extensions but for loads and stores of a part. */
#ifndef HEED_OPS_MICRO_VECTOR_H
#define HEED_OPS_MICRO_VECTOR_H

#ifdef __AVX2__
#include <immintrin.h>
#endif

#include "ops/kernel.h"

/* ---- lanes ---- */

static inline vec vec_fill(real value)
{
    return value - (vec){ 0 };
}

/* Lane by lane: mask (all ones or all zeros, as comparisons give) ? a : b. Both compilers make one
 * blend of it; with | in place of +, gcc makes three instructions. */
static inline vec vec_select(ivec mask, vec a, vec b)
{
    return (vec)((mask & (ivec)a) + (~mask & (ivec)b));
}

static inline vec vec_max(vec a, vec b) /* b where either is NaN */
{
    return vec_select(a > b, a, b);
}

static inline ivec vec_lane_numbers(void)
{
    ivec number = { 0 };
    for (int l = 0; l < HEED_LANES; l++) number[l] = l;
    return number;
}

/* Lane l is x's lane from[l], modulo the number of lanes. */
static inline vec vec_pick(vec x, ivec from)
{
#ifdef __clang__
    vec out = x;
    for (int l = 0; l < HEED_LANES; l++) out[l] = x[from[l] & (HEED_LANES - 1)];
    return out;
#else
    return __builtin_shuffle(x, from & (HEED_LANES - 1));
#endif
}

static inline vec vec_rotate(vec x, int by)
{
    return vec_pick(x, vec_lane_numbers() + by);
}

/* Sum and maximum of all lanes, in a tree of fixed shape. */
static inline real vec_sum_lanes(vec x)
{
    for (int by = HEED_LANES / 2; by > 0; by /= 2) x += vec_rotate(x, by);
    return x[0];
}

static inline real vec_max_lanes(vec x)
{
    for (int by = HEED_LANES / 2; by > 0; by /= 2) x = vec_max(vec_rotate(x, by), x);
    return x[0];
}

/* ---- memory ---- */

static inline vec vec_load(const real *x)
{
    return *(const vec_u *)x;
}

static inline void vec_store(real *y, vec x)
{
    *(vec_u *)y = x;
}

/* The first n lanes, 0 <= n <= HEED_LANES; nothing past them is touched. Other lanes read `fill`.
 * Intrinsics, because compilers make a jump for every lane of the plain loops, and short rows are
 * nothing but such parts. */
#if defined(__AVX512F__) && HEED_VECTOR_BYTES == 64

static inline vec vec_load_part(const real *x, int64_t n, real fill)
{
#ifdef HEED_STAMP_F64
    return (vec)_mm512_mask_loadu_pd((__m512d)vec_fill(fill), (__mmask8)((1u << n) - 1), x);
#else
    return (vec)_mm512_mask_loadu_ps((__m512)vec_fill(fill), (__mmask16)((1u << n) - 1), x);
#endif
}

static inline void vec_store_part(real *y, vec x, int64_t n)
{
#ifdef HEED_STAMP_F64
    _mm512_mask_storeu_pd(y, (__mmask8)((1u << n) - 1), (__m512d)x);
#else
    _mm512_mask_storeu_ps(y, (__mmask16)((1u << n) - 1), (__m512)x);
#endif
}

#elif defined(__AVX2__) && HEED_VECTOR_BYTES == 32

static inline vec vec_load_part(const real *x, int64_t n, real fill)
{
    ivec inside = vec_lane_numbers() < (ireal)n;
#ifdef HEED_STAMP_F64
    return vec_select(inside, (vec)_mm256_maskload_pd(x, (__m256i)inside), vec_fill(fill));
#else
    return vec_select(inside, (vec)_mm256_maskload_ps(x, (__m256i)inside), vec_fill(fill));
#endif
}

static inline void vec_store_part(real *y, vec x, int64_t n)
{
    ivec inside = vec_lane_numbers() < (ireal)n;
#ifdef HEED_STAMP_F64
    _mm256_maskstore_pd(y, (__m256i)inside, (__m256d)x);
#else
    _mm256_maskstore_ps(y, (__m256i)inside, (__m256)x);
#endif
}

#else

static inline vec vec_load_part(const real *x, int64_t n, real fill)
{
    vec out = vec_fill(fill);
    for (int l = 0; l < HEED_LANES; l++)
        if (l < n) out[l] = x[l];
    return out;
}

static inline void vec_store_part(real *y, vec x, int64_t n)
{
    for (int l = 0; l < HEED_LANES; l++)
        if (l < n) y[l] = x[l];
}

#endif

/* y[k] = f(x[k]) for 0 <= k < n; f is a name, so that it is inlined. */
static inline __attribute__((always_inline)) void vec_map(int64_t n, const real *x, real *y,
                                                          vec (*f)(vec))
{
    int64_t k = 0;
    for (; k + HEED_LANES <= n; k += HEED_LANES) vec_store(y + k, f(vec_load(x + k)));
    if (k < n) vec_store_part(y + k, f(vec_load_part(x + k, n - k, 0)), n - k);
}

#endif

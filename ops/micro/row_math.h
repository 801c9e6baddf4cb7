/* row_math.h - sums, maxima and exponentials along one dense row; for the stamped part of kernel
 * files only. Each has one order of additions, fixed by n and the vector's width. */
#ifndef HEED_OPS_MICRO_ROW_MATH_H
#define HEED_OPS_MICRO_ROW_MATH_H

#include "ops/micro/vector_math.h"

/* -inf for an empty row. A NaN may be lost: whoever needs it gets it from the exponentials. */
static inline real row_max(const real *x, int64_t n)
{
    vec most = vec_fill(-INFINITY), other = most;
    int64_t k = 0;
    for (; k + 2 * HEED_LANES <= n; k += 2 * HEED_LANES) {
        most = vec_max(most, vec_load(x + k));
        other = vec_max(other, vec_load(x + k + HEED_LANES));
    }
    if (k + HEED_LANES <= n) {
        most = vec_max(most, vec_load(x + k));
        k += HEED_LANES;
    }
    if (k < n) other = vec_max(other, vec_load_part(x + k, n - k, -INFINITY));
    return vec_max_lanes(vec_max(most, other));
}

static inline real row_sum(const real *x, int64_t n)
{
    vec sum = vec_fill(0), other = sum;
    int64_t k = 0;
    for (; k + 2 * HEED_LANES <= n; k += 2 * HEED_LANES) {
        sum += vec_load(x + k);
        other += vec_load(x + k + HEED_LANES);
    }
    if (k + HEED_LANES <= n) {
        sum += vec_load(x + k);
        k += HEED_LANES;
    }
    if (k < n) other += vec_load_part(x + k, n - k, 0);
    return vec_sum_lanes(sum + other);
}

/* The row after x, or x again when so long rows would drive each other out of the cache. A pass
 * over a row that is in the cache leaves memory idle: it asks for the next row. An address, since
 * there may be no next row; asking for what is not there does nothing. */
static inline uintptr_t row_after(const real *x, int64_t n)
{
    const uintptr_t bytes = (uintptr_t)n * sizeof(real);
    return (uintptr_t)x + (bytes <= heed_cache_size(2) / 8 ? bytes : 0);
}

static inline void row_ask(uintptr_t row, int64_t k)
{
    __builtin_prefetch((const char *)row + (uintptr_t)k * sizeof(real));
}

/* sum of (x - center)^2 */
static inline real row_squares(const real *x, int64_t n, real center)
{
    const uintptr_t next = row_after(x, n);
    vec sum = vec_fill(0), other = sum, middle = vec_fill(center);
    int64_t k = 0;
    for (; k + 2 * HEED_LANES <= n; k += 2 * HEED_LANES) {
        row_ask(next, k);
        row_ask(next, k + HEED_LANES);
        vec a = vec_load(x + k) - middle, b = vec_load(x + k + HEED_LANES) - middle;
        sum += a * a;
        other += b * b;
    }
    if (k + HEED_LANES <= n) {
        vec a = vec_load(x + k) - middle;
        sum += a * a;
        k += HEED_LANES;
    }
    if (k < n) {
        vec b = vec_load_part(x + k, n - k, center) - middle;
        other += b * b;
    }
    return vec_sum_lanes(sum + other);
}

static inline real row_dot(const real *x, const real *y, int64_t n)
{
    vec sum = vec_fill(0), other = sum;
    int64_t k = 0;
    for (; k + 2 * HEED_LANES <= n; k += 2 * HEED_LANES) {
        sum += vec_load(x + k) * vec_load(y + k);
        other += vec_load(x + k + HEED_LANES) * vec_load(y + k + HEED_LANES);
    }
    if (k + HEED_LANES <= n) {
        sum += vec_load(x + k) * vec_load(y + k);
        k += HEED_LANES;
    }
    if (k < n) other += vec_load_part(x + k, n - k, 0) * vec_load_part(y + k, n - k, 0);
    return vec_sum_lanes(sum + other);
}

/* sum of exp(x - most), where most is the row's maximum */
static inline real row_exp_sum(const real *x, int64_t n, real most)
{
    const uintptr_t next = row_after(x, n);
    vec sum = vec_fill(0);
    int64_t k = 0;
    for (; k + HEED_LANES <= n; k += HEED_LANES) {
        row_ask(next, k);
        sum += vec_exp_negative(vec_load(x + k) - most);
    }
    if (k < n) sum += vec_exp_negative(vec_load_part(x + k, n - k, -INFINITY) - most);
    return vec_sum_lanes(sum);
}

/* What to subtract before exp: the maximum, but 0 when that is -inf, since -inf - -inf is NaN. */
static inline real row_shift(real most)
{
    return most == -INFINITY ? 0 : most;
}

static inline real row_inverse(real sum) /* 1 / sum, and 0 for the sum of a row of -inf */
{
    return sum == 0 ? 0 : 1 / sum;
}

/* A row of at most two vectors, which stays in registers. */
static inline void short_row_softmax(const real *x, real *y, int64_t n, real scale)
{
    bool two = n > HEED_LANES;
    int64_t first = two ? HEED_LANES : n;
    vec a = vec_load_part(x, first, -INFINITY), b = vec_fill(-INFINITY);
    if (two) b = vec_load_part(x + first, n - first, -INFINITY);
    real most = row_shift(vec_max_lanes(vec_max(a, b)));
    vec sum = a = vec_exp_negative(a - most);
    if (two) sum += b = vec_exp_negative(b - most);
    real factor = scale * row_inverse(vec_sum_lanes(sum));
    vec_store_part(y, a * factor, first);
    if (two) vec_store_part(y + first, b * factor, n - first);
}

/* y = scale softmax(x), 0 where all of x is -inf; y may be x. */
static inline void row_softmax(const real *x, real *y, int64_t n, real scale)
{
    if (n <= 2 * HEED_LANES) {
        short_row_softmax(x, y, n, scale);
        return;
    }
    const uintptr_t next = row_after(x, n);
    real most = row_shift(row_max(x, n));
    vec sum = vec_fill(0);
    int64_t k = 0;
    for (; k + HEED_LANES <= n; k += HEED_LANES) {
        row_ask(next, k);
        vec e = vec_exp_negative(vec_load(x + k) - most);
        vec_store(y + k, e);
        sum += e;
    }
    if (k < n) {
        vec e = vec_exp_negative(vec_load_part(x + k, n - k, -INFINITY) - most);
        vec_store_part(y + k, e, n - k);
        sum += e;
    }
    real factor = scale * row_inverse(vec_sum_lanes(sum));
    for (k = 0; k + HEED_LANES <= n; k += HEED_LANES) vec_store(y + k, vec_load(y + k) * factor);
    for (; k < n; k++) y[k] *= factor;
}

static inline real real_log(real x)
{
#ifdef HEED_STAMP_F64
    return log(x);
#else
    return logf(x);
#endif
}

#endif

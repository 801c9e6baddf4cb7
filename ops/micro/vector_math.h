/* vector_math.h - exp, log and their relatives on `vec`; for the stamped part of kernel files only.
 *
 * f32: the largest distance from the exact value over all 2^32 arguments, denormal results
 * included, in units in the last place (tests/ops_vector_math.c with HEED_EXHAUSTIVE=1):
 *
 *                 exp    log    tanh   sigmoid   silu   softplus   erf    gelu
 *     with FMA    0.91   0.87   3.26   2.41      3.35   2.23       1.24   3.31
 *     without     1.18   0.87   3.39   2.41      3.35   2.69       1.60   3.92
 *
 *                 sin    cos
 *     with FMA    1.57   1.57
 *     without     1.58   1.56
 *
 * NaN gives NaN; results overflow to inf and underflow through the denormals to 0; functions that
 * have a limit at -inf or inf return it. f64 calls libm lane by lane.
 *
 * Polynomials and rational functions are minimax fits of relative error (Remez exchange); all
 * coefficients of a quotient are positive, so that nothing cancels in it. Constants come in pairs
 * (high, low) where a product must be exact: nothing here relies on fused multiply-add. */
#ifndef HEED_OPS_MICRO_VECTOR_MATH_H
#define HEED_OPS_MICRO_VECTOR_MATH_H

#include <math.h>

#include "ops/micro/vector.h"

#ifndef HEED_STAMP_F64 /* ---- f32 ---- */

static inline vec vec_abs(vec x)
{
    return (vec)((ivec)x & 0x7fffffff);
}

static inline vec vec_copy_sign(vec x, vec sign) /* x >= 0 or NaN */
{
    return (vec)((ivec)x | ((ivec)sign & INT32_MIN));
}

/* exp(x + low) as a product, result * *scale: the result is near 2^(k / 2), the scale a power of
 * two. So the one rounding of a denormal, and overflow, wait for the caller's last multiplication.
 * |low| <= 0.06; x is NaN or in -170 .. 89. */
static inline vec vec_exp_parts(vec x, vec low, vec *scale)
{
    /* Adding 3 * 2^22 rounds to an integer; 254 more make k + 254 the low bits, two biases of an
     * exponent: their halves are the exponents of the two factors of 2^k. */
    const float rounder = 0x1.8p23f + 254.0f;
    vec shifted = (x + low) * 1.44269504f + rounder;
    vec k = shifted - rounder;
    vec r = x - k * 0.693359375f; /* ln 2 = 0.693359375 - 2.12194440e-4; k * the first is exact */
    r = r + (k * 2.12194440e-4f + low);
    vec p = r * 0.001381446729f + 0.008368780792f;
    p = p * r + 0.04166839424f;
    p = p * r + 0.166665201f;
    p = p * r + 0.4999999341f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    ivec half = (ivec)shifted >> 1;
    *scale = (vec)(((ivec)shifted - half) << 23);
    return p * (vec)(half << 23);
}

#define HEED_EXP_FLOOR (-128.0f) /* exp of it, even times 128, is 0 */
#define HEED_EXP_CEILING 89.0f   /* exp of it is inf */

static inline vec vec_exp(vec x)
{
    vec scale;
    x = vec_select(x < HEED_EXP_FLOOR, vec_fill(HEED_EXP_FLOOR), x);
    x = vec_select(x > HEED_EXP_CEILING, vec_fill(HEED_EXP_CEILING), x);
    vec m = vec_exp_parts(x, vec_fill(0), &scale);
    return m * scale;
}

/* exp for x <= 0 (or NaN): softmax and everything else that has subtracted a maximum. */
static inline vec vec_exp_negative(vec x)
{
    vec scale;
    x = vec_select(x < HEED_EXP_FLOOR, vec_fill(HEED_EXP_FLOOR), x);
    vec m = vec_exp_parts(x, vec_fill(0), &scale);
    return m * scale;
}

/* e ln 2 + log1p(f), sqrt(1/2) <= 1 + f < sqrt(2) */
static inline vec vec_log_sum(vec f, vec e)
{
    vec p = f * -0.0763462153f + 0.1276162768f;
    p = p * f - 0.1316015181f;
    p = p * f + 0.1420174583f;
    p = p * f - 0.1662335964f;
    p = p * f + 0.2000122781f;
    p = p * f - 0.2500082099f;
    p = p * f + 0.3333333169f;
    vec square = f * f;
    vec y = p * f * square - e * 2.12194440e-4f;
    y = y - square * 0.5f;
    return y + f + e * 0.693359375f;
}

/* x = 2^e (1 + f) */
static inline vec vec_log(vec x)
{
    ivec tiny = x < 0x1p-126f;
    vec scaled = vec_select(tiny, x * 0x1p23f, x);
    ivec bits = (ivec)scaled & 0x7fffffff; /* the sign goes: no overflow below; x < 0 ends as NaN */
    ivec exponent = (bits - 0x3f3504f3) >> 23; /* 0x3f3504f3: sqrt(1/2) */
    vec f = (vec)(bits - (exponent << 23)) - 1.0f;
    vec e = __builtin_convertvector(exponent + (tiny & -23), vec);
    vec y = vec_log_sum(f, e);
    y = vec_select(x == INFINITY, x, y);
    y = vec_select(x == 0.0f, vec_fill(-INFINITY), y);
    return vec_select(x >= 0.0f, y, vec_fill(NAN));
}

/* z + z^3 P(z^2) for z = |x| < 0.6. From there with t = n / d = tanh(z / 2):
 * tanh z = 2 t / (1 + t^2) = 2 n d / (d^2 + n^2), which hardly feels t's error near t = 1. */
static inline vec vec_tanh(vec x)
{
    vec z = vec_abs(x);
    vec u = z * z;
    vec p = u * -0.005895132183f + 0.02079594914f;
    p = p * u - 0.05378382367f;
    p = p * u + 0.1333192405f;
    p = p * u - 0.33333298f;
    vec near = z + z * u * p;
    vec half = z * 0.5f;
    u = half * half;
    vec n = u * 0.0018264364709f + 0.11907482388f;
    n = n * u + 1.0f;
    n = n * half;
    vec d = u * 7.8533195261e-5f + 0.019296437699f;
    d = d * u + 0.45240796242f;
    d = d * u + 1.0f;
    vec y = 2.0f * n * d / (d * d + n * n);
    y = vec_select((y > 1.0f) | (z > 9.02f), vec_fill(1), y); /* tanh rounds to 1 before 9.02 */
    return vec_copy_sign(vec_select(z < 0.6f, near, y), x);
}

/* With e = exp(-|x|): 1 / (1 + e) or e / (1 + e). */
static inline vec vec_sigmoid(vec x)
{
    vec e = vec_exp_negative(-vec_abs(x));
    return vec_select(x < 0.0f, e, vec_fill(1)) / (1.0f + e);
}

static inline vec vec_silu(vec x)
{
    vec scale;
    x = vec_select(x < HEED_EXP_FLOOR, vec_fill(HEED_EXP_FLOOR), x);
    vec minus = -vec_abs(x);
    minus = vec_select(minus < HEED_EXP_FLOOR, vec_fill(HEED_EXP_FLOOR), minus);
    vec m = vec_exp_parts(minus, vec_fill(0), &scale);
    return vec_select(x < 0.0f, x * m * scale, x) / (1.0f + m * scale);
}

/* max(x, 0) + log1p(exp(-|x|)) */
static inline vec vec_softplus(vec x)
{
    vec e = vec_exp_negative(-vec_abs(x));
    vec p = e * -0.00331847917f + 0.0202046106f;
    p = p * e - 0.05766448343f;
    p = p * e + 0.1068055863f;
    p = p * e - 0.1535539788f;
    p = p * e + 0.1969540124f;
    p = p * e - 0.249585877f;
    p = p * e + 0.3333051139f;
    p = p * e - 0.4999993277f;
    p = p * e + 1.0f;
    return vec_max(x, vec_fill(0)) + e * p;
}

/* z + z P(z^2) for z = |x| < 1, else 1 - exp(L(z)) with L near log erfc. */
static inline vec vec_erf(vec x)
{
    const float limit = 3.95f; /* erf rounds to 1 before it */
    vec z = vec_abs(x);
    vec u = z * z;
    vec p = u * 7.853860632e-5f - 0.0008010193659f;
    p = p * u + 0.005188327729f;
    p = p * u - 0.02685381199f;
    p = p * u + 0.1128358515f;
    p = p * u - 0.3761262582f;
    p = p * u + 0.1283791657f;
    vec near = z + z * p;
    z = vec_select(z > limit, vec_fill(limit), z);
    vec q = z * 0.0001888157607f - 0.002972366605f;
    q = q * z + 0.02194013678f;
    q = q * z - 0.1033267542f;
    q = q * z - 0.6378837455f;
    q = q * z - 1.127251075f;
    q = q * z - 0.0003005182343f;
    vec scale;
    vec m = vec_exp_parts(q, vec_fill(0), &scale);
    return vec_copy_sign(vec_select(z < 1.0f, near, 1.0f - m * scale), x);
}

/* x / 2 + x^2 P(x^2) for z = |x| < 0.75, else max(x, 0) - z Phi(-z). There Phi(-z) =
 * exp(-z^2 / 2) / (sqrt(2 pi) z + p / q), where p / q falls from 2 to 0, and z^2 / 2 is split: the
 * square of z's upper half is exact, the rest is small. */
static inline vec vec_gelu(vec x)
{
    vec scale;
    vec u = x * x;
    vec near = u * 0.0001014080052f - 0.001179322812f;
    near = near * u + 0.00997150751f;
    near = near * u - 0.06649016014f;
    near = near * u + 0.3989422735f;
    near = near * u + x * 0.5f;
    vec z = vec_abs(x);
    z = vec_select(z > 14.5f, vec_fill(14.5f), z);
    vec upper = (vec)((ivec)z & -4096);
    vec m = vec_exp_parts(upper * upper * -0.5f, (upper - z) * (upper + z) * 0.5f, &scale);
    vec p = z * 0.0062771624742f + 0.074984023532f;
    p = p * z + 0.41709616096f;
    p = p * z + 1.2618543411f;
    p = p * z + 2.0f;
    vec q = z * 0.0025039833935f + 0.02992650367f;
    q = q * z + 0.17113753449f;
    q = q * z + 0.56668658736f;
    q = q * z + 1.0863568042f;
    q = q * z + 1.0f;
    vec tail = z * m / (z * 2.50662827f + p / q) * scale;
    return vec_select(z < 0.75f, near, vec_max(x, vec_fill(0)) - tail);
}

/* ---- sine and cosine ---- */

#define HEED_SINE_LIMIT 8192.0f

/* sin(x + turn pi / 2) for |x| <= HEED_SINE_LIMIT, or NaN. With k the integer nearest to x 2 / pi,
 * r = x - k pi / 2 takes pi / 2 in four parts (Cody, Waite 1980): three of 11 bits, whose products
 * with k < 2^13 are exact, and the rest. Of the last two steps the rounding error is kept: sin r =
 * high + (low + r^3 P(r^2)). Odd quarters are cosines, two quarters change the sign. */
static inline vec vec_sine(vec x, int turn)
{
    const float rounder = 0x1.8p23f;
    vec shifted = x * 0.6366197467f + rounder;
    vec k = shifted - rounder;
    vec near = x - k * 0x1.92p+0f;
    near = near - k * 0x1.fb4p-12f;
    vec high = near - k * 0x1.444p-24f;
    vec low = (near - high) - k * 0x1.444p-24f;
    low = low - k * 0x1.68c234p-39f;
    vec r = high + low;
    vec u = r * r;
    vec p = u * -0.0001951395388f + 0.008332150988f;
    p = p * u - 0.1666665375f;
    vec sine = high + (u * r * p + low);
    vec q = u * 2.443163794e-05f - 0.001388730365f;
    q = q * u + 0.04166664556f;
    vec cosine = u * u * q + (1.0f - u * 0.5f);
    ivec quarter = (ivec)shifted + turn; /* modulo 4; 3 * 2^22 is a multiple of that */
    vec y = vec_select((quarter & 1) == 0, sine, cosine);
    return (vec)((ivec)y ^ (quarter >> 1 << 31));
}

/* y with the lanes where x is beyond the limit taken from libm; NaN is right already. */
static inline vec vec_sine_beyond(vec x, vec y, double (*exact)(double))
{
    for (int l = 0; l < HEED_LANES; l++)
        if (fabsf(x[l]) > HEED_SINE_LIMIT) y[l] = (float)exact(x[l]);
    return y;
}

static inline bool vec_sine_all_within(int64_t n, const real *x)
{
    ivec beyond = { 0 };
    int64_t k = 0;
    for (; k + HEED_LANES <= n; k += HEED_LANES)
        beyond |= vec_abs(vec_load(x + k)) > HEED_SINE_LIMIT;
    if (k < n) beyond |= vec_abs(vec_load_part(x + k, n - k, 0)) > HEED_SINE_LIMIT;
    return vec_sum_lanes(vec_select(beyond, vec_fill(1), vec_fill(0))) == 0;
}

/* y[k] = exact(x[k]): sin (turn 0) or cos (turn 1). */
static inline __attribute__((always_inline)) void vec_map_sine(int64_t n, const real *x, real *y,
                                                               int turn, double (*exact)(double))
{
    const bool all_within = vec_sine_all_within(n, x);
    int64_t k = 0;
    for (; all_within && k + HEED_LANES <= n; k += HEED_LANES)
        vec_store(y + k, vec_sine(vec_load(x + k), turn));
    for (; k < n; k += HEED_LANES) {
        const int64_t part = n - k < HEED_LANES ? n - k : HEED_LANES;
        vec some = vec_load_part(x + k, part, 0);
        vec_store_part(y + k, vec_sine_beyond(some, vec_sine(some, turn), exact), part);
    }
}

#else /* ---- f64: libm, lane by lane ---- */

static inline vec vec_exp(vec x)
{
    for (int l = 0; l < HEED_LANES; l++) x[l] = exp(x[l]);
    return x;
}

static inline vec vec_exp_negative(vec x)
{
    return vec_exp(x);
}

static inline vec vec_log(vec x)
{
    for (int l = 0; l < HEED_LANES; l++) x[l] = log(x[l]);
    return x;
}

static inline vec vec_tanh(vec x)
{
    for (int l = 0; l < HEED_LANES; l++) x[l] = tanh(x[l]);
    return x;
}

static inline vec vec_sigmoid(vec x)
{
    for (int l = 0; l < HEED_LANES; l++) {
        double e = exp(-fabs(x[l]));
        x[l] = (x[l] < 0 ? e : 1) / (1 + e);
    }
    return x;
}

static inline vec vec_silu(vec x)
{
    for (int l = 0; l < HEED_LANES; l++) {
        double e = exp(-fabs(x[l]));
        x[l] = (x[l] >= 0 ? x[l] : x[l] < -800 ? 0 : x[l] * e) / (1 + e);
    }
    return x;
}

static inline vec vec_softplus(vec x)
{
    for (int l = 0; l < HEED_LANES; l++) x[l] = fmax(x[l], 0) + log1p(exp(-fabs(x[l])));
    return x;
}

static inline vec vec_erf(vec x)
{
    for (int l = 0; l < HEED_LANES; l++) x[l] = erf(x[l]);
    return x;
}

static inline void vec_map_sine(int64_t n, const real *x, real *y, int turn,
                                double (*exact)(double))
{
    (void)turn;
    for (int64_t k = 0; k < n; k++) y[k] = exact(x[k]);
}

static inline vec vec_gelu(vec x)
{
    for (int l = 0; l < HEED_LANES; l++)
        x[l] = x[l] < -40 ? 0 : 0.5 * x[l] * erfc(-x[l] * 0.70710678118654752440);
    return x;
}

#endif
#endif

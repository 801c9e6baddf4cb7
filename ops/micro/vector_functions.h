/* vector_functions.h - expm1, log1p, atan, sinh, cosh and some activations on `vec`, in the manner
 * of vector_math.h; for the stamped part of kernel files only.
 *
 * f32: the largest distance from the exact value over all arguments, in units in the last place
 * (tests/ops_vector_math.c with HEED_EXHAUSTIVE=1):
 *
 *                 expm1   log1p   atan   sinh   cosh   mish   log_sigmoid
 *     with FMA    1.44    1.43    1.46   1.62   1.35   3.83   2.23
 *     without     1.48    1.43    1.63   1.67   1.64   4.11   2.69
 *
 * gelu_tanh is exact to 1.2e-7 of the larger of 1 and |x|; relatively less so in its tail, where
 * the rounding of the exponent counts.
 *
 * f64 calls libm lane by lane. */
#ifndef HEED_OPS_MICRO_VECTOR_FUNCTIONS_H
#define HEED_OPS_MICRO_VECTOR_FUNCTIONS_H

#include "ops/micro/vector_math.h"

#ifndef HEED_STAMP_F64 /* ---- f32 ---- */

#define HEED_HYPERBOLIC_CEILING 90.0f /* expm1, sinh and cosh of it are inf */

/* x = k ln 2 + r; 2^k (q + (1 - 2^-k)) with q = expm1(r): near 0, where k = 0, that is q itself.
 * 2^k is a product of two factors, since k reaches 129. */
static inline vec vec_expm1(vec x)
{
    const float rounder = 0x1.8p23f, floor = -30.0f; /* expm1 of it rounds to -1 */
    x = vec_select(x < floor, vec_fill(floor), x);
    x = vec_select(x > HEED_HYPERBOLIC_CEILING, vec_fill(HEED_HYPERBOLIC_CEILING), x);
    vec shifted = x * 1.44269504f + rounder;
    vec k = shifted - rounder;
    vec r = x - k * 0.693359375f;
    r = r + k * 2.12194440e-4f;
    vec p = r * 0.00019845882483f + 0.00139406842846f;
    p = p * r + 0.00833338949335f;
    p = p * r + 0.04166636024179f;
    p = p * r + 0.16666666369481f;
    p = p * r + 0.50000000443083f;
    vec q = r + r * r * p;
    ivec power = (ivec)shifted - 0x4b400000;    /* the rounder's bits */
    ivec half = power >> 1, below = power < 40; /* 1 - 2^-40 is 1 */
    vec inverse = (vec)((127 - ((power & below) | (40 & ~below))) << 23);
    vec scale = (vec)((127 + power - half) << 23);
    return (q + (1.0f - inverse)) * (vec)((127 + half) << 23) * scale;
}

/* log(w + lost), where w > 0 is no denormal and `lost` at most a rounding error of it. */
static inline vec vec_log_with(vec w, vec lost)
{
    ivec bits = (ivec)w & 0x7fffffff;
    ivec exponent = (bits - 0x3f3504f3) >> 23;                     /* sqrt(1/2) */
    vec inverse = (vec)((127 - exponent) << 23 & (exponent < 30)); /* beyond, lost is nothing */
    vec f = (vec)(bits - (exponent << 23)) - 1.0f + lost * inverse;
    return vec_log_sum(f, __builtin_convertvector(exponent, vec));
}

static inline vec vec_log1p(vec x)
{
    vec w = x + 1.0f;
    vec y = vec_log_with(w, x - (w - 1.0f));
    y = vec_select(x == INFINITY, x, y);
    y = vec_select(x == -1.0f, vec_fill(-INFINITY), y);
    return vec_select(x >= -1.0f, y, vec_fill(NAN));
}

/* t + t^3 P(t^2) for t = |x| <= 1; beyond, pi / 2 - atan(1 / |x|). */
static inline vec vec_atan(vec x)
{
    vec z = vec_abs(x);
    ivec far = z > 1.0f;
    vec t = vec_select(far, 1.0f / z, z);
    vec u = t * t;
    vec p = u * -0.00179362176777f + 0.0109146060985f;
    p = p * u - 0.0311778466818f;
    p = p * u + 0.0579575946020f;
    p = p * u - 0.0840345040117f;
    p = p * u + 0.109521858043f;
    p = p * u - 0.142642416865f;
    p = p * u + 0.199985482849f;
    p = p * u - 0.333332990891f;
    vec y = t + t * u * p;
    return vec_copy_sign(vec_select(far, 1.57079637f - (y + 4.37113883e-8f), y), x);
}

/* exp(z) / 2 for 0 <= z, which overflows later than exp(z) does */
static inline vec vec_half_exp(vec z)
{
    vec scale;
    z = vec_select(z > HEED_HYPERBOLIC_CEILING, vec_fill(HEED_HYPERBOLIC_CEILING), z);
    vec m = vec_exp_parts(z, vec_fill(0), &scale);
    return m * 0.5f * scale;
}

/* z + z^3 P(z^2) for z = |x| < 1 */
static inline vec vec_sinh(vec x)
{
    vec z = vec_abs(x);
    vec u = z * z;
    vec p = u * 2.8169512285e-6f + 0.000198361597774f;
    p = p * u + 0.00833335005818f;
    p = p * u + 0.166666664976f;
    vec near = z + z * u * p;
    vec e = vec_half_exp(z);
    return vec_copy_sign(vec_select(z < 1.0f, near, e - 0.25f / e), x);
}

static inline vec vec_cosh(vec x)
{
    vec e = vec_half_exp(vec_abs(x));
    return e + 0.25f / e;
}

/* ---- activations ---- */

static inline vec vec_log_sigmoid(vec x)
{
    return -vec_softplus(-x);
}

/* x sigmoid(u), u = sqrt(8 / pi) (x + 0.044715 x^3); at -20 and below 0. */
static inline vec vec_gelu_tanh(vec x)
{
    vec scale;
    x = vec_select(x < -20.0f, vec_fill(-20), x);
    vec u = x * (x * x * 0.0713548162726f + 1.59576912161f);
    vec minus = -vec_abs(u);
    minus = vec_select(minus < HEED_EXP_FLOOR, vec_fill(HEED_EXP_FLOOR), minus);
    vec m = vec_exp_parts(minus, vec_fill(0), &scale);
    return vec_select(x < 0.0f, x * m * scale, x) / (1.0f + m * scale);
}

/* tanh(log(1 + e)) = n / (n + 2) with n = e (e + 2), e = exp(x): nothing cancels. From 20 on it
 * rounds to 1. */
static inline vec vec_mish(vec x)
{
    vec scale, z = vec_select(x > 20.0f, vec_fill(20), x);
    z = vec_select(z < HEED_EXP_FLOOR, vec_fill(HEED_EXP_FLOOR), z);
    vec m = vec_exp_parts(z, vec_fill(0), &scale);
    vec e = m * scale;
    vec y = z * (m * e + (m + m)) / (e * e + (e + e) + 2.0f) * scale;
    return vec_select(x > 20.0f, x, y);
}

#else /* ---- f64: libm, lane by lane ---- */

static inline vec vec_expm1(vec x)
{
    for (int l = 0; l < HEED_LANES; l++) x[l] = expm1(x[l]);
    return x;
}

static inline vec vec_log1p(vec x)
{
    for (int l = 0; l < HEED_LANES; l++) x[l] = log1p(x[l]);
    return x;
}

static inline vec vec_atan(vec x)
{
    for (int l = 0; l < HEED_LANES; l++) x[l] = atan(x[l]);
    return x;
}

static inline vec vec_sinh(vec x)
{
    for (int l = 0; l < HEED_LANES; l++) x[l] = sinh(x[l]);
    return x;
}

static inline vec vec_cosh(vec x)
{
    for (int l = 0; l < HEED_LANES; l++) x[l] = cosh(x[l]);
    return x;
}

static inline vec vec_log_sigmoid(vec x)
{
    return -vec_softplus(-x);
}

static inline vec vec_gelu_tanh(vec x)
{
    for (int l = 0; l < HEED_LANES; l++) {
        const double z = x[l] < -40 ? -40 : x[l];
        const double u = 1.59576912160573071176 * z * (1 + 0.044715 * z * z), e = exp(-fabs(u));
        x[l] = (u < 0 ? z * e : z) / (1 + e);
    }
    return x;
}

static inline vec vec_mish(vec x)
{
    for (int l = 0; l < HEED_LANES; l++) {
        const double z = x[l] < -800 ? -800 : x[l], e = exp(z > 40 ? 40 : z), n = e * (e + 2);
        x[l] = z > 40 ? z : z * (n / (n + 2));
    }
    return x;
}

#endif
#endif

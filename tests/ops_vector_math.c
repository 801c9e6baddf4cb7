/* ops_vector_math.c - f32 functions of every instruction set against f64 libm, in units in the last
 * place (ULP). HEED_EXHAUSTIVE=1 takes all 2^32 floats instead of every 997th, for minutes. */
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/isa.h"
#include "ops/ops.h"

#define TILE 1024

typedef struct function {
    const heed_op *op;
    double (*reference)(double x);
    double bound; /* ULP, just above what ops/micro/vector_math.h states */
} function;

static double sigmoid(double x)
{
    double e = exp(-fabs(x));
    return (x < 0 ? e : 1) / (1 + e);
}

static double silu(double x)
{
    return x < -700 ? 0 : x * sigmoid(x);
}

static double softplus(double x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

static double gelu(double x)
{
    return x < -37 ? 0 : 0.5 * x * erfc(-x * sqrt(0.5));
}

static double log_sigmoid(double x)
{
    return -softplus(-x);
}

static double mish(double x)
{
    double e = exp(fmin(x, 40)), n = e * (e + 2);
    return x < -700 ? 0 : x > 40 ? x : x * (n / (n + 2));
}

static const function exp_function = { &heed_op_exp, exp, 1.2 };
static const function log_function = { &heed_op_log, log, 0.9 };
static const function tanh_function = { &heed_op_tanh, tanh, 3.5 };
static const function sigmoid_function = { &heed_op_sigmoid, sigmoid, 2.5 };
static const function silu_function = { &heed_op_silu, silu, 3.4 };
static const function softplus_function = { &heed_op_softplus, softplus, 2.75 };
static const function erf_function = { &heed_op_erf, erf, 1.7 };
static const function gelu_function = { &heed_op_gelu, gelu, 4 };
static const function sin_function = { &heed_op_sin, sin, 1.6 };
static const function cos_function = { &heed_op_cos, cos, 1.6 };
static const function expm1_function = { &heed_op_expm1, expm1, 1.5 };
static const function log1p_function = { &heed_op_log1p, log1p, 1.45 };
static const function atan_function = { &heed_op_atan, atan, 1.65 };
static const function sinh_function = { &heed_op_sinh, sinh, 1.7 };
static const function cosh_function = { &heed_op_cosh, cosh, 1.65 };
static const function log_sigmoid_function = { &heed_op_log_sigmoid, log_sigmoid, 2.75 };
static const function mish_function = { &heed_op_mish, mish, 4.15 };
static const function *const functions[] = {
    &exp_function,         &log_function,   &tanh_function, &sigmoid_function, &silu_function,
    &softplus_function,    &erf_function,   &gelu_function, &sin_function,     &cos_function,
    &expm1_function,       &log1p_function, &atan_function, &sinh_function,    &cosh_function,
    &log_sigmoid_function, &mish_function,
};
#define N_FUNCTIONS (sizeof functions / sizeof functions[0])

static heed_tile_fn variant(const heed_op *op, heed_isa isa)
{
    return heed_isa_supported(isa) ? op->tile->fn[HEED_F32][isa] : NULL;
}

static void run(heed_tile_fn tile, int64_t n, const float *x, float *y)
{
    const void *in[1] = { x };
    tile(n, in, y, NULL);
}

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* What y must be near: the exact value, where an infinite one stands for the float that would come
 * after FLT_MAX, and how many ULP of it make 1. */
typedef struct target {
    double exact, per_unit;
} target;

static target target_of(double exact)
{
    int exponent;
    if (fabs(exact) > 0x1p128) exact = copysign(0x1p128, exact);
    frexp(exact, &exponent);
    return (target){ exact, fabs(exact) < FLT_MIN ? 0x1p149 : ldexp(1, 24 - exponent) };
}

/* Distance in ULP; infinity where only one of the two is NaN. */
static double ulp_error(float y, const target *t)
{
    if (isnan(t->exact)) return isnan(y) ? 0 : INFINITY;
    double value = isinf(y) ? copysign(0x1p128, y) : y;
    double error = fabs(value - t->exact) * t->per_unit;
    return isnan(error) ? INFINITY : error;
}

typedef struct worst {
    double error;
    float x, y;
} worst;

static void compare(const float *x, const float *y, const target *targets, int n, worst *most)
{
    for (int i = 0; i < n; i++) {
        double error = ulp_error(y[i], &targets[i]);
        if (error > most->error) *most = (worst){ error, x[i], y[i] };
    }
}

static void sweep(const function *f)
{
    const char *exhaustive = getenv("HEED_EXHAUSTIVE");
    uint64_t stride = exhaustive && *exhaustive == '1' ? 1 : 997;
    worst most[HEED_N_ISA] = { { 0, 0, 0 } };
    float x[TILE], y[TILE];
    target targets[TILE];
    for (uint64_t bits = 0; bits <= UINT32_MAX;) {
        int n = 0;
        for (; n < TILE && bits <= UINT32_MAX; bits += stride) {
            x[n] = float_of((uint32_t)bits);
            targets[n] = target_of(f->reference(x[n]));
            n++;
        }
        for (int isa = 0; isa < HEED_N_ISA; isa++) {
            heed_tile_fn tile = variant(f->op, (heed_isa)isa);
            if (!tile) continue;
            run(tile, n, x, y);
            compare(x, y, targets, n, &most[isa]);
        }
    }
    for (int isa = 0; isa < HEED_N_ISA; isa++) {
        if (!variant(f->op, (heed_isa)isa)) continue;
        const worst *m = &most[isa];
        if (stride == 1) {
            fprintf(stderr, "%s %s: %.3f ULP at %.9g\n", f->op->name, heed_isa_name((heed_isa)isa),
                    m->error, m->x);
        }
        cr_expect(m->error > 0, "%s: nothing was compared", f->op->name);
        cr_expect(m->error <= f->bound, "%s %s: %.3f ULP at %.9g, which gives %.9g", f->op->name,
                  heed_isa_name((heed_isa)isa), m->error, m->x, m->y);
    }
}

Test(vector_math, exp)
{
    sweep(&exp_function);
}
Test(vector_math, log)
{
    sweep(&log_function);
}
Test(vector_math, tanh)
{
    sweep(&tanh_function);
}
Test(vector_math, sigmoid)
{
    sweep(&sigmoid_function);
}
Test(vector_math, silu)
{
    sweep(&silu_function);
}
Test(vector_math, softplus)
{
    sweep(&softplus_function);
}
Test(vector_math, erf)
{
    sweep(&erf_function);
}
Test(vector_math, gelu)
{
    sweep(&gelu_function);
}
Test(vector_math, sin)
{
    sweep(&sin_function);
}
Test(vector_math, cos)
{
    sweep(&cos_function);
}

Test(vector_math, expm1)
{
    sweep(&expm1_function);
}
Test(vector_math, log1p)
{
    sweep(&log1p_function);
}
Test(vector_math, atan)
{
    sweep(&atan_function);
}
Test(vector_math, sinh)
{
    sweep(&sinh_function);
}
Test(vector_math, cosh)
{
    sweep(&cosh_function);
}
Test(vector_math, log_sigmoid)
{
    sweep(&log_sigmoid_function);
}
Test(vector_math, mish)
{
    sweep(&mish_function);
}

typedef struct special {
    const function *f;
    float x, y;
} special;

/* Values that must be exact. */
static const special specials[] = {
    { &exp_function, 0, 1 },
    { &exp_function, -INFINITY, 0 },
    { &exp_function, INFINITY, INFINITY },
    { &exp_function, 1000, INFINITY },
    { &exp_function, -1000, 0 },
    { &exp_function, -FLT_MAX, 0 },
    { &log_function, 0, -INFINITY },
    { &log_function, -0.0f, -INFINITY },
    { &log_function, 1, 0 },
    { &log_function, INFINITY, INFINITY },
    { &log_function, -1, NAN },
    { &log_function, -INFINITY, NAN },
    { &tanh_function, 0, 0 },
    { &tanh_function, INFINITY, 1 },
    { &tanh_function, -INFINITY, -1 },
    { &tanh_function, 1e-40f, 1e-40f },
    { &sigmoid_function, 0, 0.5f },
    { &sigmoid_function, INFINITY, 1 },
    { &sigmoid_function, -INFINITY, 0 },
    { &silu_function, 0, 0 },
    { &silu_function, INFINITY, INFINITY },
    { &silu_function, -INFINITY, 0 },
    { &softplus_function, INFINITY, INFINITY },
    { &softplus_function, -INFINITY, 0 },
    { &erf_function, 0, 0 },
    { &erf_function, INFINITY, 1 },
    { &erf_function, -INFINITY, -1 },
    { &gelu_function, 0, 0 },
    { &gelu_function, INFINITY, INFINITY },
    { &gelu_function, -INFINITY, 0 },
    { &sin_function, 0, 0 },
    { &sin_function, 1e-40f, 1e-40f },
    { &sin_function, INFINITY, NAN },
    { &sin_function, -INFINITY, NAN },
    { &cos_function, 0, 1 },
    { &cos_function, INFINITY, NAN },
    { &cos_function, -INFINITY, NAN },
    { &expm1_function, 0, 0 },
    { &expm1_function, 1e-40f, 1e-40f },
    { &expm1_function, -INFINITY, -1 },
    { &expm1_function, INFINITY, INFINITY },
    { &expm1_function, FLT_MAX, INFINITY },
    { &log1p_function, 0, 0 },
    { &log1p_function, 1e-40f, 1e-40f },
    { &log1p_function, -1, -INFINITY },
    { &log1p_function, -1.0000001f, NAN },
    { &log1p_function, -INFINITY, NAN },
    { &log1p_function, INFINITY, INFINITY },
    { &atan_function, 0, 0 },
    { &atan_function, INFINITY, 1.57079637f },
    { &atan_function, -INFINITY, -1.57079637f },
    { &sinh_function, 0, 0 },
    { &sinh_function, INFINITY, INFINITY },
    { &sinh_function, -INFINITY, -INFINITY },
    { &sinh_function, -FLT_MAX, -INFINITY },
    { &cosh_function, 0, 1 },
    { &cosh_function, INFINITY, INFINITY },
    { &cosh_function, -INFINITY, INFINITY },
    { &log_sigmoid_function, INFINITY, 0 },
    { &log_sigmoid_function, -INFINITY, -INFINITY },
    { &mish_function, 0, 0 },
    { &mish_function, INFINITY, INFINITY },
    { &mish_function, -INFINITY, 0 },
};

static bool same(float a, float b)
{
    return isnan(a) ? isnan(b) : a == b;
}

Test(vector_math, special_values)
{
    for (size_t i = 0; i < sizeof specials / sizeof specials[0]; i++) {
        const special *s = &specials[i];
        for (int isa = 0; isa < HEED_N_ISA; isa++) {
            heed_tile_fn tile = variant(s->f->op, (heed_isa)isa);
            float y = -7;
            if (!tile) continue;
            run(tile, 1, &s->x, &y);
            cr_expect(same(y, s->y), "%s(%g) is %.9g with %s, not %g", s->f->op->name, s->x, y,
                      heed_isa_name((heed_isa)isa), s->y);
        }
    }
}

/* An element's value does not depend on its place, nothing beside the run is touched, and the
 * result may overwrite the argument. */
Test(vector_math, any_length_and_in_place)
{
    enum { LONGEST = 70 };
    float x[LONGEST], whole[LONGEST], part[LONGEST + 2];
    for (int i = 0; i < LONGEST; i++) x[i] = 0.125f * (float)(i + 1);
    for (size_t f = 0; f < N_FUNCTIONS; f++) {
        for (int isa = 0; isa < HEED_N_ISA; isa++) {
            heed_tile_fn tile = variant(functions[f]->op, (heed_isa)isa);
            if (!tile) continue;
            run(tile, LONGEST, x, whole);
            for (int n = 0; n <= LONGEST; n++) {
                int from = LONGEST - n;
                part[0] = part[n + 1] = -7;
                memcpy(part + 1, x + from, (size_t)n * sizeof *x);
                run(tile, n, part + 1, part + 1);
                cr_assert(memcmp(part + 1, whole + from, (size_t)n * sizeof *x) == 0);
                cr_assert(part[0] == -7 && part[n + 1] == -7);
            }
        }
    }
}

/* f64 is libm's. */
Test(vector_math, double_precision)
{
    for (size_t f = 0; f < N_FUNCTIONS; f++) {
        heed_tile_fn tile = functions[f]->op->tile->fn[HEED_F64][heed_isa_current()];
        double x[33], y[33];
        const void *in[1] = { x };
        for (int i = 0; i < 33; i++)
            x[i] = 0.3 * (i + 1) - (functions[f] == &log_function     ? 0
                                    : functions[f] == &log1p_function ? 1
                                                                      : 5);
        tile(33, in, y, NULL);
        for (int i = 0; i < 33; i++) {
            double exact = functions[f]->reference(x[i]);
            cr_expect(fabs(y[i] - exact) <= 1e-15 * fabs(exact), "%s(%g) is %.17g, not %.17g",
                      functions[f]->op->name, x[i], y[i], exact);
        }
    }
}

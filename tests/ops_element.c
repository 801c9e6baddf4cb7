/* ops_element.c - activations, rounding, logic: values against C's own functions, slopes at kinks,
 * gradients of both orders, refusals. */
#include <float.h>

#include "graph/isa.h"
#include "tests/ops_kit.h"

/* ---- the functions and what they must be ---- */

static heed_node *leaky(heed_node *x)
{
    return heed_leaky_relu(x, 0.1);
}
static heed_node *elu(heed_node *x)
{
    return heed_elu(x, 1.5);
}
static heed_node *celu(heed_node *x)
{
    return heed_celu(x, 0.7);
}
static heed_node *clamp(heed_node *x)
{
    return heed_clamp(x, -1, 1.5);
}
static heed_node *clamp_low(heed_node *x)
{
    return heed_clamp(x, -1, INFINITY);
}
static heed_node *clamp_high(heed_node *x)
{
    return heed_clamp(x, -INFINITY, 1.5);
}

static double leaky_value(double x)
{
    return x > 0 ? x : 0.1 * x;
}
static double elu_value(double x)
{
    return x > 0 ? x : 1.5 * expm1(x);
}
static double celu_value(double x)
{
    return x > 0 ? x : 0.7 * expm1(x / 0.7);
}
static double selu_value(double x)
{
    return 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * expm1(x));
}
static double clamp_value(double x)
{
    return x < -1 ? -1 : x > 1.5 ? 1.5 : x;
}
static double clamp_low_value(double x)
{
    return x < -1 ? -1 : x;
}
static double clamp_high_value(double x)
{
    return x > 1.5 ? 1.5 : x;
}
static double reciprocal_value(double x)
{
    return 1 / x;
}
static double gelu_tanh_value(double x)
{
    return 0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
}
static double mish_value(double x)
{
    return x * tanh(x > 30 ? x : log1p(exp(x)));
}
static double softsign_value(double x)
{
    return x / (1 + fabs(x));
}
static double log_sigmoid_value(double x)
{
    return x < 0 ? x - log1p(exp(x)) : -log1p(exp(-x));
}
static double hard_tanh_value(double x)
{
    return x < -1 ? -1 : x > 1 ? 1 : x;
}
static double hard_sigmoid_value(double x)
{
    return x < -3 ? 0 : x > 3 ? 1 : (x + 3) / 6;
}
static double hard_swish_value(double x)
{
    return x < -3 ? 0 : x > 3 ? x : x * (x + 3) / 6;
}
static double not_value(double x)
{
    return x == 0;
}
static double finite_value(double x)
{
    return isfinite(x) ? 1 : 0;
}
static double inf_value(double x)
{
    return isinf(x) ? 1 : 0;
}
static double nan_value(double x)
{
    return isnan(x) ? 1 : 0;
}

typedef struct function {
    const char *name;
    heed_node *(*build)(heed_node *x);
    double (*value)(double x);
    bool smooth; /* has a gradient */
} function;

static const function functions[] = {
    { "reciprocal", heed_reciprocal, reciprocal_value, true },
    { "leaky_relu", leaky, leaky_value, true },
    { "elu", elu, elu_value, true },
    { "celu", celu, celu_value, true },
    { "selu", heed_selu, selu_value, true },
    { "clamp", clamp, clamp_value, true },
    { "clamp, low", clamp_low, clamp_low_value, true },
    { "clamp, high", clamp_high, clamp_high_value, true },
    { "gelu_tanh", heed_gelu_tanh, gelu_tanh_value, true },
    { "mish", heed_mish, mish_value, true },
    { "softsign", heed_softsign, softsign_value, true },
    { "log_sigmoid", heed_log_sigmoid, log_sigmoid_value, true },
    { "hard_tanh", heed_hard_tanh, hard_tanh_value, true },
    { "hard_sigmoid", heed_hard_sigmoid, hard_sigmoid_value, true },
    { "hard_swish", heed_hard_swish, hard_swish_value, true },
    { "expm1", heed_expm1, expm1, true },
    { "log1p", heed_log1p, log1p, false }, /* its gradient check stays above -1: heed gradcheck */
    { "atan", heed_atan, atan, true },
    { "sinh", heed_sinh, sinh, true },
    { "cosh", heed_cosh, cosh, true },
    { "floor", heed_floor, floor, false },
    { "ceil", heed_ceil, ceil, false },
    { "round", heed_round, rint, false },
    { "trunc", heed_trunc, trunc, false },
    { "logical_not", heed_logical_not, not_value, false },
    { "is_finite", heed_is_finite, finite_value, false },
    { "is_inf", heed_is_inf, inf_value, false },
    { "is_nan", heed_is_nan, nan_value, false },
};
enum { N_FUNCTIONS = sizeof functions / sizeof functions[0] };

/* ---- values ---- */

enum { ROWS = 7, COLUMNS = 13, COUNT = ROWS * COLUMNS };

static const double special[] = {
    0,    0.5,  -0.5,  1.5,   -1.5, 2.5,  -2.5,   1e-8,     -1e-8,     1,     -1,
    3,    -3,   0.499, -0.51, 40,   -40,  -1e4,   1e4,      1e-30,     NAN,   5e-310,
    88.5, 2048, 123.5, -77.5, 16.5, 1e10, -33e10, INFINITY, -INFINITY, 8.5e6, -4e6 - 0.5,
};
enum { N_SPECIAL = sizeof special / sizeof special[0] };

static void fill(double *x)
{
    for (int i = 0; i < COUNT; i++)
        x[i] = i < N_SPECIAL ? special[i] : ((i * 37) % COUNT - COUNT / 2) / 8.0;
}

static bool near(double y, double exact, heed_dtype dtype)
{
    if (isnan(exact)) return isnan(y);
    if (dtype == HEED_F32) exact = (float)exact;
    if (!isfinite(exact) || !isfinite(y)) return y == exact;
    return fabs(y - exact) <= (dtype == HEED_F32 ? 4e-6 : 1e-13) * fmax(1, fabs(exact));
}

static void check_values(const function *f, heed_dtype dtype)
{
    double x[COUNT];
    heed_graph *g = heed_graph_new(.dtype = dtype);
    fill(x);
    heed_node *in = kit_strided(g, dtype, HEED_SHAPE(ROWS, COLUMNS), x);
    kit_values y = kit_values_of(f->build(in));
    cr_assert_eq(y.n, COUNT);
    for (int i = 0; i < COUNT; i++) {
        double exact = f->value(dtype == HEED_F32 ? (float)x[i] : x[i]);
        if (isnan(exact) && isinf(x[i])) continue; /* 0 inf in the formula; a limit is as good */
        cr_expect(near(y.value[i], exact, dtype), "%s %s(%.9g) is %.9g, not %.9g",
                  heed_dtype_name(dtype), f->name, x[i], y.value[i], exact);
    }
    heed_free(y.value);
    heed_graph_free(g);
}

Test(ops_element, values)
{
    for (int i = 0; i < N_FUNCTIONS; i++) {
        check_values(&functions[i], HEED_F32);
        check_values(&functions[i], HEED_F64);
    }
}

/* Every instruction set, to the bit, and in place. */
Test(ops_element, rounding_is_exact)
{
    static const heed_op *const ops[] = { &heed_op_floor, &heed_op_ceil, &heed_op_round,
                                          &heed_op_trunc };
    static float (*const exact[])(float) = { floorf, ceilf, rintf, truncf };
    int checked = 0;
    for (int k = 0; k < 4; k++) {
        for (int isa = 0; isa < HEED_N_ISA; isa++) {
            heed_tile_fn tile = ops[k]->tile->fn[HEED_F32][isa];
            float x[COUNT], y[COUNT];
            if (!tile || !heed_isa_supported((heed_isa)isa)) continue;
            for (int i = 0; i < COUNT; i++) x[i] = y[i] = ((float)i - 40) * 0.25f;
            x[3] = y[3] = NAN, x[4] = y[4] = -INFINITY, x[5] = y[5] = 0x1.8p22f;
            x[6] = y[6] = -FLT_MAX, x[7] = y[7] = 0x1.fffffep22f;
            tile(COUNT, (const void *[]){ y }, y, NULL);
            for (int i = 0; i < COUNT; i++, checked++) {
                float want = exact[k](x[i]);
                cr_expect(y[i] == want || (isnan(want) && isnan(y[i])), "%s(%g) is %g, not %g",
                          ops[k]->name, x[i], y[i], want);
            }
        }
    }
    cr_expect_gt(checked, 0);
}

Test(ops_element, logic)
{
    const double a[] = { 0, 0, 2, -1, NAN, 0, INFINITY }, b[] = { 0, 3, 0, 0.5, 0, NAN, -0.0 };
    const double and[] = { 0, 0, 0, 1, 0, 0, 0 }, or [] = { 0, 1, 1, 1, 1, 1, 1 };
    const double xor [] = { 0, 1, 1, 0, 1, 1, 1 };
    const double *const expected[] = { and, or, xor};
    heed_graph *g = heed_graph_new();
    heed_node *x = kit_strided(g, HEED_F32, HEED_SHAPE(7), a);
    heed_node *y = kit_constant(g, HEED_F32, HEED_SHAPE(1, 7), b);
    heed_node *all[] = { heed_logical_and(x, y), heed_logical_or(x, y), heed_logical_xor(x, y) };
    for (int k = 0; k < 3; k++) {
        kit_values v = kit_values_of(all[k]);
        for (int i = 0; i < 7; i++)
            cr_expect(v.value[i] == expected[k][i], "%d: %g, %g", k, a[i], b[i]);
        heed_free(v.value);
    }
    heed_graph_free(g);
}

/* ---- gradients ---- */

/* A parameter with odd shape whose values are set by hand, away from kinks. */
static heed_node *parameter(heed_graph *g, heed_shape shape, const double *values)
{
    heed_node *x = heed_param_shaped(heed_root(g), "x", HEED_ZEROS, shape);
    cr_assert_not_null(x);
    heed_view view = heed_store_find(heed_graph_store(g), "x")->tensor->view;
    for (int64_t i = 0; i < heed_count(&shape); i++) heed_set(&view, i, values[i]);
    return x;
}

Test(ops_element, gradients)
{
    const double x[] = { -3.3, -2.1, -1.4, -0.7, -0.2, 0.3, 0.8, 1.1, 1.7, 2.2, 3.4, 0.05, -0.9 };
    for (int i = 0; i < N_FUNCTIONS; i++) {
        if (!functions[i].smooth) continue;
        heed_store *store = heed_store_new(1);
        heed_graph *g = heed_graph_new(.store = store, .dtype = HEED_F64);
        heed_node *y = functions[i].build(parameter(g, HEED_SHAPE(13), x));
        if (functions[i].value == reciprocal_value)
            y = heed_reciprocal(heed_affine(parameter(g, HEED_SHAPE(13), x), 0.2, 2));
        kit_check_gradients(y, functions[i].name);
        heed_graph_free(g);
        heed_store_free(store);
    }
}

typedef struct slope_at {
    heed_node *(*build)(heed_node *x);
    double x, slope;
} slope_at;

/* At kinks as in PyTorch (clamp: 1 at its bounds), and far out, where nothing may be NaN. */
static const slope_at slopes[] = {
    { leaky, 0, 0.1 },
    { elu, 0, 1.5 },
    { celu, 0, 1 },
    { clamp, -1, 1 },
    { clamp, 1.5, 1 },
    { clamp, -1.001, 0 },
    { clamp, 1.501, 0 },
    { heed_hard_tanh, 1, 0 },
    { heed_hard_tanh, -1, 0 },
    { heed_hard_sigmoid, 3, 0 },
    { heed_hard_sigmoid, -3, 0 },
    { heed_hard_swish, 3, 1 },
    { heed_hard_swish, -3, 0 },
    { heed_softsign, 0, 1 },
    { elu, 1e4, 1 },
    { elu, INFINITY, 1 },
    { elu, -INFINITY, 0 },
    { heed_selu, 1e4, 1.0507009873554805 },
    { celu, 1e4, 1 },
    { heed_hard_swish, INFINITY, 1 },
    { heed_hard_swish, -INFINITY, 0 },
    { heed_log_sigmoid, -1e4, 1 },
    { heed_log_sigmoid, 1e4, 0 },
    { heed_gelu_tanh, 1e4, 1 },
    { heed_gelu_tanh, -1e4, 0 },
    { heed_mish, 1e4, 1 },
    { heed_mish, -1e4, 0 },
    { heed_expm1, -1e4, 0 },
};

Test(ops_element, slopes_at_kinks_and_far_out)
{
    for (size_t i = 0; i < sizeof slopes / sizeof slopes[0]; i++) {
        const slope_at *s = &slopes[i];
        for (int k = 0; k < 2; k++) {
            heed_graph *g = heed_graph_new(.dtype = k ? HEED_F64 : HEED_F32);
            heed_node *x = heed_number(g, s->x), *dx;
            cr_assert(heed_gradient(s->build(x), NULL, &x, 1, &dx));
            double slope = kit_number(dx);
            cr_expect(fabs(slope - s->slope) < 1e-6, "row %zu: slope %g at %g, not %g", i, slope,
                      s->x, s->slope);
            heed_graph_free(g);
        }
    }
}

/* ---- straight through ---- */

Test(ops_element, straight_through)
{
    const double x[] = { 0.1, 1e8, -0.3, 2.5, 7, -1e-3, 3.3 };
    heed_store *store = heed_store_new(1);
    heed_graph *g = heed_graph_new(.store = store, .dtype = HEED_F32);
    heed_node *p = parameter(g, HEED_SHAPE(7), x), *dx;
    heed_node *value = heed_affine(p, 3, 1e-3), *y = heed_straight_through(value, p);
    cr_assert(heed_gradient(heed_sum_all(heed_square(y)), NULL, &p, 1, &dx));
    heed_node *outputs[3] = { y, value, dx };
    static const char *const passes[] = { NULL, "-simplify", "none" };
    for (int k = 0; k < 3; k++) {
        kit_values v = kit_run(g, outputs, 3, (heed_compile_options){ .passes = passes[k] });
        for (int i = 0; i < 7; i++) {
            cr_expect(v.value[i] == v.value[7 + i], "the value, to the bit");
            cr_expect(v.value[14 + i] == 2 * v.value[i], "its slope, as if it were the stand-in");
        }
        heed_free(v.value);
    }
    heed_graph_free(g);
    heed_store_free(store);
}

Test(ops_element, straight_through_leaves_the_value_alone)
{
    heed_store *store = heed_store_new(1);
    heed_graph *g = heed_graph_new(.store = store);
    heed_node *a = heed_param(heed_root(g), "a", HEED_ONES, 3), *dx;
    heed_node *b = heed_param(heed_root(g), "b", HEED_ONES, 3);
    heed_node *y = heed_sum_all(heed_straight_through(heed_round(a), b));
    cr_assert(heed_gradient_partial(y, NULL, &a, 1, &dx));
    cr_expect_null(dx);
    cr_expect_null(heed_straight_through(a, heed_number(g, 1)));
    cr_expect(strstr(heed_why(g), "straight_through") && strstr(heed_why(g), "one shape"));
    heed_graph_free(g);
    heed_store_free(store);
}

/* ---- refusals ---- */

static void expect_refused(heed_graph *g, const heed_node *y, const char *word)
{
    cr_expect_null(y);
    cr_assert_not_null(heed_why(g));
    cr_expect(strstr(heed_why(g), word), "%s", heed_why(g));
    heed_graph_free(g);
}

Test(ops_element, refusals)
{
    heed_graph *g = heed_graph_new();
    expect_refused(g, heed_clamp(heed_full(g, 1, 3), 2, 1), "clamp: the low bound 2");
    g = heed_graph_new();
    expect_refused(g, heed_clamp(heed_full(g, 1, 3), NAN, 1), "clamp");
    g = heed_graph_new();
    expect_refused(g, heed_celu(heed_full(g, 1, 3), 0), "alpha 0");
    g = heed_graph_new();
    expect_refused(g, heed_elu(heed_input(g, "i", HEED_I32, 3), 1), "f32");
    g = heed_graph_new();
    heed_node *x = heed_input(g, "x", HEED_F32, 3), *dx = NULL;
    cr_expect_not(heed_gradient(heed_sum_all(heed_floor(x)), NULL, &x, 1, &dx));
    expect_refused(g, dx, "floor");
    for (int i = 0; i < N_FUNCTIONS; i++) cr_expect_null(functions[i].build(NULL));
    cr_expect_null(heed_straight_through(NULL, NULL));
    cr_expect_null(heed_logical_and(NULL, NULL));
}

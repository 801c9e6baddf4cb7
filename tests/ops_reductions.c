/* ops_reductions.c - products, logsumexp, variances, norms and counts against plain f64 loops:
 * every set of axes, permuted and sliced inputs, f32 and f64; special values; gradients of what is
 * composed; the same bits on any number of threads. */
#include "tests/graph_kit.h"

/* ---- one output from a list of elements ---- */

static double product_of(const double *x, int n)
{
    double y = 1;
    for (int i = 0; i < n; i++) y *= x[i];
    return y;
}

static double logsumexp_of(const double *x, int n)
{
    double most = -INFINITY, sum = 0;
    for (int i = 0; i < n; i++) most = fmax(most, x[i]);
    for (int i = 0; i < n; i++) sum += exp(x[i] - most);
    return most + log(sum);
}

static double variance_of(const double *x, int n, double correction)
{
    double mean = 0, sum = 0;
    for (int i = 0; i < n; i++) mean += x[i] / n;
    for (int i = 0; i < n; i++) sum += (x[i] - mean) * (x[i] - mean);
    return sum / (n - correction);
}

static double half_corrected_of(const double *x, int n)
{
    return variance_of(x, n, 0.5);
}

static double deviation_of(const double *x, int n)
{
    return sqrt(variance_of(x, n, 0));
}

static double norm_of(const double *x, int n, double p)
{
    double sum = 0, most = 0, least = INFINITY;
    for (int i = 0; i < n; i++) {
        sum += p == 0 ? x[i] != 0 : pow(fabs(x[i]), p);
        most = fmax(most, fabs(x[i]));
        least = fmin(least, fabs(x[i]));
    }
    if (isinf(p)) return p > 0 ? most : least;
    return p == 0 ? sum : pow(sum, 1 / p);
}

static double nonzero_of(const double *x, int n)
{
    return norm_of(x, n, 0);
}

static double any_of(const double *x, int n)
{
    return norm_of(x, n, 0) > 0;
}

static double all_of(const double *x, int n)
{
    return norm_of(x, n, 0) == n;
}

static heed_node *half_corrected(heed_node *x, const int *axes, int n, bool keep)
{
    return heed_var_axes(x, axes, n, keep, 0.5);
}

static heed_node *deviation(heed_node *x, const int *axes, int n, bool keep)
{
    return heed_std_axes(x, axes, n, keep, 0);
}

/* heed_prod_axes and so on are macros, whose functions are named in parentheses. */
static const struct {
    const char *name;
    heed_node *(*build)(heed_node *x, const int *axes, int n, bool keep);
    double (*of)(const double *x, int n);
    bool zeros; /* of x where half of the elements are 0 */
    double p;   /* where there is no function: a norm */
} reductions[] = {
    { "prod", (heed_prod_axes), product_of, false, 0 },
    { "logsumexp", (heed_logsumexp_axes), logsumexp_of, false, 0 },
    { "var", half_corrected, half_corrected_of, false, 0 },
    { "std", deviation, deviation_of, false, 0 },
    { "norm 0", NULL, NULL, true, 0 },
    { "norm 1", NULL, NULL, true, 1 },
    { "norm 2", NULL, NULL, true, 2 },
    { "norm 3", NULL, NULL, true, 3 },
    { "norm 0.5", NULL, NULL, true, 0.5 },
    { "norm -1", NULL, NULL, false, -1 },
    { "norm inf", NULL, NULL, true, INFINITY },
    { "norm -inf", NULL, NULL, false, -INFINITY },
    { "count_nonzero", (heed_count_nonzero_axes), nonzero_of, true, 0 },
    { "any", (heed_any_axes), any_of, true, 0 },
    { "all", (heed_all_axes), all_of, true, 0 },
};
enum { N_REDUCTIONS = sizeof reductions / sizeof reductions[0] };

/* ---- all outputs ---- */

/* Output that element i of x belongs to, when the axes in `mask` are reduced. */
static int64_t output_of(const heed_shape *x, unsigned mask, int64_t i)
{
    int64_t at = 0, step = 1;
    for (int d = x->rank - 1; d >= 0; d--) {
        if (!(mask >> d & 1)) {
            at += i % x->dim[d] * step;
            step *= x->dim[d];
        }
        i /= x->dim[d];
    }
    return at;
}

static void check_outputs(int r, const heed_node *node, const double *x, const double *y,
                          unsigned mask, double tolerance)
{
    int64_t count = heed_count(&node->shape), outputs = 1;
    for (int d = 0; d < node->shape.rank; d++)
        if (!(mask >> d & 1)) outputs *= node->shape.dim[d];
    double *list = heed_alloc_array((size_t)count, sizeof *list);
    cr_assert_not_null(list);
    for (int64_t at = 0; at < outputs; at++) {
        int n = 0;
        for (int64_t i = 0; i < count; i++)
            if (output_of(&node->shape, mask, i) == at) list[n++] = x[i];
        double exact =
            reductions[r].of ? reductions[r].of(list, n) : norm_of(list, n, reductions[r].p);
        cr_assert(fabs(y[at] - exact) <= tolerance * fmax(1, fabs(exact)),
                  "%s, axes %x, [%lld] of %d elements is %.9g, not %.9g", reductions[r].name, mask,
                  (long long)at, n, y[at], exact);
    }
    heed_free(list);
}

static void check_axes(heed_graph *g, heed_node *x, unsigned mask, double tolerance)
{
    int axes[HEED_MAX_RANK], n = 0;
    for (int d = 0; d < x->shape.rank; d++) /* as a user may write them */
        if (mask >> d & 1) axes[n++] = d % 2 ? d - x->shape.rank : d;
    heed_node *some = heed_relu(x), *all[2 + N_REDUCTIONS] = { x, some };
    for (int r = 0; r < N_REDUCTIONS; r++) {
        heed_node *of = reductions[r].zeros ? some : x;
        all[2 + r] = reductions[r].build
                         ? reductions[r].build(of, axes, n, mask % 2)
                         : heed_vector_norm_axes(of, reductions[r].p, axes, n, mask % 2);
        cr_assert_not_null(all[2 + r], "%s", heed_why(g));
        cr_assert_eq(all[2 + r]->shape.rank, mask % 2 ? x->shape.rank : x->shape.rank - n);
    }
    kit_values one = kit_run(g, all, 2 + N_REDUCTIONS, (heed_compile_options){ .threads = 1 });
    kit_values three = kit_run(g, all, 2 + N_REDUCTIONS, (heed_compile_options){ .threads = 3 });
    cr_assert(kit_same_bits(one, three));
    const int64_t count = heed_count(&x->shape);
    for (int r = 0; r < N_REDUCTIONS; r++) {
        const double *y = one.value + 2 * count + r * heed_count(&all[2]->shape);
        check_outputs(r, x, one.value + (reductions[r].zeros ? count : 0), y, mask, tolerance);
    }
    heed_free(one.value);
    heed_free(three.value);
}

/* Inputs that are dense, permuted, and slices of every other element. */
static void check_shape(heed_dtype dtype, heed_shape shape, double tolerance)
{
    heed_graph *g = heed_graph_new(.dtype = dtype);
    heed_node *x = heed_input_shaped(g, "x", dtype, shape);
    heed_node *turned = heed_transpose(x, 0, -1);
    heed_node *half = heed_slice_step(x, -1, 0, shape.dim[shape.rank - 1], 2);
    for (unsigned mask = 1; mask < 1u << shape.rank; mask++) {
        check_axes(g, x, mask, tolerance);
        check_axes(g, turned, mask, tolerance);
        check_axes(g, half, mask, tolerance);
    }
    heed_graph_free(g);
}

Test(reductions, every_set_of_axes)
{
    static const heed_shape shapes[] = {
        { 1, { 33 } },     { 2, { 3, 7 } },   { 3, { 7, 1, 13 } }, { 4, { 2, 3, 3, 4 } },
        { 2, { 5, 300 } }, { 2, { 300, 5 } }, { 2, { 2, 4500 } },
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        check_shape(HEED_F64, shapes[i], 1e-12);
        check_shape(HEED_F32, shapes[i], 2e-5);
    }
}

/* ---- special values ---- */

static heed_node *numbers(heed_graph *g, const double *value, heed_shape shape)
{
    heed_view view = heed_view_of((void *)(uintptr_t)value, HEED_F64, &shape);
    return heed_cast(heed_constant(g, &view), heed_graph_dtype(g));
}

static void expect(heed_node *const *y, int n, const double *wanted, const char *what)
{
    cr_assert_not_null(y[0]);
    kit_values got = kit_run(y[0]->graph, y, n, (heed_compile_options){ .threads = 1 });
    for (int64_t i = 0; i < got.n; i++) {
        bool same = isnan(wanted[i])
                        ? isnan(got.value[i])
                        : fabs(got.value[i] - wanted[i]) < 1e-6 * (1 + fabs(wanted[i]));
        cr_expect(same || got.value[i] == wanted[i], "%s [%lld]: %g, not %g", what, (long long)i,
                  got.value[i], wanted[i]);
    }
    heed_free(got.value);
}

/* Rows as they are, repeated beyond a block, and as columns. */
static void check_logsumexp(heed_dtype dtype)
{
    enum { ROWS = 8, TIMES = 3000 };
    static const double x[ROWS * 3] = {
        -INFINITY, -INFINITY, -INFINITY, -INFINITY, 1,        2,    INFINITY, 1,
        2,         NAN,       1,         2,         INFINITY, NAN,  1,        INFINITY,
        -INFINITY, 0,         1e4,       -1e4,      1,        -1e4, -1e4,     -1e4
    };
    static const double y[ROWS] = { -INFINITY, 2.31326169, INFINITY, NAN,
                                    NAN,       INFINITY,   1e4,      -1e4 + 1.09861229 };
    double more[ROWS];
    for (int i = 0; i < ROWS; i++) more[i] = y[i] + log(TIMES);
    heed_graph *g = heed_graph_new(.dtype = dtype);
    heed_node *rows = numbers(g, x, HEED_SHAPE(ROWS, 3)), *columns = heed_transpose(rows, 0, 1);
    heed_node *some = heed_logsumexp(rows, 1, false);
    expect(&some, 1, y, "rows");
    some = heed_logsumexp(heed_add(columns, heed_full(g, 0, 3, ROWS)), 0, true);
    expect(&some, 1, y, "columns");
    heed_node *tiled = heed_expand(heed_unsqueeze(rows, 1), ROWS, TIMES, 3);
    some = heed_logsumexp(heed_reshape(tiled, ROWS, -1), 1, false);
    expect(&some, 1, more, "long rows");
    some = heed_logsumexp(heed_reshape(heed_expand(columns, TIMES, 3, ROWS), -1, ROWS), 0, false);
    expect(&some, 1, more, "long columns");
    heed_graph_free(g);
}

Test(reductions, logsumexp_of_special_values)
{
    check_logsumexp(HEED_F64);
    check_logsumexp(HEED_F32);
}

static void check_gradient(heed_node *x, heed_node *y, const double *wanted, const char *what)
{
    heed_node *dx;
    cr_assert(heed_gradient(heed_sum_all(y), NULL, &x, 1, &dx), "%s", heed_why(x->graph));
    expect(&dx, 1, wanted, what);
}

/* The values are PyTorch's, but for the logarithm of nothing. */
Test(reductions, gradients_at_zeros)
{
    static const double x[] = { 0, 2, 3, 0, 0, 3, 1, 2, 3 };
    heed_graph *g = heed_graph_new(.dtype = HEED_F64);
    heed_node *a = numbers(g, x, HEED_SHAPE(3, 3));
    check_gradient(a, heed_prod(a, 1, false), (double[]){ 6, 0, 0, 0, 0, 0, 6, 3, 2 }, "prod");
    check_gradient(a, heed_cumprod(a, 1), (double[]){ 9, 0, 0, 1, 0, 0, 9, 4, 2 }, "cumprod");
    static const double z[] = { 0, 0, 3, -4, 0, 4 };
    heed_node *b = numbers(g, z, HEED_SHAPE(3, 2));
    check_gradient(b, heed_vector_norm(b, 2, 1, false), (double[]){ 0, 0, .6, -.8, 0, 1 }, "2");
    check_gradient(b, heed_vector_norm(b, 1, 1, false), (double[]){ 0, 0, 1, -1, 0, 1 }, "1");
    check_gradient(b, heed_vector_norm(b, 3, 1, false),
                   (double[]){ 0, 0, .4448513517, -.7908468475, 0, 1 }, "3");
    check_gradient(b, heed_vector_norm(b, 0.5, 1, false),
                   (double[]){ 0, 0, 2.154700538, -1.866025404, 0, 1 }, "0.5");
    check_gradient(b, heed_vector_norm(b, INFINITY, 1, false), (double[]){ 0, 0, 0, -1, 0, 1 },
                   "inf");
    static const double s[] = { 1, 1, 1, 3 };
    heed_node *c = numbers(g, s, HEED_SHAPE(2, 2));
    check_gradient(c, heed_std(c, 1, false), (double[]){ 0, 0, -.7071067812, .7071067812 }, "std");
    static const double l[] = { -INFINITY, -INFINITY, -INFINITY, 1 };
    heed_node *d = numbers(g, l, HEED_SHAPE(2, 2));
    check_gradient(d, heed_logsumexp(d, 1, false), (double[]){ 0, 0, 0, 1 }, "logsumexp");
    heed_graph_free(g);
}

/* d^2 / dx_i dx_j of a product with two zeros is the product of the others. */
Test(reductions, second_order_of_a_product_with_zeros)
{
    static const double x[] = { 0, 2, 0, 3 };
    heed_graph *g = heed_graph_new(.dtype = HEED_F64);
    heed_node *a = numbers(g, x, HEED_SHAPE(4)), *dx, *second;
    cr_assert(heed_gradient(heed_prod_all(a), NULL, &a, 1, &dx));
    cr_assert(heed_gradient(heed_index(dx, 0, 0), NULL, &a, 1, &second));
    expect(&second, 1, (double[]){ 0, 0, 6, 0 }, "d^2 / dx_0 dx");
    heed_graph_free(g);
}

/* What f32 has left of 1e4 + 0.01 noise; the naive E x^2 - (E x)^2 has nothing. */
Test(reductions, variance_around_a_large_mean)
{
    enum { N = 20000 };
    heed_graph *g = heed_graph_new();
    heed_node *x = heed_affine(heed_input(g, "x", HEED_F32, N, 3), 0.01, 1e4);
    heed_node *all[] = { x, heed_var(x, 0, false), heed_var_all(x),
                         heed_var(heed_transpose(x, 0, 1), 1, false) };
    kit_values got = kit_run(g, all, 4, (heed_compile_options){ .threads = 2 });
    const double *y = got.value + 3 * N;
    double *column = heed_alloc_array(N, sizeof *column);
    cr_assert_not_null(column);
    for (int c = 0; c < 3; c++) {
        for (int i = 0; i < N; i++) column[i] = got.value[3 * i + c];
        double exact = variance_of(column, N, 1);
        cr_assert_float_eq(y[c], exact, 1e-4 * exact);
        cr_assert_float_eq(y[4 + c], exact, 1e-4 * exact);
    }
    double exact = variance_of(got.value, 3 * N, 1);
    cr_assert_float_eq(y[3], exact, 1e-4 * exact);
    heed_free(column);
    heed_free(got.value);
    heed_graph_free(g);
}

/* All of a long x is reduced in parts. */
Test(reductions, long_inputs)
{
    heed_graph *g = heed_graph_new();
    heed_node *x = heed_input(g, "x", HEED_F32, 700, 1024), *wide = heed_cast(x, HEED_F64);
    heed_node *all[8] = { heed_logsumexp_all(x),
                          heed_log(heed_sum_all(heed_exp(wide))),
                          heed_var_all(x),
                          heed_mean_all(heed_square(heed_sub(wide, heed_mean_all(wide)))),
                          heed_std_all(x),
                          heed_prod_all(heed_exp(heed_scale(x, 0.01))),
                          heed_exp(heed_scale(heed_sum_all(wide), 0.01)) };
    all[7] = heed_var_axes(x, NULL, 0, false, 700 * 1024 / 2);
    kit_values one = kit_run(g, all, 8, (heed_compile_options){ .threads = 1 });
    kit_values two = kit_run(g, all, 8, (heed_compile_options){ .threads = 2 });
    cr_assert(kit_same_bits(one, two));
    cr_assert_float_eq(one.value[0], one.value[1], 1e-5);
    cr_assert_float_eq(one.value[2], one.value[3], 1e-5);
    cr_assert_float_eq(one.value[4], sqrt(one.value[3]), 1e-5);
    cr_assert_float_eq(one.value[5] / one.value[6], 1, 1e-3);
    cr_assert_float_eq(one.value[7], 2 * one.value[3], 1e-5);
    heed_free(one.value);
    heed_free(two.value);
    heed_graph_free(g);
}

/* A NaN passes, an infinity too; 0 to a negative power is one. */
Test(reductions, norms_of_special_values)
{
    static const double x[] = { NAN, 1, INFINITY, 0, 0, 2, 0, 0 }, p[] = { 0.5, 1, 2, 3 };
    heed_graph *g = heed_graph_new(.dtype = HEED_F64);
    heed_node *a = numbers(g, x, HEED_SHAPE(4, 2));
    for (int i = 0; i < 4; i++) {
        heed_node *y = heed_vector_norm(a, p[i], 1, false);
        expect(&y, 1, (double[]){ NAN, INFINITY, 2, 0 }, "norm");
    }
    heed_node *y = heed_vector_norm(a, -1, 1, false);
    expect(&y, 1, (double[]){ NAN, 0, 0, 0 }, "norm -1");
    heed_graph_free(g);
}

Test(reductions, empty_axes)
{
    heed_graph *g = heed_graph_new();
    heed_node *x = heed_input(g, "x", HEED_F32, 2, 0), *t = heed_transpose(x, 0, 1);
    heed_node *all[] = { heed_prod(x, 1, false),     heed_logsumexp(x, 1, false),
                         heed_var(x, 1, false),      heed_any(x, 1, false),
                         heed_all(x, 1, false),      heed_vector_norm(x, 2, 1, false),
                         heed_logsumexp(t, 0, false) };
    expect(all, 7,
           (double[]){ 1, 1, -INFINITY, -INFINITY, NAN, NAN, 0, 0, 1, 1, 0, 0, -INFINITY,
                       -INFINITY },
           "of no elements");
    heed_node *none[] = { heed_logsumexp(x, 0, false), heed_var(x, 0, true),
                          heed_prod(t, 1, false) };
    expect(none, 3, NULL, "nothing");
    heed_graph_free(g);
}

/* ---- refusals ---- */

Test(reductions, refusals)
{
    heed_graph *g = heed_graph_new();
    kit_refused(g, heed_logsumexp(heed_input(g, "x", HEED_F32, 2, 3), 2, false), "axis 2");
    g = heed_graph_new();
    kit_refused(g, heed_var_axes(heed_input(g, "x", HEED_F32, 2, 3), (int[]){ 1, -1 }, 2, false, 1),
                "axis 1 is given twice");
    g = heed_graph_new();
    kit_refused(g, heed_var_axes(heed_input(g, "x", HEED_F32, 2), NULL, 0, false, NAN),
                "correction");
    g = heed_graph_new();
    kit_refused(g, heed_prod(heed_input(g, "x", HEED_I32, 2), 0, false), "prod");
    g = heed_graph_new();
    kit_refused(g, heed_vector_norm(heed_input(g, "x", HEED_F32, 2), NAN, 0, false), "vector_norm");
    g = heed_graph_new();
    heed_node *x = heed_input(g, "x", HEED_F32, 2), *dx;
    cr_assert_not(heed_gradient(heed_any(x, 0, false), NULL, &x, 1, &dx));
    kit_refused(g, NULL, "no gradient");
    cr_assert_null(heed_std(NULL, 0, false));
    cr_assert_null(heed_logsumexp_all(NULL));
    cr_assert_null(heed_vector_norm_all(NULL, 2));
    cr_assert_null(heed_all(NULL, 0, false));
}

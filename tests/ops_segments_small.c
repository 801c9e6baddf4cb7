/* ops_segments_small.c - segments and sparse products on a few numbers: what is not finite, ties,
 * offsets, what is refused. */
#include <criterion/criterion.h>
#include <math.h>

#include "tests/graph_kit.h"

/* ---- small programs on constants ---- */

static heed_graph *graph(void)
{
    return heed_graph_new(.dtype = HEED_F64);
}

static heed_node *vector(heed_graph *g, const double *x, int64_t n)
{
    double copy[64];
    memcpy(copy, x, (size_t)n * sizeof *x);
    heed_shape shape = HEED_SHAPE(n);
    heed_view view = heed_view_of(copy, HEED_F64, &shape);
    return heed_constant(g, &view);
}

static heed_node *index_of(heed_graph *g, const int32_t *x, int64_t n)
{
    int32_t copy[64];
    memcpy(copy, x, (size_t)n * sizeof *x);
    heed_shape shape = HEED_SHAPE(n);
    heed_view view = heed_view_of(copy, HEED_I32, &shape);
    return heed_constant(g, &view);
}

#define VECTOR(g, ...) \
    vector(g, (double[]){ __VA_ARGS__ }, (int64_t)(sizeof((double[]){ __VA_ARGS__ }) / 8))
#define INDEX(g, ...) \
    index_of(g, (int32_t[]){ __VA_ARGS__ }, (int64_t)(sizeof((int32_t[]){ __VA_ARGS__ }) / 4))

/* y is these numbers; NaN is NaN. */
static void expect(heed_node *y, const double *want, int64_t n)
{
    cr_assert_not_null(y);
    kit_values got = kit_run(y->graph, &y, 1, (heed_compile_options){ .threads = 1 });
    cr_assert_eq(got.n, n, "%lld numbers", (long long)got.n);
    for (int64_t i = 0; i < n; i++)
        cr_expect(got.value[i] == want[i] || (isnan(got.value[i]) && isnan(want[i])) ||
                      fabs(got.value[i] - want[i]) < 1e-14,
                  "number %lld is %g, not %g", (long long)i, got.value[i], want[i]);
    heed_free(got.value);
}
#define EXPECT(y, ...) \
    expect(y, (double[]){ __VA_ARGS__ }, (int64_t)(sizeof((double[]){ __VA_ARGS__ }) / 8))

/* What is not finite stays within its segment. */
Test(ops_segments_small, infinities_and_nan)
{
    const double inf = INFINITY;
    heed_graph *g = graph();
    heed_node *x = VECTOR(g, 1, NAN, -inf, inf, 2, -inf, NAN, 0);
    heed_node *index = INDEX(g, 0, 1, 2, 3, 3, 2, -1, 9);
    EXPECT(heed_segment_sum(x, index, 5), 1, NAN, -inf, inf, 0);
    EXPECT(heed_segment_max(x, index, 5), 1, NAN, -inf, inf, 0);
    EXPECT(heed_segment_min(x, index, 5), 1, NAN, -inf, 2, 0);
    EXPECT(heed_segment_mean(x, index, 5), 1, NAN, -inf, inf, 0);
    EXPECT(heed_segment_softmax(x, index, 5), 1, NAN, 0, NAN, NAN, 0, 0, 0);
    heed_node *nan_first = VECTOR(g, NAN, 1), *nan_last = VECTOR(g, 1, NAN);
    EXPECT(heed_segment_max(nan_first, INDEX(g, 0, 0), 1), NAN);
    EXPECT(heed_segment_min(nan_last, INDEX(g, 0, 0), 1), NAN);
    heed_graph_free(g);
}

Test(ops_segments_small, ties_share)
{
    heed_graph *g = graph();
    heed_node *x = VECTOR(g, 3, 1, 3, 2, 3, 0), *index = INDEX(g, 0, 0, 0, 1, 0, 7), *dx;
    cr_assert(heed_gradient(heed_segment_max(x, index, 2), VECTOR(g, 6, 5), &x, 1, &dx));
    EXPECT(dx, 2, 0, 2, 5, 2, 0);
    heed_graph_free(g);
}

/* Rows [0, 2), [2, 2), [2, 4) and an entry that is in none; offsets that make no sense do no harm.
 * */
Test(ops_segments_small, csr_offsets)
{
    heed_graph *g = graph();
    heed_node *values = VECTOR(g, 1, 2, 3, 4, 5), *columns = INDEX(g, 0, 1, 1, 7, 0);
    heed_node *dense = heed_reshape(VECTOR(g, 1, 10, 2, 20), 2, 2);
    EXPECT(heed_sparse_matmul(values, INDEX(g, 0, 2, 2, 4), columns, dense), 5, 50, 0, 0, 6, 60);
    EXPECT(heed_cast(heed_csr_rows(INDEX(g, 1, 3, 3, 4), 6), HEED_F64), -1, 0, 0, 2, -1, -1);
    EXPECT(heed_cast(heed_csr_rows(INDEX(g, 9, -3, 2), 4), HEED_F64), 0, 0, 1, 1);
    EXPECT(heed_cast(heed_csr(INDEX(g, 2, 0, 5, 2, -1, 0), 3), HEED_F64), 0, 2, 2, 4, 1, 5, 0, 3, 2,
           4);
    heed_graph_free(g);
}

/* A plan of constant indices is no instruction of the program; equal plans are one. */
Test(ops_segments_small, plans_are_made_once)
{
    for (int constant = 0; constant < 2; constant++) {
        heed_graph *g = graph();
        heed_node *index = constant ? INDEX(g, 1, 0, 2, 1, 0) : heed_input(g, "i", HEED_I32, 5);
        heed_node *x = heed_input(g, "x", HEED_F64, 5, 2), *out[2];
        out[0] = heed_segment_softmax(x, index, 9);
        out[1] = heed_segment_sum(out[0], index, 9);
        heed_program *p = heed_compile(g, out, 2, .threads = 1);
        cr_assert_not_null(p, "%s", heed_why(g));
        cr_expect_eq(heed_program_describe(p).instructions, constant ? 2 : 3);
        heed_program_free(p);
        heed_graph_free(g);
    }
}

#define REFUSED(build, text)                                                    \
    do {                                                                        \
        heed_graph *g = graph();                                                \
        heed_node *x = heed_input(g, "x", HEED_F64, 5, 2);                      \
        heed_node *i = heed_input(g, "i", HEED_I32, 5);                         \
        (void)x, (void)i;                                                       \
        cr_expect_null(build);                                                  \
        cr_expect(heed_why(g) && strstr(heed_why(g), text), "%s", heed_why(g)); \
        heed_graph_free(g);                                                     \
    } while (0)

Test(ops_segments_small, errors)
{
    REFUSED(heed_segment_sum(x, heed_input(g, "j", HEED_I32, 4), 3), "input 1 must be [5]");
    REFUSED(heed_segment_softmax(x, x, 3), "must have rank 1");
    REFUSED(heed_segment_max(x, i, -1), "-1 segments");
    REFUSED(heed_segment_sum(i, i, 3), "input 0 must be f32 or f64");
    REFUSED(heed_coo_matmul(x, i, i, x, 3), "values and dense must be");
    REFUSED(heed_sparse_matmul(x, heed_number(g, 1), i, x), "row offsets must be [n + 1]");
    REFUSED(heed_sampled_matmul(x, heed_input(g, "z", HEED_F64, 5, 3), i, i), "a and b must be");
    REFUSED(heed_csr_rows(x, 3), "input 0 must be i32");
    cr_expect_null(heed_segment_sum(NULL, NULL, 3));
    cr_expect_null(heed_sparse_matmul(NULL, NULL, NULL, NULL));
}

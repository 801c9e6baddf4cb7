/* ops_order.c - running results, sort, topk and linear scans against plain loops: every axis of odd
 * shapes, permuted and sliced inputs, ties, NaN and signed zeros, f32 and f64; the same bits on any
 * number of threads. */
#include "tests/graph_kit.h"

/* ---- lines of a dense value along an axis ---- */

typedef struct line {
    const double *x;
    int64_t n, step;
} line;

static int64_t line_count(const heed_shape *shape, int axis)
{
    return shape->dim[axis] > 0 ? heed_count(shape) / shape->dim[axis] : 0;
}

static line line_at(const double *x, const heed_shape *shape, int axis, int64_t i)
{
    int64_t inner = 1;
    for (int d = axis + 1; d < shape->rank; d++) inner *= shape->dim[d];
    return (line){ x + i / inner * inner * shape->dim[axis] + i % inner, shape->dim[axis], inner };
}

static double at(line l, int64_t k)
{
    return l.x[k * l.step];
}

static bool near(double a, double b, double tolerance)
{
    return a == b || (isnan(a) && isnan(b)) || fabs(a - b) <= tolerance * fmax(1, fabs(b));
}

/* ---- what a graph makes of x: x, then the results ---- */

typedef struct made {
    heed_node *node[24];
    int n;
} made;

static void make(made *m, heed_node *node)
{
    cr_assert_not_null(node);
    m->node[m->n++] = node;
}

static kit_values run(const made *m)
{
    heed_graph *g = m->node[0]->graph;
    kit_values one = kit_run(g, m->node, m->n, (heed_compile_options){ .threads = 1 });
    kit_values three = kit_run(g, m->node, m->n, (heed_compile_options){ .threads = 3 });
    cr_assert(kit_same_bits(one, three), "three threads, other bits");
    heed_free(three.value);
    return one;
}

static const heed_shape shapes[] = {
    { 1, { 1 } },         { 1, { 7 } },       { 1, { 33 } },       { 2, { 3, 4 } },
    { 2, { 13, 70 } },    { 3, { 2, 1, 7 } }, { 3, { 3, 19, 5 } }, { 2, { 300, 9 } },
    { 3, { 2, 5, 300 } }, { 2, { 2, 5000 } }, { 2, { 140, 33 } },
};
enum { N_SHAPES = sizeof shapes / sizeof shapes[0] };

/* Calls `check` for x dense, permuted, and every other element of it. */
static void each_input(heed_dtype dtype, void (*check)(heed_node *x, int axis, double tolerance))
{
    double tolerance = dtype == HEED_F64 ? 1e-12 : 1e-5;
    for (int i = 0; i < N_SHAPES; i++) {
        for (int axis = 0; axis < shapes[i].rank; axis++) {
            heed_graph *g = heed_graph_new(.dtype = dtype);
            heed_node *x = heed_input_shaped(g, "x", dtype, shapes[i]);
            check(x, axis, tolerance);
            check(heed_transpose(x, 0, -1), axis, tolerance);
            check(heed_slice_step(x, axis, 0, shapes[i].dim[axis], 2), axis, tolerance);
            heed_graph_free(g);
        }
    }
}

/* ---- sums and products so far ---- */

static void check_cumulative(heed_node *x, int axis, double tolerance)
{
    const heed_shape *shape = &x->shape;
    const int64_t count = heed_count(shape);
    made m = { .n = 0 };
    make(&m, x);
    for (int i = 0; i < 4; i++)
        make(&m, heed_cumsum(x, axis - shape->rank, .reverse = i & 1, .exclusive = i & 2));
    for (int i = 0; i < 4; i++)
        make(&m, heed_cumprod(x, axis, .reverse = i & 1, .exclusive = i & 2));
    kit_values got = run(&m);
    for (int i = 0; i < 8; i++) {
        const double *y = got.value + (1 + i) * count;
        for (int64_t l = 0; l < line_count(shape, axis); l++) {
            line in = line_at(got.value, shape, axis, l), out = line_at(y, shape, axis, l);
            double state = i < 4 ? 0 : 1;
            for (int64_t k = 0; k < in.n; k++) {
                int64_t p = i & 1 ? in.n - 1 - k : k;
                double next = i < 4 ? state + at(in, p) : state * at(in, p);
                double exact = i & 2 ? state : next;
                cr_assert(near(at(out, p), exact, tolerance), "%d: [%lld] is %g, not %g", i,
                          (long long)p, at(out, p), exact);
                state = next;
            }
        }
    }
    heed_free(got.value);
}

Test(order, running_sums_and_products)
{
    each_input(HEED_F64, check_cumulative);
    each_input(HEED_F32, check_cumulative);
}

/* ---- h[t] = a[t] h[t - 1] + b[t] ---- */

static void check_scan(heed_node *x, int axis, double tolerance)
{
    const heed_shape *shape = &x->shape;
    const int64_t count = heed_count(shape);
    made m = { .n = 0 };
    make(&m, heed_scale(x, 0.75));
    make(&m, heed_sin(heed_scale(x, 9)));
    for (int i = 0; i < 4; i++)
        make(&m, heed_linear_scan(m.node[0], m.node[1], axis, .reverse = i & 1, .late = i & 2));
    kit_values got = run(&m);
    for (int i = 0; i < 4; i++) {
        const double *y = got.value + (2 + i) * count;
        for (int64_t l = 0; l < line_count(shape, axis); l++) {
            line a = line_at(got.value, shape, axis, l), out = line_at(y, shape, axis, l);
            line b = line_at(got.value + count, shape, axis, l);
            double h = 0;
            for (int64_t k = 0; k < a.n; k++) {
                int64_t p = i & 1 ? a.n - 1 - k : k, before = i & 1 ? p + 1 : p - 1;
                h = k == 0 ? at(b, p) : at(a, i & 2 ? before : p) * h + at(b, p);
                cr_assert(near(at(out, p), h, tolerance), "%d: [%lld] is %g, not %g", i,
                          (long long)p, at(out, p), h);
            }
        }
    }
    heed_free(got.value);
}

Test(order, linear_scans)
{
    each_input(HEED_F64, check_scan);
    each_input(HEED_F32, check_scan);
}

/* The factor of the first step is not read; operands broadcast. */
Test(order, linear_scan_starts_with_b)
{
    const float a[4] = { INFINITY, 2, 3, 4 }, b[1] = { 1 };
    heed_graph *g = heed_graph_new();
    heed_view a_view = heed_view_of((void *)(uintptr_t)a, HEED_F32, &(heed_shape){ 1, { 4 } });
    heed_view b_view = heed_view_of((void *)(uintptr_t)b, HEED_F32, &(heed_shape){ 1, { 1 } });
    heed_node *y = heed_linear_scan(heed_constant(g, &a_view), heed_constant(g, &b_view), 0);
    kit_values got = kit_run(g, &y, 1, (heed_compile_options){ .threads = 1 });
    const double wanted[4] = { 1, 3, 10, 41 };
    cr_assert_eq(got.n, 4);
    for (int i = 0; i < 4; i++) cr_expect_eq(got.value[i], wanted[i]);
    heed_free(got.value);
    heed_graph_free(g);
}

/* ---- order: a plain, stable insertion sort of positions ---- */

/* Does a come before b? A NaN is the largest. */
static bool before(double a, double b, bool descending)
{
    if (isnan(a) || isnan(b)) return descending ? isnan(a) && !isnan(b) : !isnan(a) && isnan(b);
    return descending ? a > b : a < b;
}

static void sort_positions(line x, bool descending, int32_t *position)
{
    for (int64_t i = 0; i < x.n; i++) {
        int64_t k = i;
        for (; k > 0 && before(at(x, i), at(x, position[k - 1]), descending); k--)
            position[k] = position[k - 1];
        position[k] = (int32_t)i;
    }
}

/* Values and positions of one result, `of` elements along the axis, against a full sort. */
static void check_sorted(const double *x, const heed_shape *shape, int axis, int64_t of,
                         const double *y, bool descending)
{
    heed_shape out = *shape;
    out.dim[axis] = of;
    int32_t *position = heed_alloc_array((size_t)shape->dim[axis] + 1, sizeof *position);
    cr_assert_not_null(position);
    for (int64_t l = 0; l < line_count(&out, axis); l++) {
        line in = line_at(x, shape, axis, l), value = line_at(y, &out, axis, l);
        line where = line_at(y + heed_count(&out), &out, axis, l);
        sort_positions(in, descending, position);
        for (int64_t k = 0; k < of; k++) {
            double wanted = at(in, position[k]);
            cr_assert(at(where, k) == position[k], "%lld of %lld: position %g, not %d",
                      (long long)k, (long long)in.n, at(where, k), position[k]);
            cr_assert(near(at(value, k), wanted, 0) && signbit(at(value, k)) == signbit(wanted));
        }
    }
    heed_free(position);
}

static void check_sort(heed_node *x, int axis, double tolerance)
{
    (void)tolerance;
    const heed_shape *shape = &x->shape;
    const int64_t n = shape->dim[axis], k[3] = { (n + 79) / 80, n / 3, n };
    if (n > 1000) return; /* the plain sort takes n^2 steps: once, below */
    heed_node *coarse = heed_cast(heed_cast(heed_scale(x, 10), HEED_I32), x->dtype); /* ties */
    for (int ties = 0; ties < 2; ties++) {
        made m = { .n = 0 };
        heed_node *of = ties ? coarse : x, *positions;
        make(&m, of);
        for (int d = 0; d < 2; d++) {
            make(&m, heed_sort(of, axis - shape->rank, .descending = d, .positions = &positions));
            make(&m, heed_cast(positions, of->dtype));
            make(&m, heed_cast(heed_argsort(of, axis, .descending = d), of->dtype));
            for (int i = 0; i < 3; i++) {
                make(&m, heed_topk(of, k[i], axis, .smallest = !d, .positions = &positions));
                make(&m, heed_cast(positions, of->dtype));
            }
        }
        kit_values got = run(&m);
        const int64_t count = heed_count(shape), row = n > 0 ? count / n : 0;
        const double *y = got.value + count;
        for (int d = 0; d < 2; d++) {
            check_sorted(got.value, shape, axis, n, y, d);
            cr_assert_eq(memcmp(y + count, y + 2 * count, (size_t)count * sizeof *y), 0);
            y += 3 * count;
            for (int i = 0; i < 3; i++, y += 2 * row * k[i - 1])
                check_sorted(got.value, shape, axis, k[i], y, d);
        }
        heed_free(got.value);
    }
}

Test(order, sort_and_topk)
{
    each_input(HEED_F64, check_sort);
    each_input(HEED_F32, check_sort);
}

/* NaN, infinities, zeros of both signs, many equal; short rows and those of many digits. */
static void check_special(heed_dtype dtype, int n)
{
    static const double some[12] = { 3, NAN, 1, INFINITY, -INFINITY, 1, 0., -0., 0., -0., NAN, -3 };
    double x[600];
    for (int i = 0; i < n; i++) x[i] = some[i % 12] * (i % 7 == 6 ? 1e-30 : 1);
    for (int i = 9; i < n; i += 24) x[i] = copysign(NAN, -1); /* as x86 computes it */
    heed_graph *g = heed_graph_new(.dtype = dtype);
    heed_view view = heed_view_of(x, HEED_F64, &(heed_shape){ 1, { n } });
    heed_node *in = heed_cast(heed_constant(g, &view), dtype), *positions;
    made m = { .n = 0 };
    make(&m, in);
    for (int d = 0; d < 2; d++) {
        make(&m, heed_sort(in, 0, .descending = d, .positions = &positions));
        make(&m, heed_cast(positions, dtype));
        make(&m, heed_topk(in, n / 70 + 1, 0, .smallest = !d, .positions = &positions));
        make(&m, heed_cast(positions, dtype));
        make(&m, heed_topk(in, n / 2, 0, .smallest = !d, .positions = &positions));
        make(&m, heed_cast(positions, dtype));
    }
    kit_values got = run(&m);
    const double *y = got.value + n;
    for (int d = 0; d < 2; d++) {
        const int64_t k[3] = { n, n / 70 + 1, n / 2 };
        for (int i = 0; i < 3; i++, y += 2 * k[i - 1])
            check_sorted(got.value, &in->shape, 0, k[i], y, d);
    }
    heed_free(got.value);
    heed_graph_free(g);
}

Test(order, special_values)
{
    static const int lengths[] = { 1, 2, 12, 33, 127, 128, 129, 240, 600 };
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        check_special(HEED_F64, lengths[i]);
        check_special(HEED_F32, lengths[i]);
    }
}

/* ---- largest and smallest so far ---- */

static void check_extremes(heed_node *x, int axis, double tolerance)
{
    (void)tolerance;
    const heed_shape *shape = &x->shape;
    const int64_t count = heed_count(shape);
    heed_node *coarse = heed_cast(heed_cast(heed_scale(x, 6), HEED_I32), x->dtype), *positions;
    /* log of what is negative: some NaN, late in long lines */
    heed_node *of = heed_where(heed_less(x, heed_number(x->graph, -0.99)), heed_log(x), coarse);
    made m = { .n = 0 };
    make(&m, of);
    for (int least = 0; least < 2; least++) {
        make(&m, least ? heed_cummin(of, axis, &positions) : heed_cummax(of, axis, &positions));
        make(&m, heed_cast(positions, x->dtype));
    }
    kit_values got = run(&m);
    for (int least = 0; least < 2; least++) {
        const double *y = got.value + (1 + 2 * least) * count;
        for (int64_t l = 0; l < line_count(shape, axis); l++) {
            line in = line_at(got.value, shape, axis, l), out = line_at(y, shape, axis, l);
            line where = line_at(y + count, shape, axis, l);
            int64_t best = 0;
            for (int64_t k = 0; k < in.n; k++) {
                double value = at(in, k), most = at(in, best);
                if (isnan(value) || (least ? value <= most : value >= most)) best = k;
                cr_assert(at(where, k) == (double)best, "[%lld]: position %g, not %lld",
                          (long long)k, at(where, k), (long long)best);
                cr_assert(near(at(out, k), at(in, best), 0));
            }
        }
    }
    heed_free(got.value);
}

Test(order, running_extremes)
{
    each_input(HEED_F64, check_extremes);
    each_input(HEED_F32, check_extremes);
}

/* ---- gradients and refusals ---- */

/* The gradient of sum_k weight_k y_k goes where y_k came from; of the topk, nothing to the rest. */
Test(order, gradients_go_where_values_came_from)
{
    const double x[5] = { 3, -1, 4, 1, 5 };
    heed_graph *g = heed_graph_new(.dtype = HEED_F64);
    heed_view view = heed_view_of((void *)(uintptr_t)x, HEED_F64, &(heed_shape){ 1, { 5 } });
    heed_node *in = heed_constant(g, &view), *all[3];
    heed_node *y[3] = { heed_sort(in, 0), heed_topk(in, 2, 0), heed_cummax(in, 0, NULL) };
    const double wanted[15] = { 3, 1, 4, 2, 5, 0, 0, 2, 0, 1, 3, 0, 7, 0, 5 };
    for (int i = 0; i < 3; i++) {
        heed_node *weight = heed_arange(g, 1, (double)y[i]->shape.dim[0] + 1, 1);
        cr_assert(heed_gradient(heed_dot(weight, y[i]), NULL, &in, 1, &all[i]), "%s", heed_why(g));
    }
    kit_values got = kit_run(g, all, 3, (heed_compile_options){ .threads = 1 });
    for (int i = 0; i < 15; i++) cr_expect_eq(got.value[i], wanted[i], "[%d] %g", i, got.value[i]);
    heed_free(got.value);
    heed_graph_free(g);
}

/* Positions are constants to a gradient, as PyTorch's: x[argsort(x)] is differentiable in x. */
Test(order, positions_stop_gradients)
{
    heed_graph *g = heed_graph_new(.dtype = HEED_F64);
    heed_node *x = heed_input(g, "x", HEED_F64, 6), *dx;
    heed_node *picked = heed_gather(heed_square(x), heed_argsort(x, 0), 0, 0);
    cr_assert(heed_gradient(heed_sum_all(picked), NULL, &x, 1, &dx), "%s", heed_why(g));
    heed_graph_free(g);
}

Test(order, refusals)
{
    heed_graph *g = heed_graph_new();
    heed_node *positions = (heed_node *)(uintptr_t)1;
    kit_refused(g, heed_topk(heed_input(g, "x", HEED_F32, 3), 4, 0, .positions = &positions),
                "k is 4, the axis has 3");
    cr_assert_null(positions);
    g = heed_graph_new();
    kit_refused(g, heed_sort(heed_input(g, "x", HEED_F32, 3), 1), "sort: axis 1");
    g = heed_graph_new();
    kit_refused(g, heed_cumsum(heed_input(g, "x", HEED_I32, 3), 0), "cumsum");
    g = heed_graph_new();
    kit_refused(g, heed_cummax(heed_input(g, "x", HEED_F32, 3), 2, NULL), "axis 2");
    g = heed_graph_new();
    heed_node *a = heed_input(g, "a", HEED_F32, 3), *b = heed_input(g, "b", HEED_F32, 4);
    kit_refused(g, heed_linear_scan(a, b, 0), "one shape");
    cr_assert_null(heed_sort(NULL, 0));
    cr_assert_null(heed_argsort(NULL, 0));
    cr_assert_null(heed_topk(NULL, 1, 0));
    cr_assert_null(heed_cumprod(NULL, 0));
    cr_assert_null(heed_cummin(NULL, 0, NULL));
    cr_assert_null(heed_linear_scan(NULL, NULL, 0));
}

Test(order, nothing_to_order)
{
    heed_graph *g = heed_graph_new();
    heed_node *x = heed_input(g, "x", HEED_F32, 2, 0), *t = heed_transpose(x, 0, 1), *dx;
    heed_node *all[] = { heed_sort(x, 1),
                         heed_sort(t, 1),
                         heed_topk(x, 0, 1),
                         heed_cumsum(x, 1),
                         heed_cumprod(t, 1),
                         heed_cummax(x, 1, NULL),
                         heed_topk(heed_full(g, 1, 3), 0, 0),
                         heed_linear_scan(t, t, 0) };
    kit_values got = kit_run(g, all, 8, (heed_compile_options){ .threads = 1 });
    cr_assert_eq(got.n, 0);
    heed_free(got.value);
    cr_assert(heed_gradient(heed_sum_all(heed_cumprod(x, 1)), NULL, &x, 1, &dx));
    heed_graph_free(g);
}

/* ops_segments.c - sums, maxima and softmax over segments of edges, and sparse products, against
 * the loops that define them: values and gradients, every instruction set, any number of threads.
 * */
#include <criterion/criterion.h>
#include <math.h>

#include "graph/isa.h"
#include "tests/graph_kit.h"

/* Edges between n and m nodes, for `heads` columns (or heads) of d numbers. */
typedef struct sizes {
    int64_t edges, n, m, heads, d;
    bool constant; /* the indices are constants of the graph */
} sizes;

static const sizes cases[] = {
    { 7, 3, 4, 1, 1, true },      { 33, 5, 2, 3, 7, false },    { 1, 1, 1, 2, 16, true },
    { 0, 4, 3, 2, 3, false },     { 200, 7, 50, 13, 33, true }, { 500, 1, 9, 8, 8, false },
    { 90, 400, 7, 130, 2, true }, { 3000, 2, 5, 1, 65, true },  { 40000, 3000, 800, 5, 1, false },
};
enum { N_CASES = sizeof cases / sizeof cases[0] };

/* Random numbers that the graph's inputs and the loops share; about one index in twenty is out of
 * range on either side. */
typedef struct data {
    sizes z;
    double *x, *a, *b, *dy_edges, *dy_nodes, *dy_wide, *dy_dots; /* x: [edges, heads] */
    int32_t *index, *column;
} data;

static double *numbers(int64_t n, uint64_t stream)
{
    heed_rng rng = heed_rng_new(3, stream);
    double *x = heed_alloc_array((size_t)n + 1, sizeof *x);
    cr_assert_not_null(x);
    for (int64_t i = 0; i < n; i++) x[i] = (double)(float)(2 * heed_random_uniform(&rng) - 1);
    return x;
}

static int32_t *indices(int64_t n, int64_t below, uint64_t stream)
{
    heed_rng rng = heed_rng_new(5, stream);
    int32_t *x = heed_alloc_array((size_t)n + 1, sizeof *x);
    cr_assert_not_null(x);
    for (int64_t i = 0; i < n; i++) {
        int64_t wide = below + below / 10 + 1;
        x[i] = (int32_t)(heed_random_below(&rng, (uint32_t)wide) - (uint32_t)(below / 20));
        if (heed_random_below(&rng, 3) == 0) x[i] = 0; /* one long segment */
    }
    return x;
}

static data data_new(const sizes *z)
{
    return (data){ .z = *z,
                   .x = numbers(z->edges * z->heads, 1),
                   .a = numbers(z->n * z->heads * z->d, 2),
                   .b = numbers(z->m * z->heads * z->d, 3),
                   .dy_edges = numbers(z->edges * z->heads, 4),
                   .dy_nodes = numbers(z->n * z->heads, 5),
                   .dy_wide = numbers(z->n * z->heads * z->d, 6),
                   .dy_dots = numbers(z->edges * z->heads, 7),
                   .index = indices(z->edges, z->n, 1),
                   .column = indices(z->edges, z->m, 2) };
}

static void data_free(data *k)
{
    double *all[] = { k->x, k->a, k->b, k->dy_edges, k->dy_nodes, k->dy_wide, k->dy_dots };
    for (int i = 0; i < 7; i++) heed_free(all[i]);
    heed_free(k->index);
    heed_free(k->column);
}

static int64_t segment_of(const data *k, int64_t e)
{
    return k->index[e] >= 0 && k->index[e] < k->z.n ? k->index[e] : -1;
}

static int64_t column_of(const data *k, int64_t e)
{
    return k->column[e] >= 0 && k->column[e] < k->z.m ? k->column[e] : -1;
}

/* ---- a program of all of it ---- */

enum { SUM, MEAN, MAX, MIN, COUNT, SOFTMAX, PRODUCT, DOTS, N_VALUES };
enum { D_SUM = N_VALUES, D_MEAN, D_MAX, D_MIN, D_SOFTMAX, D_VALUES, D_DENSE, D_A, D_B, N_OUT };

typedef struct nodes {
    heed_graph *g;
    heed_node *out[N_OUT];
} nodes;

static heed_node *index_node(heed_graph *g, const data *k, const char *name, int32_t *value)
{
    heed_shape shape = HEED_SHAPE(k->z.edges);
    heed_view view = heed_view_of(value, HEED_I32, &shape);
    if (k->z.constant) return heed_constant(g, &view);
    return heed_input_shaped(g, name, HEED_I32, shape);
}

static void gradients(nodes *net, int y, const char *dy, int n, heed_node **x, int to)
{
    heed_node *out = net->out[y];
    cr_assert_not_null(out, "%s", heed_why(net->g));
    heed_node *r = heed_input_shaped(net->g, dy, out->dtype, out->shape);
    cr_assert(heed_gradient(out, r, x, n, net->out + to), "%s", heed_why(net->g));
}

static nodes build(const data *k, heed_dtype dtype)
{
    const sizes *z = &k->z;
    nodes net = { .g = heed_graph_new(.dtype = dtype) };
    heed_graph *g = net.g;
    heed_node *x = heed_input(g, "x", dtype, z->edges, z->heads);
    heed_node *a = heed_input(g, "a", dtype, z->n, z->heads, z->d);
    heed_node *b = heed_input(g, "b", dtype, z->m, z->heads, z->d);
    heed_node *index = index_node(g, k, "index", k->index);
    heed_node *column = index_node(g, k, "column", k->column);
    net.out[SUM] = heed_segment_sum(x, index, z->n);
    net.out[MEAN] = heed_segment_mean(x, index, z->n);
    net.out[MAX] = heed_segment_max(x, index, z->n);
    net.out[MIN] = heed_segment_min(x, index, z->n);
    net.out[COUNT] = heed_segment_count(index, z->n);
    net.out[SOFTMAX] = heed_segment_softmax(x, index, z->n);
    net.out[PRODUCT] = heed_coo_matmul(x, index, column, b, z->n);
    net.out[DOTS] = heed_sampled_matmul(a, b, index, column);
    gradients(&net, SUM, "dy_sum", 1, &x, D_SUM);
    gradients(&net, MEAN, "dy_mean", 1, &x, D_MEAN);
    gradients(&net, MAX, "dy_max", 1, &x, D_MAX);
    gradients(&net, MIN, "dy_min", 1, &x, D_MIN);
    gradients(&net, SOFTMAX, "dy_softmax", 1, &x, D_SOFTMAX);
    gradients(&net, PRODUCT, "dy_product", 2, (heed_node *[]){ x, b }, D_VALUES);
    gradients(&net, DOTS, "dy_dots", 2, (heed_node *[]){ a, b }, D_A);
    return net;
}

static void put(heed_program *p, const char *name, const double *x)
{
    heed_view view = heed_program_input(p, name);
    for (int64_t i = 0; view.data && i < heed_count(&view.shape); i++) heed_set(&view, i, x[i]);
}

static void fill(heed_program *p, const data *k)
{
    put(p, "x", k->x), put(p, "a", k->a), put(p, "b", k->b);
    put(p, "dy_sum", k->dy_nodes), put(p, "dy_mean", k->dy_nodes), put(p, "dy_max", k->dy_nodes);
    put(p, "dy_min", k->dy_nodes), put(p, "dy_softmax", k->dy_edges);
    put(p, "dy_product", k->dy_wide), put(p, "dy_dots", k->dy_dots);
    heed_view index = heed_program_input(p, "index"), column = heed_program_input(p, "column");
    if (k->z.constant) return;
    size_t bytes = (size_t)k->z.edges * sizeof *k->index;
    memcpy(index.data, k->index, bytes);
    memcpy(column.data, k->column, bytes);
}

static kit_values run(const data *k, heed_dtype dtype, int threads, const char *passes)
{
    nodes net = build(k, dtype);
    heed_program *p =
        heed_compile(net.g, net.out, N_OUT, .threads = threads, .passes = passes, .fill_nan = true);
    cr_assert_not_null(p, "%s", heed_why(net.g));
    fill(p, k);
    cr_assert(heed_program_run(p));
    kit_values all = kit_take(p, N_OUT);
    heed_program_free(p);
    heed_graph_free(net.g);
    return all;
}

/* ---- the definitions ---- */

/* f joined over the segment of each column; `start` where there is none. */
static double *define_segments(const data *k, const double *x, double start,
                               double (*join)(double, double))
{
    const int64_t h = k->z.heads;
    double *y = heed_alloc_array((size_t)(k->z.n * h) + 1, sizeof *y);
    for (int64_t i = 0; i < k->z.n * h; i++) y[i] = start;
    for (int64_t e = 0; e < k->z.edges; e++)
        for (int64_t c = 0; c < h; c++) {
            int64_t s = segment_of(k, e);
            if (s >= 0) y[s * h + c] = join(y[s * h + c], x ? x[e * h + c] : 1);
        }
    return y;
}

static double add(double a, double b)
{
    return a + b;
}

/* What each edge reads of its segment. */
static double read_segment(const data *k, const double *y, int64_t e, int64_t c)
{
    int64_t s = segment_of(k, e);
    return s < 0 ? 0 : y[s * k->z.heads + c];
}

static double *edges_new(const data *k)
{
    return heed_alloc_array((size_t)(k->z.edges * k->z.heads) + 1, sizeof(double));
}

/* y and dx of the softmax, from its formula. */
static void define_softmax(const data *k, double *y, double *dx)
{
    const int64_t h = k->z.heads;
    double *e = edges_new(k), *dot = edges_new(k);
    for (int64_t i = 0; i < k->z.edges * h; i++) e[i] = exp(k->x[i]);
    double *sum = define_segments(k, e, 0, add);
    for (int64_t i = 0; i < k->z.edges * h; i++) {
        double all = read_segment(k, sum, i / h, i % h);
        y[i] = all > 0 ? e[i] / all : 0;
        dot[i] = y[i] * k->dy_edges[i];
    }
    double *dots = define_segments(k, dot, 0, add);
    for (int64_t i = 0; i < k->z.edges * h; i++)
        dx[i] = y[i] * (k->dy_edges[i] - read_segment(k, dots, i / h, i % h));
    heed_free(e), heed_free(dot), heed_free(sum), heed_free(dots);
}

/* y += of one edge and head: w x, with gradients; [n, h, d] = [edges, h] [m, h, d] */
static void define_products(const data *k, double **out)
{
    const int64_t h = k->z.heads, d = k->z.d;
    for (int64_t e = 0; e < k->z.edges; e++)
        for (int64_t i = 0; i < h * d; i++) {
            int64_t s = segment_of(k, e), c = column_of(k, e), w = e * h + i / d;
            if (s < 0 || c < 0) continue;
            int64_t row = s * h * d + i, column = c * h * d + i;
            out[PRODUCT][row] += k->x[w] * k->b[column];
            out[D_VALUES][w] += k->dy_wide[row] * k->b[column];
            out[D_DENSE][column] += k->x[w] * k->dy_wide[row];
            out[DOTS][w] += k->a[row] * k->b[column];
            out[D_A][row] += k->dy_dots[w] * k->b[column];
            out[D_B][column] += k->dy_dots[w] * k->a[row];
        }
}

/* dx of max and min: dy's share, where x is y. */
static void define_extremum(const data *k, const double *y, double *dx)
{
    const int64_t h = k->z.heads;
    double *chosen = edges_new(k);
    for (int64_t i = 0; i < k->z.edges * h; i++)
        chosen[i] = k->x[i] == read_segment(k, y, i / h, i % h);
    double *ties = define_segments(k, chosen, 0, add);
    for (int64_t i = 0; i < k->z.edges * h; i++)
        if (chosen[i] > 0 && segment_of(k, i / h) >= 0)
            dx[i] =
                read_segment(k, k->dy_nodes, i / h, i % h) / read_segment(k, ties, i / h, i % h);
    heed_free(chosen), heed_free(ties);
}

static void define(const data *k, double **out)
{
    const int64_t h = k->z.heads;
    double *count = define_segments(k, NULL, 0, add);
    double *most = define_segments(k, k->x, -INFINITY, fmax);
    double *least = define_segments(k, k->x, INFINITY, fmin);
    double *sum = define_segments(k, k->x, 0, add);
    for (int64_t i = 0; i < k->z.n * h; i++) {
        if (i % h == 0) out[COUNT][i / h] = count[i];
        out[SUM][i] = sum[i];
        out[MEAN][i] = sum[i] / fmax(count[i], 1);
        out[MAX][i] = count[i] > 0 ? most[i] : 0;
        out[MIN][i] = count[i] > 0 ? least[i] : 0;
    }
    for (int64_t i = 0; i < k->z.edges * h; i++) {
        out[D_SUM][i] = read_segment(k, k->dy_nodes, i / h, i % h);
        out[D_MEAN][i] = out[D_SUM][i] / fmax(read_segment(k, count, i / h, i % h), 1);
    }
    define_extremum(k, most, out[D_MAX]);
    define_extremum(k, least, out[D_MIN]);
    define_softmax(k, out[SOFTMAX], out[D_SOFTMAX]);
    define_products(k, out);
    heed_free(count), heed_free(most), heed_free(least), heed_free(sum);
}

static kit_values expected(const data *k)
{
    nodes net = build(k, HEED_F64); /* for the shapes */
    kit_values all = { NULL, 0 };
    double *out[N_OUT];
    for (int i = 0; i < N_OUT; i++) all.n += heed_count(&net.out[i]->shape);
    all.value = heed_alloc_array((size_t)all.n + 1, sizeof *all.value);
    for (int64_t i = 0, at = 0; i < N_OUT; i++) {
        out[i] = all.value + at;
        at += heed_count(&net.out[i]->shape);
    }
    define(k, out);
    heed_graph_free(net.g);
    return all;
}

/* ---- tests ---- */

static void compare_all(const char *isa)
{
    setenv("HEED_ISA", isa, 1); /* read at the first question of this process */
    if (strcmp(heed_isa_name(heed_isa_current()), isa) != 0) cr_skip("not on this processor");
    for (int i = 0; i < N_CASES; i++) {
        data k = data_new(&cases[i]);
        kit_values want = expected(&k);
        for (int dtype = HEED_F32; dtype <= HEED_F64; dtype++) {
            kit_values got = run(&k, (heed_dtype)dtype, 1, NULL);
            int64_t at = kit_difference(got, want, dtype == HEED_F64 ? 1e-12 : 3e-5);
            cr_expect_eq(at, -1, "case %d, %s: number %lld is %g, not %g", i,
                         heed_dtype_name((heed_dtype)dtype), (long long)at, got.value[at],
                         want.value[at]);
            heed_free(got.value);
        }
        heed_free(want.value);
        data_free(&k);
    }
}

Test(ops_segments, what_they_mean_portable, .timeout = 120)
{
    compare_all("portable");
}
Test(ops_segments, what_they_mean_avx2, .timeout = 120)
{
    compare_all("avx2");
}
Test(ops_segments, what_they_mean_avx512, .timeout = 120)
{
    compare_all("avx512");
}
Test(ops_segments, what_they_mean_neon, .timeout = 120)
{
    compare_all("neon");
}

/* Threads, passes, and whether the plan was made at compile, change no bit. */
Test(ops_segments, same_bits, .timeout = 120)
{
    for (int i = 0; i < N_CASES; i++) {
        data k = data_new(&cases[i]);
        kit_values one = run(&k, HEED_F32, 1, "none");
        for (int threads = 2; threads <= 8; threads += 3) {
            kit_values many = run(&k, HEED_F32, threads, "none");
            cr_expect(kit_same_bits(one, many), "case %d: %d threads", i, threads);
            heed_free(many.value);
        }
        heed_free(one.value);
        one = run(&k, HEED_F32, 3, NULL);
        k.z.constant = !k.z.constant;
        kit_values other = run(&k, HEED_F32, 1, NULL);
        cr_expect(kit_same_bits(one, other), "case %d: constant or not", i);
        heed_free(one.value), heed_free(other.value);
        data_free(&k);
    }
}

/* Without a plan a kernel makes its own: the same bits. */
Test(ops_segments, plan_is_optional)
{
    static const char *const names[] = { "segment_sum", "segment_max", "segment_softmax",
                                         "sparse_matmul" };
    heed_graph *g = heed_graph_new(.dtype = HEED_F64);
    data k = data_new(&(sizes){ 300, 40, 7, 3, 5, true });
    heed_shape xs = HEED_SHAPE(300, 3), bs = HEED_SHAPE(7, 3, 5);
    heed_view xv = heed_view_of(k.x, HEED_F64, &xs), bv = heed_view_of(k.b, HEED_F64, &bs);
    heed_node *x = heed_constant(g, &xv), *b = heed_constant(g, &bv);
    heed_node *index = index_node(g, &k, "index", k.index), *plan = heed_csr(index, 40);
    heed_node *column = index_node(g, &k, "column", k.column);
    for (int i = 0; i < 4; i++) {
        const heed_op *op = heed_find_op(names[i]);
        int64_t attr[2] = { 40 };
        heed_node *edges[3] = { x, index, plan }, *entries[5] = { x, b, index, column, plan };
        int n = i == 3 ? 4 : 2;
        heed_node **in = i == 3 ? entries : edges, *both[2];
        both[0] = heed_apply(op, attr, n, in);
        both[1] = heed_apply(op, attr, n + 1, in);
        cr_assert(both[0] && both[1], "%s", heed_why(g));
        kit_values all = kit_run(g, both, 2, (heed_compile_options){ .threads = 2 });
        cr_expect(memcmp(all.value, all.value + all.n / 2, (size_t)(all.n / 2) * 8) == 0, "%s",
                  names[i]);
        heed_free(all.value);
    }
    data_free(&k);
    heed_graph_free(g);
}

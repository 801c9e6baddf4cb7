/* ops_norms.c - normalizations over examples, channels and weights against their formulas, with
 * short and long runs, gradients by differences; running statistics, and who moves them. */
#include "tests/graph_kit.h"

/* x [N, C, S]; sets of `per` channels of one example, or, with per = 0, of one channel of all. */
typedef struct sizes {
    int64_t n, c, s, per;
} sizes;

static bool same_set(sizes z, int64_t a, int64_t b)
{
    const int64_t channel_a = a / z.s % z.c, channel_b = b / z.s % z.c;
    if (z.per == 0) return channel_a == channel_b;
    return a / (z.s * z.c) == b / (z.s * z.c) && channel_a / z.per == channel_b / z.per;
}

static double naive_norm(sizes z, const double *x, int64_t at, double gain, double bias, double eps)
{
    double sum = 0, squares = 0, count = 0;
    for (int64_t i = 0; i < z.n * z.c * z.s; i++) {
        if (!same_set(z, i, at)) continue;
        sum += x[i];
        count++;
    }
    for (int64_t i = 0; i < z.n * z.c * z.s; i++)
        if (same_set(z, i, at)) squares += (x[i] - sum / count) * (x[i] - sum / count);
    return (x[at] - sum / count) / sqrt(squares / count + eps) * gain + bias;
}

static heed_node *normed(heed_node *x, sizes z, heed_node *gain, heed_node *bias, double eps)
{
    if (z.per == 0) return heed_batch_norm(x, .gain = gain, .bias = bias, .eps = eps);
    if (z.per == 1) return heed_instance_norm(x, gain, bias, eps);
    return heed_group_norm(x, z.c / z.per, gain, bias, eps);
}

/* An input [N, C, S], or [S, N, C] whose axes are moved, or [N, C] when S is 1. */
static heed_node *input_of(heed_graph *g, sizes z, bool strided)
{
    const heed_dtype dtype = heed_graph_dtype(g);
    if (strided) {
        heed_node *x = heed_input_shaped(g, "x", dtype, HEED_SHAPE(z.s, z.n, z.c));
        return heed_permute(x, 1, 2, 0);
    }
    return heed_input_shaped(g, "x", dtype,
                             z.s == 1 ? HEED_SHAPE(z.n, z.c) : HEED_SHAPE(z.n, z.c, z.s));
}

static void check_norm(sizes z, heed_dtype dtype, bool strided, bool gain_and_bias)
{
    heed_graph *g = heed_graph_new(.dtype = dtype);
    heed_node *x = input_of(g, z, strided);
    heed_node *gain = heed_input_shaped(g, "gain", dtype, HEED_SHAPE(z.c));
    heed_node *bias = heed_input_shaped(g, "bias", dtype, HEED_SHAPE(z.c));
    heed_node *y = normed(x, z, gain_and_bias ? gain : NULL, gain_and_bias ? bias : NULL, 1e-3);
    cr_assert_not_null(y, "%s", heed_why(g));
    kit_values all =
        kit_run(g, (heed_node *[]){ x, gain, bias, y }, 4, (heed_compile_options){ .threads = 2 });
    const int64_t count = z.n * z.c * z.s;
    const double *gains = all.value + count, *biases = gains + z.c, *out = biases + z.c;
    for (int64_t i = 0; i < count; i += 1 + count / 300) {
        const int64_t c = i / z.s % z.c;
        const double exact = naive_norm(z, all.value, i, gain_and_bias ? gains[c] : 1,
                                        gain_and_bias ? biases[c] : 0, 1e-3);
        cr_assert(fabs(exact - out[i]) <= (dtype == HEED_F64 ? 1e-12 : 5e-6),
                  "%lld x %lld x %lld by %lld: [%lld] is %.9g, not %.9g", (long long)z.n,
                  (long long)z.c, (long long)z.s, (long long)z.per, (long long)i, out[i], exact);
    }
    heed_free(all.value);
    heed_graph_free(g);
}

static const sizes cases[] = {
    { 5, 3, 1, 0 }, { 7, 13, 1, 0 },   { 2, 3, 7, 0 },    { 3, 2, 33, 0 },   { 33, 5, 16, 0 },
    { 4, 6, 1, 3 }, { 2, 4, 7, 2 },    { 3, 6, 33, 2 },   { 1, 13, 17, 13 }, { 2, 3, 19, 1 },
    { 2, 3, 5, 1 }, { 3, 2, 4099, 0 }, { 5, 2, 4099, 2 }, { 1, 1, 16, 1 },
};

Test(ops_norms, formulas)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int k = 0; k < 8; k++) check_norm(cases[i], k & 1 ? HEED_F32 : HEED_F64, k & 2, k & 4);
}

/* Numbers far from 0: mean first, then squares around it. */
Test(ops_norms, far_from_zero)
{
    for (int s = 1; s <= 33; s += 32) {
        heed_graph *g = heed_graph_new(.dtype = HEED_F32);
        heed_node *x = heed_input(g, "x", HEED_F32, 40, 2, s);
        heed_node *far = heed_affine(x, 1, 3000);
        heed_node *y[2] = { far, heed_batch_norm(far) };
        kit_values all = kit_run(g, y, 2, (heed_compile_options){ .threads = 1 });
        const sizes z = { 40, 2, s, 0 };
        for (int i = 0; i < 80 * s; i++)
            cr_assert_float_eq(all.value[80 * s + i], naive_norm(z, all.value, i, 1, 0, 1e-5),
                               1e-3);
        heed_free(all.value);
        heed_graph_free(g);
    }
}

static void fill(void *context, heed_program *p)
{
    heed_rng rng = heed_rng_new(7, 0);
    heed_view x = heed_program_input(p, "x");
    (void)context;
    heed_fill_normal(&rng, &x, 0.5, 2);
}

/* Gradients of every path: short and long runs, batch and groups, from parameters. */
Test(ops_norms, gradients)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const sizes z = cases[i];
        if (z.n * z.c * z.s > 1500) continue;
        heed_store *store = heed_store_new(3);
        heed_graph *g = heed_graph_new(.store = store, .dtype = HEED_F64, .training = true);
        heed_scope *s = heed_root(g);
        const heed_init some = { .rule = HEED_INIT_NORMAL, .b = 1 };
        heed_node *w = heed_param(s, "w", some, z.n, z.c, z.s);
        heed_node *x = heed_add(w, heed_input_shaped(g, "x", HEED_F64, w->shape));
        heed_node *y =
            normed(x, z, heed_param(s, "gain", some, z.c), heed_param(s, "b", some, z.c), 0.01);
        heed_node *loss = heed_sum_all(heed_mul(heed_tanh(y), heed_sin(heed_scale(x, 3))));
        heed_gradcheck_result r =
            heed_gradcheck_loss(loss, 40, fill, NULL, (heed_gradcheck_options){ .order = 1 });
        cr_expect(r.passed, "case %zu: %s", i, r.why);
        heed_graph_free(g);
        heed_store_free(store);
    }
}

Test(ops_norms, the_same_bits_for_any_threads)
{
    heed_graph *g = heed_graph_new(.dtype = HEED_F32);
    heed_node *x = heed_input(g, "x", HEED_F32, 9, 24, 33, 31), *y[4];
    y[0] = heed_batch_norm(x);
    y[1] = heed_group_norm(x, 4, NULL, NULL, 0);
    for (int i = 0; i < 2; i++)
        cr_assert(heed_gradient(y[i], heed_square(y[i]), &x, 1, &y[2 + i]), "%s", heed_why(g));
    kit_values one = kit_run(g, y, 4, (heed_compile_options){ .threads = 1 });
    for (int threads = 2; threads <= 8; threads += 3) {
        kit_values more = kit_run(g, y, 4, (heed_compile_options){ .threads = threads });
        cr_expect(kit_same_bits(one, more), "%d threads", threads);
        heed_free(more.value);
    }
    heed_free(one.value);
    heed_graph_free(g);
}

/* ---- running statistics ---- */

typedef struct net {
    heed_store *store;
    heed_graph *graph;
    heed_node *x, *y;
} net;

static net net_new(heed_store *store, int64_t s, bool training, bool running)
{
    net k = { .store = store };
    k.graph = heed_graph_new(.store = store, .dtype = HEED_F64, .training = training);
    k.x = heed_input(k.graph, "x", HEED_F64, 6, 2, s);
    heed_scope *scope = heed_root(k.graph);
    heed_node *mean = heed_state(scope, "mean", HEED_ZEROS, 2);
    heed_node *variance = heed_state(scope, "variance", HEED_ONES, 2);
    k.y = heed_batch_norm(k.x, .mean = mean, .variance = variance, .momentum = 0.3,
                          .running = running);
    cr_assert_not_null(k.y, "%s", heed_why(k.graph));
    return k;
}

static double number(heed_store *store, const char *name, int64_t i)
{
    return heed_get(&heed_store_find(store, name)->tensor->view, i);
}

/* Short and long runs: a step's statistics go into the running ones, which evaluation uses. */
static void check_running(int64_t s)
{
    heed_store *store = heed_store_new(1);
    net train = net_new(store, s, true, false), eval = net_new(store, s, false, false),
        frozen = net_new(store, s, true, true);
    heed_node *out[3] = { train.y };
    cr_assert_eq(heed_graph_assignments(train.graph, out + 1, 2), 2);
    cr_expect_eq(heed_graph_assignments(eval.graph, NULL, 0), 0);
    cr_expect_eq(heed_graph_assignments(frozen.graph, NULL, 0), 0);
    heed_program *p = heed_compile(train.graph, out, 3, .threads = 1);
    cr_assert_not_null(p, "%s", heed_why(train.graph));
    heed_view x = heed_program_input(p, "x");
    double mean[2] = { 0, 0 }, variance[2] = { 1, 1 };
    for (int step = 0; step < 3; step++) {
        heed_rng rng = heed_rng_new((uint64_t)step, 1);
        heed_fill_normal(&rng, &x, 2, 3);
        cr_assert(heed_program_run(p));
        for (int c = 0; c < 2; c++) {
            double sum = 0, squares = 0, n = 6.0 * (double)s;
            for (int64_t i = 0; i < 12 * s; i++)
                if (i / s % 2 == c) sum += heed_get(&x, i);
            for (int64_t i = 0; i < 12 * s; i++)
                if (i / s % 2 == c) squares += pow(heed_get(&x, i) - sum / n, 2);
            mean[c] = 0.7 * mean[c] + 0.3 * sum / n;
            variance[c] = 0.7 * variance[c] + 0.3 * squares / (n - 1);
            cr_assert_float_eq(number(store, "mean", c), mean[c], 1e-13);
            cr_assert_float_eq(number(store, "variance", c), variance[c], 1e-12);
        }
    }
    heed_program_free(p);
    for (int i = 0; i < 2; i++) {
        const net *k = i ? &frozen : &eval;
        heed_program *q = heed_compile(k->graph, &k->y, 1, .threads = 1);
        cr_assert_not_null(q, "%s", heed_why(k->graph));
        heed_view in = heed_program_input(q, "x"), y = heed_program_output(q, 0);
        heed_view_fill(&in, 0.5);
        cr_assert(heed_program_run(q));
        for (int64_t j = 0; j < 12 * s; j++) {
            const int64_t c = j / s % 2;
            cr_assert_float_eq(heed_get(&y, j), (0.5 - mean[c]) / sqrt(variance[c] + 1e-5), 1e-12);
        }
        heed_program_free(q);
    }
    heed_graph_free(train.graph), heed_graph_free(eval.graph), heed_graph_free(frozen.graph);
    heed_store_free(store);
}

Test(ops_norms, running_statistics)
{
    check_running(1);
    check_running(40);
}

/* ---- weights ---- */

/* After many iterations sigma is the largest singular value, and w / sigma has 1. */
Test(ops_norms, spectral_norm)
{
    heed_store *store = heed_store_new(1);
    heed_graph *g = heed_graph_new(.store = store, .dtype = HEED_F64, .training = true);
    heed_scope *s = heed_root(g);
    const heed_init normal = { .rule = HEED_INIT_NORMAL, .b = 1 };
    heed_node *w = heed_param(s, "w", normal, 3, 2, 2), *out[3];
    heed_node *u = heed_state(s, "u", normal, 3), *v = heed_state(s, "v", normal, 4);
    out[0] = heed_spectral_norm(w, u, v, .iterations = 2);
    cr_assert_eq(heed_graph_assignments(g, out + 1, 2), 2, "%s", heed_why(g));
    heed_program *p = heed_compile(g, out, 3, .threads = 1);
    cr_assert_not_null(p, "%s", heed_why(g));
    for (int i = 0; i < 200; i++) cr_assert(heed_program_run(p));
    heed_view y = heed_program_output(p, 0);
    double gram[3][3], most = 0, vector[3] = { 1, 0.5, -0.3 };
    for (int i = 0; i < 9; i++) {
        gram[i / 3][i % 3] = 0;
        for (int k = 0; k < 4; k++)
            gram[i / 3][i % 3] += heed_get(&y, i / 3 * 4 + k) * heed_get(&y, i % 3 * 4 + k);
    }
    for (int step = 0; step < 500; step++) {
        double next[3] = { 0, 0, 0 };
        for (int i = 0; i < 9; i++) next[i / 3] += gram[i / 3][i % 3] * vector[i % 3];
        most = sqrt(next[0] * next[0] + next[1] * next[1] + next[2] * next[2]);
        for (int i = 0; i < 3; i++) vector[i] = next[i] / most;
    }
    cr_expect_float_eq(sqrt(most), 1, 1e-12);
    double norm = 0;
    for (int i = 0; i < 3; i++) norm += pow(number(store, "u", i), 2);
    cr_expect_float_eq(norm, 1, 1e-12);
    heed_program_free(p);

    heed_graph_free(g);
    heed_store_free(store);
}

/* d <w / sigma, c> / dw = c / sigma - <w, c> u v' / sigma^2, by the u and v of this step, which no
 * gradient flows into though they were made of w. */
Test(ops_norms, spectral_norm_differentiates_sigma_alone)
{
    heed_store *store = heed_store_new(2);
    heed_graph *g = heed_graph_new(.store = store, .dtype = HEED_F64, .training = true);
    heed_scope *s = heed_root(g);
    const heed_init normal = { .rule = HEED_INIT_NORMAL, .b = 1 };
    heed_node *w = heed_param(s, "w", normal, 3, 4), *out[3],
              *c = heed_input(g, "c", HEED_F64, 3, 4);
    heed_node *y =
        heed_spectral_norm(w, heed_state(s, "u", normal, 3), heed_state(s, "v", normal, 4));
    cr_assert(heed_gradient(y, c, &w, 1, out), "%s", heed_why(g));
    cr_assert_eq(heed_graph_assignments(g, out + 1, 2), 2);
    heed_program *p = heed_compile(g, out, 3, .threads = 1);
    cr_assert_not_null(p, "%s", heed_why(g));
    kit_fill(p, g, 1);
    cr_assert(heed_program_run(p));
    heed_view cotangent = heed_program_input(p, "c"), dw = heed_program_output(p, 0);
    double sigma = 0, product = 0;
    for (int i = 0; i < 12; i++) {
        sigma += number(store, "u", i / 4) * number(store, "w", i) * number(store, "v", i % 4);
        product += number(store, "w", i) * heed_get(&cotangent, i);
    }
    for (int i = 0; i < 12; i++) {
        const double uv = number(store, "u", i / 4) * number(store, "v", i % 4);
        cr_expect_float_eq(heed_get(&dw, i),
                           heed_get(&cotangent, i) / sigma - product * uv / (sigma * sigma), 1e-12);
    }
    heed_program_free(p);
    heed_graph_free(g);
    heed_store_free(store);
}

static void expect_why(heed_graph *g, const char *part)
{
    const char *why = heed_why(g);
    cr_expect(why && strstr(why, part), "\"%s\" is not in: %s", part, why ? why : "(no error)");
    heed_graph_free(g);
}

static heed_graph *fresh(heed_node **x, heed_node **vector)
{
    heed_graph *g = heed_graph_new(.training = true);
    *x = heed_input(g, "x", HEED_F32, 4, 6, 3);
    *vector = heed_input(g, "v", HEED_F32, 5);
    return g;
}

Test(ops_norms, refusals)
{
    heed_node *x, *v;
    heed_graph *g = fresh(&x, &v);
    cr_expect_null(heed_batch_norm(x, .gain = v));
    expect_why(g, "gain must be [6]");
    g = fresh(&x, &v);
    cr_expect_null(heed_batch_norm(x, .mean = v));
    expect_why(g, "go together");
    g = fresh(&x, &v);
    cr_expect_null(heed_batch_norm(x, .running = true));
    expect_why(g, "no running statistics");
    g = fresh(&x, &v);
    cr_expect_null(heed_batch_norm(heed_slice(heed_index(x, 2, 0), 0, 0, 1)));
    expect_why(g, "has no variance");
    g = fresh(&x, &v);
    cr_expect_null(heed_batch_norm(v));
    expect_why(g, "is not [N, C, ..]");
    g = fresh(&x, &v);
    cr_expect_null(heed_group_norm(x, 4, NULL, NULL, 0));
    expect_why(g, "6 channels don't make 4 groups");
    g = fresh(&x, &v);
    cr_expect_null(heed_instance_norm(x, NULL, NULL, -1));
    expect_why(g, "eps is -1");
    g = fresh(&x, &v);
    cr_expect_null(heed_weight_norm(x, v, 1));
    expect_why(g, "g must be [6]");
    g = fresh(&x, &v);
    cr_expect_null(heed_spectral_norm(x, v, v));
    expect_why(g, "u must be [4]");
    cr_expect_null(heed_batch_norm(NULL));
    cr_expect_null(heed_group_norm(NULL, 1, NULL, NULL, 0));
}

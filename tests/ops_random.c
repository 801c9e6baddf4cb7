/* ops_random.c - noise and samples: distributions under fixed seeds, within bounds that a wrong
 * sampler breaks; the same numbers for the same (seed, step, node), for any number of threads, in
 * f32 and f64. */
#include "graph/isa.h"
#include "tests/ops_kit.h"

enum { MANY = 200001 };

static kit_values run_at(heed_node *y, uint64_t seed, uint64_t step, int threads)
{
    cr_assert_not_null(y);
    heed_program *p =
        heed_compile(y->graph, &y, 1, .seed = seed, .threads = threads, .fill_nan = true);
    cr_assert_not_null(p, "%s", heed_why(y->graph));
    heed_program_set_step(p, step);
    cr_assert(heed_program_run(p));
    kit_values v = kit_take(p, 1);
    heed_program_free(p);
    return v;
}

/* ---- distributions ---- */

static double uniform_below(double x)
{
    return (x + 1) / 4; /* of -1 .. 3 */
}
static double normal_below(double x)
{
    return 0.5 * erfc(-(x - 0.5) / 2 / sqrt(2));
}
static double gumbel_below(double x)
{
    return exp(-exp(-x));
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Kolmogorov's statistic, sqrt(n) sup |F_n - F|: above 1.95 once in a thousand times. */
static double kolmogorov(double *x, int64_t n, double (*below)(double))
{
    double worst = 0;
    qsort(x, (size_t)n, sizeof *x, ascending);
    for (int64_t i = 0; i < n; i++) {
        double f = below(x[i]);
        worst = fmax(worst, fmax(f - (double)i / (double)n, (double)(i + 1) / (double)n - f));
    }
    return sqrt((double)n) * worst;
}

/* Of neighbours at the given distance: sqrt(n) times it is about normal. */
static double correlation(const double *x, int64_t n, int64_t distance)
{
    double mean = 0, variance = 0, product = 0;
    for (int64_t i = 0; i < n; i++) mean += x[i] / (double)n;
    for (int64_t i = 0; i < n; i++) variance += (x[i] - mean) * (x[i] - mean);
    for (int64_t i = 0; i + distance < n; i++) product += (x[i] - mean) * (x[i + distance] - mean);
    return product / variance;
}

typedef struct noise {
    const char *name;
    double (*below)(double);
} noise;
static const noise noises[] = { { "uniform", uniform_below },
                                { "normal", normal_below },
                                { "gumbel", gumbel_below } };

static heed_node *noise_of(heed_graph *g, int kind, int64_t n)
{
    if (kind == 0) return heed_uniform(g, -1, 3, n);
    return kind == 1 ? heed_normal(g, 0.5, 2, n) : heed_gumbel(g, n);
}

/* f32 and f64; distances within a block of words, between its halves, and between blocks. */
Test(ops_random, noise_has_its_distribution)
{
    static const int64_t distances[] = { 1, 2, 255, 256, 512, 768, 1024, 8192 };
    for (int k = 0; k < 6; k++) {
        heed_graph *g = heed_graph_new(.dtype = k % 2 ? HEED_F64 : HEED_F32);
        kit_values v = run_at(noise_of(g, k / 2, MANY), 3, 1, 1);
        const noise *one = &noises[k / 2];
        for (size_t d = 0; d < sizeof distances / sizeof distances[0]; d++) {
            double c = correlation(v.value, v.n, distances[d]);
            cr_expect(fabs(c) < 4 / sqrt(MANY), "%s: correlation %g", one->name, c);
        }
        double statistic = kolmogorov(v.value, v.n, one->below);
        cr_expect(statistic < 1.95, "%s: Kolmogorov's statistic is %g", one->name, statistic);
        cr_expect(statistic > 0.3, "%s: too even to be random, %g", one->name, statistic);
        heed_free(v.value);
        heed_graph_free(g);
    }
}

/* Nothing infinite, nothing on the excluded end, and tails as far out as 2^-32 allows. */
Test(ops_random, ends)
{
    enum { MILLIONS = 1 << 23 };
    heed_graph *g = heed_graph_new(.dtype = HEED_F32);
    kit_values u = run_at(heed_uniform(g, 0, 1, MILLIONS), 1, 0, 2);
    kit_values e = run_at(heed_gumbel(g, MILLIONS), 1, 0, 2);
    kit_values z = run_at(heed_normal(g, 0, 1, MILLIONS), 1, 0, 2);
    double least = 1, most = 0, top = 0, bottom = 0, far = 0;
    for (int i = 0; i < MILLIONS; i++) {
        least = fmin(least, u.value[i]), most = fmax(most, u.value[i]);
        top = fmax(top, e.value[i]), bottom = fmin(bottom, e.value[i]);
        far = fmax(far, fabs(z.value[i]));
    }
    cr_expect(least >= 0 && least < 1e-6 && most < 1 && most > 1 - 1e-6, "%g .. %g", least, most);
    cr_expect(top > 14 && top < 23 && bottom < -2.6 && bottom > -3.2, "%g .. %g", bottom, top);
    cr_expect(far > 5 && far < 6.8, "%g", far);
    heed_free(u.value), heed_free(e.value), heed_free(z.value);
    u = run_at(heed_uniform(g, 1, 1.0000002, 5000), 1, 0, 1); /* rounding may not reach the end */
    for (int i = 0; i < 5000; i++) cr_assert(u.value[i] >= 1 && u.value[i] < (float)1.0000002);
    heed_free(u.value);
    heed_graph_free(g);
}

/* ---- what they depend on ---- */

static heed_node *sampler(heed_graph *g, int kind, int64_t n)
{
    if (kind < 3) return noise_of(g, kind, n);
    if (kind == 3) return heed_categorical(heed_full(g, 0, n, 7));
    if (kind == 4) return heed_bernoulli(heed_full(g, 0.5, n));
    return heed_gumbel_softmax(heed_full(g, 0, n, 5), -1, 0.5, .hard = kind == 5);
}

Test(ops_random, depends_on_seed_step_and_node_only)
{
    enum { N = 30011 };
    for (int kind = 0; kind < 7; kind++) {
        heed_graph *g = heed_graph_new(.dtype = HEED_F32);
        heed_node *first = sampler(g, kind, N), *second = sampler(g, kind, N);
        kit_values one = run_at(first, 9, 4, 1), same[3], other[3];
        for (int k = 0; k < 3; k++) same[k] = run_at(first, 9, 4, k == 2 ? 8 : 2 + k);
        other[0] = run_at(first, 10, 4, 1), other[1] = run_at(first, 9, 5, 1);
        other[2] = run_at(second, 9, 4, 1);
        for (int k = 0; k < 3; k++) {
            cr_expect(kit_same_bits(one, same[k]), "kind %d: threads change bits", kind);
            int64_t equal = 0;
            for (int64_t i = 0; i < one.n; i++) equal += one.value[i] == other[k].value[i];
            cr_expect(equal < one.n * 7 / 10, "kind %d, %d: %lld equal", kind, k, (long long)equal);
            heed_free(same[k].value), heed_free(other[k].value);
        }
        heed_free(one.value);
        heed_graph_free(g);
    }
}

/* f32 draws what f64 draws, rounded; a longer tensor starts as a shorter one. */
Test(ops_random, precisions_and_lengths_agree)
{
    static const double tolerance[] = { 1e-6, 2e-5, 2e-5 };
    for (int kind = 0; kind < 3; kind++) {
        heed_graph *f32 = heed_graph_new(.dtype = HEED_F32);
        heed_graph *f64 = heed_graph_new(.dtype = HEED_F64), *other = heed_graph_new();
        kit_values a = run_at(noise_of(f32, kind, 40000), 5, 2, 1);
        kit_values b = run_at(noise_of(f64, kind, 40000), 5, 2, 1);
        kit_values c = run_at(noise_of(other, kind, 7), 5, 2, 1);
        cr_expect_eq(kit_difference(a, b, tolerance[kind]), -1, "%s", noises[kind].name);
        cr_expect_neq(kit_difference(a, b, 0), -1);
        cr_expect(memcmp(a.value, c.value, 7 * sizeof(double)) == 0);
        heed_free(a.value), heed_free(b.value), heed_free(c.value);
        heed_graph_free(f32), heed_graph_free(f64), heed_graph_free(other);
    }
}

static bool noisy_step(void *context, heed_node *const *state, heed_node *const *x,
                       heed_node **next, heed_node **y)
{
    (void)context, (void)state, (void)next;
    y[0] = heed_add(x[0], heed_uniform(x[0]->graph, 0, 1, 5));
    return y[0] != NULL;
}

/* Noise that a step of a loop makes is its own, though it depends on nothing in the step. */
Test(ops_random, new_in_every_step_of_a_loop)
{
    enum { STEPS = 7 };
    heed_graph *g = heed_graph_new(.dtype = HEED_F32);
    heed_node *zero = heed_full(g, 0, STEPS, 5), *y;
    cr_assert(heed_scan(g, noisy_step, NULL, NULL, &y, .over = &zero, .n_over = 1, .n_out = 1));
    kit_values v = run_at(y, 1, 0, 1), later = run_at(y, 1, 1, 1);
    for (int i = 0; i < STEPS * 5; i++) {
        cr_expect_neq(v.value[i], later.value[i]);
        for (int k = 0; k < i; k++) cr_expect_neq(v.value[i], v.value[k], "%d and %d", i, k);
    }
    heed_free(v.value), heed_free(later.value);
    heed_graph_free(g);
}

/* ---- samples ---- */

/* Counts of `classes` outcomes against their probabilities: chi squared, whose mean is classes - 1
 * and variance twice that. */
static void expect_counts(const int64_t *count, const double *p, int classes, const char *what)
{
    double chi = 0, n = 0, degrees = -1;
    for (int c = 0; c < classes; c++) n += (double)count[c];
    for (int c = 0; c < classes; c++) {
        if (p[c] == 0) cr_expect_eq(count[c], 0, "%s: class %d is impossible", what, c);
        if (p[c] > 0) chi += pow((double)count[c] - n * p[c], 2) / (n * p[c]), degrees++;
    }
    cr_expect(chi < degrees + 5 * sqrt(2 * degrees), "%s: chi squared %g of %g degrees", what, chi,
              degrees);
}

/* Rows of 3 to 3000 classes: within a block of noise, and over several. */
Test(ops_random, categorical_draws_softmax)
{
    enum { MOST = 3000, ROWS = 40000 };
    static const int classes[] = { 3, 7, 100, MOST };
    static double logit[MOST], p[MOST];
    static int64_t count[MOST];
    for (int k = 0; k < 8; k++) {
        const int n = classes[k % 4], rows = n == MOST ? 8000 : ROWS;
        double sum = 0;
        for (int c = 0; c < n; c++) {
            logit[c] = c == 1 ? -INFINITY : 3 + 0.5 * (c % 5);
            sum += p[c] = exp(logit[c]), count[c] = 0;
        }
        for (int c = 0; c < n; c++) p[c] /= sum;
        const heed_dtype dtype = k < 4 ? HEED_F32 : HEED_F64;
        heed_graph *g = heed_graph_new(.dtype = dtype);
        heed_node *x = kit_strided(g, dtype, HEED_SHAPE(n), logit);
        kit_values v = run_at(heed_categorical(heed_expand(x, rows, n)), 7, 0, 2);
        for (int64_t i = 0; i < v.n; i++) {
            cr_assert(v.value[i] >= 0 && v.value[i] < n);
            count[(int)v.value[i]]++;
        }
        if (n == MOST) { /* too many classes for the rows: by residue */
            int64_t few[5] = { 0 };
            double q[5] = { 0 };
            for (int c = 0; c < n; c++) few[c % 5] += count[c], q[c % 5] += p[c];
            expect_counts(few, q, 5, "categorical, by residue");
            cr_expect_eq(count[1], 0);
        } else {
            expect_counts(count, p, n, "categorical");
        }
        cr_expect(fabs(correlation(v.value, v.n, 1)) < 4 / sqrt((double)rows));
        heed_free(v.value);
        heed_graph_free(g);
    }
}

Test(ops_random, categorical_of_special_logits)
{
    const double x[] = { -INFINITY, -INFINITY, -INFINITY, NAN, 1e30, 2, -1e30, INFINITY, 1e4 };
    heed_graph *g = heed_graph_new();
    kit_values v =
        run_at(heed_categorical(kit_constant(g, HEED_F32, HEED_SHAPE(3, 3), x)), 1, 1, 1);
    cr_expect(v.value[0] == 0 && v.value[1] == 1 && v.value[2] == 1);
    heed_free(v.value);
    heed_node *none = heed_categorical(heed_full(g, 0, 0, 3));
    v = run_at(none, 1, 1, 1);
    cr_expect_eq(v.n, 0);
    heed_free(v.value);
    cr_expect_null(heed_categorical(heed_full(g, 0, 3, 0)));
    cr_expect(strstr(heed_why(g), "axis 1 is empty"), "%s", heed_why(g));
    heed_graph_free(g);
}

/* The categorical is the argmax of logits and the noise that gumbel would make in its place. */
Test(ops_random, categorical_is_the_gumbel_maximum)
{
    enum { ROWS = 500, CLASSES = 13 };
    double x[ROWS * CLASSES];
    for (int i = 0; i < ROWS * CLASSES; i++) x[i] = i * 7 % 11 / 4.0;
    heed_graph *g = heed_graph_new(), *h = heed_graph_new();
    heed_node *a = kit_constant(g, HEED_F32, HEED_SHAPE(ROWS, CLASSES), x);
    heed_node *b = kit_constant(h, HEED_F32, HEED_SHAPE(ROWS, CLASSES), x);
    kit_values drawn = run_at(heed_categorical(a), 3, 3, 1);
    kit_values most = run_at(heed_argmax(heed_add(heed_gumbel(h, ROWS, CLASSES), b), -1), 3, 3, 1);
    cr_expect(kit_same_bits(drawn, most));
    heed_free(drawn.value), heed_free(most.value);
    heed_graph_free(g), heed_graph_free(h);
}

Test(ops_random, bernoulli)
{
    static const double p[] = { 0, 1, 0.5, 0.1, 0.9, 1e-3 };
    enum { EACH = 100000 };
    heed_graph *g = heed_graph_new();
    heed_node *x = heed_unsqueeze(kit_strided(g, HEED_F32, HEED_SHAPE(6), p), -1);
    kit_values v = run_at(heed_bernoulli(heed_expand(x, 6, EACH)), 2, 0, 2);
    for (int k = 0; k < 6; k++) {
        double sum = 0;
        for (int i = 0; i < EACH; i++) {
            double one = v.value[k * EACH + i];
            cr_assert(one == 0 || one == 1);
            sum += one;
        }
        double deviation = sqrt(EACH * p[k] * (1 - p[k]));
        cr_expect(fabs(sum - EACH * p[k]) <= 4 * deviation, "p %g: %g of %d", p[k], sum, EACH);
    }
    heed_free(v.value);
    heed_graph_free(g);
}

/* Hard: one-hot along the axis, drawn with softmax(logits); soft: sums to 1. */
Test(ops_random, gumbel_softmax)
{
    enum { N = 20000, CLASSES = 3 };
    const double logit[CLASSES] = { 0, 1, 2 };
    const double all = 1 + exp(1) + exp(2), p[CLASSES] = { 1 / all, exp(1) / all, exp(2) / all };
    heed_graph *g = heed_graph_new();
    heed_node *x = heed_unsqueeze(kit_constant(g, HEED_F32, HEED_SHAPE(CLASSES), logit), -1);
    x = heed_expand(x, CLASSES, N);
    kit_values hard = run_at(heed_gumbel_softmax(x, 0, 0.7, .hard = true), 4, 0, 1);
    kit_values soft = run_at(heed_gumbel_softmax(x, 0, 0.7), 4, 0, 1);
    int64_t count[CLASSES] = { 0 }, winners[CLASSES] = { 0 };
    for (int i = 0; i < N; i++) {
        double ones = 0, sum = 0, most = 0;
        int winner = 0;
        for (int c = 0; c < CLASSES; c++) {
            double h = hard.value[c * N + i], s = soft.value[c * N + i];
            cr_assert(h == 0 || h == 1);
            ones += h, sum += s, count[c] += h == 1;
            if (s > most) most = s, winner = c;
        }
        winners[winner]++;
        cr_assert(ones == 1 && fabs(sum - 1) < 1e-5);
    }
    expect_counts(count, p, CLASSES, "hard");
    expect_counts(winners, p, CLASSES, "soft");
    heed_free(hard.value), heed_free(soft.value);
    heed_graph_free(g);
}

/* The soft one against differences; the hard one has the soft one's gradient. */
Test(ops_random, gradients_of_gumbel_softmax)
{
    heed_store *store = heed_store_new(1);
    heed_graph *g = heed_graph_new(.store = store, .dtype = HEED_F64), *h;
    heed_init init = { .rule = HEED_INIT_UNIFORM, .a = -1, .b = 1 };
    kit_check_gradients(heed_gumbel_softmax(heed_param(heed_root(g), "x", init, 5, 3), 0, 0.8),
                        "gumbel_softmax");
    heed_graph_free(g);
    heed_node *dx[2];
    kit_values v[2];
    for (int k = 0; k < 2; k++) {
        h = heed_graph_new(.store = store, .dtype = HEED_F64);
        heed_node *x = heed_param(heed_root(h), "x", init, 5, 3);
        heed_node *y = heed_gumbel_softmax(x, 0, 0.8, .hard = k);
        cr_assert(heed_gradient(kit_loss(y, 1), NULL, &x, 1, &dx[k]), "%s", heed_why(h));
        v[k] = kit_values_of(dx[k]);
        heed_graph_free(h);
    }
    cr_expect(kit_same_bits(v[0], v[1]));
    heed_free(v[0].value), heed_free(v[1].value);
    heed_store_free(store);
}

/* ---- refusals ---- */

static void expect_refused(heed_graph *g, const heed_node *y, const char *words)
{
    cr_expect_null(y);
    cr_assert_not_null(heed_why(g));
    cr_expect(strstr(heed_why(g), words), "%s", heed_why(g));
    heed_graph_free(g);
}

Test(ops_random, refusals)
{
    heed_graph *g = heed_graph_new();
    expect_refused(g, heed_uniform(g, 1, 0, 3), "low 1 and high 0");
    g = heed_graph_new();
    expect_refused(g, heed_uniform(g, 0, INFINITY, 3), "interval");
    g = heed_graph_new();
    expect_refused(g, heed_normal(g, 0, -1, 3), "deviation -1");
    g = heed_graph_new();
    expect_refused(g, heed_gumbel(g, (int64_t)1 << 20, (int64_t)1 << 20), "repeat");
    g = heed_graph_new();
    expect_refused(g, heed_gumbel_softmax(heed_full(g, 0, 3), 0, 0), "temperature 0");
    g = heed_graph_new();
    expect_refused(g, heed_gumbel_softmax(heed_full(g, 0, 3), 1, 1), "axis 1 is out of range");
    g = heed_graph_new();
    heed_node *p = heed_input(g, "p", HEED_F32, 3), *dp = NULL;
    cr_expect_not(heed_gradient(heed_sum_all(heed_bernoulli(p)), NULL, &p, 1, &dp));
    expect_refused(g, dp, "less");
    cr_expect_null(heed_categorical(NULL));
    cr_expect_null(heed_bernoulli(NULL));
    cr_expect_null(heed_gumbel_softmax(NULL, 0, 1));
    cr_expect_null(heed_uniform(NULL, 0, 1, 3));
    cr_expect_null(heed_normal(NULL, 0, 1, 3));
    cr_expect_null(heed_gumbel(NULL, 3));
}

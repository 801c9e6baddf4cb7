/* Loops at large: nested, with indices as states, long ones, what they are refused for; regions
 * that are computed again; gradients of the caller's own. graph_scan.c compares with unrolling. */
#include "tests/graph_kit.h"

static heed_graph *new_graph(heed_store **store, bool training)
{
    *store = heed_store_new(3);
    heed_graph *g = heed_graph_new(.store = *store, .dtype = HEED_F64, .training = training);
    cr_assert_not_null(g);
    return g;
}

static void done(heed_graph *g, heed_store *store)
{
    heed_graph_free(g);
    heed_store_free(store);
    cr_expect_eq(heed_memory_live_blocks(), 0);
}

/* ---- s' = tanh(s W + x), y = s' ---- */

static bool plain(void *context, heed_node *const *state, heed_node *const *x, heed_node **next,
                  heed_node **y)
{
    next[0] = heed_tanh(heed_add(heed_matmul(state[0], context), x[0]));
    if (y) y[0] = next[0];
    return true;
}

static heed_node *weight(heed_graph *g, int64_t width)
{
    const heed_init init = { .rule = HEED_INIT_ORTHOGONAL };
    return heed_param(heed_root(g), "weight", init, width, width);
}

typedef struct size {
    size_t planned;
    int nodes;
} size;

/* Values and gradients of a loop of `steps`. */
static size measure(int64_t steps, int64_t every, bool recompute, double *number)
{
    enum { B = 2, H = 8 };
    heed_store *store;
    heed_graph *g = new_graph(&store, false);
    heed_node *x = heed_input(g, "x", HEED_F64, steps, B, H), *w = weight(g, H);
    heed_node *s = heed_full(g, 0.1, B, H), *last, *dw;
    cr_assert(heed_scan(g, plain, w, &last, NULL, .initial = &s, .n_states = 1, .over = &x,
                        .n_over = 1, .every = every, .recompute = recompute),
              "%s", heed_why(g));
    cr_assert(heed_gradient(heed_sum_all(heed_square(last)), NULL, &w, 1, &dw), "%s", heed_why(g));
    heed_program *p = heed_compile(g, &dw, 1, .threads = 2);
    cr_assert_not_null(p, "%s", heed_why(g));
    kit_fill(p, g, 5);
    cr_assert(heed_program_run(p));
    heed_view view = heed_program_output(p, 0);
    *number = heed_get(&view, 3);
    heed_program_facts facts = heed_program_describe(p);
    heed_program_free(p);
    done(g, store);
    return (size){ facts.planned_bytes, facts.nodes };
}

Test(graph_loops, neither_graph_nor_plan_grow_with_the_length)
{
    double a, b;
    size brief = measure(10, 0, false, &a), longer = measure(1000, 0, false, &a);
    cr_expect_eq(brief.nodes, longer.nodes);
    size kept = measure(10000, 0, true, &a), few = measure(10000, 100, false, &b);
    cr_expect_float_eq(a, b, 1e-12 * fabs(a), "%.17g %.17g", a, b);
    cr_expect(few.planned * 20 < kept.planned, "%zu bytes of every 100th state, %zu of all",
              few.planned, kept.planned);
}

Test(graph_loops, a_hundred_thousand_steps)
{
    double a;
    size thousand = measure(1000, 10, false, &a), all = measure(100000, 316, false, &a);
    cr_expect(isfinite(a));
    cr_expect(all.planned < 40 * thousand.planned, "%zu bytes for 1000 steps, %zu for 100000",
              thousand.planned, all.planned);
}

/* ---- a loop in a loop ---- */

static bool outer_step(void *context, heed_node *const *state, heed_node *const *x,
                       heed_node **next, heed_node **y)
{
    heed_node *out;
    heed_graph *g = state[0]->graph;
    if (!heed_scan(g, plain, context, next, &out, .initial = state, .n_states = 1, .over = x,
                   .n_over = 1, .n_out = 1, .backwards = true))
        return false;
    y[0] = heed_sum(out, 0, false);
    return true;
}

static kit_values nested(bool unrolled, bool recompute)
{
    enum { N = 3, T = 4, B = 2, H = 5 };
    heed_store *store;
    heed_graph *g = new_graph(&store, false);
    heed_node *x = heed_input(g, "x", HEED_F64, N, T, B, H), *w = weight(g, H);
    heed_node *s = heed_input(g, "s", HEED_F64, B, H), *state = s, *y = NULL, *out[8];
    if (unrolled) {
        for (int i = 0; i < N; i++) {
            heed_node *sum = NULL;
            for (int t = T - 1; t >= 0; t--) {
                heed_node *part = heed_index(heed_index(x, 0, i), 0, t);
                state = heed_tanh(heed_add(heed_matmul(state, w), part));
                sum = sum ? heed_add(sum, state) : state;
            }
            y = y ? heed_concat(HEED_NODES(y, heed_unsqueeze(sum, 0)), 0) : heed_unsqueeze(sum, 0);
        }
    } else {
        cr_assert(heed_scan(g, outer_step, w, &state, &y, .initial = &s, .n_states = 1, .over = &x,
                            .n_over = 1, .n_out = 1, .recompute = recompute),
                  "%s", heed_why(g));
    }
    heed_node *mix = heed_add(heed_sum_all(heed_square(y)), heed_sum_all(heed_sin(state)));
    heed_node *wrt[] = { x, s, w };
    out[0] = y;
    out[1] = state;
    cr_assert(heed_gradient(mix, NULL, wrt, 3, out + 2), "%s", heed_why(g));
    heed_node *norm =
        heed_add(heed_sum_all(heed_square(out[2])), heed_sum_all(heed_square(out[4])));
    cr_assert(heed_gradient(norm, NULL, wrt, 3, out + 5), "%s", heed_why(g));
    kit_values all = kit_run(g, out, 8, (heed_compile_options){ .threads = 2 });
    heed_graph_free(g);
    heed_store_free(store);
    return all;
}

Test(graph_loops, nested_to_the_second_order)
{
    kit_values expected = nested(true, false);
    for (int recompute = 0; recompute < 2; recompute++) {
        kit_values got = nested(false, recompute);
        int64_t at = kit_difference(expected, got, 1e-11);
        cr_expect_eq(at, -1, "recompute %d: number %lld of %lld is %.17g, expected %.17g",
                     recompute, (long long)at, (long long)got.n, got.value[at], expected.value[at]);
        heed_free(got.value);
    }
    heed_free(expected.value);
}

/* ---- an index as a state: each step reads the row that the one before chose ---- */

static bool walk_step(void *context, heed_node *const *state, heed_node *const *x, heed_node **next,
                      heed_node **y)
{
    (void)x;
    heed_node *row = heed_gather(context, state[0], 0, 0);
    next[0] = heed_argmax(row, -1);
    y[0] = next[0];
    y[1] = heed_max(row, -1, false);
    return true;
}

Test(graph_loops, indices_are_states_too)
{
    enum { N = 6, STEPS = 9 };
    heed_store *store;
    heed_graph *g = new_graph(&store, false);
    heed_node *table = heed_input(g, "t", HEED_F64, N, N), *start = heed_input(g, "i", HEED_I32, 2);
    heed_node *last, *y[2], *dt;
    cr_assert(heed_scan(g, walk_step, table, &last, y, .initial = &start, .n_states = 1,
                        .steps = STEPS, .n_out = 2),
              "%s", heed_why(g));
    cr_expect_eq(y[0]->dtype, HEED_I32);
    cr_expect_eq(last->dtype, HEED_I32);
    cr_assert(heed_gradient(heed_sum_all(y[1]), NULL, &table, 1, &dt), "%s", heed_why(g));
    heed_node *out[] = { y[0], y[1], last, dt };
    heed_program *p = heed_compile(g, out, 4, .threads = 1);
    kit_fill(p, g, 9);
    cr_assert(heed_program_run(p));
    heed_view t = heed_program_input(p, "t"), i = heed_program_input(p, "i"), v[4];
    for (int k = 0; k < 4; k++) v[k] = heed_program_output(p, k);
    double count[N * N] = { 0 };
    for (int b = 0; b < 2; b++) {
        int at = (int)heed_get(&i, b);
        for (int step = 0; step < STEPS; step++) {
            int best = 0;
            for (int k = 1; k < N; k++)
                if (heed_get(&t, at * N + k) > heed_get(&t, at * N + best)) best = k;
            cr_expect_eq(heed_get(&v[0], step * 2 + b), best);
            cr_expect_eq(heed_get(&v[1], step * 2 + b), heed_get(&t, at * N + best));
            count[at * N + best]++;
            at = best;
        }
        cr_expect_eq(heed_get(&v[2], b), at);
    }
    for (int k = 0; k < N * N; k++) cr_expect_eq(heed_get(&v[3], k), count[k]);
    heed_program_free(p);
    done(g, store);
}

/* ---- threads: a step that is worth sharing ---- */

static kit_values wide(int threads)
{
    enum { T = 3, B = 96, H = 160 };
    heed_store *store = heed_store_new(3);
    heed_graph *g = heed_graph_new(.store = store);
    heed_node *x = heed_input(g, "x", HEED_F32, T, B, H), *w = weight(g, H);
    heed_node *s = heed_full(g, 0.1, B, H), *out[4];
    cr_assert(heed_scan(g, plain, w, &out[0], &out[1], .initial = &s, .n_states = 1, .over = &x,
                        .n_over = 1, .n_out = 1));
    heed_node *wrt[] = { w, x };
    cr_assert(heed_gradient(heed_sum_all(heed_square(out[1])), NULL, wrt, 2, out + 2));
    kit_values all = kit_run(g, out, 4, (heed_compile_options){ .threads = threads });
    heed_graph_free(g);
    heed_store_free(store);
    return all;
}

Test(graph_loops, same_bits_for_any_number_of_threads)
{
    kit_values one = wide(1);
    static const int threads[] = { 2, 3, 8 };
    for (int i = 0; i < 3; i++) {
        kit_values other = wide(threads[i]);
        cr_expect(kit_same_bits(one, other), "%d threads", threads[i]);
        heed_free(other.value);
    }
    heed_free(one.value);
}

/* ---- random operations: the reverse pass sees the same mask, each step another one ---- */

static bool drop(void *context, heed_node *const *state, heed_node *const *x, heed_node **next,
                 heed_node **y)
{
    (void)context, (void)state, (void)next;
    y[0] = heed_dropout(x[0], 0.5);
    return true;
}

Test(graph_loops, dropout_in_a_step)
{
    enum { T = 6, N = 64 };
    for (int recompute = 0; recompute < 2; recompute++) {
        heed_store *store;
        heed_graph *g = new_graph(&store, true);
        heed_node *x = heed_input(g, "x", HEED_F64, T, N), *out[2];
        cr_assert(heed_scan(g, drop, NULL, NULL, out, .over = &x, .n_over = 1, .n_out = 1,
                            .recompute = recompute));
        cr_assert(heed_gradient(heed_sum_all(out[0]), NULL, &x, 1, out + 1));
        kit_values v = kit_run(g, out, 2, (heed_compile_options){ .threads = 1 });
        int same = 0;
        for (int i = 0; i < T * N; i++) {
            cr_expect_eq(v.value[i] != 0, v.value[T * N + i] != 0);
            if (i >= N) same += (v.value[i] != 0) == (v.value[i - N] != 0);
        }
        cr_expect(same > N && same < (T - 2) * N, "%d of %d as in the step before", same,
                  (T - 1) * N);
        heed_free(v.value);
        done(g, store);
    }
}

/* Noise that depends on nothing is another one in each step all the same. */
static bool noisy(void *context, heed_node *const *state, heed_node *const *x, heed_node **next,
                  heed_node **y)
{
    (void)state, (void)next;
    y[0] = heed_add(x[0], heed_dropout(context, 0.5));
    return true;
}

Test(graph_loops, noise_is_new_in_each_step)
{
    enum { T = 4, N = 64 };
    heed_store *store;
    heed_graph *g = new_graph(&store, true);
    heed_node *x = heed_full(g, 0, T, N), *ones = heed_full(g, 1, N), *y;
    cr_assert(heed_scan(g, noisy, ones, NULL, &y, .over = &x, .n_over = 1, .n_out = 1));
    kit_values v = kit_run(g, &y, 1, (heed_compile_options){ .threads = 1 });
    for (int t = 1; t < T; t++)
        cr_expect(memcmp(v.value, v.value + t * N, N * sizeof *v.value) != 0, "step %d", t);
    heed_free(v.value);
    done(g, store);
}

/* ---- regions computed again ---- */

static bool region(void *context, heed_node *const *x, heed_node **y)
{
    heed_node *h = heed_tanh(heed_matmul(x[0], context));
    for (int i = 0; i < 6; i++) h = heed_tanh(heed_matmul(heed_dropout(h, 0.25), context));
    y[0] = heed_add(h, x[0]);
    y[1] = heed_square(h);
    return true;
}

static kit_values regions(bool checkpoint, size_t *bytes)
{
    enum { LAYERS = 6, B = 64, H = 24 };
    heed_store *store = heed_store_new(3);
    heed_graph *g = heed_graph_new(.store = store, .dtype = HEED_F64);
    heed_node *x = heed_input(g, "x", HEED_F64, B, H), *w = weight(g, H), *h = x, *y[2], *out[3];
    for (int i = 0; i < LAYERS; i++) {
        bool built = checkpoint ? heed_checkpoint(g, region, w, &h, 1, y, 2) : region(w, &h, y);
        cr_assert(built, "%s", heed_why(g));
        h = heed_add(y[0], y[1]);
    }
    heed_node *wrt[] = { x, w };
    out[0] = heed_sum_all(heed_square(h));
    cr_assert(heed_gradient(out[0], NULL, wrt, 2, out + 1), "%s", heed_why(g));
    heed_program *p = heed_compile(g, out, 3, .threads = 1);
    *bytes = heed_program_describe(p).planned_bytes;
    heed_program_free(p);
    kit_values all = kit_run(g, out, 3, (heed_compile_options){ .threads = 2 });
    heed_graph_free(g);
    heed_store_free(store);
    return all;
}

Test(graph_loops, checkpoints_save_memory_and_change_nothing)
{
    size_t kept, again;
    kit_values a = regions(false, &kept), b = regions(true, &again);
    cr_expect_eq(kit_difference(a, b, 1e-12), -1);
    cr_expect(again * 2 < kept, "%zu bytes instead of %zu", again, kept);
    heed_free(a.value);
    heed_free(b.value);
}

/* ---- a gradient of the caller's own ---- */

static void doubled(void *context, heed_node *value, heed_node *dy, heed_node *const *x,
                    const bool *want, heed_node **dx)
{
    (void)value;
    if (want[0]) dx[0] = heed_mul(heed_scale(dy, *(const double *)context), x[0]);
}

Test(graph_loops, custom_gradient)
{
    double factor = 2;
    heed_store *store;
    heed_graph *g = new_graph(&store, false);
    heed_node *x = heed_input(g, "x", HEED_F64, 3), *out[3];
    out[0] = heed_custom_gradient(heed_square(x), &x, 1, doubled, &factor);
    cr_assert(heed_gradient(heed_sum_all(out[0]), NULL, &x, 1, out + 1), "%s", heed_why(g));
    cr_assert(heed_gradient(heed_sum_all(out[1]), NULL, &x, 1, out + 2), "%s", heed_why(g));
    kit_values v = kit_run(g, out, 3, (heed_compile_options){ .threads = 1 });
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(v.value[3 + i] * v.value[3 + i], 4 * v.value[i]);
        cr_expect_eq(v.value[6 + i], 2);
    }
    heed_free(v.value);
    done(g, store);
}

/* ---- what is refused, and how ---- */

static bool wrong_shape(void *context, heed_node *const *state, heed_node *const *x,
                        heed_node **next, heed_node **y)
{
    (void)context, (void)x, (void)y;
    next[0] = heed_sum(state[0], 0, true);
    return true;
}

static bool gives_up(void *context, heed_node *const *state, heed_node *const *x, heed_node **next,
                     heed_node **y)
{
    (void)context, (void)state, (void)x, (void)next, (void)y;
    return false;
}

static bool wrong_inside(void *context, heed_node *const *state, heed_node *const *x,
                         heed_node **next, heed_node **y)
{
    (void)context, (void)x, (void)y;
    next[0] = heed_matmul(state[0], state[0]);
    return true;
}

static void refused(heed_scan_step *step, heed_scan_options options, bool states, const char *why)
{
    heed_store *store;
    heed_graph *g = new_graph(&store, false);
    heed_node *s = heed_input(g, "s", HEED_F64, 2, 3), *last;
    heed_node *x[2] = { heed_input(g, "x", HEED_F64, 4, 3), heed_input(g, "z", HEED_F64, 5) };
    options.initial = &s;
    options.n_states = states;
    options.over = x;
    cr_expect_not(heed_scan_with(g, step, NULL, options, &last, NULL));
    cr_assert(heed_graph_failed(g));
    cr_expect(strstr(heed_why(g), why), "%s", heed_why(g));
    done(g, store);
}

Test(graph_loops, refusals)
{
    refused(wrong_shape, (heed_scan_options){ .steps = 2 }, true, "next state 0 is");
    refused(gives_up, (heed_scan_options){ .steps = 2 }, true, "the step gave up");
    refused(wrong_inside, (heed_scan_options){ .steps = 2 }, true, "matmul");
    refused(plain, (heed_scan_options){ .steps = 0 }, true, "at least one is needed");
    refused(plain, (heed_scan_options){ .n_over = 2 }, true, "4 steps along axis 0");
    refused(plain, (heed_scan_options){ .steps = 3 }, false, "neither a state nor a sequence");
}

/* ---- loops that read very many values ---- */

/* s' = s + x_0 + .. + x_{n - 1}; context: n */
static bool sum_all_of(void *context, heed_node *const *state, heed_node *const *x,
                       heed_node **next, heed_node **y)
{
    const int n = *(const int *)context;
    next[0] = state[0];
    for (int i = 0; i < n; i++) next[0] = heed_add(next[0], heed_mul(x[i], x[i]));
    (void)y;
    return true;
}

static heed_node *loop_over(heed_graph *g, int *n, heed_node *x)
{
    heed_node *zero = heed_full(g, 0, 1), *last = NULL;
    heed_node **over = heed_graph_memory(g, (size_t)*n * sizeof *over);
    for (int i = 0; i < *n; i++) over[i] = heed_affine(x, 1, i);
    heed_scan(g, sum_all_of, n, &last, NULL, .initial = &zero, .n_states = 1, .over = over,
              .n_over = *n);
    return last;
}

Test(graph_loops, thousands_of_sequences)
{
    heed_store *store;
    heed_graph *g = new_graph(&store, false);
    int n = 3000;
    heed_node *x = heed_input(g, "x", HEED_F64, 2, 1), *last = loop_over(g, &n, x);
    heed_program *p = heed_compile(g, &last, 1, .threads = 2);
    cr_assert_not_null(p, "%s", heed_why(g));
    kit_fill(p, g, 5);
    cr_assert(heed_program_run(p));
    heed_view in = heed_program_input(p, "x"), out = heed_program_output(p, 0);
    double sum = 0;
    for (int t = 0; t < 2; t++)
        for (int i = 0; i < n; i++) sum += pow(heed_get(&in, t) + i, 2);
    cr_expect_float_eq(heed_get(&out, 0), sum, 1e-12 * sum);
    heed_program_free(p);
    done(g, store);
}

Test(graph_loops, too_many_sequences_are_refused)
{
    heed_store *store;
    heed_graph *g = new_graph(&store, false);
    int n = 9000;
    heed_node *last = loop_over(g, &n, heed_input(g, "x", HEED_F64, 2, 1));
    cr_expect_null(heed_compile(g, &last, 1, .threads = 1));
    cr_expect_not_null(strstr(heed_why(g), "a loop reads and writes 9003 values; at most 8192"),
                       "%s", heed_why(g));
    done(g, store);
}

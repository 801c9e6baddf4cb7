/* ops_state.c - assignments: when they happen, what is read before them, who makes them. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "heed.h"

enum { N = 7 };

typedef struct kit {
    heed_store *store;
    heed_graph *graph;
    heed_node *state, *x;
} kit;

static kit kit_new(heed_dtype dtype)
{
    kit k = { .store = heed_store_new(1) };
    k.graph = heed_graph_new(.store = k.store, .dtype = dtype, .training = true);
    k.state = heed_state(heed_root(k.graph), "s", HEED_ONES, N);
    k.x = heed_input_shaped(k.graph, "x", dtype, HEED_SHAPE(N));
    return k;
}

static void kit_free(kit *k)
{
    heed_graph_free(k->graph);
    heed_store_free(k->store);
}

static double entry(const kit *k, int64_t i)
{
    return heed_get(&heed_store_find(k->store, "s")->tensor->view, i);
}

static void set_x(heed_program *p, double step)
{
    heed_view x = heed_program_input(p, "x");
    for (int i = 0; i < N; i++) heed_set(&x, i, step + 0.25 * i);
}

/* y = 2 state is built after the assignment, and still sees what was there before. */
static void check_order(heed_dtype dtype, const char *passes)
{
    kit k = kit_new(dtype);
    heed_node *average = heed_moving_average(k.state, heed_tanh(k.x), 0.25);
    heed_node *out[2] = { average, heed_scale(heed_exp(k.state), 2) };
    heed_program *p = heed_compile(k.graph, out, 2, .threads = 1, .passes = passes);
    cr_assert_not_null(p, "%s", heed_why(k.graph));
    double expected[N], tolerance = dtype == HEED_F64 ? 1e-14 : 1e-6;
    for (int i = 0; i < N; i++) expected[i] = 1;
    for (int step = 0; step < 4; step++) {
        set_x(p, step);
        cr_assert(heed_program_run(p));
        heed_view y = heed_program_output(p, 1);
        for (int i = 0; i < N; i++) {
            cr_assert(fabs(heed_get(&y, i) - 2 * exp(expected[i])) <= 10 * tolerance, "%s", passes);
            expected[i] = 0.75 * expected[i] + 0.25 * tanh(step + 0.25 * i);
            cr_assert(fabs(entry(&k, i) - expected[i]) <= tolerance, "%s: %g, not %g", passes,
                      entry(&k, i), expected[i]);
        }
    }
    heed_program_free(p);
    kit_free(&k);
}

Test(ops_state, what_is_read_is_the_value_before)
{
    static const char *const passes[] = { "all",    "none",     "-dead",      "-cse",  "-fuse",
                                          "-stage", "-inplace", "none,+fuse", "-reuse" };
    for (size_t i = 0; i < sizeof passes / sizeof passes[0]; i++) {
        check_order(HEED_F64, passes[i]);
        check_order(HEED_F32, passes[i]);
    }
}

/* Not even where dead nodes are kept. */
Test(ops_state, does_not_happen_unasked)
{
    static const char *const passes[] = { "all", "-dead", "none" };
    for (int i = 0; i < 3; i++) {
        kit k = kit_new(HEED_F32);
        heed_node *y = heed_add(k.state, k.x), *list[3] = { NULL };
        cr_assert_not_null(heed_assign(k.state, y));
        cr_expect_eq(heed_graph_assignments(k.graph, list, 3), 1);
        cr_expect_eq(list[0]->op, &heed_op_assign);
        cr_expect_null(list[1]);
        heed_program *p = heed_compile(k.graph, &y, 1, .threads = 1, .passes = passes[i]);
        cr_assert_not_null(p, "%s", heed_why(k.graph));
        set_x(p, 3);
        cr_assert(heed_program_run(p));
        cr_expect_eq(entry(&k, 1), 1, "%s", passes[i]);
        heed_program_free(p);
        kit_free(&k);
    }
}

/* Values that are views: of the state itself, permuted, broadcast, of large ones in many units. */
Test(ops_state, values_that_are_views)
{
    enum { ROWS = 300, COLUMNS = 401 };
    heed_store *store = heed_store_new(1);
    heed_graph *g = heed_graph_new(.store = store);
    heed_scope *s = heed_root(g);
    heed_node *x = heed_input(g, "x", HEED_F32, COLUMNS, ROWS);
    heed_node *a = heed_state(s, "a", HEED_ZEROS, ROWS, COLUMNS);
    heed_node *b = heed_state(s, "b", HEED_ZEROS, 3, 4), *c = heed_state(s, "c", HEED_ONES, N);
    heed_node *row = heed_input(g, "row", HEED_F32, 4);
    heed_node *out[3] = { heed_assign(a, heed_transpose(x, 0, 1)),
                          heed_assign(b, heed_expand(row, 3, 4)),
                          heed_assign(c, heed_reshape(heed_unsqueeze(c, 0), N)) };
    heed_program *p = heed_compile(g, out, 3, .threads = 3, .fill_nan = true);
    cr_assert_not_null(p, "%s", heed_why(g));
    heed_view in = heed_program_input(p, "x"), rows = heed_program_input(p, "row");
    for (int i = 0; i < ROWS * COLUMNS; i++) heed_set(&in, i, i);
    for (int i = 0; i < 4; i++) heed_set(&rows, i, i + 1);
    cr_assert(heed_program_run(p));
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLUMNS; j++)
            cr_assert_eq(heed_get(&a->entry->tensor->view, i * COLUMNS + j), j * ROWS + i);
    for (int i = 0; i < 12; i++) cr_expect_eq(heed_get(&b->entry->tensor->view, i), i % 4 + 1);
    for (int i = 0; i < N; i++) cr_expect_eq(heed_get(&c->entry->tensor->view, i), 1);
    heed_view zero = heed_program_output(p, 0);
    cr_expect_eq(heed_get(&zero, 0), 0);
    heed_program_free(p);
    heed_graph_free(g);
    heed_store_free(store);
}

static void expect_why(const kit *k, const char *part)
{
    const char *why = heed_why(k->graph);
    cr_expect(why && strstr(why, part), "\"%s\" is not in: %s", part, why ? why : "(no error)");
}

Test(ops_state, refusals)
{
    kit k = kit_new(HEED_F32);
    cr_expect_null(heed_assign(NULL, k.x));
    cr_expect_null(heed_assign(k.state, NULL));
    cr_expect_null(heed_moving_average(k.state, NULL, 0.1));
    cr_expect_null(heed_why(k.graph));
    cr_expect_null(heed_assign(k.state, heed_slice(k.x, 0, 0, 3)));
    expect_why(&k, "state's shape, [7]");
    kit_free(&k);

    k = kit_new(HEED_F32);
    cr_expect_null(heed_assign(k.state, heed_cast(k.x, HEED_F64)));
    expect_why(&k, "f64 instead of f32");
    kit_free(&k);

    k = kit_new(HEED_F32);
    cr_expect_null(heed_assign(k.x, k.x));
    expect_why(&k, "input 0 must be a parameter or state");
    kit_free(&k);

    k = kit_new(HEED_F32);
    cr_expect_null(heed_moving_average(k.state, k.x, 1.5));
    expect_why(&k, "momentum 1.5");
    kit_free(&k);

    k = kit_new(HEED_F32);
    heed_node *dx, *assigned = heed_assign(k.state, k.x);
    cr_expect_not(heed_gradient(assigned, NULL, &k.x, 1, &dx));
    expect_why(&k, "assign");
    kit_free(&k);

    k = kit_new(HEED_F32);
    heed_node *both[2] = { heed_assign(k.state, k.x), heed_assign(k.state, heed_neg(k.x)) };
    cr_expect_null(heed_compile(k.graph, both, 2));
    expect_why(&k, "'s' is written twice");
    kit_free(&k);
}

/* ---- in training ---- */

typedef struct run {
    heed_store *store;
    heed_graph *graph;
    heed_trainer *trainer;
} run;

/* The average of W is taken before W moves; the mean of h scales the next step's h. */
static run begin(int threads, const char *passes)
{
    enum { B = 64, D = 40 };
    run r = { .store = heed_store_new(5) };
    r.graph = heed_graph_new(.store = r.store, .training = true);
    heed_scope *s = heed_root(r.graph);
    heed_node *x = heed_input(r.graph, "x", HEED_F32, B, D);
    heed_node *w = heed_param(s, "W", ((heed_init){ .a = 0 }), D, D);
    heed_node *mean = heed_state(s, "mean", HEED_ZEROS, D);
    heed_node *average = heed_state(s, "average", HEED_ZEROS, D, D);
    heed_node *h = heed_tanh(heed_matmul(heed_dropout(x, 0.2), w));
    heed_node *y = heed_sub(h, mean);
    heed_moving_average(mean, heed_mean(h, 0, false), 0.1);
    heed_assign(average, w);
    heed_node *loss = heed_mean_all(heed_square(heed_sub(y, heed_sum(x, 1, true))));
    r.trainer = heed_trainer_new(loss, heed_adam(.lr = 1e-2), .threads = threads, .seed = 3,
                                 .passes = passes);
    cr_assert_not_null(r.trainer, "%s", heed_why(r.graph));
    return r;
}

static void end(run *r)
{
    heed_trainer_free(r->trainer);
    heed_graph_free(r->graph);
    heed_store_free(r->store);
}

static void train(run *r, int steps)
{
    for (int i = 0; i < steps; i++) {
        heed_rng rng = heed_rng_new(9, (uint64_t)heed_trainer_steps(r->trainer));
        heed_view x = heed_trainer_input(r->trainer, "x");
        heed_fill_uniform(&rng, &x, -1, 1);
        cr_assert(heed_trainer_step(r->trainer));
    }
}

static const heed_view *entry_of(const run *r, const char *name)
{
    return &heed_store_find(r->store, name)->tensor->view;
}

static bool same(const run *a, const run *b)
{
    if (heed_store_count(a->store) != heed_store_count(b->store)) return false;
    for (int i = 0; i < heed_store_count(a->store); i++) {
        const heed_entry *x = heed_store_at(a->store, i);
        const heed_view *y = entry_of(b, x->name);
        if (memcmp(x->tensor->view.data, y->data,
                   (size_t)heed_count(&y->shape) * heed_dtype_size(y->dtype)) != 0)
            return false;
    }
    return true;
}

Test(ops_state, a_trainer_assigns_the_value_before_the_update)
{
    run r = begin(1, "all");
    float before[40 * 40];
    memcpy(before, entry_of(&r, "W")->data, sizeof before);
    train(&r, 1);
    cr_expect_eq(memcmp(before, entry_of(&r, "average")->data, sizeof before), 0);
    cr_expect_neq(memcmp(before, entry_of(&r, "W")->data, sizeof before), 0);
    cr_expect_neq(heed_get(entry_of(&r, "mean"), 3), 0);
    end(&r);
}

Test(ops_state, the_same_bits_for_any_threads)
{
    run one = begin(1, "all"), many[3] = { begin(2, "all"), begin(3, "all"), begin(8, "all") };
    run plain = begin(1, "-stage,-reuse,-inplace,-dead");
    train(&one, 6), train(&plain, 6);
    cr_expect(same(&one, &plain), "passes off");
    for (int i = 0; i < 3; i++) {
        train(&many[i], 6);
        cr_expect(same(&one, &many[i]), "threads %d", i);
        end(&many[i]);
    }
    end(&one), end(&plain);
}

Test(ops_state, a_resumed_run_has_the_same_bits)
{
    char path[100];
    heed_error error = { .set = false };
    snprintf(path, sizeof path, "/tmp/heed_state_%d", getpid());
    run whole = begin(1, "all"), first = begin(1, "all"), second = begin(2, "all");
    train(&whole, 9), train(&first, 4);
    cr_assert(heed_checkpoint_save(first.trainer, path, NULL, 0, &error), "%s", error.text);
    cr_assert(heed_checkpoint_load(second.trainer, path, NULL, NULL, &error), "%s", error.text);
    train(&second, 5);
    cr_expect(same(&whole, &second));
    unlink(path);
    end(&whole), end(&first), end(&second);
    cr_expect_eq(heed_memory_live_blocks(), 0);
}

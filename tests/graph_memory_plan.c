/* The memory plan: close to the lower bound, exact before the first run, and never an overlap. */
#include "tests/graph_examples.h"
#include "tests/graph_kit.h"
#include "tests/graph_random_make.h"

static void check_plan(const char *name, heed_graph *g, heed_node *const *outputs, int n)
{
    heed_program *p = heed_compile(g, outputs, n, .threads = 1);
    cr_assert_not_null(p, "%s", heed_why(g));
    heed_program_facts f = heed_program_describe(p);
    cr_expect(f.planned_bytes >= f.live_bytes, "%s: %zu planned, %zu live", name, f.planned_bytes,
              f.live_bytes);
    cr_expect((double)f.planned_bytes <= 1.15 * (double)f.live_bytes, "%s: %zu planned, %zu live",
              name, f.planned_bytes, f.live_bytes);
    heed_program_free(p);
}

Test(graph_memory_plan, is_close_to_the_lower_bound)
{
    for (int i = 0; graph_example_at(i); i++) {
        heed_store *store = heed_store_new(1);
        heed_graph *g = heed_graph_new(.store = store, .training = true);
        heed_node *outputs[2 * EXAMPLE_OUTPUTS];
        int n = graph_example_at(i)->build(g, outputs);
        check_plan(graph_example_at(i)->name, g, outputs, n);
        heed_graph_free(g);
        heed_store_free(store);
    }
}

Test(graph_memory_plan, is_close_to_the_lower_bound_on_random_graphs)
{
    double worst = 0, sum = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        heed_store *store = heed_store_new(1);
        heed_graph *g = heed_graph_new(.store = store, .training = true);
        heed_node *outputs[RANDOM_OUTPUTS];
        int n = random_graph_make(g, seed, outputs);
        heed_program *p = heed_compile(g, outputs, n, .threads = 1);
        cr_assert_not_null(p, "%s", heed_why(g));
        heed_program_facts f = heed_program_describe(p);
        double ratio = (double)f.planned_bytes / (double)f.live_bytes;
        worst = fmax(worst, ratio);
        sum += ratio / 60;
        heed_program_free(p);
        heed_graph_free(g);
        heed_store_free(store);
    }
    cr_expect(sum <= 1.05, "mean %g", sum);
    cr_expect(worst <= 1.3, "worst %g", worst);
}

static size_t planned_of_chain(bool leaky)
{
    heed_store *store = heed_store_new(1);
    heed_graph *g = heed_graph_new(.store = store);
    heed_node *x = heed_input(g, "x", HEED_F32, 256, 64), *params[16], *outputs[17];
    for (int i = 0; i < 8; i++) {
        x = heed_linear(heed_enter_at(heed_root(g), "layer", i), "linear", x, 64);
        x = leaky ? heed_leaky_relu(x, 0.1) : heed_relu(x);
    }
    outputs[0] = heed_sum_all(heed_square(x));
    const int n = heed_graph_params(g, params, 16);
    cr_assert(heed_gradient(outputs[0], NULL, params, n, outputs + 1), "%s", heed_why(g));
    heed_program *p = heed_compile(g, outputs, n + 1, .threads = 1);
    cr_assert_not_null(p, "%s", heed_why(g));
    const size_t planned = heed_program_describe(p).planned_bytes;
    heed_program_free(p);
    heed_graph_free(g);
    heed_store_free(store);
    return planned;
}

/* A leaky relu's slope is known from its result: what it was applied to need not be kept. */
Test(graph_memory_plan, a_leaky_relu_keeps_what_a_relu_keeps)
{
    cr_expect_eq(planned_of_chain(true), planned_of_chain(false), "%zu, %zu",
                 planned_of_chain(true), planned_of_chain(false));
}

/* A training step of an LSTM over many steps: hundreds of buffers with long and short lives. */
static int unrolled(heed_graph *g, int steps, heed_node **outputs)
{
    enum { B = 8, H = 16 };
    heed_node *x = heed_input(g, "x", HEED_F32, steps, B, 4), *params[8];
    heed_lstm cell = heed_lstm_cell(heed_root(g), "cell", 4, H);
    heed_state_pair state = { NULL, NULL };
    heed_node *h = heed_lstm_run(&cell, heed_lstm_project(&cell, x), &state);
    heed_node *loss = heed_mean_all(heed_square(h));
    int n = heed_graph_params(g, params, 8);
    outputs[0] = loss;
    cr_assert(heed_gradient(loss, NULL, params, n, outputs + 1), "%s", heed_why(g));
    return n + 1;
}

/* The second length is past where the planner changes its method. */
Test(graph_memory_plan, is_close_to_the_lower_bound_on_long_graphs)
{
    for (int steps = 60; steps <= 1500; steps += 1440) {
        heed_store *store = heed_store_new(1);
        heed_graph *g = heed_graph_new(.store = store);
        heed_node *outputs[9];
        int n = unrolled(g, steps, outputs);
        check_plan(steps == 60 ? "60 steps" : "1500 steps", g, outputs, n);
        heed_graph_free(g);
        heed_store_free(store);
    }
}

/* Memory that is reused too early would show: everything is NaN before the run, and a graph in
 * which every value stays needed until the end has the same results with and without reuse. */
Test(graph_memory_plan, live_values_do_not_overlap)
{
    enum { N = 300 };
    heed_graph *g = heed_graph_new(.dtype = HEED_F64);
    heed_node *x = heed_input(g, "x", HEED_F64, 3, 5), *value[N], *sum = x;
    heed_rng rng = heed_rng_new(3, 3);
    value[0] = x;
    for (int i = 1; i < N; i++) {
        heed_node *a = value[heed_random_below(&rng, (uint32_t)i)];
        heed_node *b = value[heed_random_below(&rng, (uint32_t)i)];
        value[i] = i % 3 ? heed_softmax(heed_add(a, b), i % 2) : heed_tanh(heed_sub(a, b));
        if (i % 7 == 0) value[i] = heed_matmul(heed_matmul(a, heed_transpose(b, 0, 1)), b);
        if (i % 7 == 0) value[i] = heed_tanh(value[i]);
    }
    for (int i = 0; i < N; i++) sum = heed_add(sum, heed_scale(value[i], 1.0 / (i + 1)));
    kit_values a = kit_run(g, &sum, 1, (heed_compile_options){ .threads = 1 });
    kit_values b = kit_run(g, &sum, 1, (heed_compile_options){ .threads = 1, .passes = "none" });
    cr_expect(kit_finite(a));
    cr_expect_lt(kit_difference(a, b, 1e-12), 0);
    heed_free(a.value);
    heed_free(b.value);
    heed_graph_free(g);
}

Test(graph_memory_plan, facts_are_exact_before_the_first_run)
{
    heed_store *store = heed_store_new(1);
    heed_graph *g = heed_graph_new(.store = store);
    heed_node *x = heed_input(g, "x", HEED_F32, 32, 16);
    heed_node *w = heed_param(heed_root(g), "w", HEED_ONES, 16, 8);
    heed_node *y = heed_matmul(x, w);
    heed_program *p = heed_compile(g, &y, 1, .threads = 1);
    heed_program_facts f = heed_program_describe(p);
    cr_expect_eq(f.flops, 2.0 * 32 * 16 * 8);
    cr_expect_eq(f.parameters, 16 * 8);
    cr_expect_eq(f.parameter_bytes, 16 * 8 * sizeof(float));
    cr_expect(f.input_bytes >= 32 * 16 * sizeof(float));
    cr_expect(f.planned_bytes >= 32 * 8 * sizeof(float));
    cr_expect_eq(f.instructions, 1);
    cr_expect_eq(f.threads, 1);
    cr_expect(f.total_bytes >= f.planned_bytes + f.input_bytes + f.parameter_bytes);
    heed_program_free(p);
    heed_graph_free(g);
    heed_store_free(store);
}

Test(graph_memory_plan, a_run_allocates_nothing)
{
    for (int threads = 1; threads <= 3; threads += 2) {
        heed_store *store = heed_store_new(1);
        heed_graph *g = heed_graph_new(.store = store, .training = true);
        heed_node *outputs[2 * EXAMPLE_OUTPUTS];
        int n = graph_example_at(1)->build(g, outputs);
        heed_program *p = heed_compile(g, outputs, n, .threads = threads);
        cr_assert_not_null(p, "%s", heed_why(g));
        kit_fill(p, g, 1);
        long before = heed_memory_requests();
        for (int i = 0; i < 20; i++) cr_assert(heed_program_run(p));
        cr_expect_eq(heed_memory_requests(), before);
        heed_program_free(p);
        heed_graph_free(g);
        heed_store_free(store);
    }
}

/* x is read for the last time here, twice: where the result may lie, and where it may not. Written
 * over x, it would be read in place of x. */
Test(graph_memory_plan, what_is_read_twice_is_not_overwritten)
{
    enum { N = 150 };
    heed_graph *g = heed_graph_new(.dtype = HEED_F64);
    heed_node *x = heed_sin(heed_scale(heed_input(g, "x", HEED_F64, N, N), 9)), *y[2];
    y[0] = heed_add(heed_matmul(x, heed_input(g, "w", HEED_F64, N, N)), x);
    heed_node *z = heed_cos(heed_scale(x, 2));
    y[1] = heed_linear_scan(z, z, 0, .late = true);
    for (int i = 0; i < 2; i++) {
        kit_values all = kit_run(g, &y[i], 1, (heed_compile_options){ .threads = 1 });
        kit_values none =
            kit_run(g, &y[i], 1,
                    (heed_compile_options){ .threads = 1, .passes = "-inplace,-absorb" });
        cr_expect(kit_difference(all, none, 1e-12) < 0, "%d", i);
        heed_free(all.value);
        heed_free(none.value);
    }
    heed_graph_free(g);
}

/* Large graphs: no recursion, no fixed limits, time in proportion to size. */
#include <sys/resource.h>
#include <time.h>

#include "tests/graph_kit.h"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* y = x (1 + 1/n)^n by n steps; dy/dx is the same factor. */
static void check_chain(int n, const char *passes)
{
    heed_graph *g = heed_graph_new(.dtype = HEED_F64);
    heed_node *x = heed_input(g, "x", HEED_F64), *y = x, *dx;
    for (int i = 0; i < n; i++) y = heed_add(y, heed_scale(y, 1.0 / n));
    cr_assert(heed_gradient(y, NULL, &x, 1, &dx), "%s", heed_why(g));
    heed_node *outputs[2] = { y, dx };
    heed_program *p = heed_compile(g, outputs, 2, .threads = 1, .passes = passes);
    cr_assert_not_null(p, "%s", heed_why(g));
    heed_view in = heed_program_input(p, "x");
    heed_set(&in, 0, 3);
    cr_assert(heed_program_run(p));
    heed_view out = heed_program_output(p, 0), slope = heed_program_output(p, 1);
    double factor = pow(1 + 1.0 / n, n);
    cr_expect(fabs(heed_get(&out, 0) - 3 * factor) < 1e-9, "%g", heed_get(&out, 0));
    cr_expect(fabs(heed_get(&slope, 0) - factor) < 1e-9, "%g", heed_get(&slope, 0));
    heed_program_free(p);
    heed_graph_free(g);
    cr_expect_eq(heed_memory_live_blocks(), 0);
}

/* With a stack of 256 kB, walking 100,000 nodes by recursion would crash. */
static void small_stack(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_STACK, &limit);
    limit.rlim_cur = 256 * 1024;
    setrlimit(RLIMIT_STACK, &limit);
}

Test(graph_limits, long_chains, .init = small_stack, .timeout = 120)
{
    check_chain(50000, NULL); /* 100,000 forward nodes, and as many backward */
    check_chain(50000, "none");
    check_chain(50000, "-fuse");
}

/* Nothing but leaves for a long while: lists by node grow with them, too. */
Test(graph_limits, many_leaves)
{
    enum { N = 5000 };
    heed_graph *g = heed_graph_new(.dtype = HEED_F64);
    heed_node **parts = heed_alloc_array(N, sizeof *parts);
    char name[16];
    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof name, "x%d", i);
        parts[i] = heed_input(g, name, HEED_F64);
    }
    heed_node *y = heed_sum_all(heed_stack(parts, N, 0));
    heed_program *p = heed_compile(g, &y, 1, .threads = 1);
    cr_assert_not_null(p, "%s", heed_why(g));
    for (int i = 0; i < N; i++) {
        heed_view in = heed_program_input(p, parts[i]->name);
        heed_set(&in, 0, i);
    }
    cr_assert(heed_program_run(p));
    heed_view out = heed_program_output(p, 0);
    cr_expect_eq(heed_get(&out, 0), N * (N - 1) / 2);
    heed_program_free(p);
    heed_graph_free(g);
    heed_free(parts);
    cr_expect_eq(heed_memory_live_blocks(), 0);
}

/* One value with very many readers, one sum with very many inputs. */
Test(graph_limits, wide_graphs, .timeout = 120)
{
    enum { N = 20000 };
    heed_graph *g = heed_graph_new(.dtype = HEED_F64);
    heed_node *x = heed_input(g, "x", HEED_F64, 2), *dx;
    heed_node **parts = heed_alloc_array(N, sizeof *parts);
    for (int i = 0; i < N; i++) parts[i] = heed_scale(x, i % 10);
    heed_node *y = heed_sum_all(heed_concat(parts, N, 0));
    cr_assert(heed_gradient(y, NULL, &x, 1, &dx), "%s", heed_why(g));
    kit_values v = kit_run(g, &dx, 1, (heed_compile_options){ .threads = 2 });
    cr_expect(v.value[0] == 4.5 * N && v.value[1] == 4.5 * N, "%g", v.value[0]);
    heed_free(v.value);
    heed_free(parts);
    heed_graph_free(g);
}

static double time_to_build_and_compile(int n)
{
    double start = now();
    heed_graph *g = heed_graph_new();
    heed_node *x = heed_input(g, "x", HEED_F32, 4, 4), *y = x, *dx;
    for (int i = 0; i < n; i++) y = i % 3 ? heed_tanh(y) : heed_matmul(y, x);
    cr_assert(heed_gradient(heed_sum_all(y), NULL, &x, 1, &dx), "%s", heed_why(g));
    heed_program *p = heed_compile(g, &dx, 1, .threads = 1);
    cr_assert_not_null(p, "%s", heed_why(g));
    heed_program_free(p);
    heed_graph_free(g);
    return now() - start;
}

/* Eight times the nodes: a quadratic pass would take 64 times as long. */
Test(graph_limits, time_grows_with_size, .timeout = 120)
{
    time_to_build_and_compile(4000);
    double small = time_to_build_and_compile(4000), large = time_to_build_and_compile(32000);
    cr_expect(large < 30 * small, "%.1f ms and %.1f ms", small * 1e3, large * 1e3);
}

Test(graph_limits, highest_rank)
{
    heed_graph *g = heed_graph_new(.dtype = HEED_F64);
    heed_node *x = heed_input(g, "x", HEED_F64, 2, 1, 2, 3, 1, 2, 2, 2);
    heed_node *y = heed_input(g, "y", HEED_F64, 2, 2, 1, 3, 2, 1, 2, 1), *dx;
    heed_node *z = heed_permute(heed_mul(x, y), 7, 0, 5, 2, 3, 1, 6, 4);
    heed_node *loss = heed_sum_all(heed_mul(z, heed_softmax(z, 3)));
    cr_assert(heed_gradient(loss, NULL, &x, 1, &dx), "%s", heed_why(g));
    kit_values a = kit_run(g, &dx, 1, (heed_compile_options){ .threads = 1 });
    kit_values b = kit_run(g, &dx, 1, (heed_compile_options){ .threads = 1, .passes = "none" });
    cr_expect(kit_finite(a) && kit_difference(a, b, 1e-12) < 0);
    cr_expect_null(heed_unsqueeze(x, 0), "rank 9");
    cr_expect(heed_graph_failed(g));
    heed_free(a.value);
    heed_free(b.value);
    heed_graph_free(g);
}

Test(graph_limits, empty_values)
{
    heed_graph *g = heed_graph_new(.dtype = HEED_F64);
    heed_node *x = heed_input(g, "x", HEED_F64, 0, 3), *y = heed_input(g, "y", HEED_F64, 3), *dy;
    heed_node *z = heed_exp(heed_add(x, y));
    heed_node *sum = heed_sum_all(heed_concat(HEED_NODES(z, heed_unsqueeze(y, 0)), 0));
    cr_assert(heed_gradient(sum, NULL, &y, 1, &dy), "%s", heed_why(g));
    kit_values v = kit_run(g, HEED_NODES(z, dy), (heed_compile_options){ .threads = 1 });
    cr_expect_eq(v.n, 3);
    for (int i = 0; i < 3; i++) cr_expect_eq(v.value[i], 1, "%g", v.value[i]);
    heed_free(v.value);
    heed_graph_free(g);
}

/* Every pass leaves the results as they are; so does the number of threads, to the bit. */
#include "tests/graph_examples.h"
#include "tests/graph_kit.h"

/* As graph/passes/passes.c names them; "none" leaves only what running needs. */
static const char *const settings[] = {
    "none",        "-dead",
    "-fold",       "-simplify",
    "-cse",        "-place",
    "-fuse",       "-recompute",
    "-stage",      "-inplace",
    "-reuse",      "none,+fuse",
    "none,+place", "none,+inplace,+reuse",
    "none,+stage", "none,+cse,+fold,+simplify",
};
enum { N_SETTINGS = sizeof settings / sizeof settings[0] };

static void check_passes(const graph_example *example, heed_dtype dtype, double tolerance)
{
    heed_store *store = heed_store_new(3);
    heed_graph *g = heed_graph_new(.store = store, .dtype = dtype, .training = true);
    heed_node *outputs[2 * EXAMPLE_OUTPUTS];
    int n = example->build(g, outputs);
    cr_assert(n > 1, "%s: %s", example->name, heed_why(g));
    kit_values all = kit_run(g, outputs, n, (heed_compile_options){ .threads = 1 });
    cr_assert(kit_finite(all), "%s", example->name);
    for (int i = 0; i < N_SETTINGS; i++) {
        heed_compile_options options = { .threads = 1, .passes = settings[i] };
        kit_values some = kit_run(g, outputs, n, options);
        int64_t at = kit_difference(all, some, tolerance);
        cr_expect(at < 0, "%s %s, passes '%s': number %lld is %.17g, with all passes %.17g",
                  example->name, heed_dtype_name(dtype), settings[i], (long long)at,
                  at < 0 ? 0 : some.value[at], at < 0 ? 0 : all.value[at]);
        heed_free(some.value);
    }
    heed_compile_options recompute = { .threads = 1, .recompute_above = 1 };
    kit_values anew = kit_run(g, outputs, n, recompute);
    cr_expect(kit_difference(all, anew, tolerance) < 0, "%s, recomputed", example->name);
    heed_free(anew.value);
    for (int threads = 2; threads <= 8; threads += threads > 2 ? 5 : 1) {
        kit_values some = kit_run(g, outputs, n, (heed_compile_options){ .threads = threads });
        cr_expect(kit_same_bits(all, some), "%s with %d threads: other bits", example->name,
                  threads);
        heed_free(some.value);
    }
    heed_free(all.value);
    heed_graph_free(g);
    heed_store_free(store);
}

Test(graph_passes, leave_results_as_they_are_f64)
{
    for (int i = 0; graph_example_at(i); i++) check_passes(graph_example_at(i), HEED_F64, 1e-12);
    cr_expect_eq(heed_memory_live_blocks(), 0, "nothing leaks");
}

Test(graph_passes, leave_results_as_they_are_f32)
{
    for (int i = 0; graph_example_at(i); i++) check_passes(graph_example_at(i), HEED_F32, 1e-5);
    cr_expect_eq(heed_memory_live_blocks(), 0, "nothing leaks");
}

/* ---- each pass does what it is for, and stops when switched off ---- */

static heed_program_facts facts_of(heed_node *const *y, int n, const char *passes)
{
    heed_program *p = heed_compile(y[0]->graph, y, n, .threads = 1, .passes = passes);
    cr_assert_not_null(p, "%s", heed_why(y[0]->graph));
    heed_program_facts facts = heed_program_describe(p);
    heed_program_free(p);
    return facts;
}

Test(graph_passes, dead_nodes_are_left_out)
{
    heed_graph *g = heed_graph_new();
    heed_node *x = heed_input(g, "x", HEED_F32, 4, 4), *y = heed_softmax(x, -1);
    for (int i = 0; i < 10; i++) cr_assert_not_null(heed_softmax(heed_neg(x), -1));
    heed_program_facts facts = facts_of(&y, 1, "none,+dead");
    cr_expect_eq(facts.nodes, 2, "%d nodes", facts.nodes);
    cr_expect_eq(facts.instructions, 1, "%d instructions", facts.instructions);
    heed_graph_free(g);
}

Test(graph_passes, equal_nodes_become_one)
{
    heed_graph *g = heed_graph_new();
    heed_node *x = heed_input(g, "x", HEED_F32, 4, 4);
    heed_node *y = heed_add(heed_softmax(x, -1), heed_softmax(x, -1));
    cr_expect_eq(facts_of(&y, 1, "none,+dead,+cse").instructions, 2);
    cr_expect_eq(facts_of(&y, 1, "none").instructions, 3);
    heed_node *a = heed_scale(x, 2), *b = heed_scale(x, 3), *sum = heed_add(a, b);
    cr_expect_eq(facts_of(&sum, 1, "none,+cse,+dead").instructions, 3, "other attributes");
    heed_graph_free(g);
}

Test(graph_passes, dropout_masks_do_not_become_one)
{
    heed_graph *g = heed_graph_new(.training = true);
    heed_node *x = heed_full(g, 1, 64);
    heed_node *y = heed_sub(heed_dropout(x, 0.5), heed_dropout(x, 0.5));
    kit_values v = kit_run(g, &y, 1, (heed_compile_options){ .threads = 1 });
    int different = 0;
    for (int i = 0; i < 64; i++) different += v.value[i] != 0;
    cr_expect(different > 8, "two dropouts draw two masks");
    heed_free(v.value);
    heed_graph_free(g);
}

Test(graph_passes, constants_are_folded_and_identities_dropped)
{
    heed_graph *g = heed_graph_new();
    heed_node *x = heed_input(g, "x", HEED_F32, 4);
    heed_node *two = heed_add(heed_number(g, 1), heed_number(g, 1));
    heed_node *y = heed_mul(x, heed_sqrt(heed_square(two)));
    kit_values v = kit_run(g, HEED_NODES(x, y), (heed_compile_options){ .threads = 1 });
    for (int i = 0; i < 4; i++) cr_expect_eq(v.value[4 + i], 2 * v.value[i]);
    heed_free(v.value);
    cr_expect_eq(facts_of(&y, 1, "none,+fold,+dead").instructions, 1);
    cr_expect_eq(facts_of(&y, 1, "none").instructions, 4);
    heed_node *same = heed_neg(heed_mul(x, heed_number(g, 1)));
    cr_expect_eq(facts_of(&same, 1, "none,+simplify,+dead").instructions, 1);
    cr_expect_eq(facts_of(&same, 1, "none,+dead").instructions, 2);
    heed_graph_free(g);
}

Test(graph_passes, outer_products_fuse_with_their_neighbours)
{
    heed_graph *g = heed_graph_new();
    heed_node *a = heed_input(g, "a", HEED_F32, 7, 1), *b = heed_input(g, "b", HEED_F32, 1, 5);
    heed_node *y = heed_tanh(heed_matmul(a, b));
    cr_expect_eq(facts_of(&y, 1, "all").instructions, 1);
    cr_expect_eq(facts_of(&y, 1, "-simplify").instructions, 2);
    heed_graph_free(g);
}

/* A matrix that many products read, or the transposed one that two read, is brought into the
 * kernel's order once; a product by itself reads it where it lies. */
Test(graph_passes, a_matrix_with_many_readers_is_packed_once)
{
    heed_graph *g = heed_graph_new();
    heed_node *w = heed_input(g, "w", HEED_F32, 70, 90), *v = heed_transpose(w, 0, 1);
    heed_node *x = heed_input(g, "x", HEED_F32, 20, 70), *outputs[6];
    for (int i = 0; i < 4; i++) outputs[i] = heed_matmul(heed_scale(x, i + 2), w);
    for (int i = 0; i < 2; i++) outputs[4 + i] = heed_matmul(outputs[i], v);
    cr_expect_eq(facts_of(outputs, 3, "none,+dead").instructions, 3 + 3);
    cr_expect_eq(facts_of(outputs, 3, "none,+dead,+pack").instructions, 3 + 3);
    cr_expect_eq(facts_of(outputs, 4, "none,+dead,+pack").instructions, 4 + 4 + 1);
    cr_expect_eq(facts_of(outputs, 5, "none,+dead,+pack").instructions, 4 + 4 + 1 + 1);
    cr_expect_eq(facts_of(outputs, 6, "none,+dead,+pack").instructions, 4 + 4 + 1 + 2 + 1);
    const heed_compile_options plain = { .passes = "none", .threads = 1 };
    kit_values a = kit_run(g, outputs, 6, plain);
    kit_values b = kit_run(g, outputs, 6, (heed_compile_options){ .threads = 2 });
    cr_expect_lt(kit_difference(a, b, 1e-5), 0);
    heed_free(a.value);
    heed_free(b.value);
    heed_graph_free(g);
}

/* A product adds a bias or a residual by itself, unless its own value is wanted, too. */
Test(graph_passes, products_add_what_is_added_to_them)
{
    heed_graph *g = heed_graph_new();
    heed_node *x = heed_input(g, "x", HEED_F32, 2, 9, 40),
              *w = heed_input(g, "w", HEED_F32, 40, 40);
    heed_node *row = heed_input(g, "row", HEED_F32, 40), *outputs[2];
    heed_node *product = heed_matmul(x, w),
              *number = heed_input_shaped(g, "n", HEED_F32, heed_scalar());
    const heed_compile_options plain = { .passes = "none", .threads = 1 };
    heed_node *sums[] = { heed_add(product, row), heed_add(x, product),
                          heed_add(heed_matmul(x, w), heed_add(product, x)) };
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(facts_of(&sums[i], 1, "none,+dead,+absorb").instructions, i < 2 ? 1 : 2);
        kit_values a = kit_run(g, &sums[i], 1, plain);
        kit_values b = kit_run(g, &sums[i], 1, (heed_compile_options){ .threads = 2 });
        cr_expect_lt(kit_difference(a, b, 1e-5), 0);
        heed_free(a.value);
        heed_free(b.value);
    }
    outputs[0] = product;
    outputs[1] = sums[0];
    cr_expect_eq(facts_of(outputs, 2, "none,+dead,+absorb").instructions, 2);
    heed_node *each = heed_add(product, number);
    cr_expect_eq(facts_of(&each, 1, "none,+dead,+absorb").instructions, 2, "a number is no row");
    heed_graph_free(g);
}

/* The reverse rule of a value near the end of the forward pass waits for its turn. */
Test(graph_passes, reverse_rules_do_not_join_the_forward_pass)
{
    heed_store *store = heed_store_new(1);
    heed_graph *g = heed_graph_new(.store = store);
    heed_node *x = heed_input(g, "x", HEED_F32, 64, 32), *w[2];
    w[0] = heed_param(heed_root(g), "w0", HEED_ONES, 32, 32);
    w[1] = heed_param(heed_root(g), "w1", HEED_ONES, 32, 1);
    heed_node *h = heed_tanh(heed_matmul(x, w[0])), *outputs[3];
    outputs[0] = heed_mean_all(heed_softmax(heed_matmul(h, w[1]), 0));
    cr_assert(heed_gradient(outputs[0], NULL, w, 2, outputs + 1), "%s", heed_why(g));
    heed_program *p = heed_compile(g, outputs, 3, .threads = 1);
    FILE *file = tmpfile();
    char text[4000] = "";
    cr_assert(p && file && heed_profile_start(p) && heed_program_run(p));
    heed_profile_print(p, file);
    rewind(file);
    cr_assert_gt(fread(text, 1, sizeof text - 1, file), 100);
    cr_expect_not_null(strstr(text, "square+"), "1 - h^2 is part of the reverse pass:\n%s", text);
    cr_expect_null(strstr(text, "tanh+square"), "1 - h^2 rides along:\n%s", text);
    fclose(file);
    heed_program_free(p);
    heed_graph_free(g);
    heed_store_free(store);
}

Test(graph_passes, elementwise_neighbours_are_fused)
{
    heed_graph *g = heed_graph_new();
    heed_node *x = heed_input(g, "x", HEED_F32, 40, 40), *y = x;
    for (int i = 0; i < 8; i++) y = heed_tanh(heed_add(y, x));
    heed_program_facts on = facts_of(&y, 1, "none,+fuse"), off = facts_of(&y, 1, "none");
    cr_expect_eq(on.instructions, 1);
    cr_expect_eq(off.instructions, 16);
    cr_expect(on.planned_bytes < off.planned_bytes / 4, "values stay in the cache");
    heed_graph_free(g);
}

Test(graph_passes, parts_of_a_concat_are_computed_in_place)
{
    heed_graph *g = heed_graph_new();
    heed_node *x = heed_input(g, "x", HEED_F32, 16, 16);
    heed_node *y = heed_concat(HEED_NODES(heed_softmax(x, -1), heed_log_softmax(x, -1)), 0);
    cr_expect_eq(facts_of(&y, 1, "none,+place").instructions, 2);
    cr_expect_eq(facts_of(&y, 1, "none").instructions, 3);
    heed_graph_free(g);
}

Test(graph_passes, memory_is_taken_over_and_reused)
{
    heed_graph *g = heed_graph_new();
    heed_node *x = heed_input(g, "x", HEED_F32, 64, 64), *y = x;
    for (int i = 0; i < 10; i++) y = heed_softmax(y, -1);
    size_t none = facts_of(&y, 1, "none").planned_bytes;
    size_t in_place = facts_of(&y, 1, "none,+inplace").planned_bytes;
    size_t reuse = facts_of(&y, 1, "none,+reuse").planned_bytes;
    cr_expect(none >= 10 * 64 * 64 * sizeof(float));
    cr_expect(in_place < 2 * 64 * 64 * sizeof(float));
    cr_expect(reuse < 3 * 64 * 64 * sizeof(float));
    heed_graph_free(g);
}

/* The reverse of a norm is dx, and gradients of gains behind it: longer than x, whose place it
 * takes all the same. */
Test(graph_passes, memory_is_taken_over_and_made_longer)
{
    const heed_shape shapes[2] = { HEED_SHAPE(32, 8, 16, 16), HEED_SHAPE(32, 8, 8, 8) };
    for (int pooled = 0; pooled < 2; pooled++) {
        heed_graph *g = heed_graph_new();
        heed_node *x = heed_input(g, "x", HEED_F32, 32, 8, 16, 16), *dx[2];
        heed_node *d = heed_input_shaped(g, "d", HEED_F32, shapes[pooled]);
        heed_node *in[2] = { heed_softmax(x, -1), heed_input(g, "gain", HEED_F32, 8) };
        heed_node *y = pooled ? heed_pooled_norm(in[0], in[1], heed_full(g, 0.5, 8), 0)
                              : heed_batch_norm(in[0], .gain = in[1]);
        cr_assert(heed_gradient(y, heed_softmax(d, -1), in, 2, dx), "%s", heed_why(g));
        const size_t size = (size_t)heed_count(&x->shape) * sizeof(float);
        const size_t other = (size_t)heed_count(&d->shape) * sizeof(float);
        const size_t kept = facts_of(dx, 2, "-inplace").planned_bytes;
        const size_t taken = facts_of(dx, 2, "").planned_bytes;
        cr_expect(kept >= 2 * size + other, "%zu", kept);
        cr_expect(taken < size + other + size / 4, "%zu", taken);
        kit_values a = kit_run(g, dx, 2, (heed_compile_options){ .threads = 2 });
        kit_values b =
            kit_run(g, dx, 2, (heed_compile_options){ .threads = 2, .passes = "-inplace" });
        cr_expect(kit_finite(a) && kit_same_bits(a, b));
        heed_free(a.value), heed_free(b.value);
        heed_graph_free(g);
    }
}

/* Two readers that may run at the same time: neither may write over what the other reads. */
Test(graph_passes, memory_is_not_taken_from_a_parallel_reader)
{
    heed_graph *g = heed_graph_new();
    heed_node *x = heed_input(g, "x", HEED_F32, 100, 400);
    heed_node *w = heed_input(g, "w", HEED_F32, 400, 200), *outputs[4];
    heed_node *h = heed_matmul(x, w);
    outputs[0] = heed_softmax(h, -1);
    outputs[1] = heed_log_softmax(h, -1);
    outputs[2] = heed_layer_norm(h, NULL, NULL, 0);
    outputs[3] = heed_max(h, 0, false);
    kit_values none = kit_run(g, outputs, 4, (heed_compile_options){ .passes = "none" });
    for (int threads = 1; threads <= 4; threads++) {
        kit_values all = kit_run(g, outputs, 4, (heed_compile_options){ .threads = threads });
        cr_expect(kit_same_bits(none, all), "%d threads", threads);
        heed_free(all.value);
    }
    heed_free(none.value);
    heed_graph_free(g);
}

Test(graph_passes, unknown_names_are_refused_with_the_list)
{
    heed_graph *g = heed_graph_new();
    heed_node *y = heed_neg(heed_input(g, "x", HEED_F32, 2));
    cr_assert_null(heed_compile(g, &y, 1, .passes = "-fuze"));
    cr_expect_not_null(strstr(heed_why(g), "'fuze'"), "%s", heed_why(g));
    cr_expect_not_null(strstr(heed_why(g), "inplace"), "%s", heed_why(g));
    heed_graph_free(g);
}

Test(graph_passes, environment_variable_switches_too)
{
    heed_graph *g = heed_graph_new();
    heed_node *x = heed_input(g, "x", HEED_F32, 8), *y = heed_exp(heed_neg(x));
    cr_expect_eq(facts_of(&y, 1, NULL).instructions, 1);
    setenv("HEED_PASSES", "-fuse", 1);
    cr_expect_eq(facts_of(&y, 1, NULL).instructions, 2);
    unsetenv("HEED_PASSES");
    heed_graph_free(g);
}

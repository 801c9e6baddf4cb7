/* models_norms.c - normalization layers: what they store, that training moves it, that evaluation
 * and a saved model use it. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "models_store.h"

enum { B = 12, C = 3, L = 20 };

/* Normalized by every layer in turn; trained to a constant. */
static heed_node *network(heed_graph *g)
{
    heed_scope *s = heed_root(g);
    heed_node *x = heed_input(g, "x", HEED_F32, B, C, L);
    heed_node *y = heed_batch_norm_layer(s, "batch", x, .momentum = 0.2);
    y = heed_group_norm_layer(s, "group", heed_tanh(y), 1);
    y = heed_layer_norm_layer(s, "layer", y);
    return heed_rms_norm_layer(s, "rms", y, .eps = 0.1);
}

static void fill(heed_view x, uint64_t seed)
{
    heed_rng rng = heed_rng_new(seed, 0);
    heed_fill_normal(&rng, &x, 3, 2);
}

static void train(heed_store *store, int steps)
{
    heed_graph *g = heed_graph_new(.store = store, .training = true);
    heed_node *loss = heed_mean_all(heed_square(heed_affine(network(g), 1, -0.5)));
    heed_trainer *t = heed_trainer_new(loss, heed_sgd(.lr = 0.01), .threads = 1);
    cr_assert_not_null(t, "%s", heed_why(g));
    for (int i = 0; i < steps; i++) {
        fill(heed_trainer_input(t, "x"), (uint64_t)i);
        cr_assert(heed_trainer_step(t));
    }
    heed_trainer_free(t);
    heed_graph_free(g);
}

static void evaluate(heed_store *store, double *out)
{
    heed_graph *g = heed_graph_new(.store = store);
    heed_node *y = network(g);
    heed_program *p = heed_compile(g, &y, 1, .threads = 1);
    cr_assert_not_null(p, "%s", heed_why(g));
    cr_expect_eq(heed_graph_assignments(g, NULL, 0), 0);
    fill(heed_program_input(p, "x"), 99);
    cr_assert(heed_program_run(p));
    heed_view view = heed_program_output(p, 0);
    for (int i = 0; i < B * C * L; i++) out[i] = heed_get(&view, i);
    heed_program_free(p);
    heed_graph_free(g);
}

Test(models_norms, training_moves_and_evaluation_uses_what_is_stored)
{
    static double before[B * C * L], after[B * C * L], loaded[B * C * L];
    static const char *const names[] = { "batch/gain",     "batch/bias", "batch/mean",
                                         "batch/variance", "group/gain", "group/bias",
                                         "layer/gain",     "layer/bias", "rms/gain" };
    heed_store *store = heed_store_new(1), *other = heed_store_new(2);
    heed_error error = { .set = false };
    char path[100];
    evaluate(store, before);
    cr_assert_eq(heed_store_count(store), 9);
    for (int i = 0; i < 9; i++)
        cr_expect_eq(value_at(store, names[i], 0),
                     strstr(names[i], "gain") || strstr(names[i], "variance"), "%s", names[i]);
    train(store, 40);
    for (int c = 0; c < C; c++) {
        cr_expect_float_eq(value_at(store, "batch/mean", c), 3, 0.3);
        cr_expect_float_eq(value_at(store, "batch/variance", c), 4, 0.8);
    }
    evaluate(store, after);
    cr_expect_neq(memcmp(before, after, sizeof before), 0);
    snprintf(path, sizeof path, "/tmp/heed_norms_%d", getpid());
    cr_assert(heed_store_save_parameters(store, path, NULL, 0, &error), "%s", error.text);
    cr_assert(heed_store_load(other, path, &error), "%s", error.text);
    cr_expect_eq(heed_store_count(other), 9, "the optimizer's momenta are no part of the model");
    evaluate(other, loaded);
    cr_expect_eq(memcmp(loaded, after, sizeof after), 0);
    unlink(path);
    heed_store_free(store);
    heed_store_free(other);
}

Test(models_norms, options)
{
    heed_store *store = heed_store_new(1);
    heed_graph *g = heed_graph_new(.store = store, .training = true);
    heed_scope *s = heed_root(g);
    heed_node *x = heed_input(g, "x", HEED_F32, B, C, L);
    cr_assert_not_null(heed_batch_norm_layer(s, "a", x, .no_running = true, .no_bias = true));
    cr_expect_null(heed_store_find(store, "a/mean"));
    cr_expect_null(heed_store_find(store, "a/bias"));
    cr_assert_not_null(heed_batch_norm_layer(s, "b", x, .frozen = true, .no_gain = true));
    cr_expect_null(heed_store_find(store, "b/gain"));
    cr_expect_eq(heed_graph_assignments(g, NULL, 0), 0);
    cr_assert_not_null(heed_group_norm_layer(s, "c", x, C));
    cr_assert_not_null(heed_store_find(store, "c/gain"));
    cr_expect_null(heed_layer_norm_layer(s, "d", heed_sum_all(x)));
    cr_expect(strstr(heed_why(g), "layer_norm_layer 'd'"), "%s", heed_why(g));
    cr_expect_null(heed_batch_norm_layer(s, "e", NULL));
    heed_graph_free(g);
    heed_store_free(store);
}

/* From the first step on sigma is close to the largest singular value; what is stored stays. */
Test(models_norms, spectral_norm)
{
    heed_store *store = heed_store_new(4);
    double first = 0;
    for (int again = 0; again < 2; again++) {
        heed_graph *g = heed_graph_new(.store = store, .dtype = HEED_F64);
        heed_scope *s = heed_root(g);
        heed_node *w = heed_param(s, "w", ((heed_init){ .a = 0 }), 6, 5);
        heed_node *y = heed_spectral_norm_layer(s, "norm", w, 0), *one;
        heed_node *direction = heed_input(g, "d", HEED_F64, 5);
        one = heed_sqrt(heed_sum_all(heed_square(heed_matmul(y, direction))));
        heed_program *p = heed_compile(g, &one, 1, .threads = 1);
        cr_assert_not_null(p, "%s", heed_why(g));
        heed_view d = heed_program_input(p, "d");
        for (int i = 0; i < 5; i++) heed_set(&d, i, value_at(store, "norm/v", i));
        cr_assert(heed_program_run(p));
        heed_view norm = heed_program_output(p, 0);
        cr_expect_float_eq(heed_get(&norm, 0), 1, 1e-3);
        if (again) cr_expect_eq(value_at(store, "norm/u", 0), first, "they were there already");
        first = value_at(store, "norm/u", 0);
        heed_program_free(p);
        cr_expect_null(heed_spectral_norm_layer(s, "bad", heed_index(w, 0, 0), 0));
        cr_expect(strstr(heed_why(g), "is not a weight matrix"), "%s", heed_why(g));
        heed_graph_free(g);
    }
    heed_store_free(store);
}

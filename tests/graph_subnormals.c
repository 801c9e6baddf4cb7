/* Results below the smallest normal number: kept, or 0 in every thread, and never the caller's. */
#include "tests/graph_kit.h"

enum { ROWS = 200, COLUMNS = 300 }; /* more than one thread's work */

static const double tiny = 0x1p-70; /* its square, in f32, is no normal number */

/* Of x x: how many elements are 0. A product of constants beside it is `folded`. */
static int64_t zeros(int threads, const char *passes, bool flush, double *folded)
{
    heed_graph *g = heed_graph_new();
    heed_node *x = heed_input(g, "x", HEED_F32, ROWS, COLUMNS);
    heed_node *y = heed_matmul(x, heed_affine(heed_eye(g, COLUMNS, COLUMNS), tiny, 0));
    heed_node *c = heed_full(g, tiny, 1);
    heed_node *outputs[2] = { y, heed_mul(c, c) };
    heed_program *p = heed_compile(g, outputs, 2, .threads = threads, .passes = passes,
                                   .flush_subnormals = flush);
    cr_assert_not_null(p, "%s", heed_why(g));
    heed_view in = heed_program_input(p, "x");
    for (int64_t i = 0; i < ROWS * COLUMNS; i++) heed_set(&in, i, tiny);
    heed_program_run(p);
    heed_view out = heed_program_output(p, 0), product = heed_program_output(p, 1);
    int64_t n = 0;
    for (int64_t i = 0; i < ROWS * COLUMNS; i++) {
        const double value = heed_get(&out, i);
        cr_assert(value == 0 || value == tiny * tiny, "%g", value);
        n += value == 0;
    }
    *folded = heed_get(&product, 0);
    heed_program_free(p);
    heed_graph_free(g);
    return n;
}

Test(graph_subnormals, are_kept_or_flushed_by_all_threads)
{
    double folded;
    for (int threads = 1; threads <= 3; threads++) {
        for (int k = 0; k < 2; k++) {
            const char *passes = k ? "-fold,-simplify" : NULL;
            cr_expect_eq(zeros(threads, passes, false, &folded), 0);
            cr_expect_eq(folded, tiny * tiny);
            cr_expect_eq(zeros(threads, passes, true, &folded), ROWS * COLUMNS);
            cr_expect_eq(folded, 0);
        }
        volatile float mine = 0x1p-70f;
        mine *= mine;
        cr_expect_gt(mine, 0, "the caller's arithmetic is as it was");
    }
}

/* A step of gradient descent by a gradient of 2^-140. */
static double moved(bool keep)
{
    heed_store *store = heed_store_new(1);
    heed_graph *g = heed_graph_new(.store = store, .training = true);
    heed_node *w = heed_param(heed_root(g), "w", HEED_ZEROS, 1);
    heed_node *x = heed_input(g, "x", HEED_F32, 1);
    heed_node *loss = heed_sum_all(heed_mul(heed_mul(w, x), x));
    heed_trainer *t = heed_trainer_new(loss, heed_sgd(.lr = 1), .keep_subnormals = keep);
    cr_assert_not_null(t, "%s", heed_why(g));
    heed_view in = heed_trainer_input(t, "x");
    heed_set(&in, 0, tiny);
    heed_trainer_step(t);
    const double value = heed_get(&heed_store_at(store, 0)->tensor->view, 0);
    heed_trainer_free(t);
    heed_graph_free(g);
    heed_store_free(store);
    return value;
}

Test(graph_subnormals, training_flushes_unless_asked_not_to)
{
    cr_expect_eq(moved(false), 0);
    cr_expect_eq(moved(true), -tiny * tiny);
}

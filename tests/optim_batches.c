/* Parameters that share an update move as each would alone. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops/ops.h"
#include "optim/optim.h"

enum { STEPS = 7 };

/* More small ones than an update takes, between large ones; of one unit, of several, empty. */
static const int64_t sizes[] = { 64, 1, 7,  1024, 1025,  33, 9000, 64, 0,    13,
                                 5,  3, 16, 17,   20000, 2,  1024, 1,  8192, 31 };
enum { N = sizeof sizes / sizeof sizes[0] };

static heed_node *parameter(heed_graph *g, int k)
{
    char name[16];
    snprintf(name, sizeof name, "p%d", k);
    return heed_param(heed_root(g), name, ((heed_init){ .rule = HEED_INIT_NORMAL, .b = 1 }),
                      sizes[k]);
}

/* STEPS steps of sum over parameters begin <= k < end of sum (k + 1) p^2. */
static heed_store *trained(heed_optimizer optimizer, int begin, int end, double clip_norm,
                           int threads, heed_dtype dtype)
{
    heed_store *store = heed_store_new(3);
    heed_graph *g = heed_graph_new(.store = store, .dtype = dtype);
    heed_node *terms[N];
    for (int k = begin; k < end; k++)
        terms[k] = heed_scale(heed_sum_all(heed_square(parameter(g, k))), k + 1);
    heed_node *loss = heed_sum_all(heed_stack(terms + begin, end - begin, 0));
    heed_trainer *t = heed_trainer_new(loss, optimizer, .clip_norm = clip_norm, .clip_value = 3,
                                       .threads = threads);
    cr_assert_not_null(t, "%s", heed_why(g));
    for (int i = 0; i < STEPS; i++) cr_assert(heed_trainer_step(t));
    heed_trainer_free(t);
    heed_graph_free(g);
    return store;
}

/* Every entry of `part`, parameters and state, has the bits that `all` has. */
static void expect_same(const heed_store *part, const heed_store *all)
{
    for (int i = 0; i < heed_store_count(part); i++) {
        const heed_entry *entry = heed_store_at(part, i);
        const heed_entry *other = heed_store_find(all, entry->name);
        cr_assert_not_null(other, "%s", entry->name);
        const heed_view *x = &entry->tensor->view, *y = &other->tensor->view;
        const size_t bytes = (size_t)heed_count(&x->shape) * heed_dtype_size(x->dtype);
        cr_assert(heed_shape_equal(&x->shape, &y->shape));
        cr_assert_eq(memcmp(x->data, y->data, bytes), 0, "%s differs", entry->name);
    }
}

static void check_alone(heed_optimizer optimizer, heed_dtype dtype)
{
    heed_store *all = trained(optimizer, 0, N, 0, 1, dtype);
    heed_store *threads = trained(optimizer, 0, N, 0, 3, dtype);
    expect_same(threads, all);
    for (int k = 0; k < N; k++) {
        heed_store *alone = trained(optimizer, k, k + 1, 0, 1, dtype);
        expect_same(alone, all);
        heed_store_free(alone);
    }
    heed_store_free(all);
    heed_store_free(threads);
}

Test(optim_batches, parameters_move_as_each_would_alone)
{
    static const heed_dtype dtypes[] = { HEED_F32, HEED_F64 };
    for (int d = 0; d < 2; d++) {
        check_alone(heed_sgd(.lr = 0.01, .momentum = 0.9, .weight_decay = 0.1), dtypes[d]);
        check_alone(heed_sgd(.lr = 0.01, .momentum = 0.9, .nesterov = true), dtypes[d]);
        check_alone(heed_adam(.lr = 0.1, .weight_decay = 0.1), dtypes[d]);
        check_alone(heed_adamw(.lr = 0.1), dtypes[d]);
        check_alone(heed_rmsprop(.lr = 0.1, .momentum = 0.5), dtypes[d]);
    }
}

Test(optim_batches, the_norm_is_that_of_all_gradients)
{
    heed_store *store = heed_store_new(3);
    heed_graph *g = heed_graph_new(.store = store, .dtype = HEED_F64);
    heed_node *terms[N];
    double norm = 0;
    for (int k = 0; k < N; k++) terms[k] = heed_sum_all(heed_square(parameter(g, k)));
    for (int k = 0; k < N; k++) {
        const heed_view *p = &heed_store_at(store, k)->tensor->view;
        for (int64_t i = 0; i < sizes[k]; i++) norm += 4 * heed_get(p, i) * heed_get(p, i);
    }
    heed_trainer *t = heed_trainer_new(heed_sum_all(heed_stack(terms, N, 0)), heed_sgd(),
                                       .clip_norm = 2, .threads = 1);
    cr_assert(t && heed_trainer_step(t), "%s", heed_why(g));
    cr_assert_float_eq(heed_trainer_norm(t), sqrt(norm), 1e-10 * sqrt(norm));
    heed_trainer_free(t);
    heed_graph_free(g);
    heed_store_free(store);
}

static int count_of(const char *text, const char *word)
{
    int n = 0;
    for (; (text = strstr(text, word)); text++) n++;
    return n;
}

/* Adam's update takes seven: a hundred parameters are 15 updates, and one sum of squares. */
Test(optim_batches, small_parameters_share_an_update)
{
    enum { PARAMETERS = 100 };
    heed_store *store = heed_store_new(1);
    heed_graph *g = heed_graph_new(.store = store);
    heed_node *terms[PARAMETERS];
    char name[16], *text = NULL;
    size_t size;
    for (int k = 0; k < PARAMETERS; k++) {
        snprintf(name, sizeof name, "p%d", k);
        terms[k] = heed_sum_all(heed_square(heed_param(heed_root(g), name, HEED_ONES, 64)));
    }
    heed_trainer *t = heed_trainer_new(heed_sum_all(heed_stack(terms, PARAMETERS, 0)), heed_adam(),
                                       .clip_norm = 2, .threads = 1);
    cr_assert_not_null(t, "%s", heed_why(g));
    FILE *to = open_memstream(&text, &size);
    cr_assert(to && heed_graph_dot(g, to));
    fclose(to);
    cr_expect_eq(count_of(text, "adam_update"), 15);
    cr_expect_eq(count_of(text, "sum_squares"), 1);
    free(text);
    heed_trainer_free(t);
    heed_graph_free(g);
    heed_store_free(store);
}

/* loss = p q: each gradient is the other parameter itself, before either moves. */
Test(optim_batches, gradients_that_are_parameters_are_read_before_they_move)
{
    heed_store *store = heed_store_new(1);
    heed_graph *g = heed_graph_new(.store = store, .dtype = HEED_F64);
    const heed_init init = { .rule = HEED_INIT_NORMAL, .b = 1 };
    heed_node *p = heed_param(heed_root(g), "p", init, 1);
    heed_node *q = heed_param(heed_root(g), "q", init, 1);
    const heed_view *at[2] = { &heed_store_find(store, "p")->tensor->view,
                               &heed_store_find(store, "q")->tensor->view };
    double x = heed_get(at[0], 0), y = heed_get(at[1], 0);
    heed_trainer *t = heed_trainer_new(heed_mul(p, q), heed_sgd(.lr = 0.1), .threads = 1);
    cr_assert_not_null(t, "%s", heed_why(g));
    for (int i = 0; i < STEPS; i++) {
        const double dx = y, dy = x;
        x -= 0.1 * dx;
        y -= 0.1 * dy;
        cr_assert(heed_trainer_step(t));
        cr_assert_float_eq(heed_get(at[0], 0), x, 1e-14, "p");
        cr_assert_float_eq(heed_get(at[1], 0), y, 1e-14, "q");
    }
    heed_trainer_free(t);
    heed_graph_free(g);
    heed_store_free(store);
}

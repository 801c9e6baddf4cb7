/* Each optimizer against its formula, written out plainly in double. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "ops/ops.h"
#include "optim/optim.h"

enum { N = 37, STEPS = 25 };

/* loss = sum c (p - target)^2, whose gradient is 2 c (p - target). */
typedef struct problem {
    heed_store *store;
    heed_graph *graph;
    heed_trainer *trainer;
    double c[N], target[N], p[N];
} problem;

static heed_node *vector_constant(heed_graph *g, double *values)
{
    heed_shape shape = HEED_SHAPE(N);
    heed_view view = heed_view_of(values, HEED_F64, &shape);
    return heed_constant(g, &view);
}

static void start(problem *q, heed_optimizer optimizer, heed_trainer_options options)
{
    q->store = heed_store_new(3);
    q->graph = heed_graph_new(.store = q->store, .dtype = HEED_F64);
    for (int i = 0; i < N; i++) {
        q->c[i] = 0.5 + 0.1 * (i % 7);
        q->target[i] = sin(i);
    }
    heed_node *p = heed_param(heed_root(q->graph), "p", ((heed_init){ .a = 0 }), N);
    heed_node *difference = heed_sub(p, vector_constant(q->graph, q->target));
    heed_node *loss =
        heed_sum_all(heed_mul(vector_constant(q->graph, q->c), heed_square(difference)));
    const heed_view *view = &heed_store_find(q->store, "p")->tensor->view;
    for (int i = 0; i < N; i++) q->p[i] = heed_get(view, i);
    options.threads = 1;
    q->trainer = heed_trainer_make(loss, optimizer, options);
    cr_assert_not_null(q->trainer, "%s", heed_why(q->graph));
}

static void finish(problem *q)
{
    heed_trainer_free(q->trainer);
    heed_graph_free(q->graph);
    heed_store_free(q->store);
}

static double gradient(const problem *q, int i)
{
    return 2 * q->c[i] * (q->p[i] - q->target[i]);
}

static void expect_equal(const problem *q, double bound)
{
    const heed_view *view = &heed_store_find(q->store, "p")->tensor->view;
    for (int i = 0; i < N; i++) {
        double error = fabs(heed_get(view, i) - q->p[i]);
        cr_assert(error <= bound, "element %d: %.17g, expected %.17g", i, heed_get(view, i),
                  q->p[i]);
    }
}

static void check_sgd(bool nesterov)
{
    problem q;
    double v[N] = { 0 };
    start(&q, heed_sgd(.lr = 0.02, .momentum = 0.8, .nesterov = nesterov, .weight_decay = 0.1),
          (heed_trainer_options){ .defaults = 0 });
    for (int t = 0; t < STEPS; t++) {
        cr_assert(heed_trainer_step(q.trainer));
        for (int i = 0; i < N; i++) {
            double g = gradient(&q, i) + 0.1 * q.p[i];
            v[i] = 0.8 * v[i] + g;
            q.p[i] -= 0.02 * (nesterov ? g + 0.8 * v[i] : v[i]);
        }
        expect_equal(&q, 1e-12);
    }
    finish(&q);
}

Test(optim_rules, sgd_with_momentum)
{
    check_sgd(false);
}
Test(optim_rules, sgd_with_nesterov_momentum)
{
    check_sgd(true);
}

static void check_adam(bool decoupled)
{
    problem q;
    double m[N] = { 0 }, v[N] = { 0 };
    start(&q,
          decoupled ? heed_adamw(.lr = 0.05, .weight_decay = 0.02, .beta1 = 0.8)
                    : heed_adam(.lr = 0.05, .weight_decay = 0.02, .beta1 = 0.8),
          (heed_trainer_options){ .defaults = 0 });
    for (int t = 1; t <= STEPS; t++) {
        cr_assert(heed_trainer_step(q.trainer));
        for (int i = 0; i < N; i++) {
            double g = gradient(&q, i) + (decoupled ? 0 : 0.02 * q.p[i]);
            if (decoupled) q.p[i] -= 0.05 * 0.02 * q.p[i];
            m[i] = 0.8 * m[i] + 0.2 * g;
            v[i] = 0.999 * v[i] + 0.001 * g * g;
            q.p[i] -= 0.05 * (m[i] / (1 - pow(0.8, t))) / (sqrt(v[i] / (1 - pow(0.999, t))) + 1e-8);
        }
        expect_equal(&q, 1e-11);
    }
    finish(&q);
}

Test(optim_rules, adam)
{
    check_adam(false);
}
Test(optim_rules, adamw)
{
    check_adam(true);
}

Test(optim_rules, rmsprop_with_momentum)
{
    problem q;
    double v[N] = { 0 }, b[N] = { 0 };
    start(&q, heed_rmsprop(.lr = 0.01, .alpha = 0.9, .momentum = 0.7),
          (heed_trainer_options){ .defaults = 0 });
    for (int t = 0; t < STEPS; t++) {
        cr_assert(heed_trainer_step(q.trainer));
        for (int i = 0; i < N; i++) {
            double g = gradient(&q, i);
            v[i] = 0.9 * v[i] + 0.1 * g * g;
            b[i] = 0.7 * b[i] + g / (sqrt(v[i]) + 1e-8);
            q.p[i] -= 0.01 * b[i];
        }
        expect_equal(&q, 1e-11);
    }
    finish(&q);
}

Test(optim_rules, clipping_by_value_then_norm)
{
    problem q;
    start(&q, heed_sgd(.lr = 0.1), (heed_trainer_options){ .clip_value = 0.5, .clip_norm = 1.5 });
    for (int t = 0; t < STEPS; t++) {
        double g[N], norm = 0;
        for (int i = 0; i < N; i++) {
            g[i] = fmax(-0.5, fmin(0.5, gradient(&q, i)));
            norm += g[i] * g[i];
        }
        norm = sqrt(norm);
        if (t == 0) cr_assert_gt(norm, 1.5, "the first step has to be clipped");
        cr_assert(heed_trainer_step(q.trainer));
        cr_assert_float_eq(heed_trainer_norm(q.trainer), norm, 1e-10);
        for (int i = 0; i < N; i++) q.p[i] -= 0.1 * g[i] * fmin(1, 1.5 / (norm + 1e-6));
        expect_equal(&q, 1e-11);
    }
    finish(&q);
}

Test(optim_rules, trainer_reports_loss_before_the_update_and_falls)
{
    problem q;
    start(&q, heed_adam(.lr = 0.05), (heed_trainer_options){ .defaults = 0 });
    double first = 0;
    for (int i = 0; i < N; i++) first += q.c[i] * pow(q.p[i] - q.target[i], 2);
    heed_trainer_step(q.trainer);
    cr_assert_float_eq(heed_trainer_loss(q.trainer), first, 1e-12);
    for (int t = 0; t < 300; t++) heed_trainer_step(q.trainer);
    cr_assert_lt(heed_trainer_loss(q.trainer), 1e-3 * first);
    cr_assert_eq(heed_trainer_steps(q.trainer), 301);
    finish(&q);
}

Test(optim_rules, refusals_name_the_reason)
{
    heed_store *store = heed_store_new(1);
    heed_graph *g = heed_graph_new(.store = store);
    heed_node *p = heed_param(heed_root(g), "used", HEED_ONES, 3);
    heed_param(heed_root(g), "idle", HEED_ONES, 3);
    cr_assert_null(heed_trainer_new(heed_sum_all(p), heed_sgd()));
    cr_assert(strstr(heed_why(g), "'idle'"), "%s", heed_why(g));
    heed_graph_free(g);

    g = heed_graph_new(.store = store);
    p = heed_param(heed_root(g), "used", HEED_ONES, 3);
    cr_assert_null(heed_trainer_new(p, heed_sgd()));
    cr_assert(strstr(heed_why(g), "one number"), "%s", heed_why(g));
    heed_graph_free(g);

    g = heed_graph_new(.store = store);
    p = heed_param(heed_root(g), "used", HEED_ONES, 3);
    cr_assert_null(heed_trainer_new(heed_sum_all(p), heed_sgd(.lr = -1)));
    cr_assert(strstr(heed_why(g), "learning rate -1"), "%s", heed_why(g));
    heed_graph_free(g);
    heed_store_free(store);
}

/* The checker checks: a wrong reverse rule is found, and said where. */
#include "tests/graph_kit.h"

/* y = x^3, with reverse rules of several qualities. */
static void cube_f32(int64_t n, const void *const *in, void *y, const void *attr)
{
    const float *x = in[0];
    (void)attr;
    for (int64_t i = 0; i < n; i++) ((float *)y)[i] = x[i] * x[i] * x[i];
}

static void cube_f64(int64_t n, const void *const *in, void *y, const void *attr)
{
    const double *x = in[0];
    (void)attr;
    for (int64_t i = 0; i < n; i++) ((double *)y)[i] = x[i] * x[i] * x[i];
}

static const heed_tile cube_tile = HEED_PLAIN_KERNEL(cube_f32, cube_f64);

static bool cube_sample(int k, heed_sample *sample)
{
    sample->n_in = 1;
    sample->in[0].shape = k ? HEED_SHAPE(2, 5) : HEED_SHAPE(3);
    return k < 2;
}

static void right(heed_vjp *v)
{
    v->dx[0] = heed_mul(v->dy, heed_scale(heed_square(v->in[0]), 3));
}
static void wrong_factor(heed_vjp *v)
{
    v->dx[0] = heed_mul(v->dy, heed_scale(heed_square(v->in[0]), 2.99));
}
static void zeros(heed_vjp *v)
{
    v->dx[0] = heed_zeros_like(v->in[0]);
}
static void no_number(heed_vjp *v)
{
    v->dx[0] = heed_log(heed_scale(heed_square(v->dy), -1));
}
static void nothing(heed_vjp *v)
{
    (void)v;
}
static void wrong_shape(heed_vjp *v)
{
    v->dx[0] = heed_full(v->y->graph, 1, 7, 7);
}
/* Right at first order; its own gradient is not, as the factor x^2 is taken for a constant. */
static void right_once(heed_vjp *v)
{
    v->dx[0] = heed_mul(v->dy, heed_scale(heed_stop_gradient(heed_square(v->in[0])), 3));
}

static heed_gradcheck_result check(void (*vjp)(heed_vjp *), int order)
{
    const heed_op cube = { .name = "cube",
                           .doc = "y = x^3.",
                           .n_in = 1,
                           .diff = 1,
                           .tile = &cube_tile,
                           .vjp = vjp,
                           .sample = cube_sample };
    return heed_gradcheck_op(&cube, (heed_gradcheck_options){ .order = order });
}

Test(graph_gradcheck, right_rule_passes)
{
    heed_gradcheck_result r = check(right, 0);
    cr_expect(r.passed, "%s", r.why);
    cr_expect_eq(r.samples, 2);
    cr_expect_eq(r.subsets, 2);
    cr_expect_eq(r.compared, 3 * (3 + 10), "d/dx; at order 2 d/dx and d/dr");
    cr_expect(r.worst[0] > 0 && r.worst[0] < 1e-9 && r.worst[1] > 0 && r.worst[1] < 1e-9);
    cr_expect_str_empty(r.second);
    cr_expect_eq(check(right, 1).compared, 13);
    cr_expect_eq(check(right, 2).compared, 26);
}

static void expect_failure(heed_gradcheck_result r, const char *where)
{
    cr_expect_not(r.passed);
    cr_expect_not_null(strstr(r.why, where), "\"%s\" is not in: %s", where, r.why);
}

Test(graph_gradcheck, wrong_rules_fail_and_say_where)
{
    expect_failure(check(wrong_factor, 0), "cube: sample 0, order 1, inputs {0}, d/dx0[");
    expect_failure(check(zeros, 1), "sample 0");
    expect_failure(check(no_number, 1), "nan");
    expect_failure(check(nothing, 1), "gave no gradient for input 0");
    expect_failure(check(wrong_shape, 1), "[7, 7]");
    cr_expect(isnan(check(no_number, 1).worst[0]), "a NaN is the worst of all");
    heed_gradcheck_result r = check(wrong_factor, 1);
    cr_expect(r.worst[0] > 1e-3 && r.worst[0] < 1e-2, "%g", r.worst[0]);
    cr_expect_not_null(strstr(r.where, "cube: sample"), "%s", r.where);
}

Test(graph_gradcheck, second_order_is_checked_for_itself)
{
    cr_expect(check(right_once, 1).passed);
    expect_failure(check(right_once, 0), "order 2");
    expect_failure(check(right_once, 2), "order 2");
}

/* A rule that only goes wrong when the other input takes no part. */
static void mixed_up(heed_vjp *v)
{
    bool both = v->want[0] && v->want[1];
    if (v->want[0]) v->dx[0] = heed_mul(v->dy, v->in[1]);
    if (v->want[1]) v->dx[1] = heed_mul(v->dy, both ? v->in[0] : v->in[1]);
}

static void product(int64_t n, const void *const *in, void *y, const void *attr)
{
    (void)attr;
    for (int64_t i = 0; i < n; i++)
        ((double *)y)[i] = ((const double *)in[0])[i] * ((const double *)in[1])[i];
}

static bool product_sample(int k, heed_sample *sample)
{
    sample->n_in = 2;
    sample->in[0].shape = sample->in[1].shape = HEED_SHAPE(4);
    return k < 1;
}

Test(graph_gradcheck, every_subset_of_inputs_is_checked)
{
    static const heed_tile tile = HEED_PLAIN_KERNEL(NULL, product);
    const heed_op op = { .name = "product",
                         .doc = "y = a b.",
                         .n_in = 2,
                         .diff = 3,
                         .tile = &tile,
                         .vjp = mixed_up,
                         .sample = product_sample };
    heed_gradcheck_result r = heed_gradcheck_op(&op, (heed_gradcheck_options){ .order = 1 });
    cr_expect_eq(r.subsets, 3);
    expect_failure(r, "inputs {1}");
}

static bool no_sample(int k, heed_sample *sample)
{
    (void)k;
    (void)sample;
    return false;
}

static bool empty_sample(int k, heed_sample *sample)
{
    sample->n_in = 1;
    sample->in[0].shape = HEED_SHAPE(0);
    return k < 1;
}

Test(graph_gradcheck, nothing_compared_is_a_failure)
{
    heed_op op = { .name = "cube",
                   .doc = "y = x^3.",
                   .n_in = 1,
                   .diff = 1,
                   .tile = &cube_tile,
                   .vjp = right,
                   .sample = no_sample };
    expect_failure(heed_gradcheck_op(&op, (heed_gradcheck_options){ .order = 1 }), "nothing");
    op.sample = empty_sample;
    expect_failure(heed_gradcheck_op(&op, (heed_gradcheck_options){ .order = 1 }), "nothing");
}

/* An operation that leaves part of its output unwritten. */
static void forgetful(const heed_call *call, int64_t begin, int64_t end)
{
    double *y = call->out.data;
    (void)begin, (void)end;
    y[0] = 1;
}

static bool same_shape(heed_infer *infer)
{
    return heed_need_real(infer, 0);
}

Test(graph_gradcheck, unwritten_output_is_found)
{
    static const heed_kernel kernel = HEED_PLAIN_KERNEL(forgetful, forgetful);
    const heed_op op = { .name = "forgetful",
                         .doc = "y = 1.",
                         .n_in = 1,
                         .infer = same_shape,
                         .kernel = &kernel,
                         .sample = cube_sample };
    expect_failure(heed_gradcheck_op(&op, (heed_gradcheck_options){ .order = 1 }), "NaN");
}

Test(graph_gradcheck, tolerance_and_seed_are_heeded)
{
    const heed_op cube = { .name = "cube",
                           .doc = "y = x^3.",
                           .n_in = 1,
                           .diff = 1,
                           .tile = &cube_tile,
                           .vjp = wrong_factor,
                           .sample = cube_sample };
    heed_gradcheck_options loose = { .order = 1, .tolerance = 0.05 };
    cr_expect(heed_gradcheck_op(&cube, loose).passed);
    heed_gradcheck_options other = { .order = 1, .tolerance = 0.05, .seed = 9 };
    cr_expect_neq(heed_gradcheck_op(&cube, loose).worst[0],
                  heed_gradcheck_op(&cube, other).worst[0]);
}

/* ---- whole graphs ---- */

static heed_node *model(heed_graph *g, bool broken)
{
    heed_node *x = heed_input(g, "x", HEED_F64, 4, 3);
    heed_node *h = heed_tanh(heed_linear(heed_root(g), "first", x, 5));
    if (broken) h = heed_mul(h, heed_stop_gradient(h));
    return heed_mean_all(heed_square(heed_linear(heed_root(g), "second", h, 2)));
}

static void fill(void *context, heed_program *p)
{
    kit_fill(p, context, 4);
}

static heed_gradcheck_result check_model(bool broken, int most)
{
    heed_store *store = heed_store_new(1);
    heed_graph *g = heed_graph_new(.store = store, .dtype = HEED_F64);
    heed_gradcheck_result r = heed_gradcheck_loss(model(g, broken), most, fill, g,
                                                  (heed_gradcheck_options){ .order = 1 });
    heed_graph_free(g);
    heed_store_free(store);
    return r;
}

Test(graph_gradcheck, whole_models)
{
    heed_gradcheck_result r = check_model(false, 0);
    cr_expect(r.passed, "%s", r.why);
    cr_expect_eq(r.compared, 3 * 5 + 5 + 5 * 2 + 2);
    cr_expect(r.worst[0] < 1e-9);
    cr_expect_leq(check_model(false, 2).compared, 12);
    r = check_model(true, 0);
    expect_failure(r, "d loss / d first/");
    cr_expect_eq(heed_memory_live_blocks(), 0, "nothing leaks");
}

Test(graph_gradcheck, unfit_losses_are_refused)
{
    heed_graph *g = heed_graph_new();
    heed_gradcheck_options options = { .order = 1 };
    expect_failure(heed_gradcheck_loss(NULL, 0, NULL, NULL, options), "not built");
    expect_failure(heed_gradcheck_loss(heed_number(g, 1), 0, NULL, NULL, options), "f64");
    heed_graph_free(g);
    g = heed_graph_new(.dtype = HEED_F64);
    expect_failure(heed_gradcheck_loss(heed_number(g, 1), 0, NULL, NULL, options), "parameters");
    heed_graph_free(g);
}

/* ---- a statistic beside the value ---- */

static bool infer_times_mean(heed_infer *infer)
{
    infer->has_aux = true;
    infer->aux_dtype = infer->dtype;
    infer->aux_shape = heed_scalar();
    return true;
}

/* y = x mean(x); aux = mean(x) */
static void times_mean_kernel(const heed_call *call, int64_t begin, int64_t end)
{
    const double *x = call->in[0].data;
    double *y = call->out.data, *mean = call->aux.data;
    int64_t n = heed_count(&call->out.shape);
    (void)begin, (void)end;
    *mean = 0;
    for (int64_t i = 0; i < n; i++) *mean += x[i] / (double)n;
    for (int64_t i = 0; i < n; i++) y[i] = x[i] * *mean;
}

static void times_mean_vjp(heed_vjp *v)
{
    heed_node *other = heed_mean_all(heed_mul(v->dy, v->in[0]));
    v->dx[0] = heed_add(heed_mul(v->dy, heed_aux(v->y)), other);
}

static bool times_mean_sample(int k, heed_sample *s)
{
    s->n_in = 1;
    s->in[0] = (heed_sample_input){ .shape = HEED_SHAPE(k + 3) };
    return k < 3;
}

static const heed_kernel times_mean_table = HEED_PLAIN_KERNEL(NULL, times_mean_kernel);

Test(graph_gradcheck, a_statistic_is_planned_and_never_silently_differentiated)
{
    const heed_op op = { .name = "times_mean",
                         .doc = "y = x mean(x).",
                         .n_in = 1,
                         .diff = 1,
                         .infer = infer_times_mean,
                         .kernel = &times_mean_table,
                         .vjp = times_mean_vjp,
                         .sample = times_mean_sample };
    heed_gradcheck_result r = heed_gradcheck_op(&op, (heed_gradcheck_options){ .order = 0 });
    cr_expect(r.passed, "%s", r.why);
    cr_expect_eq(r.subsets, 3);
    cr_expect_not_null(strstr(r.second, "aux"), "second order must be refused: '%s'", r.second);
}

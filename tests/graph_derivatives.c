/* Derivatives along a direction, products with the Hessian, a penalty on a gradient. */
#include "tests/graph_kit.h"

enum { B = 3, N = 5, H = 4, VARIABLES = 3 };

static heed_store *store;
static heed_graph *g;                           /* of the test: */
static heed_node *x[VARIABLES], *dx[VARIABLES]; /* inputs, directions */

static void open_graph(void)
{
    static const char *const names[] = { "x0", "x1", "x2" }, *const directions[] = { "d0", "d1",
                                                                                     "d2" };
    const heed_shape shapes[] = { { 2, { B, N } }, { 2, { N, H } }, { 1, { H } } };
    store = heed_store_new(7);
    g = heed_graph_new(.dtype = HEED_F64, .store = store);
    for (int i = 0; i < VARIABLES; i++) {
        x[i] = heed_input_shaped(g, names[i], HEED_F64, shapes[i]);
        dx[i] = heed_input_shaped(g, directions[i], HEED_F64, shapes[i]);
    }
}

static void close_graph(void)
{
    heed_graph_free(g);
    heed_store_free(store);
    cr_expect_eq(heed_memory_live_blocks(), 0, "nothing leaks");
}

TestSuite(graph_derivatives, .init = open_graph, .fini = close_graph);

/* A bit of everything: products, a softmax, a normalisation, attention, a broadcast -> [B, H] */
static heed_node *network(heed_node *const *in)
{
    heed_node *h = heed_layer_norm(heed_tanh(heed_matmul(in[0], in[1])), NULL, NULL, 0);
    heed_node *s = heed_softmax(heed_matmul(h, heed_transpose(h, 0, 1)), -1);
    h = heed_add(heed_attention(h, h, heed_mul(h, in[2])), heed_matmul(s, h));
    return heed_mul(heed_silu(h), heed_mean(in[0], 1, true));
}

static heed_node *energy(heed_node *const *in)
{
    return heed_mean_all(heed_square(network(in)));
}

/* d energy / d in[0] */
static heed_node *force(heed_node *const *in)
{
    heed_node *y = energy(in), *found = NULL;
    return heed_gradient(y, NULL, in, 1, &found) ? found : NULL;
}

/* d f(x + t dx) / dt by differences, of fourth order. */
static heed_node *slope_of(heed_node *(*f)(heed_node *const *in))
{
    static const double at[] = { 1, -1, 2, -2 }, weight[] = { 8, -8, -1, 1 };
    const double step = 3e-4;
    heed_node *sum = NULL, *moved[VARIABLES];
    for (int k = 0; k < 4; k++) {
        for (int i = 0; i < VARIABLES; i++)
            moved[i] = heed_add(x[i], heed_scale(dx[i], at[k] * step));
        heed_node *part = heed_scale(f(moved), weight[k] / (12 * step));
        sum = sum ? heed_add(sum, part) : part;
    }
    return sum;
}

static void expect_same(heed_node *a, heed_node *b, double tolerance)
{
    heed_compile_options options = { .threads = 1 };
    cr_assert(a && b, "%s", heed_why(g));
    cr_assert(heed_shape_equal(&a->shape, &b->shape));
    kit_values va = kit_run(g, &a, 1, options), vb = kit_run(g, &b, 1, options);
    int64_t at = kit_difference(va, vb, tolerance);
    cr_expect(at < 0, "[%lld] %.15g and %.15g", (long long)at, at < 0 ? 0 : va.value[at],
              at < 0 ? 0 : vb.value[at]);
    double largest = 0;
    for (int64_t i = 0; i < va.n; i++) largest = fmax(largest, fabs(va.value[i]));
    cr_expect(largest > 1e-3, "there is something to compare");
    heed_free(va.value);
    heed_free(vb.value);
}

static void expect_why(const char *part)
{
    const char *why = heed_why(g);
    cr_expect(why && strstr(why, part), "\"%s\" is not in: %s", part, why ? why : "no error");
}

/* ---- along a direction ---- */

Test(graph_derivatives, jvp_is_the_slope_along_dx)
{
    expect_same(heed_jvp(network(x), x, dx, VARIABLES), slope_of(network), 1e-9);
    expect_same(heed_jvp(energy(x), x, dx, VARIABLES), slope_of(energy), 1e-9);
}

Test(graph_derivatives, jvp_of_a_gradient_and_of_itself)
{
    expect_same(heed_jvp(force(x), x, dx, VARIABLES), slope_of(force), 1e-9);
    /* d2/dt2 of sin(t d) is -d^2 sin(t d) */
    heed_node *y = heed_sin(x[2]), *once = heed_jvp(y, &x[2], &dx[2], 1);
    expect_same(heed_jvp(once, &x[2], &dx[2], 1), heed_neg(heed_mul(y, heed_square(dx[2]))), 1e-12);
}

Test(graph_derivatives, jvp_and_gradient_are_adjoint)
{
    heed_node *y = network(x), *r = heed_cos(y), *back[VARIABLES], *sum = NULL;
    cr_assert(heed_gradient(y, heed_stop_gradient(r), x, VARIABLES, back));
    for (int i = 0; i < VARIABLES; i++) {
        heed_node *part = heed_sum_all(heed_mul(back[i], dx[i]));
        sum = sum ? heed_add(sum, part) : part;
    }
    expect_same(heed_sum_all(heed_mul(heed_jvp(y, x, dx, VARIABLES), r)), sum, 1e-12);
}

Test(graph_derivatives, jvp_without_a_path)
{
    heed_node *y = heed_exp(x[0]); /* x[1], x[2] add nothing */
    expect_same(heed_jvp(y, x, dx, VARIABLES), heed_mul(y, dx[0]), 1e-12);
    expect_same(heed_jvp(x[0], x, dx, 1), dx[0], 0);
    cr_expect_null(heed_jvp(y, &x[1], &dx[1], 2));
    expect_why("jvp: exp [3, 5] f64 depends on none of the 2 x");
}

Test(graph_derivatives, jvp_refuses_what_does_not_fit)
{
    cr_expect_null(heed_jvp(NULL, x, dx, 1));
    cr_expect_null(heed_why(g));
    cr_expect_null(heed_jvp(heed_exp(x[0]), x, &dx[1], 1));
    expect_why("jvp: dx[0] must have the graph, dtype and shape of input 'x0' [3, 5] f64");
}

Test(graph_derivatives, jvp_stops_where_gradients_do)
{
    heed_node *y = heed_mul(x[2], heed_stop_gradient(x[2]));
    expect_same(heed_jvp(y, &x[2], &dx[2], 1), heed_mul(x[2], dx[2]), 1e-15);
    cr_expect_null(heed_jvp(heed_sign(x[2]), &x[2], &dx[2], 1));
    expect_why("sign");
}

static bool decay(void *context, heed_node *const *state, heed_node *const *part, heed_node **next,
                  heed_node **y)
{
    heed_node *const *in = context;
    next[0] = heed_tanh(heed_add(heed_mul(state[0], heed_mean(in[1], 1, false)), part[0]));
    y[0] = heed_square(next[0]);
    return true;
}

/* s(t + 1) = tanh(s(t) w + x(t)); its squares, [B, N] */
static heed_node *rolled(heed_node *const *in)
{
    heed_node *context[VARIABLES] = { in[0], in[1], in[2] }, *final, *y = NULL;
    heed_node *first = heed_mean(in[0], 0, false);
    return heed_scan(g, decay, context, &final, &y, .initial = &first, .n_states = 1,
                     .over = &in[0], .n_over = 1, .n_out = 1)
               ? heed_mul(y, final)
               : NULL;
}

static heed_node *rolled_force(heed_node *const *in)
{
    heed_node *y = heed_mean_all(rolled(in)), *found = NULL;
    return heed_gradient(y, NULL, in, 1, &found) ? found : NULL;
}

Test(graph_derivatives, through_a_loop)
{
    heed_node *hv[2];
    expect_same(heed_jvp(rolled(x), x, dx, 2), slope_of(rolled), 1e-9);
    cr_assert(heed_hvp(heed_mean_all(rolled(x)), x, dx, 2, hv), "%s", heed_why(g));
    expect_same(hv[0], slope_of(rolled_force), 1e-9);
}

/* ---- products with the Hessian ---- */

Test(graph_derivatives, hvp_is_the_slope_of_the_gradient)
{
    heed_node *hv[VARIABLES];
    cr_assert(heed_hvp(energy(x), x, dx, VARIABLES, hv), "%s", heed_why(g));
    expect_same(hv[0], slope_of(force), 1e-9);
}

Test(graph_derivatives, hvp_of_a_quadratic_form)
{
    /* y = x^T M x / 2 with x [H]: H = (M + M^T) / 2; v may depend on x */
    heed_node *m = heed_matmul(heed_transpose(x[1], 0, 1), heed_affine(x[1], 1, 0.5));
    heed_node *y = heed_scale(heed_matmul(x[2], heed_matmul(m, x[2])), 0.5), *v = heed_exp(x[2]);
    heed_node *hv, *twice = heed_add(m, heed_transpose(m, 0, 1));
    cr_assert(heed_hvp(y, &x[2], &v, 1, &hv), "%s", heed_why(g));
    expect_same(hv, heed_scale(heed_matmul(twice, v), 0.5), 1e-12);
}

Test(graph_derivatives, hvp_where_there_is_no_curvature)
{
    heed_node *y = heed_sum_all(heed_mul(heed_exp(x[0]), heed_number(g, 2))), *hv[VARIABLES];
    y = heed_add(y, heed_sum_all(x[1]));
    cr_assert(heed_hvp(y, x, dx, VARIABLES, hv), "%s", heed_why(g));
    expect_same(hv[0], heed_mul(heed_scale(heed_exp(x[0]), 2), dx[0]), 1e-12);
    for (int i = 1; i < VARIABLES; i++) {
        double value = 1;
        cr_expect(heed_is_filled_with(hv[i], &value) && value == 0, "zeros");
        cr_expect(heed_shape_equal(&hv[i]->shape, &x[i]->shape));
    }
    cr_expect_not(heed_hvp(heed_exp(x[0]), x, dx, 1, hv));
    expect_why("is not one number");
}

/* ---- a penalty on a gradient: Gulrajani et al. 2017 ---- */

enum { POINTS = 32, WIDTH = 16 };

/* [n, 1] -> [n, 1] */
static heed_node *critic(heed_graph *of, heed_node *points)
{
    heed_scope *s = heed_root(of);
    heed_node *h = heed_tanh(heed_linear(s, "in", points, WIDTH));
    return heed_linear(s, "out", heed_tanh(heed_linear(s, "middle", h, WIDTH)), 1);
}

/* mean D(fake) - mean D(real) + 10 mean (|dD/dx| - 1)^2 at points between real and fake */
static heed_node *critic_loss(heed_graph *of, heed_node *real, heed_node *fake, heed_node *mix,
                              heed_node **norm)
{
    heed_node *between = heed_add(heed_mul(mix, real), heed_mul(heed_affine(mix, -1, 1), fake));
    heed_node *slope = NULL;
    if (!heed_gradient(heed_sum_all(critic(of, between)), NULL, &between, 1, &slope)) return NULL;
    *norm = heed_sqrt(heed_affine(heed_sum(heed_square(slope), -1, false), 1, 1e-12));
    heed_node *penalty = heed_mean_all(heed_square(heed_affine(*norm, 1, -1)));
    heed_node *wide = heed_sub(heed_mean_all(critic(of, fake)), heed_mean_all(critic(of, real)));
    return heed_add(wide, heed_scale(penalty, 10));
}

static void draw_points(heed_rng *rng, heed_trainer *t)
{
    heed_view real = heed_trainer_input(t, "real"), fake = heed_trainer_input(t, "fake");
    heed_view mix = heed_trainer_input(t, "mix");
    heed_fill_uniform(rng, &real, 1.5, 2.5);
    heed_fill_uniform(rng, &fake, -1.5, -0.5);
    heed_fill_uniform(rng, &mix, 0, 1);
}

/* The best critic of two lumps 3 apart is a slope of 1 between them: D(real) - D(fake) = 3. */
Test(graph_derivatives, gradient_penalty_trains_a_critic)
{
    heed_store *weights = heed_store_new(3);
    heed_graph *of = heed_graph_new(.store = weights);
    heed_node *real = heed_input(of, "real", HEED_F32, POINTS, 1), *norm = NULL;
    heed_node *fake = heed_input(of, "fake", HEED_F32, POINTS, 1);
    heed_node *mix = heed_input(of, "mix", HEED_F32, POINTS, 1);
    heed_node *loss = critic_loss(of, real, fake, mix, &norm);
    heed_trainer *t = heed_trainer_new(loss, heed_adam(.lr = 1e-2), .threads = 1);
    cr_assert_not_null(t, "%s", heed_why(of));
    heed_rng rng = heed_rng_new(1, 0);
    double first = 0, last = 0;
    for (int step = 0; step < 600; step++) {
        draw_points(&rng, t);
        heed_trainer_step(t);
        if (step == 0) first = heed_trainer_loss(t);
        if (step >= 500) last += heed_trainer_loss(t) / 100;
    }
    cr_expect(first > 0 && last < -2.7 && last > -3.3, "loss %g at first, %g at last", first, last);
    heed_trainer_free(t);
    heed_program *p = heed_compile(of, &norm, 1, .threads = 1);
    heed_view names[3] = { heed_program_input(p, "real"), heed_program_input(p, "fake"),
                           heed_program_input(p, "mix") };
    heed_fill_uniform(&rng, &names[0], 1.5, 2.5);
    heed_fill_uniform(&rng, &names[1], -1.5, -0.5);
    heed_fill_uniform(&rng, &names[2], 0, 1);
    heed_program_run(p);
    heed_view slope = heed_program_output(p, 0);
    for (int i = 0; i < POINTS; i++)
        cr_expect(fabs(heed_get(&slope, i) - 1) < 0.3, "slope %g", heed_get(&slope, i));
    heed_program_free(p);
    heed_graph_free(of);
    heed_store_free(weights);
}

static void fill_points(void *context, heed_program *p)
{
    (void)context;
    static const char *const names[] = { "real", "fake", "mix" };
    for (int k = 0; k < 3; k++) {
        heed_rng rng = heed_rng_new(5, (uint64_t)k);
        heed_view view = heed_program_input(p, names[k]);
        heed_fill_uniform(&rng, &view, 0, 1);
    }
}

Test(graph_derivatives, gradient_penalty_has_the_right_gradient)
{
    heed_node *real = heed_input(g, "real", HEED_F64, 2, 1), *norm = NULL;
    heed_node *fake = heed_input(g, "fake", HEED_F64, 2, 1);
    heed_node *loss = critic_loss(g, real, fake, heed_input(g, "mix", HEED_F64, 2, 1), &norm);
    heed_gradcheck_result r =
        heed_gradcheck_loss(loss, 0, fill_points, NULL, (heed_gradcheck_options){ .order = 1 });
    cr_expect(r.passed && r.compared > 300, "%ld numbers: %s", r.compared, r.why);
}

/* The gradient engine: accumulation, broadcasting undone, pruning, refusals, second order. */
#include "tests/graph_kit.h"

static void expect_why(const heed_graph *g, const char *part)
{
    const char *why = heed_why(g);
    cr_assert_not_null(why, "no error; expected one with \"%s\"", part);
    cr_expect_not_null(strstr(why, part), "\"%s\" is not in: %s", part, why);
}

static heed_node *gradient_of(heed_node *y, heed_node *x)
{
    heed_node *dx = NULL;
    cr_assert(heed_gradient(y, NULL, &x, 1, &dx), "%s", y ? heed_why(y->graph) : "no y");
    return dx;
}

static void expect_values(heed_node *node, const double *expected, int n)
{
    kit_values v = kit_run(node->graph, &node, 1, (heed_compile_options){ .threads = 1 });
    cr_assert_eq(v.n, n);
    for (int i = 0; i < n; i++)
        cr_expect(fabs(v.value[i] - expected[i]) < 1e-12, "[%d] is %.15g, expected %.15g", i,
                  v.value[i], expected[i]);
    heed_free(v.value);
}

static heed_graph *g; /* of the test */

static void open_graph(void)
{
    g = heed_graph_new(.dtype = HEED_F64);
}

static void close_graph(void)
{
    heed_graph_free(g);
    cr_expect_eq(heed_memory_live_blocks(), 0, "nothing leaks");
}

TestSuite(graph_gradient, .init = open_graph, .fini = close_graph);

static heed_node *constant(const double *values, int n)
{
    heed_shape shape = HEED_SHAPE(n);
    heed_view view = heed_view_of((void *)(uintptr_t)values, HEED_F64, &shape);
    return heed_constant(g, &view);
}

static const double three[3] = { 0.5, -1, 2 };

Test(graph_gradient, contributions_add_up)
{
    heed_node *x = constant(three, 3);
    heed_node *y = heed_sum_all(heed_add(heed_mul(x, x), heed_add(x, heed_scale(x, 3))));
    expect_values(gradient_of(y, x), (double[]){ 5, 2, 8 }, 3); /* 2x + 4 */
    heed_node *many[40], *sum = heed_number(g, 0);
    for (int i = 0; i < 40; i++) many[i] = heed_scale(x, i);
    for (int i = 0; i < 40; i++) sum = heed_add(sum, heed_sum_all(many[i]));
    expect_values(gradient_of(sum, x), (double[]){ 780, 780, 780 }, 3);
}

Test(graph_gradient, same_node_as_both_inputs)
{
    heed_node *x = constant(three, 3);
    expect_values(gradient_of(heed_sum_all(heed_sub(x, x)), x), (double[]){ 0, 0, 0 }, 3);
    expect_values(gradient_of(heed_sum_all(heed_mul(x, x)), x), (double[]){ 1, -2, 4 }, 3);
    expect_values(gradient_of(heed_sum_all(heed_concat(HEED_NODES(x, x, x), 0)), x),
                  (double[]){ 3, 3, 3 }, 3);
}

Test(graph_gradient, broadcasting_is_undone)
{
    heed_node *a = heed_input(g, "a", HEED_F64, 3, 1, 5), *b = heed_input(g, "b", HEED_F64, 4, 1);
    heed_node *c = heed_input(g, "c", HEED_F64), *d = heed_input(g, "d", HEED_F64, 1, 1, 1, 5);
    heed_node *x[4] = { a, b, c, d }, *dx[4];
    heed_node *y = heed_sum_all(heed_add(heed_add(a, b), heed_add(c, d)));
    cr_assert(heed_gradient(y, NULL, x, 4, dx), "%s", heed_why(g));
    for (int i = 0; i < 4; i++) {
        cr_expect(heed_shape_equal(&dx[i]->shape, &x[i]->shape), "of input %d", i);
        kit_values v = kit_run(g, &dx[i], 1, (heed_compile_options){ .threads = 1 });
        for (int64_t k = 0; k < v.n; k++)
            cr_expect_eq(v.value[k], 60.0 / (double)v.n, "of input %d", i);
        heed_free(v.value);
    }
}

Test(graph_gradient, only_what_is_needed_is_built)
{
    heed_node *x = heed_input(g, "x", HEED_F64, 4, 4), *w = heed_input(g, "w", HEED_F64, 4, 4);
    heed_node *y = heed_sum_all(heed_matmul(heed_matmul(heed_matmul(x, w), w), w)), *dx[2];
    int before = heed_graph_size(g);
    cr_assert(heed_gradient(y, NULL, &x, 1, dx));
    int products = 0;
    for (int id = before; id < heed_graph_size(g); id++)
        products += strcmp(heed_graph_node(g, id)->op->name, "matmul") == 0;
    cr_expect_eq(products, 3, "%d products for d/dx alone", products);
}

Test(graph_gradient, branches_that_do_not_lead_to_y_cost_nothing)
{
    heed_node *x = heed_input(g, "x", HEED_F64, 4);
    for (int i = 0; i < 50; i++) heed_exp(x);
    heed_node *y = heed_sum_all(heed_square(x));
    int before = heed_graph_size(g);
    gradient_of(y, x);
    cr_expect_lt(heed_graph_size(g) - before, 12);
}

Test(graph_gradient, with_a_cotangent)
{
    heed_node *x = constant(three, 3), *dy = constant((double[]){ 1, 10, 100 }, 3), *dx;
    cr_assert(heed_gradient(heed_square(x), dy, &x, 1, &dx), "%s", heed_why(g));
    expect_values(dx, (double[]){ 1, -20, 400 }, 3);
}

Test(graph_gradient, of_y_itself_and_of_values_between)
{
    heed_node *x = constant(three, 3), *h = heed_exp(x), *y = heed_sum_all(heed_square(h)), *d[3];
    heed_node *of[3] = { y, h, x };
    cr_assert(heed_gradient(y, NULL, of, 3, d), "%s", heed_why(g));
    expect_values(d[0], (double[]){ 1 }, 1);
    expect_values(d[1], (double[]){ 2 * exp(0.5), 2 * exp(-1), 2 * exp(2) }, 3);
    expect_values(d[2], (double[]){ 2 * exp(1), 2 * exp(-2), 2 * exp(4) }, 3);
    cr_expect_null(heed_gradient(h, NULL, of + 2, 1, d) ? d[0] : NULL, "h is not one number");
    expect_why(g, "not one number");
}

Test(graph_gradient, stop_gradient_cuts_the_path)
{
    heed_node *x = constant(three, 3);
    heed_node *y = heed_sum_all(heed_mul(x, heed_stop_gradient(heed_square(x))));
    expect_values(gradient_of(y, x), (double[]){ 0.25, 1, 4 }, 3);
    heed_node *dx, *stopped = heed_sum_all(heed_stop_gradient(x));
    cr_assert(heed_gradient_partial(stopped, NULL, &x, 1, &dx));
    cr_expect_null(dx);
}

Test(graph_gradient, y_that_does_not_depend_on_x)
{
    heed_node *a = heed_name(constant(three, 3), "a"), *b = heed_name(constant(three, 3), "b");
    heed_node *x[2] = { a, b }, *dx[2], *y = heed_sum_all(heed_exp(a));
    cr_assert(heed_gradient_partial(y, NULL, x, 2, dx));
    cr_expect(dx[0] != NULL && dx[1] == NULL);
    cr_expect_not(heed_gradient(y, NULL, x, 2, dx));
    expect_why(g, "does not depend on");
    expect_why(g, "'b'");
}

Test(graph_gradient, x_made_after_y)
{
    heed_node *a = constant(three, 3), *y = heed_sum_all(a), *late = heed_exp(a), *dx;
    cr_assert(heed_gradient_partial(y, NULL, &late, 1, &dx));
    cr_expect_null(dx);
}

Test(graph_gradient, undifferentiable_paths_name_op_and_input)
{
    heed_node *x = heed_input(g, "x", HEED_F64, 3);
    heed_node *y = heed_sum_all(heed_mul(x, heed_sign(heed_name(heed_scale(x, 2), "twice")))), *dx;
    cr_expect_not(heed_gradient(y, NULL, &x, 1, &dx));
    expect_why(g, "sign");
    expect_why(g, "input 0");
    expect_why(g, "'twice'");
    expect_why(g, "no gradient");
}

Test(graph_gradient, undifferentiable_side_is_fine_when_x_is_not_there)
{
    heed_node *x = constant(three, 3), *z = heed_input(g, "z", HEED_F64, 3);
    heed_node *y = heed_sum_all(heed_mul(x, heed_sign(z)));
    kit_values v;
    heed_node *dx = gradient_of(y, x);
    v = kit_run(g, &dx, 1, (heed_compile_options){ .threads = 1 });
    for (int i = 0; i < 3; i++) cr_expect_eq(fabs(v.value[i]), 1);
    heed_free(v.value);
}

Test(graph_gradient, arguments_are_checked)
{
    heed_node *x = heed_input(g, "x", HEED_F64, 3), *i = heed_input(g, "i", HEED_I32, 3), *dx;
    cr_expect_not(heed_gradient(heed_sum_all(x), NULL, &i, 1, &dx));
    expect_why(g, "'i'");
    cr_expect_not(heed_gradient(NULL, NULL, &x, 1, &dx));
}

Test(graph_gradient, cotangent_must_fit)
{
    heed_node *x = heed_input(g, "x", HEED_F64, 3), *dx;
    cr_expect_not(heed_gradient(heed_exp(x), heed_full(g, 1, 4), &x, 1, &dx));
    expect_why(g, "dy must have");
}

Test(graph_gradient, gradients_of_gradients)
{
    heed_node *x = constant(three, 3);
    heed_node *first = gradient_of(heed_sum_all(heed_pow(x, heed_number(g, 4))), x);
    heed_node *second = gradient_of(heed_sum_all(first), x);
    heed_node *third = gradient_of(heed_sum_all(second), x);
    expect_values(first, (double[]){ 4 * 0.125, -4, 32 }, 3);
    expect_values(second, (double[]){ 3, 12, 48 }, 3);
    expect_values(third, (double[]){ 12, -24, 48 }, 3);
}

/* x -> A x has the Hessian-vector product A^T A v of |A x|^2 / 2. */
Test(graph_gradient, hessian_vector_product)
{
    heed_node *x = heed_input(g, "x", HEED_F64, 3, 1), *v = heed_input(g, "v", HEED_F64, 3, 1);
    heed_node *a = heed_input(g, "A", HEED_F64, 5, 3);
    heed_node *y = heed_scale(heed_sum_all(heed_square(heed_matmul(a, x))), 0.5);
    heed_node *hv = gradient_of(heed_sum_all(heed_mul(gradient_of(y, x), v)), x);
    heed_node *direct = heed_matmul(heed_transpose(a, 0, 1), heed_matmul(a, v));
    kit_values both = kit_run(g, HEED_NODES(hv, direct), (heed_compile_options){ .threads = 1 });
    for (int i = 0; i < 3; i++) cr_expect(fabs(both.value[i] - both.value[3 + i]) < 1e-12);
    heed_free(both.value);
}

/* A new node of a reverse rule belongs to the line that made the forward node. */
Test(graph_gradient, nodes_know_their_forward_line)
{
    heed_node *x = heed_input(g, "x", HEED_F64, 3);
    heed_node *h = heed_tanh(x);
    int line = __LINE__ - 1, found = 0, before = heed_graph_size(g) + 1;
    heed_node *y = heed_sum_all(h);
    gradient_of(y, x);
    for (int id = before; id < heed_graph_size(g); id++)
        found += heed_graph_node(g, id)->line == line;
    cr_expect(found > 0);
}

/* ops_kit.h - for tests of builders: values through strided views, gradients of both orders. */
#ifndef HEED_TESTS_OPS_KIT_H
#define HEED_TESTS_OPS_KIT_H

#include "tests/graph_kit.h"

/* A constant of any dtype: numbers are rounded to it. */
static inline heed_node *kit_constant(heed_graph *g, heed_dtype dtype, heed_shape shape,
                                      const double *values)
{
    heed_tensor *t = heed_tensor_new(dtype, &shape, NULL);
    cr_assert_not_null(t);
    for (int64_t i = 0; i < heed_count(&shape); i++) heed_set(&t->view, i, values[i]);
    heed_node *node = heed_constant_of(g, &t->view);
    heed_tensor_free(t);
    return node;
}

/* The same numbers, read through strides: axes in reverse order in memory, a NaN beside each. */
static inline heed_node *kit_strided(heed_graph *g, heed_dtype dtype, heed_shape shape,
                                     const double *values)
{
    int axes[HEED_MAX_RANK], rank = shape.rank;
    heed_shape memory = { rank, { 0 } };
    if (rank == 0) return kit_constant(g, dtype, shape, values);
    for (int i = 0; i < rank; i++) axes[i] = rank - 1 - i, memory.dim[axes[i]] = shape.dim[i];
    memory.dim[rank - 1] *= 2;
    heed_tensor *t = heed_tensor_new(dtype, &memory, NULL);
    cr_assert_not_null(t);
    heed_view_fill(&t->view, NAN);
    heed_view every = heed_view_slice(&t->view, rank - 1, 0, 2, shape.dim[0]);
    heed_view view = heed_view_permute(&every, axes);
    for (int64_t i = 0; i < heed_count(&shape); i++) heed_set(&view, i, values[i]);
    heed_node *x = heed_slice_step(heed_constant_of(g, &t->view), rank - 1, 0, 2 * shape.dim[0], 2);
    heed_tensor_free(t);
    return heed_permute_axes(x, axes, rank);
}

/* y's numbers, computed on one thread. The caller frees them. */
static inline kit_values kit_values_of(heed_node *y)
{
    cr_assert_not_null(y);
    return kit_run(y->graph, &y, 1, (heed_compile_options){ .threads = 1 });
}

static inline heed_node *kit_random_constant(heed_graph *g, heed_dtype dtype, heed_shape shape,
                                             uint64_t stream)
{
    heed_tensor *t = heed_tensor_new(dtype, &shape, NULL);
    heed_rng rng = heed_rng_new(5, stream);
    cr_assert_not_null(t);
    heed_fill_uniform(&rng, &t->view, -1, 1);
    heed_node *node = heed_constant_of(g, &t->view);
    heed_tensor_free(t);
    return node;
}

/* <y, r> for a fixed random r: a loss that hides no element. */
static inline heed_node *kit_loss(heed_node *y, uint64_t stream)
{
    cr_assert_not_null(y);
    return heed_sum_all(heed_mul(y, kit_random_constant(y->graph, y->dtype, y->shape, stream)));
}

/* y against differences with respect to every parameter of its f64 graph, and so its gradients. */
static inline void kit_check_gradients(heed_node *y, const char *what)
{
    enum { MOST = 8 };
    heed_gradcheck_options options = { .order = 0 };
    heed_node *params[MOST], *dx[MOST], *loss = kit_loss(y, 1);
    heed_gradcheck_result r = heed_gradcheck_loss(loss, 0, NULL, NULL, options);
    cr_expect(r.passed && r.compared > 0, "%s: %s", what, r.why);
    int n = heed_graph_params(y->graph, params, MOST);
    cr_assert(n > 0 && n <= MOST && heed_gradient(loss, NULL, params, n, dx));
    heed_node *second = NULL;
    for (int k = 0; k < n; k++) { /* the square: some gradients are constant */
        heed_node *one =
            heed_add(kit_loss(dx[k], 2 + (uint64_t)k), heed_sum_all(heed_square(params[k])));
        second = second ? heed_add(second, one) : one;
    }
    r = heed_gradcheck_loss(second, 0, NULL, NULL, options);
    cr_expect(r.passed && r.compared > 0, "%s, second order: %s", what, r.why);
}

#endif

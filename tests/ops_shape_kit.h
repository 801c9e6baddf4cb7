/* ops_shape_kit.h - for tests of operations that move elements: each element of y, and each share
 * of dx, against a map from places of y to places of x; in f32, f64 and i32, of dense and strided
 * inputs, with all passes and with none. */
#ifndef HEED_TESTS_OPS_SHAPE_KIT_H
#define HEED_TESTS_OPS_SHAPE_KIT_H

#include <criterion/criterion.h>
#include <stdio.h>

#include "heed.h"
#include "tensor/memory.h"

typedef enum layout { DENSE, TURNED, GAPS, BACKWARDS, N_LAYOUTS } layout;

enum { ELSEWHERE = -1 }; /* y's element comes from nowhere: it is what `fill` says */

/* One case: x's shape, what is built, and where y's element at `out` comes from in x. */
typedef struct shape_case {
    heed_shape x;
    heed_node *(*build)(heed_node *x, const int64_t *a);
    bool (*source)(const int64_t *out, int64_t *in, const heed_shape *x, const int64_t *a);
    int64_t a[8];
    heed_shape y;
    double fill;
} shape_case;

static inline heed_node *input_of(heed_graph *g, heed_dtype dtype, heed_shape shape, layout form)
{
    int axes[HEED_MAX_RANK];
    const int rank = shape.rank, last = rank - 1;
    if (form == TURNED) {
        heed_shape turned = { .rank = rank };
        for (int i = 0; i < rank; i++) axes[i] = last - i, turned.dim[i] = shape.dim[last - i];
        return heed_permute_axes(heed_input_shaped(g, "x", dtype, turned), axes, rank);
    }
    if (form == GAPS) {
        int64_t n = shape.dim[last];
        shape.dim[last] = 2 * n + 1;
        return heed_slice_step(heed_input_shaped(g, "x", dtype, shape), last, 1, 2 * n + 1, 2);
    }
    heed_node *x = heed_input_shaped(g, "x", dtype, shape);
    return form == BACKWARDS ? rank == 1 ? heed_flip(x, 0) : heed_flip(x, 0, -1) : x;
}

/* The program's input, read as the node that input_of() made. */
static inline heed_view input_view(heed_program *p, const heed_shape *shape, layout form)
{
    int axes[HEED_MAX_RANK];
    const int last = shape->rank - 1;
    heed_view view = heed_program_input(p, "x");
    for (int i = 0; i < shape->rank; i++) axes[i] = last - i;
    if (form == TURNED) return heed_view_permute(&view, axes);
    if (form == GAPS) return heed_view_slice(&view, last, 1, 2, shape->dim[last]);
    if (form != BACKWARDS) return view;
    view = heed_view_slice(&view, 0, shape->dim[0] - 1, -1, shape->dim[0]);
    return last == 0 ? view
                     : heed_view_slice(&view, last, shape->dim[last] - 1, -1, shape->dim[last]);
}

static inline int64_t place_of(const int64_t *at, const heed_shape *shape)
{
    int64_t place = 0;
    for (int i = 0; i < shape->rank; i++) {
        cr_assert(at[i] >= 0 && at[i] < shape->dim[i], "the test looks outside of x");
        place = place * shape->dim[i] + at[i];
    }
    return place;
}

/* Where y's k-th element comes from. */
static inline int64_t source_of(const shape_case *c, int64_t k)
{
    int64_t out[HEED_MAX_RANK], in[HEED_MAX_RANK] = { 0 };
    for (int i = c->y.rank - 1; i >= 0; i--) {
        out[i] = k % c->y.dim[i];
        k /= c->y.dim[i];
    }
    return c->source(out, in, &c->x, c->a) ? place_of(in, &c->x) : ELSEWHERE;
}

static inline double number_at(int64_t i)
{
    return (double)((i * 37) % 101 - 50);
}

static inline void check_y(const shape_case *c, const heed_view *y, const char *what)
{
    for (int64_t k = 0; k < heed_count(&c->y); k++) {
        int64_t from = source_of(c, k);
        cr_assert_eq(heed_get(y, k), from == ELSEWHERE ? c->fill : number_at(from),
                     "%s: y[%lld] is %g", what, (long long)k, heed_get(y, k));
    }
}

/* dx under the cotangent 1, 2, 3, ...: sums of small whole numbers, exact. */
static inline void check_dx(const shape_case *c, const heed_view *dx, const char *what)
{
    double *sum = heed_alloc_array((size_t)heed_count(&c->x) + 1, sizeof *sum);
    cr_assert_not_null(sum);
    for (int64_t k = 0; k < heed_count(&c->y); k++) {
        int64_t from = source_of(c, k);
        if (from != ELSEWHERE) sum[from] += number_at(k + 5);
    }
    for (int64_t i = 0; i < heed_count(&c->x); i++)
        cr_assert_eq(heed_get(dx, i), sum[i], "%s: dx[%lld] is %g, not %g", what, (long long)i,
                     heed_get(dx, i), sum[i]);
    heed_free(sum);
}

static inline void check_one(const shape_case *c, heed_dtype dtype, layout form, const char *passes,
                             const char *what)
{
    heed_graph *g = heed_graph_new(.dtype = dtype == HEED_I32 ? HEED_F32 : dtype);
    heed_node *x = input_of(g, dtype, c->x, form), *out[2] = { c->build(x, c->a) };
    cr_assert_not_null(out[0], "%s: %s", what, heed_why(g));
    cr_assert(heed_shape_equal(&out[0]->shape, &c->y), "%s: another shape", what);
    int n = 1;
    if (dtype != HEED_I32) {
        heed_node *dy = heed_input_shaped(g, "dy", dtype, c->y);
        cr_assert(heed_gradient(out[0], dy, &x, 1, &out[1]), "%s: %s", what, heed_why(g));
        n = 2;
    }
    heed_program *p = heed_compile(g, out, n, .threads = 2, .fill_nan = true, .passes = passes);
    cr_assert_not_null(p, "%s: %s", what, heed_why(g));
    heed_view in = input_view(p, &c->x, form), dy = heed_program_input(p, "dy");
    for (int64_t i = 0; i < heed_count(&c->x); i++) heed_set(&in, i, number_at(i));
    for (int64_t i = 0; n > 1 && i < heed_count(&c->y); i++) heed_set(&dy, i, number_at(i + 5));
    cr_assert(heed_program_run(p));
    heed_view y = heed_program_output(p, 0), dx = heed_program_output(p, n - 1);
    check_y(c, &y, what);
    if (n > 1) check_dx(c, &dx, what);
    heed_program_free(p);
    heed_graph_free(g);
}

static inline void check(const shape_case *cases, int n, const char *name)
{
    for (int k = 0; k < n; k++)
        for (heed_dtype dtype = HEED_F32; dtype < HEED_N_DTYPES; dtype++)
            for (layout form = DENSE; form < N_LAYOUTS; form++)
                for (int all = 0; all < 2; all++) {
                    char what[96];
                    snprintf(what, sizeof what, "%s, case %d, %s, layout %d", name, k,
                             heed_dtype_name(dtype), (int)form);
                    check_one(&cases[k], dtype, form, all ? NULL : "none", what);
                }
}

#define CHECK(cases, name) check(cases, (int)(sizeof cases / sizeof *cases), name)

#endif

/* ops_along_axis.c - take_along_axis, scatter, scatter_add, gather and scatter_add of large arrays,
 * against loops, with gradients; and what shape operations refuse. */
#include "tests/graph_kit.h"

/* x and src of rank 3, an index that may be shorter than x, an axis. */
typedef struct along_case {
    int64_t x[3], index[3];
    int axis;
} along_case;

static const along_case cases[] = {
    { { 1, 1, 7 }, { 1, 1, 5 }, 2 },     { { 3, 13, 2 }, { 3, 4, 2 }, 1 },
    { { 7, 2, 3 }, { 33, 2, 3 }, 0 },    { { 3, 5, 7 }, { 2, 3, 13 }, 2 },
    { { 5, 4, 33 }, { 2, 3, 20 }, 0 },   { { 2, 3, 4 }, { 2, 0, 4 }, 1 },
    { { 2, 40, 50 }, { 2, 40, 90 }, 2 },
};

enum { MOST = 8000 };

static double number_at(int64_t i)
{
    return (double)((i * 29) % 83 - 40);
}

static int64_t index_at(int64_t i, int64_t size)
{
    return (i * 17) % (size + 2) - 1; /* some out of range on either side */
}

/* Place in an array of shape dim of the index's k-th element, with `at` on the axis (-1: its own).
 * */
static int64_t place(const along_case *c, int64_t k, const int64_t *dim, int64_t at)
{
    int64_t coordinate[3], out = 0;
    for (int i = 2; i >= 0; i--) {
        coordinate[i] = k % c->index[i];
        k /= c->index[i];
    }
    if (at >= 0) coordinate[c->axis] = at;
    for (int i = 0; i < 3; i++) out = out * dim[i] + coordinate[i];
    return out;
}

typedef enum kind { TAKE, SCATTER, SCATTER_ADD } kind;

/* y, dx and dsrc under the cotangent number_at(k + 3). */
static void define(const along_case *c, kind what, double *y, double *dx, double *dsrc)
{
    int64_t n = c->index[0] * c->index[1] * c->index[2], size = c->x[c->axis];
    int64_t all = c->x[0] * c->x[1] * c->x[2], writer[MOST];
    for (int64_t i = 0; i < all && what != TAKE; i++) {
        y[i] = number_at(i);
        dx[i] = number_at(i + 3);
        writer[i] = -1;
    }
    for (int64_t k = 0; k < n; k++) {
        int64_t at = index_at(k, size), to = at < 0 ? 0 : place(c, k, c->x, at);
        double src = number_at(k + 7);
        if (at < 0 || at >= size) continue;
        if (what == TAKE) {
            y[k] = number_at(to);
            dx[to] += number_at(k + 3);
        } else if (what == SCATTER_ADD) {
            y[to] += src;
            dsrc[k] = number_at(to + 3);
        } else {
            if (writer[to] >= 0) dsrc[writer[to]] = 0;
            y[to] = src;
            writer[to] = k;
            dx[to] = 0;
            dsrc[k] = number_at(to + 3);
        }
    }
}

static heed_node *build(kind what, heed_node *x, heed_node *index, heed_node *src, int axis)
{
    if (what == TAKE) return heed_take_along_axis(x, index, axis);
    if (what == SCATTER) return heed_scatter(x, index, src, axis - 3);
    return heed_scatter_add_along_axis(x, index, src, axis);
}

static void fill(heed_program *p, const char *name, int64_t first, int64_t size)
{
    heed_view view = heed_program_input(p, name);
    for (int64_t i = 0; view.data && i < heed_count(&view.shape); i++)
        heed_set(&view, i, size < 0 ? number_at(i + first) : (double)index_at(i, size));
}

static void check(const along_case *c, kind what, heed_dtype dtype)
{
    double y[MOST] = { 0 }, dx[MOST] = { 0 }, dsrc[MOST] = { 0 };
    const double *want[3] = { y, dx, dsrc };
    heed_graph *g = heed_graph_new(.dtype = dtype);
    heed_node *x = heed_input(g, "x", dtype, c->x[0], c->x[1], c->x[2]), *out[3];
    heed_node *src = heed_input(g, "src", dtype, c->index[0], c->index[1], c->index[2]);
    heed_node *index = heed_input(g, "index", HEED_I32, c->index[0], c->index[1], c->index[2]);
    heed_node *in[2] = { x, src };
    int n = what == TAKE ? 1 : 2;
    out[0] = build(what, x, index, src, c->axis);
    cr_assert_not_null(out[0], "%s", heed_why(g));
    heed_node *dy = heed_input_shaped(g, "dy", dtype, out[0]->shape);
    cr_assert(heed_gradient(out[0], dy, in, n, out + 1), "%s", heed_why(g));
    heed_program *p = heed_compile(g, out, n + 1, .threads = 2, .fill_nan = true);
    cr_assert_not_null(p, "%s", heed_why(g));
    fill(p, "x", 0, -1), fill(p, "src", 7, -1), fill(p, "dy", 3, -1);
    fill(p, "index", 0, c->x[c->axis]);
    cr_assert(heed_program_run(p));
    define(c, what, y, dx, dsrc);
    for (int k = 0; k <= n; k++) {
        heed_view got = heed_program_output(p, k);
        for (int64_t i = 0; i < heed_count(&got.shape); i++)
            cr_assert_eq(heed_get(&got, i), want[k][i], "output %d [%lld]: %g, not %g", k,
                         (long long)i, heed_get(&got, i), want[k][i]);
    }
    heed_program_free(p);
    heed_graph_free(g);
}

static void check_all(kind what)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check(&cases[i], what, HEED_F32);
        check(&cases[i], what, HEED_F64);
    }
}

Test(ops_along_axis, take)
{
    check_all(TAKE);
}
Test(ops_along_axis, scatter_last_one_wins)
{
    check_all(SCATTER);
}
Test(ops_along_axis, scatter_add)
{
    check_all(SCATTER_ADD);
}

/* ---- along whole rows, small and large, by both ways of adding up ---- */

static void check_rows(int64_t size, int64_t n, int64_t row, bool constant)
{
    heed_graph *g = heed_graph_new(.dtype = HEED_F32);
    int32_t *at = heed_alloc_array((size_t)n, sizeof *at);
    double *sum = heed_alloc_array((size_t)(size * row), sizeof *sum);
    for (int64_t i = 0; i < n; i++) at[i] = (int32_t)index_at(i, size);
    heed_shape shape = HEED_SHAPE(n);
    heed_view view = heed_view_of(at, HEED_I32, &shape);
    heed_node *index = constant ? heed_constant(g, &view) : heed_input(g, "index", HEED_I32, n);
    heed_node *dy = heed_input(g, "dy", HEED_F32, n / 2, 2, row), *out[2];
    index = heed_reshape(index, n / 2, 2);
    out[0] = heed_scatter_add(dy, index, 0, 0, size);
    out[1] = heed_index_select(out[0], index, 0);
    heed_program *p = heed_compile(g, out, 2, .threads = 2, .fill_nan = true);
    cr_assert_not_null(p, "%s", heed_why(g));
    fill(p, "dy", 0, -1), fill(p, "index", 0, size);
    cr_assert(heed_program_run(p));
    for (int64_t i = 0; i < n * row; i++)
        if (at[i / row] >= 0 && at[i / row] < size)
            sum[at[i / row] * row + i % row] += number_at(i);
    heed_view y = heed_program_output(p, 0), back = heed_program_output(p, 1);
    for (int64_t i = 0; i < size * row; i++) cr_assert_eq(heed_get(&y, i), sum[i]);
    for (int64_t i = 0; i < n * row; i++) {
        bool inside = at[i / row] >= 0 && at[i / row] < size;
        cr_assert_eq(heed_get(&back, i), inside ? sum[at[i / row] * row + i % row] : 0);
    }
    heed_program_free(p);
    heed_graph_free(g);
    heed_free(at), heed_free(sum);
}

Test(ops_along_axis, rows)
{
    for (int constant = 0; constant < 2; constant++) {
        check_rows(7, 20, 3, constant);
        check_rows(5000, 300, 7, constant);
        check_rows(5000, 9000, 33, constant);
        check_rows(40000, 50, 1, constant);
    }
}

/* ---- grids, and what is refused ---- */

Test(ops_along_axis, meshgrid)
{
    heed_graph *g = heed_graph_new(.dtype = HEED_F64);
    double a[3] = { 1, 2, 3 }, b[2] = { 10, 20 };
    heed_shape three = HEED_SHAPE(3), two = HEED_SHAPE(2);
    heed_view av = heed_view_of(a, HEED_F64, &three), bv = heed_view_of(b, HEED_F64, &two);
    heed_node *x[2] = { heed_constant(g, &av), heed_constant(g, &bv) }, *grid[2];
    cr_assert_eq(heed_meshgrid(x, 2, grid), grid[1]);
    kit_values y = kit_run(g, grid, 2, (heed_compile_options){ .threads = 1 });
    const double want[12] = { 1, 1, 2, 2, 3, 3, 10, 20, 10, 20, 10, 20 };
    cr_assert_eq(y.n, 12);
    for (int i = 0; i < 12; i++) cr_expect_eq(y.value[i], want[i]);
    heed_free(y.value);
    heed_graph_free(g);
}

static heed_graph *g;
static heed_node *x, *i3, *parts[4];

static void start(void)
{
    g = heed_graph_new(.dtype = HEED_F32);
    x = heed_input(g, "x", HEED_F32, 3, 4);
    i3 = heed_input(g, "i", HEED_I32, 3, 5);
}

static void stop(const void *result, const char *text, int line)
{
    cr_expect_null(result, "line %d", line);
    cr_expect(heed_why(g) && strstr(heed_why(g), text), "line %d: %s", line, heed_why(g));
    heed_graph_free(g);
    start();
}
#define REFUSED(build, text) stop(build, text, __LINE__)

Test(ops_along_axis, refusals, .init = start)
{
    int64_t pads[4] = { 4, 0, 0, 0 }, sizes[2] = { 1, 2 };
    REFUSED(heed_flip(x, 2), "flip: axis 2 is out of range");
    REFUSED(heed_flip(x, 1, -1), "flip: axis 1 is given twice");
    REFUSED(heed_roll(x, 1, 5), "roll: axis 5");
    REFUSED(heed_slice_step(x, 1, 4, 0, -1), "slice: 4:0:-1 is not a range of axis 1");
    REFUSED(heed_slice_step(x, 1, 1, 2, -1), "slice: 1:2:-1");
    REFUSED(heed_slice_step(x, 1, 1, 2, 0), "step 0");
    REFUSED(heed_split_sizes(x, 1, sizes, 2, parts), "do not add up to 4, axis 1");
    REFUSED(heed_chunk(x, 0, 1, parts), "chunk: 0 parts");
    REFUSED(heed_unstack(x, 7, parts), "unstack: axis 7");
    REFUSED(heed_moveaxis(x, 0, 2), "moveaxis: axis 2");
    REFUSED(heed_repeat(x, 2), "repeat: 1 counts");
    REFUSED(heed_repeat(x, 2, -1), "axis 1 of");
    REFUSED(heed_repeat_interleave(x, -1, 0), "-1 times");
    REFUSED(heed_pad_axes(x, pads, 2, HEED_PAD_REFLECT, 0), "mode reflect takes 0 to 3");
    REFUSED(heed_pad_axes(x, pads, 3, HEED_PAD_CONSTANT, 0), "3 amounts");
    REFUSED(heed_pad_axes(x, pads, 2, (heed_pad_mode)9, 0), "no mode 9");
    REFUSED(heed_diagonal(x, 0, 1, -1), "axis 1 is given twice");
    REFUSED(heed_diag_embed(x, 0, 0, 0), "are not two axes of rank 3");
    REFUSED(heed_unfold(x, 1, 5, 1), "windows of 5 do not fit axis 1");
    REFUSED(heed_unfold(x, 1, 2, 0), "step 0 is not positive");
    REFUSED(heed_fold_windows(x, 0, 9, 1), "don't have 3 windows of 4");
    REFUSED(heed_take_along_axis(x, i3, 0), "is longer");
    REFUSED(heed_take_along_axis(x, x, 0), "must be i32 indices");
    REFUSED(heed_scatter(x, i3, x, 1), "is longer");
    REFUSED(heed_scatter_add_along_axis(x, i3, heed_flatten(x), 1), "another rank");
    REFUSED(heed_meshgrid(&x, 1, parts), "of rank 1 make a grid");
    cr_expect_null(heed_flip(NULL, 0));
    cr_expect_null(heed_split_sizes(NULL, 0, sizes, 2, parts));
    cr_expect_null(heed_scatter(NULL, NULL, NULL, 0));
    cr_expect_null(heed_pad_axes(NULL, pads, 2, HEED_PAD_REFLECT, 0));
    cr_expect_null(heed_why(g));
    heed_graph_free(g);
}

/* ops_shape.c - operations that move elements: each element of y, and each share of dx, against a
 * map from places of y to places of x; in f32, f64 and i32, of dense and of strided inputs. */
#include <criterion/criterion.h>

#include "heed.h"

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

static heed_node *input_of(heed_graph *g, heed_dtype dtype, heed_shape shape, layout form)
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
static heed_view input_view(heed_program *p, const heed_shape *shape, layout form)
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

static int64_t place_of(const int64_t *at, const heed_shape *shape)
{
    int64_t place = 0;
    for (int i = 0; i < shape->rank; i++) {
        cr_assert(at[i] >= 0 && at[i] < shape->dim[i], "the test looks outside of x");
        place = place * shape->dim[i] + at[i];
    }
    return place;
}

/* Where y's k-th element comes from. */
static int64_t source_of(const shape_case *c, int64_t k)
{
    int64_t out[HEED_MAX_RANK], in[HEED_MAX_RANK] = { 0 };
    for (int i = c->y.rank - 1; i >= 0; i--) {
        out[i] = k % c->y.dim[i];
        k /= c->y.dim[i];
    }
    return c->source(out, in, &c->x, c->a) ? place_of(in, &c->x) : ELSEWHERE;
}

static double number_at(int64_t i)
{
    return (double)((i * 37) % 101 - 50);
}

static void check_y(const shape_case *c, const heed_view *y, const char *what)
{
    for (int64_t k = 0; k < heed_count(&c->y); k++) {
        int64_t from = source_of(c, k);
        cr_assert_eq(heed_get(y, k), from == ELSEWHERE ? c->fill : number_at(from),
                     "%s: y[%lld] is %g", what, (long long)k, heed_get(y, k));
    }
}

/* dx under the cotangent 1, 2, 3, ...: sums of small whole numbers, exact. */
static void check_dx(const shape_case *c, const heed_view *dx, const char *what)
{
    double sum[4096] = { 0 };
    cr_assert_lt(heed_count(&c->x), 4096);
    for (int64_t k = 0; k < heed_count(&c->y); k++) {
        int64_t from = source_of(c, k);
        if (from != ELSEWHERE) sum[from] += number_at(k + 5);
    }
    for (int64_t i = 0; i < heed_count(&c->x); i++)
        cr_assert_eq(heed_get(dx, i), sum[i], "%s: dx[%lld] is %g, not %g", what, (long long)i,
                     heed_get(dx, i), sum[i]);
}

static void check_one(const shape_case *c, heed_dtype dtype, layout form, const char *passes,
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

static void check(const shape_case *cases, int n, const char *name)
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

/* ---- flip, roll, slices downwards ---- */

static heed_node *build_flip(heed_node *x, const int64_t *a)
{
    int axes[] = { (int)a[1], (int)a[2] };
    return heed_flip_axes(x, axes, (int)a[0]);
}

static bool source_flip(const int64_t *out, int64_t *in, const heed_shape *x, const int64_t *a)
{
    for (int i = 0; i < x->rank; i++) {
        bool turned = a[0] == 0;
        for (int k = 0; k < a[0]; k++) turned |= (a[1 + k] + x->rank) % x->rank == i;
        in[i] = turned ? x->dim[i] - 1 - out[i] : out[i];
    }
    return true;
}

Test(ops_shape, flip)
{
    static const shape_case cases[] = {
        { { 1, { 13 } }, build_flip, source_flip, { 0 }, { 1, { 13 } }, 0 },
        { { 2, { 7, 33 } }, build_flip, source_flip, { 1, 0 }, { 2, { 7, 33 } }, 0 },
        { { 2, { 1, 7 } }, build_flip, source_flip, { 1, -1 }, { 2, { 1, 7 } }, 0 },
        { { 3, { 3, 5, 7 } }, build_flip, source_flip, { 2, 0, 2 }, { 3, { 3, 5, 7 } }, 0 },
        { { 2, { 3, 1025 } }, build_flip, source_flip, { 0 }, { 2, { 3, 1025 } }, 0 },
    };
    CHECK(cases, "flip");
}

static heed_node *build_roll(heed_node *x, const int64_t *a)
{
    return heed_roll(x, a[0], (int)a[1]);
}

static bool source_roll(const int64_t *out, int64_t *in, const heed_shape *x, const int64_t *a)
{
    for (int i = 0; i < x->rank; i++) in[i] = out[i];
    int64_t *at = &in[a[1]], n = x->dim[a[1]];
    *at = ((*at - a[0]) % n + n) % n;
    return true;
}

Test(ops_shape, roll)
{
    static const shape_case cases[] = {
        { { 1, { 7 } }, build_roll, source_roll, { 2, 0 }, { 1, { 7 } }, 0 },
        { { 2, { 13, 3 } }, build_roll, source_roll, { -15, 0 }, { 2, { 13, 3 } }, 0 },
        { { 3, { 3, 2, 33 } }, build_roll, source_roll, { 34, 2 }, { 3, { 3, 2, 33 } }, 0 },
        { { 2, { 1, 7 } }, build_roll, source_roll, { 1, 0 }, { 2, { 1, 7 } }, 0 },
    };
    CHECK(cases, "roll");
}

static heed_node *build_down(heed_node *x, const int64_t *a)
{
    return heed_slice_step(x, (int)a[0], a[1], a[2], a[3]);
}

static bool source_down(const int64_t *out, int64_t *in, const heed_shape *x, const int64_t *a)
{
    for (int i = 0; i < x->rank; i++) in[i] = out[i];
    in[a[0]] = a[4] + out[a[0]] * a[3]; /* a[4]: where it starts */
    return true;
}

Test(ops_shape, slice_downwards)
{
    static const shape_case cases[] = {
        { { 1, { 7 } }, build_down, source_down, { 0, -1, -8, -1, 6 }, { 1, { 7 } }, 0 },
        { { 1, { 7 } }, build_down, source_down, { 0, 5, 1, -2, 5 }, { 1, { 2 } }, 0 },
        { { 1, { 7 } }, build_down, source_down, { 0, 5, 0, -2, 5 }, { 1, { 3 } }, 0 },
        { { 2, { 3, 13 } }, build_down, source_down, { 1, 12, -14, -5, 12 }, { 2, { 3, 3 } }, 0 },
        { { 2, { 13, 3 } }, build_down, source_down, { 0, 4, 3, -9, 4 }, { 2, { 1, 3 } }, 0 },
        { { 2, { 13, 3 } }, build_down, source_down, { 0, 4, 4, -1, 4 }, { 2, { 0, 3 } }, 0 },
    };
    CHECK(cases, "slice downwards");
}

/* ---- parts: each of them, concatenated in another order ---- */

static heed_node *build_split(heed_node *x, const int64_t *a)
{
    heed_node *parts[3];
    if (!heed_split_sizes(x, (int)a[0], a + 1, 3, parts)) return NULL;
    return heed_concat((heed_node *[]){ parts[2], parts[0], parts[1] }, 3, (int)a[0]);
}

static heed_node *build_chunk(heed_node *x, const int64_t *a)
{
    heed_node *parts[3];
    if (!heed_chunk(x, 3, (int)a[0], parts)) return NULL;
    return heed_concat((heed_node *[]){ parts[2], parts[0], parts[1] }, 3, (int)a[0]);
}

static bool source_parts(const int64_t *out, int64_t *in, const heed_shape *x, const int64_t *a)
{
    for (int i = 0; i < x->rank; i++) in[i] = out[i];
    int64_t i = out[a[0]];
    in[a[0]] = i < a[3] ? i + a[1] + a[2] : i - a[3];
    return true;
}

Test(ops_shape, split_and_chunk)
{
    static const shape_case cases[] = {
        { { 1, { 7 } }, build_split, source_parts, { 0, 2, 4, 1 }, { 1, { 7 } }, 0 },
        { { 2, { 3, 13 } }, build_split, source_parts, { 1, 0, 12, 1 }, { 2, { 3, 13 } }, 0 },
        { { 2, { 13, 2 } }, build_chunk, source_parts, { 0, 5, 4, 4 }, { 2, { 13, 2 } }, 0 },
        { { 2, { 3, 2 } }, build_chunk, source_parts, { 1, 1, 1, 0 }, { 2, { 3, 2 } }, 0 },
    };
    CHECK(cases, "split and chunk");
}

static heed_node *build_unstack(heed_node *x, const int64_t *a)
{
    heed_node *parts[7];
    if (!heed_unstack(x, (int)a[0], parts)) return NULL;
    return heed_stack(parts, (int)x->shape.dim[a[0]], 0);
}

static heed_node *build_moveaxis(heed_node *x, const int64_t *a)
{
    return heed_moveaxis(x, (int)a[0], (int)a[1]);
}

static bool source_move(const int64_t *out, int64_t *in, const heed_shape *x, const int64_t *a)
{
    in[a[0]] = out[a[1]];
    for (int i = 0, next = 0; i < x->rank; i++) {
        if (i == a[0]) continue;
        if (next == a[1]) next++;
        in[i] = out[next++];
    }
    return true;
}

Test(ops_shape, unstack_and_moveaxis)
{
    static const shape_case cases[] = {
        { { 2, { 3, 7 } }, build_unstack, source_move, { 1, 0 }, { 2, { 7, 3 } }, 0 },
        { { 3, { 2, 3, 5 } }, build_unstack, source_move, { 1, 0 }, { 3, { 3, 2, 5 } }, 0 },
        { { 3, { 2, 3, 5 } }, build_moveaxis, source_move, { 0, 2 }, { 3, { 3, 5, 2 } }, 0 },
        { { 4, { 2, 3, 5, 7 } }, build_moveaxis, source_move, { 3, 1 }, { 4, { 2, 7, 3, 5 } }, 0 },
    };
    CHECK(cases, "unstack and moveaxis");
}

/* ---- repetitions ---- */

static heed_node *build_repeat(heed_node *x, const int64_t *a)
{
    return heed_repeat_times(x, a + 1, (int)a[0]);
}

static bool source_repeat(const int64_t *out, int64_t *in, const heed_shape *x, const int64_t *a)
{
    for (int i = 0; i < x->rank; i++) in[i] = out[i + a[0] - x->rank] % x->dim[i];
    return true;
}

static heed_node *build_interleave(heed_node *x, const int64_t *a)
{
    return heed_repeat_interleave(x, a[0], (int)a[1]);
}

static bool source_interleave(const int64_t *out, int64_t *in, const heed_shape *x,
                              const int64_t *a)
{
    for (int i = 0; i < x->rank; i++) in[i] = i == a[1] ? out[i] / a[0] : out[i];
    return true;
}

Test(ops_shape, repeat)
{
    static const shape_case cases[] = {
        { { 1, { 7 } }, build_repeat, source_repeat, { 1, 3 }, { 1, { 21 } }, 0 },
        { { 2, { 3, 5 } }, build_repeat, source_repeat, { 2, 2, 3 }, { 2, { 6, 15 } }, 0 },
        { { 2, { 3, 1 } }, build_repeat, source_repeat, { 3, 2, 1, 4 }, { 3, { 2, 3, 4 } }, 0 },
        { { 2, { 3, 5 } }, build_repeat, source_repeat, { 2, 0, 2 }, { 2, { 0, 10 } }, 0 },
        { { 1, { 13 } }, build_interleave, source_interleave, { 3, 0 }, { 1, { 39 } }, 0 },
        { { 3, { 2, 3, 7 } },
          build_interleave,
          source_interleave,
          { 2, 1 },
          { 3, { 2, 6, 7 } },
          0 },
        { { 2, { 3, 5 } }, build_interleave, source_interleave, { 0, 1 }, { 2, { 3, 0 } }, 0 },
    };
    CHECK(cases, "repeat");
}

/* ---- padding ---- */

static heed_node *build_pad(heed_node *x, const int64_t *a)
{
    return heed_pad_axes(x, a + 2, (int)a[1], (heed_pad_mode)a[0], -7);
}

static bool source_pad(const int64_t *out, int64_t *in, const heed_shape *x, const int64_t *a)
{
    for (int i = 0; i < x->rank; i++) {
        int pair = x->rank - 1 - i;
        int64_t n = x->dim[i], at = out[i] - (2 * pair < a[1] ? a[2 + 2 * pair] : 0);
        if (a[0] == HEED_PAD_CONSTANT && (at < 0 || at >= n)) return false;
        if (a[0] == HEED_PAD_REPLICATE) at = at < 0 ? 0 : at >= n ? n - 1 : at;
        if (a[0] == HEED_PAD_REFLECT) at = at < 0 ? -at : at >= n ? 2 * (n - 1) - at : at;
        if (a[0] == HEED_PAD_CIRCULAR) at = (at + n) % n;
        in[i] = at;
    }
    return true;
}

Test(ops_shape, pad_modes)
{
    for (int mode = HEED_PAD_CONSTANT; mode <= HEED_PAD_CIRCULAR; mode++) {
        const shape_case cases[] = {
            { { 1, { 7 } }, build_pad, source_pad, { mode, 2, 2, 3 }, { 1, { 12 } }, -7 },
            { { 2, { 3, 5 } },
              build_pad,
              source_pad,
              { mode, 4, 4, 0, 1, 2 },
              { 2, { 6, 9 } },
              -7 },
            { { 2, { 3, 13 } }, build_pad, source_pad, { mode, 2, 0, 12 }, { 2, { 3, 25 } }, -7 },
            { { 3, { 2, 3, 4 } },
              build_pad,
              source_pad,
              { mode, 6, 1, 1, 2, 0, 0, 1 },
              { 3, { 3, 5, 6 } },
              -7 },
            { { 2, { 3, 7 } }, build_pad, source_pad, { mode, 0 }, { 2, { 3, 7 } }, -7 },
        };
        CHECK(cases, "pad");
    }
}

/* ---- diagonals and windows ---- */

static heed_node *build_diagonal(heed_node *x, const int64_t *a)
{
    return heed_diagonal(x, a[0], (int)a[1], (int)a[2]);
}

static bool source_diagonal(const int64_t *out, int64_t *in, const heed_shape *x, const int64_t *a)
{
    int next = 0;
    for (int i = 0; i < x->rank; i++)
        if (i != a[1] && i != a[2]) in[i] = out[next++];
    in[a[1]] = out[next] + (a[0] < 0 ? -a[0] : 0);
    in[a[2]] = out[next] + (a[0] > 0 ? a[0] : 0);
    return true;
}

static heed_node *build_embed(heed_node *x, const int64_t *a)
{
    return heed_diag_embed(x, a[0], (int)a[1], (int)a[2]);
}

static bool source_embed(const int64_t *out, int64_t *in, const heed_shape *x, const int64_t *a)
{
    int next = 0;
    for (int i = 0; i < x->rank + 1; i++)
        if (i != a[1] && i != a[2]) in[next++] = out[i];
    in[next] = out[a[1]] - (a[0] < 0 ? -a[0] : 0);
    return out[a[2]] - out[a[1]] == a[0];
}

Test(ops_shape, diagonal)
{
    static const shape_case cases[] = {
        { { 2, { 7, 7 } }, build_diagonal, source_diagonal, { 0, 0, 1 }, { 1, { 7 } }, 0 },
        { { 2, { 7, 13 } }, build_diagonal, source_diagonal, { 8, 0, 1 }, { 1, { 5 } }, 0 },
        { { 3, { 7, 3, 5 } }, build_diagonal, source_diagonal, { -4, 0, 2 }, { 2, { 3, 3 } }, 0 },
        { { 3, { 2, 3, 5 } }, build_diagonal, source_diagonal, { 1, 2, 1 }, { 2, { 2, 2 } }, 0 },
        { { 2, { 3, 4 } }, build_diagonal, source_diagonal, { 9, 0, 1 }, { 1, { 0 } }, 0 },
        { { 1, { 7 } }, build_embed, source_embed, { 0, 0, 1 }, { 2, { 7, 7 } }, 0 },
        { { 2, { 3, 5 } }, build_embed, source_embed, { -2, 0, 2 }, { 3, { 7, 3, 7 } }, 0 },
        { { 2, { 2, 4 } }, build_embed, source_embed, { 1, 2, 1 }, { 3, { 2, 5, 5 } }, 0 },
    };
    CHECK(cases, "diagonal");
}

static heed_node *build_unfold(heed_node *x, const int64_t *a)
{
    return heed_unfold(x, (int)a[0], a[1], a[2]);
}

static bool source_unfold(const int64_t *out, int64_t *in, const heed_shape *x, const int64_t *a)
{
    for (int i = 0; i < x->rank; i++) in[i] = out[i];
    in[a[0]] = out[a[0]] * a[2] + out[x->rank];
    return true;
}

/* dx of unfold is fold_windows, on its own units: long axes, too. */
Test(ops_shape, unfold)
{
    static const shape_case cases[] = {
        { { 1, { 13 } }, build_unfold, source_unfold, { 0, 4, 1 }, { 2, { 10, 4 } }, 0 },
        { { 2, { 7, 3 } }, build_unfold, source_unfold, { 0, 3, 2 }, { 3, { 3, 3, 3 } }, 0 },
        { { 3, { 2, 13, 3 } }, build_unfold, source_unfold, { 1, 2, 5 }, { 4, { 2, 3, 3, 2 } }, 0 },
        { { 2, { 3, 33 } }, build_unfold, source_unfold, { 1, 33, 7 }, { 3, { 3, 1, 33 } }, 0 },
        { { 2, { 33, 97 } }, build_unfold, source_unfold, { 0, 9, 3 }, { 3, { 9, 97, 9 } }, 0 },
        { { 1, { 4001 } }, build_unfold, source_unfold, { 0, 7, 2 }, { 2, { 1998, 7 } }, 0 },
    };
    CHECK(cases, "unfold");
}

/* max_pool.c - y = the largest element of each window of the last one or two axes, and its reverse.
 *
 * The reverse finds again which element was chosen: the first of equals in row-major order, or the
 * last NaN, as PyTorch does. As a function of dy it is linear; its adjoint is max_pool with two
 * inputs, which takes the elements of the second where the first is largest. */
#include "ops/common.h"
#include "ops/kernel.h"
#include "ops/pool.h"

typedef struct max_pool_sizes {
    int64_t planes, height, width, rows, columns; /* x [.., height, width], y [.., rows, columns] */
} max_pool_sizes;

static inline max_pool_sizes max_pool_sizes_of(const heed_max_pool_attr *a, const heed_shape *x,
                                               const heed_shape *y)
{
    const int last = x->rank - 1;
    const bool flat = a->axes == 1;
    return (max_pool_sizes){ .planes = heed_product(x, 0, x->rank - (int)a->axes),
                             .height = flat ? 1 : x->dim[last - 1],
                             .width = x->dim[last],
                             .rows = flat ? 1 : y->dim[last - 1],
                             .columns = y->dim[last] };
}

/* Forward, a unit is a group of rows of y. */
static inline int64_t max_pool_rows(const heed_max_pool_attr *a, const max_pool_sizes *z)
{
    return heed_rows_per_unit(z->columns * a->kernel[1] + z->width * a->kernel[0]);
}

/* Reversed, it is a group of planes of x, or, when one is large, a band of its rows: of an even
 * number, so that none ends between two rows that are pooled together. */
typedef struct max_pool_split {
    int64_t group, band, bands, units;
} max_pool_split;

static inline max_pool_split max_pool_split_of(const max_pool_sizes *z)
{
    max_pool_split split = { .group = heed_rows_per_unit(z->height * z->width) };
    split.band = split.group > 1 ? z->height : heed_rows_per_unit(z->width);
    split.band = heed_smaller(heed_round_up(split.band, 2), z->height);
    split.bands = heed_units_of(z->height, split.band);
    split.units = heed_units_of(z->planes, split.group) * split.bands;
    return split;
}

#ifdef HEED_STAMP
#include <math.h>

#include "ops/micro/quads.h"

/* floor(a / b) and ceil(a / b) for b > 0. */
static int64_t floor_of(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int64_t ceil_of(int64_t a, int64_t b)
{
    return -floor_of(-a, b);
}

/* Outputs whose tap t lies in 0 .. n - 1: begin <= o < end, at o stride + shift. */
typedef struct tap_range {
    int64_t begin, end, shift;
} tap_range;

static tap_range outputs_of_tap(const heed_max_pool_attr *a, int axis, int64_t t, int64_t n,
                                int64_t outputs)
{
    const int64_t shift = t * a->dilation[axis] - a->pad[axis], stride = a->stride[axis];
    tap_range range = { ceil_of(-shift, stride), floor_of(n - 1 - shift, stride) + 1, shift };
    if (range.begin < 0) range.begin = 0;
    range.end = heed_smaller(range.end, outputs);
    return range;
}

/* y[k] = the larger one, or NaN. `step` is 1 or 2 at most calls: then it is a constant. */
static inline __attribute__((always_inline)) void
take_larger(real *restrict y, const real *restrict x, int64_t n, int64_t step)
{
    for (int64_t k = 0; k < n; k++) {
        const real v = x[k * step];
        y[k] = v > y[k] || v != v ? v : y[k];
    }
}

static void larger(real *y, const real *x, int64_t n, int64_t step)
{
    if (step == 1)
        take_larger(y, x, n, 1);
    else if (step == 2)
        take_larger(y, x, n, 2);
    else
        take_larger(y, x, n, step);
}

/* One row of y: first the largest of each column of the windows, then along the row. */
static void max_row(const heed_max_pool_attr *a, const max_pool_sizes *z, const real *plane,
                    int64_t row, real *column_max, real *y)
{
    for (int64_t k = 0; k < z->width; k++) column_max[k] = -INFINITY;
    for (int64_t t = 0; t < a->kernel[0]; t++) {
        const int64_t from = row * a->stride[0] + t * a->dilation[0] - a->pad[0];
        if (from >= 0 && from < z->height) larger(column_max, plane + from * z->width, z->width, 1);
    }
    for (int64_t k = 0; k < z->columns; k++) y[k] = -INFINITY;
    for (int64_t t = 0; t < a->kernel[1]; t++) {
        const tap_range o = outputs_of_tap(a, 1, t, z->width, z->columns);
        const real *from = column_max + o.begin * a->stride[1] + o.shift;
        if (o.begin < o.end) larger(y + o.begin, from, o.end - o.begin, a->stride[1]);
    }
}

static inline __attribute__((always_inline)) void choose(real *restrict best, ireal *restrict at,
                                                         const real *restrict x, int64_t first,
                                                         int64_t n, int64_t step)
{
    for (int64_t k = 0; k < n; k++) {
        const real v = x[k * step];
        const bool better = (v > best[k]) | (v != v) | (at[k] < 0);
        best[k] = better ? v : best[k];
        at[k] = better ? (ireal)(first + k * step) : at[k];
    }
}

/* at[k]: which element of the plane is chosen for column k of row `row`; -1 for an empty window. */
static void chosen_row(const heed_max_pool_attr *a, const max_pool_sizes *z, const real *plane,
                       int64_t row, real *best, ireal *at)
{
    for (int64_t k = 0; k < z->columns; k++) best[k] = -INFINITY;
    for (int64_t k = 0; k < z->columns; k++) at[k] = -1;
    for (int64_t s = 0; s < a->kernel[0]; s++) {
        const int64_t from = row * a->stride[0] + s * a->dilation[0] - a->pad[0];
        if (from < 0 || from >= z->height) continue;
        for (int64_t t = 0; t < a->kernel[1]; t++) {
            const tap_range o = outputs_of_tap(a, 1, t, z->width, z->columns);
            const int64_t first = from * z->width + o.begin * a->stride[1] + o.shift;
            if (o.begin >= o.end) continue;
            if (a->stride[1] == 1)
                choose(best + o.begin, at + o.begin, plane + first, first, o.end - o.begin, 1);
            else if (a->stride[1] == 2)
                choose(best + o.begin, at + o.begin, plane + first, first, o.end - o.begin, 2);
            else
                choose(best + o.begin, at + o.begin, plane + first, first, o.end - o.begin,
                       a->stride[1]);
        }
    }
}

/* ---- windows of 2 x 2 side by side, the common case: all four elements at once ---- */

static bool of_quads(const heed_max_pool_attr *a, const max_pool_sizes *z)
{
    bool two = a->axes == 2 && 2 * z->rows <= z->height && 2 * z->columns <= z->width;
    for (int i = 0; i < 2; i++)
        two &= a->kernel[i] == 2 && a->stride[i] == 2 && a->dilation[i] == 1 && a->pad[i] == 0;
    return two;
}

/* One row of y, of two rows of x. */
static void quad_row(const real *x, int64_t width, int64_t n, real *y)
{
    for (int64_t k = 0; k < n; k += HEED_LANES) {
        const int64_t part = heed_smaller(HEED_LANES, n - k);
        const quads q = load_quads(x + 2 * k, width, part);
        vec_store_part(y + k, largest_of_quads(&q), part);
    }
}

/* Two rows of dx. */
static void reverse_quad_row(const real *x, int64_t width, const real *dy, int64_t n, real *dx)
{
    for (int64_t k = 0; k < n; k += HEED_LANES) {
        const int64_t part = heed_smaller(HEED_LANES, n - k);
        const quads q = load_quads(x + 2 * k, width, part);
        const quads d = spread_to_largest(&q, vec_load_part(dy + k, part, 0));
        store_pairs(dx + 2 * k, part, d.x[0], d.x[1]);
        store_pairs(dx + width + 2 * k, part, d.x[2], d.x[3]);
    }
    for (int64_t k = 2 * n; k < width; k++) dx[k] = dx[width + k] = 0;
}

/* Rows first .. last - 1 of one plane of dx; `first` is even. */
static void reverse_quads(const max_pool_sizes *z, const real *x, const real *dy, real *dx,
                          int64_t first, int64_t last)
{
    const int64_t width = z->width, n = z->columns;
    const int64_t stop = heed_smaller(last, 2 * z->rows);
    for (int64_t r = first; r < stop; r += 2)
        reverse_quad_row(x + r * width, width, dy + r / 2 * n, n, dx + r * width);
    for (int64_t k = stop * width; k < last * width; k++) dx[k] = 0;
}

/* ---- */

HEED_KERNEL(max_pool)
{
    const heed_max_pool_attr *a = call->attr;
    const max_pool_sizes z = max_pool_sizes_of(a, &call->in[0].shape, &call->out.shape);
    const int64_t per_unit = max_pool_rows(a, &z), size = z.height * z.width;
    const int64_t last = heed_smaller(end * per_unit, z.planes * z.rows);
    real *scratch = call->scratch, *y = call->out.data;
    ireal *at = (ireal *)(scratch + z.columns);
    const bool two = of_quads(a, &z);
    for (int64_t r = begin * per_unit; r < last; r++) {
        const int64_t plane = r / z.rows * size;
        const real *x = (const real *)call->in[0].data + plane;
        if (call->n_in == 1 && two) {
            quad_row(x + r % z.rows * 2 * z.width, z.width, z.columns, y + r * z.columns);
            continue;
        }
        if (call->n_in == 1) {
            max_row(a, &z, x, r % z.rows, scratch, y + r * z.columns);
            continue;
        }
        const real *of = (const real *)call->in[1].data + plane;
        chosen_row(a, &z, x, r % z.rows, scratch, at);
        for (int64_t k = 0; k < z.columns; k++) y[r * z.columns + k] = at[k] < 0 ? 0 : of[at[k]];
    }
}

/* Rows first .. last - 1 of one plane of dx. */
static void reverse_band(const heed_max_pool_attr *a, const max_pool_sizes *z, const real *x,
                         const real *dy, real *dx, int64_t first, int64_t last, real *scratch)
{
    if (of_quads(a, z)) {
        reverse_quads(z, x, dy, dx, first, last);
        return;
    }
    const int64_t from = first * z->width, to = last * z->width;
    const int64_t reach = (a->kernel[0] - 1) * a->dilation[0];
    ireal *at = (ireal *)(scratch + z->columns);
    int64_t row = ceil_of(first + a->pad[0] - reach, a->stride[0]);
    int64_t stop = heed_smaller(floor_of(last - 1 + a->pad[0], a->stride[0]) + 1, z->rows);
    for (int64_t k = from; k < to; k++) dx[k] = 0;
    for (row = row < 0 ? 0 : row; row < stop; row++) {
        chosen_row(a, z, x, row, scratch, at);
        for (int64_t k = 0; k < z->columns; k++)
            if (at[k] >= from && at[k] < to) dx[at[k]] += dy[row * z->columns + k];
    }
}

HEED_KERNEL(max_pool_vjp)
{
    const heed_max_pool_attr *a = call->attr;
    const max_pool_sizes z = max_pool_sizes_of(a, &call->in[0].shape, &call->in[1].shape);
    const max_pool_split split = max_pool_split_of(&z);
    for (int64_t u = begin; u < end; u++) {
        const int64_t first = u % split.bands * split.band;
        const int64_t last = heed_smaller(first + split.band, z.height);
        const int64_t plane = u / split.bands * split.group;
        const int64_t stop = heed_smaller(plane + split.group, z.planes);
        for (int64_t p = plane; p < stop; p++) {
            const int64_t x = p * z.height * z.width, y = p * z.rows * z.columns;
            reverse_band(a, &z, (const real *)call->in[0].data + x,
                         (const real *)call->in[1].data + y, (real *)call->out.data + x, first,
                         last, call->scratch);
        }
    }
}

#else
#include "ops/ops.h"

HEED_DECLARE_KERNEL(max_pool);
static const heed_kernel max_pool_kernel = HEED_KERNEL_TABLE(max_pool);
HEED_DECLARE_KERNEL(max_pool_vjp);
static const heed_kernel max_pool_vjp_kernel = HEED_KERNEL_TABLE(max_pool_vjp);

static int64_t max_pool_units(const heed_call *call)
{
    const max_pool_sizes z = max_pool_sizes_of(call->attr, &call->in[0].shape, &call->out.shape);
    return heed_units_of(z.planes * z.rows, max_pool_rows(call->attr, &z));
}

static int64_t max_pool_vjp_units(const heed_call *call)
{
    const max_pool_sizes z = max_pool_sizes_of(call->attr, &call->in[0].shape, &call->in[1].shape);
    return max_pool_split_of(&z).units;
}

/* A row of x, or a row of y with as many indices. */
static size_t scratch_for(const heed_shape *x, const heed_shape *y)
{
    const int64_t row = x->dim[x->rank - 1], two = 2 * y->dim[y->rank - 1];
    return (size_t)(row > two ? row : two) * sizeof(double);
}

static size_t max_pool_scratch(const heed_call *call)
{
    return scratch_for(&call->in[0].shape, &call->out.shape);
}

static size_t max_pool_vjp_scratch(const heed_call *call)
{
    return scratch_for(&call->in[0].shape, &call->in[1].shape);
}

/* ---- shape rules ---- */

/* Sizes of y's plane. */
static bool outputs_fit(heed_infer *infer, int64_t *out)
{
    heed_max_pool_attr *a = infer->attr;
    int64_t in[2];
    for (int i = 0; i < infer->n_in; i++)
        if (!heed_need_real(infer, i)) return false;
    if (!heed_need_same_dtype(infer) || !heed_plane_sizes(infer, a->axes, in)) return false;
    if (a->axes == 1) a->kernel[0] = a->stride[0] = a->dilation[0] = out[0] = 1;
    for (int i = 2 - (int)a->axes; i < 2; i++) {
        const char *axis = heed_plane_axis(a->axes, i);
        const int64_t extent = a->dilation[i] * (a->kernel[i] - 1) + 1;
        if (!heed_window_check(infer, axis, a->kernel[i], a->stride[i], a->dilation[i],
                               a->pad[i]) ||
            !heed_window_outputs(infer, axis, in[i], extent, a->stride[i], a->pad[i], a->ceil,
                                 &out[i]))
            return false;
    }
    if (in[0] * in[1] <= INT32_MAX) return true;
    return heed_refuse(infer, "%lld x %lld elements are more than 2^31 - 1", (long long)in[0],
                       (long long)in[1]);
}

static bool max_pool_infer(heed_infer *infer)
{
    const heed_max_pool_attr *a = infer->attr;
    int64_t out[2];
    if (!outputs_fit(infer, out)) return false;
    if (infer->n_in == 2 && !heed_shape_equal(&infer->in[0]->shape, &infer->in[1]->shape))
        return heed_refuse(infer, "both inputs must have one shape");
    heed_plane_set(&infer->shape, a->axes, out);
    return true;
}

static bool max_pool_vjp_infer(heed_infer *infer)
{
    const heed_max_pool_attr *a = infer->attr;
    heed_shape y = infer->in[0]->shape;
    char text[HEED_SHAPE_TEXT];
    int64_t out[2];
    if (!outputs_fit(infer, out)) return false;
    heed_plane_set(&y, a->axes, out);
    if (heed_shape_equal(&y, &infer->in[1]->shape)) return true;
    return heed_refuse(infer, "dy must have the pooled shape, %s",
                       heed_shape_print(&y, text, sizeof text));
}

/* ---- reverse rules: which element is chosen does not change with small changes of x ---- */

static void max_pool_reverse(heed_vjp *v)
{
    heed_node *x = v->in[0];
    const int values = v->n_in - 1; /* the input whose elements y has */
    if (v->want[values])
        v->dx[values] = heed_apply(&heed_op_max_pool_vjp, v->attr, 2, (heed_node *[]){ x, v->dy });
    if (values == 1 && v->want[0]) v->dx[0] = heed_zeros_like(x);
}

static void max_pool_vjp_reverse(heed_vjp *v)
{
    heed_node *x = v->in[0];
    if (v->want[0]) v->dx[0] = heed_zeros_like(x);
    if (v->want[1])
        v->dx[1] = heed_apply(&heed_op_max_pool, v->attr, 2, (heed_node *[]){ x, v->dy });
}

/* ---- test cases ---- */

static const struct max_pool_case {
    heed_shape x, y;
    heed_max_pool_attr attr;
} cases[] = {
    { { 3, { 2, 3, 7 } }, { 3, { 2, 3, 3 } }, { 1, { 0, 3 }, { 0, 2 }, { 0, 1 }, { 0, 0 }, 0 } },
    { { 1, { 13 } }, { 1, { 6 } }, { 1, { 0, 3 }, { 0, 2 }, { 0, 2 }, { 0, 1 }, 0 } },
    { { 2, { 2, 6 } }, { 2, { 2, 3 } }, { 1, { 0, 3 }, { 0, 2 }, { 0, 1 }, { 0, 0 }, 1 } },
    { { 4, { 1, 2, 4, 6 } },
      { 4, { 1, 2, 2, 3 } },
      { 2, { 2, 2 }, { 2, 2 }, { 1, 1 }, { 0, 0 }, 0 } },
    { { 3, { 3, 7, 37 } }, { 3, { 3, 3, 18 } }, { 2, { 2, 2 }, { 2, 2 }, { 1, 1 }, { 0, 0 }, 0 } },
    { { 3, { 2, 5, 7 } }, { 3, { 2, 5, 7 } }, { 2, { 3, 3 }, { 1, 1 }, { 1, 1 }, { 1, 1 }, 0 } },
    { { 2, { 7, 5 } }, { 2, { 3, 3 } }, { 2, { 2, 3 }, { 3, 2 }, { 2, 1 }, { 1, 1 }, 1 } },
    { { 2, { 1, 1 } }, { 2, { 1, 1 } }, { 2, { 1, 1 }, { 1, 1 }, { 1, 1 }, { 0, 0 }, 0 } },
    { { 2, { 1, 33 } }, { 2, { 1, 9 } }, { 2, { 1, 4 }, { 1, 4 }, { 1, 1 }, { 0, 2 }, 0 } },
};
#define N_CASES ((int)(sizeof cases / sizeof cases[0]))

static bool max_pool_vjp_sample(int k, heed_sample *sample)
{
    if (k < 0 || k >= N_CASES) return false;
    sample->n_in = 2;
    sample->in[0] = (heed_sample_input){ .shape = cases[k].x, .distinct = true };
    sample->in[1].shape = cases[k].y;
    heed_sample_attr(sample, &cases[k].attr, sizeof cases[k].attr);
    return true;
}

/* Every case with one input, then with two. */
static bool max_pool_sample(int k, heed_sample *sample)
{
    if (k < 0 || !max_pool_vjp_sample(k % N_CASES, sample) || k >= 2 * N_CASES) return false;
    sample->n_in = 1 + k / N_CASES;
    sample->in[1] = (heed_sample_input){ .shape = sample->in[0].shape };
    return true;
}

/* Of images, as residual networks begin. */
static const struct max_pool_case large_case = {
    { 4, { 32, 32, 112, 112 } },
    { 4, { 32, 32, 56, 56 } },
    { 2, { 3, 3 }, { 2, 2 }, { 1, 1 }, { 1, 1 }, 0 },
};

static double max_pool_flops(const heed_node *y)
{
    const heed_max_pool_attr *a = y->attr;
    return (double)heed_count(&y->shape) * (double)(a->kernel[0] + a->kernel[1]);
}

static double max_pool_vjp_flops(const heed_node *dx)
{
    const heed_max_pool_attr *a = dx->attr;
    return (double)heed_count(&dx->in[1]->shape) * (double)(2 * a->kernel[0] * a->kernel[1]);
}

static bool max_pool_large(heed_sample *sample)
{
    return heed_sample_large(sample, 1, &large_case.x, &large_case.attr, sizeof large_case.attr);
}

const heed_op heed_op_max_pool = {
    .name = "max_pool",
    .doc = "The largest element of each window of the last one or two axes; padding is -inf. With "
           "a second input of x's shape: its elements, where x's are largest.",
    .n_in = 1,
    .max_in = 2,
    .diff = 3,
    .attr_size = sizeof(heed_max_pool_attr),
    .infer = max_pool_infer,
    .kernel = &max_pool_kernel,
    .units = max_pool_units,
    .scratch = max_pool_scratch,
    .vjp = max_pool_reverse,
    .sample = max_pool_sample,
    .flops = max_pool_flops,
    .large = max_pool_large,
};

static bool max_pool_vjp_large(heed_sample *sample)
{
    const heed_shape shapes[] = { large_case.x, large_case.y };
    return heed_sample_large(sample, 2, shapes, &large_case.attr, sizeof large_case.attr);
}

const heed_op heed_op_max_pool_vjp = {
    .name = "max_pool_vjp",
    .doc = "max_pool's gradient for x: dx is 0, but for dy added where x's largest were found. "
           "Inputs x, dy.",
    .n_in = 2,
    .diff = 3,
    .attr_size = sizeof(heed_max_pool_attr),
    .infer = max_pool_vjp_infer,
    .kernel = &max_pool_vjp_kernel,
    .units = max_pool_vjp_units,
    .scratch = max_pool_vjp_scratch,
    .vjp = max_pool_vjp_reverse,
    .sample = max_pool_vjp_sample,
    .flops = max_pool_vjp_flops,
    .large = max_pool_vjp_large,
    .limit = "arithmetic: comparisons with every element of a window",
};

#endif

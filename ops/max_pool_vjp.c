/* max_pool_vjp.c - the reverse of max_pool. It finds again which elements were chosen. */
#include "ops/max_pool.h"
#include "ops/kernel.h"

/* A unit is a group of planes of x, or, when one is large, a band of its rows: of an even number,
 * so that none ends between two rows that are pooled together. */
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
#include "ops/micro/quads.h"
#include "ops/max_pool_windows.h"

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

HEED_DECLARE_KERNEL(max_pool_vjp);
static const heed_kernel max_pool_vjp_kernel = HEED_KERNEL_TABLE(max_pool_vjp);

static int64_t max_pool_vjp_units(const heed_call *call)
{
    const max_pool_sizes z = max_pool_sizes_of(call->attr, &call->in[0].shape, &call->in[1].shape);
    return max_pool_split_of(&z).units;
}

/* A row of y with as many indices. */
static size_t max_pool_vjp_scratch(const heed_call *call)
{
    const heed_shape *y = &call->in[1].shape;
    return (size_t)(2 * y->dim[y->rank - 1]) * sizeof(double);
}

static bool max_pool_vjp_infer(heed_infer *infer)
{
    const heed_max_pool_attr *a = infer->attr;
    heed_shape y = infer->in[0]->shape;
    char text[HEED_SHAPE_TEXT];
    int64_t out[2];
    if (!heed_max_pool_outputs(infer, out)) return false;
    heed_plane_set(&y, a->axes, out);
    if (heed_shape_equal(&y, &infer->in[1]->shape)) return true;
    return heed_refuse(infer, "dy must have the pooled shape, %s",
                       heed_shape_print(&y, text, sizeof text));
}

/* Which element is chosen does not change with small changes of x. */
static void max_pool_vjp_reverse(heed_vjp *v)
{
    heed_node *x = v->in[0];
    if (v->want[0]) v->dx[0] = heed_zeros_like(x);
    if (v->want[1])
        v->dx[1] = heed_apply(&heed_op_max_pool, v->attr, 2, (heed_node *[]){ x, v->dy });
}

static bool max_pool_vjp_sample(int k, heed_sample *sample)
{
    sample->n_in = 2;
    return heed_max_pool_set_sample(k, true, sample);
}

static bool max_pool_vjp_large(heed_sample *sample)
{
    return heed_max_pool_set_large(2, sample);
}

static double max_pool_vjp_flops(const heed_node *dx)
{
    const heed_max_pool_attr *a = dx->attr;
    return (double)heed_count(&dx->in[1]->shape) * (double)(2 * a->kernel[0] * a->kernel[1]);
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

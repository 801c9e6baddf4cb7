/* max_pool.c - y = the largest element of each window of the last one or two axes.
 *
 * As a function of dy its reverse is linear; the adjoint of that is max_pool with two inputs, which
 * takes the elements of the second where the first is largest. */
#include "ops/max_pool.h"
#include "ops/kernel.h"

/* A unit is a group of rows of y. */
static inline int64_t max_pool_rows(const heed_max_pool_attr *a, const max_pool_sizes *z)
{
    return heed_rows_per_unit(z->columns * a->kernel[1] + z->width * a->kernel[0]);
}

#ifdef HEED_STAMP
#include "ops/micro/quads.h"
#include "ops/max_pool_windows.h"

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

/* One row of y, of two rows of x. */
static void quad_row(const real *x, int64_t width, int64_t n, real *y)
{
    for (int64_t k = 0; k < n; k += HEED_LANES) {
        const int64_t part = heed_smaller(HEED_LANES, n - k);
        const quads q = load_quads(x + 2 * k, width, part);
        vec_store_part(y + k, largest_of_quads(&q), part);
    }
}

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

#else
#include "ops/ops.h"

HEED_DECLARE_KERNEL(max_pool);
static const heed_kernel max_pool_kernel = HEED_KERNEL_TABLE(max_pool);

static int64_t max_pool_units(const heed_call *call)
{
    const max_pool_sizes z = max_pool_sizes_of(call->attr, &call->in[0].shape, &call->out.shape);
    return heed_units_of(z.planes * z.rows, max_pool_rows(call->attr, &z));
}

/* A row of x, or a row of y with as many indices. */
static size_t max_pool_scratch(const heed_call *call)
{
    const max_pool_sizes z = max_pool_sizes_of(call->attr, &call->in[0].shape, &call->out.shape);
    const int64_t two = 2 * z.columns;
    return (size_t)(z.width > two ? z.width : two) * sizeof(double);
}

/* ---- shape rules ---- */

bool heed_max_pool_outputs(heed_infer *infer, int64_t *out)
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
    if (!heed_max_pool_outputs(infer, out)) return false;
    if (infer->n_in == 2 && !heed_shape_equal(&infer->in[0]->shape, &infer->in[1]->shape))
        return heed_refuse(infer, "both inputs must have one shape");
    heed_plane_set(&infer->shape, a->axes, out);
    return true;
}

/* Which element is chosen does not change with small changes of x. */
static void max_pool_reverse(heed_vjp *v)
{
    heed_node *x = v->in[0];
    const int values = v->n_in - 1; /* the input whose elements y has */
    if (v->want[values])
        v->dx[values] = heed_apply(&heed_op_max_pool_vjp, v->attr, 2, (heed_node *[]){ x, v->dy });
    if (values == 1 && v->want[0]) v->dx[0] = heed_zeros_like(x);
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

/* Of images, as residual networks begin. */
static const struct max_pool_case large = {
    { 4, { 32, 32, 112, 112 } },
    { 4, { 32, 32, 56, 56 } },
    { 2, { 3, 3 }, { 2, 2 }, { 1, 1 }, { 1, 1 }, 0 },
};

bool heed_max_pool_set_sample(int k, bool pooled, heed_sample *sample)
{
    if (k < 0 || k >= N_CASES) return false;
    sample->in[0] = (heed_sample_input){ .shape = cases[k].x, .distinct = true };
    sample->in[1] = (heed_sample_input){ .shape = pooled ? cases[k].y : cases[k].x };
    heed_sample_attr(sample, &cases[k].attr, sizeof cases[k].attr);
    return true;
}

bool heed_max_pool_set_large(int n_in, heed_sample *sample)
{
    const heed_shape shapes[] = { large.x, large.y };
    return heed_sample_large(sample, n_in, shapes, &large.attr, sizeof large.attr);
}

/* Every case with one input, then with two. */
static bool max_pool_sample(int k, heed_sample *sample)
{
    sample->n_in = 1 + k / N_CASES;
    return k >= 0 && k < 2 * N_CASES && heed_max_pool_set_sample(k % N_CASES, false, sample);
}

static bool max_pool_large(heed_sample *sample)
{
    return heed_max_pool_set_large(1, sample);
}

static double max_pool_flops(const heed_node *y)
{
    const heed_max_pool_attr *a = y->attr;
    return (double)heed_count(&y->shape) * (double)(a->kernel[0] + a->kernel[1]);
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

#endif

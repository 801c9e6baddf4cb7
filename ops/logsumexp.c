/* logsumexp.c - y = log(sum of exp(x)) over axes; dx = dy exp(x - y)
 *
 * Memory is read once: each block of a line is read for its largest element and, from the cache,
 * for its sum of exponentials; the sums are then brought to one scale and added in f64. */
#include "ops/kernel.h"
#include "ops/lines.h"
#include "ops/reduce.h"

#ifdef HEED_STAMP
#include "ops/micro/row_math.h"

#define BLOCK 4096 /* elements of a row, in the L1 cache */
#define DEPTH 16   /* rows of a strip */

/* What is subtracted before exp: an infinity, -inf or inf, would give NaN. */
static inline real shift_of(real most)
{
    return most == -INFINITY || most == INFINITY ? 0 : most;
}

/* A sum of exponentials that was relative to the largest element `most`, relative to `to`. */
static inline double rescaled(double sum, real most, real to)
{
    if (most == to || most == -INFINITY) return sum; /* of -inf: 0, or NaN */
    return sum * exp((double)(shift_of(most) - shift_of(to)));
}

static real row_log_sum_exp(const real *x, int64_t n)
{
    real most = -INFINITY;
    double sum = 0;
    for (int64_t k = 0; k < n; k += BLOCK) {
        int64_t size = heed_smaller(BLOCK, n - k);
        real top = row_max(x + k, size), part = 0;
        if (top == INFINITY) { /* inf, unless there is a NaN */
            for (int64_t i = k; i < k + size; i++) part += x[i] > 0 || x[i] != x[i] ? x[i] : 0;
        } else {
            part = row_exp_sum(x + k, size, row_shift(top));
        }
        real both = top > most ? top : most;
        sum = rescaled(sum, most, both) + rescaled((double)part, top, both);
        most = both;
    }
    return shift_of(most) + real_log((real)sum);
}

/* The columns of a strip so far: sum exp(x - shift), where `most` is the largest x. */
typedef struct strip_sums {
    real most[HEED_STRIP], shift[HEED_STRIP];
    double sum[HEED_STRIP];
} strip_sums;

/* Bring the sums to the larger scale that `rows` more rows ask for. */
static void raise_scale(strip_sums *s, const real *x, int64_t stride, int64_t rows, int64_t width)
{
    real top[HEED_STRIP], factor[HEED_STRIP];
    for (int64_t c = 0; c < width; c++) top[c] = s->most[c];
    for (int64_t r = 0; r < rows; r++) {
        const real *row = x + r * stride;
        HEED_INDEPENDENT
        for (int64_t c = 0; c < width; c++) top[c] = row[c] > top[c] ? row[c] : top[c];
    }
    for (int64_t c = 0; c < width; c++) factor[c] = s->shift[c] - shift_of(top[c]);
    vec_map(width, factor, factor, vec_exp);
    for (int64_t c = 0; c < width; c++) {
        if (s->most[c] != -INFINITY) s->sum[c] *= (double)factor[c];
        s->most[c] = top[c];
        s->shift[c] = shift_of(top[c]);
    }
}

static void add_exponentials(const real *x, int64_t width, const real *shift, real *sum)
{
    int64_t c = 0;
    for (; c + HEED_LANES <= width; c += HEED_LANES)
        vec_store(sum + c, vec_load(sum + c) + vec_exp(vec_load(x + c) - vec_load(shift + c)));
    if (c == width) return;
    vec part = vec_load_part(x + c, width - c, 0) - vec_load_part(shift + c, width - c, 0);
    vec_store_part(sum + c, vec_load_part(sum + c, width - c, 0) + vec_exp(part), width - c);
}

static void strip_log_sum_exp(const real *x, int64_t stride, int64_t n, int64_t width, real *y)
{
    strip_sums s = { .shift = { 0 } };
    for (int64_t c = 0; c < width; c++) s.most[c] = -INFINITY;
    for (int64_t r = 0; r < n; r += DEPTH) {
        int64_t rows = heed_smaller(DEPTH, n - r);
        real part[HEED_STRIP] = { 0 };
        raise_scale(&s, x + r * stride, stride, rows, width);
        for (int64_t i = r; i < r + rows; i++)
            add_exponentials(x + i * stride, width, s.shift, part);
        for (int64_t c = 0; c < width; c++) s.sum[c] += (double)part[c];
    }
    for (int64_t c = 0; c < width; c++) y[c] = (real)s.sum[c];
    vec_map(width, y, y, vec_log);
    for (int64_t c = 0; c < width; c++) y[c] += s.shift[c];
}

HEED_KERNEL(logsumexp)
{
    const heed_reduce_attr *attr = call->attr;
    const heed_lines l = heed_lines_of(&call->in[0].shape, attr->axes[0], attr->n);
    for (int64_t u = begin; u < end; u++) {
        const heed_lines_unit unit = heed_lines_unit_at(&l, u);
        for (int64_t b = unit.first; b < unit.last; b++) {
            const real *x = (const real *)call->in[0].data + b * l.n * l.inner + unit.left;
            real *y = (real *)call->out.data + b * l.inner + unit.left;
            if (l.inner == 1) *y = row_log_sum_exp(x, l.n);
            for (int64_t c = 0; l.inner > 1 && c < unit.width; c += HEED_STRIP)
                strip_log_sum_exp(x + c, l.inner, l.n, heed_smaller(HEED_STRIP, unit.width - c),
                                  y + c);
        }
    }
}

#else
#include <math.h>

#include "ops/ops.h"

HEED_DECLARE_KERNEL(logsumexp);
static const heed_kernel logsumexp_kernel = HEED_KERNEL_TABLE(logsumexp);

static int64_t logsumexp_units(const heed_call *call)
{
    const heed_reduce_attr *attr = call->attr;
    const heed_lines l = heed_lines_of(&call->in[0].shape, attr->axes[0], attr->n);
    return heed_lines_units(&l);
}

/* Where all of x is -inf, so is y, and nothing flows back: exp(x - 0) is 0. */
static void logsumexp_vjp(heed_vjp *v)
{
    const heed_reduce_attr *attr = v->attr;
    heed_node *x = v->in[0];
    if (!v->want[0]) return;
    heed_node *y = heed_reduce_restore(v->y, x, attr), *dy = heed_reduce_restore(v->dy, x, attr);
    heed_node *empty = heed_equal(heed_stop_gradient(y), heed_number_like(y, -INFINITY));
    v->dx[0] = heed_mul(dy, heed_exp(heed_sub(x, heed_masked_fill(y, empty, 0))));
}

static double logsumexp_flops(const heed_node *node)
{
    return 12.0 * (double)heed_count(&node->in[0]->shape);
}

static bool logsumexp_large(heed_sample *sample)
{
    const heed_reduce_attr attr = { 1, { -1 }, 0 };
    return heed_sample_large(sample, 1, &(heed_shape){ 2, { 65536, 512 } }, &attr, sizeof attr);
}

const heed_op heed_op_logsumexp = {
    .name = "logsumexp",
    .doc = "y = log(sum of exp(x)) over neighbouring axes (all when none is given); -inf, without "
           "gradient, where all of x is -inf and over an empty axis.",
    .n_in = 1,
    .diff = 1,
    .attr_size = sizeof(heed_reduce_attr),
    .infer = heed_reduce_lines_infer,
    .kernel = &logsumexp_kernel,
    .units = logsumexp_units,
    .vjp = logsumexp_vjp,
    .sample = heed_reduce_lines_sample,
    .flops = logsumexp_flops,
    .simplify = heed_reduce_simplify,
    .large = logsumexp_large,
};

/* Of all of a long x: of equal parts first, which are units of work. */
heed_node *heed_logsumexp_axes(heed_node *x, const int *axes, int n, bool keep)
{
    heed_reduce_attr attr = heed_reduce_attr_of(axes, n, keep);
    int64_t parts = x && n == 0 && !keep ? heed_reduce_parts(x) : 1;
    if (parts > 1) x = heed_logsumexp(heed_reshape_to(x, HEED_SHAPE(parts, -1)), 1, false);
    return heed_reduce_lines_apply(&heed_op_logsumexp, x, &attr);
}

heed_node *heed_logsumexp(heed_node *x, int axis, bool keep)
{
    return heed_logsumexp_axes(x, &axis, 1, keep);
}

heed_node *heed_logsumexp_all(heed_node *x)
{
    return heed_logsumexp_axes(x, NULL, 0, false);
}

#endif

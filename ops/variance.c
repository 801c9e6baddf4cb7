/* variance.c - y = sum of (x - mean)^2 / (n - correction) over axes;
 * dx = dy 2 (x - mean) / (n - correction)
 *
 * Memory is read once: each block of a line gives its mean and its sum of squares around it, and
 * blocks are put together (Chan, Golub, LeVeque 1979). Squares are taken around the block's own
 * mean, whose rounding error is then corrected: exact however large the mean is. */
#include "ops/kernel.h"
#include "ops/lines.h"
#include "ops/reduce.h"

typedef struct heed_variance_attr {
    heed_reduce_attr reduce;
    double correction;
} heed_variance_attr;

#ifdef HEED_STAMP
#include "ops/micro/row_math.h"

#define BLOCK 4096 /* elements of a row, in the L1 cache */
#define DEPTH 16   /* rows of a strip */

typedef struct moments {
    double count, mean, squares; /* squares: sum of (x - mean)^2 */
} moments;

/* Of `n` elements with these sums of (x - center) and (x - center)^2, after those of `m`. */
static inline moments join_moments(moments m, double n, double center, double sum, double squares)
{
    double offset = sum / n, all = m.count + n, step = center + offset - m.mean;
    return (moments){ all, m.mean + step * (n / all),
                      m.squares + squares - sum * offset + step * step * (m.count * n / all) };
}

static double row_moment(const real *x, int64_t n)
{
    moments m = { 0, 0, 0 };
    for (int64_t k = 0; k < n; k += BLOCK) {
        int64_t size = heed_smaller(BLOCK, n - k), i = 0;
        real center = row_sum(x + k, size) / (real)size;
        vec sum = vec_fill(0), squares = sum, middle = vec_fill(center);
        for (; i < size; i += HEED_LANES) {
            vec d = i + HEED_LANES <= size ? vec_load(x + k + i)
                                           : vec_load_part(x + k + i, size - i, center);
            d -= middle;
            sum += d;
            squares += d * d;
        }
        m = join_moments(m, (double)size, (double)center, (double)vec_sum_lanes(sum),
                         (double)vec_sum_lanes(squares));
    }
    return m.squares;
}

/* Columns of a strip: sums around the mean of `rows` rows. */
static void block_sums(const real *x, int64_t stride, int64_t rows, int64_t width,
                       real *restrict center, real *restrict sum, real *restrict squares)
{
    for (int64_t c = 0; c < width; c++) center[c] = sum[c] = squares[c] = 0;
    for (int64_t r = 0; r < rows; r++) {
        const real *row = x + r * stride;
        HEED_INDEPENDENT
        for (int64_t c = 0; c < width; c++) center[c] += row[c];
    }
    for (int64_t c = 0; c < width; c++) center[c] /= (real)rows;
    for (int64_t r = 0; r < rows; r++) {
        const real *row = x + r * stride;
        HEED_INDEPENDENT
        for (int64_t c = 0; c < width; c++) {
            real d = row[c] - center[c];
            sum[c] += d;
            squares[c] += d * d;
        }
    }
}

static void strip_moments(const real *x, int64_t stride, int64_t n, int64_t width, double *squares)
{
    real center[HEED_STRIP], part[HEED_STRIP], part_squares[HEED_STRIP];
    double mean[HEED_STRIP];
    for (int64_t c = 0; c < width; c++) mean[c] = squares[c] = 0;
    for (int64_t r = 0; r < n; r += DEPTH) {
        int64_t rows = heed_smaller(DEPTH, n - r);
        block_sums(x + r * stride, stride, rows, width, center, part, part_squares);
        HEED_INDEPENDENT
        for (int64_t c = 0; c < width; c++) {
            moments m = join_moments((moments){ (double)r, mean[c], squares[c] }, (double)rows,
                                     (double)center[c], (double)part[c], (double)part_squares[c]);
            mean[c] = m.mean;
            squares[c] = m.squares;
        }
    }
}

HEED_KERNEL(variance)
{
    const heed_variance_attr *attr = call->attr;
    const heed_lines l = heed_lines_of(&call->in[0].shape, attr->reduce.axes[0], attr->reduce.n);
    const double freedom = (double)l.n - attr->correction, divisor = freedom > 0 ? freedom : 0;
    for (int64_t u = begin; u < end; u++) {
        const heed_lines_unit unit = heed_lines_unit_at(&l, u);
        for (int64_t b = unit.first; b < unit.last; b++) {
            const real *x = (const real *)call->in[0].data + b * l.n * l.inner + unit.left;
            real *y = (real *)call->out.data + b * l.inner + unit.left;
            if (l.inner == 1) *y = (real)(row_moment(x, l.n) / divisor);
            for (int64_t c = 0; l.inner > 1 && c < unit.width; c += HEED_STRIP) {
                double squares[HEED_STRIP];
                int64_t width = heed_smaller(HEED_STRIP, unit.width - c);
                strip_moments(x + c, l.inner, l.n, width, squares);
                for (int64_t i = 0; i < width; i++) y[c + i] = (real)(squares[i] / divisor);
            }
        }
    }
}

#else
#include <math.h>
#include <string.h>

#include "ops/ops.h"

HEED_DECLARE_KERNEL(variance);
static const heed_kernel variance_kernel = HEED_KERNEL_TABLE(variance);

static int64_t variance_units(const heed_call *call)
{
    const heed_variance_attr *attr = call->attr;
    const heed_lines l = heed_lines_of(&call->in[0].shape, attr->reduce.axes[0], attr->reduce.n);
    return heed_lines_units(&l);
}

static bool variance_infer(heed_infer *infer)
{
    const heed_variance_attr *attr = infer->attr;
    if (!isfinite(attr->correction))
        return heed_refuse(infer, "the correction is %g, not a finite number", attr->correction);
    return heed_reduce_lines_infer(infer);
}

static void variance_vjp(heed_vjp *v)
{
    const heed_variance_attr *attr = v->attr;
    heed_node *x = v->in[0];
    if (!v->want[0]) return;
    double n = (double)heed_reduced_count(&x->shape, &attr->reduce);
    heed_node *mean = heed_mean_axes(x, attr->reduce.axes, attr->reduce.n, true);
    heed_node *share =
        heed_scale(heed_reduce_restore(v->dy, x, &attr->reduce), 2 / (n - attr->correction));
    v->dx[0] = heed_mul(share, heed_sub(x, mean));
}

static double variance_flops(const heed_node *node)
{
    return 5.0 * (double)heed_count(&node->in[0]->shape);
}

static bool variance_sample(int k, heed_sample *sample)
{
    static const double corrections[] = { 1, 0, 0.5 };
    if (!heed_reduce_lines_sample(k, sample)) return false;
    heed_variance_attr attr = { .correction = corrections[k % 3] };
    memcpy(&attr.reduce, sample->attr, sizeof attr.reduce);
    heed_sample_attr(sample, &attr, sizeof attr);
    return true;
}

static bool variance_large(heed_sample *sample)
{
    const heed_variance_attr attr = { .reduce = { 1, { -1 }, 0 } };
    return heed_sample_large(sample, 1, &(heed_shape){ 2, { 65536, 512 } }, &attr, sizeof attr);
}

const heed_op heed_op_variance = {
    .name = "variance",
    .doc = "y = sum of (x - mean)^2 / max(n - correction, 0) over neighbouring axes (all when none "
           "is given) of n elements.",
    .n_in = 1,
    .diff = 1,
    .attr_size = sizeof(heed_variance_attr),
    .infer = variance_infer,
    .kernel = &variance_kernel,
    .units = variance_units,
    .vjp = variance_vjp,
    .sample = variance_sample,
    .flops = variance_flops,
    .large = variance_large,
};

static heed_node *apply(heed_node *x, const int *axes, int n, bool keep, double correction)
{
    heed_variance_attr attr = { heed_reduce_attr_of(axes, n, keep), correction };
    return heed_reduce_lines_apply(&heed_op_variance, x, &attr);
}

/* Of all of a long x: within equal parts, which are units of work, and between their means. */
static heed_node *apply_to_parts(heed_node *x, int64_t parts, double correction)
{
    double n = (double)heed_count(&x->shape);
    int axis = 1;
    heed_node *rows = heed_reshape_to(x, HEED_SHAPE(parts, -1));
    heed_node *within = heed_mean_all(apply(rows, &axis, 1, false, 0));
    heed_node *between = apply(heed_mean(rows, axis, false), NULL, 0, false, 0);
    return heed_scale(heed_add(within, between), n / (n - correction));
}

heed_node *heed_var_axes(heed_node *x, const int *axes, int n, bool keep, double correction)
{
    int64_t parts = x && n == 0 && !keep ? heed_reduce_parts(x) : 1;
    if (parts > 1 && correction < (double)heed_count(&x->shape))
        return apply_to_parts(x, parts, correction);
    return apply(x, axes, n, keep, correction);
}

heed_node *heed_var(heed_node *x, int axis, bool keep)
{
    return heed_var_axes(x, &axis, 1, keep, 1);
}

heed_node *heed_var_all(heed_node *x)
{
    return heed_var_axes(x, NULL, 0, false, 1);
}

/* The slope at 0 is 0, as that of |x|. */
heed_node *heed_std_axes(heed_node *x, const int *axes, int n, bool keep, double correction)
{
    return heed_sqrt_or_zero(heed_var_axes(x, axes, n, keep, correction));
}

heed_node *heed_std(heed_node *x, int axis, bool keep)
{
    return heed_std_axes(x, &axis, 1, keep, 1);
}

heed_node *heed_std_all(heed_node *x)
{
    return heed_std_axes(x, NULL, 0, false, 1);
}

#endif

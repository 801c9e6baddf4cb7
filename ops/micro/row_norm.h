/* row_norm.h - rows brought to unit scale, and the reverse; for the stamped part of kernel files
 * only. Layer norm and RMS norm differ in one thing: what the row's center is. */
#ifndef HEED_OPS_MICRO_ROW_NORM_H
#define HEED_OPS_MICRO_ROW_NORM_H

#include "ops/micro/row_math.h"
#include "ops/norm.h"
#include "ops/rows.h"

/* z = (x - center) rstd, rstd = 1 / sqrt(mean((x - center)^2) + eps). A center that is the constant
 * 0 leaves no subtraction behind. */
typedef struct row_statistics {
    real center, rstd;
} row_statistics;

static inline row_statistics row_around(const real *x, int64_t n, real center, real eps)
{
    real variance = row_squares(x, n, center) / (real)n;
    return (row_statistics){ center, 1 / (real)sqrt(variance + eps) };
}

/* Of `runs` runs of n elements, `step` from one to the next, around the mean of all. */
static inline row_statistics runs_around_mean(const real *x, int64_t runs, int64_t step, int64_t n,
                                              double eps, real *variance)
{
    double sum = 0, squares = 0;
    const double count = (double)(runs * n);
    for (int64_t k = 0; k < runs; k++) sum += row_sum(x + k * step, n);
    const real center = (real)(sum / count);
    for (int64_t k = 0; k < runs; k++) squares += row_squares(x + k * step, n, center);
    *variance = (real)(squares / count);
    return (row_statistics){ center, (real)(1 / sqrt(squares / count + eps)) };
}

/* y may be x. */
static inline void row_normalize(const real *x, const real *gain, const real *bias, real *y,
                                 int64_t n, row_statistics s)
{
    if (gain && bias) {
        HEED_INDEPENDENT
        for (int64_t k = 0; k < n; k++) y[k] = (x[k] - s.center) * s.rstd * gain[k] + bias[k];
    } else if (gain) {
        HEED_INDEPENDENT
        for (int64_t k = 0; k < n; k++) y[k] = (x[k] - s.center) * s.rstd * gain[k];
    } else if (bias) {
        HEED_INDEPENDENT
        for (int64_t k = 0; k < n; k++) y[k] = (x[k] - s.center) * s.rstd + bias[k];
    } else {
        HEED_INDEPENDENT
        for (int64_t k = 0; k < n; k++) y[k] = (x[k] - s.center) * s.rstd;
    }
}

/* Sums of h and of h (x - center), h = dy gain. */
static inline void row_moments(const real *x, const real *dy, const real *gain, int64_t n,
                               real center, real *sum, real *product)
{
    vec h_sum = vec_fill(0), hx_sum = vec_fill(0);
    int64_t k = 0;
    for (; k + HEED_LANES <= n; k += HEED_LANES) {
        vec h = vec_load(dy + k);
        if (gain) h *= vec_load(gain + k);
        h_sum += h;
        hx_sum += h * (vec_load(x + k) - center);
    }
    if (k < n) {
        vec h = vec_load_part(dy + k, n - k, 0);
        if (gain) h *= vec_load_part(gain + k, n - k, 0);
        h_sum += h;
        hx_sum += h * (vec_load_part(x + k, n - k, center) - center);
    }
    *sum = vec_sum_lanes(h_sum);
    *product = vec_sum_lanes(hx_sum);
}

/* dx = rstd (h - mean(h) - z mean(h z)); without mean(h) where the center does not move with x.
 * dx may be x or dy. */
static inline void row_norm_reverse(const real *x, const real *dy, const real *gain, real *dx,
                                    int64_t n, row_statistics s, bool moves)
{
    real sum, product;
    row_moments(x, dy, gain, n, s.center, &sum, &product);
    real offset = moves ? sum / (real)n : 0, slope = product / (real)n * s.rstd * s.rstd;
    if (gain) {
        HEED_INDEPENDENT
        for (int64_t k = 0; k < n; k++)
            dx[k] = s.rstd * (dy[k] * gain[k] - offset - (x[k] - s.center) * slope);
    } else {
        HEED_INDEPENDENT
        for (int64_t k = 0; k < n; k++)
            dx[k] = s.rstd * (dy[k] - offset - (x[k] - s.center) * slope);
    }
}

/* The kernels. `centered` is a constant at each call: around the mean, or around 0. */
static inline __attribute__((always_inline)) row_statistics
row_statistics_of(const real *x, int64_t n, real eps, bool centered)
{
    return row_around(x, n, centered ? row_sum(x, n) / (real)n : 0, eps);
}

static inline __attribute__((always_inline)) void norm_rows(const heed_call *call, int64_t begin,
                                                            int64_t end, bool centered)
{
    const heed_norm_attr *attr = call->attr;
    const real *x = call->in[0].data;
    const real *gain = attr->gain ? call->in[1].data : NULL;
    const real *bias = attr->bias ? call->in[1 + attr->gain].data : NULL;
    real *y = call->out.data;
    int64_t n = heed_row_length(&call->out), row;
    int64_t stop = heed_unit_rows(call, begin, end, &row);
    for (; row < stop && n > 0; row++) {
        row_statistics s = row_statistics_of(x + row * n, n, (real)attr->eps, centered);
        row_normalize(x + row * n, gain, bias, y + row * n, n, s);
    }
}

static inline __attribute__((always_inline)) void
norm_rows_reverse(const heed_call *call, int64_t begin, int64_t end, bool centered)
{
    const heed_norm_attr *attr = call->attr;
    const real *x = call->in[0].data, *dy = call->in[1].data;
    const real *gain = attr->gain ? call->in[2].data : NULL;
    real *dx = call->out.data;
    int64_t n = heed_row_length(&call->out), row;
    int64_t stop = heed_unit_rows(call, begin, end, &row);
    for (; row < stop && n > 0; row++) {
        row_statistics s = row_statistics_of(x + row * n, n, (real)attr->eps, centered);
        row_norm_reverse(x + row * n, dy + row * n, gain, dx + row * n, n, s, centered);
    }
}

#endif

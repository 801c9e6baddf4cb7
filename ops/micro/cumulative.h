/* cumulative.h - running sums and products along lines; for the stamped part of kernel files only.
 *
 * A state goes along each line in f64, so that the error does not grow with its length: those of
 * columns side by side, those of rows eight at a time. */
#ifndef HEED_OPS_MICRO_CUMULATIVE_H
#define HEED_OPS_MICRO_CUMULATIVE_H

#include "ops/cumulative.h"
#include "ops/kernel.h"

#define ABREAST 8 /* rows: as many chains of dependent operations are under way */

typedef double cumulative_step(double state, double x);

/* `width` <= HEED_STRIP columns side by side, of n elements `along` apart. */
static inline __attribute__((always_inline)) void
cumulate_columns(cumulative_step *step, double start, bool exclusive, const real *x, real *y,
                 int64_t n, int64_t along, int64_t width)
{
    double state[HEED_STRIP];
    for (int64_t c = 0; c < width; c++) state[c] = start;
    for (int64_t k = 0; k < n; k++, x += along, y += along) {
        HEED_INDEPENDENT
        for (int64_t c = 0; c < width; c++) {
            double next = step(state[c], (double)x[c]);
            y[c] = (real)(exclusive ? state[c] : next);
            state[c] = next;
        }
    }
}

/* `rows` <= ABREAST rows of n elements, a constant: their states are registers. */
static inline __attribute__((always_inline)) void cumulate_abreast(cumulative_step *step,
                                                                   double start, bool exclusive,
                                                                   const real *x, real *y, int rows,
                                                                   int64_t n, int64_t along)
{
    double state[ABREAST];
    for (int r = 0; r < rows; r++) state[r] = start;
    for (int64_t k = 0; k < n; k++, x += along, y += along) {
        for (int r = 0; r < rows; r++) {
            double next = step(state[r], (double)x[r * n]);
            y[r * n] = (real)(exclusive ? state[r] : next);
            state[r] = next;
        }
    }
}

static inline __attribute__((always_inline)) void cumulate_rows(cumulative_step *step, double start,
                                                                bool exclusive, const real *x,
                                                                real *y, int64_t rows, int64_t n,
                                                                int64_t along)
{
    int64_t r = 0;
    for (; r + ABREAST <= rows; r += ABREAST)
        cumulate_abreast(step, start, exclusive, x + r * n, y + r * n, ABREAST, n, along);
    for (; r < rows; r++)
        cumulate_abreast(step, start, exclusive, x + r * n, y + r * n, 1, n, along);
}

/* Units begin <= u < end. */
static inline __attribute__((always_inline)) void cumulate(const heed_call *call, int64_t begin,
                                                           int64_t end, cumulative_step *step,
                                                           double start, bool exclusive)
{
    const heed_cumulative_attr *attr = call->attr;
    const heed_lines l = heed_cumulative_lines(call);
    const int64_t along = attr->reverse ? -l.inner : l.inner;
    const int64_t from = attr->reverse ? (l.n - 1) * l.inner : 0;
    const real *x = (const real *)call->in[0].data + from;
    real *y = (real *)call->out.data + from;
    for (int64_t u = begin; u < end && l.n > 0; u++) {
        const heed_lines_unit unit = heed_lines_unit_at(&l, u);
        if (l.inner == 1) {
            const int64_t at = unit.first * l.n;
            cumulate_rows(step, start, exclusive, x + at, y + at, unit.last - unit.first, l.n,
                          along);
            continue;
        }
        for (int64_t b = unit.first; b < unit.last; b++) {
            const int64_t at = b * l.n * l.inner + unit.left;
            for (int64_t c = 0; c < unit.width; c += HEED_STRIP)
                cumulate_columns(step, start, exclusive, x + at + c, y + at + c, l.n, along,
                                 heed_smaller(HEED_STRIP, unit.width - c));
        }
    }
}

#endif

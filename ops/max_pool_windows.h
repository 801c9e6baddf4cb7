/* max_pool_windows.h - which elements a window has, and which of them is chosen: the first of
 * equals in row-major order, or the last NaN, as PyTorch does. For the stamped part of max_pool's
 * kernels. */
#ifndef HEED_OPS_MAX_POOL_WINDOWS_H
#define HEED_OPS_MAX_POOL_WINDOWS_H

#include <math.h>

#include "ops/kernel.h"
#include "ops/max_pool.h"

/* floor(a / b) and ceil(a / b) for b > 0. */
static inline int64_t floor_of(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static inline int64_t ceil_of(int64_t a, int64_t b)
{
    return -floor_of(-a, b);
}

/* Outputs whose tap t lies in 0 .. n - 1: begin <= o < end, at o stride + shift. */
typedef struct tap_range {
    int64_t begin, end, shift;
} tap_range;

static inline tap_range outputs_of_tap(const heed_max_pool_attr *a, int axis, int64_t t, int64_t n,
                                       int64_t outputs)
{
    const int64_t shift = t * a->dilation[axis] - a->pad[axis], stride = a->stride[axis];
    tap_range range = { ceil_of(-shift, stride), floor_of(n - 1 - shift, stride) + 1, shift };
    if (range.begin < 0) range.begin = 0;
    range.end = heed_smaller(range.end, outputs);
    return range;
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
static inline void chosen_row(const heed_max_pool_attr *a, const max_pool_sizes *z,
                              const real *plane, int64_t row, real *best, ireal *at)
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

/* Windows of 2 x 2 side by side, the common case: quads.h has all four elements at once. */
static inline bool of_quads(const heed_max_pool_attr *a, const max_pool_sizes *z)
{
    bool two = a->axes == 2 && 2 * z->rows <= z->height && 2 * z->columns <= z->width;
    for (int i = 0; i < 2; i++)
        two &= a->kernel[i] == 2 && a->stride[i] == 2 && a->dilation[i] == 1 && a->pad[i] == 0;
    return two;
}

#endif

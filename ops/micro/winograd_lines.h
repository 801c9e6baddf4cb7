/* winograd_lines.h - a line of elements of a tile, to its r + 1 points and back (winograd.h), for
 * r = 2 and 3 taps. For the stamped part of winograd.c; the compiler knows r. */
#ifndef HEED_OPS_MICRO_WINOGRAD_LINES_H
#define HEED_OPS_MICRO_WINOGRAD_LINES_H

#include "ops/micro/gemm_tile.h"

#define MOST_POINTS 16
#define MOST_TAPS 9 /* of a phase */
#define ALL_TAPS 36 /* of 6 x 6 with stride 2 */

typedef void transformation(const int r, const vec *from, int from_step, vec *to, int to_step);

static ALWAYS_INLINE void image_line(const int r, const vec *d, int s, vec *to, int t) /* B^T d */
{
    if (r == 2) {
        to[0] = d[0] - d[s];
        to[t] = d[s];
        to[2 * t] = d[s] - d[2 * s];
        return;
    }
    to[0] = d[0] - d[2 * s];
    to[t] = d[s] + d[2 * s];
    to[2 * t] = d[2 * s] - d[s];
    to[3 * t] = d[s] - d[3 * s];
}

static ALWAYS_INLINE void filter_line(const int r, const vec *w, int s, vec *to, int t) /* G w */
{
    if (r == 2) {
        to[0] = w[0];
        to[t] = w[0] + w[s];
        to[2 * t] = w[s];
        return;
    }
    const vec half = (w[0] + w[2 * s]) * (real)0.5, middle = w[s] * (real)0.5;
    to[0] = w[0];
    to[t] = half + middle;
    to[2 * t] = half - middle;
    to[3 * t] = w[2 * s];
}

static ALWAYS_INLINE void filter_line_reverse(const int r, const vec *u, int s, vec *to,
                                              int t) /* G^T u */
{
    if (r == 2) {
        to[0] = u[0] + u[s];
        to[t] = u[s] + u[2 * s];
        return;
    }
    const vec half = (u[s] + u[2 * s]) * (real)0.5;
    to[0] = u[0] + half;
    to[t] = (u[s] - u[2 * s]) * (real)0.5;
    to[2 * t] = half + u[3 * s];
}

static ALWAYS_INLINE void result_line(const int r, const vec *m, int s, vec *to, int t) /* A^T m */
{
    if (r == 2) {
        to[0] = m[0] + m[s];
        to[t] = m[s] - m[2 * s];
        return;
    }
    to[0] = m[0] + m[s] + m[2 * s];
    to[t] = m[s] - m[2 * s] - m[3 * s];
}

static ALWAYS_INLINE void result_line_reverse(const int r, const vec *y, int s, vec *to,
                                              int t) /* A y */
{
    to[0] = y[0];
    to[t] = y[0] + y[s];
    if (r == 2) {
        to[2 * t] = -y[s];
        return;
    }
    to[2 * t] = y[0] - y[s];
    to[3 * t] = -y[s];
}

/* [n, n] to [m, m], row by row. */
static ALWAYS_INLINE void both_axes(transformation *line, const int r, const int n, const int m,
                                    const vec *from, vec *to)
{
    vec half[MOST_POINTS];
    GEMM_UNROLL
    for (int i = 0; i < n; i++) line(r, from + i * n, 1, half + i * m, 1);
    GEMM_UNROLL
    for (int j = 0; j < m; j++) line(r, half + j, m, to + j, m);
}

#endif

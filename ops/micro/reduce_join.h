/* reduce_join.h - runs of elements to one number: what the reduction kernel and the ends of
 * elementwise programs share. For stamped sources. */
#ifndef HEED_OPS_MICRO_REDUCE_JOIN_H
#define HEED_OPS_MICRO_REDUCE_JOIN_H

#include <math.h>
#include <string.h>

#include "ops/common.h"
#include "ops/kernel.h"
#include "ops/micro/reduce.h"

#define SHORT (16 + HEED_LANES) /* shorter runs are reduced eight at a time */

typedef heed_reduce_kind kind_of;

static inline real start_of(kind_of kind)
{
    static const real start[] = { [HEED_REDUCE_SUM] = 0,
                                  [HEED_REDUCE_MAX] = -(real)INFINITY,
                                  [HEED_REDUCE_MIN] = (real)INFINITY,
                                  [HEED_REDUCE_PROD] = 1 };
    return start[kind];
}

/* a + b; a b; or the larger or smaller one, NaN if one is. */
static inline real join(kind_of kind, real a, real b)
{
    if (kind == HEED_REDUCE_SUM) return a + b;
    if (kind == HEED_REDUCE_PROD) return a * b;
    if (kind == HEED_REDUCE_MAX) return ((a > b) | (a != a)) ? a : b;
    return ((a < b) | (a != a)) ? a : b;
}

static inline double join_wide(kind_of kind, double a, double b)
{
    if (kind == HEED_REDUCE_SUM) return a + b;
    if (kind == HEED_REDUCE_PROD) return a * b;
    if (kind == HEED_REDUCE_MAX) return ((a > b) | (a != a)) ? a : b;
    return ((a < b) | (a != a)) ? a : b;
}

static inline vec join_vec(kind_of kind, vec a, vec b)
{
    if (kind == HEED_REDUCE_SUM) return a + b;
    if (kind == HEED_REDUCE_PROD) return a * b;
    ivec take_a = (kind == HEED_REDUCE_MAX ? a > b : a < b) | (a != a);
    return (vec)(((ivec)a & take_a) | ((ivec)b & ~take_a));
}

/* Sixteen bytes of a vector. */
typedef real piece __attribute__((vector_size(16)));
typedef ireal ipiece __attribute__((vector_size(16)));
typedef real piece_u __attribute__((vector_size(16), aligned(sizeof(real)), may_alias));
#define PIECE ((int)(16 / sizeof(real)))

static inline piece join_piece(kind_of kind, piece a, piece b)
{
    if (kind == HEED_REDUCE_SUM) return a + b;
    if (kind == HEED_REDUCE_PROD) return a * b;
    ipiece take_a = (kind == HEED_REDUCE_MAX ? a > b : a < b) | (a != a);
    return (piece)(((ipiece)a & take_a) | ((ipiece)b & ~take_a));
}

/* ---- runs that are reduced ---- */

/* The lanes of v as a tree: pieces of 16 bytes, then their lanes. */
static inline real join_lanes(kind_of kind, vec v)
{
    piece part[HEED_VECTOR_BYTES / 16];
    real lane[PIECE];
    memcpy(part, &v, sizeof part);
    for (int n = HEED_VECTOR_BYTES / 32; n > 0; n /= 2) {
        for (int k = 0; k < n; k++) part[k] = join_piece(kind, part[k], part[k + n]);
    }
    memcpy(lane, part, sizeof lane);
    for (int n = PIECE / 2; n > 0; n /= 2) {
        for (int k = 0; k < n; k++) lane[k] = join(kind, lane[k], lane[k + n]);
    }
    return lane[0];
}

/* Contiguous x[0 .. n): up to four vectors of partial results, then a tree, then what is left. */
static inline real join_block(kind_of kind, const real *x, int64_t n)
{
    const vec_u *v = (const vec_u *)x;
    int64_t i = 0, vectors = n / HEED_LANES;
    real result = start_of(kind);
    if (vectors > 0) {
        vec a = v[0];
        i = 1;
        if (vectors >= 4) {
            vec b = v[1], c = v[2], d = v[3];
            for (i = 4; i + 4 <= vectors; i += 4) {
                a = join_vec(kind, a, v[i]);
                b = join_vec(kind, b, v[i + 1]);
                c = join_vec(kind, c, v[i + 2]);
                d = join_vec(kind, d, v[i + 3]);
            }
            a = join_vec(kind, join_vec(kind, a, b), join_vec(kind, c, d));
        }
        for (; i < vectors; i++) a = join_vec(kind, a, v[i]);
        result = join_lanes(kind, a);
        i *= HEED_LANES;
    }
    for (; i < n; i++) result = join(kind, result, x[i]);
    return result;
}

/* Eight short rows side by side: eight independent chains of additions. */
static inline void join_short_rows(kind_of kind, const real *x, int64_t row_stride, int64_t n,
                                   real *result)
{
    for (int r = 0; r < 8; r++) result[r] = start_of(kind);
    for (int64_t i = 0; i < n; i++) {
        for (int r = 0; r < 8; r++) result[r] = join(kind, result[r], x[r * row_stride + i]);
    }
}

/* ---- columns of rows ---- */

#define WIDTH 256 /* columns that are reduced together: their results stay in L1 */

/* Columns of `rows` rows (1, 2 or 8) as a tree: a vector of them, sixteen bytes of them, or one. */
static inline vec join_column_vec(kind_of kind, const real *x, int64_t stride, int rows)
{
    vec v[8];
    for (int r = 0; r < rows; r++) v[r] = *(const vec_u *)(x + r * stride);
    for (int n = rows / 2; n > 0; n /= 2) {
        for (int r = 0; r < n; r++) v[r] = join_vec(kind, v[r], v[r + n]);
    }
    return v[0];
}

static inline piece join_column_piece(kind_of kind, const real *x, int64_t stride, int rows)
{
    piece v[8];
    for (int r = 0; r < rows; r++) v[r] = *(const piece_u *)(x + r * stride);
    for (int n = rows / 2; n > 0; n /= 2) {
        for (int r = 0; r < n; r++) v[r] = join_piece(kind, v[r], v[r + n]);
    }
    return v[0];
}

static inline real join_column(kind_of kind, const real *x, int64_t stride, int rows)
{
    real v[8];
    for (int r = 0; r < rows; r++) v[r] = x[r * stride];
    for (int n = rows / 2; n > 0; n /= 2) {
        for (int r = 0; r < n; r++) v[r] = join(kind, v[r], v[r + n]);
    }
    return v[0];
}

/* acc[c] = join(acc[c], x[0][c], ... x[rows - 1][c]); `fresh`: without acc[c]. Rows is constant. */
static inline void join_some(kind_of kind, real *restrict acc, const real *restrict x,
                             int64_t stride, int rows, int64_t width, bool fresh)
{
    int64_t c = 0;
    for (; c + HEED_LANES <= width; c += HEED_LANES) {
        vec all = join_column_vec(kind, x + c, stride, rows);
        vec_u *to = (vec_u *)(acc + c);
        *to = fresh ? all : join_vec(kind, *to, all);
    }
    for (; c + PIECE <= width; c += PIECE) {
        piece all = join_column_piece(kind, x + c, stride, rows);
        piece_u *to = (piece_u *)(acc + c);
        *to = fresh ? all : join_piece(kind, *to, all);
    }
    for (; c < width; c++) {
        real all = join_column(kind, x + c, stride, rows);
        acc[c] = fresh ? all : join(kind, acc[c], all);
    }
}

static inline void join_rows(kind_of kind, real *acc, const real *x, int64_t stride, int64_t rows,
                             int64_t width, bool fresh)
{
    int64_t r = 0;
    for (; r + 8 <= rows; r += 8) {
        if (fresh)
            join_some(kind, acc, x + r * stride, stride, 8, width, true);
        else
            join_some(kind, acc, x + r * stride, stride, 8, width, false);
        fresh = false;
    }
    for (; r + 2 <= rows; r += 2) {
        if (fresh)
            join_some(kind, acc, x + r * stride, stride, 2, width, true);
        else
            join_some(kind, acc, x + r * stride, stride, 2, width, false);
        fresh = false;
    }
    if (r < rows && fresh)
        join_some(kind, acc, x + r * stride, stride, 1, width, true);
    else if (r < rows)
        join_some(kind, acc, x + r * stride, stride, 1, width, false);
}

#endif

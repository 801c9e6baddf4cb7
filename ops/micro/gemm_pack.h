/* gemm_pack.h - panels of B: element (p, j) of a panel is at panel[p * width + j], columns past the
 * last are 0. For gemm.c, panel.c and convolutions, stamped with them. */
#ifndef HEED_OPS_MICRO_GEMM_PACK_H
#define HEED_OPS_MICRO_GEMM_PACK_H

#include "ops/micro/gemm_tile.h"

/* Transpose a square of registers: each round of zips rotates the bits of (row, lane) by one. */
static ALWAYS_INLINE void transpose_square(vec *x)
{
    GEMM_UNROLL
    for (int size = 1; size < LANES; size *= 2) {
        vec y[LANES];
        GEMM_UNROLL
        for (int i = 0; i < LANES / 2; i++) {
            y[2 * i] = __builtin_shufflevector(x[i], x[i + LANES / 2], ZIP_LOW);
            y[2 * i + 1] = __builtin_shufflevector(x[i], x[i + LANES / 2], ZIP_HIGH);
        }
        GEMM_UNROLL
        for (int i = 0; i < LANES; i++) x[i] = y[i];
    }
}

/* One vector's worth of columns whose elements are adjacent along k: squares are transposed. */
static inline void pack_transposed(const real *b, int64_t b_column, int64_t k, int columns,
                                   real *panel, int width)
{
    int64_t p = 0;
    if (columns == LANES)
        for (; p + LANES <= k; p += LANES) {
            vec square[LANES];
            GEMM_UNROLL
            for (int j = 0; j < LANES; j++) square[j] = *(const vec_u *)(b + j * b_column + p);
            transpose_square(square);
            GEMM_UNROLL
            for (int i = 0; i < LANES; i++) *(vec_u *)(panel + (p + i) * width) = square[i];
        }
    for (; p < k; p++)
        for (int j = 0; j < LANES; j++)
            panel[p * width + j] = j < columns ? b[j * b_column + p] : 0;
}

/* Columns that are adjacent already: worth a copy when rows of B are far apart and read often. */
static inline void pack_adjacent(const real *b, int64_t b_row, int64_t k, real *panel, int width)
{
    for (int64_t p = 0; p < k; p++) *(vec_u *)(panel + p * width) = *(const vec_u *)(b + p * b_row);
}

static inline void pack_any(const real *b, int64_t b_row, int64_t b_column, int64_t k, int columns,
                            real *panel, int width)
{
    for (int64_t p = 0; p < k; p++)
        for (int j = 0; j < LANES; j++)
            panel[p * width + j] = j < columns ? b[p * b_row + j * b_column] : 0;
}

/* k rows of `columns` columns of B into a panel of `width`, a whole number of vectors. */
static inline void pack_panel(const real *b, int64_t b_row, int64_t b_column, int64_t k,
                              int64_t columns, real *panel, int width)
{
    for (int v = 0; v < width / LANES; v++) {
        int64_t left = columns - (int64_t)v * LANES;
        int here = left > LANES ? LANES : left > 0 ? (int)left : 0;
        const real *from = b + (here > 0 ? v * LANES * b_column : 0);
        if (b_row == 1)
            pack_transposed(from, b_column, k, here, panel + v * LANES, width);
        else if (b_column == 1 && here == LANES)
            pack_adjacent(from, b_row, k, panel + v * LANES, width);
        else
            pack_any(from, b_row, b_column, k, here, panel + v * LANES, width);
    }
}

#endif

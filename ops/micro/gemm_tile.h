/* gemm_tile.h - the micro-kernel: a tile of C, rows x vectors, summed in registers. For the stamped
 * part of kernels that are products: gemm.c, panel.c, conv_sum.c, conv_weights.c. */
#ifndef HEED_OPS_MICRO_GEMM_TILE_H
#define HEED_OPS_MICRO_GEMM_TILE_H

#include "ops/micro/zip.h"

/* Tile loops are unrolled whole, so that the sums are registers; the loop over k by four. */
#ifdef __clang__
#define GEMM_UNROLL _Pragma("clang loop unroll(full)")
#define GEMM_UNROLL_4 _Pragma("clang loop unroll_count(4)")
#else
#define GEMM_UNROLL _Pragma("GCC unroll 16")
#define GEMM_UNROLL_4 _Pragma("GCC unroll 4")
#endif
#define ALWAYS_INLINE inline __attribute__((always_inline))

/* Rows of a tile two vectors wide: with the panel's two vectors and one element of A they fill 32
 * or 16 registers. Tiles of one or two rows are wider, to have enough independent sums. */
#if HEED_VECTOR_BYTES == 64
#define TILE_ROWS 14
#elif defined(__aarch64__)
#define TILE_ROWS 12
#else
#define TILE_ROWS 6
#endif
#define PANEL_VECTORS 8 /* of a tile of one row; of two rows: half of it */
#define DEEP 128        /* enough of k to spread the prefetches over */
#define TILE_VECTORS (2 * TILE_ROWS > PANEL_VECTORS ? 2 * TILE_ROWS : PANEL_VECTORS)

typedef struct tile {
    int64_t k;
    const real *a;
    int64_t a_row, a_column;
    const real *b;
    int64_t b_row;
    const int64_t *b_at; /* of multiply_tile_at(), instead of b_row: where each row of B begins */
    real *c;
    int64_t c_row;
    const real *d; /* added to the product; may be c; NULL: nothing */
    int64_t d_row;
} tile;

/* The micro-kernel: `rows` x `vectors` registers of sums. The compiler knows both, and whether the
 * rows of B are listed. */
static ALWAYS_INLINE void multiply(const bool listed, const int rows, const int vectors,
                                   const tile *t)
{
    vec sum[TILE_ROWS][PANEL_VECTORS];
    const real *a = t->a, *b = t->b;
    const int64_t a_row = t->a_row, a_column = t->a_column, b_row = listed ? 0 : t->b_row;
    const int64_t *at = t->b_at;
    int64_t p = t->k;
    GEMM_UNROLL
    for (int i = 0; i < rows; i++) {
        GEMM_UNROLL
        for (int v = 0; v < vectors; v++) {
            sum[i][v] = (vec){ 0 };
        }
    }
    /* C is on its way into the cache meanwhile; all its lines at once would hold up those of A. */
    for (int left = p < DEEP ? 0 : rows - 1; left >= 0; left--) {
        const int64_t rest = t->k * left / rows;
        GEMM_UNROLL
        for (int v = 0; v < vectors; v++) __builtin_prefetch(t->c + left * t->c_row + v * LANES, 1);
        GEMM_UNROLL_4
        for (; p > rest; p--, a += a_column, b += b_row) {
            vec right[PANEL_VECTORS];
            if (listed) b = t->b + *at++;
            GEMM_UNROLL
            for (int v = 0; v < vectors; v++) right[v] = *(const vec_u *)(b + v * LANES);
            GEMM_UNROLL
            for (int i = 0; i < rows; i++) {
                const real factor = a[i * a_row];
                GEMM_UNROLL
                for (int v = 0; v < vectors; v++) sum[i][v] += factor * right[v];
            }
        }
    }
    GEMM_UNROLL
    for (int i = 0; i < rows; i++) {
        GEMM_UNROLL
        for (int v = 0; v < vectors; v++) {
            vec_u *out = (vec_u *)(t->c + i * t->c_row + v * LANES);
            if (t->d) sum[i][v] += *(const vec_u *)(t->d + i * t->d_row + v * LANES);
            *out = sum[i][v];
        }
    }
}

static ALWAYS_INLINE void multiply_one_vector(const bool listed, int rows, const tile *t)
{
    switch (rows) {
    case 1:
        multiply(listed, 1, 1, t);
        break;
    case 2:
        multiply(listed, 2, 1, t);
        break;
    case 3:
        multiply(listed, 3, 1, t);
        break;
    case 4:
        multiply(listed, 4, 1, t);
        break;
    case 5:
        multiply(listed, 5, 1, t);
        break;
    case 6:
        multiply(listed, 6, 1, t);
        break;
#if TILE_ROWS > 6
    case 7:
        multiply(listed, 7, 1, t);
        break;
    case 8:
        multiply(listed, 8, 1, t);
        break;
    case 9:
        multiply(listed, 9, 1, t);
        break;
    case 10:
        multiply(listed, 10, 1, t);
        break;
    case 11:
        multiply(listed, 11, 1, t);
        break;
    case 12:
        multiply(listed, 12, 1, t);
        break;
#endif
#if TILE_ROWS > 12
    case 13:
        multiply(listed, 13, 1, t);
        break;
    case 14:
        multiply(listed, 14, 1, t);
        break;
#endif
    }
}

static ALWAYS_INLINE void multiply_two_vectors(const bool listed, int rows, const tile *t)
{
    switch (rows) {
    case 1:
        multiply(listed, 1, 2, t);
        break;
    case 2:
        multiply(listed, 2, 2, t);
        break;
    case 3:
        multiply(listed, 3, 2, t);
        break;
    case 4:
        multiply(listed, 4, 2, t);
        break;
    case 5:
        multiply(listed, 5, 2, t);
        break;
    case 6:
        multiply(listed, 6, 2, t);
        break;
#if TILE_ROWS > 6
    case 7:
        multiply(listed, 7, 2, t);
        break;
    case 8:
        multiply(listed, 8, 2, t);
        break;
    case 9:
        multiply(listed, 9, 2, t);
        break;
    case 10:
        multiply(listed, 10, 2, t);
        break;
    case 11:
        multiply(listed, 11, 2, t);
        break;
    case 12:
        multiply(listed, 12, 2, t);
        break;
#endif
#if TILE_ROWS > 12
    case 13:
        multiply(listed, 13, 2, t);
        break;
    case 14:
        multiply(listed, 14, 2, t);
        break;
#endif
    }
}

static ALWAYS_INLINE void multiply_any(const bool listed, int rows, int vectors, const tile *t)
{
    if (vectors == 2)
        multiply_two_vectors(listed, rows, t);
    else if (vectors == 1)
        multiply_one_vector(listed, rows, t);
    else if (rows == 1)
        multiply(listed, 1, PANEL_VECTORS, t);
    else
        multiply(listed, 2, PANEL_VECTORS / 2, t);
}

static ALWAYS_INLINE void multiply_tile(int rows, int vectors, const tile *t)
{
    multiply_any(false, rows, vectors, t);
}

/* The same with the rows of B anywhere: row p begins at b + b_at[p]. */
static ALWAYS_INLINE void multiply_tile_at(int rows, int vectors, const tile *t)
{
    multiply_any(true, rows, vectors, t);
}

/* m >= 1 rows are divided into tiles of nearly equal height, the higher ones first. */
typedef struct tiling {
    int64_t height, higher; /* tiles have one row more up to row `higher` */
} tiling;

static inline tiling tiles_of(int64_t m)
{
    const int64_t tiles = (m + TILE_ROWS - 1) / TILE_ROWS, height = m / tiles;
    return (tiling){ height, m % tiles * (height + 1) };
}

/* Of the tile that begins at `row`. */
static inline int64_t tile_height(const tiling *t, int64_t row)
{
    return t->height + (row < t->higher);
}

/* Vectors of the next panel when `left` columns remain. */
static inline int tile_vectors(int64_t m, int64_t left)
{
    const int wide = m == 1 ? PANEL_VECTORS : m == 2 ? PANEL_VECTORS / 2 : 2;
    return left >= wide * LANES ? wide : left > LANES ? 2 : 1;
}

#endif

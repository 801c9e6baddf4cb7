/* gemm.h - C[m,n] = A[m,k] B[k,n] + D[m,n] on one thread, for the kernels of ops that are products.
 *
 * Strides count elements; A, B and C may have any, also 0 and negative ones in A and B, so every
 * transpose is a matter of swapped strides. C does not overlap A or B. Fastest when the columns of
 * B and C are adjacent; the other layouts copy panels of B, never a whole operand.
 *
 * Each element of C is summed over k in an order that depends on k, on the strides and on whether A
 * or B has very few rows or columns, never on where a block of C begins or ends. */
#ifndef HEED_OPS_MICRO_GEMM_H
#define HEED_OPS_MICRO_GEMM_H

#include "ops/kernel.h"

typedef struct heed_gemm {
    int64_t m, n, k;
    const void *a;
    int64_t a_row, a_column; /* steps to the next row and to the next column */
    const void *b;
    int64_t b_row, b_column;
    int64_t b_panel; /* 0, or B is a copy in panels (heed_gemm_pack) and this is their distance */
    void *c;
    int64_t c_row, c_column;
    const void *d; /* NULL: 0; may be C with its strides, else must not overlap it */
    int64_t d_row, d_column;
    int64_t block_rows; /* rows of A kept in the cache: heed_gemm_block_rows() */
    void *scratch;      /* heed_gemm_scratch() bytes, 64-aligned */
} heed_gemm;

/* Panels: columns P j .. P j + P - 1 of B, P = HEED_GEMM_PANEL, are panel j; its row p is the P
 * elements from panel + P p on. Columns past the last are 0. Many products that read the same B,
 * or many blocks of rows of one, then need not copy it each by itself. */
#define HEED_GEMM_PANEL 32

static inline int64_t heed_gemm_panels(int64_t columns)
{
    return (columns + HEED_GEMM_PANEL - 1) / HEED_GEMM_PANEL;
}

#ifdef HEED_STAMP
void HEED_FN(gemm)(const heed_gemm *g);
/* Columns `column` .. column + P - 1 of B, rows begin .. end - 1, into their panel at `to`; of g, n
 * and the fields of B are read. */
void HEED_FN(gemm_pack)(const heed_gemm *g, int64_t column, int64_t begin, int64_t end, void *to);
#else
HEED_DECLARE_STAMPS(gemm, f32, (const heed_gemm *g));
HEED_DECLARE_STAMPS(gemm, f64, (const heed_gemm *g));
#endif

/* ---- decided once, when a program is compiled ---- */

int64_t heed_gemm_block_rows(heed_dtype dtype); /* from the size of the second-level cache */
/* Bytes for any product with at most these sizes. */
size_t heed_gemm_scratch(heed_dtype dtype, int64_t m, int64_t n, int64_t k);

/* How `products` equal products are divided into work units. A block is a part of C of one product,
 * down x across of them make up a product; a unit is one block, or several products that are small.
 * Depends on nothing but these sizes. */
typedef enum heed_gemm_cut {
    HEED_CUT_LONGER,  /* the longer side of a block is cut */
    HEED_CUT_COLUMNS, /* B will be copied, so blocks should share few of its columns */
    HEED_CUT_ROWS     /* B is small and lies in panels: rows stay whole, in the cache of the core
                         that makes them and reads them next */
} heed_gemm_cut;

typedef struct heed_gemm_split {
    int64_t units, blocks;
    int64_t rows, columns; /* of a block */
    int64_t down, across;
} heed_gemm_split;

heed_gemm_split heed_gemm_divide(int64_t products, int64_t m, int64_t n, int64_t k,
                                 heed_gemm_cut cut);

typedef struct heed_gemm_block {
    int64_t product;
    int64_t row, rows, column, columns;
} heed_gemm_block;

/* Unit u computes the blocks heed_gemm_first(split, u) .. heed_gemm_first(split, u + 1) - 1. */
int64_t heed_gemm_first(const heed_gemm_split *split, int64_t unit);
heed_gemm_block heed_gemm_block_at(const heed_gemm_split *split, int64_t number, int64_t m,
                                   int64_t n);

#endif

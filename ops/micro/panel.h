/* panel.h - C[m, n] (+)= A[m, k] B[k, n] on blocks that a kernel keeps in the caches by itself: the
 * register tiles of gemm.c without its blocking and copying, for kernels that do something between
 * two products. Every element is summed over k in ascending order by one chain. */
#ifndef HEED_OPS_MICRO_PANEL_H
#define HEED_OPS_MICRO_PANEL_H

#include "ops/kernel.h"

/* A may be known to be 0 outside of a band: only elements (i, p) with first <= p - i < last count.
 * Of the others those less than HEED_PANEL_MARGIN away from the band may be read, and must be 0. B
 * and C are read and written by whole vectors: n columns, rounded up. */
#define HEED_PANEL_MARGIN 16
typedef struct heed_panel {
    int64_t m, n, k;
    int64_t first, last; /* HEED_BAND_OPEN: everything counts */
    const void *a;
    int64_t a_row, a_column; /* any strides */
    const void *b;
    int64_t b_row; /* columns of B and C are adjacent */
    void *c;
    int64_t c_row;
    bool accumulate;
} heed_panel;

#define HEED_BAND_OPEN (INT64_MAX / 4)

/* columns <= 2 vectors of B, B's element (p, j) at b[p * b_row + j * b_column], to
 * panel[p * width + j], width one or two whole vectors; what is past the last column is 0. */
typedef struct heed_panel_copy {
    int64_t k, columns;
    const void *b;
    int64_t b_row, b_column;
    void *panel;
} heed_panel_copy;

#ifdef HEED_STAMP
void HEED_FN(panel_multiply)(const heed_panel *p);
void HEED_FN(panel_pack)(const heed_panel_copy *p);
#endif

#endif

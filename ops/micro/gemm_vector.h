/* gemm_vector.h - c[i] = d[i] + sum_p a[i, p] x[p] when the elements of a row are adjacent. Private
 * to gemm.c, stamped with it. */
#ifndef HEED_OPS_MICRO_GEMM_VECTOR_H
#define HEED_OPS_MICRO_GEMM_VECTOR_H

#include "ops/micro/gemm_pack.h"

/* sum[i] = lane sums of row i times x; the last vector overlaps its predecessor. k >= LANES. */
static ALWAYS_INLINE void dot_rows(const int rows, const real *a, int64_t a_row, const real *x,
                                   int64_t k, vec *sum)
{
    vec even[4], odd[4];
    int64_t p = 0;
    GEMM_UNROLL
    for (int i = 0; i < rows; i++) even[i] = odd[i] = (vec){ 0 };
    for (; p + 2 * LANES <= k; p += 2 * LANES) {
        const vec first = *(const vec_u *)(x + p), second = *(const vec_u *)(x + p + LANES);
        GEMM_UNROLL
        for (int i = 0; i < rows; i++) {
            even[i] += *(const vec_u *)(a + i * a_row + p) * first;
            odd[i] += *(const vec_u *)(a + i * a_row + p + LANES) * second;
        }
    }
    if (p + LANES <= k) {
        const vec first = *(const vec_u *)(x + p);
        GEMM_UNROLL
        for (int i = 0; i < rows; i++) even[i] += *(const vec_u *)(a + i * a_row + p) * first;
        p += LANES;
    }
    if (p < k) {
        ivec keep;
        for (int j = 0; j < LANES; j++) keep[j] = j >= LANES - (k - p) ? -1 : 0;
        p = k - LANES;
        const vec last = (vec)(*(const ivec_u *)(x + p) & keep);
        GEMM_UNROLL
        for (int i = 0; i < rows; i++)
            odd[i] += (vec)(*(const ivec_u *)(a + i * a_row + p) & keep) * last;
    }
    GEMM_UNROLL
    for (int i = 0; i < rows; i++) sum[i] = even[i] + odd[i];
}

/* Where sums go: c[i c_row] = sum + d[i d_row], d NULL: sum. */
typedef struct matrix_vector_sums {
    real *c;
    int64_t c_row;
    const real *d;
    int64_t d_row;
} matrix_vector_sums;

static void put(const matrix_vector_sums *to, int64_t i, real sum)
{
    to->c[i * to->c_row] = to->d ? sum + to->d[i * to->d_row] : sum;
}

/* c[i] = d[i] + sum_p a[i, p] x[p]. Lanes are added in the same order for every row. */
static void matrix_vector(int64_t m, int64_t k, const real *a, int64_t a_row, const real *x,
                          const matrix_vector_sums *to)
{
    int64_t i = 0;
    for (; i + LANES <= m; i += LANES) {
        vec sum[LANES];
        const int step = LANES < 4 ? LANES : 4;
        for (int j = 0; j < LANES; j += step)
            dot_rows(step, a + (i + j) * a_row, a_row, x, k, sum + j);
        transpose_square(sum);
        GEMM_UNROLL
        for (int half = LANES / 2; half > 0; half /= 2) {
            GEMM_UNROLL
            for (int j = 0; j < half; j++) sum[j] += sum[j + half];
        }
        for (int j = 0; j < LANES; j++) put(to, i + j, sum[0][j]);
    }
    for (; i < m; i++) {
        vec sum;
        dot_rows(1, a + i * a_row, a_row, x, k, &sum);
        for (int half = LANES / 2; half > 0; half /= 2)
            for (int j = 0; j < half; j++) sum[j] += sum[j + half];
        put(to, i, sum[0]);
    }
}

#endif

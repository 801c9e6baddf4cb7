/* spectrum.h - eigenvalues of small symmetric matrices, and what is measured by them: singular
 * values, the distance of two normal distributions. Dense, row-major, in double precision. */
#ifndef HEED_MODELS_DATA_SPECTRUM_H
#define HEED_MODELS_DATA_SPECTRUM_H

#include "tensor/tensor.h"

/* Cyclic Jacobi: a [n, n], symmetric, becomes diagonal; `value` [n] are its eigenvalues, in no
 * order, and column k of `vector` [n, n] (unless NULL) belongs to value[k]. */
void heed_symmetric_eigen(double *a, int64_t n, double *value, double *vector);

/* The largest singular value of w [d0, ..] as a matrix [d0, the rest]: the root of the largest
 * eigenvalue of the smaller of W W' and W' W. return: -1 without memory. */
double heed_largest_singular_value(const heed_view *w);

/* Sums over examples of vectors x [n], and of x x'. */
typedef struct heed_moments {
    int64_t n, count;
    double *sum, *product; /* [n], [n, n] */
} heed_moments;
bool heed_moments_new(heed_moments *moments,
                      int64_t n); /* false: no memory. Free it all the same */
void heed_moments_free(heed_moments *moments);
void heed_moments_clear(heed_moments *moments);
void heed_moments_add(heed_moments *moments, const double *x);
/* sum x_i / count; with at least one example. */
double heed_moments_mean(const heed_moments *moments, int64_t i);
/* sum (x_i - mean_i) (x_j - mean_j) / (count - 1); 0 with fewer than two examples. */
double heed_moments_covariance(const heed_moments *moments, int64_t i, int64_t j);

/* |m_a - m_b|^2 + trace(A + B - 2 (A B)^(1/2)), for means m and covariances A, B: the Frechet
 * distance of two normal distributions. Dowson, Landau 1982; of features, Heusel et al. 2017.
 * return: -1 without memory, or with fewer than two examples. */
double heed_frechet_distance(const heed_moments *a, const heed_moments *b);

#endif

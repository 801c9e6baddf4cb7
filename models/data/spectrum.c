/* spectrum.c - Jacobi's rotations, and what they are good for. */
#include "models/data/spectrum.h"

#include <math.h>
#include <string.h>

#include "tensor/memory.h"

/* ---- eigenvalues ---- */

/* The rotation of axes p and q that makes a[p, q] zero. */
static void rotate(double *a, int64_t n, double *vector, int64_t p, int64_t q)
{
    const double apq = a[p * n + q];
    const double theta = (a[q * n + q] - a[p * n + p]) / (2 * apq);
    const double t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1));
    const double cosine = 1 / sqrt(t * t + 1), sine = t * cosine;
    for (int64_t k = 0; k < n; k++) { /* columns */
        const double kp = a[k * n + p], kq = a[k * n + q];
        a[k * n + p] = cosine * kp - sine * kq;
        a[k * n + q] = sine * kp + cosine * kq;
    }
    for (int64_t k = 0; k < n; k++) { /* rows */
        const double pk = a[p * n + k], qk = a[q * n + k];
        a[p * n + k] = cosine * pk - sine * qk;
        a[q * n + k] = sine * pk + cosine * qk;
    }
    for (int64_t k = 0; vector && k < n; k++) {
        const double kp = vector[k * n + p], kq = vector[k * n + q];
        vector[k * n + p] = cosine * kp - sine * kq;
        vector[k * n + q] = sine * kp + cosine * kq;
    }
}

void heed_symmetric_eigen(double *a, int64_t n, double *value, double *vector)
{
    enum { SWEEPS = 60 }; /* it converges quadratically: about 10 are needed */
    double all = 0;
    for (int64_t i = 0; i < n * n; i++) all += a[i] * a[i];
    if (vector) memset(vector, 0, (size_t)(n * n) * sizeof *vector);
    for (int64_t i = 0; vector && i < n; i++) vector[i * n + i] = 1;
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        double off = 0;
        for (int64_t p = 0; p < n; p++)
            for (int64_t q = p + 1; q < n; q++) off += a[p * n + q] * a[p * n + q];
        if (!(off > 1e-30 * all)) break;
        for (int64_t p = 0; p < n; p++)
            for (int64_t q = p + 1; q < n; q++)
                if (fabs(a[p * n + q]) > 0) rotate(a, n, vector, p, q);
    }
    for (int64_t i = 0; i < n; i++) value[i] = a[i * n + i];
}

double heed_largest_singular_value(const heed_view *w)
{
    const int64_t rows = w->shape.dim[0], columns = heed_count(&w->shape) / rows;
    const bool wide = columns > rows;
    const int64_t n = wide ? rows : columns, length = wide ? columns : rows;
    const int64_t step = wide ? columns : 1, along = wide ? 1 : columns; /* in w, of both indices */
    double *gram = heed_alloc((size_t)(n * n + n) * sizeof *gram), largest = 0;
    if (!gram) return -1;
    double *value = gram + n * n;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j <= i; j++) {
            double sum = 0;
            for (int64_t k = 0; k < length; k++)
                sum += heed_get(w, i * step + k * along) * heed_get(w, j * step + k * along);
            gram[i * n + j] = gram[j * n + i] = sum;
        }
    heed_symmetric_eigen(gram, n, value, NULL);
    for (int64_t i = 0; i < n; i++) largest = fmax(largest, value[i]);
    heed_free(gram);
    return sqrt(largest);
}

/* ---- means and covariances ---- */

bool heed_moments_new(heed_moments *m, int64_t n)
{
    *m = (heed_moments){ .n = n };
    m->sum = heed_alloc((size_t)n * sizeof *m->sum);
    m->product = heed_alloc((size_t)(n * n) * sizeof *m->product);
    if (!m->sum || !m->product) return false;
    heed_moments_clear(m);
    return true;
}

void heed_moments_free(heed_moments *m)
{
    heed_free(m->sum);
    heed_free(m->product);
    *m = (heed_moments){ .n = 0 };
}

void heed_moments_clear(heed_moments *m)
{
    m->count = 0;
    memset(m->sum, 0, (size_t)m->n * sizeof *m->sum);
    memset(m->product, 0, (size_t)(m->n * m->n) * sizeof *m->product);
}

void heed_moments_add(heed_moments *m, const double *x)
{
    m->count++;
    for (int64_t i = 0; i < m->n; i++) {
        m->sum[i] += x[i];
        for (int64_t j = 0; j < m->n; j++) m->product[i * m->n + j] += x[i] * x[j];
    }
}

double heed_moments_mean(const heed_moments *m, int64_t i)
{
    return m->sum[i] / (double)m->count;
}

double heed_moments_covariance(const heed_moments *m, int64_t i, int64_t j)
{
    const double count = (double)m->count;
    const double means = heed_moments_mean(m, i) * heed_moments_mean(m, j);
    return count < 2 ? 0 : (m->product[i * m->n + j] - count * means) / (count - 1);
}

/* ---- the distance ---- */

/* root [n, n] = the symmetric root of a, which is destroyed; `work` holds n n + n numbers. */
static void root_of(double *a, int64_t n, double *root, double *work)
{
    double *vector = work, *value = work + n * n;
    heed_symmetric_eigen(a, n, value, vector);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) {
            double sum = 0;
            for (int64_t k = 0; k < n; k++)
                sum += vector[i * n + k] * sqrt(fmax(value[k], 0)) * vector[j * n + k];
            root[i * n + j] = sum;
        }
}

/* to = x y, [n, n] each. */
static void multiply(const double *x, const double *y, int64_t n, double *to)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) {
            double sum = 0;
            for (int64_t k = 0; k < n; k++) sum += x[i * n + k] * y[k * n + j];
            to[i * n + j] = sum;
        }
}

/* A B has the eigenvalues of R B R for R = A^(1/2), which is symmetric: the trace of its root is
 * the sum of their roots. */
double heed_frechet_distance(const heed_moments *a, const heed_moments *b)
{
    const int64_t n = a->n, square = n * n;
    if (n != b->n || a->count < 2 || b->count < 2) return -1;
    double *root = heed_alloc((size_t)(4 * square + n) * sizeof *root), distance = 0;
    if (!root) return -1;
    double *other = root + square, *product = root + 2 * square, *work = root + 3 * square;
    for (int64_t i = 0; i < square; i++) other[i] = heed_moments_covariance(a, i / n, i % n);
    root_of(other, n, root, work);
    for (int64_t i = 0; i < square; i++) other[i] = heed_moments_covariance(b, i / n, i % n);
    multiply(root, other, n, product);
    multiply(product, root, n, other);
    heed_symmetric_eigen(other, n, work, NULL);
    for (int64_t i = 0; i < n; i++) {
        const double between = heed_moments_mean(a, i) - heed_moments_mean(b, i);
        distance += between * between + heed_moments_covariance(a, i, i) +
                    heed_moments_covariance(b, i, i) - 2 * sqrt(fmax(work[i], 0));
    }
    heed_free(root);
    return distance;
}

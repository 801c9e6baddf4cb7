/* init.c - how a parameter starts: a function of (store seed, name). */
#include <math.h>
#include <string.h>

#include "graph/init.h"
#include "tensor/memory.h"
#include "tensor/rng.h"

/* Fan of a weight [in, out] is (in, out); of a filter [out, in, taps...] it is (in x taps,
 * out x taps); of a vector [d] it is (d, d). */
static void fans(const heed_shape *shape, double *in, double *out)
{
    double taps = 1;
    for (int i = 2; i < shape->rank; i++) taps *= (double)shape->dim[i];
    if (shape->rank == 0) {
        *in = *out = 1;
    } else if (shape->rank == 1) {
        *in = *out = (double)shape->dim[0];
    } else if (shape->rank == 2) {
        *in = (double)shape->dim[0];
        *out = (double)shape->dim[1];
    } else {
        *in = (double)shape->dim[1] * taps;
        *out = (double)shape->dim[0] * taps;
    }
}

/* Make the rows of q (n x m, n <= m, row-major) orthonormal: Gram-Schmidt, twice for accuracy. */
static void orthonormal_rows(double *q, int64_t n, int64_t m, int64_t row_stride, int64_t stride)
{
    for (int64_t i = 0; i < n; i++) {
        double *row = q + i * row_stride;
        for (int pass = 0; pass < 2; pass++)
            for (int64_t j = 0; j < i; j++) {
                const double *other = q + j * row_stride;
                double dot = 0;
                for (int64_t k = 0; k < m; k++) dot += row[k * stride] * other[k * stride];
                for (int64_t k = 0; k < m; k++) row[k * stride] -= dot * other[k * stride];
            }
        double norm = 0;
        for (int64_t k = 0; k < m; k++) norm += row[k * stride] * row[k * stride];
        norm = norm > 0 ? 1 / sqrt(norm) : 0;
        for (int64_t k = 0; k < m; k++) row[k * stride] *= norm;
    }
}

/* A matrix [rows, columns]; wide ones whose columns are a multiple of rows (the gates of a
 * recurrent cell) get one orthogonal square per block. */
static bool fill_orthogonal(heed_rng *rng, const heed_view *view, double gain, heed_error *error)
{
    heed_shape shape = view->shape;
    int64_t rows = shape.rank ? shape.dim[0] : 1, columns = 1;
    for (int i = 1; i < shape.rank; i++) columns *= shape.dim[i];
    if (rows == 0 || columns == 0) return true;
    double *q = heed_alloc_array((size_t)(rows * columns), sizeof *q);
    if (!q) return heed_fail(error, "no memory for an orthogonal start");
    for (int64_t i = 0; i < rows * columns; i++) q[i] = heed_random_normal(rng);
    int64_t block = columns % rows == 0 ? rows : columns;
    for (int64_t at = 0; at < columns; at += block) {
        if (rows <= block)
            orthonormal_rows(q + at, rows, block, columns, 1);
        else
            orthonormal_rows(q + at, block, rows, 1, columns);
    }
    for (int64_t i = 0; i < rows * columns; i++) heed_set(view, i, gain * q[i]);
    heed_free(q);
    return true;
}

static bool fill_by_rule(const heed_init *init, uint64_t seed, const char *name,
                         const heed_view *view, heed_error *error)
{
    const char *stream = init->as ? init->as : name;
    heed_rng rng = heed_rng_new(seed, heed_hash(stream, strlen(stream), 0));
    double in, out, a = init->a ? init->a : 1;
    fans(&view->shape, &in, &out);
    if (init->fan_in > 0) in = (double)init->fan_in;
    double bound = in > 0 ? 1 / sqrt(in) : 0;
    switch (init->rule) {
    case HEED_INIT_DEFAULT:
        heed_fill_uniform(&rng, view, -bound, bound);
        return true;
    case HEED_INIT_CONSTANT:
        heed_view_fill(view, init->a);
        return true;
    case HEED_INIT_UNIFORM:
        heed_fill_uniform(&rng, view, init->a, init->b);
        return true;
    case HEED_INIT_NORMAL:
        heed_fill_normal(&rng, view, init->a, init->b);
        return true;
    case HEED_INIT_GLOROT:
        bound = in + out > 0 ? a * sqrt(6 / (in + out)) : 0;
        heed_fill_uniform(&rng, view, -bound, bound);
        return true;
    case HEED_INIT_ORTHOGONAL:
        return fill_orthogonal(&rng, view, a, error);
    }
    return heed_fail(error, "unknown init rule %d", (int)init->rule);
}

bool heed_init_fill(const heed_init *init, uint64_t seed, const char *name, const heed_view *view,
                    heed_error *error)
{
    if (!fill_by_rule(init, seed, name, view, error)) return false;
    if (init->fill) init->fill(view, init->context);
    return true;
}

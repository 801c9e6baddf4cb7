/* shape.c - element types and shapes.
 *
 * A valid shape has rank 0 .. HEED_MAX_RANK and dimensions >= 0, and the product of its non-zero
 * dimensions fits: heed_count_checked() is the test, whoever takes shapes from outside calls it. */
#include "tensor/shape.h"

#include <inttypes.h>
#include <stdio.h>

size_t heed_dtype_size(heed_dtype dtype)
{
    return dtype == HEED_F64 ? 8 : 4;
}

const char *heed_dtype_name(heed_dtype dtype)
{
    static const char *const names[HEED_N_DTYPES] = { "f32", "f64", "i32" };
    return (unsigned)dtype < HEED_N_DTYPES ? names[dtype] : "?";
}

heed_shape heed_shape_of(const int64_t *dim, int rank)
{
    heed_shape shape = { .rank = rank };
    if (rank < 0 || rank > HEED_MAX_RANK) return (heed_shape){ .rank = -1 };
    for (int i = 0; i < rank; i++) shape.dim[i] = dim[i];
    return shape;
}

heed_shape heed_scalar(void)
{
    return (heed_shape){ .rank = 0 };
}

int64_t heed_count(const heed_shape *shape)
{
    if (shape->rank < 0) return 0;
    int64_t count = 1;
    for (int i = 0; i < shape->rank; i++) {
        if (shape->dim[i] == 0) return 0;
        if (__builtin_mul_overflow(count, shape->dim[i], &count)) count = INT64_MAX;
    }
    return count;
}

bool heed_count_checked(const heed_shape *shape, size_t size, size_t *bytes)
{
    if (shape->rank < 0 || shape->rank > HEED_MAX_RANK) return false;
    int64_t product = 1; /* of the non-zero dimensions: strides must fit as well */
    bool empty = false;
    for (int i = 0; i < shape->rank; i++) {
        if (shape->dim[i] < 0) return false;
        if (shape->dim[i] == 0) {
            empty = true;
        } else if (__builtin_mul_overflow(product, shape->dim[i], &product)) {
            return false;
        }
    }
    size_t total;
    if ((uint64_t)product > SIZE_MAX) return false;
    if (__builtin_mul_overflow((size_t)product, size, &total) || total > PTRDIFF_MAX) return false;
    *bytes = empty ? 0 : total;
    return true;
}

bool heed_shape_equal(const heed_shape *a, const heed_shape *b)
{
    if (a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++) {
        if (a->dim[i] != b->dim[i]) return false;
    }
    return true;
}

bool heed_axis(const heed_shape *shape, int *axis)
{
    if (*axis < -shape->rank || *axis >= shape->rank) return false;
    if (*axis < 0) *axis += shape->rank;
    return true;
}

bool heed_broadcast(const heed_shape *a, const heed_shape *b, heed_shape *out)
{
    if (a->rank < 0 || b->rank < 0) return false;
    heed_shape result = { .rank = a->rank > b->rank ? a->rank : b->rank };
    for (int i = 1; i <= result.rank; i++) { /* i-th axis from the right */
        int64_t m = i <= a->rank ? a->dim[a->rank - i] : 1;
        int64_t n = i <= b->rank ? b->dim[b->rank - i] : 1;
        if (m != n && m != 1 && n != 1) return false;
        result.dim[result.rank - i] = m == 1 ? n : m;
    }
    *out = result;
    return true;
}

const char *heed_shape_print(const heed_shape *shape, char *text, size_t size)
{
    char *at = text;
    size_t left = size;
    for (int i = -1; i <= shape->rank; i++) {
        int length;
        if (i < 0) {
            length = snprintf(at, left, shape->rank < 0 ? "[?" : "[");
        } else if (i < shape->rank) {
            length = snprintf(at, left, "%s%" PRId64, i ? ", " : "", shape->dim[i]);
        } else {
            length = snprintf(at, left, "]");
        }
        if (length < 0 || (size_t)length >= left) break; /* cut, and closed by snprintf */
        at += length;
        left -= (size_t)length;
    }
    return text;
}

/* shape.h - element types, shapes, strides. Plain values, no memory. */
#ifndef HEED_TENSOR_SHAPE_H
#define HEED_TENSOR_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum heed_dtype { HEED_F32, HEED_F64, HEED_I32, HEED_N_DTYPES } heed_dtype;

size_t heed_dtype_size(heed_dtype dtype);      /* bytes */
const char *heed_dtype_name(heed_dtype dtype); /* "f32", "f64", "i32" */
static inline bool heed_is_real(heed_dtype dtype)
{
    return dtype != HEED_I32;
}

#define HEED_MAX_RANK 8

typedef struct heed_shape {
    int rank; /* 0 is a scalar: one element */
    int64_t dim[HEED_MAX_RANK];
} heed_shape;

/* HEED_SHAPE(2, 3) is the shape [2, 3]; heed_scalar() is []. */
#define HEED_SHAPE(...)                       \
    heed_shape_of((int64_t[]){ __VA_ARGS__ }, \
                  (int)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)))
heed_shape heed_shape_of(const int64_t *dim, int rank); /* more than 8 axes: rank -1, not valid */
heed_shape heed_scalar(void);

int64_t heed_count(const heed_shape *shape); /* number of elements       */
bool heed_count_checked(const heed_shape *shape, size_t size, size_t *bytes); /* false: overflow */
bool heed_shape_equal(const heed_shape *a, const heed_shape *b);
bool heed_axis(const heed_shape *shape, int *axis); /* -1 -> rank - 1; false: out of range */

/* NumPy broadcasting: align right, 1 stretches. return: false when a and b don't fit. */
bool heed_broadcast(const heed_shape *a, const heed_shape *b, heed_shape *out);

/* "[2, 3]"; return: `text`, which has room for `size` bytes (HEED_SHAPE_TEXT is enough). */
#define HEED_SHAPE_TEXT 192
const char *heed_shape_print(const heed_shape *shape, char *text, size_t size);

#endif

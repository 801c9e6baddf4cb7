/* tensor.h - numbers in memory: a view says how to read them, a tensor owns them. */
#ifndef HEED_TENSOR_TENSOR_H
#define HEED_TENSOR_TENSOR_H

#include "tensor/error.h"
#include "tensor/shape.h"

/* Borrowed memory: element (i0, i1, ...) is at data + (i0 * stride[0] + ...) * element size.
 * Strides count elements and may be 0 (broadcast) or negative. */
typedef struct heed_view {
    void *data;
    heed_dtype dtype;
    heed_shape shape;
    int64_t stride[HEED_MAX_RANK];
} heed_view;

/* Owned memory: dense, row-major. Views of it live as long as it does. */
typedef struct heed_tensor {
    heed_view view;
} heed_tensor;

/* Zero-filled. return: NULL with `error` set when a dimension is negative, the size overflows or
 * there is no memory. The caller frees it with heed_tensor_free (NULL is allowed). */
heed_tensor *heed_tensor_new(heed_dtype dtype, const heed_shape *shape, heed_error *error);
void heed_tensor_free(heed_tensor *tensor);

/* ---- views: no memory is touched ---- */

heed_view heed_view_of(void *data, heed_dtype dtype, const heed_shape *shape); /* dense */
bool heed_is_dense(const heed_view *view); /* row-major without gaps */
heed_view heed_view_permute(const heed_view *view, const int *axes);
heed_view heed_view_slice(const heed_view *view, int axis, int64_t start, int64_t step,
                          int64_t count);
/* false: the strides of `view` cannot express `shape` without a copy. Element counts are equal. */
bool heed_view_reshape(const heed_view *view, const heed_shape *shape, heed_view *out);
/* Broadcast to `shape` (NumPy rules) with zero strides; the caller has checked that it fits. */
heed_view heed_view_expand(const heed_view *view, const heed_shape *shape);

/* ---- elements, slowly (for tests, printing, small work); `index` counts row-major ---- */

double heed_get(const heed_view *view, int64_t index);
void heed_set(const heed_view *view, int64_t index, double value);
void heed_view_fill(const heed_view *view, double value);
void heed_view_copy(const heed_view *to, const heed_view *from); /* equal shapes; converts dtype */

/* Text like NumPy's, with "..." in the middle of long axes. Writes at most `size` bytes with the
 * final 0. return: length of the whole text (as snprintf). */
int heed_tensor_print(const heed_view *view, char *text, size_t size);

#endif

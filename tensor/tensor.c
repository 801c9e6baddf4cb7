/* tensor.c - owned memory, views of it, and elements one at a time.
 *
 * Work on elements goes row by row: `rows` walks the outer axes and hands runs of the last axis to
 * a loop with one stride. Rows of different dtypes meet in a small buffer of doubles, which hold
 * every f32 and i32 exactly; rows of equal dtype are copied bit by bit. */
#include "tensor/tensor.h"

#include <math.h>
#include <string.h>

#include "tensor/memory.h"

/* ---- owning ---- */

/* The struct and its data share one block; the data starts at the next aligned byte. */
#define DATA_AT \
    ((sizeof(heed_tensor) + HEED_ALIGNMENT - 1) / HEED_ALIGNMENT * (size_t)HEED_ALIGNMENT)

heed_tensor *heed_tensor_new(heed_dtype dtype, const heed_shape *shape, heed_error *error)
{
    char text[HEED_SHAPE_TEXT];
    size_t bytes;
    if ((unsigned)dtype >= HEED_N_DTYPES) {
        heed_fail(error, "tensor_new: %d is not an element type", (int)dtype);
        return NULL;
    }
    for (int i = 0; i < shape->rank && i < HEED_MAX_RANK; i++) {
        if (shape->dim[i] < 0) {
            heed_fail(error, "tensor_new: axis %d of shape %s is negative", i,
                      heed_shape_print(shape, text, sizeof text));
            return NULL;
        }
    }
    if (!heed_count_checked(shape, heed_dtype_size(dtype), &bytes)) {
        heed_fail(error, "tensor_new: shape %s of %s is too large or has more than %d axes",
                  heed_shape_print(shape, text, sizeof text), heed_dtype_name(dtype),
                  HEED_MAX_RANK);
        return NULL;
    }
    char *block = heed_alloc(DATA_AT + bytes);
    if (!block) {
        heed_fail(error, "tensor_new: no memory for %zu bytes (shape %s, %s)", bytes,
                  heed_shape_print(shape, text, sizeof text), heed_dtype_name(dtype));
        return NULL;
    }
    heed_tensor *tensor = (heed_tensor *)(void *)block;
    tensor->view = heed_view_of(block + DATA_AT, dtype, shape);
    return tensor;
}

void heed_tensor_free(heed_tensor *tensor)
{
    heed_free(tensor);
}

/* ---- views ---- */

/* Address of the element `offset` elements away. No arithmetic on NULL, which empty views hold. */
static void *at(const heed_view *view, int64_t offset)
{
    if (offset == 0) return view->data;
    return (char *)view->data + offset * (int64_t)heed_dtype_size(view->dtype);
}

static void dense_strides(const heed_shape *shape, int64_t *stride)
{
    uint64_t step = 1;
    for (int i = shape->rank - 1; i >= 0; i--) {
        stride[i] = (int64_t)step;
        step *= (uint64_t)(shape->dim[i] > 0 ? shape->dim[i] : 1);
    }
}

heed_view heed_view_of(void *data, heed_dtype dtype, const heed_shape *shape)
{
    heed_view view = { .data = data, .dtype = dtype, .shape = *shape };
    dense_strides(shape, view.stride);
    return view;
}

bool heed_is_dense(const heed_view *view)
{
    if (heed_count(&view->shape) == 0) return true;
    int64_t step = 1;
    for (int i = view->shape.rank - 1; i >= 0; i--) {
        if (view->shape.dim[i] == 1) continue; /* its stride is never used */
        if (view->stride[i] != step) return false;
        step *= view->shape.dim[i];
    }
    return true;
}

heed_view heed_view_permute(const heed_view *view, const int *axes)
{
    heed_view out = *view;
    for (int i = 0; i < view->shape.rank; i++) {
        out.shape.dim[i] = view->shape.dim[axes[i]];
        out.stride[i] = view->stride[axes[i]];
    }
    return out;
}

heed_view heed_view_slice(const heed_view *view, int axis, int64_t start, int64_t step,
                          int64_t count)
{
    heed_view out = *view;
    if (count > 0) out.data = at(view, start * view->stride[axis]);
    out.shape.dim[axis] = count;
    out.stride[axis] = step * view->stride[axis];
    return out;
}

/* Old axes [i, j) and new axes [m, n) with the same product: the old ones must be one run of equal
 * steps, then the new ones divide it. return: false when they are not. */
static bool reshape_group(const heed_view *old, int i, int j, heed_view *out, int m, int n)
{
    int64_t step = 0;
    bool any = false;
    for (int k = j - 1; k >= i; k--) { /* innermost first */
        if (old->shape.dim[k] == 1) continue;
        if (any && old->stride[k] != step) return false;
        if (!any) out->stride[n - 1] = old->stride[k];
        any = true;
        step = old->stride[k] * old->shape.dim[k];
    }
    if (!any) out->stride[n - 1] = 1;
    for (int k = n - 2; k >= m; k--) out->stride[k] = out->stride[k + 1] * out->shape.dim[k + 1];
    return true;
}

bool heed_view_reshape(const heed_view *view, const heed_shape *shape, heed_view *out)
{
    int64_t count = heed_count(&view->shape);
    if (shape->rank < 0 || heed_count(shape) != count) return false;
    heed_view result = heed_view_of(view->data, view->dtype, shape);
    int old_rank = view->shape.rank, new_rank = shape->rank, i = 0, m = 0;
    if (count == 0) {
        *out = result;
        return true;
    }
    while (i < old_rank && m < new_rank) {
        int j = i + 1, n = m + 1;
        int64_t p = view->shape.dim[i], q = shape->dim[m];
        while (p != q) {
            if (p < q)
                p *= view->shape.dim[j++];
            else
                q *= shape->dim[n++];
        }
        if (!reshape_group(view, i, j, &result, m, n)) return false;
        i = j;
        m = n;
    }
    *out = result; /* axes left over have length 1: any stride will do */
    return true;
}

heed_view heed_view_expand(const heed_view *view, const heed_shape *shape)
{
    heed_view out = { .data = view->data, .dtype = view->dtype, .shape = *shape };
    int shift = shape->rank - view->shape.rank; /* new axes on the left: stride 0 */
    for (int i = 0; i < view->shape.rank; i++) {
        bool same = view->shape.dim[i] == shape->dim[i + shift];
        out.stride[i + shift] = same ? view->stride[i] : 0;
    }
    return out;
}

/* ---- rows ---- */

typedef struct row {
    char *data;
    heed_dtype dtype;
    int64_t stride; /* elements */
} row;

static void load(row from, int64_t n, double *to)
{
    const float *f = (const void *)from.data;
    const double *d = (const void *)from.data;
    const int32_t *k = (const void *)from.data;
    int64_t s = from.stride;
    switch (from.dtype) {
    case HEED_F32:
        for (int64_t i = 0; i < n; i++) to[i] = (double)f[i * s];
        break;
    case HEED_F64:
        for (int64_t i = 0; i < n; i++) to[i] = d[i * s];
        break;
    default:
        for (int64_t i = 0; i < n; i++) to[i] = k[i * s];
        break;
    }
}

/* Towards zero, and to the nearest end of the range; NaN is 0. */
static int32_t to_i32(double value)
{
    if (isnan(value)) return 0;
    if (value <= INT32_MIN) return INT32_MIN;
    return value >= INT32_MAX ? INT32_MAX : (int32_t)value;
}

static void store(row to, int64_t n, const double *from)
{
    float *f = (void *)to.data;
    double *d = (void *)to.data;
    int32_t *k = (void *)to.data;
    int64_t s = to.stride;
    switch (to.dtype) {
    case HEED_F32:
        for (int64_t i = 0; i < n; i++) f[i * s] = (float)from[i];
        break;
    case HEED_F64:
        for (int64_t i = 0; i < n; i++) d[i * s] = from[i];
        break;
    default:
        for (int64_t i = 0; i < n; i++) k[i * s] = to_i32(from[i]);
        break;
    }
}

static void copy_row(row to, row from, int64_t n)
{
    if (to.dtype == from.dtype) {
        int64_t size = (int64_t)heed_dtype_size(to.dtype);
        if (to.stride == 1 && from.stride == 1) {
            memmove(to.data, from.data, (size_t)(n * size));
            return;
        }
        for (int64_t i = 0; i < n; i++) {
            memcpy(to.data + i * to.stride * size, from.data + i * from.stride * size,
                   (size_t)size);
        }
        return;
    }
    double buffer[256];
    int64_t to_size = (int64_t)heed_dtype_size(to.dtype);
    int64_t from_size = (int64_t)heed_dtype_size(from.dtype);
    for (int64_t chunk; n > 0; n -= chunk) {
        chunk = n < 256 ? n : 256;
        load(from, chunk, buffer);
        store(to, chunk, buffer);
        from.data += n > chunk ? chunk * from.stride * from_size : 0;
        to.data += n > chunk ? chunk * to.stride * to_size : 0;
    }
}

/* Length of the last axis (1 for a scalar) and its stride. */
static int64_t row_length(const heed_view *view)
{
    return view->shape.rank ? view->shape.dim[view->shape.rank - 1] : 1;
}

static row row_at(const heed_view *view, int64_t offset)
{
    int rank = view->shape.rank;
    return (row){ at(view, offset), view->dtype, rank ? view->stride[rank - 1] : 1 };
}

/* Next row in row-major order: step `index` over the outer axes, keep both offsets.
 * return: false after the last row. */
static bool next_row(const heed_view *a, const heed_view *b, int64_t *index, int64_t *at_a,
                     int64_t *at_b)
{
    for (int i = a->shape.rank - 2; i >= 0; i--) {
        *at_a += a->stride[i];
        *at_b += b->stride[i];
        if (++index[i] < a->shape.dim[i]) return true;
        *at_a -= a->stride[i] * a->shape.dim[i];
        *at_b -= b->stride[i] * b->shape.dim[i];
        index[i] = 0;
    }
    return false;
}

void heed_view_copy(const heed_view *to, const heed_view *from)
{
    int64_t count = heed_count(&to->shape), at_to = 0, at_from = 0;
    int64_t index[HEED_MAX_RANK] = { 0 };
    if (count == 0) return;
    if (heed_is_dense(to) && heed_is_dense(from)) { /* one long row */
        copy_row((row){ to->data, to->dtype, 1 }, (row){ from->data, from->dtype, 1 }, count);
        return;
    }
    do {
        copy_row(row_at(to, at_to), row_at(from, at_from), row_length(to));
    } while (next_row(to, from, index, &at_to, &at_from));
}

void heed_view_fill(const heed_view *view, double value)
{
    double stored; /* room for one element of any dtype */
    row as_stored = { (char *)&stored, view->dtype, 1 };
    heed_view one = { .data = &stored, .dtype = view->dtype, .shape = { .rank = 0 } };
    store(as_stored, 1, &value);
    one = heed_view_expand(&one, &view->shape);
    heed_view_copy(view, &one);
}

/* ---- single elements ---- */

static row element(const heed_view *view, int64_t index)
{
    int64_t offset = 0;
    for (int i = view->shape.rank - 1; i >= 0; i--) {
        offset += index % view->shape.dim[i] * view->stride[i];
        index /= view->shape.dim[i];
    }
    return (row){ at(view, offset), view->dtype, 1 };
}

double heed_get(const heed_view *view, int64_t index)
{
    double value;
    load(element(view, index), 1, &value);
    return value;
}

void heed_set(const heed_view *view, int64_t index, double value)
{
    store(element(view, index), 1, &value);
}

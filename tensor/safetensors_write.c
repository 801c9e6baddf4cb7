/* safetensors_write.c - all of a file or none of it (tensor/replace.h).
 *
 * Tensors are laid out as the reference implementation does, so equal content gives equal bytes:
 * larger alignment first (F64, F32, I32), then by name, the header padded with spaces to a multiple
 * of 8. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/json.h"
#include "tensor/memory.h"
#include "tensor/replace.h"
#include "tensor/safetensors_file.h"

#define STAGING ((size_t)64 << 10) /* bytes; views with gaps are gathered here */

typedef struct writer {
    const char *path, *label;
    heed_error *error;
    const heed_named_view **order; /* as laid out in the file */
    size_t count;
    heed_json_out header; /* its length's 8 bytes included */
    void *staging;
    heed_replacement out;
} writer;

/* ---- what may be written ---- */

/* A string that JSON can hold and that the reader will accept. */
static bool check_text(writer *w, const char *what, const char *text)
{
    char quoted[HEED_NAME_TEXT];
    if (!text) return heed_fail(w->error, "%s: %s is NULL", w->label, what);
    if (heed_utf8_check(text, strlen(text)) == strlen(text)) return true;
    return heed_fail(w->error, "%s: %s %s is not valid UTF-8", w->label, what,
                     heed_json_quote(text, quoted, sizeof quoted));
}

static bool check_tensor(writer *w, const heed_named_view *tensor)
{
    const heed_view *view = &tensor->view;
    char quoted[HEED_NAME_TEXT], shape[HEED_SHAPE_TEXT];
    size_t bytes;
    if (!check_text(w, "a tensor's name", tensor->name)) return false;
    if (!tensor->name[0]) return heed_fail(w->error, "%s: a tensor's name is empty", w->label);
    heed_json_quote(tensor->name, quoted, sizeof quoted);
    if (strcmp(tensor->name, HEED_METADATA_NAME) == 0) {
        return heed_fail(w->error, "%s: %s cannot name a tensor, the format has taken it", w->label,
                         quoted);
    }
    if ((unsigned)view->dtype >= HEED_N_DTYPES ||
        !heed_count_checked(&view->shape, heed_dtype_size(view->dtype), &bytes)) {
        return heed_fail(w->error, "%s: tensor %s: shape %s of %s is not valid", w->label, quoted,
                         heed_shape_print(&view->shape, shape, sizeof shape),
                         heed_dtype_name(view->dtype));
    }
    if (bytes > 0 && !view->data) {
        return heed_fail(w->error, "%s: tensor %s: has no data", w->label, quoted);
    }
    return true;
}

static int rank_of(heed_dtype dtype)
{
    return dtype == HEED_F64 ? 0 : dtype == HEED_F32 ? 1 : 2;
}

static int by_layout(const void *a, const void *b)
{
    const heed_named_view *x = *(const heed_named_view *const *)a;
    const heed_named_view *y = *(const heed_named_view *const *)b;
    if (x->view.dtype != y->view.dtype) return rank_of(x->view.dtype) - rank_of(y->view.dtype);
    return strcmp(x->name, y->name);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* `names` is sorted here; it has `n` elements. */
static bool check_unique(writer *w, const char *what, const char **names, size_t n)
{
    char quoted[HEED_NAME_TEXT];
    qsort(names, n, sizeof *names, by_text);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(names[i - 1], names[i]) == 0) {
            return heed_fail(w->error, "%s: %s %s is given twice", w->label, what,
                             heed_json_quote(names[i], quoted, sizeof quoted));
        }
    }
    return true;
}

static bool no_memory(writer *w)
{
    return heed_fail(w->error, "%s: no memory to write it", w->label);
}

static bool check_all(writer *w, const heed_named_view *tensors, size_t n,
                      const heed_metadata *pairs, size_t n_pairs)
{
    const char **names = heed_alloc_array(n + n_pairs + 1, sizeof *names);
    bool good = true;
    w->order = heed_alloc_array(n + 1, sizeof *w->order);
    if (!names || !w->order) {
        heed_free(names);
        return no_memory(w);
    }
    for (size_t i = 0; good && i < n; i++) {
        good = check_tensor(w, &tensors[i]);
        w->order[i] = &tensors[i];
        names[i] = tensors[i].name;
    }
    for (size_t i = 0; good && i < n_pairs; i++) {
        good = check_text(w, "a metadata key", pairs[i].key) &&
               check_text(w, "a metadata value", pairs[i].value);
        names[n + i] = pairs[i].key;
    }
    good = good && check_unique(w, "tensor", names, n) &&
           check_unique(w, "metadata key", names + n, n_pairs);
    heed_free(names);
    if (good) qsort(w->order, n, sizeof *w->order, by_layout);
    w->count = n;
    return good;
}

/* ---- the header ---- */

static void put_entry(heed_json_out *out, const heed_named_view *tensor, uint64_t begin,
                      uint64_t end)
{
    static const char *const names[HEED_N_DTYPES] = { "F32", "F64", "I32" };
    const heed_shape *shape = &tensor->view.shape;
    heed_json_put_string(out, tensor->name);
    heed_json_put(out, ":{\"dtype\":\"%s\",\"shape\":[", names[tensor->view.dtype]);
    for (int i = 0; i < shape->rank; i++) {
        heed_json_put(out, "%s%" PRId64, i ? "," : "", shape->dim[i]);
    }
    heed_json_put(out, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", begin, end);
}

static bool make_header(writer *w, const heed_metadata *pairs, size_t n_pairs)
{
    heed_json_out *out = &w->header;
    uint64_t end = 0;
    heed_json_put(out, "%8s{", ""); /* 8 bytes for the length */
    if (n_pairs) heed_json_put(out, "\"" HEED_METADATA_NAME "\":{");
    for (size_t i = 0; i < n_pairs; i++) {
        if (i) heed_json_put(out, ",");
        heed_json_put_string(out, pairs[i].key);
        heed_json_put(out, ":");
        heed_json_put_string(out, pairs[i].value);
    }
    if (n_pairs) heed_json_put(out, w->count ? "}," : "}");
    for (size_t i = 0; i < w->count; i++) {
        const heed_view *view = &w->order[i]->view;
        uint64_t begin = end;
        size_t bytes;
        heed_count_checked(&view->shape, heed_dtype_size(view->dtype), &bytes);
        if (__builtin_add_overflow(end, bytes, &end) || end > INT64_MAX) {
            return heed_fail(w->error, "%s: the tensors together are larger than a file can be",
                             w->label);
        }
        if (i) heed_json_put(out, ",");
        put_entry(out, w->order[i], begin, end);
    }
    heed_json_put(out, "}");
    heed_json_put(out, "%*s", (int)((8 - out->length % 8) % 8), "");
    if (out->failed) return no_memory(w);
    uint64_t n = out->length - 8;
    if (n > HEED_SAFETENSORS_MAX_HEADER) {
        return heed_fail(w->error,
                         "%s: its header would take %" PRIu64 " bytes, at most %d can be "
                         "read",
                         w->label, n, HEED_SAFETENSORS_MAX_HEADER);
    }
    memcpy(out->text, &n, sizeof n);
    return true;
}

/* ---- writing ---- */

/* A view with gaps: as many slices of `axis` at once as the staging buffer holds. */
static bool write_view(writer *w, const heed_view *view, int axis)
{
    size_t bytes, row;
    int64_t n = view->shape.rank ? view->shape.dim[axis < view->shape.rank ? axis : 0] : 1;
    heed_count_checked(&view->shape, heed_dtype_size(view->dtype), &bytes);
    if (bytes == 0) return true;
    if (heed_is_dense(view)) return heed_replace_write(&w->out, view->data, bytes);
    if (bytes <= STAGING) {
        heed_view gathered = heed_view_of(w->staging, view->dtype, &view->shape);
        heed_view_copy(&gathered, view);
        return heed_replace_write(&w->out, w->staging, bytes);
    }
    row = bytes / (size_t)n;
    int64_t step = row < STAGING ? (int64_t)(STAGING / row) : 1;
    for (int64_t i = 0; i < n; i += step) {
        heed_view part = heed_view_slice(view, axis, i, 1, n - i < step ? n - i : step);
        if (!write_view(w, &part, axis + 1)) return false;
    }
    return true;
}

static bool write_all(writer *w)
{
    w->staging = heed_alloc(STAGING);
    if (!w->staging) return no_memory(w);
    if (!heed_replace_begin(&w->out, w->path, w->error) ||
        !heed_replace_write(&w->out, w->header.text, w->header.length))
        return false;
    for (size_t i = 0; i < w->count; i++) {
        if (!write_view(w, &w->order[i]->view, 0)) return false;
    }
    return heed_replace_finish(&w->out);
}

bool heed_file_write(const char *path, const heed_named_view *tensors, int n_tensors,
                     const heed_metadata *metadata, int n_metadata, heed_error *error)
{
    writer w = { .path = path, .error = error, .out = HEED_NO_REPLACEMENT };
    size_t n = n_tensors > 0 ? (size_t)n_tensors : 0;
    size_t n_pairs = n_metadata > 0 ? (size_t)n_metadata : 0;
    if (!path) return heed_fail(error, "file_write: the path is NULL");
    w.label = heed_file_label(path);
    bool good = check_all(&w, tensors, n, metadata, n_pairs) &&
                make_header(&w, metadata, n_pairs) && write_all(&w);
    heed_replace_end(&w.out);
    heed_free(w.staging);
    heed_free(w.header.text);
    heed_free(w.order);
    return good;
}

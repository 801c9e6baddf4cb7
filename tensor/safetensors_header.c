/* safetensors_header.c - from the JSON header to checked entries.
 *
 *   { "__metadata__": { key: value, ... },
 *     name: { "dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24] }, ... }
 *
 * Each value is asked for by its place in this grammar, so anything else - a wrong type, a deeper
 * nesting, an unknown or repeated member - is refused where it stands. Duplicates among names and
 * the layout of the data are checked after sorting. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/json.h"
#include "tensor/memory.h"
#include "tensor/safetensors_file.h"

typedef struct parser {
    heed_file *file;
    heed_json json;
    heed_error *error;
    const char *tensor; /* being read, for sentences; NULL outside an entry */
    bool metadata_seen;
} parser;

/* ---- sentences ---- */

static bool refuse(parser *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool refuse(parser *p, const char *format, ...)
{
    char what[480], name[HEED_NAME_TEXT];
    va_list list;
    va_start(list, format);
    vsnprintf(what, sizeof what, format, list);
    va_end(list);
    if (!p->tensor) return heed_fail(p->error, "%s: %s", p->file->label, what);
    return heed_fail(p->error, "%s: tensor %s: %s", p->file->label,
                     heed_json_quote(p->tensor, name, sizeof name), what);
}

static bool bad_json(parser *p)
{
    return refuse(p, "not a valid header: %s, at byte %zu of the header", p->json.why, p->json.at);
}

static bool expect(parser *p, char c, const char *why)
{
    if (heed_json_take(&p->json, c)) return true;
    p->json.why = why;
    return bad_json(p);
}

/* Is there another item before `close`? Takes the comma, or `close`. return: false on an error. */
static bool more(parser *p, bool first, char close, bool *again)
{
    *again = !heed_json_take(&p->json, close);
    if (!*again || first || heed_json_take(&p->json, ',')) return true;
    p->json.why = close == '}' ? "expected ',' or '}'" : "expected ',' or ']'";
    return bad_json(p);
}

/* Room for one more element of `size` bytes. */
static bool grow(parser *p, void **array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity) return true;
    size_t larger = *capacity ? 2 * *capacity : 16;
    void *block = heed_resize(*array, count * size, larger * size);
    if (!block) return refuse(p, "no memory for its %zu entries", larger);
    *array = block;
    *capacity = larger;
    return true;
}

/* ---- the members of an entry ---- */

/* Bits per element, as in the format's reference implementation. */
static const struct dtype_rule {
    const char *name;
    unsigned bits;
    bool readable;
    heed_dtype dtype;
} dtypes[] = {
    { "F32", 32, true, HEED_F32 },  { "F64", 64, true, HEED_F64 }, { "I32", 32, true, HEED_I32 },
    { "BOOL", 8, false, 0 },        { "U8", 8, false, 0 },         { "I8", 8, false, 0 },
    { "I16", 16, false, 0 },        { "U16", 16, false, 0 },       { "F16", 16, false, 0 },
    { "BF16", 16, false, 0 },       { "U32", 32, false, 0 },       { "I64", 64, false, 0 },
    { "U64", 64, false, 0 },        { "C64", 64, false, 0 },       { "F4", 4, false, 0 },
    { "F6_E2M3", 6, false, 0 },     { "F6_E3M2", 6, false, 0 },    { "F8_E4M3", 8, false, 0 },
    { "F8_E5M2", 8, false, 0 },     { "F8_E8M0", 8, false, 0 },    { "F8_E4M3FNUZ", 8, false, 0 },
    { "F8_E5M2FNUZ", 8, false, 0 },
};

static bool parse_dtype(parser *p, heed_file_entry *entry, unsigned *bits)
{
    char quoted[HEED_NAME_TEXT];
    char *name = heed_json_string(&p->json);
    if (!name) return bad_json(p);
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++) {
        if (strcmp(name, dtypes[i].name) != 0) continue;
        entry->dtype_name = dtypes[i].name;
        entry->readable = dtypes[i].readable;
        entry->dtype = dtypes[i].dtype;
        *bits = dtypes[i].bits;
        return true;
    }
    return refuse(p, "unknown dtype %s, expected one of the format's (F32, F64, I32, BF16, ...)",
                  heed_json_quote(name, quoted, sizeof quoted));
}

static bool parse_shape(parser *p, heed_shape *shape)
{
    bool again;
    if (!expect(p, '[', "expected '[', the list of dimensions")) return false;
    for (*shape = heed_scalar();; shape->rank++) {
        uint64_t dim;
        if (!more(p, shape->rank == 0, ']', &again)) return false;
        if (!again) return true;
        if (shape->rank == HEED_MAX_RANK) {
            return refuse(p,
                          "it has more than %d dimensions, which the format allows and Heed "
                          "does not",
                          HEED_MAX_RANK);
        }
        if (!heed_json_whole(&p->json, &dim)) return bad_json(p);
        if (dim > INT64_MAX) return refuse(p, "dimension %" PRIu64 " is above 2^63 - 1", dim);
        shape->dim[shape->rank] = (int64_t)dim;
    }
}

static bool parse_offsets(parser *p, heed_file_entry *entry)
{
    if (!expect(p, '[', "expected '[', the begin and end of the data")) return false;
    if (!heed_json_whole(&p->json, &entry->begin)) return bad_json(p);
    if (!expect(p, ',', "expected ',' between begin and end")) return false;
    if (!heed_json_whole(&p->json, &entry->end)) return bad_json(p);
    return expect(p, ']', "expected ']' after begin and end");
}

/* Do dtype, shape and offsets agree? A rank of 0 is one element, a dimension of 0 is none. */
static bool check_size(parser *p, const heed_file_entry *entry, unsigned bits)
{
    char text[HEED_SHAPE_TEXT];
    uint64_t count = 1, total;
    bool empty = false, overflow = false;
    for (int i = 0; i < entry->shape.rank; i++) {
        uint64_t dim = (uint64_t)entry->shape.dim[i];
        empty |= dim == 0;
        overflow |= __builtin_mul_overflow(count, dim ? dim : 1, &count);
    }
    overflow |= __builtin_mul_overflow(count, (uint64_t)bits, &total);
    heed_shape_print(&entry->shape, text, sizeof text);
    if (overflow) {
        return refuse(p, "the size of shape %s of %s overflows 64 bits", text, entry->dtype_name);
    }
    if (empty) total = 0;
    if (total % 8 != 0) {
        return refuse(p, "shape %s of %s is %" PRIu64 " bits, expected whole bytes", text,
                      entry->dtype_name, total);
    }
    if (entry->end < entry->begin) {
        return refuse(p, "data_offsets [%" PRIu64 ", %" PRIu64 "] end before they begin",
                      entry->begin, entry->end);
    }
    if (entry->end - entry->begin != total / 8) {
        return refuse(p,
                      "data_offsets [%" PRIu64 ", %" PRIu64 "] hold %" PRIu64 " bytes, expected "
                      "%" PRIu64 " for shape %s of %s",
                      entry->begin, entry->end, entry->end - entry->begin, total / 8, text,
                      entry->dtype_name);
    }
    return true;
}

static const char *const members[] = { "dtype", "shape", "data_offsets" };

/* Read one member and mark it in `seen`. */
static bool parse_member(parser *p, heed_file_entry *entry, unsigned *bits, unsigned *seen)
{
    char quoted[HEED_NAME_TEXT];
    char *key = heed_json_string(&p->json);
    int which = 0;
    if (!key) return bad_json(p);
    while (which < 3 && strcmp(key, members[which]) != 0) which++;
    if (which == 3) {
        return refuse(p, "unknown member %s, expected dtype, shape and data_offsets",
                      heed_json_quote(key, quoted, sizeof quoted));
    }
    if (*seen & 1u << which) return refuse(p, "member \"%s\" appears twice", key);
    *seen |= 1u << which;
    if (!expect(p, ':', "expected ':' after a member's name")) return false;
    if (which == 0) return parse_dtype(p, entry, bits);
    if (which == 1) return parse_shape(p, &entry->shape);
    return parse_offsets(p, entry);
}

static bool parse_entry(parser *p, const char *name)
{
    heed_file *file = p->file;
    heed_file_entry entry = { .name = name };
    unsigned seen = 0, bits = 0;
    p->tensor = name;
    if (!expect(p, '{', "expected '{', the entry of a tensor")) return false;
    for (bool first = true, again = true;; first = false) {
        if (!more(p, first, '}', &again)) return false;
        if (!again) break;
        if (!parse_member(p, &entry, &bits, &seen)) return false;
    }
    for (int i = 0; i < 3; i++) {
        if (!(seen & 1u << i)) return refuse(p, "member \"%s\" is missing", members[i]);
    }
    if (!check_size(p, &entry, bits)) return false;
    void *entries = file->entries;
    if (!grow(p, &entries, file->count, &file->capacity, sizeof entry)) return false;
    file->entries = entries;
    file->entries[file->count++] = entry;
    p->tensor = NULL;
    return true;
}

/* ---- metadata ---- */

static int by_key(const void *a, const void *b)
{
    return strcmp(((const heed_metadata *)a)->key, ((const heed_metadata *)b)->key);
}

static bool parse_metadata(parser *p)
{
    heed_file *file = p->file;
    char quoted[HEED_NAME_TEXT];
    if (p->metadata_seen) return refuse(p, "the name \"" HEED_METADATA_NAME "\" appears twice");
    p->metadata_seen = true;
    if (!expect(p, '{', "expected '{', an object of strings as metadata")) return false;
    for (bool first = true, again = true;; first = false) {
        heed_metadata pair;
        if (!more(p, first, '}', &again)) return false;
        if (!again) break;
        if (!(pair.key = heed_json_string(&p->json))) return bad_json(p);
        if (!expect(p, ':', "expected ':' after a key of the metadata")) return false;
        if (!(pair.value = heed_json_string(&p->json))) return bad_json(p);
        void *metadata = file->metadata;
        if (!grow(p, &metadata, file->metadata_count, &file->metadata_capacity, sizeof pair)) {
            return false;
        }
        file->metadata = metadata;
        file->metadata[file->metadata_count++] = pair;
    }
    if (file->metadata_count)
        qsort(file->metadata, file->metadata_count, sizeof *file->metadata, by_key);
    for (size_t i = 1; i < file->metadata_count; i++) {
        if (by_key(&file->metadata[i - 1], &file->metadata[i]) == 0) {
            return refuse(p, "the metadata key %s appears twice",
                          heed_json_quote(file->metadata[i].key, quoted, sizeof quoted));
        }
    }
    return true;
}

/* ---- the whole ---- */

static int by_offset(const void *a, const void *b)
{
    const heed_file_entry *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end) return x->end < y->end ? -1 : 1;
    return strcmp(x->name, y->name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const heed_file_entry *const *)a)->name,
                  (*(const heed_file_entry *const *)b)->name);
}

static bool check_names(parser *p)
{
    heed_file *file = p->file;
    char quoted[HEED_NAME_TEXT];
    file->by_name = heed_alloc_array(file->count, sizeof *file->by_name);
    if (!file->by_name) return refuse(p, "no memory for its %zu entries", file->count);
    for (size_t i = 0; i < file->count; i++) file->by_name[i] = &file->entries[i];
    if (file->count) qsort(file->by_name, file->count, sizeof *file->by_name, by_name);
    for (size_t i = 1; i < file->count; i++) {
        if (strcmp(file->by_name[i - 1]->name, file->by_name[i]->name) == 0) {
            return refuse(p, "the name %s appears twice",
                          heed_json_quote(file->by_name[i]->name, quoted, sizeof quoted));
        }
    }
    return true;
}

/* The data is one run of tensors from byte 0 to the end of the file. */
static bool check_layout(parser *p)
{
    heed_file *file = p->file;
    uint64_t end = 0, data = file->size - 8 - file->header_size;
    for (size_t i = 0; i < file->count; i++) {
        const heed_file_entry *entry = &file->entries[i];
        p->tensor = entry->name;
        if (entry->begin != end) {
            return refuse(p,
                          "its data begins at byte %" PRIu64 ", expected %" PRIu64 ", the end "
                          "of the tensor before (%s)",
                          entry->begin, end,
                          entry->begin < end ? "they overlap" : "there is a hole");
        }
        end = entry->end;
    }
    p->tensor = NULL;
    if (end == data) return true;
    return refuse(p,
                  "the tensors take %" PRIu64 " bytes, but %" PRIu64 " bytes of data follow the "
                  "header (%s)",
                  end, data, end > data ? "the file is cut" : "something is appended");
}

bool heed_file_parse(heed_file *file, heed_error *error)
{
    parser p = { .file = file, .error = error };
    p.json = (heed_json){ .text = file->header, .size = (size_t)file->header_size };

    size_t bad = heed_utf8_check(p.json.text, p.json.size);
    if (bad < p.json.size) {
        return refuse(&p, "not a valid header: invalid UTF-8 at byte %zu of the header", bad);
    }
    if (!expect(&p, '{', "expected '{', a JSON object")) return false;
    for (bool first = true, again = true;; first = false) {
        if (!more(&p, first, '}', &again)) return false;
        if (!again) break;
        char *name = heed_json_string(&p.json);
        if (!name) return bad_json(&p);
        if (!expect(&p, ':', "expected ':' after a name")) return false;
        bool metadata = strcmp(name, HEED_METADATA_NAME) == 0;
        if (!(metadata ? parse_metadata(&p) : parse_entry(&p, name))) return false;
    }
    if (!heed_json_end(&p.json)) return bad_json(&p);
    if (file->count) qsort(file->entries, file->count, sizeof *file->entries, by_offset);
    return check_names(&p) && check_layout(&p);
}

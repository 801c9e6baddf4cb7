/* safetensors_read.c - open a safetensors file, look at its entries, read their data.
 *
 * One descriptor, one fstat: the size all checks lean on belongs to the bytes that are read. Data
 * is read with pread into the caller's memory, so a file that shrinks meanwhile is an error and no
 * signal, and threads may read entries of one file at the same time. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tensor/json.h"
#include "tensor/memory.h"
#include "tensor/safetensors_file.h"

#define MAX_READ ((size_t)1 << 30) /* bytes per call; some systems stop at 2^31 - 1 */

/* `size` bytes from `offset` on. */
static bool read_at(heed_file *file, void *to, uint64_t size, uint64_t offset, heed_error *error)
{
    char *at = to;
    while (size > 0) {
        ssize_t got = pread(file->fd, at, size < MAX_READ ? (size_t)size : MAX_READ, (off_t)offset);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return heed_fail(error, "%s: cannot read: %s", file->label, strerror(errno));
        if (got == 0) {
            return heed_fail(error,
                             "%s: ends at byte %" PRIu64 ", expected %" PRIu64 " bytes as "
                             "when it was opened",
                             file->label, offset, file->size);
        }
        at += got;
        size -= (uint64_t)got;
        offset += (uint64_t)got;
    }
    return true;
}

/* O_NONBLOCK: a named pipe must not keep us waiting for its writer; files don't care. */
static bool open_regular(heed_file *file, heed_error *error)
{
    struct stat info;
    do {
        file->fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    } while (file->fd < 0 && errno == EINTR);
    if (file->fd < 0 || fstat(file->fd, &info) != 0) {
        return heed_fail(error, "%s: cannot open: %s", file->label, strerror(errno));
    }
    if (!S_ISREG(info.st_mode)) {
        return heed_fail(error, "%s: is a %s, expected a safetensors file", file->label,
                         S_ISDIR(info.st_mode) ? "directory" : "device or pipe");
    }
    file->size = (uint64_t)info.st_size;
    return true;
}

static bool read_header(heed_file *file, heed_error *error)
{
    uint64_t n;
    if (file->size < 8) {
        return heed_fail(error,
                         "%s: has %" PRIu64 " bytes, expected at least the 8 of a header's "
                         "length",
                         file->label, file->size);
    }
    if (!read_at(file, &n, sizeof n, 0, error)) return false;
    if (n > HEED_SAFETENSORS_MAX_HEADER) {
        return heed_fail(error,
                         "%s: is no safetensors file: the header's length is %" PRIu64
                         ", expected at most %d",
                         file->label, n, HEED_SAFETENSORS_MAX_HEADER);
    }
    if (n > file->size - 8) {
        return heed_fail(error,
                         "%s: is cut inside the header: its length is %" PRIu64 ", but %" PRIu64
                         " bytes follow",
                         file->label, n, file->size - 8);
    }
    file->header_size = n;
    file->header = heed_alloc((size_t)n);
    if (!file->header) {
        return heed_fail(error, "%s: no memory for a header of %" PRIu64 " bytes", file->label, n);
    }
    return read_at(file, file->header, n, 8, error);
}

heed_file *heed_file_open(const char *path, heed_error *error)
{
    if (!path) {
        heed_fail(error, "file_open: the path is NULL");
        return NULL;
    }
    heed_file *file = heed_alloc(sizeof *file);
    size_t bytes = strlen(path) + 1;
    if (!file || !(file->path = heed_alloc(bytes))) {
        heed_free(file);
        heed_fail(error, "%s: no memory to open it", heed_file_label(path));
        return NULL;
    }
    memcpy(file->path, path, bytes);
    file->label = heed_file_label(file->path);
    file->fd = -1;
    if (open_regular(file, error) && read_header(file, error) && heed_file_parse(file, error)) {
        return file;
    }
    heed_file_close(file);
    return NULL;
}

void heed_file_close(heed_file *file)
{
    if (!file) return;
    if (file->fd >= 0) close(file->fd);
    heed_free(file->metadata);
    heed_free(file->by_name);
    heed_free(file->entries);
    heed_free(file->header);
    heed_free(file->path);
    heed_free(file);
}

/* ---- entries and metadata ---- */

int heed_file_count(const heed_file *file)
{
    return (int)file->count; /* a header holds fewer than 2^31 bytes, let alone entries */
}

const heed_file_entry *heed_file_entry_at(const heed_file *file, int index)
{
    if (index < 0 || (size_t)index >= file->count) return NULL;
    return &file->entries[index];
}

static int compare_name(const void *name, const void *entry)
{
    return strcmp(name, (*(const heed_file_entry *const *)entry)->name);
}

const heed_file_entry *heed_file_find(const heed_file *file, const char *name)
{
    const heed_file_entry **found =
        bsearch(name, file->by_name, file->count, sizeof *file->by_name, compare_name);
    return found ? *found : NULL;
}

int heed_file_metadata_count(const heed_file *file)
{
    return (int)file->metadata_count;
}

const char *heed_file_metadata_key(const heed_file *file, int index)
{
    if (index < 0 || (size_t)index >= file->metadata_count) return NULL;
    return file->metadata[index].key;
}

static int compare_key(const void *key, const void *pair)
{
    return strcmp(key, ((const heed_metadata *)pair)->key);
}

const char *heed_file_metadata(const heed_file *file, const char *key)
{
    if (file->metadata_count == 0) return NULL;
    const heed_metadata *found =
        bsearch(key, file->metadata, file->metadata_count, sizeof *file->metadata, compare_key);
    return found ? found->value : NULL;
}

/* ---- data ---- */

bool heed_file_read(heed_file *file, const heed_file_entry *entry, const heed_view *to,
                    heed_error *error)
{
    char name[HEED_NAME_TEXT], shape[HEED_SHAPE_TEXT], wanted[HEED_SHAPE_TEXT];
    size_t bytes;
    heed_json_quote(entry->name, name, sizeof name);
    if (!entry->readable) {
        return heed_fail(error,
                         "%s: tensor %s: holds %s, which Heed does not compute with "
                         "(expected F32, F64 or I32)",
                         file->label, name, entry->dtype_name);
    }
    if (entry->dtype != to->dtype || !heed_shape_equal(&entry->shape, &to->shape)) {
        return heed_fail(error, "%s: tensor %s: is %s %s, expected %s %s", file->label, name,
                         heed_dtype_name(entry->dtype),
                         heed_shape_print(&entry->shape, shape, sizeof shape),
                         heed_dtype_name(to->dtype),
                         heed_shape_print(&to->shape, wanted, sizeof wanted));
    }
    if (!heed_is_dense(to)) {
        return heed_fail(error, "%s: tensor %s: can only be read into a dense view", file->label,
                         name);
    }
    if (!heed_count_checked(&to->shape, heed_dtype_size(to->dtype), &bytes) ||
        entry->end < entry->begin || entry->end - entry->begin != bytes ||
        entry->end > file->size - 8 - file->header_size) {
        return heed_fail(error, "%s: tensor %s: is not an entry of this file", file->label, name);
    }
    return read_at(file, to->data, bytes, 8 + file->header_size + entry->begin, error);
}

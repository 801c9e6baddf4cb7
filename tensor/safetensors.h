/* safetensors.h - read and write named tensors in the safetensors format.
 *
 * Layout: u64 little-endian N | N bytes of JSON | data. The reader trusts nothing: it checks the
 * whole header before it allocates for a tensor, and names what it refuses. The writer writes to a
 * file beside the target, syncs it and renames, so a crash leaves the old file or the new one. */
#ifndef HEED_TENSOR_SAFETENSORS_H
#define HEED_TENSOR_SAFETENSORS_H

#include "tensor/tensor.h"

#define HEED_SAFETENSORS_MAX_HEADER 100000000

typedef struct heed_file heed_file; /* an open, validated file */

/* One entry. dtype_name is the file's own ("F32", "BF16", ...); readable is false for element
 * types that are valid in the format but that Heed has no arithmetic for. */
typedef struct heed_file_entry {
    const char *name;
    const char *dtype_name;
    bool readable;
    heed_dtype dtype; /* meaningful when readable */
    heed_shape shape;
    uint64_t begin, end; /* bytes, from the start of the data */
} heed_file_entry;

heed_file *heed_file_open(const char *path, heed_error *error);
void heed_file_close(heed_file *file);

int heed_file_count(const heed_file *file);
const heed_file_entry *heed_file_entry_at(const heed_file *file, int index); /* order of the data */
const heed_file_entry *heed_file_find(const heed_file *file, const char *name); /* NULL: absent */

/* Metadata, sorted by key. */
int heed_file_metadata_count(const heed_file *file);
const char *heed_file_metadata_key(const heed_file *file, int index);
const char *heed_file_metadata(const heed_file *file, const char *key); /* NULL: absent */

/* Read one entry's data into a dense view of equal dtype and shape. Threads may share `file`. */
bool heed_file_read(heed_file *file, const heed_file_entry *entry, const heed_view *to,
                    heed_error *error);

/* ---- writing ---- */

typedef struct heed_named_view {
    const char *name;
    heed_view view; /* any strides */
} heed_named_view;

typedef struct heed_metadata {
    const char *key, *value;
} heed_metadata;

/* Tensors are laid out by alignment, then name; metadata stays in the given order. Names are
 * unique, not empty, valid UTF-8 and not "__metadata__". A target that exists must be a regular
 * file; it is replaced as a whole, and untouched when a failure comes before the rename. */
bool heed_file_write(const char *path, const heed_named_view *tensors, int n_tensors,
                     const heed_metadata *metadata, int n_metadata, heed_error *error);

#endif

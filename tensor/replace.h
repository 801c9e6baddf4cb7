/* replace.h - a file that appears whole or not at all.
 *
 * It is written beside its target under another name, synced and renamed over it; then the
 * directory is synced. Whatever fails before the rename, the target is as it was. */
#ifndef HEED_TENSOR_REPLACE_H
#define HEED_TENSOR_REPLACE_H

#include <stddef.h>
#include <sys/types.h>

#include "tensor/error.h"

typedef struct heed_replacement {
    const char *path, *label;
    heed_error *error;
    char *temporary;
    int fd, directory;
    bool exists; /* the target; its permissions are kept */
    mode_t mode;
} heed_replacement;
#define HEED_NO_REPLACEMENT ((heed_replacement){ .fd = -1, .directory = -1 })

/* path must outlive it. Each returns false with `error` set; then end it. */
bool heed_replace_begin(heed_replacement *r, const char *path, heed_error *error);
bool heed_replace_write(heed_replacement *r, const void *from, size_t size);
bool heed_replace_finish(heed_replacement *r);
void heed_replace_end(heed_replacement *r); /* in any case; removes what was not finished */

/* The same in one call. */
bool heed_replace_file(const char *path, const void *from, size_t size, heed_error *error);

/* The end of a path too long for a sentence. */
const char *heed_file_label(const char *path);

#endif

/* bytes.h - a whole file in memory. */
#ifndef HEED_MODELS_DATA_BYTES_H
#define HEED_MODELS_DATA_BYTES_H

#include <stddef.h>

#include "tensor/error.h"

/* All bytes of a file, and a zero behind the last one, so that text ends; *size: how many, without
 * the zero (NULL: not interested). return: NULL with `error` set, "PATH: why (hint)"; `hint`, or
 * NULL, says where such a file comes from. The caller frees it with heed_free(). */
void *heed_read_file(const char *path, size_t *size, const char *hint, heed_error *error);

#endif

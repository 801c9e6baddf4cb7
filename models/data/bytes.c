/* bytes.c - reading to the end: a size that is asked for beforehand is no size of a pipe, and of a
 * folder it is nonsense. */
#include "models/data/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tensor/memory.h"

enum { FIRST = 65536 };

/* return: NULL with *why set. */
static char *read_to_end(FILE *file, size_t *size, const char **why)
{
    char *bytes = NULL;
    size_t used = 0, room = 0, got = 1;
    *why = NULL;
    while (got > 0 && !*why) {
        if (used + 1 >= room) {
            const size_t more = room ? 2 * room : FIRST;
            char *larger = heed_resize(bytes, room, more);
            if (!larger) {
                *why = "no memory for it";
                break;
            }
            bytes = larger;
            room = more;
        }
        got = fread(bytes + used, 1, room - used - 1, file);
        used += got;
        if (ferror(file)) *why = strerror(errno);
    }
    *size = used;
    if (!*why) return bytes; /* what was not read is zero: see heed_resize */
    heed_free(bytes);
    return NULL;
}

void *heed_read_file(const char *path, size_t *size, const char *hint, heed_error *error)
{
    FILE *file = fopen(path, "rb");
    const char *why = file ? NULL : strerror(errno);
    size_t used = 0;
    char *bytes = file ? read_to_end(file, &used, &why) : NULL;
    if (file) fclose(file);
    if (size) *size = used;
    if (why)
        heed_fail(error, "%s: %s%s%s%s", path, why, hint ? " (" : "", hint ? hint : "",
                  hint ? ")" : "");
    return bytes;
}

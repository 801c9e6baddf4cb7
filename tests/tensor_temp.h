/* tensor_temp.h - for tests of files: each test gets an empty directory, and must leave it so. */
#ifndef HEED_TESTS_TENSOR_TEMP_H
#define HEED_TESTS_TENSOR_TEMP_H

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tensor/memory.h"
#include "tensor/safetensors.h"

static char directory[64], path[100]; /* of the test; `path` is a name in it */

static inline void enter(void)
{
    strcpy(directory, "/tmp/heed-tensor-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/model.safetensors", directory);
}

static inline void leave(void)
{
    unlink(path);
    cr_expect_eq(rmdir(directory), 0, "no temporary file stays behind");
    cr_expect_eq(heed_memory_live_blocks(), 0, "nothing leaks");
}

static inline int files_in_directory(void)
{
    int count = 0;
    DIR *list = opendir(directory);
    for (struct dirent *e; list && (e = readdir(list));) count += strcmp(e->d_name, ".") != 0;
    if (list) closedir(list);
    return count - 1; /* ".." */
}

/* The whole file at `path`; the caller frees. */
static inline char *slurp(size_t *size)
{
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file);
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    char *bytes = malloc(*size + 1);
    cr_assert_eq(fread(bytes, 1, *size, file), *size);
    bytes[*size] = '\0';
    fclose(file);
    return bytes;
}

/* ---- a small model ---- */

static float weights[6] = { 1, 2, 3, 4, 5, 6 };
static double moment[2] = { 0.1, -1e300 };
static int32_t step[1] = { -7 };

static inline heed_view view_of(void *data, heed_dtype dtype, heed_shape shape)
{
    return heed_view_of(data, dtype, &shape);
}

static inline bool write_three(heed_error *error)
{
    const heed_named_view tensors[] = {
        { "step", view_of(step, HEED_I32, heed_scalar()) },
        { "w", view_of(weights, HEED_F32, HEED_SHAPE(2, 3)) },
        { "bias", view_of(weights, HEED_F32, HEED_SHAPE(3)) },
        { "m", view_of(moment, HEED_F64, HEED_SHAPE(2)) },
    };
    const heed_metadata metadata[] = { { "format", "pt" } };
    return heed_file_write(path, tensors, 4, metadata, 1, error);
}

#endif

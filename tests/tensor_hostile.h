/* tensor_hostile.h - write a file by hand and expect a sentence, or none. */
#ifndef HEED_TESTS_TENSOR_HOSTILE_H
#define HEED_TESTS_TENSOR_HOSTILE_H

#include "tests/tensor_temp.h"

/* Write `length` | header | data zeros. */
static inline void write_file(uint64_t length, const char *header, size_t size, size_t data)
{
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file);
    fwrite(&length, 1, 8, file);
    fwrite(header, 1, size, file);
    for (size_t i = 0; i < data; i++) fputc(0, file);
    cr_assert_eq(fclose(file), 0);
}

/* NULL `why`: the file is valid. */
static inline void expect_open(const char *what, const char *why)
{
    heed_error error = { 0 };
    heed_file *file = heed_file_open(path, &error);
    if (!why) {
        cr_expect_not_null(file, "%s: refused: %s", what, error.text);
        cr_expect_not(error.set);
    } else {
        cr_expect_null(file, "%s: accepted", what);
        cr_expect(error.set && strstr(error.text, why), "%s: \"%s\" lacks \"%s\"", what, error.text,
                  why);
        cr_expect(strstr(error.text, path), "%s: \"%s\" does not name the file", what, error.text);
    }
    heed_file_close(file);
    cr_expect_eq(heed_memory_live_blocks(), 0, "%s: leaks", what);
}

#define T(offsets) "\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":" offsets
#define A "\"a\":{" T("[0,8]") "}"
#define SHAPED(dtype, shape, offsets) \
    "{\"a\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

typedef struct header_case {
    const char *header;
    size_t data;
    const char *why;
} header_case;

static inline void run(const header_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t size = strlen(cases[i].header);
        write_file(size, cases[i].header, size, cases[i].data);
        expect_open(cases[i].header, cases[i].why);
    }
}
#define RUN(cases) run(cases, sizeof cases / sizeof cases[0])

#endif

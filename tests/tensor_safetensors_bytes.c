/* tensor_safetensors_bytes.c - files that lie about lengths, are cut, changed, huge or no files. */
#include <sys/stat.h>

#include "tests/tensor_hostile.h"

TestSuite(tensor_bytes, .init = enter, .fini = leave);

Test(tensor_bytes, lengths_that_lie)
{
    static const uint64_t lengths[] = { 100000001,  104857600,      (uint64_t)1 << 62,
                                        UINT64_MAX, UINT64_MAX - 7, (uint64_t)1 << 63 };
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        long requests = heed_memory_requests();
        write_file(lengths[i], "{}", 2, 0);
        expect_open("a huge length", "expected at most 100000000");
        cr_expect_leq(heed_memory_requests() - requests, 2, "nothing is allocated for a header");
    }
    write_file(3, "{}", 2, 0);
    expect_open("one byte more than there is", "cut inside the header");
    write_file(100000000, "{}", 2, 0);
    expect_open("the longest allowed", "cut inside the header");
    write_file(1, "{}", 2, 0);
    expect_open("one byte less than the header", "expected a string");
    write_file(0, "{}", 2, 0);
    expect_open("no header", "expected '{'");
    for (off_t size = 0; size < 8; size++) {
        write_file(2, "{}", 2, 0);
        cr_assert_eq(truncate(path, size), 0);
        expect_open("shorter than a length", "expected at least the 8");
    }
}

/* Every prefix of a valid file is refused; so is every file with one more byte. */
Test(tensor_bytes, every_truncation)
{
    static const char header[] = "{\"__metadata__\":{\"k\":\"v\"}," A ",\"b\":{" T("[8,16]") "}}";
    off_t whole = 8 + (off_t)sizeof header - 1 + 16;
    for (off_t size = 0; size < whole; size++) {
        write_file(sizeof header - 1, header, sizeof header - 1, 16);
        cr_assert_eq(truncate(path, size), 0);
        expect_open("cut", "");
    }
    write_file(sizeof header - 1, header, sizeof header - 1, 16);
    expect_open("whole", NULL);
}

Test(tensor_bytes, deep_nesting_costs_nothing)
{
    enum { DEEP = 1000000 };
    static char text[DEEP];
    for (int kind = 0; kind < 4; kind++) {
        static const char *const start[] = { "", "{\"a\":", "{\"__metadata__\":{\"k\":",
                                             "{\"a\":{\"shape\":[" };
        memset(text, kind == 1 ? '{' : '[', DEEP);
        memcpy(text, start[kind], strlen(start[kind]));
        write_file(DEEP, text, DEEP, 0);
        expect_open("deep", "expected");
    }
}

/* Sorted checks: a quadratic one would take minutes here. */
Test(tensor_bytes, many_entries_are_checked_in_time, .timeout = 30)
{
    enum { MANY = 200000 };
    for (int duplicate = 0; duplicate < 2; duplicate++) {
        size_t room = (size_t)MANY * 110, size = 1;
        char *text = heed_alloc(room);
        text[0] = '{';
        for (int i = 0; i < MANY; i++) {
            int name = duplicate && i == MANY - 1 ? 12345 : i; /* backwards: unsorted input */
            unsigned long begin = (unsigned long)(MANY - 1 - i) * 4;
            size += (size_t)snprintf(text + size, room - size,
                                     "%s\"shared/prefix/of/all/names/%d\":{\"dtype\":\"F32\","
                                     "\"shape\":[],\"data_offsets\":[%lu,%lu]}",
                                     i ? "," : "", name, begin, begin + 4);
        }
        text[size++] = '}';
        write_file(size, text, size, (size_t)MANY * 4);
        heed_free(text);
        expect_open("many", duplicate ? "names/12345\" appears twice" : NULL);
    }
}

Test(tensor_bytes, things_that_are_not_files)
{
    heed_error error = { 0 };
    cr_expect_null(heed_file_open(directory, &error));
    cr_expect(strstr(error.text, "is a directory"), "%s", error.text);
    expect_open("absent", "No such file");
    cr_assert_eq(mkfifo(path, 0600), 0);
    expect_open("a pipe without a writer", "device or pipe");
    error = (heed_error){ 0 };
    cr_expect_null(heed_file_open("/dev/zero", &error));
    cr_expect(strstr(error.text, "device or pipe"), "%s", error.text);
    cr_expect_null(heed_file_open(NULL, NULL));
}

/* Names in sentences are escaped, and cut: a file cannot write to the terminal. */
Test(tensor_bytes, sentences_are_safe_to_show)
{
    static char header[6000];
    int size = snprintf(header, sizeof header, "{\"\\u001b[2J%05000d\":{\"x\":1}}", 1);
    write_file((uint64_t)size, header, (size_t)size, 0);
    heed_error error = { 0 };
    cr_expect_null(heed_file_open(path, &error));
    cr_expect(strstr(error.text, "\\u001b[2J000"), "%s", error.text);
    cr_expect(strstr(error.text, "...\""), "%s", error.text);
    cr_expect(strstr(error.text, "unknown member \"x\""), "%s", error.text);
    for (const char *at = error.text; *at; at++) cr_expect_geq((unsigned char)*at, 0x20);
}

/* Flip every byte of a small file in turn to a few values: never a crash, and what is accepted can
 * be read to its end. */
Test(tensor_bytes, mutations_never_crash)
{
    static const char header[] = "{\"__metadata__\":{\"k\":\"v\"}," A ",\"b\":{" T("[8,16]") "}}";
    static const char values[] = "\"\\{}[]:,019a\x80\xFF";
    size_t n = sizeof header - 1;
    int accepted = 0, refused = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t v = 0; v < sizeof values; v++) {
            char changed[sizeof header];
            memcpy(changed, header, sizeof header);
            changed[i] = values[v];
            write_file(n, changed, n, 16);
            heed_error error = { 0 };
            heed_file *file = heed_file_open(path, &error);
            accepted += file != NULL;
            refused += file == NULL;
            cr_assert_neq(error.set, file != NULL);
            for (int k = 0; file && k < heed_file_count(file); k++) {
                float data[2];
                const heed_file_entry *entry = heed_file_entry_at(file, k);
                heed_view view = heed_view_of(data, HEED_F32, &entry->shape);
                cr_assert(heed_file_read(file, entry, &view, NULL) || entry->dtype != HEED_F32 ||
                          !entry->readable);
            }
            heed_file_close(file);
        }
    }
    cr_expect_gt(accepted, 20);
    cr_expect_gt(refused, 1000);
}

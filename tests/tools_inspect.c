/* `heed inspect`: good files are listed, bad ones get a sentence. */
#include <math.h>
#include <unistd.h>

#include "tensor/safetensors.h"
#include "tests/tools_run.h"

static char path[80];

static void make_path(void)
{
    snprintf(path, sizeof path, "/tmp/heed_inspect_%d", (int)getpid());
}

static void drop_path(void)
{
    unlink(path);
}

TestSuite(tools_inspect, .init = make_path, .fini = drop_path);

static int inspect(const char *before, const char *after)
{
    char arguments[300];
    snprintf(arguments, sizeof arguments, "inspect %s %s %s", before, path, after);
    return heed(arguments);
}

static void write_good(void)
{
    float w[6] = { 1, -2, 3, 4, NAN, INFINITY };
    double d[2] = { 0.25, 0.75 };
    int32_t i[3] = { 7, -9, 5 };
    heed_shape six = HEED_SHAPE(2, 3), two = HEED_SHAPE(2), three = HEED_SHAPE(3),
               none = HEED_SHAPE(0, 4);
    heed_named_view tensors[] = {
        { "decoder/w", heed_view_of(w, HEED_F32, &six) },
        { "d", heed_view_of(d, HEED_F64, &two) },
        { "i", heed_view_of(i, HEED_I32, &three) },
        { "empty", heed_view_of(w, HEED_F32, &none) },
    };
    heed_metadata notes[] = { { "model", "ptrnet" }, { "evil", "a\nb\033[2J" } };
    heed_error error = { .set = false };
    cr_assert(heed_file_write(path, tensors, 4, notes, 2, &error), "%s", error.text);
}

static void write_bytes(const char *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    cr_assert(file && fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
}

/* A header, with its length before it and `data` bytes of zeros after it. */
static void write_header(const char *header, size_t data)
{
    char bytes[4000] = { 0 };
    size_t length = strlen(header);
    bytes[0] = (char)(length & 255);
    bytes[1] = (char)(length >> 8);
    memcpy(bytes + 8, header, length);
    write_bytes(bytes, 8 + length + data);
}

Test(tools_inspect, good_file_is_listed)
{
    write_good();
    cr_expect_eq(inspect("", ""), 0);
    expect_said("decoder/w");
    expect_said("[2, 3]");
    expect_said("4 tensors, 11 numbers, 2 not finite");
    expect_said("  model: ptrnet");
    cr_expect_null(strchr(said, '\033'), "control characters stay off the terminal");
    for (const char *line = said; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        double low, high, mean;
        long bad;
        if (strncmp(line, "decoder/w ", 10) != 0) continue;
        const char *numbers = strchr(line, ']') + 1;
        cr_assert_eq(sscanf(numbers, "%lf %lf %lf %ld", &low, &high, &mean, &bad), 4);
        cr_expect(low == -2 && high == 4 && mean == 1.5 && bad == 2, "%s", numbers);
    }
}

Test(tools_inspect, json)
{
    write_good();
    cr_expect_eq(inspect("--json", ""), 0);
    cr_expect(said_one_object(), "%s", said);
    expect_said("\"name\":\"decoder/w\",\"dtype\":\"F32\",\"shape\":[2, 3]");
    expect_said("\"min\":-2,\"max\":4,\"mean\":1.5,\"not_finite\":2");
    expect_said("\"min\":null");
    expect_said("\"evil\":\"a\\nb\\u001b[2J\"");
}

Test(tools_inspect, one_tensor)
{
    write_good();
    cr_expect_eq(inspect("", "i"), 0);
    cr_expect_str_eq(said, "[ 7 -9  5]\n");
    cr_expect_eq(inspect("", "decoder/v"), 1);
    expect_said("did you mean decoder/w?");
    cr_expect_eq(inspect("--json", "i"), 2);
}

static void expect_refused(const char *what)
{
    int status = inspect("", "");
    cr_expect_eq(status, 1, "%s: exit status %d, %s", what, status, said);
    cr_expect_eq(lines_said(), 1, "%s: %s", what, said);
    cr_expect(says(path), "%s: the file is named: %s", what, said);
    cr_expect_eq(inspect("--json", "2>/dev/null"), 1);
    cr_expect(!*said, "%s: half a JSON object: %s", what, said);
}

Test(tools_inspect, missing_and_truncated_files)
{
    expect_refused("missing");
    write_good();
    FILE *file = fopen(path, "rb");
    static char bytes[2000];
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    cr_assert(size > 100 && size < sizeof bytes);
    for (size_t left = 0; left < size; left = left < 16 ? left + 1 : left + 29) {
        write_bytes(bytes, left);
        expect_refused("truncated");
    }
    write_bytes(bytes, size + 1);
    expect_refused("a byte too many");
}

Test(tools_inspect, hostile_headers)
{
    static const struct {
        const char *header;
        size_t data;
    } cases[] = {
        { "", 0 },
        { "{", 0 },
        { "[]", 0 },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}", 8 },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,9]}}", 9 },
        { "{\"a\":{\"dtype\":\"F99\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8 },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8 },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4611686018427387904],"
          "\"data_offsets\":[0,0]}}",
          0 },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}", 16 },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
          "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}",
          16 },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
          "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}",
          12 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_header(cases[i].header, cases[i].data);
        expect_refused(cases[i].header);
    }
    write_bytes("\377\377\377\377\377\377\377\377{}", 10);
    expect_refused("a header of 2^64 bytes");
    write_bytes("\0\341\365\005\0\0\0\0{}", 10);
    expect_refused("a header of 100,000,000 bytes that is not there");
}

/* The control: the smallest cases above, done right. */
Test(tools_inspect, well_formed_headers)
{
    write_header("{}", 0);
    cr_expect_eq(inspect("", ""), 0, "%s", said);
    expect_said("0 tensors");
    write_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8);
    cr_expect_eq(inspect("", ""), 0, "%s", said);
    expect_said("1 tensors, 2 numbers, 0 not finite");
    write_header("{\"a\":{\"dtype\":\"BF16\",\"shape\":[4],\"data_offsets\":[0,8]}}", 8);
    cr_expect_eq(inspect("", ""), 0, "a type without arithmetic is listed: %s", said);
    expect_said("BF16");
}

Test(tools_inspect, directory_and_device)
{
    cr_expect_eq(heed("inspect /tmp"), 1);
    cr_expect_eq(lines_said(), 1, "%s", said);
    cr_expect_eq(heed("inspect /dev/null"), 1);
    cr_expect_eq(lines_said(), 1, "%s", said);
}

/* tensor_safetensors_hostile.c - headers that must be refused, each with a sentence that says why,
 * and their neighbours that must be accepted. */
#include "tests/tensor_hostile.h"

TestSuite(tensor_hostile, .init = enter, .fini = leave);

Test(tensor_hostile, valid_neighbours)
{
    static const header_case cases[] = {
        { "{}", 0, NULL },
        { "{}      ", 0, NULL },
        { " \t\r\n{ } \t\r\n", 0, NULL },
        { "{" A "}", 8, NULL },
        { "{ \"a\" : { " T(" [ 0 , 8 ] ") " } }", 8, NULL },
        { "{\"b\":{" T("[8,16]") "}," A "}", 16, NULL },
        { "{\"__metadata__\":{}}", 0, NULL },
        { "{\"__metadata__\":{\"k\":\"v\",\"\":\"\"}," A "}", 8, NULL },
        { SHAPED("\"F32\"", "[]", "[0,4]"), 4, NULL },
        { SHAPED("\"F32\"", "[3,0]", "[0,0]"), 0, NULL },
        { SHAPED("\"F64\"", "[1,1,1,1,1,1,1,1]", "[0,8]"), 8, NULL },
        { SHAPED("\"BF16\"", "[3]", "[0,6]"), 6, NULL },
        { SHAPED("\"F4\"", "[4]", "[0,2]"), 2, NULL },
        { SHAPED("\"F6_E2M3\"", "[4]", "[0,3]"), 3, NULL },
        { SHAPED("\"C64\"", "[2]", "[0,16]"), 16, NULL },
        { SHAPED("\"F8_E5M2FNUZ\"", "[2]", "[0,2]"), 2, NULL },
        { "{\"z\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}," A "}", 8, NULL },
        { "{\"\\u0061\\ud83d\\ude00\\n\\/\":{" T("[0,8]") "}}", 8, NULL },
        { "{\"\xC3\xA9\xF0\x9F\x98\x80\":{" T("[0,8]") "}}", 8, NULL },
        { "{\"\":{" T("[0,8]") "}}", 8, NULL },
    };
    RUN(cases);
}

Test(tensor_hostile, broken_json)
{
    static const header_case cases[] = {
        { "", 0, "expected '{'" },
        { "    ", 0, "expected '{'" },
        { "[]", 0, "expected '{'" },
        { "null", 0, "expected '{'" },
        { "\xEF\xBB\xBF{}", 0, "expected '{'" },
        { "\v{}", 0, "expected '{'" },
        { "{", 0, "expected a string" },
        { "{" A, 8, "expected ',' or '}'" },
        { "{} x", 0, "text after the closing" },
        { "{}{}", 0, "text after the closing" },
        { "{" A ",}", 8, "expected a string" },
        { "{," A "}", 8, "expected a string" },
        { "{" A " " A "}", 8, "expected ',' or '}'" },
        { "{a:{}}", 0, "expected a string" },
        { "{'a':{}}", 0, "expected a string" },
        { "{\"a\"}", 0, "expected ':'" },
        { "{\"a\":}", 0, "expected '{'" },
        { "{\"a\":NaN}", 0, "expected '{'" },
        { "{\"a\":{" T("[0,8]") "}//\n}", 8, "expected ',' or '}'" },
        { "{\"a\":{\"dtype\" \"F32\"}}", 0, "expected ':'" },
        { "{\"a", 0, "ends inside a string" },
        { "{\"a\\", 0, "ends inside a string" },
    };
    RUN(cases);
}

Test(tensor_hostile, broken_strings)
{
    static const header_case cases[] = {
        { "{\"a\\x\":{" T("[0,8]") "}}", 8, "after a backslash" },
        { "{\"\\'\":{" T("[0,8]") "}}", 8, "after a backslash" },
        { "{\"\\U0061\":{" T("[0,8]") "}}", 8, "after a backslash" },
        { "{\"\\u00g1\":{" T("[0,8]") "}}", 8, "four hexadecimal digits" },
        { "{\"\\u00", 0, "four hexadecimal digits" },
        { "{\"\\ud800\":{" T("[0,8]") "}}", 8, "high surrogate" },
        { "{\"\\ud800x\":{" T("[0,8]") "}}", 8, "high surrogate" },
        { "{\"\\ud800\\n\":{" T("[0,8]") "}}", 8, "high surrogate" },
        { "{\"\\ud800\\u0041\":{" T("[0,8]") "}}", 8, "high surrogate" },
        { "{\"\\ud800\\ud800\":{" T("[0,8]") "}}", 8, "high surrogate" },
        { "{\"\\udc00\":{" T("[0,8]") "}}", 8, "low surrogate" },
        { "{\"a\\u0000b\":{" T("[0,8]") "}}", 8, "\\u0000" },
        { "{\"a\nb\":{" T("[0,8]") "}}", 8, "control byte" },
        { "{\"a\x1f\":{" T("[0,8]") "}}", 8, "control byte" },
        { "{\"__metadata__\":{\"k\":\"\t\"}}", 0, "control byte" },
        { "{\"__metadata__\":{\"k\":\"\\u0000\"}}", 0, "\\u0000" },
    };
    RUN(cases);
    static const char with_nul[] = "{\"a\0b\":{" T("[0,8]") "}}";
    write_file(sizeof with_nul - 1, with_nul, sizeof with_nul - 1, 8);
    expect_open("a raw 0 byte", "control byte");
}

Test(tensor_hostile, broken_utf8)
{
    static const char *const bytes[] = {
        "\x80",
        "\xBF",
        "\xC0\x80",
        "\xC1\xBF",
        "\xC3",
        "\xC3\x28",
        "\xE0\x9F\xBF",
        "\xED\xA0\x80",
        "\xED\xBF\xBF",
        "\xE2\x82",
        "\xE2\x28\xA1",
        "\xE2\x82\x28",
        "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80",
        "\xF0\x9F\x98",
        "\xF0\x9F\x98\x28",
        "\xFE",
        "\xFF",
    };
    for (size_t i = 0; i < sizeof bytes / sizeof bytes[0]; i++) {
        char header[200];
        int size = snprintf(header, sizeof header, "{\"a%s\":{" T("[0,8]") "}}", bytes[i]);
        write_file((uint64_t)size, header, (size_t)size, 8);
        expect_open(header, "invalid UTF-8 at byte 3");
        size = snprintf(header, sizeof header, "{}%s", bytes[i]); /* cut at the very end */
        write_file((uint64_t)size, header, (size_t)size, 0);
        expect_open(header, "invalid UTF-8 at byte 2");
    }
}

Test(tensor_hostile, broken_entries)
{
    static const header_case cases[] = {
        { "{\"a\":1}", 0, "tensor \"a\": not a valid header: expected '{'" },
        { "{\"a\":[]}", 0, "expected '{'" },
        { "{\"a\":{}}", 0, "tensor \"a\": member \"dtype\" is missing" },
        { "{\"a\":{\"shape\":[],\"data_offsets\":[0,4]}}", 4, "member \"dtype\" is missing" },
        { "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "member \"shape\" is missing" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[]}}", 4, "member \"data_offsets\" is missing" },
        { "{\"a\":{" T("[0,8]") ",\"x\":1}}", 8, "unknown member \"x\"" },
        { "{\"a\":{\"Dtype\":\"F32\"}}", 8, "unknown member \"Dtype\"" },
        { "{\"a\":{\"\x1b\":1}}", 8, "control byte" },
        { "{\"a\":{\"\\u001b[31m\":1}}", 8, "unknown member \"\\u001b[31m\"" },
        { SHAPED("\"F31\"", "[2]", "[0,8]"), 8, "unknown dtype \"F31\"" },
        { SHAPED("\"f32\"", "[2]", "[0,8]"), 8, "unknown dtype \"f32\"" },
        { SHAPED("\"\"", "[2]", "[0,8]"), 8, "unknown dtype \"\"" },
        { SHAPED("32", "[2]", "[0,8]"), 8, "expected a string" },
        { SHAPED("null", "[2]", "[0,8]"), 8, "expected a string" },
        { SHAPED("\"F32\"", "2", "[0,8]"), 8, "the list of dimensions" },
        { SHAPED("\"F32\"", "{}", "[0,8]"), 8, "the list of dimensions" },
        { SHAPED("\"F32\"", "[\"2\"]", "[0,8]"), 8, "whole number" },
        { SHAPED("\"F32\"", "[[2]]", "[0,8]"), 8, "whole number" },
        { SHAPED("\"F32\"", "[2,]", "[0,8]"), 8, "whole number" },
        { SHAPED("\"F32\"", "[2 2]", "[0,8]"), 8, "expected ',' or ']'" },
        { SHAPED("\"F32\"", "[-2]", "[0,8]"), 8, "without a sign" },
        { SHAPED("\"F32\"", "[+2]", "[0,8]"), 8, "without a sign" },
        { SHAPED("\"F32\"", "[02]", "[0,8]"), 8, "leading zero" },
        { SHAPED("\"F32\"", "[2.0]", "[0,8]"), 8, "without fraction" },
        { SHAPED("\"F32\"", "[2e0]", "[0,8]"), 8, "without fraction" },
        { SHAPED("\"F32\"", "[0x2]", "[0,8]"), 8, "expected ',' or ']'" },
        { SHAPED("\"F32\"", "[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4, "more than 8 dimensions" },
        { SHAPED("\"F32\"", "[2]", "[]"), 8, "whole number" },
        { SHAPED("\"F32\"", "[2]", "[0]"), 8, "between begin and end" },
        { SHAPED("\"F32\"", "[2]", "[0,8,8]"), 8, "after begin and end" },
        { SHAPED("\"F32\"", "[2]", "{}"), 8, "the begin and end" },
        { SHAPED("\"F32\"", "[2]", "[-0,8]"), 8, "without a sign" },
    };
    RUN(cases);
}

Test(tensor_hostile, sizes_that_overflow_or_disagree)
{
    static const header_case cases[] = {
        { SHAPED("\"F32\"", "[9223372036854775808]", "[0,8]"), 8, "above 2^63 - 1" },
        { SHAPED("\"F32\"", "[18446744073709551616]", "[0,8]"), 8, "above 2^64 - 1" },
        { SHAPED("\"F32\"", "[99999999999999999999999]", "[0,8]"), 8, "above 2^64 - 1" },
        { SHAPED("\"F32\"", "[4294967296,4294967296]", "[0,0]"), 0, "overflows" },
        { SHAPED("\"F32\"", "[4294967296,4294967296,0]", "[0,0]"), 0, "overflows" },
        { SHAPED("\"F32\"", "[4611686018427387904]", "[0,0]"), 0, "overflows" },
        { SHAPED("\"F32\"", "[576460752303423488]", "[0,0]"), 0, "overflows" },
        { SHAPED("\"U8\"", "[2305843009213693952]", "[0,0]"), 0, "overflows" },
        { SHAPED("\"F4\"", "[3]", "[0,2]"), 2, "expected whole bytes" },
        { SHAPED("\"F6_E3M2\"", "[2]", "[0,2]"), 2, "expected whole bytes" },
        { SHAPED("\"F32\"", "[2]", "[8,0]"), 8, "end before they begin" },
        { SHAPED("\"F32\"", "[2]", "[0,4]"), 4, "hold 4 bytes, expected 8" },
        { SHAPED("\"F32\"", "[3]", "[0,8]"), 8, "hold 8 bytes, expected 12" },
        { SHAPED("\"F32\"", "[0]", "[0,8]"), 8, "hold 8 bytes, expected 0" },
        { SHAPED("\"F32\"", "[]", "[0,0]"), 0, "hold 0 bytes, expected 4" },
        { SHAPED("\"F32\"", "[2]", "[18446744073709551608,0]"), 8, "end before they begin" },
        { SHAPED("\"F32\"", "[2]", "[18446744073709551607,18446744073709551615]"), 8, "a hole" },
    };
    RUN(cases);
}

Test(tensor_hostile, data_that_is_not_one_run)
{
    static const header_case cases[] = {
        { "{\"a\":{" T("[4,12]") "}}", 12, "tensor \"a\": its data begins at byte 4, expected 0" },
        { "{" A ",\"b\":{" T("[9,17]") "}}", 17, "tensor \"b\": its data begins at byte 9" },
        { "{" A ",\"b\":{" T("[9,17]") "}}", 17, "there is a hole" },
        { "{" A ",\"b\":{" T("[7,15]") "}}", 15, "they overlap" },
        { "{" A ",\"b\":{" T("[0,8]") "}}", 8, "they overlap" },
        { "{" A "}", 7, "the file is cut" },
        { "{" A "}", 0, "the file is cut" },
        { "{" A "}", 9, "something is appended" },
        { "{}", 1, "something is appended" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1000000000000],\"data_offsets\":[0,4000000000000]}"
          "}",
          8, "the file is cut" },
    };
    RUN(cases);
}

Test(tensor_hostile, duplicates_at_every_level)
{
    static const header_case cases[] = {
        { "{" A "," A "}", 8, "the name \"a\" appears twice" },
        { "{" A ",\"b\":{" T("[8,16]") "},\"a\":{" T("[16,24]") "}}", 24, "\"a\" appears twice" },
        { "{" A ",\"\\u0061\":{" T("[8,16]") "}}", 16, "the name \"a\" appears twice" },
        { "{\"a\":{\"dtype\":\"F32\"," T("[0,8]") "}}", 8, "member \"dtype\" appears twice" },
        { "{\"a\":{\"shape\":[2]," T("[0,8]") "}}", 8, "member \"shape\" appears twice" },
        { "{\"a\":{" T("[0,8]") ",\"data_offsets\":[0,8]}}", 8, "\"data_offsets\" appears twice" },
        { "{\"a\":{" T("[0,8]") ",\"\\u0064type\":\"F32\"}}", 8, "member \"dtype\" appears twice" },
        { "{\"__metadata__\":{},\"__metadata__\":{}}", 0, "\"__metadata__\" appears twice" },
        { "{\"__metadata__\":{},\"\\u005f_metadata__\":{}}", 0, "\"__metadata__\" appears twice" },
        { "{\"__metadata__\":{\"k\":\"1\",\"j\":\"\",\"k\":\"2\"}}", 0, "key \"k\" appears twice" },
    };
    RUN(cases);
}

Test(tensor_hostile, metadata_is_strings)
{
    static const header_case cases[] = {
        { "{\"__metadata__\":1}", 0, "strings as metadata" },
        { "{\"__metadata__\":null}", 0, "strings as metadata" },
        { "{\"__metadata__\":{\"k\":1}}", 0, "expected a string" },
        { "{\"__metadata__\":{\"k\":{}}}", 0, "expected a string" },
        { "{\"__metadata__\":{\"k\":[\"v\"]}}", 0, "expected a string" },
        { "{\"__metadata__\":{\"k\":null}}", 0, "expected a string" },
        { "{\"__metadata__\":{\"k\"}}", 0, "expected ':'" },
        { "{\"__metadata__\":{\"k\":\"v\",}}", 0, "expected a string" },
        { "{\"__metadata__\":{" T("[0,8]") "}}", 8, "expected a string" },
    };
    RUN(cases);
}

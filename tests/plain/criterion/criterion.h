/* criterion.h - the part of Criterion's interface that the tests use, for the thread sanitizer.
 *
 * Criterion passes its messages through memory at addresses that the thread sanitizer keeps for
 * itself, so under it no test would start. `make tsan` compiles the same tests against this header;
 * tests/plain/runner.c runs each in a process of its own and prints Criterion's closing line. */
#ifndef HEED_TESTS_PLAIN_CRITERION_H
#define HEED_TESTS_PLAIN_CRITERION_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct plain_test {
    int defaults;
    const char *suite, *name;
    void (*run)(void);
    void (*init)(void);
    void (*fini)(void);
    double timeout; /* accepted, and left to the caller's patience */
    struct plain_test *next;
} plain_test;

void plain_register(plain_test *test);
/* Report a failed check; `fatal` ends the test. */
void plain_failed(bool fatal, const char *file, int line, const char *what, const char *format,
                  ...);
void plain_skip(void);

#define Test(suite_, name_, ...)                                                \
    static void suite_##_##name_(void);                                         \
    static plain_test suite_##_##name_##_test = { .defaults = 0, __VA_ARGS__ }; \
    __attribute__((constructor)) static void suite_##_##name_##_register(void)  \
    {                                                                           \
        suite_##_##name_##_test.suite = #suite_;                                \
        suite_##_##name_##_test.name = #name_;                                  \
        suite_##_##name_##_test.run = suite_##_##name_;                         \
        plain_register(&suite_##_##name_##_test);                               \
    }                                                                           \
    static void suite_##_##name_(void)

/* Fixtures of all tests of a suite in the file: a test without a name. */
#define TestSuite(suite_, ...)                                             \
    static plain_test suite_##_suite = { .defaults = 0, __VA_ARGS__ };     \
    __attribute__((constructor)) static void suite_##_suite_register(void) \
    {                                                                      \
        suite_##_suite.suite = #suite_;                                    \
        plain_register(&suite_##_suite);                                   \
    }                                                                      \
    struct plain_suite_##suite_

#define PLAIN_CHECK(fatal, condition, text, ...)                                         \
    do {                                                                                 \
        if (!(condition)) plain_failed(fatal, __FILE__, __LINE__, text, "" __VA_ARGS__); \
    } while (0)

#define cr_assert(c, ...) PLAIN_CHECK(true, c, #c, __VA_ARGS__)
#define cr_expect(c, ...) PLAIN_CHECK(false, c, #c, __VA_ARGS__)
#define cr_assert_not(c, ...) PLAIN_CHECK(true, !(c), "not " #c, __VA_ARGS__)
#define cr_expect_not(c, ...) PLAIN_CHECK(false, !(c), "not " #c, __VA_ARGS__)
#define cr_assert_null(c, ...) PLAIN_CHECK(true, (c) == NULL, #c " is NULL", __VA_ARGS__)
#define cr_expect_null(c, ...) PLAIN_CHECK(false, (c) == NULL, #c " is NULL", __VA_ARGS__)
#define cr_assert_not_null(c, ...) PLAIN_CHECK(true, (c) != NULL, #c " is not NULL", __VA_ARGS__)
#define cr_expect_not_null(c, ...) PLAIN_CHECK(false, (c) != NULL, #c " is not NULL", __VA_ARGS__)
#define cr_assert_eq(a, b, ...) PLAIN_CHECK(true, (a) == (b), #a " == " #b, __VA_ARGS__)
#define cr_expect_eq(a, b, ...) PLAIN_CHECK(false, (a) == (b), #a " == " #b, __VA_ARGS__)
#define cr_assert_neq(a, b, ...) PLAIN_CHECK(true, (a) != (b), #a " != " #b, __VA_ARGS__)
#define cr_expect_neq(a, b, ...) PLAIN_CHECK(false, (a) != (b), #a " != " #b, __VA_ARGS__)
#define cr_assert_lt(a, b, ...) PLAIN_CHECK(true, (a) < (b), #a " < " #b, __VA_ARGS__)
#define cr_expect_lt(a, b, ...) PLAIN_CHECK(false, (a) < (b), #a " < " #b, __VA_ARGS__)
#define cr_assert_leq(a, b, ...) PLAIN_CHECK(true, (a) <= (b), #a " <= " #b, __VA_ARGS__)
#define cr_expect_leq(a, b, ...) PLAIN_CHECK(false, (a) <= (b), #a " <= " #b, __VA_ARGS__)
#define cr_assert_gt(a, b, ...) PLAIN_CHECK(true, (a) > (b), #a " > " #b, __VA_ARGS__)
#define cr_expect_gt(a, b, ...) PLAIN_CHECK(false, (a) > (b), #a " > " #b, __VA_ARGS__)
#define cr_assert_geq(a, b, ...) PLAIN_CHECK(true, (a) >= (b), #a " >= " #b, __VA_ARGS__)
#define cr_expect_geq(a, b, ...) PLAIN_CHECK(false, (a) >= (b), #a " >= " #b, __VA_ARGS__)
#define cr_assert_float_eq(a, b, e, ...) \
    PLAIN_CHECK(true, fabs((double)(a) - (double)(b)) <= (e), #a " = " #b, __VA_ARGS__)
#define cr_expect_float_eq(a, b, e, ...) \
    PLAIN_CHECK(false, fabs((double)(a) - (double)(b)) <= (e), #a " = " #b, __VA_ARGS__)
#define cr_assert_str_eq(a, b, ...) PLAIN_CHECK(true, strcmp(a, b) == 0, #a " is " #b, __VA_ARGS__)
#define cr_expect_str_eq(a, b, ...) PLAIN_CHECK(false, strcmp(a, b) == 0, #a " is " #b, __VA_ARGS__)
#define cr_expect_str_neq(a, b, ...) \
    PLAIN_CHECK(false, strcmp(a, b) != 0, #a " is not " #b, __VA_ARGS__)
#define cr_expect_str_empty(a, ...) PLAIN_CHECK(false, !*(a), #a " is empty", __VA_ARGS__)
#define cr_assert_arr_eq(a, b, n, ...) \
    PLAIN_CHECK(true, memcmp(a, b, n) == 0, #a " equals " #b, __VA_ARGS__)
#define cr_expect_arr_eq(a, b, n, ...) \
    PLAIN_CHECK(false, memcmp(a, b, n) == 0, #a " equals " #b, __VA_ARGS__)
#define cr_assert_fail(...) PLAIN_CHECK(true, false, "failed", __VA_ARGS__)
#define cr_fail(...) PLAIN_CHECK(true, false, "failed", __VA_ARGS__)
#define cr_skip_test(...) plain_skip()
#define cr_skip(...) plain_skip()

#endif

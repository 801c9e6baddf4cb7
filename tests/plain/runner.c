/* runner.c - runs tests that were compiled against tests/plain/criterion: one process each. */
#include <criterion/criterion.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FAILED = 3, SKIPPED = 4 };

static plain_test *tests;
static bool failed;

void plain_register(plain_test *test)
{
    test->next = tests;
    tests = test;
}

void plain_failed(bool fatal, const char *file, int line, const char *what, const char *format, ...)
{
    va_list list;
    fprintf(stderr, "%s:%d: %s ", file, line, what);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    failed = true;
    if (fatal) exit(FAILED);
}

void plain_skip(void)
{
    exit(SKIPPED);
}

/* The suite's own entry, which holds its fixtures; NULL when it has none. */
static const plain_test *suite_of(const plain_test *test)
{
    for (const plain_test *t = tests; t; t = t->next)
        if (!t->run && strcmp(t->suite, test->suite) == 0) return t;
    return NULL;
}

static void run_here(const plain_test *test)
{
    const plain_test *suite = suite_of(test);
    if (suite && suite->init) suite->init();
    if (test->init) test->init();
    test->run();
    if (test->fini) test->fini();
    if (suite && suite->fini) suite->fini();
}

static int run(const plain_test *test)
{
    pid_t child = fork();
    int status = 0;
    if (child == 0) {
        run_here(test);
        exit(failed ? FAILED : 0);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int main(int argc, char **argv)
{
    int tested = 0, passing = 0, failing = 0, crashing = 0;
    bool filter = argc > 2 && strcmp(argv[argc - 2], "--filter") == 0;
    const char *pattern = filter ? argv[argc - 1] : "*";
    for (const plain_test *test = tests; test; test = test->next) {
        char name[300];
        if (!test->run) continue;
        snprintf(name, sizeof name, "%s/%s", test->suite, test->name);
        if (fnmatch(pattern, name, 0) != 0) continue;
        int status = run(test);
        if (status == SKIPPED) continue;
        tested++;
        if (status == 0)
            passing++;
        else if (status == FAILED)
            failing++;
        else
            crashing++;
        if (status) fprintf(stderr, "[FAIL] %s (status %d)\n", name, status);
    }
    fprintf(stderr, "[====] Synthesis: Tested: %d | Passing: %d | Failing: %d | Crashing: %d\n",
            tested, passing, failing, crashing);
    return tested == 0 || failing + crashing > 0;
}

/* A user's programs, out of tree: make install into a temporary prefix, then pkg-config and cc. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* Under a sanitizer (HEED_SANITIZED) the library needs the sanitizer's own flags: the plain build
 * covers this. */

static char prefix[100];

static int shell(const char *format, const char *a, const char *b)
{
    char command[2000];
    snprintf(command, sizeof command, format, a, b);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void install(void)
{
    const char *build = getenv("HEED_BUILD");
    strcpy(prefix, "/tmp/heed_install_XXXXXX");
    cr_assert_not_null(mkdtemp(prefix));
    cr_assert_eq(shell("make -s install B=%s PREFIX=%s >/dev/null", build ? build : "build",
                       prefix),
                 0, "make install failed");
}

static void remove_all(void)
{
    shell("rm -rf %s%s", prefix, "");
}

/* Compile tests/user/NAME.c against the installed library, run it in the prefix. */
static int build_and_run(const char *name, const char *how)
{
    char command[2000];
    snprintf(command, sizeof command,
             "export PKG_CONFIG_PATH=%s/lib/pkgconfig LD_LIBRARY_PATH=%s/lib:$LD_LIBRARY_PATH; "
             "${CC:-cc} -std=c11 -Wall -Wextra -Werror tests/user/%s.c -o %s/%s %s && "
             "cd %s && ./%s > %s.txt",
             prefix, prefix, name, prefix, name, how, prefix, name, name);
    return shell("%s%s", command, "");
}

#define DYNAMIC "$(pkg-config --cflags --libs heed)"
#define STATIC                                                                             \
    "$(pkg-config --cflags heed) -L$PKG_CONFIG_PATH/.. -Wl,-Bstatic -lheed -Wl,-Bdynamic " \
    "$(pkg-config --libs --static heed | sed s/-lheed//)"

#ifndef HEED_SANITIZED
Test(install, users_model_and_op_build_and_run, .timeout = 300)
{
    if (shell("command -v pkg-config >/dev/null%s%s", "", "") != 0)
        cr_skip_test("pkg-config is not installed");
    install();
    cr_expect_eq(build_and_run("model", DYNAMIC), 0, "tests/user/model.c, shared library");
    cr_expect_eq(build_and_run("op", DYNAMIC), 0, "tests/user/op.c, shared library");
    cr_expect_eq(build_and_run("op", STATIC), 0, "tests/user/op.c, static library");
    cr_expect_eq(build_and_run("model", STATIC), 0, "tests/user/model.c, static library");
    remove_all();
}

Test(install, only_heed_symbols_are_exported)
{
    const char *build = getenv("HEED_BUILD");
    cr_assert_eq(shell("nm -g --defined-only %s/libheed.a | awk 'NF == 3 && $3 !~ /^_?heed_/ "
                       "{ print; bad = 1 } END { exit bad }'%s",
                       build ? build : "build", ""),
                 0, "a symbol without the prefix heed_");
}
#endif

static char *read_file(const char *name)
{
    FILE *file = fopen(name, "rb");
    if (!file) return NULL;
    char *text = calloc(1, 100000);
    size_t n = fread(text, 1, 99999, file);
    text[n] = 0;
    fclose(file);
    return text;
}

/* What a README shows is what is compiled above. */
static void check_shown(const char *shown, const char *name)
{
    char *readme = read_file(shown), *program = read_file(name);
    if (!readme || !program) cr_skip_test("not run from the repository's top");
    char *code = strstr(program, "*/\n") + 3; /* after the opening comment */
    while (*code == '\n') code++;
    cr_assert_not_null(strstr(readme, code), "%s does not show %s as it is", shown, name);
    free(readme);
    free(program);
}

Test(install, readme_shows_the_users_model)
{
    check_shown("README.md", "tests/user/model.c");
}
Test(install, readme_shows_the_users_op)
{
    check_shown("ops/README.md", "tests/user/op.c");
}

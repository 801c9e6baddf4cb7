/* tools_run.h - run the built `heed` as a user does, and look at its words and exit status. */
#ifndef HEED_TESTS_TOOLS_RUN_H
#define HEED_TESTS_TOOLS_RUN_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum { TOOL_TEXT = 400000 };
static char said[TOOL_TEXT]; /* what the last command wrote */

/* `heed ARGUMENTS` through the shell; stdout and stderr both, unless redirected in `arguments`.
 * return: exit status, or 1000 + signal */
static inline int heed(const char *arguments)
{
    char command[2000];
    const char *build = getenv("HEED_BUILD");
    snprintf(command, sizeof command, "'%s/tools/heed' %s%s", build && *build ? build : "build",
             arguments, strchr(arguments, '>') ? "" : " 2>&1");
    FILE *pipe = popen(command, "r");
    cr_assert_not_null(pipe);
    said[fread(said, 1, TOOL_TEXT - 1, pipe)] = '\0';
    int status = pclose(pipe);
    cr_assert(!WIFEXITED(status) || WEXITSTATUS(status) < 126, "%s: is the tool built?", command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static inline bool says(const char *part)
{
    return strstr(said, part) != NULL;
}

static inline int lines_said(void)
{
    int n = 0;
    for (const char *c = said; *c; c++) n += *c == '\n';
    return n;
}

#define expect_said(part) cr_expect(says(part), "\"%s\" is not in: %.2000s", part, said)

/* A usage or input error: this status, one sentence, and not a word on stdout. */
#define expect_complaint(arguments, status, part)                                        \
    do {                                                                                 \
        int status_ = heed(arguments);                                                   \
        cr_expect(status_ == (status), "heed %s: exit status %d", arguments, status_);   \
        expect_said(part);                                                               \
        cr_expect(lines_said() == 1, "heed %s: one sentence, not: %s", arguments, said); \
        status_ = heed(arguments " 2>/dev/null");                                        \
        cr_expect(!*said, "heed %s: stdout has %.200s", arguments, said);                \
    } while (0)

/* ---- JSON: the text after one value; NULL when it is not valid ---- */

static inline const char *json_value(const char *c, int depth);

static inline const char *json_text(const char *c)
{
    if (*c++ != '"') return NULL;
    for (; *c != '"'; c++) {
        if ((unsigned char)*c < 32) return NULL;
        if (*c == '\\' && !*++c) return NULL;
    }
    return c + 1;
}

static inline const char *json_members(const char *c, char end, int depth)
{
    if (*c == end) return c + 1;
    for (;; c++) {
        if (end == '}' && (!(c = json_text(c)) || *c++ != ':')) return NULL;
        while (*c == ' ') c++;
        if (!(c = json_value(c, depth + 1))) return NULL;
        if (*c == end) return c + 1;
        if (*c != ',') return NULL;
        while (c[1] == ' ') c++;
    }
}

static inline const char *json_value(const char *c, int depth)
{
    if (depth > 20) return NULL;
    if (*c == '{') return json_members(c + 1, '}', depth);
    if (*c == '[') return json_members(c + 1, ']', depth);
    if (*c == '"') return json_text(c);
    static const char *const words[] = { "true", "false", "null" };
    for (int i = 0; i < 3; i++)
        if (strncmp(c, words[i], strlen(words[i])) == 0) return c + strlen(words[i]);
    if (*c != '-' && !(*c >= '0' && *c <= '9')) return NULL;
    return c + strspn(c, "+-0123456789.eE");
}

/* All that was said is one JSON object on one line. */
static inline bool said_one_object(void)
{
    const char *end = *said == '{' ? json_value(said, 0) : NULL;
    return end && strcmp(end, "\n") == 0;
}

#endif

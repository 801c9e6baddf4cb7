/* options.c - reading the command line, near matches, and output that notices a full disk. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/memory.h"
#include "tools/tool.h"

int heed_tool_say(const heed_tool *tool, int status, const char *format, ...)
{
    va_list list;
    fflush(stdout);
    fprintf(stderr, tool ? "heed %s: " : "heed: ", tool ? tool->name : "");
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    return status;
}

/* ---- near matches ---- */

enum { LONGEST_NAME = 60 };

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Insertions, deletions and replacements that turn a into b. */
static int edits(const char *a, const char *b)
{
    int row[LONGEST_NAME + 1] = { 0 }, n = (int)strlen(b);
    if (strlen(a) > LONGEST_NAME || n > LONGEST_NAME) return LONGEST_NAME;
    for (int j = 0; j <= n; j++) row[j] = j;
    for (int i = 0; a[i]; i++) {
        int diagonal = row[0];
        row[0] = i + 1;
        for (int j = 0; j < n; j++) {
            int replaced = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            row[j + 1] = least(replaced, least(row[j], diagonal) + 1);
        }
    }
    return row[n];
}

static bool near(const char *asked, const char *known)
{
    size_t length = strlen(asked);
    if (length >= 3 && strstr(known, asked)) return true;
    return edits(asked, known) <= (length < 4 ? 1 : 2);
}

int heed_tool_unknown(const heed_tool *tool, const char *what, const char *name,
                      const char *(*name_at)(const void *context, int index), const void *context)
{
    char quoted[2 * LONGEST_NAME];
    int found = 0;
    fflush(stdout);
    fprintf(stderr, tool ? "heed %s: " : "heed: ", tool ? tool->name : "");
    fprintf(stderr, "no %s is called %s", what, heed_json_quote(name, quoted, sizeof quoted));
    for (int i = 0; name_at(context, i); i++) {
        if (!near(name, name_at(context, i))) continue;
        fprintf(stderr, "%s%s", found++ ? ", " : "; did you mean ", name_at(context, i));
    }
    for (int i = 0; !found && name_at(context, i); i++)
        fprintf(stderr, "%s%s", i ? ", " : "; there are ", name_at(context, i));
    fprintf(stderr, found ? "?\n" : "\n");
    return TOOL_MISUSED;
}

/* ---- options ---- */

typedef struct option_list {
    const tool_option *options;
    int n;
} option_list;

static const char *option_name_at(const void *context, int index)
{
    const option_list *list = context;
    if (index == list->n) return "--help";
    return index < list->n ? list->options[index].name : NULL;
}

static int take_value(const heed_tool *tool, const tool_option *option, const char *text)
{
    char *end;
    errno = 0;
    if (option->kind == TOOL_TEXT) {
        *(const char **)option->value = text;
        return TOOL_GO_ON;
    }
    bool whole = option->kind == TOOL_WHOLE;
    long long integer = whole ? strtoll(text, &end, 10) : 0;
    double value = whole ? (double)integer : strtod(text, &end);
    if (end == text || *end || errno || !(value >= option->least && value <= option->most))
        return heed_tool_say(tool, TOOL_MISUSED, "%s takes a %snumber from %g to %g, not '%.60s'",
                             option->name, whole ? "whole " : "", option->least, option->most,
                             text);
    if (whole)
        *(int64_t *)option->value = integer;
    else
        *(double *)option->value = value;
    return TOOL_GO_ON;
}

static const tool_option *find_option(const option_list *list, const char *text, size_t length)
{
    for (int i = 0; i < list->n; i++) {
        const char *name = list->options[i].name;
        if (strlen(name) == length && memcmp(name, text, length) == 0) return &list->options[i];
    }
    return NULL;
}

/* The option at argv[*i]; moves *i on to its value. */
static int take_option(const heed_tool *tool, const option_list *list, int argc, char **argv,
                       int *i)
{
    const char *text = argv[*i], *equals = strchr(text, '=');
    size_t length = equals ? (size_t)(equals - text) : strlen(text);
    const tool_option *option = find_option(list, text, length);
    if (!option) {
        char name[LONGEST_NAME + 1];
        snprintf(name, sizeof name, "%.*s", (int)(length < 60 ? length : 60), text);
        return heed_tool_unknown(tool, "option", name, option_name_at, list);
    }
    if (option->kind == TOOL_FLAG) {
        if (equals) return heed_tool_say(tool, TOOL_MISUSED, "%s takes no value", option->name);
        *(bool *)option->value = true;
        return TOOL_GO_ON;
    }
    if (!equals && *i + 1 >= argc)
        return heed_tool_say(tool, TOOL_MISUSED, "%s needs a value", option->name);
    return take_value(tool, option, equals ? equals + 1 : argv[++*i]);
}

int heed_tool_options(const heed_tool *tool, int argc, char **argv, const tool_option *options,
                      int n, const char **operands, int most)
{
    option_list list = { options, n };
    int taken = 0;
    bool only_operands = false;
    for (int i = 1; i < argc; i++) {
        if (!only_operands && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
            printf("%s", tool->help);
            return heed_tool_finish(tool, TOOL_DONE);
        }
        if (!only_operands && strcmp(argv[i], "--") == 0) {
            only_operands = true;
        } else if (!only_operands && argv[i][0] == '-' && argv[i][1]) {
            int status = take_option(tool, &list, argc, argv, &i);
            if (status != TOOL_GO_ON) return status;
        } else if (taken < most) {
            operands[taken++] = argv[i];
        } else {
            return heed_tool_say(tool, TOOL_MISUSED, "'%.60s' is one argument too many", argv[i]);
        }
    }
    return TOOL_GO_ON;
}

/* ---- output ---- */

void heed_tool_put_number(heed_json_out *out, double value)
{
    if (isfinite(value))
        heed_json_put(out, "%.9g", value);
    else
        heed_json_put(out, "null");
}

int heed_tool_finish(const heed_tool *tool, int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) return status;
    return heed_tool_say(tool, TOOL_FAILED, "the output could not be written");
}

int heed_tool_print_json(const heed_tool *tool, heed_json_out *out, int status)
{
    if (out->failed)
        status = heed_tool_say(tool, TOOL_FAILED, "no memory for the output");
    else
        printf("%s\n", out->text);
    heed_free(out->text);
    return heed_tool_finish(tool, status);
}

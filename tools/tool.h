/* tool.h - what the subcommands of `heed` share: the table, options, near matches, JSON. */
#ifndef HEED_TOOLS_TOOL_H
#define HEED_TOOLS_TOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "tensor/json.h"

enum { TOOL_DONE = 0, TOOL_FAILED = 1, TOOL_MISUSED = 2, TOOL_GO_ON = -1 };

/* A subcommand. argv[0] is its name; run() returns the exit status. */
typedef struct heed_tool {
    const char *name;
    const char *summary; /* one line, for `heed --help` */
    const char *help;    /* whole page, with an example */
    int (*run)(int argc, char **argv);
} heed_tool;

extern const heed_tool heed_tool_bench, heed_tool_gradcheck, heed_tool_graph, heed_tool_inspect,
    heed_tool_ops;

/* ---- options: --name VALUE, --name=VALUE, --flag ---- */

typedef enum tool_option_kind { TOOL_FLAG, TOOL_TEXT, TOOL_WHOLE, TOOL_REAL } tool_option_kind;

typedef struct tool_option {
    const char *name; /* "--seed" */
    tool_option_kind kind;
    void *value;        /* bool *, const char **, int64_t *, double * */
    double least, most; /* of TOOL_WHOLE and TOOL_REAL */
} tool_option;

/* Read argv: options into their values, the rest into `operands` (at most `most`; absent ones stay
 * as they are). return: TOOL_GO_ON, or the exit status after --help or a wrong use. */
int heed_tool_options(const heed_tool *tool, int argc, char **argv, const tool_option *options,
                      int n, const char **operands, int most);

/* A sentence on stderr: "heed ops: ...". return: status */
int heed_tool_say(const heed_tool *tool, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "heed ops: no operation is called 'sofmax'; did you mean softmax?" or, when nothing is near, the
 * list. name_at(context, i) is the i-th known name, NULL past the last. return: TOOL_MISUSED */
int heed_tool_unknown(const heed_tool *tool, const char *what, const char *name,
                      const char *(*name_at)(const void *context, int index), const void *context);

/* ---- output ---- */

void heed_tool_put_number(heed_json_out *out, double value); /* null when it is not finite */
/* Print the text and a newline, free it. return: status, or TOOL_FAILED with a sentence. */
int heed_tool_print_json(const heed_tool *tool, heed_json_out *out, int status);
/* Flush stdout. return: status, or TOOL_FAILED with a sentence when writing failed. */
int heed_tool_finish(const heed_tool *tool, int status);

#endif

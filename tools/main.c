/* main.c - the command `heed`: one subcommand per file, listed here. */
#include <stdio.h>
#include <string.h>

#include "graph/op.h"
#include "tools/tool.h"

#ifndef HEED_VERSION
#define HEED_VERSION "unknown"
#endif

static const heed_tool *const tools[] = {
    &heed_tool_gradcheck, &heed_tool_ops, &heed_tool_inspect, &heed_tool_graph, &heed_tool_bench,
};
enum { N_TOOLS = sizeof tools / sizeof tools[0] };

static const char *tool_name_at(const void *context, int index)
{
    (void)context;
    return index < N_TOOLS ? tools[index]->name : NULL;
}

static int print_help(FILE *to, int status)
{
    fprintf(to, "usage: heed COMMAND [OPTIONS]\n\ncommands:\n");
    for (int i = 0; i < N_TOOLS; i++)
        fprintf(to, "  %-10s %s\n", tools[i]->name, tools[i]->summary);
    fprintf(to, "\n  --help     this text; heed COMMAND --help tells more about a command\n"
                "  --version  version, compiler and instruction sets\n"
                "\nexample: heed gradcheck --op softmax\n");
    return heed_tool_finish(NULL, status);
}

/* Does any operation of the build have a kernel for this instruction set? */
static bool is_built(heed_isa isa)
{
    const heed_op *op;
    for (int i = 0; (op = heed_op_at(i)); i++) {
        if (op->tile && op->tile->fn[HEED_F32][isa]) return true;
        if (op->kernel && op->kernel->fn[HEED_F32][isa]) return true;
    }
    return false;
}

static int print_version(void)
{
#if defined(__clang__)
    const char *compiler = "clang " __clang_version__;
#else
    const char *compiler = "gcc " __VERSION__;
#endif
    printf("heed %s\ncompiler: %s\nthreads: %s\ninstruction sets built:", HEED_VERSION, compiler,
#ifdef HEED_OPENMP
           "OpenMP"
#else
           "pthreads"
#endif
    );
    for (int isa = 0; isa < HEED_N_ISA; isa++)
        if (is_built((heed_isa)isa)) printf(" %s", heed_isa_name((heed_isa)isa));
    printf("\ninstruction set chosen: %s\n", heed_isa_name(heed_isa_current()));
    if (heed_isa_complaint()) return heed_tool_say(NULL, TOOL_FAILED, "%s", heed_isa_complaint());
    return heed_tool_finish(NULL, TOOL_DONE);
}

int main(int argc, char **argv)
{
    if (argc < 2) return print_help(stderr, TOOL_MISUSED);
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
        return print_help(stdout, TOOL_DONE);
    if (strcmp(name, "--version") == 0) return print_version();
    for (int i = 0; i < N_TOOLS; i++)
        if (strcmp(name, tools[i]->name) == 0) return tools[i]->run(argc - 1, argv + 1);
    return heed_tool_unknown(NULL, "command", name, tool_name_at, NULL);
}

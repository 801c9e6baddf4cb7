/* The command `heed`: help, version, and what it says to a wrong use. */
#include <unistd.h>

#include "graph/op.h"
#include "tests/tools_run.h"

Test(tools_usage, help_names_every_command)
{
    cr_expect_eq(heed("--help"), 0);
    expect_said("gradcheck");
    expect_said("ops");
    expect_said("inspect");
    expect_said("graph");
    expect_said("example: heed ");
    cr_expect_eq(heed("-h"), 0);
    cr_expect_eq(heed("help"), 0);
}

Test(tools_usage, every_command_has_help_with_an_example)
{
    static const char *const commands[] = { "gradcheck", "ops", "inspect", "graph" };
    for (int i = 0; i < 4; i++) {
        char arguments[60], part[60];
        snprintf(arguments, sizeof arguments, "%s --help", commands[i]);
        cr_expect_eq(heed(arguments), 0);
        snprintf(part, sizeof part, "usage: heed %s", commands[i]);
        expect_said(part);
        snprintf(part, sizeof part, "example: heed %s", commands[i]);
        expect_said(part);
    }
}

Test(tools_usage, version_tells_compiler_and_instruction_sets)
{
    cr_expect_eq(heed("--version"), 0);
    cr_expect_eq(strncmp(said, "heed ", 5), 0);
    expect_said("compiler: ");
    expect_said("instruction sets built: portable");
    expect_said("instruction set chosen: ");
    setenv("HEED_ISA", "portable", 1);
    cr_expect_eq(heed("--version"), 0);
    expect_said("instruction set chosen: portable");
    setenv("HEED_ISA", "sse9", 1);
    cr_expect_eq(heed("--version"), 1);
    expect_said("'sse9' is unknown");
}

Test(tools_usage, wrong_uses_get_a_sentence_and_status_2)
{
    cr_expect_eq(heed(""), 2);
    expect_said("usage: heed COMMAND");
    expect_complaint("gradchek", 2, "did you mean gradcheck?");
    expect_complaint("zzz", 2, "there are gradcheck, ops, inspect, graph");
    expect_complaint("ops sofmax", 2, "did you mean softmax?");
    expect_complaint("ops softmax tanh", 2, "'tanh' is one argument too many");
    expect_complaint("ops --jsn", 2, "did you mean --json?");
    expect_complaint("ops --json=1", 2, "--json takes no value");
    expect_complaint("inspect", 2, "a file is needed");
    expect_complaint("graph", 2, "a model is needed");
    expect_complaint("graph ptrnte", 2, "did you mean ptrnet?");
    expect_complaint("graph ptrnet --options", 2, "--options needs a value");
    expect_complaint("gradcheck --op", 2, "--op needs a value");
    expect_complaint("gradcheck --op sofmax", 2, "did you mean softmax?");
    expect_complaint("gradcheck --op input", 2, "input is a leaf");
    expect_complaint("gradcheck --op add --model ptrnet", 2, "not both");
    expect_complaint("gradcheck --model nope", 2, "there are ");
    expect_complaint("gradcheck --order 3", 2, "--order takes a whole number from 1 to 2, not '3'");
    expect_complaint("gradcheck --order 1x", 2, "not '1x'");
    expect_complaint("gradcheck --tolerance nan", 2, "not 'nan'");
    expect_complaint("gradcheck --tolerance=-1", 2, "not '-1'");
    expect_complaint("gradcheck --seed 99999999999999999999", 2, "--seed takes");
    expect_complaint("gradcheck softmax", 2, "'softmax' is one argument too many");
}

/* A full disk, or a reader that has gone, is no success. */
Test(tools_usage, output_that_cannot_be_written)
{
    if (access("/dev/full", W_OK) != 0) cr_skip("there is no /dev/full here");
    cr_expect_eq(heed("ops 2>&1 >/dev/full"), 1);
    expect_said("could not be written");
    cr_expect_eq(heed("--help 2>&1 >/dev/full"), 1);
    expect_said("could not be written");
}

/* ---- ops ---- */

Test(tools_usage, ops_lists_the_registry)
{
    int n = 0;
    cr_expect_eq(heed("ops"), 0);
    for (const heed_op *op; (op = heed_op_at(n)); n++) {
        char start[100];
        snprintf(start, sizeof start, "\n%s ", op->name);
        cr_expect(says(start), "%s is not listed", op->name);
        cr_expect(says(op->doc), "%s: its words are not there", op->name);
    }
    cr_expect_eq(lines_said(), n + 2, "a heading, the operations, their number");
}

Test(tools_usage, ops_tells_about_one)
{
    cr_expect_eq(heed("ops concat"), 0);
    expect_said("inputs: 1+; gradient for: all");
    expect_said("sample 0: [");
    cr_expect_eq(heed("ops gather"), 0);
    expect_said("inputs: 2; gradient for: 0\n");
    cr_expect_eq(heed("ops dropout"), 0);
    expect_said("random");
}

Test(tools_usage, ops_speaks_json)
{
    cr_expect_eq(heed("ops --json"), 0);
    cr_expect(said_one_object(), "%.300s", said);
    expect_said("\"name\":\"softmax\"");
    cr_expect_eq(heed("ops --json softmax"), 0);
    cr_expect(said_one_object());
    cr_expect_not(says("\"name\":\"tanh\""));
}

/* ---- graph ---- */

Test(tools_usage, graph_writes_dot)
{
    cr_expect_eq(heed("graph ptrnet"), 0);
    cr_expect_eq(strncmp(said, "digraph ", 8), 0);
    cr_expect_eq(strcmp(said + strlen(said) - 2, "}\n"), 0);
    expect_said("label=\"input");
    expect_said("\\nd decoder/"); /* a gradient's node */
    int whole = lines_said();
    cr_expect_eq(heed("graph ptrnet --forward"), 0);
    cr_expect_not(says("\\nd decoder/"));
    cr_expect(lines_said() < whole / 2 + 20, "%d lines of %d", lines_said(), whole);
    int forward = lines_said();
    cr_expect_eq(heed("graph ptrnet --forward --options '--n 9'"), 0);
    cr_expect(lines_said() > forward, "a longer sequence is a larger graph");
    cr_expect_eq(heed("graph ptrnet --options '--n 0'"), 1);
    expect_said("--n: 0");
}

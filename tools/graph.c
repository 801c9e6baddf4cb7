/* graph.c - `heed graph`: a model's graph as Graphviz text. */
#include <stdio.h>

#include "graph/program.h"
#include "tools/model.h"

static const char help[] =
    "usage: heed graph MODEL [--options \"OPTIONS\"] [--forward]\n"
    "\n"
    "Write the graph that a model's training step differentiates, in the dot language: inputs,\n"
    "parameters, every operation, and the gradients of all parameters. The model is built at a\n"
    "tiny size unless --options says otherwise.\n"
    "\n"
    "  --options \"OPTIONS\"  the model program's own options, as one argument\n"
    "  --forward            leave the gradients out\n"
    "\n"
    "example: heed graph ptrnet --options \"--n 3\" --forward | dot -Tsvg > ptrnet.svg\n";

/* Append d loss / d parameter for all parameters that the loss depends on. */
static bool add_gradients(heed_graph *graph, heed_node *loss)
{
    int n = heed_graph_params(graph, NULL, 0);
    heed_node **params = heed_graph_memory(graph, (size_t)(n + 1) * sizeof *params);
    heed_node **dx = heed_graph_memory(graph, (size_t)(n + 1) * sizeof *dx);
    if (!params || !dx) return false;
    heed_graph_params(graph, params, n);
    return heed_gradient_partial(loss, NULL, params, n, dx);
}

static int draw(const heed_model *model, const char *options, bool forward)
{
    heed_tiny tiny;
    heed_error error = { .set = false };
    int status = TOOL_DONE;
    if (!heed_tiny_build(&tiny, model, 0, options, HEED_F32, &error))
        status = heed_tool_say(&heed_tool_graph, TOOL_FAILED, "%s", error.text);
    else if (!forward && !add_gradients(tiny.graph, tiny.loss))
        status = heed_tool_say(&heed_tool_graph, TOOL_FAILED, "%s", heed_why(tiny.graph));
    else if (!heed_graph_dot(tiny.graph, stdout))
        status = TOOL_FAILED; /* heed_tool_finish() says so */
    heed_tiny_free(&tiny);
    return heed_tool_finish(&heed_tool_graph, status);
}

static int run(int argc, char **argv)
{
    bool forward = false;
    const char *name = NULL, *configuration = NULL;
    const tool_option options[] = {
        { "--forward", TOOL_FLAG, &forward, 0, 0 },
        { "--options", TOOL_TEXT, &configuration, 0, 0 },
    };
    int status = heed_tool_options(&heed_tool_graph, argc, argv, options, 2, &name, 1);
    if (status != TOOL_GO_ON) return status;
    if (!name)
        return heed_tool_say(&heed_tool_graph, TOOL_MISUSED, "a model is needed; see --help");
    const heed_model *model = heed_tool_find_model(&heed_tool_graph, name);
    if (!model) return TOOL_MISUSED;
    if (!configuration) configuration = model->tiny && model->tiny[0] ? model->tiny[0] : "";
    return draw(model, configuration, forward);
}

const heed_tool heed_tool_graph = {
    .name = "graph",
    .summary = "a model's graph, for Graphviz",
    .help = help,
    .run = run,
};

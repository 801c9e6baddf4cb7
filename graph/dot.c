/* dot.c - a graph as Graphviz text: `heed graph ptrnet | dot -Tsvg > ptrnet.svg`. */
#include "graph/internal.h"
#include "graph/program.h"

/* Text inside a quoted label: names may hold anything. */
static void quoted(FILE *to, const char *text)
{
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') fputc('\\', to);
        fputc(*text == '\n' ? ' ' : *text, to);
    }
}

static const char *style_of(const heed_node *node)
{
    if (heed_is_input(node)) return "shape=parallelogram, fillcolor=\"#d5e8f7\"";
    if (heed_is_param(node)) return "shape=cylinder, fillcolor=\"#f7e3c5\"";
    if (heed_is_constant(node)) return "shape=plaintext, fillcolor=\"#eeeeee\"";
    return node->op->view ? "shape=box, fillcolor=\"#ffffff\"" : "shape=box, fillcolor=\"#e3f2dd\"";
}

bool heed_graph_dot(const heed_graph *graph, FILE *to)
{
    fprintf(to, "digraph heed {\n  rankdir=TB;\n  node [style=filled, fontname=\"sans-serif\", "
                "fontsize=10];\n");
    for (int id = 0; id < graph->n_nodes; id++) {
        const heed_node *node = graph->nodes[id];
        char shape[HEED_SHAPE_TEXT];
        fprintf(to, "  n%d [%s, label=\"%s", id, style_of(node), node->op->name);
        if (*node->name) fprintf(to, "\\n");
        quoted(to, node->name);
        fprintf(to, "\\n%s %s\"", heed_shape_print(&node->shape, shape, sizeof shape),
                heed_dtype_name(node->dtype));
        if (node->file) {
            fprintf(to, ", tooltip=\"");
            quoted(to, node->file);
            fprintf(to, ":%d\"", node->line);
        }
        fprintf(to, "];\n");
        for (int i = 0; i < node->n_in; i++) fprintf(to, "  n%d -> n%d;\n", node->in[i]->id, id);
    }
    fprintf(to, "}\n");
    return !ferror(to);
}

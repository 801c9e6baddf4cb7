/* ops.c - `heed ops`: the catalogue of operations, in the descriptors' own words. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "graph/op.h"
#include "tools/tool.h"

static const char help[] =
    "usage: heed ops [NAME] [--json]\n"
    "\n"
    "List every operation: its name, inputs, properties, and what it computes. With NAME, that\n"
    "operation alone, with its test samples.\n"
    "\n"
    "  --json  one JSON object\n"
    "\n"
    "example: heed ops softmax\n";

static const char *op_name_at(const void *context, int index)
{
    (void)context;
    const heed_op *op = heed_op_at(index);
    return op ? op->name : NULL;
}

/* ---- what a descriptor says, in words ---- */

typedef struct property {
    const char *word;
    bool (*holds)(const heed_op *op);
} property;

static bool is_leaf(const heed_op *op)
{
    return op->flags & HEED_LEAF;
}
static bool is_elementwise(const heed_op *op)
{
    return op->tile != NULL;
}
static bool is_view(const heed_op *op)
{
    return op->view != NULL;
}
static bool is_differentiable(const heed_op *op)
{
    return op->diff != 0;
}
static bool is_in_place(const heed_op *op)
{
    return op->in_place != 0;
}
static bool is_strided(const heed_op *op)
{
    return op->strided != 0;
}
static bool is_random(const heed_op *op)
{
    return op->flags & HEED_RANDOM;
}
static bool is_linear(const heed_op *op)
{
    return op->flags & HEED_LINEAR;
}
static bool stops(const heed_op *op)
{
    return op->flags & HEED_STOPS;
}
static bool is_writing(const heed_op *op)
{
    return op->writes != 0;
}

static const property properties[] = {
    { "leaf", is_leaf },         { "elementwise", is_elementwise },
    { "view", is_view },         { "differentiable", is_differentiable },
    { "linear", is_linear },     { "in-place", is_in_place },
    { "strided", is_strided },   { "random", is_random },
    { "stops-gradient", stops }, { "writes", is_writing },
};
enum { N_PROPERTIES = sizeof properties / sizeof properties[0] };

static const char *inputs_of(const heed_op *op, char *text, size_t size)
{
    if (op->max_in == INT_MAX)
        snprintf(text, size, "%d+", op->n_in);
    else if (op->max_in > op->n_in)
        snprintf(text, size, "%d-%d", op->n_in, op->max_in);
    else
        snprintf(text, size, "%d", op->n_in);
    return text;
}

static const char *properties_of(const heed_op *op, char *text, size_t size)
{
    size_t used = 0;
    *text = '\0';
    for (int i = 0; i < N_PROPERTIES; i++)
        if (properties[i].holds(op) && used < size)
            used += (size_t)snprintf(text + used, size - used, "%s%s", used ? " " : "",
                                     properties[i].word);
    return text;
}

/* "0,2", or "all" for an operation with any number of inputs. */
static const char *bits_of(const heed_op *op, unsigned bits, char *text, size_t size)
{
    size_t used = 0;
    int most = op->max_in > op->n_in ? op->max_in : op->n_in;
    snprintf(text, size, "none");
    if (bits == HEED_ALL_INPUTS) return snprintf(text, size, "all"), text;
    for (int i = 0; i < 32 && i < most; i++)
        if (bits >> i & 1u)
            used += (size_t)snprintf(text + used, size - used, "%s%d", used ? "," : "", i);
    return text;
}

/* ---- one operation ---- */

static void print_sample(int k, const heed_sample *sample)
{
    char shape[HEED_SHAPE_TEXT];
    printf("  sample %d:", k);
    for (int i = 0; i < sample->n_in; i++) {
        const heed_sample_input *in = &sample->in[i];
        double low = in->low, high = in->high;
        if (low == 0 && high == 0) low = -2, high = 2;
        printf("%s %s", i ? "," : "", heed_shape_print(&in->shape, shape, sizeof shape));
        if (in->index)
            printf(" in 0 .. %d", in->below - 1);
        else
            printf(" in %g .. %g", low, high);
        if (in->distinct) printf(" distinct");
        if (in->avoid) printf(" away from %g", in->kink);
    }
    printf("\n");
}

static void print_one(const heed_op *op)
{
    char text[200];
    heed_sample sample = { .n_in = 0 };
    printf("%s\n  %s\n", op->name, op->doc);
    printf("  inputs: %s", inputs_of(op, text, sizeof text));
    printf("; gradient for: %s\n", bits_of(op, op->diff, text, sizeof text));
    printf("  properties: %s\n", properties_of(op, text, sizeof text));
    printf("  attributes: %zu bytes\n", op->attr_size);
    for (int k = 0; op->sample && op->sample(k, &sample); k++) {
        print_sample(k, &sample);
        memset(&sample, 0, sizeof sample);
    }
}

static void print_all(void)
{
    const heed_op *op;
    char inputs[40], words[200];
    printf("%-18s %-6s %-42s %s\n", "operation", "inputs", "properties", "what it computes");
    int n = 0;
    for (; (op = heed_op_at(n)); n++)
        printf("%-18s %-6s %-42s %s\n", op->name, inputs_of(op, inputs, sizeof inputs),
               properties_of(op, words, sizeof words), op->doc);
    printf("%d operations\n", n);
}

/* ---- JSON ---- */

static void put_samples(heed_json_out *out, const heed_op *op)
{
    char shape[HEED_SHAPE_TEXT];
    heed_sample sample = { .n_in = 0 };
    heed_json_put(out, ",\"samples\":[");
    for (int k = 0; op->sample && op->sample(k, &sample); k++) {
        heed_json_put(out, "%s[", k ? "," : "");
        for (int i = 0; i < sample.n_in; i++)
            heed_json_put(out, "%s{\"shape\":%s,\"index\":%s}", i ? "," : "",
                          heed_shape_print(&sample.in[i].shape, shape, sizeof shape),
                          sample.in[i].index ? "true" : "false");
        heed_json_put(out, "]");
        memset(&sample, 0, sizeof sample);
    }
    heed_json_put(out, "]");
}

static void put_op(heed_json_out *out, const heed_op *op)
{
    int most = op->max_in > op->n_in ? op->max_in : op->n_in;
    heed_json_put(out, "{\"name\":");
    heed_json_put_string(out, op->name);
    heed_json_put(out, ",\"doc\":");
    heed_json_put_string(out, op->doc);
    heed_json_put(out, ",\"inputs\":%d,\"most_inputs\":", op->n_in);
    if (most == INT_MAX)
        heed_json_put(out, "null");
    else
        heed_json_put(out, "%d", most);
    heed_json_put(out, ",\"gradient_mask\":%u,\"attribute_bytes\":%zu,\"properties\":[", op->diff,
                  op->attr_size);
    for (int i = 0, n = 0; i < N_PROPERTIES; i++)
        if (properties[i].holds(op))
            heed_json_put(out, "%s\"%s\"", n++ ? "," : "", properties[i].word);
    heed_json_put(out, "]");
    put_samples(out, op);
    heed_json_put(out, "}");
}

static int print_json(const heed_op *only)
{
    heed_json_out out = { .text = NULL };
    const heed_op *op;
    heed_json_put(&out, "{\"operations\":[");
    if (only) put_op(&out, only);
    for (int i = 0; !only && (op = heed_op_at(i)); i++) {
        heed_json_put(&out, "%s", i ? "," : "");
        put_op(&out, op);
    }
    heed_json_put(&out, "]}");
    return heed_tool_print_json(&heed_tool_ops, &out, TOOL_DONE);
}

static int run(int argc, char **argv)
{
    bool json = false;
    const char *name = NULL;
    const tool_option options[] = { { "--json", TOOL_FLAG, &json, 0, 0 } };
    int status = heed_tool_options(&heed_tool_ops, argc, argv, options, 1, &name, 1);
    if (status != TOOL_GO_ON) return status;
    const heed_op *op = heed_find_op(name);
    if (name && !op) return heed_tool_unknown(&heed_tool_ops, "operation", name, op_name_at, NULL);
    if (json) return print_json(op);
    if (op)
        print_one(op);
    else
        print_all();
    return heed_tool_finish(&heed_tool_ops, TOOL_DONE);
}

const heed_tool heed_tool_ops = {
    .name = "ops",
    .summary = "the catalogue of operations",
    .help = help,
    .run = run,
};

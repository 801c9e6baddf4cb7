/* gradcheck.c - `heed gradcheck`: is every gradient right? Every operation, every model. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "graph/gradcheck.h"
#include "tools/model.h"

static const char help[] =
    "usage: heed gradcheck [--op NAME | --model NAME] [OPTIONS]\n"
    "\n"
    "Compare the gradients that reverse rules give with central differences, in double precision.\n"
    "Every operation is checked on each of its samples, for each subset of its differentiable\n"
    "inputs, under a random cotangent; at second order the gradient's own gradient is checked the\n"
    "same way. Every model is checked at tiny sizes, against each of its parameters. The exit\n"
    "status is 1 when anything fails.\n"
    "\n"
    "  --op NAME        this operation only\n"
    "  --model NAME     this model only\n"
    "  --order 1|2      first or second order only (models: first)\n"
    "  --tolerance X    |a - b| <= X max(1, |a|, |b|); default 1e-6\n"
    "  --seed N         other random numbers; default 0\n"
    "  --json           one JSON object instead of the table\n"
    "\n"
    "example: heed gradcheck --op softmax\n";

typedef struct report {
    heed_gradcheck_options options;
    bool json;
    heed_json_out out;
    int checked, failed;
    long compared;
    double worst;
    char where[300];    /* of the worst */
    char failures[300]; /* names */
} report;

/* ---- one line ---- */

static const char *error_text(double error, bool checked, char *text, size_t size)
{
    if (checked)
        snprintf(text, size, "%.1e", error);
    else
        snprintf(text, size, "-");
    return text;
}

/* The worst of both orders; a NaN is the worst of all. */
static double worst_of(const heed_gradcheck_result *r)
{
    return isnan(r->worst[0]) || isnan(r->worst[1]) ? NAN : fmax(r->worst[0], r->worst[1]);
}

static void put_row(report *all, const char *kind, const char *name, const heed_gradcheck_result *r)
{
    heed_json_out *out = &all->out;
    heed_json_put(out, "%s{\"kind\":\"%s\",\"name\":", all->checked > 1 ? "," : "", kind);
    heed_json_put_string(out, name);
    heed_json_put(out, ",\"passed\":%s,\"samples\":%d,\"subsets\":%d,\"compared\":%ld",
                  r->passed ? "true" : "false", r->samples, r->subsets, r->compared);
    heed_json_put(out, ",\"first\":");
    heed_tool_put_number(out, r->worst[0]);
    heed_json_put(out, ",\"second\":");
    heed_tool_put_number(out, r->worst[1]);
    heed_json_put(out, ",\"where\":");
    heed_json_put_string(out, r->where);
    heed_json_put(out, ",\"second_skipped\":");
    heed_json_put_string(out, r->second);
    heed_json_put(out, ",\"why\":");
    heed_json_put_string(out, r->why);
    heed_json_put(out, "}");
}

static void print_row(const report *all, const char *name, const heed_gradcheck_result *r,
                      bool differentiable, bool second)
{
    char first_text[32], second_text[32];
    const char *where = r->where;
    size_t length = strlen(name);
    if (strncmp(where, name, length) == 0 && strncmp(where + length, ": ", 2) == 0)
        where += length + 2;
    if (all->checked == 1)
        printf("%-18s %7s %8s %9s  %8s  %8s  %s\n", "what", "samples", "subsets", "compared",
               "order 1", "order 2", "worst at");
    printf("%-18s %7d %8d %9ld  %8s  %8s  %s%s\n", name, r->samples, r->subsets, r->compared,
           error_text(r->worst[0], differentiable && all->options.order != 2, first_text,
                      sizeof first_text),
           error_text(r->worst[1], differentiable && second, second_text, sizeof second_text),
           r->passed ? "" : "FAILED ", differentiable ? where : "it has no gradient; it runs");
    if (*r->second) printf("  second order not checked: %s\n", r->second);
    if (!r->passed) printf("  %s\n", r->why);
    fflush(stdout);
}

static void add(report *all, const char *kind, const char *name, const heed_gradcheck_result *r,
                bool differentiable, bool second)
{
    double worst = worst_of(r);
    all->checked++;
    all->compared += r->compared;
    if (differentiable && !isnan(all->worst) && (worst >= all->worst || isnan(worst))) {
        all->worst = worst;
        snprintf(all->where, sizeof all->where, "%s%s%s", strstr(r->where, name) ? "" : name,
                 strstr(r->where, name) ? "" : ": ", r->where);
    }
    if (!r->passed) {
        size_t used = strlen(all->failures);
        snprintf(all->failures + used, sizeof all->failures - used, "%s%s", all->failed ? ", " : "",
                 name);
        all->failed++;
    }
    if (all->json)
        put_row(all, kind, name, r);
    else
        print_row(all, name, r, differentiable, second);
}

/* ---- what is checked ---- */

static void check_op(report *all, const heed_op *op)
{
    heed_gradcheck_result r = heed_gradcheck_op(op, all->options);
    add(all, "op", op->name, &r, op->diff != 0, all->options.order != 1 && !*r.second);
}

/* A part of the model in one of its tiny configurations; a row names both, and the options. */
static void check_part(report *all, const heed_model *model, int part, int k)
{
    heed_tiny tiny;
    heed_error error = { .set = false };
    heed_gradcheck_result r = { .passed = false };
    heed_gradcheck_options options = all->options;
    const char *part_name = model->parts[part].name;
    char name[80];
    options.prefix = model->parts[part].prefix;
    snprintf(name, sizeof name, "%s%s%s %d", model->name, part_name ? " " : "",
             part_name ? part_name : "", k + 1);
    if (heed_tiny_build(&tiny, model, part, model->tiny[k], HEED_F64, &error))
        r = heed_gradcheck_loss(tiny.loss, 0, heed_tiny_fill, &tiny, options);
    else
        snprintf(r.why, sizeof r.why, "%.*s", (int)sizeof r.why - 1, error.text);
    heed_tiny_free(&tiny);
    size_t used = strlen(r.where);
    snprintf(r.where + used, sizeof r.where - used, " of %s", model->tiny[k]);
    add(all, "model", name, &r, true, false);
}

static bool check_model(report *all, const heed_model *model)
{
    for (int k = 0; model->tiny && model->tiny[k]; k++)
        for (int part = 0; model->parts[part].loss; part++) check_part(all, model, part, k);
    return model->tiny && model->tiny[0];
}

static const char *op_name_at(const void *context, int index)
{
    (void)context;
    const heed_op *op = heed_op_at(index);
    return op ? op->name : NULL;
}

static int check_named_op(report *all, const char *name)
{
    const heed_op *op = heed_find_op(name);
    if (!op) return heed_tool_unknown(&heed_tool_gradcheck, "operation", name, op_name_at, NULL);
    if (op->body)
        return heed_tool_say(
            &heed_tool_gradcheck, TOOL_MISUSED,
            "%s computes what a graph of its own says: models that use it are checked", name);
    if (op->flags & HEED_LEAF)
        return heed_tool_say(&heed_tool_gradcheck, TOOL_MISUSED,
                             "%s is a leaf: it computes nothing that could be checked", name);
    check_op(all, op);
    return TOOL_GO_ON;
}

static int check_named_model(report *all, const char *name)
{
    const heed_model *model = heed_tool_find_model(&heed_tool_gradcheck, name);
    if (!model) return TOOL_MISUSED;
    if (check_model(all, model)) return TOOL_GO_ON;
    return heed_tool_say(&heed_tool_gradcheck, TOOL_FAILED, "%s has no tiny configuration", name);
}

static int check_everything(report *all)
{
    const heed_op *op;
    const heed_model *model;
    for (int i = 0; (op = heed_op_at(i)); i++)
        if (!(op->flags & HEED_LEAF) && !op->body) check_op(all, op);
    for (int i = 0; all->options.order != 2 && (model = heed_tool_model_at(i)); i++)
        check_model(all, model);
    return TOOL_GO_ON;
}

/* ---- the end ---- */

static int finish_json(report *all)
{
    heed_json_put(&all->out,
                  "],\"checked\":%d,\"failed\":%d,\"compared\":%ld,\"worst\":", all->checked,
                  all->failed, all->compared);
    heed_tool_put_number(&all->out, all->worst);
    heed_json_put(&all->out, ",\"where\":");
    heed_json_put_string(&all->out, all->where);
    heed_json_put(&all->out, ",\"passed\":%s}", all->failed ? "false" : "true");
    return heed_tool_print_json(&heed_tool_gradcheck, &all->out,
                                all->failed ? TOOL_FAILED : TOOL_DONE);
}

static int finish_table(const report *all)
{
    printf("%d checked, %d failed%s%s; %ld numbers compared; worst relative error %.1e (%s)\n",
           all->checked, all->failed, all->failed ? ": " : "", all->failures, all->compared,
           all->worst, *all->where ? all->where : "nothing differentiable");
    return heed_tool_finish(&heed_tool_gradcheck, all->failed ? TOOL_FAILED : TOOL_DONE);
}

static int run(int argc, char **argv)
{
    int64_t order = 0, seed = 0;
    const char *op = NULL, *model = NULL;
    report all = { .json = false };
    const tool_option options[] = {
        { "--op", TOOL_TEXT, &op, 0, 0 },
        { "--model", TOOL_TEXT, &model, 0, 0 },
        { "--order", TOOL_WHOLE, &order, 1, 2 },
        { "--tolerance", TOOL_REAL, &all.options.tolerance, 1e-15, 1 },
        { "--seed", TOOL_WHOLE, &seed, 0, 1e15 },
        { "--json", TOOL_FLAG, &all.json, 0, 0 },
    };
    int status = heed_tool_options(&heed_tool_gradcheck, argc, argv, options, 6, NULL, 0);
    if (status != TOOL_GO_ON) return status;
    if (op && model)
        return heed_tool_say(&heed_tool_gradcheck, TOOL_MISUSED, "give --op or --model, not both");
    if (model && order == 2)
        return heed_tool_say(&heed_tool_gradcheck, TOOL_MISUSED, "models are checked at order 1");
    all.options.order = (int)order;
    all.options.seed = (uint64_t)seed;
    if (all.json) heed_json_put(&all.out, "{\"checks\":[");
    status = op      ? check_named_op(&all, op)
             : model ? check_named_model(&all, model)
                     : check_everything(&all);
    if (status != TOOL_GO_ON) return status;
    return all.json ? finish_json(&all) : finish_table(&all);
}

const heed_tool heed_tool_gradcheck = {
    .name = "gradcheck",
    .summary = "check every gradient against differences",
    .help = help,
    .run = run,
};

/* harness_options.c - the command line: one table for all programs, one of the model's own. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/harness_run.h"

#define AT(field) offsetof(heed_settings, field)
#define MOST 9007199254740992.0 /* 2^53: whole numbers a double holds exactly */

/* clang-format off */
static const heed_option common[] = {
    { "task", HEED_TEXT, AT(task), .argument = "NAME", .trains = true,
      .help = "what to learn" },
    { "steps", HEED_WHOLE, AT(steps), .initial = -1, .low = 0, .high = 1e12, .trains = true,
      .help = "training steps" },
    { "batch", HEED_WHOLE, AT(batch), .low = 1, .high = 1e6, .trains = true,
      .help = "examples in a step" },
    { "lr", HEED_NUMBER, AT(lr), .low = 1e-12, .high = 1e30, .trains = true,
      .help = "peak learning rate" },
    { "seed", HEED_WHOLE, AT(seed), .initial = 1, .low = 0, .high = MOST, .trains = true,
      .help = "of parameters and data" },
    { "threads", HEED_WHOLE, AT(threads), .low = 0, .high = 1024,
      .help = "0: one for each processor; results do not depend on it" },
    { "runs", HEED_WHOLE, AT(runs), .initial = 1, .low = 1, .high = 10000,
      .help = "train so often, from seed, seed + 1, ..; report mean and deviation" },
    { "starts", HEED_WHOLE, AT(starts), .low = 1, .high = 1000,
      .help = "train so often, from seeds far apart; keep what is best on validation examples" },
    { "examples", HEED_WHOLE, AT(examples), .low = 1, .high = 1e9,
      .help = "to evaluate on" },
    { "eval-every", HEED_WHOLE, AT(eval_every), .low = 0, .high = 1e12, .argument = "STEPS",
      .help = "evaluate during training; 0: only at the end" },
    { "save", HEED_TEXT, AT(save), .argument = "FILE", .help = "write the parameters at the end" },
    { "load", HEED_TEXT, AT(load), .argument = "FILE", .help = "start from saved parameters" },
    { "eval-only", HEED_FLAG, AT(eval_only), .help = "evaluate the parameters of --load FILE" },
    { "resume", HEED_TEXT, AT(resume), .argument = "DIR",
      .help = "keep a checkpoint there, and go on from the one that is there" },
    { "checkpoint-every", HEED_WHOLE, AT(checkpoint_every), .initial = 500, .low = 1, .high = 1e12,
      .argument = "STEPS", .help = "with --resume" },
    { "log", HEED_TEXT, AT(log), .argument = "FILE.jsonl", .help = "one JSON object a step" },
    { "data", HEED_TEXT, AT(data), .argument = "DIR", .help = "a data set's own folder" },
    { "dump-attention", HEED_TEXT, AT(dump_attention), .argument = "FILE",
      .help = "write attention weights of evaluation examples, as safetensors" },
    { "show", HEED_FLAG, AT(show), .help = "show the first of them in the terminal" },
    { "picture", HEED_TEXT, AT(picture), .argument = "FILE.png", .help = "draw it" },
    { "json", HEED_FLAG, AT(json), .help = "last line of output: the result as a JSON object" },
    { "quiet", HEED_FLAG, AT(quiet), .help = "no progress" },
    { "profile", HEED_FLAG, AT(profile),
      .help = "at the end of training: which operations took the time (to stderr)" },
    { "dry-run", HEED_FLAG, AT(dry_run), .help = "build, say what it would take, and end" },
    { "help", HEED_FLAG, AT(help), .help = "this text" },
    { "version", HEED_FLAG, AT(version), .help = "the version" },
};
/* clang-format on */
enum { N_COMMON = sizeof common / sizeof common[0] };

/* ---- values ---- */

static void *field(const heed_option *option, void *base)
{
    return (char *)base + option->offset;
}

static const void *field_of(const heed_option *option, const void *base)
{
    return (const char *)base + option->offset;
}

static void set_initial(const heed_option *option, void *base)
{
    void *to = field(option, base);
    switch (option->kind) {
    case HEED_FLAG:
        *(bool *)to = false;
        break;
    case HEED_WHOLE:
        *(int64_t *)to = (int64_t)option->initial;
        break;
    case HEED_RANGE:
        *(heed_range *)to = (heed_range){ (int64_t)option->initial, (int64_t)option->initial };
        break;
    case HEED_NUMBER:
        *(double *)to = option->initial;
        break;
    case HEED_CHOICE:
        *(int *)to = (int)option->initial;
        break;
    case HEED_TEXT:
        *(const char **)to = NULL;
        break;
    }
}

static void range_text(const heed_range *range, char *text, size_t size)
{
    if (range->low == range->high)
        snprintf(text, size, "%" PRId64, range->low);
    else
        snprintf(text, size, "%" PRId64 "-%" PRId64, range->low, range->high);
}

static void value_text(const heed_option *option, const void *base, char *text, size_t size)
{
    const void *from = field_of(option, base);
    const char *word = "";
    switch (option->kind) {
    case HEED_FLAG:
        word = *(const bool *)from ? "true" : "false";
        break;
    case HEED_WHOLE:
        snprintf(text, size, "%" PRId64, *(const int64_t *)from);
        return;
    case HEED_RANGE:
        range_text((const heed_range *)from, text, size);
        return;
    case HEED_NUMBER:
        snprintf(text, size, "%.17g", *(const double *)from);
        return;
    case HEED_CHOICE:
        word = option->choices[*(const int *)from];
        break;
    case HEED_TEXT:
        word = *(const char *const *)from ? *(const char *const *)from : "";
        break;
    }
    snprintf(text, size, "%s", word);
}

/* "lstm, process" */
static void list_words(const char *const *words, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; words && words[i] && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", words[i]);
}

static int find_word(const char *const *words, const char *word)
{
    for (int i = 0; words && words[i]; i++)
        if (strcmp(words[i], word) == 0) return i;
    return -1;
}

/* ---- reading ---- */

/* The digits at `text`, up to *end. */
static bool read_digits(const heed_option *option, const char *text, const char **end, int64_t *to,
                        heed_error *error)
{
    char *after;
    errno = 0;
    long long value = strtoll(text, &after, 10);
    *end = after;
    if (after == text)
        return heed_fail(error, "--%s: '%.60s' is not a whole number", option->name, text);
    if (errno || (double)value < option->low || (double)value > option->high)
        return heed_fail(error, "--%s: %.60s is not in %.0f to %.0f", option->name, text,
                         option->low, option->high);
    *to = value;
    return true;
}

static bool read_whole(const heed_option *option, const char *text, int64_t *to, heed_error *error)
{
    const char *end;
    if (!read_digits(option, text, &end, to, error)) return false;
    return !*end || heed_fail(error, "--%s: '%.60s' is not a whole number", option->name, text);
}

static bool read_range(const heed_option *option, const char *text, heed_range *to,
                       heed_error *error)
{
    const char *end;
    if (!read_digits(option, text, &end, &to->low, error)) return false;
    to->high = to->low;
    if (*end == '-' && !read_digits(option, end + 1, &end, &to->high, error)) return false;
    if (*end)
        return heed_fail(error, "--%s: '%.60s' is not a whole number, nor a range like 5-50",
                         option->name, text);
    return to->low <= to->high ||
           heed_fail(error, "--%s: %.60s ends before it begins", option->name, text);
}

static bool read_number(const heed_option *option, const char *text, double *to, heed_error *error)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !isfinite(value))
        return heed_fail(error, "--%s: '%.60s' is not a number", option->name, text);
    if (value < option->low || value > option->high)
        return heed_fail(error, "--%s: %.60s is not in %g to %g", option->name, text, option->low,
                         option->high);
    *to = value;
    return true;
}

static bool read_value(const heed_option *option, const char *text, void *base, heed_error *error)
{
    void *to = field(option, base);
    char words[300];
    if (!*text) return heed_fail(error, "--%s: the value is empty", option->name);
    switch (option->kind) {
    case HEED_WHOLE:
        return read_whole(option, text, to, error);
    case HEED_NUMBER:
        return read_number(option, text, to, error);
    case HEED_RANGE:
        return read_range(option, text, to, error);
    case HEED_TEXT:
        *(const char **)to = text;
        return true;
    case HEED_FLAG:
        break; /* has no value */
    case HEED_CHOICE:
        *(int *)to = find_word(option->choices, text);
        if (*(int *)to >= 0) return true;
        list_words(option->choices, words, sizeof words);
        return heed_fail(error, "--%s: '%.60s' is not one of %s", option->name, text, words);
    }
    return true;
}

static const heed_option *find_in(const heed_option *options, int n, const char *name,
                                  size_t length)
{
    for (int i = 0; i < n; i++)
        if (strlen(options[i].name) == length && memcmp(options[i].name, name, length) == 0)
            return &options[i];
    return NULL;
}

/* Take argument *at, and the one after it when it is the value. */
static bool read_argument(const heed_model *model, int argc, char *const *argv, int *at,
                          heed_settings *settings, void *own, heed_error *error)
{
    const char *word = argv[*at];
    if (strncmp(word, "--", 2) != 0 || !word[2])
        return heed_fail(error, "'%.100s' is not an option (they start with --)", word);
    const char *name = word + 2, *equals = strchr(name, '=');
    size_t length = equals ? (size_t)(equals - name) : strlen(name);
    void *base = settings;
    const heed_option *option = find_in(common, N_COMMON, name, length);
    if (!option) {
        option = find_in(model->options, model->n_options, name, length);
        base = own;
    }
    if (!option)
        return heed_fail(error, "unknown option --%.*s", length < 100 ? (int)length : 100, name);
    if (option->kind == HEED_FLAG) {
        if (equals) return heed_fail(error, "--%s takes no value", option->name);
        *(bool *)field(option, base) = true;
        return true;
    }
    if (!equals && *at + 1 >= argc)
        return heed_fail(error, "--%s: a value is missing", option->name);
    return read_value(option, equals ? equals + 1 : argv[++*at], base, error);
}

/* "sort, hull" */
static void list_tasks(const heed_model *model, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (const heed_task *t = model->tasks; t->name && used < size; t++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "", t->name);
}

static bool find_task(const heed_model *model, heed_settings *settings, heed_error *error)
{
    char words[300];
    if (!settings->task) settings->task = model->tasks[0].name;
    for (int i = 0; model->tasks[i].name; i++)
        if (strcmp(model->tasks[i].name, settings->task) == 0) {
            settings->task_index = i;
            return true;
        }
    list_tasks(model, words, sizeof words);
    return heed_fail(error, "--task: '%.60s' is not one of %s", settings->task, words);
}

static bool check_data(const heed_model *model, const heed_settings *settings, heed_error *error)
{
    const heed_task *task = &model->tasks[settings->task_index];
    if (settings->data && task->data == HEED_NO_DATA)
        return heed_fail(error,
                         "--data: the task '%s' makes its own examples and reads no data set",
                         task->name);
    if (!settings->data && task->data == HEED_NEEDS_DATA)
        return heed_fail(error, "the task '%s' needs --data DIR: %s", task->name, task->help);
    return true;
}

/* Options that have no meaning together, or none for this model. */
static bool check_together(const heed_model *model, const heed_settings *s, heed_error *error)
{
    const char *wants = s->dump_attention ? "dump-attention" : s->show ? "show" : "picture";
    const bool looks = s->dump_attention || s->show || s->picture;
    if (s->eval_only && !s->load)
        return heed_fail(error, "--eval-only needs parameters to evaluate: --load FILE");
    if (s->eval_only && s->resume)
        return heed_fail(error, "--eval-only does not train, so --resume has no meaning with it");
    if (s->eval_only && s->starts > 0)
        return heed_fail(error, "--eval-only does not train, so --starts has no meaning with it");
    if (s->starts > 1 && !model->starts)
        return heed_fail(error, "--starts: %s is trained once; --runs trains it often",
                         model->name);
    if (s->runs > 1 && (s->save || s->resume || s->log || s->eval_only || looks))
        return heed_fail(error, "--runs: files, pictures and --eval-only are of one run");
    if (looks && !model->attention)
        return heed_fail(error, "--%s: %s has no attention weights", wants, model->name);
    if (s->show && !model->show) return heed_fail(error, "--show: %s cannot", model->name);
    return !s->picture || model->picture || heed_fail(error, "--picture: %s cannot", model->name);
}

bool heed_options_read(const heed_model *model, int argc, char *const *argv,
                       heed_settings *settings, void *own, heed_error *error)
{
    for (int i = 0; i < N_COMMON; i++) set_initial(&common[i], settings);
    for (int i = 0; i < model->n_options; i++) set_initial(&model->options[i], own);
    for (int at = 0; at < argc; at++)
        if (!read_argument(model, argc, argv, &at, settings, own, error)) return false;
    if (settings->help || settings->version) return true;
    if (!find_task(model, settings, error) || !check_data(model, settings, error) ||
        !check_together(model, settings, error) || !model->settle(own, settings, error))
        return false;
    if (settings->examples == 0) settings->examples = model->evaluation;
    if (settings->starts == 0 || settings->eval_only || settings->steps == 0) settings->starts = 1;
    return true;
}

/* ---- as notes in files ---- */

static bool add_notes(const heed_option *options, int n_options, const void *base, bool trains,
                      heed_arena *memory, heed_metadata *notes, int room, int *n)
{
    for (int i = 0; i < n_options; i++) {
        if (!(trains ? options[i].trains || options[i].shapes : options[i].shapes)) continue;
        char text[300];
        value_text(&options[i], base, text, sizeof text);
        const char *value = heed_arena_print(memory, "%s", text);
        if (!value || *n >= room) return false;
        notes[(*n)++] = (heed_metadata){ options[i].name, value };
    }
    return true;
}

int heed_options_notes(const heed_model *model, const heed_settings *settings, const void *own,
                       bool trains, heed_arena *memory, heed_metadata *notes, int room)
{
    int n = 0;
    notes[n++] = (heed_metadata){ "model", model->name };
    bool done = add_notes(common, N_COMMON, settings, trains, memory, notes, room, &n) &&
                add_notes(model->options, model->n_options, own, trains, memory, notes, room, &n);
    return done ? n : -1;
}

/* A word: what is not a number, such as "5-50" (but 5-5 is 5). */
static bool is_word(const heed_option *option, const void *base)
{
    const heed_range *range = field_of(option, base);
    return option->kind == HEED_CHOICE || option->kind == HEED_TEXT ||
           (option->kind == HEED_RANGE && range->low < range->high);
}

/* ,"n":10,"hidden":128,"encoder":"lstm" */
void heed_options_json(const heed_model *model, const void *own, heed_json_out *out)
{
    for (int i = 0; i < model->n_options; i++) {
        const heed_option *option = &model->options[i];
        char text[300];
        value_text(option, own, text, sizeof text);
        heed_json_put(out, ",\"");
        for (const char *c = option->name; *c; c++) heed_json_put(out, "%c", *c == '-' ? '_' : *c);
        heed_json_put(out, "\":");
        if (is_word(option, own))
            heed_json_put_string(out, text);
        else
            heed_json_put(out, "%s", text);
    }
}

/* ---- help ---- */

static void help_line(const heed_option *option, FILE *to)
{
    char left[100], words[200];
    list_words(option->choices, words, sizeof words);
    const char *argument = option->argument ? option->argument : option->choices ? "NAME" : "N";
    if (option->kind == HEED_FLAG) argument = "";
    snprintf(left, sizeof left, "--%s %s", option->name, argument);
    fprintf(to, "  %-26s %s", left, option->help);
    if (option->kind == HEED_CHOICE)
        fprintf(to, ": %s (default %s)", words, option->choices[(int)option->initial]);
    else if ((option->kind == HEED_WHOLE || option->kind == HEED_RANGE) && option->initial > 0)
        fprintf(to, " (%.0f to %.0f; default %.0f)", option->low, option->high, option->initial);
    fputc('\n', to);
}

void heed_options_help(const heed_model *model, FILE *to)
{
    fprintf(to, "%s: %s\n%s\n\nusage: %s [--option value]...\n\n", model->name, model->about,
            model->paper, model->name);
    for (int i = 0; i < model->n_options; i++) help_line(&model->options[i], to);
    fprintf(to, "\ntasks:\n");
    for (const heed_task *t = model->tasks; t->name; t++)
        fprintf(to, "  %-26s %s%s\n", t->name, t->help,
                t->data == HEED_NEEDS_DATA      ? " (needs --data)"
                : t->data == HEED_MAY_READ_DATA ? " (reads --data, if given)"
                                                : "");
    fputc('\n', to);
    for (int i = 0; i < N_COMMON; i++) help_line(&common[i], to);
    fprintf(to,
            "\nWhat is not given is chosen by the model; --dry-run shows it. Exit status: 0 done, "
            "1 failed, 2 wrong\nusage, 130 interrupted.\n");
}

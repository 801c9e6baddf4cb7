/* A model's command line: what is read, what is refused, and in which words. */
#include <criterion/criterion.h>
#include <string.h>

#include "models/harness_run.h"
#include "models/models.h"

enum { ENCODER_LSTM, ENCODER_PROCESS };

/* A model of its own: every kind of option. */
typedef struct own {
    int64_t n;
    heed_range length;
    double rate;
    int encoder;
    const char *word;
    bool flag;
} own;
static const char *const encoders[] = { "lstm", "process", NULL };
static const heed_option options[] = {
    { "n", HEED_WHOLE, offsetof(own, n), .initial = 10, .low = 2, .high = 50, .trains = true },
    { "length", HEED_RANGE, offsetof(own, length), .initial = 3, .low = 1, .high = 20,
      .trains = true },
    { "rate", HEED_NUMBER, offsetof(own, rate), .initial = 0.5, .low = 0, .high = 1,
      .shapes = true },
    { "encoder", HEED_CHOICE, offsetof(own, encoder), .initial = 1, .choices = encoders,
      .shapes = true },
    { "word", HEED_TEXT, offsetof(own, word), .argument = "WORD" },
    { "no-flag", HEED_FLAG, offsetof(own, flag), .trains = true },
};
static const heed_task tasks[] = { { .name = "sort" },
                                   { .name = "copy" },
                                   { .name = "read", .data = HEED_MAY_READ_DATA },
                                   { .name = "look", .help = "see there", .data = HEED_NEEDS_DATA },
                                   { .name = NULL } };

static bool settle(void *context, heed_settings *settings, heed_error *error)
{
    const own *o = context;
    if (settings->steps < 0) settings->steps = 7;
    return o->n != 13 || heed_fail(error, "--n: 13 is unlucky");
}

static const heed_model model = { .name = "trial",
                                  .about = "a trial",
                                  .paper = "none",
                                  .tasks = tasks,
                                  .options = options,
                                  .n_options = 6,
                                  .size = sizeof(own),
                                  .settle = settle };

static heed_settings settings;
static own values;
static heed_error error;

/* Read "--n 5 --json"; words are split at single blanks. */
static bool reads(const char *line)
{
    static char text[1000];
    char *words[40];
    int n = 0;
    snprintf(text, sizeof text, "%s", line);
    for (char *at = text; *at;) {
        words[n++] = at;
        at += strcspn(at, " ");
        if (*at) *at++ = '\0';
    }
    memset(&settings, 0, sizeof settings);
    memset(&values, 0, sizeof values);
    error = (heed_error){ .set = false };
    return heed_options_read(&model, n, words, &settings, &values, &error);
}

static void expect_refusal(const char *line, const char *sentence)
{
    cr_expect_not(reads(line), "%s is taken", line);
    cr_expect_str_eq(error.text, sentence);
}

Test(models_options, defaults)
{
    cr_assert(reads(""), "%s", error.text);
    cr_expect_eq(values.n, 10);
    cr_expect_eq(values.rate, 0.5);
    cr_expect(values.length.low == 3 && values.length.high == 3);
    cr_expect_eq(values.encoder, ENCODER_PROCESS);
    cr_expect_null(values.word);
    cr_expect_not(values.flag);
    cr_expect_str_eq(settings.task, "sort");
    cr_expect_eq(settings.steps, 7, "the model chooses what was not given");
    cr_expect_eq(settings.seed, 1);
}

Test(models_options, every_kind_in_both_spellings)
{
    cr_assert(reads("--n=5 --rate 0.25 --encoder lstm --word --strange --no-flag --steps 0 --json"),
              "%s", error.text);
    cr_expect_eq(values.n, 5);
    cr_expect_eq(values.rate, 0.25);
    cr_expect_eq(values.encoder, ENCODER_LSTM);
    cr_expect_str_eq(values.word, "--strange");
    cr_expect(values.flag && settings.json);
    cr_expect_eq(settings.steps, 0, "0 steps is not the same as not given");
    cr_assert(reads("--length 4"));
    cr_expect(values.length.low == 4 && values.length.high == 4);
    cr_assert(reads("--length 4-20"));
    cr_expect(values.length.low == 4 && values.length.high == 20);
    cr_assert(reads("--n 5 --n 6 --seed 9007199254740992"));
    cr_expect_eq(values.n, 6, "the last one counts");
    cr_expect_eq(settings.seed, 9007199254740992);
}

Test(models_options, refusals)
{
    expect_refusal("--hidden 5", "unknown option --hidden");
    expect_refusal("--", "'--' is not an option (they start with --)");
    expect_refusal("sort", "'sort' is not an option (they start with --)");
    expect_refusal("-n 5", "'-n' is not an option (they start with --)");
    expect_refusal("--nn 5", "unknown option --nn");
    expect_refusal("--n", "--n: a value is missing");
    expect_refusal("--n five", "--n: 'five' is not a whole number");
    expect_refusal("--n 5.5", "--n: '5.5' is not a whole number");
    expect_refusal("--n=", "--n: the value is empty");
    expect_refusal("--n 1", "--n: 1 is not in 2 to 50");
    expect_refusal("--n 51", "--n: 51 is not in 2 to 50");
    expect_refusal("--n 99999999999999999999", "--n: 99999999999999999999 is not in 2 to 50");
    expect_refusal("--length 4-", "--length: '' is not a whole number");
    expect_refusal("--length 4-21", "--length: 21 is not in 1 to 20");
    expect_refusal("--length 5-4", "--length: 5-4 ends before it begins");
    expect_refusal("--length 5,6", "--length: '5,6' is not a whole number, nor a range like 5-50");
    expect_refusal("--rate much", "--rate: 'much' is not a number");
    expect_refusal("--rate nan", "--rate: 'nan' is not a number");
    expect_refusal("--rate inf", "--rate: 'inf' is not a number");
    expect_refusal("--rate 1.5", "--rate: 1.5 is not in 0 to 1");
    expect_refusal("--encoder gru", "--encoder: 'gru' is not one of lstm, process");
    expect_refusal("--no-flag=1", "--no-flag takes no value");
    expect_refusal("--task tsp", "--task: 'tsp' is not one of sort, copy, read, look");
    expect_refusal("--n 13", "--n: 13 is unlucky");
    expect_refusal("--eval-only", "--eval-only needs parameters to evaluate: --load FILE");
    expect_refusal("--task copy --data x",
                   "--data: the task 'copy' makes its own examples and reads no data set");
    expect_refusal("--task look", "the task 'look' needs --data DIR: see there");
    expect_refusal("--runs 2 --save x", "--runs: files, pictures and --eval-only are of one run");
    expect_refusal("--show", "--show: trial has no attention weights");
    cr_expect(reads("--task read --data x"), "%s", error.text);
}

Test(models_options, help_wins_over_what_is_wrong_together)
{
    cr_expect(reads("--eval-only --help"));
    cr_expect(settings.help);
}

/* A file's notes: what must agree to load parameters, and to go on training. */
Test(models_options, notes)
{
    heed_arena memory = { .head = NULL };
    heed_metadata notes[HEED_NOTES];
    cr_assert(reads("--n 5 --no-flag --encoder lstm"));
    int n = heed_options_notes(&model, &settings, &values, false, &memory, notes, HEED_NOTES);
    cr_assert_eq(n, 3);
    cr_expect_str_eq(notes[0].value, "trial");
    cr_expect_str_eq(notes[1].key, "rate");
    cr_expect_str_eq(notes[2].value, "lstm");
    n = heed_options_notes(&model, &settings, &values, true, &memory, notes, HEED_NOTES);
    bool seen = false;
    for (int i = 0; i < n; i++)
        if (strcmp(notes[i].key, "no-flag") == 0) seen = strcmp(notes[i].value, "true") == 0;
    cr_expect(seen);
    cr_expect_eq(heed_options_notes(&model, &settings, &values, true, &memory, notes, 4), -1);
    heed_arena_free(&memory);
}

Test(models_options, json_names_values)
{
    heed_json_out out = { .text = NULL };
    cr_assert(reads("--word a\"b"));
    heed_options_json(&model, &values, &out);
    cr_assert_not(out.failed);
    cr_expect_str_eq(
        out.text, ",\"n\":10,\"length\":3,\"rate\":0.5,\"encoder\":\"process\",\"word\":\"a\\\"b\","
                  "\"no_flag\":false");
    heed_free(out.text);
}

Test(models_options, json_range_of_two_ends_is_a_word)
{
    heed_json_out out = { .text = NULL };
    cr_assert(reads("--length 4-20"));
    heed_options_json(&model, &values, &out);
    cr_assert_not(out.failed);
    cr_expect(strstr(out.text, ",\"length\":\"4-20\","), "%s", out.text);
    heed_free(out.text);
}

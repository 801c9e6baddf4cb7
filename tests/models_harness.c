/* What the harness does for a model that asks for more than a loss: parts that train in turn, a
 * judge, several runs, attention weights. The model is a counter: each step adds 1 to left/x and 2
 * to right/x, so that every result is known. */
#include <math.h>

#include "models/harness.h"
#include "ops/ops.h"
#include "tests/models_kit.h"

typedef struct counter {
    bool judged, noisy;
    int64_t interrupt;
} counter;

static int begun, finished, released; /* over the test's process */

static heed_node *left(heed_scope *s)
{
    return heed_param(heed_enter(s, "left"), "x", HEED_ZEROS, 1);
}

static heed_node *right(heed_scope *s)
{
    return heed_param(heed_enter(s, "right"), "x", HEED_ZEROS, 1);
}

static heed_node *left_loss(const void *own, heed_scope *s, int64_t batch)
{
    (void)own;
    (void)batch;
    return heed_neg(heed_sum_all(left(s)));
}

/* It depends on left/x, too, which it must not move. */
static heed_node *right_loss(const void *own, heed_scope *s, int64_t batch)
{
    (void)own;
    (void)batch;
    return heed_neg(heed_sum_all(heed_add(heed_affine(right(s), 2, 0), left(s))));
}

static void recipe(const void *own, const heed_settings *settings, heed_optimizer *optimizer,
                   heed_trainer_options *options)
{
    (void)own;
    (void)options;
    *optimizer = heed_sgd(.lr = settings->lr);
}

static bool settle(void *own, heed_settings *settings, heed_error *error)
{
    (void)own;
    (void)error;
    if (settings->steps < 0) settings->steps = 10;
    settings->batch = 1;
    if (settings->lr == 0) settings->lr = 1;
    return true;
}

static int answer(const void *own, heed_scope *s, int64_t batch, heed_output *outputs, int room)
{
    (void)own;
    (void)batch;
    cr_assert_geq(room, 2);
    outputs[0] = (heed_output){ "left", heed_affine(left(s), 1, 0) };
    outputs[1] = (heed_output){ "right", heed_affine(right(s), 1, 0) };
    return 2;
}

static bool fill(const void *own, heed_program *program, const heed_draw *draw, heed_error *error)
{
    const counter *o = own;
    (void)program;
    if (draw->split == HEED_TRAIN && draw->part == 0 && draw->index + 1 == o->interrupt)
        raise(SIGINT);
    return draw->batch == 1 || heed_fail(error, "a batch of %lld", (long long)draw->batch);
}

static double output(heed_program *program, int i)
{
    heed_view view = heed_program_output(program, i);
    return heed_get(&view, 0);
}

static void score(const void *own, heed_program *program, const heed_draw *draw, int64_t count,
                  heed_score *to)
{
    const counter *o = own;
    to->sum[0] += output(program, 0) + (o->noisy ? (double)draw->seed : 0);
    to->sum[1] += output(program, 1);
    to->of[0] += (double)count;
    to->of[1] += (double)count;
}

static bool conclude(void *own, heed_store *store, heed_score *to, heed_error *error)
{
    (void)own;
    (void)error;
    to->sum[2] = heed_store_count(store);
    to->of[2] = 1;
    return true;
}

/* Keeps step 3, ends after step 7; an error in what it remembers ends it at once. */
static heed_verdict judge(const void *own, const double *value, double *memory)
{
    const counter *o = own;
    if (!o->judged) return HEED_GO_ON;
    memory[0] += 1;
    if (memory[0] != value[0] || value[0] >= 7) return HEED_STOP;
    return value[0] == 3 ? HEED_KEEP : HEED_GO_ON;
}

static bool begin(void *own, heed_store *store, const heed_settings *settings, heed_error *error)
{
    (void)own;
    (void)settings;
    begun++;
    return heed_store_find(store, "left/x") || heed_fail(error, "begin: no parameters yet");
}

static void end(void *own)
{
    (void)own;
    finished++;
}

static void release(void *own)
{
    (void)own;
    released++;
}

static void show(const void *own, heed_program *program, FILE *to)
{
    (void)own;
    fprintf(to, "left is %g\n", output(program, 0));
}

static const heed_option options[] = {
    { "judged", HEED_FLAG, offsetof(counter, judged), .trains = true, .help = "" },
    { "interrupt", HEED_WHOLE, offsetof(counter, interrupt), .high = 100, .help = "" },
    { "noisy", HEED_FLAG, offsetof(counter, noisy), .help = "" },
};
static const heed_metric metrics[] = {
    { "left", "" }, { "right", "" }, { "entries", "" }, { NULL, NULL }
};
static const heed_task tasks[] = { { .name = "count", .help = "", .metrics = metrics },
                                   { .name = NULL } };
static const heed_part parts[] = {
    { .name = "left", .prefix = "left/", .loss = left_loss, .recipe = recipe },
    { .name = "right", .prefix = "right/", .loss = right_loss, .recipe = recipe },
    { .loss = NULL },
};
static const heed_model model = { .name = "counter",
                                  .about = "counts",
                                  .paper = "none",
                                  .tasks = tasks,
                                  .options = options,
                                  .n_options = 3,
                                  .size = sizeof(counter),
                                  .evaluation = 1,
                                  .evaluation_batch = 1,
                                  .settle = settle,
                                  .parts = parts,
                                  .answer = answer,
                                  .fill = fill,
                                  .score = score,
                                  .release = release,
                                  .begin = begin,
                                  .end = end,
                                  .judge = judge,
                                  .conclude = conclude,
                                  .attention = answer,
                                  .show = show };

/* Run the program in this process. What it prints goes to the folder's "out". */
static int counted(const char *arguments)
{
    static char text[1000];
    char *words[40];
    int n = 0;
    snprintf(text, sizeof text, "counter --quiet --json %s", arguments);
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) words[n++] = word;
    cr_assert_not_null(freopen(in_folder("out"), "w", stdout));
    int status = heed_model_main(&model, n, words);
    fflush(stdout);
    slurp_text("out", said, sizeof said);
    return status;
}

static double number(const char *name)
{
    char key[80];
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = strstr(said, key);
    return at ? strtod(at + strlen(key), NULL) : NAN;
}

static const char *with_folder(const char *format)
{
    static char text[8][600];
    static int next;
    char *to = text[next++ % 8];
    snprintf(to, sizeof text[0], format, folder, folder);
    return to;
}

Test(models_harness, parts_train_in_turn, .init = enter_folder, .fini = leave_folder)
{
    cr_assert_eq(counted("--steps 5"), 0);
    cr_expect_eq(number("value"), 5);
    cr_expect_eq(number("right"), 10);
    cr_expect(begun == 1 && finished == 1 && released == 1);
    cr_assert_eq(counted("--steps 5 --lr 0.5"), 0);
    cr_expect_eq(number("right"), 5);
}

Test(models_harness, conclude_adds_what_examples_cannot_say, .init = enter_folder,
     .fini = leave_folder)
{
    cr_assert_eq(counted("--steps 1"), 0);
    cr_expect_geq(number("entries"), 2);
}

Test(models_harness, the_judge_keeps_and_stops, .init = enter_folder, .fini = leave_folder)
{
    cr_assert_eq(counted("--steps 20 --judged"), 0);
    cr_expect_eq(number("steps"), 7, "stopped");
    cr_expect_eq(number("value"), 3, "what was kept");
    cr_expect_eq(number("right"), 6, "of both parts");
    cr_assert_eq(counted("--steps 20"), 0);
    cr_expect_eq(number("value"), 20, "nothing was kept");
}

/* Trainers' steps, the judge's memory and what it kept go on from a checkpoint. */
Test(models_harness, both_parts_and_the_judge_resume, .init = enter_folder, .fini = leave_folder)
{
    for (int at = 1; at <= 6; at++) {
        char whole[300], line[400];
        snprintf(whole, sizeof whole, "--steps 20 --judged --resume %s/run%d", folder, at);
        snprintf(line, sizeof line, "%s --interrupt %d", whole, at);
        cr_assert_eq(counted(line), 130);
        snprintf(line, sizeof line, "%s --save %s/model%d", whole, folder, at);
        cr_assert_eq(counted(line), 0);
        cr_expect_eq(number("steps"), 7);
        cr_expect_eq(number("value"), 3);
        cr_expect_eq(number("right"), 6);
        cr_assert_eq(counted(whole), 0, "it has stopped, and there is nothing left to do");
        cr_expect_eq(number("steps"), 7);
        cr_expect_eq(number("value"), 3);
    }
    cr_assert_eq(counted(with_folder("--eval-only --load %s/model2")), 0);
    cr_expect_eq(number("value"), 3, "the saved model is what was kept");
    cr_expect_eq(number("right"), 6);
}

Test(models_harness, several_runs, .init = enter_folder, .fini = leave_folder)
{
    cr_assert_eq(counted("--steps 2 --noisy --seed 5 --runs 3"), 0);
    cr_expect_eq(number("value"), 8, "2 steps, and seeds 5, 6, 7");
    cr_expect_float_eq(number("deviation"), 1, 1e-12);
    cr_expect_eq(number("right"), 4);
    cr_expect_eq(number("right_deviation"), 0);
    cr_expect_eq(number("seed"), 5);
    cr_expect_not_null(strstr(said, "\"values\":[7,8,9]"));
    cr_expect(begun == 3 && finished == 3 && released == 1);
}

Test(models_harness, a_model_that_is_started_once, .init = enter_folder, .fini = leave_folder)
{
    cr_expect_eq(counted("--steps 2 --starts 2"), 2);
}

Test(models_harness, attention_goes_to_a_file_and_the_terminal, .init = enter_folder,
     .fini = leave_folder)
{
    heed_error error = { .set = false };
    cr_assert_eq(counted(with_folder("--steps 4 --dump-attention %s/weights")), 0);
    heed_store *store = heed_store_new(1);
    cr_assert(heed_store_load(store, in_folder("weights"), &error), "%s", error.text);
    const heed_entry *entry = heed_store_find(store, "right");
    cr_assert_not_null(entry);
    cr_expect_eq(heed_get(&entry->tensor->view, 0), 8);
    heed_store_free(store);
    cr_assert_neq(counted("--steps 4 --picture x.png"), 0, "it has no picture");
    cr_assert_neq(counted("--steps 4 --dump-attention /nowhere/at/all"), 0);
}

/* The parts' losses are graphs on one store; each is checked against its own parameters. */
Test(models_harness, a_tiny_part)
{
    heed_tiny tiny;
    heed_error error = { .set = false };
    cr_assert(heed_tiny_build(&tiny, &model, 1, "--steps 1", HEED_F64, &error), "%s", error.text);
    heed_gradcheck_result all = heed_gradcheck_loss(tiny.loss, 0, heed_tiny_fill, &tiny,
                                                    (heed_gradcheck_options){ .order = 1 });
    cr_expect_eq(all.compared, 2);
    heed_gradcheck_result own =
        heed_gradcheck_loss(tiny.loss, 0, heed_tiny_fill, &tiny,
                            (heed_gradcheck_options){ .order = 1, .prefix = "right/" });
    cr_expect(own.passed, "%s", own.why);
    cr_expect_eq(own.compared, 1);
    heed_tiny_free(&tiny);
    cr_expect_eq(heed_memory_live_blocks(), 0);
}

/* A model's program from outside: exit statuses, sentences, files, interrupts, resuming. */
#include "models_kit.h"

TestSuite(models_program, .init = enter_folder, .fini = leave_folder, .timeout = 300);

Test(models_program, wrong_usage_is_status_2)
{
    expect_words(2, "--colour red", "ptrnet: unknown option --colour\n", "--help");
    expect_words(2, "--n many", "--n: 'many' is not a whole number", "--help");
    expect_words(2, "--n 1", "--n: 1 is not in 2 to", "--help");
    expect_words(2, "--n 1000000", "--n: 1000000 is not in 2 to", "--help");
    expect_words(2, "--task tsp-of-the-moon", "--task", "sort");
    expect_words(2, "--data /tmp", "--data", "reads no data set");
    expect_words(2, "--encoder transformer", "lstm, process", "--encoder");
}

Test(models_program, help_and_version_are_status_0)
{
    cr_expect_eq(run_model("--help"), 0);
    cr_expect(strstr(said, "--no-mask") && strstr(said, "--checkpoint-every"));
    cr_expect_eq(strlen(complained), 0);
    cr_expect_eq(run_model("--version"), 0);
    cr_expect_eq(strncmp(said, "ptrnet ", 7), 0);
}

Test(models_program, json_is_the_last_line)
{
    cr_assert_eq(run_model(TINY "--steps 20 --threads 1 --json --seed 3"), 0, "%s", complained);
    cr_expect_eq(strlen(complained), 0, "quiet: %s", complained);
    cr_expect_eq(said[0], '{');
    cr_expect_eq(strchr(said, '\n'), said + strlen(said) - 1, "one line");
    cr_expect(strstr(said, "\"model\":\"ptrnet\",\"task\":\"sort\""));
    cr_expect(strstr(said, "\"metric\":\"sequences_right\""));
    cr_expect_eq(json_number("steps"), 20);
    cr_expect_eq(json_number("threads"), 1);
    cr_expect_eq(json_number("seed"), 3);
    cr_expect_eq(json_number("n"), 4);
    cr_expect_eq(json_number("evaluated"), 10000);
    cr_expect_gt(json_number("parameters"), 500);
    cr_expect_gt(json_number("planned_bytes"), 1000);
    cr_expect_gt(json_number("peak_bytes"), json_number("planned_bytes"));
    cr_expect_gt(json_number("seconds"), 0);
    cr_expect_gt(json_number("loss"), 0);
    cr_expect(json_number("value") >= 0 && json_number("value") <= 1);
}

Test(models_program, it_learns)
{
    cr_assert_eq(run_model("--n 4 --hidden 32 --batch 64 --steps 300 --quiet --json"), 0);
    cr_expect_gt(json_number("value"), 0.98);
}

Test(models_program, dry_run_trains_nothing)
{
    cr_assert_eq(run_model("--n 12 --dry-run --save %s/file"), 0);
    cr_expect(strstr(said, "parameters") && strstr(said, "GFLOP") && strstr(said, "MB"));
    cr_expect_neq(access(in_folder("file"), F_OK), 0);
    cr_assert_eq(run_model("--n 12 --dry-run --json"), 0);
    cr_expect_gt(json_number("flops"), 1e6);
    cr_expect_gt(json_number("planned_bytes"), 1e6);
}

Test(models_program, a_profile_names_operations_of_training)
{
    cr_assert_eq(run_model(TINY "--steps 3 --quiet"), 0);
    cr_expect_null(strstr(complained, "adam_update"));
    cr_assert_eq(run_model(TINY "--steps 3 --quiet --profile"), 0);
    cr_expect(strstr(complained, "adam_update") && strstr(complained, "3 runs"), "%s", complained);
}

Test(models_program, too_little_memory_is_a_sentence)
{
    expect_words(1, "--n 500 --batch 1000000 --steps 1", "memory", "ptrnet: ");
}

/* ---- saving and loading ---- */

Test(models_program, saved_parameters_give_the_same_answers)
{
    cr_assert_eq(run_model(TINY "--steps 60 --save %s/p --json"), 0, "%s", complained);
    const double value = json_number("value"), loss = json_number("loss");
    cr_assert_eq(run_model(TINY "--load %s/p --eval-only --json"), 0, "%s", complained);
    cr_expect_eq(json_number("value"), value);
    cr_expect_eq(json_number("loss"), loss);
    cr_expect_eq(json_number("steps"), 0);
    cr_expect_eq(run_model("--load %s/p --eval-only --hidden 8 --n 7 --quiet --json"), 0,
                 "other lengths share the parameters: %s", complained);
    cr_expect_eq(json_number("n"), 7);
}

Test(models_program, files_that_do_not_fit_are_refused)
{
    cr_assert_eq(run_model(TINY "--steps 1 --save %s/p"), 0);
    expect_words(1, TINY "--load %s/nothing --eval-only", "/nothing", "No such file");
    expect_words(1, TINY "--load %s --eval-only", folder, "ptrnet: ");
    expect_words(1, TINY "--load %s/p --eval-only --hidden 9", "made with --hidden 8",
                 "this run has --hidden 9");
    expect_words(1, TINY "--load %s/p --eval-only --encoder lstm", "made with --encoder process",
                 "this run has --encoder lstm");
    expect_words(1, TINY "--steps 1 --save %s/none/p", "--save", "none");
    expect_words(1, TINY "--steps 1 --save %s", "--save", "not a regular file");
    expect_words(1, TINY "--steps 1 --log %s/none/log", "--log", "none");
    FILE *file = fopen(in_folder("hostile"), "wb");
    fputs("\377\377\377\377\377\377\377\177{}", file);
    fclose(file);
    expect_words(1, TINY "--load %s/hostile --eval-only", "hostile", "ptrnet: ");
    cr_assert_eq(truncate(in_folder("p"), 700), 0);
    expect_words(1, TINY "--load %s/p --eval-only", "/p", "ptrnet: ");
}

/* A file that another program wrote, and one of another model. */
Test(models_program, foreign_files_are_refused)
{
    char command[600];
    cr_assert_eq(run_model(TINY "--steps 1 --save %s/p"), 0);
    snprintf(command, sizeof command,
             "sed 's/\"model\":\"ptrnet\"/\"model\":\"seqsum\"/' %s > %s; "
             "sed 's/\"model\":\"ptrnet\"/\"maker\":\"ptrnet\"/' %s > %s",
             in_folder("p"), in_folder("other"), in_folder("p"), in_folder("foreign"));
    cr_assert_eq(system(command), 0);
    expect_words(1, TINY "--load %s/other --eval-only", "'seqsum'", "this program is 'ptrnet'");
    expect_words(1, TINY "--load %s/foreign --eval-only", "not written by", "'model'");
}

Test(models_program, a_full_disk_is_a_sentence)
{
    if (access("/dev/full", W_OK) != 0) return;
    expect_words(1, TINY "--steps 20 --log /dev/full", "--log", "No space left");
}

Test(models_program, a_loss_that_explodes_stops_the_run)
{
    expect_words(1, TINY "--steps 500 --lr 1e30 --batch 2 --no-mask --save %s/p", "ptrnet: step ",
                 "a smaller --lr");
    cr_expect_neq(access(in_folder("p"), F_OK), 0, "nothing is saved");
}

Test(models_program, log_has_a_line_a_step)
{
    cr_assert_eq(run_model(TINY "--steps 12 --eval-every 5 --log %s/log"), 0);
    slurp_text("log", said, sizeof said);
    int steps = 0, values = 0;
    for (const char *at = said; (at = strstr(at, "{\"step\":")); at++) {
        const char *end = strchr(at, '\n');
        cr_assert_not_null(end);
        cr_expect_eq(end[-1], '}');
        if (memchr(at, 'm', (size_t)(end - at)) && strstr(at, "\"metric\"") &&
            strstr(at, "\"metric\"") < end)
            values++;
        else
            steps++;
    }
    cr_expect_eq(steps, 12);
    cr_expect_eq(values, 3, "after 5, 10 and 12 steps");
}

/* ---- the same bits ---- */

Test(models_program, threads_do_not_change_a_bit)
{
    static const char *const runs[] = { "1", "2", "3", "8" };
    char line[200];
    for (int i = 0; i < 4; i++) {
        snprintf(line, sizeof line,
                 "--n 6 --hidden 48 --batch 40 --steps 12 --quiet --json "
                 "--threads %s --save %%s/p%s",
                 runs[i], runs[i]);
        cr_assert_eq(run_model(line), 0, "%s", complained);
        cr_expect_eq(json_number("threads"), atoi(runs[i]));
        snprintf(line, sizeof line, "p%s", runs[i]);
        cr_expect(same_files("p1", line), "%s threads give other parameters", runs[i]);
    }
    cr_assert_eq(run_model("--n 6 --hidden 48 --batch 40 --steps 12 --quiet --seed 2 --save %s/s"),
                 0);
    cr_expect_not(same_files("p1", "s"), "another seed gives others");
}

#define LONG "--n 5 --hidden 16 --batch 16 --steps 400 --quiet --threads 2 "

Test(models_program, killed_and_resumed_is_never_interrupted)
{
    cr_assert_eq(run_model(LONG "--save %s/whole --json"), 0, "%s", complained);
    const int whole = 100 + (int)(1000 * json_number("seconds"));
    srand(7);
    int kills = 0, status = 137;
    for (int i = 0; i < 200 && status != 0; i++) { /* later and later: it ends */
        status = run_for(whole / 8 + rand() % (whole / 4) + i * whole / 40, SIGKILL,
                         LONG "--resume %s/run --checkpoint-every 20 --save %s/parts");
        cr_assert(status == 0 || status == 137, "status %d: %s", status, complained);
        kills += status == 137;
    }
    cr_assert_eq(status, 0);
    cr_expect_geq(kills, 1);
    cr_expect(same_files("whole", "parts"), "after %d kills", kills);
}

Test(models_program, checkpoints_of_other_options_are_refused)
{
    cr_assert_eq(run_model(TINY "--steps 5 --resume %s/run"), 0, "%s", complained);
    expect_words(1, TINY "--steps 6 --resume %s/run", "made with --steps 5",
                 "this run has --steps 6");
    expect_words(1, TINY "--steps 5 --seed 2 --resume %s/run", "made with --seed 1", "--seed 2");
    expect_words(1, TINY "--steps 5 --lr 1 --resume %s/run", "made with --lr", "--lr 1");
    expect_words(1, TINY "--steps 5 --n 5 --resume %s/run", "made with --n 4", "--n 5");
    expect_words(1, TINY "--steps 5 --no-mask --resume %s/run", "made without --no-mask", "run");
    cr_expect_eq(run_model(TINY "--steps 5 --resume %s/run --json"), 0, "a finished run");
    cr_expect_eq(json_number("steps"), 5);
    FILE *file = fopen(in_folder("run/checkpoint.safetensors"), "r+b");
    cr_assert_not_null(file);
    fputs("garbage!", file);
    fclose(file);
    expect_words(1, TINY "--steps 5 --resume %s/run", "checkpoint.safetensors", "ptrnet: ");
    file = fopen(in_folder("plain"), "wb");
    fclose(file);
    expect_words(1, TINY "--steps 5 --resume %s/plain", "--resume", "not a folder");
}

Test(models_program, an_interrupt_writes_a_checkpoint)
{
    static const char line[] = "--n 6 --hidden 32 --batch 64 --steps 1000000 --quiet";
    static const char resumed[] =
        "--n 6 --hidden 32 --batch 64 --steps 1000000 --quiet --resume %s/run";
    for (int i = 0; i < 2; i++) { /* the second goes on from the first */
        cr_expect_eq(run_for(2000, SIGINT, resumed), 130, "%s", complained);
        cr_expect(strstr(complained, "interrupted after step"), "%s", complained);
        cr_expect_eq(access(in_folder("run/checkpoint.safetensors"), R_OK), 0);
    }
    cr_expect_eq(run_for(2000, SIGINT, line), 130, "%s", complained);
    cr_expect(strstr(complained, "nothing is kept"), "%s", complained);
}

/* harness.c - a model's program from its command line to its exit status. */
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "models/harness_run.h"

heed_rng heed_draw_rng(const heed_draw *draw)
{
    const uint64_t place[2] = { (uint64_t)draw->split, (uint64_t)draw->index };
    return heed_rng_new(draw->seed, heed_hash(place, sizeof place, (uint64_t)draw->part));
}

/* Evaluation runs on a store that trainers or, with --eval-only, nobody has filled: building the
 * losses creates the parameters that a file is then compared with. */
static bool build_for_evaluation(heed_run *run)
{
    for (int i = 0; i < run->n_parts; i++) {
        run->graphs[i] = heed_graph_new(.store = run->store);
        if (!run->model->parts[i].loss(run->own, heed_root(run->graphs[i]), run->settings.batch))
            return heed_fail(&run->error, "%s", heed_why(run->graphs[i]));
    }
    return true;
}

static bool prepare(heed_run *run)
{
    run->store = heed_store_new((uint64_t)run->settings.seed);
    if (!run->store) return heed_fail(&run->error, "no memory for parameters");
    while (run->model->parts[run->n_parts].loss) run->n_parts++;
    return run->settings.eval_only ? build_for_evaluation(run) : heed_run_build_trainers(run);
}

static bool begin(heed_run *run)
{
    const heed_model *model = run->model;
    if (model->begin && !model->begin(run->own, run->store, &run->settings, &run->error))
        return false;
    return !model->judge || run->settings.eval_only || heed_run_begin_judging(run);
}

static int train(heed_run *run)
{
    if (run->settings.resume && !heed_run_resume(run)) return HEED_FAILED;
    if (!heed_log_open(run)) return HEED_FAILED;
    run->drawn = run->train_start = heed_seconds();
    int status = heed_run_train(run);
    run->train_seconds += heed_seconds() - run->train_start;
    return status;
}

static bool finish(heed_run *run)
{
    if (!heed_run_save(run)) return false;
    heed_run_free_trainers(run); /* their memory is wanted for the evaluation */
    if (!heed_run_evaluate(run)) return false;
    if (heed_run_interrupted()) return true;
    heed_log_value(run);
    if (!heed_run_measure_loss(run) || !heed_run_look(run) || !heed_log_close(run)) return false;
    return run->settings.runs > 1 || heed_report_result(run);
}

/* What belongs to one of several runs. */
static bool release_run(heed_run *run)
{
    const bool logged = heed_log_close(run);
    if (run->own && run->model->end) run->model->end(run->own);
    heed_side_free(&run->answer);
    heed_side_free(&run->actor);
    heed_side_free(&run->loss);
    heed_side_free(&run->attention);
    heed_run_free_trainers(run);
    heed_store_free(run->store);
    run->store = NULL;
    run->judged.data = NULL;
    run->n_parts = 0;
    run->first_step = run->last_step = 0;
    run->scored = false;
    return logged;
}

/* ---- one training, or the best of several ---- */

static int train_once(heed_run *run)
{
    if (!prepare(run) || !heed_run_load(run) || !begin(run)) return HEED_FAILED;
    return run->parts[0] ? train(run) : HEED_DONE;
}

/* What a start came to: its first metric on validation examples, the same ones for all; infinity if
 * its loss was not finite. */
static bool judge_start(heed_run *run, double *value)
{
    double values[HEED_METRICS] = { NAN };
    if (!run->diverged && !heed_run_values(run, HEED_VALIDATE, values)) return false;
    *value = isnan(values[0]) ? INFINITY : values[0];
    if (run->settings.quiet) return true;
    fprintf(stderr, "start %" PRId64 " of %" PRId64 ": ", run->number, run->settings.starts);
    if (run->diverged)
        fprintf(stderr, "%s\n", run->error.text);
    else
        fprintf(stderr, "%s %.5g\n", heed_run_metrics(run)[0].name, values[0]);
    return true;
}

static void keep_best(heed_run *run, double value, heed_store **best, double *least)
{
    heed_side_free(&run->answer);
    heed_run_free_trainers(run);
    if (!(value < *least)) return;
    heed_store *other = *best;
    *best = run->store;
    *least = value;
    run->store = other;
    run->best = run->number;
}

/* A start that diverges is not the end, as long as another one does not. */
static int train_start(heed_run *run, int64_t seed, heed_store **best, double *least)
{
    enum { APART = 1 << 20 }; /* seeds: far more than anyone's --runs */
    double value;
    if (run->number > 1 && !release_run(run)) return HEED_FAILED;
    run->diverged = false;
    run->settings.seed = seed + (run->number - 1) * APART;
    const int status = train_once(run);
    run->settings.seed = seed;
    if (status == HEED_INTERRUPTED || (status == HEED_FAILED && !run->diverged)) return status;
    if (!judge_start(run, &value)) return HEED_FAILED;
    keep_best(run, value, best, least);
    if (run->number == run->settings.starts && !*best) {
        if (!run->diverged) heed_fail(&run->error, "no start has come to a finite value");
        return HEED_FAILED;
    }
    run->error = (heed_error){ .set = false };
    return HEED_DONE;
}

static int train_best(heed_run *run)
{
    const int64_t seed = run->settings.seed;
    int status = HEED_DONE;
    heed_store *best = NULL;
    double least = INFINITY;
    for (run->number = 1; status == HEED_DONE && run->number <= run->settings.starts; run->number++)
        status = train_start(run, seed, &best, &least);
    if (status == HEED_DONE) {
        heed_store *other = run->store;
        run->store = best;
        best = other;
        run->number = run->best; /* for the log's last line */
    }
    heed_store_free(best);
    return status;
}

static int run_once(heed_run *run)
{
    if (run->settings.dry_run)
        return prepare(run) && heed_report_plan(run) ? HEED_DONE : HEED_FAILED;
    int status = run->settings.starts > 1 ? train_best(run) : train_once(run);
    if (status == HEED_DONE && !finish(run)) status = HEED_FAILED;
    if (status == HEED_DONE && heed_run_interrupted()) status = HEED_INTERRUPTED;
    return status;
}

/* ---- several runs ---- */

static void say_run(const heed_run *run, int64_t k)
{
    if (run->settings.quiet) return;
    fprintf(stderr, "run %lld of %lld:", (long long)k + 1, (long long)run->settings.runs);
    for (int i = 0; heed_run_metrics(run)[i].name; i++)
        fprintf(stderr, "  %s %.5g", heed_run_metrics(run)[i].name, run->value[i]);
    fputc('\n', stderr);
}

static int run_often(heed_run *run)
{
    const int64_t seed = run->settings.seed, runs = run->settings.runs;
    double *values = heed_arena_alloc(&run->memory, (size_t)runs * HEED_METRICS * sizeof *values);
    if (!values) {
        heed_fail(&run->error, "no memory for %lld runs", (long long)runs);
        return HEED_FAILED;
    }
    for (int64_t k = 0; k < runs; k++) {
        if (k > 0) release_run(run);
        run->settings.seed = seed + k;
        int status = run_once(run);
        if (status != HEED_DONE) return status;
        if (run->settings.dry_run) return status;
        memcpy(values + k * HEED_METRICS, run->value, sizeof run->value);
        say_run(run, k);
    }
    run->settings.seed = seed;
    return heed_report_runs(run, values) ? HEED_DONE : HEED_FAILED;
}

static int run_all(heed_run *run)
{
    if (!heed_run_check_paths(run)) return HEED_FAILED;
    if (!run->settings.dry_run) heed_run_catch_interrupts();
    return run->settings.runs > 1 ? run_often(run) : run_once(run);
}

static void say_how_it_ended(heed_run *run, int status)
{
    const char *name = run->model->name;
    if (status == HEED_FAILED || status == HEED_USAGE)
        fprintf(stderr, "%s: %s\n", name, run->error.text);
    if (status == HEED_USAGE) fprintf(stderr, "%s --help lists the options\n", name);
    if (status != HEED_INTERRUPTED) return;
    const long long steps = (long long)heed_run_steps(run);
    if (run->settings.resume)
        fprintf(stderr, "%s: interrupted after step %lld; --resume %s goes on from there\n", name,
                steps, run->settings.resume);
    else
        fprintf(stderr, "%s: interrupted after step %lld; nothing is kept without --resume DIR\n",
                name, steps);
}

static void release(heed_run *run)
{
    release_run(run);
    if (run->own && run->model->release) run->model->release(run->own);
    heed_arena_free(&run->memory);
}

int heed_model_main(const heed_model *model, int argc, char **argv)
{
    heed_run run = { .model = model,
                     .start = heed_seconds(),
                     .last_loss = { NAN, NAN },
                     .bar = isatty(STDERR_FILENO) };
    int status = HEED_FAILED;
    run.own = heed_arena_alloc(&run.memory, model->size);
    if (!run.own) {
        heed_fail(&run.error, "no memory");
    } else if (!heed_options_read(model, argc - 1, argv + 1, &run.settings, run.own, &run.error)) {
        status = HEED_USAGE;
    } else if (run.settings.help || run.settings.version) {
        if (run.settings.help)
            heed_options_help(model, stdout);
        else
            printf("%s %s\n", model->name, HEED_VERSION);
        status = HEED_DONE;
    } else {
        status = run_all(&run);
    }
    say_how_it_ended(&run, status);
    if (fflush(stdout) != 0 && status == HEED_DONE) {
        fprintf(stderr, "%s: cannot write the result\n", model->name);
        status = HEED_FAILED;
    }
    release(&run);
    return status;
}

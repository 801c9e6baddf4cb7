/* harness.c - a model's program from its command line to its exit status. */
#include <math.h>
#include <unistd.h>

#include "models/harness_run.h"

heed_rng heed_draw_rng(const heed_draw *draw)
{
    const uint64_t place[2] = { (uint64_t)draw->split, (uint64_t)draw->index };
    return heed_rng_new(draw->seed, heed_hash(place, sizeof place, 0));
}

/* Evaluation runs on a store that a trainer or, with --eval-only, nobody has filled: building the
 * loss creates the parameters that a file is then compared with. */
static bool build_for_evaluation(heed_run *run)
{
    run->graph = heed_graph_new(.store = run->store);
    if (run->model->loss(run->own, heed_root(run->graph), run->settings.batch)) return true;
    return heed_fail(&run->error, "%s", heed_why(run->graph));
}

static bool prepare(heed_run *run)
{
    run->store = heed_store_new((uint64_t)run->settings.seed);
    if (!run->store) return heed_fail(&run->error, "no memory for parameters");
    return run->settings.eval_only ? build_for_evaluation(run) : heed_run_build_trainer(run);
}

static int train(heed_run *run)
{
    if (run->settings.resume && !heed_run_resume(run)) return HEED_FAILED;
    if (!heed_log_open(run)) return HEED_FAILED;
    run->drawn = run->train_start = heed_seconds();
    int status = heed_run_train(run);
    run->train_seconds = heed_seconds() - run->train_start;
    return status;
}

static bool finish(heed_run *run)
{
    if (!heed_run_save(run) || !heed_run_evaluate(run)) return false;
    if (heed_run_interrupted()) return true;
    if (!heed_run_measure_loss(run)) return false;
    heed_log_value(run);
    return heed_log_close(run) && heed_report_result(run);
}

static int run_all(heed_run *run)
{
    int status = HEED_DONE;
    if (!heed_run_check_paths(run) || !prepare(run)) return HEED_FAILED;
    if (run->settings.dry_run) return heed_report_plan(run) ? HEED_DONE : HEED_FAILED;
    if (!heed_run_load(run)) return HEED_FAILED;
    heed_run_catch_interrupts();
    if (run->trainer) status = train(run);
    if (status == HEED_DONE && !finish(run)) status = HEED_FAILED;
    if (status == HEED_DONE && heed_run_interrupted()) status = HEED_INTERRUPTED;
    return status;
}

static void say_how_it_ended(heed_run *run, int status)
{
    const char *name = run->model->name;
    if (status == HEED_FAILED || status == HEED_USAGE)
        fprintf(stderr, "%s: %s\n", name, run->error.text);
    if (status == HEED_USAGE) fprintf(stderr, "%s --help lists the options\n", name);
    if (status != HEED_INTERRUPTED) return;
    const long long steps = run->trainer ? (long long)heed_trainer_steps(run->trainer) : 0;
    if (run->settings.resume)
        fprintf(stderr, "%s: interrupted after step %lld; --resume %s goes on from there\n", name,
                steps, run->settings.resume);
    else
        fprintf(stderr, "%s: interrupted after step %lld; nothing is kept without --resume DIR\n",
                name, steps);
}

static void release(heed_run *run)
{
    heed_log_close(run);
    heed_program_free(run->answer);
    heed_program_free(run->loss);
    heed_trainer_free(run->trainer);
    heed_graph_free(run->answer_graph);
    heed_graph_free(run->loss_graph);
    heed_graph_free(run->graph);
    heed_store_free(run->store);
    if (run->own && run->model->release) run->model->release(run->own);
    heed_arena_free(&run->memory);
}

int heed_model_main(const heed_model *model, int argc, char **argv)
{
    heed_run run = {
        .model = model, .start = heed_seconds(), .last_loss = NAN, .bar = isatty(STDERR_FILENO)
    };
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

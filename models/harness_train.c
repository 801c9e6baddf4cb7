/* harness_train.c - the training loop, and how it ends early. */
#include <math.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "models/harness_run.h"

/* ---- interrupts: finish the step, write a checkpoint, end ---- */

static volatile sig_atomic_t interrupted;

static void note_interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

/* A second interrupt ends the process at once. */
void heed_run_catch_interrupts(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = note_interrupt;
    action.sa_flags = (int)SA_RESETHAND;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    interrupted = 0;
}

bool heed_run_interrupted(void)
{
    return interrupted != 0;
}

/* ---- memory ---- */

/* What this process may use: the machine's memory, or the control group's smaller share. */
static double memory_limit(void)
{
    double limit = INFINITY, group;
#ifdef _SC_PHYS_PAGES
    limit = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
#endif
    FILE *file = fopen("/sys/fs/cgroup/memory.max", "r");
    if (file && fscanf(file, "%lf", &group) == 1 && group < limit) limit = group;
    if (file) fclose(file);
    return limit > 0 ? limit : INFINITY;
}

bool heed_run_fits(heed_run *run, const heed_program *program)
{
    run->facts = heed_program_describe(program);
    double need = (double)run->facts.total_bytes, limit = memory_limit();
    if (need <= limit) return true;
    return heed_fail(&run->error,
                     "needs %.1f GB of memory; this machine has %.1f GB (a smaller --batch needs "
                     "less)",
                     need / 1e9, limit / 1e9);
}

/* ---- building ---- */

bool heed_run_build_trainer(heed_run *run)
{
    const heed_settings *s = &run->settings;
    heed_optimizer optimizer;
    heed_trainer_options options = { .threads = (int)s->threads, .seed = (uint64_t)s->seed };
    run->graph = heed_graph_new(.store = run->store, .training = true);
    heed_node *loss = run->model->loss(run->own, heed_root(run->graph), s->batch);
    run->model->recipe(run->own, s, &optimizer, &options);
    run->clips = options.clip_norm > 0;
    run->trainer = heed_trainer_make(loss, optimizer, options);
    if (!run->trainer)
        return heed_fail(&run->error, "%s",
                         heed_why(run->graph) ? heed_why(run->graph) : "no memory for training");
    return heed_run_fits(run, heed_trainer_program(run->trainer));
}

/* ---- the loop ---- */

static bool step(heed_run *run)
{
    heed_program *program = heed_trainer_program(run->trainer);
    const int64_t number = heed_trainer_steps(run->trainer);
    const heed_draw draw = { (uint64_t)run->settings.seed, HEED_TRAIN, number,
                             run->settings.batch };
    run->model->fill(run->own, program, &draw);
    run->rate = heed_trainer_rate(run->trainer);
    if (!heed_trainer_step(run->trainer))
        return heed_fail(&run->error, "step %lld: %s", (long long)number,
                         heed_program_why(program));
    run->last_loss = heed_trainer_loss(run->trainer);
    const double norm = run->clips ? heed_trainer_norm(run->trainer) : 0;
    if (isfinite(run->last_loss) && isfinite(norm)) return true;
    return heed_fail(&run->error,
                     "step %lld: the loss is %g and the gradient's norm %g; a smaller --lr may "
                     "help, HEED_CHECK=nan names the operation",
                     (long long)number, run->last_loss, norm);
}

/* Is it time, after `done` steps, for what happens every `every` steps? */
static bool is_time(int64_t every, int64_t done)
{
    return every > 0 && done % every == 0;
}

static bool after_step(heed_run *run)
{
    const heed_settings *s = &run->settings;
    const int64_t done = heed_trainer_steps(run->trainer);
    heed_log_step(run);
    if (is_time(s->eval_every, done) && done < s->steps) {
        if (!heed_run_evaluate(run)) return false;
        if (heed_run_interrupted()) return true;
        heed_log_value(run);
        heed_progress_value(run);
    }
    heed_progress(run, false);
    return !(s->resume && is_time(s->checkpoint_every, done) && done < s->steps) ||
           heed_run_checkpoint(run);
}

int heed_run_train(heed_run *run)
{
    const heed_settings *s = &run->settings;
    bool fine = true;
    while (fine && !heed_run_interrupted() && heed_trainer_steps(run->trainer) < s->steps)
        fine = step(run) && after_step(run);
    heed_progress(run, true);
    if (!fine) return HEED_FAILED;
    /* A finished run leaves its checkpoint too: started again, it only evaluates. */
    if (s->resume && !heed_run_checkpoint(run)) return HEED_FAILED;
    return heed_run_interrupted() ? HEED_INTERRUPTED : HEED_DONE;
}

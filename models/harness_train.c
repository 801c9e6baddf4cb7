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

static bool build_trainer(heed_run *run, int i)
{
    const heed_settings *s = &run->settings;
    const heed_part *part = &run->model->parts[i];
    heed_optimizer optimizer;
    heed_trainer_options options = { .threads = (int)s->threads,
                                     .seed = (uint64_t)s->seed,
                                     .prefix = part->prefix };
    run->graphs[i] = heed_graph_new(.store = run->store, .training = true);
    heed_node *loss = part->loss(run->own, heed_root(run->graphs[i]), s->batch);
    part->recipe(run->own, s, &optimizer, &options);
    run->clips[i] = options.clip_norm > 0;
    run->parts[i] = heed_trainer_make(loss, optimizer, options);
    if (!run->parts[i])
        return heed_fail(&run->error, "%s",
                         heed_why(run->graphs[i]) ? heed_why(run->graphs[i])
                                                  : "no memory for training");
    return heed_run_fits(run, heed_trainer_program(run->parts[i]));
}

bool heed_run_build_trainers(heed_run *run)
{
    for (int i = 0; i < run->n_parts; i++)
        if (!build_trainer(run, i)) return false;
    return !run->model->acts || heed_run_build_actor(run);
}

int64_t heed_run_steps(const heed_run *run)
{
    return run->parts[0] ? heed_trainer_steps(run->parts[0]) : run->last_step;
}

void heed_run_free_trainers(heed_run *run)
{
    run->last_step = heed_run_steps(run);
    for (int i = 0; i < run->n_parts; i++) {
        heed_trainer_free(run->parts[i]);
        heed_graph_free(run->graphs[i]);
        run->parts[i] = NULL;
        run->graphs[i] = NULL;
    }
}

/* ---- the loop ---- */

static bool step_part(heed_run *run, int i)
{
    heed_trainer *trainer = run->parts[i];
    heed_program *program = heed_trainer_program(trainer);
    const int64_t number = heed_trainer_steps(trainer);
    const heed_draw draw = { .seed = (uint64_t)run->settings.seed,
                             .split = HEED_TRAIN,
                             .index = number,
                             .batch = run->settings.batch,
                             .part = i,
                             .actor = run->actor.program };
    if (!run->model->fill(run->own, program, &draw, &run->error)) return false;
    run->rate = heed_trainer_rate(trainer);
    if (!heed_trainer_step(trainer))
        return heed_fail(&run->error, "step %lld: %s", (long long)number,
                         heed_program_why(program));
    const double loss = run->last_loss[i] = heed_trainer_loss(trainer);
    const double norm = run->clips[i] ? heed_trainer_norm(trainer) : 0;
    if (isfinite(loss) && isfinite(norm)) return true;
    run->diverged = true;
    return heed_fail(&run->error,
                     "step %lld: the loss is %g and the gradient's norm %g; a smaller --lr may "
                     "help, HEED_CHECK=nan names the operation",
                     (long long)number, loss, norm);
}

/* Each part has its turn. */
static bool step(heed_run *run)
{
    for (int i = 0; i < run->n_parts; i++)
        if (!step_part(run, i)) return false;
    return true;
}

/* Is it time, after `done` steps, for what happens every `every` steps? */
static bool is_time(int64_t every, int64_t done)
{
    return every > 0 && done % every == 0;
}

static bool after_step(heed_run *run)
{
    const heed_settings *s = &run->settings;
    const int64_t done = heed_run_steps(run);
    heed_log_step(run);
    if (is_time(s->eval_every, done) && done < s->steps) {
        if (!heed_run_evaluate(run)) return false;
        if (heed_run_interrupted()) return true;
        heed_log_value(run);
        heed_progress_value(run);
    }
    if (run->model->judge && !heed_run_judge(run)) return false;
    heed_progress(run, false);
    return !(s->resume && is_time(s->checkpoint_every, done) && done < s->steps) ||
           heed_run_checkpoint(run);
}

/* Program i of those that training runs: of each part, and of who acts. NULL: no more. */
static heed_program *program_at(const heed_run *run, int i)
{
    return i < run->n_parts ? heed_trainer_program(run->parts[i])
                            : (i == run->n_parts ? run->actor.program : NULL);
}

int heed_run_train(heed_run *run)
{
    const heed_settings *s = &run->settings;
    bool fine = true;
    for (int i = 0; s->profile && fine && program_at(run, i); i++)
        if (!heed_profile_start(program_at(run, i)))
            fine = heed_fail(&run->error, "no memory for --profile");
    while (fine && !heed_run_stopped(run) && !heed_run_interrupted() &&
           heed_run_steps(run) < s->steps)
        fine = step(run) && after_step(run);
    heed_progress(run, true);
    for (int i = 0; s->profile && program_at(run, i); i++)
        heed_profile_print(program_at(run, i), stderr);
    if (!fine) return HEED_FAILED;
    /* A finished run leaves its checkpoint too: started again, it only evaluates. */
    if (s->resume && !heed_run_checkpoint(run)) return HEED_FAILED;
    if (heed_run_interrupted()) return HEED_INTERRUPTED;
    if (run->model->judge) heed_run_take_kept(run);
    return HEED_DONE;
}

/* harness_report.c - what a run says: progress to stderr, the log, the result to stdout. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "models/harness_run.h"

enum { BAR = 24 };
#define REDRAW 0.1 /* seconds between two states of the bar */
#define LINES 5.0  /* seconds between two lines where there is no terminal */

double heed_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int64_t heed_peak_bytes(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
#ifdef __APPLE__
    return (int64_t)usage.ru_maxrss;
#else
    return (int64_t)usage.ru_maxrss * 1024;
#endif
}

/* ---- the log: one JSON object a line ---- */

/* JSON has no NaN and no infinity. */
static const char *number_text(double value, char *text, size_t size)
{
    if (isfinite(value))
        snprintf(text, size, "%.9g", value);
    else
        snprintf(text, size, "null");
    return text;
}

bool heed_log_open(heed_run *run)
{
    const char *path = run->settings.log;
    if (!path) return true;
    run->log = fopen(path, run->first_step > 0 ? "a" : "w");
    return run->log || heed_fail(&run->error, "--log: cannot write %s: %s", path, strerror(errno));
}

void heed_log_step(heed_run *run)
{
    char loss[40], norm[40];
    if (!run->log) return;
    fprintf(run->log,
            "{\"step\":%" PRId64 ",\"loss\":%s,\"norm\":%s,\"lr\":%.9g,\"seconds\":%.3f}\n",
            heed_trainer_steps(run->trainer), number_text(run->last_loss, loss, sizeof loss),
            number_text(heed_trainer_norm(run->trainer), norm, sizeof norm), run->rate,
            heed_seconds() - run->start);
}

void heed_log_value(heed_run *run)
{
    char value[40];
    if (!run->log) return;
    fprintf(run->log, "{\"step\":%" PRId64 ",\"metric\":\"%s\",\"value\":%s,\"seconds\":%.3f}\n",
            run->trainer ? heed_trainer_steps(run->trainer) : 0, run->model->metrics[0],
            number_text(run->value[0], value, sizeof value), heed_seconds() - run->start);
}

bool heed_log_flush(heed_run *run)
{
    if (!run->log) return true;
    if (fflush(run->log) == 0 && !ferror(run->log)) return true;
    return heed_fail(&run->error, "--log: cannot write %s: %s", run->settings.log, strerror(errno));
}

bool heed_log_close(heed_run *run)
{
    FILE *log = run->log;
    if (!log) return true;
    bool written = heed_log_flush(run);
    run->log = NULL;
    if (fclose(log) == 0) return written;
    return heed_fail(&run->error, "--log: cannot write %s: %s", run->settings.log, strerror(errno));
}

/* ---- progress ---- */

/* "sequences_right" for people. */
static const char *metric_words(const char *metric, char *text, size_t size)
{
    snprintf(text, size, "%s", metric);
    for (char *c = text; *c; c++)
        if (*c == '_') *c = ' ';
    return text;
}

static void draw_bar(double share)
{
    const int full = (int)(share * BAR);
    fputs("\r[", stderr);
    for (int i = 0; i < BAR; i++) fputc(i < full ? '#' : '.', stderr);
    fprintf(stderr, "] %3.0f %%  ", 100 * share);
}

void heed_progress(heed_run *run, bool last)
{
    const heed_settings *s = &run->settings;
    const double now = heed_seconds();
    const int64_t done = heed_trainer_steps(run->trainer);
    char words[60];
    if (s->quiet || done == run->first_step) return;
    if (!last && now - run->drawn < (run->bar ? REDRAW : LINES)) return;
    const double speed = (double)(done - run->first_step) / (now - run->train_start);
    const double left = (double)(s->steps - done) / speed;
    if (run->bar) draw_bar((double)done / (double)s->steps);
    fprintf(stderr, "step %" PRId64 "/%" PRId64 "  loss %.4f", done, s->steps, run->last_loss);
    if (run->scored)
        fprintf(stderr, "  %s %.2f %%", metric_words(run->model->metrics[0], words, sizeof words),
                100 * run->value[0]);
    fprintf(stderr, "  %.1f steps/s  %d:%02d left%s", speed, (int)(left / 60), (int)left % 60,
            run->bar ? "\033[K" : "\n");
    if (run->bar && last) fputc('\n', stderr);
    run->drawn = now;
}

/* Where there is no terminal a value gets a line of its own; the bar shows it anyway. */
void heed_progress_value(heed_run *run)
{
    char words[60];
    if (run->settings.quiet || run->bar) return;
    fprintf(stderr, "step %" PRId64 "  %s %.2f %%\n", heed_trainer_steps(run->trainer),
            metric_words(run->model->metrics[0], words, sizeof words), 100 * run->value[0]);
}

/* ---- results ---- */

static bool print_json(heed_run *run, heed_json_out *out)
{
    bool written = !out->failed && printf("%s\n", out->text) > 0;
    heed_free(out->text);
    return written || heed_fail(&run->error, "no memory for the result, or nobody reads it");
}

static void json_head(heed_run *run, heed_json_out *out, int64_t steps)
{
    const heed_settings *s = &run->settings;
    heed_json_put(out, "{\"model\":\"%s\",\"task\":\"%s\",\"steps\":%" PRId64, run->model->name,
                  s->task, steps);
    heed_json_put(out, ",\"batch\":%" PRId64 ",\"lr\":%.9g,\"seed\":%" PRId64 ",\"threads\":%d",
                  s->batch, s->lr, s->seed, run->facts.threads);
    heed_options_json(run->model, run->own, out);
    heed_json_put(out, ",\"parameters\":%" PRId64 ",\"planned_bytes\":%zu,\"flops\":%.0f",
                  heed_store_parameters(run->store), run->facts.total_bytes, run->facts.flops);
}

/* What the program would take; nothing has been run. */
bool heed_report_plan(heed_run *run)
{
    const heed_program_facts *f = &run->facts;
    if (run->settings.json) {
        heed_json_out out = { .text = NULL };
        json_head(run, &out, run->settings.steps);
        heed_json_put(&out, ",\"activation_bytes\":%zu,\"live_bytes\":%zu,\"dry_run\":true}",
                      f->planned_bytes, f->live_bytes);
        return print_json(run, &out);
    }
    printf("%s, task %s: %" PRId64 " steps of %" PRId64 ", learning rate up to %g\n",
           run->model->name, run->settings.task, run->settings.steps, run->settings.batch,
           run->settings.lr);
    printf("  parameters      %" PRId64 "\n", heed_store_parameters(run->store));
    printf(
        "  planned memory  %.1f MB (activations and gradients %.1f MB; at any time %.1f MB of it "
        "in use at most)\n",
        (double)f->total_bytes / 1e6, (double)f->planned_bytes / 1e6, (double)f->live_bytes / 1e6);
    printf("  one step        %.3f GFLOP in %d instructions\n", f->flops / 1e9, f->instructions);
    return true;
}

static bool result_json(heed_run *run, int64_t steps, double seconds)
{
    const heed_model *model = run->model;
    heed_json_out out = { .text = NULL };
    char text[40];
    json_head(run, &out, steps);
    heed_json_put(&out, ",\"seconds\":%.3f,\"train_seconds\":%.3f,\"peak_bytes\":%" PRId64, seconds,
                  run->train_seconds, heed_peak_bytes());
    heed_json_put(&out, ",\"evaluated\":%" PRId64 ",\"loss\":%s,\"metric\":\"%s\"",
                  model->evaluation, number_text(run->last_loss, text, sizeof text),
                  model->metrics[0]);
    heed_json_put(&out, ",\"value\":%s", number_text(run->value[0], text, sizeof text));
    for (int i = 1; model->metrics[i]; i++)
        heed_json_put(&out, ",\"%s\":%s", model->metrics[i],
                      number_text(run->value[i], text, sizeof text));
    heed_json_put(&out, "}");
    return print_json(run, &out);
}

bool heed_report_result(heed_run *run)
{
    const heed_model *model = run->model;
    const int64_t steps = run->trainer ? heed_trainer_steps(run->trainer) : 0;
    const double seconds = heed_seconds() - run->start;
    char words[60];
    if (run->settings.json) return result_json(run, steps, seconds);
    printf("%s, task %s, on %" PRId64 " fresh examples:\n", model->name, run->settings.task,
           model->evaluation);
    for (int i = 0; model->metrics[i]; i++)
        printf("  %-18s %.2f %%\n", metric_words(model->metrics[i], words, sizeof words),
               100 * run->value[i]);
    printf("  %-18s %.5f\n", "loss", run->last_loss);
    printf("  %" PRId64 " steps, %.1f s, %d threads, %" PRId64 " parameters, peak memory %.0f MB\n",
           steps, seconds, run->facts.threads, heed_store_parameters(run->store),
           (double)heed_peak_bytes() / 1e6);
    return true;
}

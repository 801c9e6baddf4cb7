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
    run->log = fopen(path, run->first_step > 0 || run->number > 1 ? "a" : "w");
    return run->log || heed_fail(&run->error, "--log: cannot write %s: %s", path, strerror(errno));
}

const heed_metric *heed_run_metrics(const heed_run *run)
{
    return run->model->tasks[run->settings.task_index].metrics;
}

/* "loss", or of several the part's name. */
static const char *loss_name(const heed_run *run, int part)
{
    return run->n_parts > 1 ? run->model->parts[part].name : "loss";
}

static void begin_log_line(heed_run *run)
{
    fputc('{', run->log);
    if (run->settings.starts > 1) fprintf(run->log, "\"start\":%" PRId64 ",", run->number);
    fprintf(run->log, "\"step\":%" PRId64, heed_run_steps(run));
}

void heed_log_step(heed_run *run)
{
    char text[40];
    if (!run->log) return;
    begin_log_line(run);
    for (int i = 0; i < run->n_parts; i++)
        fprintf(run->log, ",\"%s\":%s", loss_name(run, i),
                number_text(run->last_loss[i], text, sizeof text));
    fprintf(run->log, ",\"norm\":%s,\"lr\":%.9g,\"seconds\":%.3f}\n",
            number_text(heed_trainer_norm(run->parts[0]), text, sizeof text), run->rate,
            heed_seconds() - run->start);
}

void heed_log_value(heed_run *run)
{
    char value[40];
    if (!run->log) return;
    begin_log_line(run);
    fprintf(run->log, ",\"metric\":\"%s\",\"value\":%s,\"seconds\":%.3f}\n",
            heed_run_metrics(run)[0].name, number_text(run->value[0], value, sizeof value),
            heed_seconds() - run->start);
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
static const char *metric_words(const heed_metric *metric, char *text, size_t size)
{
    snprintf(text, size, "%s", metric->name);
    for (char *c = text; *c; c++)
        if (*c == '_') *c = ' ';
    return text;
}

/* "97.12 %", "0.0312 bits" */
static const char *value_words(const heed_metric *metric, double value, char *text, size_t size)
{
    if (metric->unit)
        snprintf(text, size, "%.5g%s%s", value, *metric->unit ? " " : "", metric->unit);
    else
        snprintf(text, size, "%.2f %%", 100 * value);
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
    const int64_t done = heed_run_steps(run);
    const heed_metric *metric = heed_run_metrics(run);
    char words[60], text[60];
    if (s->quiet || done == run->first_step) return;
    if (!last && now - run->drawn < (run->bar ? REDRAW : LINES)) return;
    const double speed = (double)(done - run->first_step) / (now - run->train_start);
    const double left = (double)(s->steps - done) / speed;
    if (run->bar) draw_bar((double)done / (double)s->steps);
    fprintf(stderr, "step %" PRId64 "/%" PRId64, done, s->steps);
    for (int i = 0; i < run->n_parts; i++)
        fprintf(stderr, "  %s %.4f", loss_name(run, i), run->last_loss[i]);
    if (run->scored)
        fprintf(stderr, "  %s %s", metric_words(metric, words, sizeof words),
                value_words(metric, run->value[0], text, sizeof text));
    fprintf(stderr, "  %.1f steps/s  %d:%02d left%s", speed, (int)(left / 60), (int)left % 60,
            run->bar ? "\033[K" : "\n");
    if (run->bar && last) fputc('\n', stderr);
    run->drawn = now;
}

/* Where there is no terminal a value gets a line of its own; the bar shows it anyway. */
void heed_progress_value(heed_run *run)
{
    const heed_metric *metric = heed_run_metrics(run);
    char words[60], text[60];
    if (run->settings.quiet || run->bar) return;
    fprintf(stderr, "step %" PRId64 "  %s %s\n", heed_run_steps(run),
            metric_words(metric, words, sizeof words),
            value_words(metric, run->value[0], text, sizeof text));
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
    if (s->starts > 1) heed_json_put(out, ",\"starts\":%" PRId64, s->starts);
    if (run->best > 0) heed_json_put(out, ",\"best_start\":%" PRId64, run->best);
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
    if (run->settings.starts > 1)
        printf("  the best of     %" PRId64 " starts\n", run->settings.starts);
    printf("  parameters      %" PRId64 "\n", heed_store_parameters(run->store));
    printf(
        "  planned memory  %.1f MB (activations and gradients %.1f MB; at any time %.1f MB of it "
        "in use at most)\n",
        (double)f->total_bytes / 1e6, (double)f->planned_bytes / 1e6, (double)f->live_bytes / 1e6);
    printf("  one step        %.3f GFLOP in %d instructions\n", f->flops / 1e9, f->instructions);
    return true;
}

static void put_number(heed_json_out *out, const char *name, double value)
{
    char text[40];
    heed_json_put(out, ",\"%s\":%s", name, number_text(value, text, sizeof text));
}

/* What the metrics came to; with several runs also how far they lie apart. */
static void put_values(heed_json_out *out, const heed_metric *metrics, const double *value,
                       const double *deviation)
{
    char name[80];
    heed_json_put(out, ",\"metric\":\"%s\"", metrics[0].name);
    for (int i = 0; metrics[i].name; i++) {
        put_number(out, i ? metrics[i].name : "value", value[i]);
        if (!deviation) continue;
        snprintf(name, sizeof name, "%s%s", i ? metrics[i].name : "",
                 i ? "_deviation" : "deviation");
        put_number(out, name, deviation[i]);
    }
}

static void json_tail(heed_run *run, heed_json_out *out)
{
    heed_json_put(out, ",\"seconds\":%.3f,\"train_seconds\":%.3f,\"peak_bytes\":%" PRId64,
                  heed_seconds() - run->start, run->train_seconds, heed_peak_bytes());
    heed_json_put(out, ",\"evaluated\":%" PRId64, run->settings.examples);
    put_number(out, "loss", run->last_loss[0]);
}

static void print_values(const heed_metric *metrics, const double *value, const double *deviation)
{
    char words[60], text[60], apart[60];
    for (int i = 0; metrics[i].name; i++) {
        printf("  %-18s %s", metric_words(&metrics[i], words, sizeof words),
               value_words(&metrics[i], value[i], text, sizeof text));
        if (deviation)
            printf(" +- %s", value_words(&metrics[i], deviation[i], apart, sizeof apart));
        putchar('\n');
    }
}

bool heed_report_result(heed_run *run)
{
    const heed_metric *metrics = heed_run_metrics(run);
    const int64_t steps = heed_run_steps(run);
    if (run->settings.json) {
        heed_json_out out = { .text = NULL };
        json_head(run, &out, steps);
        json_tail(run, &out);
        put_values(&out, metrics, run->value, NULL);
        heed_json_put(&out, "}");
        return print_json(run, &out);
    }
    printf("%s, task %s, on %" PRId64 " %s:\n", run->model->name, run->settings.task,
           run->settings.examples, run->settings.data ? "examples" : "fresh examples");
    print_values(metrics, run->value, NULL);
    printf("  %-18s %.5f\n", "loss", run->last_loss[0]);
    if (run->best > 0)
        printf("  %-18s %" PRId64 " of %" PRId64 "\n", "best start", run->best,
               run->settings.starts);
    printf("  %" PRId64 " steps, %.1f s, %d threads, %" PRId64 " parameters, peak memory %.0f MB\n",
           steps, heed_seconds() - run->start, run->facts.threads,
           heed_store_parameters(run->store), (double)heed_peak_bytes() / 1e6);
    return true;
}

/* ---- several runs ---- */

/* Mean and sample deviation of column i. */
static void describe(const double *values, int64_t runs, int i, double *mean, double *deviation)
{
    double sum = 0, square = 0;
    for (int64_t k = 0; k < runs; k++) sum += values[k * HEED_METRICS + i];
    *mean = sum / (double)runs;
    for (int64_t k = 0; k < runs; k++) square += pow(values[k * HEED_METRICS + i] - *mean, 2);
    *deviation = sqrt(square / (double)(runs - 1));
}

bool heed_report_runs(heed_run *run, const double *values)
{
    const heed_settings *s = &run->settings;
    const heed_metric *metrics = heed_run_metrics(run);
    double mean[HEED_METRICS], deviation[HEED_METRICS];
    for (int i = 0; i < HEED_METRICS; i++) describe(values, s->runs, i, &mean[i], &deviation[i]);
    if (s->json) {
        heed_json_out out = { .text = NULL };
        json_head(run, &out, heed_run_steps(run));
        json_tail(run, &out);
        put_values(&out, metrics, mean, deviation);
        heed_json_put(&out, ",\"runs\":%" PRId64 ",\"values\":[", s->runs);
        for (int64_t k = 0; k < s->runs; k++)
            heed_json_put(&out, "%s%.9g", k ? "," : "", values[k * HEED_METRICS]);
        heed_json_put(&out, "]}");
        return print_json(run, &out);
    }
    printf("%s, task %s, mean and deviation of %" PRId64 " runs:\n", run->model->name, s->task,
           s->runs);
    print_values(metrics, mean, deviation);
    printf("  %.1f s in all\n", heed_seconds() - run->start);
    return true;
}

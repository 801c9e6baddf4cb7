/* bench_measure.c - the machine's peaks, and one case in a process of its own. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "graph/pool.h"
#include "ops/micro/peak.h"
#include "tools/bench.h"

enum { MOST_SAMPLES = 501, COPY_BYTES = 128 << 20 };

double bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static double median(double *list, int n)
{
    qsort(list, (size_t)n, sizeof *list, by_value);
    return n ? list[n / 2] : NAN;
}

/* ---- peaks ---- */

typedef struct peak_job {
    int threads;
    char *from, *to; /* NULL: arithmetic */
    size_t bytes;    /* to copy */
    double flops[256];
} peak_job;

static void peak_part(void *context, int thread)
{
    peak_job *job = context;
    if (job->from) {
        size_t begin = job->bytes * (size_t)thread / (size_t)job->threads;
        size_t end = job->bytes * ((size_t)thread + 1) / (size_t)job->threads;
        memcpy(job->to + begin, job->from + begin, end - begin);
        return;
    }
    heed_peak peak = { .rounds = 2000000, .factor = 0.5, .addend = 1 };
    heed_peak_run(&peak);
    job->flops[thread] = peak.result == peak.result ? peak.flops : 0;
}

/* Work of one run (flops or bytes) over its best time. */
static double rate_of(peak_job *job)
{
    heed_pool *pool = heed_pool_new(job->threads);
    double best = 0;
    for (int i = 0; pool && i < 9; i++) {
        double start = bench_now(), work = 2.0 * COPY_BYTES;
        heed_pool_run(pool, peak_part, job);
        double seconds = bench_now() - start;
        if (!job->from) work = 0;
        for (int t = 0; !job->from && t < job->threads; t++) work += job->flops[t];
        if (i > 0 && work / seconds > best) best = work / seconds; /* the first run warms up */
    }
    heed_pool_free(pool);
    return best / 1e9;
}

bench_peaks bench_measure_peaks(int threads)
{
    bench_peaks peaks;
    char *from = heed_alloc(COPY_BYTES), *to = heed_alloc(COPY_BYTES);
    if (from) memset(from, 1, COPY_BYTES);
    for (int i = 0; i < 2; i++) {
        peak_job job = { .threads = i ? (threads < 256 ? threads : 256) : 1, .bytes = COPY_BYTES };
        peaks.gflops[i] = rate_of(&job);
        job.from = from;
        job.to = to;
        peaks.gbytes_s[i] = from && to ? rate_of(&job) : 0;
    }
    heed_free(from);
    heed_free(to);
    return peaks;
}

/* ---- one case ---- */

static void fill_inputs(bench_case *c, heed_program *program)
{
    if (c->sample.n_in) {
        bench_fill_op(c, program);
        return;
    }
    for (int id = 0; id < heed_graph_size(c->graph); id++) {
        const heed_node *node = heed_graph_node(c->graph, id);
        if (!heed_is_input(node)) continue;
        heed_view view = heed_program_input(program, node->name);
        heed_rng rng = heed_rng_new(1, (uint64_t)id);
        if (heed_is_real(view.dtype)) heed_fill_uniform(&rng, &view, -1, 1);
    }
}

static void run_once(bench_case *c, heed_program *program)
{
    if (c->trainer)
        heed_trainer_step(c->trainer);
    else
        heed_program_run(program);
    if (c->rival) heed_trainer_step(c->rival);
}

/* Median of samples, each of as many runs as take about 50 us; microseconds a run. */
static double time_runs(bench_case *c, heed_program *program)
{
    double samples[MOST_SAMPLES];
    int n = 0, runs = 1;
    for (int i = 0; i < 3; i++) run_once(c, program);
    for (;; runs *= 2) {
        double start = bench_now();
        for (int i = 0; i < runs; i++) run_once(c, program);
        if (bench_now() - start > 50e-6 || runs > 1 << 20) break;
    }
    for (double end = bench_now() + c->seconds; n < MOST_SAMPLES && (n < 5 || bench_now() < end);) {
        double start = bench_now();
        for (int i = 0; i < runs; i++) run_once(c, program);
        samples[n++] = (bench_now() - start) / runs;
    }
    return median(samples, n) * 1e6;
}

/* Seconds; of one thread those that it ran. */
static double time_of(int threads)
{
    struct timespec t;
    clock_gettime(threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The case and a copy of as many bytes in turn, so that both meet the same neighbours: the best
 * time of a run in microseconds, and its share of the copy's speed. */
static double time_beside_copy(bench_case *c, heed_program *program, double *share)
{
    double best = INFINITY, best_copy = INFINITY;
    const size_t bytes = (size_t)c->bytes / 2;
    peak_job job = { .threads = c->threads < 256 ? c->threads : 256, .bytes = bytes };
    heed_pool *pool = heed_pool_new(job.threads);
    job.from = heed_alloc(bytes);
    job.to = heed_alloc(bytes);
    if (job.from) memset(job.from, 1, bytes);
    double end = bench_now() + c->seconds;
    for (int i = 0; pool && job.from && job.to && (i < 5 || bench_now() < end); i++) {
        double start = time_of(c->threads);
        run_once(c, program);
        double middle = time_of(c->threads);
        heed_pool_run(pool, peak_part, &job);
        if (i == 0) continue; /* warming up */
        best = fmin(best, middle - start);
        best_copy = fmin(best_copy, time_of(c->threads) - middle);
    }
    heed_pool_free(pool);
    heed_free(job.from);
    heed_free(job.to);
    if (!isfinite(best)) return time_runs(c, program); /* no memory for the copy */
    *share = best_copy / best;
    return best * 1e6;
}

/* What two parts of a model share. */
static double model_bytes(const heed_store *store)
{
    double bytes = 0;
    for (int i = 0; i < heed_store_count(store); i++) {
        const heed_entry *entry = heed_store_at(store, i);
        const heed_view *view = &entry->tensor->view;
        if (entry->kind != HEED_MOMENT)
            bytes += (double)heed_count(&view->shape) * (double)heed_dtype_size(view->dtype);
    }
    return bytes;
}

static double resident_bytes(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
#ifdef __APPLE__
    return (double)usage.ru_maxrss;
#else
    return (double)usage.ru_maxrss * 1024;
#endif
}

/* Recording costs time, so what it prints is not what was measured. */
static void profile_case(bench_case *c, heed_program *program)
{
    heed_program *rival = c->rival ? heed_trainer_program(c->rival) : NULL;
    if (!heed_profile_start(program) || (rival && !heed_profile_start(rival))) return;
    for (double end = bench_now() + c->seconds; bench_now() < end;) run_once(c, program);
    heed_profile_print(program, stderr);
    if (rival) heed_profile_print(rival, stderr);
}

static bench_result measure_here(const char *name, int threads, double seconds, bool profile)
{
    bench_case c = { .name = name, .threads = threads, .seconds = seconds };
    bench_result result = { .done = false };
    heed_error error = { .set = false };
    heed_program *program = NULL;
    if (bench_build(&c, &error)) {
        program = c.trainer ? heed_trainer_program(c.trainer)
                            : heed_compile(c.graph, c.outputs, c.n_outputs, .threads = threads,
                                           .passes = c.passes);
        if (!program) heed_fail(&error, "%s: %s", name, heed_why(c.graph));
    }
    if (program) {
        if (!c.trainer) fill_inputs(&c, program);
        result.us =
            c.sample.n_in ? time_beside_copy(&c, program, &result.share) : time_runs(&c, program);
        result.gflops = c.flops / result.us / 1e3;
        result.gbytes_s = c.bytes / result.us / 1e3;
        result.planned_bytes = (double)heed_program_describe(program).total_bytes;
        if (c.rival)
            result.planned_bytes +=
                (double)heed_program_describe(heed_trainer_program(c.rival)).total_bytes -
                model_bytes(c.tiny.store);
        result.resident_bytes = resident_bytes();
        result.done = true;
        if (profile) profile_case(&c, program);
        bench_tell_op(&c, result.inputs, sizeof result.inputs);
    }
    snprintf(result.why, sizeof result.why, "%.399s", error.text);
    if (!c.trainer) heed_program_free(program);
    bench_free(&c);
    return result;
}

bench_result bench_measure(const char *name, int threads, double seconds, bool profile,
                           const bench_peaks *peaks)
{
    bench_result result = { .done = false };
    int ends[2];
    fflush(NULL);
    snprintf(result.why, sizeof result.why, "%s: no process for it", name);
    if (pipe(ends) != 0) return result;
    pid_t child = fork();
    if (child == 0) {
        result = measure_here(name, threads, seconds, profile);
        ssize_t written = write(ends[1], &result, sizeof result);
        _exit(written == (ssize_t)sizeof result ? 0 : 1);
    }
    close(ends[1]);
    bench_result told;
    if (child > 0 && read(ends[0], &told, sizeof told) == (ssize_t)sizeof told) result = told;
    close(ends[0]);
    if (child > 0) waitpid(child, NULL, 0);
    int all = threads > 1;
    result.share = fmax(result.gflops / peaks->gflops[all], result.gbytes_s / peaks->gbytes_s[all]);
    return result;
}

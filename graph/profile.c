/* profile.c - what took how long: a table by operation, and a Chrome trace of the last run. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "graph/loop_run.h"
#include "graph/profile.h"

typedef struct record {        /* one instruction on one thread */
    int64_t total, start, end; /* nanoseconds: over all runs; of the last run */
    int64_t runs;
    int64_t step; /* run number that start and end belong to */
} record;

struct heed_profile {
    int64_t begin;   /* when recording started */
    int64_t runs;    /* since then */
    record *records; /* [threads][instructions] */
};

int64_t heed_profile_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

bool heed_profile_start(heed_program *p)
{
    heed_profile_free(p);
    struct heed_profile *profile = heed_alloc(sizeof *profile);
    if (!profile) return false;
    size_t n = (size_t)p->options.threads * (size_t)(p->n_instructions + 1);
    profile->records = heed_alloc_array(n, sizeof *profile->records);
    if (!profile->records) {
        heed_free(profile);
        return false;
    }
    profile->begin = heed_profile_now();
    p->profile = profile;
    for (int k = 0; k < p->n_instructions; k++)
        if (p->instructions[k].loop && !heed_profile_start(heed_loop_body(p->instructions[k].loop)))
            return false;
    return true;
}

void heed_profile_free(heed_program *p)
{
    if (!p->profile) return;
    heed_free(p->profile->records);
    heed_free(p->profile);
    p->profile = NULL;
}

static record *record_of(const heed_program *p, int thread, int k)
{
    return &p->profile->records[(size_t)thread * (size_t)p->n_instructions + (size_t)k];
}

void heed_profile_note(heed_program *p, const heed_instruction *it, int thread, int64_t start)
{
    record *r = record_of(p, thread, (int)(it - p->instructions));
    int64_t end = heed_profile_now(), step = (int64_t)p->step;
    if (!r->runs || r->step != step) { /* the first chunk of this run on this thread */
        r->start = start;
        r->runs++;
    }
    r->step = step;
    r->end = end;
    r->total += end - start;
}

void heed_profile_ran(heed_program *p)
{
    p->profile->runs++;
}

/* ---- table ---- */

typedef struct line {
    const char *name;
    double nanoseconds, flops, bytes;
    int64_t calls;
} line;

static int by_time(const void *a, const void *b)
{
    const line *x = a, *y = b;
    return x->nanoseconds < y->nanoseconds ? 1 : x->nanoseconds > y->nanoseconds ? -1 : 0;
}

static void name_of(const heed_instruction *it, char *text, size_t size)
{
    size_t used = 0;
    *text = 0;
    for (int i = 0; i < it->n_nodes && used + 24 < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? "+" : "",
                                 it->nodes[i]->op->name);
}

static void add_to(line *l, const heed_program *p, const heed_instruction *it)
{
    const int k = (int)(it - p->instructions);
    const bool again = p->body && k >= p->n_first; /* in every iteration */
    const double times = again ? (double)p->body->steps : 1;
    for (int i = 0; i < it->n_nodes; i++) l->flops += times * heed_node_flops(it->nodes[i]);
    for (int i = 0; i < it->n_reads + it->n_writes; i++)
        l->bytes += times * (double)p->buffers[it->reads[i]].bytes;
    for (int thread = 0; thread < p->options.threads; thread++)
        l->nanoseconds += (double)record_of(p, thread, k)->total;
    l->calls += (int64_t)times;
}

/* Instructions of p and of the bodies in it; a loop takes the time of its body. */
static int count_all(const heed_program *p)
{
    int n = p->n_instructions;
    for (int k = 0; k < p->n_instructions; k++)
        if (p->instructions[k].loop) n += count_all(heed_loop_body(p->instructions[k].loop));
    return n;
}

/* return: lines so far */
static int add_all(const heed_program *p, line *lines, char (*names)[100], int n)
{
    for (int k = 0; k < p->n_instructions; k++) {
        if (p->instructions[k].loop) {
            n = add_all(heed_loop_body(p->instructions[k].loop), lines, names, n);
            continue;
        }
        name_of(&p->instructions[k], names[n], sizeof names[n]);
        int at = 0;
        while (at < n && strcmp(lines[at].name, names[n]) != 0) at++;
        lines[at].name = names[at];
        if (at == n) n++;
        add_to(&lines[at], p, &p->instructions[k]);
    }
    return n;
}

void heed_profile_print(const heed_program *p, FILE *to)
{
    if (!p->profile || p->profile->runs == 0) return;
    const size_t room = (size_t)count_all(p) + 1;
    line *lines = heed_alloc_array(room, sizeof *lines);
    char(*names)[100] = heed_alloc_array(room, sizeof *names);
    double total = 0, runs = (double)p->profile->runs;
    int n = lines && names ? add_all(p, lines, names, 0) : 0;
    for (int i = 0; i < n; i++) total += lines[i].nanoseconds;
    if (n) qsort(lines, (size_t)n, sizeof *lines, by_time);
    fprintf(to, "%10s %6s %6s %9s %8s  %s\n", "us/run", "share", "calls", "GFLOP/s", "GB/s",
            "what");
    for (int i = 0; i < n && total > 0; i++) {
        double each = lines[i].nanoseconds / runs;
        fprintf(to, "%10.2f %5.1f%% %6lld %9.2f %8.2f  %s\n", each / 1e3,
                100 * lines[i].nanoseconds / total, (long long)lines[i].calls,
                each > 0 ? lines[i].flops / each : 0, each > 0 ? lines[i].bytes / each : 0,
                lines[i].name);
    }
    fprintf(to, "%10.2f  100%%  %.0f runs, all threads' time\n", total / runs / 1e3, runs);
    heed_free(lines);
    heed_free(names);
}

/* ---- trace ---- */

static void trace_instruction(const heed_program *p, int k, FILE *file, bool *first)
{
    const heed_instruction *it = &p->instructions[k];
    char name[200], shape[HEED_SHAPE_TEXT];
    name_of(it, name, sizeof name);
    const heed_node *node = it->nodes[it->n_nodes - 1];
    for (int thread = 0; thread < p->options.threads; thread++) {
        const record *r = record_of(p, thread, k);
        if (!r->runs || r->step + 1 != (int64_t)p->step) continue;
        double flops = 0;
        for (int i = 0; i < it->n_nodes; i++) flops += heed_node_flops(it->nodes[i]);
        fprintf(file,
                "%s\n{\"name\":\"%s\",\"ph\":\"X\",\"pid\":1,\"tid\":%d,\"ts\":%.3f,\"dur\":%.3f,"
                "\"args\":{\"shape\":\"%s\",\"flops\":%.0f,\"line\":\"%s:%d\"}}",
                *first ? "" : ",", name, thread, (double)(r->start - p->profile->begin) / 1e3,
                (double)(r->end - r->start) / 1e3,
                heed_shape_print(&node->shape, shape, sizeof shape), flops,
                node->file ? node->file : "?", node->line);
        *first = false;
    }
}

bool heed_profile_trace(const heed_program *p, const char *path, heed_error *error)
{
    if (!p->profile) return heed_fail(error, "%s: heed_profile_start() has not been called", path);
    FILE *file = fopen(path, "w");
    if (!file) return heed_fail(error, "%s: cannot be written", path);
    bool first = true;
    fprintf(file, "{\"traceEvents\":[");
    for (int k = 0; k < p->n_instructions; k++) trace_instruction(p, k, file, &first);
    fprintf(file, "\n]}\n");
    bool wrong = ferror(file) != 0;
    if (fclose(file) != 0 || wrong) return heed_fail(error, "%s: writing failed", path);
    return true;
}

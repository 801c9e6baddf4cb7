/* bench.c - `heed bench`: how fast, and how close to the machine's limits. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/pool.h"
#include "tools/bench.h"
#include "tools/tool.h"

enum { MOST_NAMES = 1000, LONGEST_NAME = 80, LINE = 1000 };

typedef struct bench_options {
    bool json, profile;
    const char *compare;
    int64_t threads; /* 0: one thread, then all */
    double seconds;
} bench_options;

/* The time of `name` on `threads` in an earlier run's --json lines; 0 when it is not there. */
static double old_time(FILE *old, const char *name, int threads)
{
    char line[LINE], wanted[200];
    double us = 0;
    rewind(old);
    snprintf(wanted, sizeof wanted, "{\"name\":\"%s\",\"threads\":%d,\"us\":", name, threads);
    while (fgets(line, sizeof line, old))
        if (strncmp(line, wanted, strlen(wanted)) == 0) us = strtod(line + strlen(wanted), NULL);
    return us;
}

static void print_json(const char *name, int threads, const bench_result *r)
{
    printf("{\"name\":\"%s\",\"threads\":%d,\"us\":%.3f,\"gflops\":%.3f,\"gbytes_s\":%.3f,"
           "\"share_of_peak\":%.4f,\"planned_bytes\":%.0f,\"resident_bytes\":%.0f",
           name, threads, r->us, r->gflops, r->gbytes_s, r->share, r->planned_bytes,
           r->resident_bytes);
    if (*r->inputs) printf(",\"inputs\":\"%s\"", r->inputs);
    printf("}\n");
    fflush(stdout);
}

static void print_row(const char *name, int threads, const bench_result *r, FILE *old)
{
    printf("%-28s %3d %12.2f %9.2f %8.2f %6.1f%% %9.2f %9.1f", name, threads, r->us, r->gflops,
           r->gbytes_s, 100 * r->share, r->planned_bytes / 1048576, r->resident_bytes / 1048576);
    double before = old ? old_time(old, name, threads) : 0;
    if (before > 0) printf(" %8.2fx", before / r->us);
    printf("%s%s\n", *r->inputs ? "  " : "", r->inputs);
    fflush(stdout);
}

static void print_peaks(const bench_peaks *peaks, int all, bool json)
{
    for (int i = 0; i < 2; i++) {
        bench_result fma = { .gflops = peaks->gflops[i], .share = 1 };
        bench_result copy = { .gbytes_s = peaks->gbytes_s[i], .share = 1 };
        if (i && all == 1) return;
        if (json) {
            print_json("peak/fma", i ? all : 1, &fma);
            print_json("peak/copy", i ? all : 1, &copy);
        } else {
            printf("peak, %d thread%s: %.1f GFLOP/s multiply-add, %.1f GB/s copied (read + "
                   "written)\n",
                   i ? all : 1, i && all > 1 ? "s" : "", peaks->gflops[i], peaks->gbytes_s[i]);
        }
    }
}

static int measure(const char *name, int threads, const bench_options *o, const bench_peaks *peaks,
                   FILE *old)
{
    bench_result r = bench_measure(name, threads, o->seconds, o->profile, peaks);
    if (!r.done) return heed_tool_say(&heed_tool_bench, TOOL_FAILED, "%s", r.why);
    if (o->json)
        print_json(name, threads, &r);
    else
        print_row(name, threads, &r, old);
    return TOOL_DONE;
}

static int measure_all(const char *const *names, const bench_options *o, FILE *old)
{
    int all = o->threads ? (int)o->threads : heed_processors(), status = TOOL_DONE;
    bench_peaks peaks = bench_measure_peaks(all);
    print_peaks(&peaks, all, o->json);
    if (!o->json)
        printf("\n%-28s %3s %12s %9s %8s %7s %9s %9s%s\n", "what", "thr", "us", "GFLOP/s", "GB/s",
               "peak", "plan MiB", "rss MiB", old ? "   faster" : "");
    for (int i = 0; names[i]; i++) {
        if (!o->threads) status |= measure(names[i], 1, o, &peaks, old);
        if (o->threads || all > 1) status |= measure(names[i], all, o, &peaks, old);
    }
    return heed_tool_finish(&heed_tool_bench, status);
}

/* "ops" among the names stands for ops/NAME of every operation that computes something. */
static void put_ops(const char **names)
{
    static char text[MOST_NAMES][LONGEST_NAME];
    const char *given[MOST_NAMES + 1];
    const heed_op *op;
    int n = 0;
    memcpy(given, names, sizeof given);
    for (int k = 0; given[k]; k++) {
        if (strcmp(given[k], "ops") != 0 && n < MOST_NAMES) names[n++] = given[k];
        if (strcmp(given[k], "ops") != 0) continue;
        for (int i = 0; n < MOST_NAMES && (op = heed_op_at(i)); i++) {
            if (op->flags & HEED_LEAF || op->writes || op->body) continue;
            snprintf(text[n], LONGEST_NAME, "ops/%s", op->name);
            names[n] = text[n];
            n++;
        }
    }
    names[n] = NULL;
}

static int run(int argc, char **argv)
{
    bench_options o = { .seconds = 0.3 };
    const char *names[MOST_NAMES + 1] = { NULL };
    const tool_option options[] = {
        { "--json", TOOL_FLAG, &o.json, 0, 0 },
        { "--profile", TOOL_FLAG, &o.profile, 0, 0 },
        { "--compare", TOOL_TEXT, &o.compare, 0, 0 },
        { "--threads", TOOL_WHOLE, &o.threads, 1, 256 },
        { "--seconds", TOOL_REAL, &o.seconds, 0.001, 3600 },
    };
    int status = heed_tool_options(&heed_tool_bench, argc, argv, options,
                                   sizeof options / sizeof options[0], names, MOST_NAMES);
    if (status != TOOL_GO_ON) return status;
    FILE *old = o.compare ? fopen(o.compare, "r") : NULL;
    if (o.compare && !old)
        return heed_tool_say(&heed_tool_bench, TOOL_FAILED, "%s cannot be read", o.compare);
    put_ops(names);
    status = measure_all(names[0] ? names : bench_default_names, &o, old);
    if (old) fclose(old);
    return status;
}

const heed_tool heed_tool_bench = {
    .name = "bench",
    .summary = "how fast: operations and training steps, against the machine's peaks",
    .help =
        "usage: heed bench [NAME...] [--threads N] [--seconds S] [--json] [--compare OLD.json]\n"
        "                  [--profile]\n\n"
        "Measures the machine's own peaks first (multiply-adds in registers, memory copied), then\n"
        "each case: median time of a run, arithmetic and memory rate, the larger share of a peak,\n"
        "planned and resident memory. Without --threads: one thread, then all processors. Without "
        "names:\n"
        "a list that covers the library.\n\n"
        "  --json              one JSON object a line\n"
        "  --compare OLD.json  a column with the speed-up over an earlier --json output\n"
        "  --profile           which operations take the time, of each case, to stderr\n"
        "  --threads N         only on N threads\n"
        "  --seconds S         time to spend on each case (default 0.3)\n\n"
        "names:\n"
        "  matmul/MxKxN         product of [M,K] and [K,N]\n"
        "  batched/BxMxKxN      B products of [M,K] and [K,N]\n"
        "  softmax/RxC, log_softmax/RxC, layer_norm/RxC, rms_norm/RxC,\n"
        "  cross_entropy/RxC    over rows, forward and reverse\n"
        "  sum/RxC              of each row; sum_columns/RxC of each column\n"
        "  conv1d/BxCxLxK       C to C channels, K taps, forward and reverse\n"
        "  conv2d/BxCxHxW/OxKHxKW\n"
        "                       C to O channels, KH x KW taps, forward and reverse\n"
        "  additive/BxTxSxH     additive attention weights of T queries to S keys, forward, "
        "reverse\n"
        "  chain/N              N scalar additions, fusion off: the cost of a node\n"
        "  parameters/NxC       Adam's step and clipping, N parameters of C numbers\n"
        "  OP/N                 any elementwise operation on N floats: exp/4096\n"
        "  ops                  every operation of the library on a large input; ops/NAME: one\n"
        "  step/MODEL           a whole training step: step/ptrnet, step/ptrnet_small, step/ntm,\n"
        "                       step/gat, step/snail, step/sagan,\n"
        "                       step/lstm_attention (a loop), step/lstm_attention_unrolled\n\n"
        "example: heed bench matmul/256x256x256 step/ptrnet --threads 2\n",
    .run = run,
};

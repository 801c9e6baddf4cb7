/* bench.h - between the parts of `heed bench`: what is measured, and how. */
#ifndef HEED_TOOLS_BENCH_H
#define HEED_TOOLS_BENCH_H

#include "graph/op.h"
#include "models/models.h"

/* One measurement: a graph, its outputs, and the work that one run has to do. */
typedef struct bench_case {
    const char *name;
    int threads;
    double seconds; /* to spend on it */
    heed_store *store;
    heed_graph *graph;
    heed_node *outputs[4];
    int n_outputs;
    heed_sample sample;    /* ops/NAME: its inputs */
    heed_tiny tiny;        /* whole training steps of models, instead of a graph */
    heed_trainer *trainer; /* instead of outputs */
    heed_graph *rival_graph;
    heed_trainer *rival; /* of a model of two parts: on the same parameters, stepped in turn */
    const char *passes;  /* as in heed_compile_options */
    const char *limit;   /* of an operation: what keeps it from memory's speed; or NULL */
    double flops;        /* arithmetic of one run; 0: memory is the limit */
    double bytes;        /* that have to move */
} bench_case;

typedef struct bench_result {
    bool done;
    char why[400];
    double us, gflops, gbytes_s, share;
    double planned_bytes, resident_bytes;
    char inputs[400]; /* ops/NAME: shapes, and what limits it */
} bench_result;

typedef struct bench_peaks {
    double gflops[2], gbytes_s[2]; /* one thread; all threads asked for */
} bench_peaks;

/* Build the case that `name` describes ("matmul/512x512x64"). false: error says what is wrong. */
bool bench_build(bench_case *c, heed_error *error);
void bench_free(bench_case *c);
extern const char *const bench_default_names[]; /* NULL-terminated */

/* step/NAME, a training step in the configuration of tools/peers: same shapes, loss, optimizer. */
bool bench_build_step(bench_case *c, const char *name, heed_error *error);

/* ops/NAME, any operation of the registry; its inputs' numbers, and shapes. */
bool bench_build_op(bench_case *c, const char *name, heed_error *error);
void bench_fill_op(const bench_case *c, heed_program *program);
void bench_tell_op(const bench_case *c, char *text, size_t size);

double bench_now(void); /* seconds */
bench_peaks bench_measure_peaks(int threads);
/* In a process of its own, so that resident memory is the case's own. With `profile` it goes on for
 * as long again and prints which operations took the time. */
bench_result bench_measure(const char *name, int threads, double seconds, bool profile,
                           const bench_peaks *peaks);

#endif

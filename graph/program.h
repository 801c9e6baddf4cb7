/* program.h - a graph compiled for running: passes, memory plan, execution.
 *
 * heed_compile() runs the passes (graph/passes/, each can be switched off by name with the
 * environment variable HEED_PASSES, e.g. "-fuse,-inplace"), plans all memory, and splits the work.
 * A run allocates nothing. Bits do not depend on the number of threads. */
#ifndef HEED_GRAPH_PROGRAM_H
#define HEED_GRAPH_PROGRAM_H

#include <stdio.h>

#include "graph/graph.h"

typedef struct heed_program heed_program;

typedef struct heed_compile_options {
    int defaults;
    int threads;            /* 0: one per processor that this process may use */
    uint64_t seed;          /* for dropout and other random operations */
    const char *passes;     /* as HEED_PASSES, which is applied after it; NULL: all */
    bool fill_nan;          /* before each run fill all planned memory with NaN (tests) */
    bool flush_subnormals;  /* results below the smallest normal number (1e-38 in f32) become 0:
                               processors are many times slower with them. A trainer's are. */
    size_t recompute_above; /* bytes: larger values may be computed anew wherever they are read when
                               broadcasting made them; 0: 8 MB */
} heed_compile_options;

/* outputs: the values wanted after a run, and nodes wanted for their effect (assignments).
 * return: NULL with heed_why(graph) set. The caller frees the program, before the graph. */
#define heed_compile(graph, outputs, n, ...) \
    heed_compile_with(graph, outputs, n, (heed_compile_options){ .defaults = 0, __VA_ARGS__ })
heed_program *heed_compile_with(heed_graph *graph, heed_node *const *outputs, int n,
                                heed_compile_options options);
void heed_program_free(heed_program *program);

/* Where to write an input before a run: dense, stays valid. data is NULL for an unknown name (an
 * input that no output depends on is known, and ignored). */
heed_view heed_program_input(heed_program *program, const char *name);
/* The i-th output after a run; valid until the next run. */
heed_view heed_program_output(const heed_program *program, int i);

/* One run. The run number (0, 1, 2, ...) feeds random operations; set it to resume.
 * return: false when the environment's HEED_CHECK=nan stopped it at a bad value, which is a NaN or
 * an infinity that no constant brought in (masks of -inf do); heed_program_why() names the first
 * node that has one, its line, and what its inputs hold. Such programs neither fuse nor overwrite:
 * they are slower and need more memory. */
bool heed_program_run(heed_program *program);
const char *heed_program_why(const heed_program *program);
void heed_program_set_step(heed_program *program, uint64_t step);
uint64_t heed_program_step(const heed_program *program);

/* ---- known without running ---- */

typedef struct heed_program_facts {
    int nodes, instructions, stages, threads;
    size_t planned_bytes; /* activations and gradients: the planned peak            */
    size_t live_bytes;    /* largest sum of simultaneously live buffers (lower bound) */
    size_t constant_bytes, input_bytes, parameter_bytes, scratch_bytes;
    size_t total_bytes; /* all of the above */
    int64_t parameters; /* numbers in parameter leaves of kind HEED_PARAMETER */
    double flops;       /* of one run */
    double compile_seconds;
} heed_program_facts;
heed_program_facts heed_program_describe(const heed_program *program);

/* ---- looking inside (graph/profile.h, graph/dot.h build on these) ---- */

/* Graphviz text of the graph, as built. */
bool heed_graph_dot(const heed_graph *graph, FILE *to);

/* Start recording every instruction's time; heed_profile_print lists operations by total time with
 * FLOPs and bytes, heed_profile_trace writes Chrome-trace JSON (open in Perfetto). */
bool heed_profile_start(heed_program *program);
void heed_profile_print(const heed_program *program, FILE *to);
bool heed_profile_trace(const heed_program *program, const char *path, heed_error *error);

#endif

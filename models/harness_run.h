/* harness_run.h - one run of a model's program: what the harness's files share. */
#ifndef HEED_MODELS_HARNESS_RUN_H
#define HEED_MODELS_HARNESS_RUN_H

#include <stdio.h>

#include "models/harness.h"
#include "tensor/json.h"

enum { HEED_PARTS = 2, HEED_OUTPUTS = 64 };
enum { HEED_DONE = 0, HEED_FAILED = 1, HEED_USAGE = 2, HEED_INTERRUPTED = 130 };

/* A graph beside training's, and its program; built when first needed. */
typedef struct heed_side {
    heed_graph *graph;
    heed_program *program;
    heed_output outputs[HEED_OUTPUTS];
    int n;
} heed_side;

/* An entry of the model, and the one that keeps its best value so far. */
typedef struct heed_kept {
    const heed_entry *entry, *kept;
} heed_kept;

typedef struct heed_run {
    const heed_model *model;
    void *own; /* the model's settings */
    heed_settings settings;
    heed_error error;
    heed_arena memory; /* texts of this run */

    heed_store *store;
    int n_parts;                     /* of the model */
    heed_graph *graphs[HEED_PARTS];  /* training */
    heed_trainer *parts[HEED_PARTS]; /* none with --eval-only */
    bool clips[HEED_PARTS];          /* the trainer knows the gradient's norm */
    heed_program_facts facts;        /* of what runs most: training, or else evaluation */

    heed_side answer, actor, loss, attention; /* evaluation, and what training needs of it */
    heed_kept *kept;                          /* of a model with a judge */
    int n_kept;
    heed_view judged; /* f64, in the store: the judge's memory, and what it has decided so far */

    int64_t number, best; /* of --starts: which one this is, and which has been best; from 1 */
    bool diverged;        /* a loss or norm was not finite */

    double start;                            /* heed_seconds() when the program started */
    double train_start, train_seconds, rate; /* of the loop; rate: the last step's learning rate */
    int64_t first_step;                      /* 0, or where a checkpoint stood */
    int64_t last_step;                       /* when there are no trainers any more */
    double last_loss[HEED_PARTS], value[HEED_METRICS]; /* NaN until known */
    bool scored;

    FILE *log;
    double drawn; /* when progress was last shown */
    bool bar;     /* on a terminal */
} heed_run;

/* ---- harness_options.c ---- */

/* Fill settings and own from the command line. false: error says what is wrong. */
bool heed_options_read(const heed_model *model, int argc, char *const *argv,
                       heed_settings *settings, void *own, heed_error *error);
void heed_options_help(const heed_model *model, FILE *to);
/* The settings that matter to a file, as metadata: all that `trains`, or only what `shapes`. Texts
 * live in `memory`. return: how many, at most `room`; -1 without memory. */
enum { HEED_NOTES = 64 };
int heed_options_notes(const heed_model *model, const heed_settings *settings, const void *own,
                       bool trains, heed_arena *memory, heed_metadata *notes, int room);
void heed_options_json(const heed_model *model, const void *own, heed_json_out *out);

/* ---- harness_files.c ---- */

bool heed_run_check_paths(heed_run *run); /* before hours of work: can we write there? */
bool heed_run_load(heed_run *run);        /* --load */
bool heed_run_save(heed_run *run);        /* --save */
bool heed_run_resume(heed_run *run);      /* the checkpoint in --resume DIR, if there is one */
bool heed_run_checkpoint(heed_run *run);
/* What files of this run say of it; see heed_options_notes(). */
bool heed_run_notes(heed_run *run, bool trains, heed_metadata *notes, int *n);
const char *heed_run_checkpoint_path(heed_run *run);

/* ---- harness_train.c ---- */

bool heed_run_build_trainers(heed_run *run);
void heed_run_free_trainers(heed_run *run);  /* what they made stays in the store */
int64_t heed_run_steps(const heed_run *run); /* done so far, over resumes too */
/* return: HEED_DONE, HEED_FAILED with run->error set, or HEED_INTERRUPTED */
int heed_run_train(heed_run *run);
void heed_run_catch_interrupts(void);
bool heed_run_interrupted(void);
/* Refuse a program that would not fit this machine's memory: asking for the pages one by one later
 * would end the process without a word. */
bool heed_run_fits(heed_run *run, const heed_program *program);

/* ---- harness_evaluate.c ---- */

bool heed_run_evaluate(heed_run *run); /* run->value, by free running on fresh examples */
/* The metrics of some split, by free running. */
bool heed_run_values(heed_run *run, heed_split split, double *value);
bool heed_run_measure_loss(heed_run *run); /* run->last_loss of the first part, on such data */
/* The model's answer on training's batch, when it learns from what it does. */
bool heed_run_build_actor(heed_run *run);
bool heed_run_attend(heed_run *run); /* build the attention graph and run it on its examples */
void heed_side_free(heed_side *side);
/* n <= HEED_OUTPUTS. NULL: nothing was built, or heed_why(graph) says why it cannot be compiled. */
heed_program *heed_compile_outputs(heed_graph *graph, const heed_output *outputs, int n,
                                   int threads);

/* ---- harness_judge.c: early stopping ---- */

bool heed_run_begin_judging(heed_run *run);
bool heed_run_judge(heed_run *run); /* after a step */
bool heed_run_stopped(const heed_run *run);
void heed_run_take_kept(const heed_run *run); /* the kept parameters become the result */

/* ---- harness_attention.c: --dump-attention, --show, --picture ---- */

bool heed_run_look(heed_run *run);

/* ---- harness_report.c ---- */

double heed_seconds(void); /* a clock that only moves forward */
bool heed_log_open(heed_run *run);
void heed_log_step(heed_run *run);
void heed_log_value(heed_run *run);
bool heed_log_flush(heed_run *run); /* false: the disk refused, run->error says so */
bool heed_log_close(heed_run *run);
void heed_progress(heed_run *run, bool last);
void heed_progress_value(heed_run *run);
bool heed_report_plan(heed_run *run); /* --dry-run */
bool heed_report_result(heed_run *run);
/* Of several runs: `values` [runs, HEED_METRICS]. */
bool heed_report_runs(heed_run *run, const double *values);
const heed_metric *heed_run_metrics(const heed_run *run);
int64_t heed_peak_bytes(void);

#endif

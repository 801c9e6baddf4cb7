/* harness.h - what every model's program shares: options, training, evaluation, files, reports.
 *
 * A model is one struct: what it is called, what it can be asked, how its graphs are built, how a
 * batch is filled, how an answer is scored. The harness does the rest, the same way for all:
 *
 *     int main(int argc, char **argv) { return heed_model_main(&heed_model_ptrnet, argc, argv); }
 *
 * Exit status: 0 done, 1 the run failed, 2 wrong usage, 130 interrupted. */
#ifndef HEED_MODELS_HARNESS_H
#define HEED_MODELS_HARNESS_H

#include <stdio.h>

#include "heed.h"

/* ---- options ---- */

typedef enum heed_option_kind {
    HEED_FLAG,   /* bool: --name                      */
    HEED_WHOLE,  /* int64_t: --name 5                 */
    HEED_RANGE,  /* heed_range: --name 5-50; 5 is 5-5 */
    HEED_NUMBER, /* double: --name 3e-3               */
    HEED_CHOICE, /* int: one of `choices`, its index  */
    HEED_TEXT    /* const char *, NULL when not given */
} heed_option_kind;

typedef struct heed_range {
    int64_t low, high; /* both included */
} heed_range;

/* One option; its value goes to the field at `offset` of a settings struct. */
typedef struct heed_option {
    const char *name; /* "hidden" is given as --hidden */
    heed_option_kind kind;
    size_t offset;
    double initial, low, high;  /* numbers, both ends of a range: default and limits; choices:
                                   default index */
    const char *const *choices; /* NULL-terminated */
    const char *argument;       /* "FILE", for the help; NULL: "N" or the choices */
    bool shapes;                /* parameters depend on it: a loaded file must agree */
    bool trains;                /* the course of training depends on it: a checkpoint must agree */
    const char *help;
} heed_option;

/* The options that all programs have. */
typedef struct heed_settings {
    const char *task;
    int task_index;   /* of `task` among the model's */
    int64_t steps;    /* -1 when not given: the model chooses in settle() */
    int64_t batch;    /* 0 when not given */
    double lr;        /* 0 when not given */
    int64_t examples; /* to evaluate on; 0 when not given: settle() may choose, else the model's
                         `evaluation` */
    int64_t starts;   /* 0 when not given: settle() may choose, else 1 */
    int64_t seed, runs, threads, eval_every, checkpoint_every;
    const char *save, *load, *resume, *log, *data, *dump_attention, *picture;
    bool eval_only, show, json, quiet, profile, dry_run, help, version;
} heed_settings;

/* ---- data and scores ---- */

typedef enum heed_split { HEED_TRAIN, HEED_EVALUATE, HEED_VALIDATE } heed_split;

/* Which batch is wanted. The same draw gives the same batch, in any order: so resuming works. */
typedef struct heed_draw {
    uint64_t seed;
    heed_split split;
    int64_t index;       /* training: the step; else: 0, 1, 2, ... */
    int64_t batch;       /* examples */
    int part;            /* training: whose turn it is, of the model's parts */
    heed_program *actor; /* of a model that `acts`: its answer, in batches of this size */
} heed_draw;
heed_rng heed_draw_rng(const heed_draw *draw); /* a generator of its own for each draw */

enum { HEED_METRICS = 8 };
typedef struct heed_score {
    double sum[HEED_METRICS], of[HEED_METRICS]; /* metric i is sum[i] / of[i]; of 0: unknown */
} heed_score;

typedef struct heed_metric {
    const char *name; /* "sequences_right" */
    const char *unit; /* "bits", for people; NULL: a share between 0 and 1, shown in % */
} heed_metric;

/* ---- a model ---- */

typedef struct heed_task {
    const char *name, *help;    /* a line */
    const heed_metric *metrics; /* up to a name of NULL; the first is the headline: `value` */
    enum { HEED_NO_DATA, HEED_MAY_READ_DATA, HEED_NEEDS_DATA } data; /* --data DIR */
} heed_task;

/* What one trainer moves. Most models have one part; two networks that play against each other are
 * two, trained in turn within a step. */
typedef struct heed_part {
    const char *name;   /* of its loss, in reports; NULL where there is one part */
    const char *prefix; /* of the parameters it moves; NULL: all of its graph's */
    /* The training graph's loss, one number. */
    heed_node *(*loss)(const void *own, heed_scope *scope, int64_t batch);
    void (*recipe)(const void *own, const heed_settings *settings, heed_optimizer *optimizer,
                   heed_trainer_options *options);
} heed_part;

/* An output of a graph, and what files call it. */
typedef struct heed_output {
    const char *name;
    heed_node *node;
} heed_output;

/* What to do after a step, from values on validation data: KEEP these parameters, so that they are
 * the result unless later ones are kept; STOP training. */
typedef enum heed_verdict { HEED_GO_ON, HEED_KEEP, HEED_STOP } heed_verdict;
enum { HEED_JUDGE_MEMORY = 8 };

typedef struct heed_picture heed_picture; /* models/picture.h */

typedef struct heed_model {
    const char *name;           /* of the program */
    const char *about, *paper;  /* a line each */
    const heed_task *tasks;     /* up to a name of NULL; the first is the default */
    const heed_option *options; /* its own */
    int n_options;
    size_t size; /* of its own settings struct, `own` below: zeroed, filled */
    int64_t evaluation, evaluation_batch; /* examples */
    int64_t shown;                        /* examples of the attention graph; 0: 1 */
    bool starts; /* may be trained several times for the best, that of the least first metric; it
                    has no begin() and no judge() then, and does not act */
    const char *const *tiny; /* small configurations for gradcheck and drawings, as options;
                                       NULL-terminated */

    /* Choose what was not given (steps, batch, lr, examples), read --data; refuse options that
     * don't go together. What it allocates, release() frees. */
    bool (*settle)(void *own, heed_settings *settings, heed_error *error);
    const heed_part *parts; /* up to a loss of NULL */
    /* The evaluation graph's outputs, at most `room`. return: how many; 0 when the build failed. */
    int (*answer)(const void *own, heed_scope *scope, int64_t batch, heed_output *outputs,
                  int room);
    /* Write a batch into the inputs of any of the model's graphs. false with `error` set. */
    bool (*fill)(const void *own, heed_program *program, const heed_draw *draw, heed_error *error);
    /* Add the first `count` examples of an answered batch to the score. */
    void (*score)(const void *own, heed_program *program, const heed_draw *draw, int64_t count,
                  heed_score *score);

    /* ---- what not every model has: NULL ---- */

    void (*release)(void *own);
    /* After the parameters exist, before the first step: programs and models of its own (a
     * classifier that judges samples). Once for each of --runs; end() frees them. */
    bool (*begin)(void *own, heed_store *store, const heed_settings *settings, heed_error *error);
    void (*end)(void *own); /* also when begin() failed or was never reached */
    /* It learns from what it does itself: fill() for training finds its answer in draw->actor. */
    bool acts;
    /* After every step: `value` are the task's metrics on HEED_VALIDATE; `memory` starts as zeros
     * and is part of checkpoints. */
    heed_verdict (*judge)(const void *own, const double *value, double *memory);
    /* After the last batch of an evaluation: metrics that are no mean over examples (a distance of
     * distributions, what the parameters alone say). */
    bool (*conclude)(void *own, heed_store *store, heed_score *score, heed_error *error);
    /* The graph whose outputs are attention weights, and what it takes to read them: for
     * --dump-attention, --show, --picture. Arguments as answer(); it is filled from HEED_EVALUATE,
     * index 0. */
    int (*attention)(const void *own, heed_scope *scope, int64_t batch, heed_output *outputs,
                     int room);
    void (*show)(const void *own, heed_program *program, FILE *to); /* its first example */
    /* NULL without memory. The caller frees it. */
    heed_picture *(*picture)(const void *own, heed_program *program);
} heed_model;

/* ---- a model as a program ---- */

int heed_model_main(const heed_model *model, int argc, char **argv);

/* ---- a model at a tiny size, for tools and tests ---- */

typedef struct heed_tiny {
    const heed_model *model;
    void *own;
    heed_settings settings;
    heed_arena memory;
    heed_store *store;
    int part;
    heed_graph *graph, *actor_graph;
    heed_program *actor;
    heed_node *loss;
} heed_tiny;

/* The loss of a part of the model built with `options` ("--n 4 --hidden 3"), as f32 or f64.
 * return: false with `error` set. Free it in either case. */
bool heed_tiny_build(heed_tiny *tiny, const heed_model *model, int part, const char *options,
                     heed_dtype dtype, heed_error *error);
/* Build its graph again as training has it: dropout drops, batches are normalized by themselves. */
bool heed_tiny_train(heed_tiny *tiny, heed_error *error);
bool heed_tiny_draw(heed_tiny *tiny, heed_program *program, heed_error *error);
/* The same, as heed_gradcheck_loss wants it. */
void heed_tiny_fill(void *tiny, heed_program *program);
void heed_tiny_free(heed_tiny *tiny);

#endif

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

#include "heed.h"

/* ---- options ---- */

typedef enum heed_option_kind {
    HEED_FLAG,   /* bool: --name                      */
    HEED_WHOLE,  /* int64_t: --name 5                 */
    HEED_NUMBER, /* double: --name 3e-3               */
    HEED_CHOICE, /* int: one of `choices`, its index  */
    HEED_TEXT    /* const char *, NULL when not given */
} heed_option_kind;

/* One option; its value goes to the field at `offset` of a settings struct. */
typedef struct heed_option {
    const char *name; /* "hidden" is given as --hidden */
    heed_option_kind kind;
    size_t offset;
    double initial, low, high;  /* numbers: default and range; choices: default index */
    const char *const *choices; /* NULL-terminated */
    const char *argument;       /* "FILE", for the help; NULL: "N" or the choices */
    bool shapes;                /* parameters depend on it: a loaded file must agree */
    bool trains;                /* the course of training depends on it: a checkpoint must agree */
    const char *help;
} heed_option;

/* The options that all programs have. */
typedef struct heed_settings {
    const char *task;
    int64_t steps; /* -1 when not given: the model chooses in settle() */
    int64_t batch; /* 0 when not given */
    double lr;     /* 0 when not given */
    int64_t seed, threads, eval_every, checkpoint_every;
    const char *save, *load, *resume, *log, *data;
    bool eval_only, json, quiet, dry_run, help, version;
} heed_settings;

/* ---- data and scores ---- */

typedef enum heed_split { HEED_TRAIN, HEED_EVALUATE } heed_split;

/* Which batch is wanted. The same draw gives the same batch, in any order: so resuming works. */
typedef struct heed_draw {
    uint64_t seed;
    heed_split split;
    int64_t index; /* training: the step; evaluation: 0, 1, 2, ... */
    int64_t batch; /* examples */
} heed_draw;
heed_rng heed_draw_rng(const heed_draw *draw); /* a generator of its own for each draw */

enum { HEED_METRICS = 4 };
typedef struct heed_score {
    double sum[HEED_METRICS], of[HEED_METRICS]; /* metric i is sum[i] / of[i] */
} heed_score;

/* ---- a model ---- */

typedef struct heed_model {
    const char *name;              /* of the program */
    const char *about, *paper;     /* a line each */
    const char *const *tasks;      /* NULL-terminated; the first is the default */
    const char *const *data_tasks; /* those that read --data DIR; NULL: none does */
    const char *const *metrics;    /* NULL-terminated names; the first is the headline: `value` */
    const heed_option *options;    /* its own */
    int n_options;
    size_t size; /* of its own settings struct, `own` below: zeroed, filled */
    int64_t evaluation, evaluation_batch; /* examples */
    const char *const *tiny; /* small configurations for gradcheck and drawings, as options;
                                       NULL-terminated */

    /* Choose what was not given (steps, batch, lr); refuse options that don't go together. */
    bool (*settle)(void *own, heed_settings *settings, heed_error *error);
    void (*recipe)(const void *own, const heed_settings *settings, heed_optimizer *optimizer,
                   heed_trainer_options *options);
    /* The training graph's loss, one number. */
    heed_node *(*loss)(const void *own, heed_scope *scope, int64_t batch);
    /* The evaluation graph's outputs, at most `room`. return: how many; 0 when the build failed. */
    int (*answer)(const void *own, heed_scope *scope, int64_t batch, heed_node **outputs, int room);
    /* Write a batch into the inputs of either graph. */
    void (*fill)(const void *own, heed_program *program, const heed_draw *draw);
    /* Add the first `count` examples of an evaluated batch to the score. */
    void (*score)(const void *own, heed_program *program, int64_t count, heed_score *score);
    void (*release)(void *own); /* NULL: nothing to free */
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
    heed_graph *graph;
    heed_node *loss;
} heed_tiny;

/* The loss of the model built with `options` ("--n 4 --hidden 3"), as f32 or f64.
 * return: false with `error` set. Free it in either case. */
bool heed_tiny_build(heed_tiny *tiny, const heed_model *model, const char *options,
                     heed_dtype dtype, heed_error *error);
void heed_tiny_fill(void *tiny, heed_program *program); /* as heed_gradcheck_loss wants it */
void heed_tiny_free(heed_tiny *tiny);

#endif

/* optim.h - how parameters move: optimizers, clipping, schedules, the trainer, checkpoints. */
#ifndef HEED_OPTIM_OPTIM_H
#define HEED_OPTIM_OPTIM_H

#include "graph/program.h"
#include "graph/store.h"

/* ---- schedules: the rate of step t = 0, 1, 2, ... as a factor of the optimizer's lr ---- */

typedef enum heed_schedule_rule {
    HEED_SCHEDULE_CONSTANT, /* 1 */
    HEED_SCHEDULE_STEP,     /* factor^(t / every), whole number division */
    HEED_SCHEDULE_COSINE,   /* from 1 after `hold` to `floor` at `steps`; Loshchilov, Hutter 2017 */
    HEED_SCHEDULE_LINEAR,   /* from 1 after `hold` to `floor` at `steps` */
    HEED_SCHEDULE_INVERSE_SQRT /* sqrt(warmup / (t + 1)), Vaswani et al. 2017; warmup >= 1 */
} heed_schedule_rule;

typedef struct heed_schedule {
    heed_schedule_rule rule;
    int64_t warmup; /* steps of linear warm-up: factor (t + 1) / warmup while t < warmup */
    int64_t hold;   /* cosine, linear: steps after that at factor 1 */
    int64_t steps;  /* cosine, linear: where `floor` is reached */
    double floor;   /* cosine, linear: the last factor */
    int64_t every;  /* step decay */
    double factor;  /* step decay */
} heed_schedule;

double heed_schedule_factor(const heed_schedule *schedule, int64_t t);
bool heed_schedule_check(const heed_schedule *schedule, heed_error *error);

/* ---- optimizers; g is the gradient after clipping ---- */

typedef struct heed_optimizer_options {
    int defaults;
    double lr;           /* 0: the rule's own default, named below */
    double momentum;     /* sgd, rmsprop */
    bool nesterov;       /* sgd */
    double beta1, beta2; /* adam: 0 means 0.9 and 0.999; for a true 0 give HEED_NONE */
    double alpha;        /* rmsprop: 0 means 0.99 */
    double eps;          /* 0 means 1e-8 */
    double weight_decay; /* sgd, adam, rmsprop: added to g (L2); adamw: shrinks p, 0 means 0.01 */
} heed_optimizer_options;
#define HEED_NONE (-1.0)

typedef struct heed_update_rule heed_update_rule; /* optim/rule.h */
typedef struct heed_optimizer {
    const heed_update_rule *rule;
    heed_optimizer_options options; /* defaults filled in */
    bool decoupled;                 /* weight decay acts on p directly */
} heed_optimizer;

/* v = momentum v + g; p -= lr v (nesterov: p -= lr (g + momentum v)). lr 0.01 */
#define heed_sgd(...) heed_sgd_with((heed_optimizer_options){ .defaults = 0, __VA_ARGS__ })
heed_optimizer heed_sgd_with(heed_optimizer_options options);
/* m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; p -= lr m^ / (sqrt(v^) + eps), unbiased m^, v^.
 * Kingma, Ba 2015. lr 1e-3 */
#define heed_adam(...) heed_adam_with((heed_optimizer_options){ .defaults = 0, __VA_ARGS__ })
heed_optimizer heed_adam_with(heed_optimizer_options options);
/* Adam with decoupled weight decay: p -= lr decay p. Loshchilov, Hutter 2019. lr 1e-3 */
#define heed_adamw(...) heed_adamw_with((heed_optimizer_options){ .defaults = 0, __VA_ARGS__ })
heed_optimizer heed_adamw_with(heed_optimizer_options options);
/* v = a v + (1 - a) g^2; b = momentum b + g / (sqrt(v) + eps); p -= lr b. As PyTorch. lr 0.01 */
#define heed_rmsprop(...) heed_rmsprop_with((heed_optimizer_options){ .defaults = 0, __VA_ARGS__ })
heed_optimizer heed_rmsprop_with(heed_optimizer_options options);

/* ---- the trainer: forward, backward, clipping and update as one program ---- */

typedef struct heed_trainer heed_trainer;

typedef struct heed_trainer_options {
    int defaults;
    double clip_norm;  /* > 0: gradients are scaled so that their common L2 norm is at most this */
    double clip_value; /* > 0: each element is clipped to -value .. value (before the norm) */
    heed_schedule schedule;
    int threads;               /* 0: one per processor */
    uint64_t seed;             /* dropout and other random operations */
    heed_node *const *outputs; /* more values to read after a step */
    int n_outputs;
    const char *prefix;   /* train only the parameters whose names begin so; NULL: all. Two networks
                           that play against each other have a trainer each, on one store */
    bool allow_unused;    /* parameters that the loss does not depend on stay as they are;
                                   otherwise they are refused by name */
    const char *passes;   /* as in heed_compile_options */
    bool keep_subnormals; /* else what is below the smallest normal number (1e-38 in f32) is 0 in a
                             step: gradients of what has been learned well get there, and
                             processors are many times slower with them */
} heed_trainer_options;

/* loss: one number. Every parameter of its graph (with the prefix) is trained, and every assignment
 * of its graph is made once in each step; optimizer state goes into the graph's store as
 * "optimizer/NAME/...".
 * return: NULL with heed_why(graph) set. */
#define heed_trainer_new(loss, optimizer, ...) \
    heed_trainer_make(loss, optimizer, (heed_trainer_options){ .defaults = 0, __VA_ARGS__ })
heed_trainer *heed_trainer_make(heed_node *loss, heed_optimizer optimizer,
                                heed_trainer_options options);
void heed_trainer_free(heed_trainer *trainer); /* before the graph */

heed_view heed_trainer_input(heed_trainer *trainer, const char *name); /* fill before each step */
/* One step. return: false when HEED_CHECK=nan stopped it; heed_program_why() says where. */
bool heed_trainer_step(heed_trainer *trainer);
double heed_trainer_loss(const heed_trainer *trainer); /* of the last step, before its update */
double heed_trainer_norm(const heed_trainer *trainer); /* gradient norm before clipping; NaN
                                                                   unless clip_norm is set */
heed_view heed_trainer_output(const heed_trainer *trainer, int i); /* options.outputs[i] */
int64_t heed_trainer_steps(const heed_trainer *trainer); /* steps done, over resumes too */
double heed_trainer_rate(const heed_trainer *trainer);   /* learning rate of the next step */
heed_program *heed_trainer_program(heed_trainer *trainer);

/* ---- checkpoints: one safetensors file, written beside, synced and renamed ----
 *
 * Parameters, optimizer state and other state entries, step, schedule, optimizer settings, seed,
 * and the caller's own notes (where its data stands). A run that goes on from a checkpoint
 * makes the same bits as one that was never interrupted. */

bool heed_checkpoint_save(heed_trainer *trainer, const char *path, const heed_metadata *notes,
                          int n_notes, heed_error *error);
/* Of n trainers on one store, as a whole; load them in the same order. */
bool heed_checkpoint_save_all(heed_trainer *const *trainers, int n, const char *path,
                              const heed_metadata *notes, int n_notes, heed_error *error);
/* Refuses a file made with another optimizer, schedule or seed, naming the difference. `note`, when
 * not NULL, is called with each of the caller's notes. The trainer is unchanged when it fails. */
bool heed_checkpoint_load(heed_trainer *trainer, const char *path,
                          void (*note)(void *context, const char *key, const char *value),
                          void *context, heed_error *error);
bool heed_checkpoint_load_all(heed_trainer *const *trainers, int n, const char *path,
                              void (*note)(void *context, const char *key, const char *value),
                              void *context, heed_error *error);

#endif

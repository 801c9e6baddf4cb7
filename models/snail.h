/* snail.h - what SNAIL's files share: settings, the network that acts, how it acts. */
#ifndef HEED_MODELS_SNAIL_H
#define HEED_MODELS_SNAIL_H

#include "models/data/bandit.h"
#include "models/data/mdp.h"
#include "models/data/omniglot.h"
#include "models/models.h"

typedef enum snail_task {
    SNAIL_BLOBS,
    SNAIL_GLYPHS,
    SNAIL_OMNIGLOT,
    SNAIL_BANDIT,
    SNAIL_MDP
} snail_task;

typedef struct snail {
    int64_t ways, shots, dims, side, conv_filters, embedding; /* few-shot episodes */
    int64_t questions;             /* that training asks about the same examples */
    int64_t arms, pulls, episodes; /* worlds */
    int64_t filters;
    bool plain, smooth;
    double spread, bend, match_weight, discount, lambda, entropy_weight, value_weight, sharpness;

    snail_task task;
    int64_t steps; /* of training, at least 1 */
    heed_omniglot background, evaluation;
    heed_gittins gittins;
} snail;

static inline bool snail_is_acting(const snail *o)
{
    return o->task == SNAIL_BANDIT || o->task == SNAIL_MDP;
}

static inline int64_t snail_examples(const snail *o)
{
    return o->ways * o->shots + 1; /* T = N K + 1 */
}

enum { SNAIL_LOOKS = 3 }; /* attention blocks of the few-shot learner */

/* ---- settings of a task: snail_settle.c ---- */

bool snail_settle(void *own, heed_settings *settings, heed_error *error);
void snail_release(void *own);

/* ---- acting: snail_acts.c ---- */

/* Of a step, in this order: [T, B, ..]. */
enum { SNAIL_OBSERVED, SNAIL_ACTION, SNAIL_REWARD, SNAIL_VALUE, SNAIL_WEIGHTS, SNAIL_OUT };

heed_node *snail_acting_loss(const snail *o, heed_scope *s, int64_t batch);
/* Whole episodes in one run: the agent and its worlds, as a loop. */
int snail_rollout(const snail *o, heed_scope *s, int64_t batch, bool attention,
                  heed_output *outputs, int room);
bool snail_acting_fill(const snail *o, heed_program *program, const heed_draw *draw,
                       heed_error *error);
void snail_acting_score(const snail *o, heed_program *program, int64_t count, heed_score *score);

/* ---- what it looks at: snail_show.c ---- */

void snail_show(const void *own, heed_program *program, FILE *to);
heed_picture *snail_picture(const void *own, heed_program *program);

#endif

/* rule.h - what an optimizer is: one operation that overwrites parameters and their state. */
#ifndef HEED_OPTIM_RULE_H
#define HEED_OPTIM_RULE_H

#include "optim/optim.h"

/* Per-step numbers, one vector for all parameters: what changes from step to step must not be part
 * of the graph. */
enum {
    HEED_RATE,     /* learning rate of this step                */
    HEED_UNBIAS_1, /* 1 / (1 - beta1^t), t = 1, 2, ...          */
    HEED_UNBIAS_2, /* 1 / sqrt(1 - beta2^t)                     */
    HEED_N_RATES
};

enum { HEED_MOST_STATES = 2 };

/* Inputs of an update operation: rates, scale, and for each parameter itself, its gradient, its
 * states. Small parameters share an operation, as many as `writes`, a mask of 32 bits, can tell
 * apart: all but the gradients are overwritten. */
enum {
    HEED_UPDATE_RATES,
    HEED_UPDATE_SCALE,
    HEED_UPDATE_FIRST,
    HEED_UPDATE_INPUTS = 32,
    HEED_UPDATE_SMALL = 1024 /* elements, at most, of a small parameter */
};
#define HEED_UPDATE_MOST(states) ((HEED_UPDATE_INPUTS - HEED_UPDATE_FIRST) / (2 + (states)))

/* The fields of a heed_op that follow from the number of states. */
#define HEED_UPDATE_WRITES_1 (05555555555u << HEED_UPDATE_FIRST) /* p, g, v: bits 0, 2 of 3 */
#define HEED_UPDATE_WRITES_2 (0xDDDDDDDu << HEED_UPDATE_FIRST)   /* p, g, m, v: 0, 2, 3 of 4 */
#define HEED_UPDATE_MAX_IN(states) (HEED_UPDATE_FIRST + HEED_UPDATE_MOST(states) * (2 + (states)))

struct heed_update_rule {
    const char *name;
    const heed_op *op;
    int n_states;
    const char *state[HEED_MOST_STATES]; /* their names: "m", "v" */
};

/* Attributes of every update op. */
typedef struct heed_update_attr {
    double momentum, beta1, beta2, alpha, eps, weight_decay;
    double clip_value; /* 0: none */
    int nesterov, decoupled;
} heed_update_attr;

/* Shape rule, work units and FLOPs that the update ops share. */
bool heed_update_infer(heed_infer *infer);
int64_t heed_update_units(const heed_call *call, int states);
double heed_update_flops(const heed_node *node);

/* Elements of a unit, and how many units a parameter of `count` elements has. */
enum { HEED_UPDATE_UNIT = 8192 };
static inline int64_t heed_update_parts(int64_t count)
{
    return count > HEED_UPDATE_UNIT ? (count + HEED_UPDATE_UNIT - 1) / HEED_UPDATE_UNIT : 1;
}

extern const heed_op heed_op_sum_squares; /* [..], ... -> [inputs]: sum x^2 of each */

#endif

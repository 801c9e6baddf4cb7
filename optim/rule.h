/* rule.h - what an optimizer is: one operation that overwrites a parameter and its state. */
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

struct heed_update_rule {
    const char *name;
    const heed_op *op; /* inputs: parameter, gradient, rates, scale, states...; writes: 0, 4, 5 */
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
int64_t heed_update_units(const heed_call *call);
double heed_update_flops(const heed_node *node);

/* Elements begin .. end - 1 of a unit range. */
enum { HEED_UPDATE_UNIT = 8192 };

extern const heed_op heed_op_sum_squares; /* [..] -> []: sum x^2 */

#endif

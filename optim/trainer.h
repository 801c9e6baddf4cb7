/* trainer.h - the trainer's inside, for trainer.c and checkpoint.c. */
#ifndef HEED_OPTIM_TRAINER_H
#define HEED_OPTIM_TRAINER_H

#include "optim/optim.h"

struct heed_trainer {
    heed_graph *graph;
    heed_optimizer optimizer;
    heed_trainer_options options;
    heed_program *program;
    heed_view rates;                  /* this step's numbers, see optim/rule.h */
    int loss_at, norm_at, outputs_at; /* among the program's outputs; -1: none */
    int64_t steps;
};

#endif

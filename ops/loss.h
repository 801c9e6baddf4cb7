/* loss.h - what the files of losses share. */
#ifndef HEED_OPS_LOSS_H
#define HEED_OPS_LOSS_H

#include "ops/ops.h"

/* Of cross_entropy and its reverse. */
typedef struct heed_cross_entropy_attr {
    double smoothing; /* 0 .. 1 */
} heed_cross_entropy_attr;

/* All of `loss`, its sum or its mean; `what` is the builder's name. */
heed_node *heed_loss_reduce(heed_node *loss, heed_loss_reduction reduction, const char *what);
/* p log_q, and 0 where p is 0 and log_q is -inf: what cannot happen and does not costs nothing. */
heed_node *heed_expected_log(heed_node *p, heed_node *log_q);
/* 1 for targets (i32) in 0 .. classes - 1, else 0, in the dtype of `like`. */
heed_node *heed_class_in_range(heed_node *target, heed_node *like, int64_t classes);

#endif

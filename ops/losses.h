/* losses.h - the catalogue's losses. All but the plain cross entropy are composed: one pass over
 * the inputs. Options are named fields; 0 is a default. Every real input has a gradient; shapes
 * broadcast where nothing else is said. */
#ifndef HEED_OPS_LOSSES_H
#define HEED_OPS_LOSSES_H

#include "graph/graph.h"

/* The mean of the loss over all its elements (the default), its sum, or all of it. */
typedef enum heed_loss_reduction {
    HEED_LOSS_MEAN,
    HEED_LOSS_SUM,
    HEED_LOSS_NONE
} heed_loss_reduction;

typedef struct heed_class_options {
    int defaults;
    heed_loss_reduction reduction;
    heed_node *weight;      /* [C]: each class's; the mean is weighted by the targets' */
    bool ignore;            /* leave out targets that are ignore_index, as well */
    int ignore_index;       /* 0 is a class like any other: it takes .ignore = true */
    double label_smoothing; /* 0 .. 1: this share of the target is spread over all classes */
} heed_class_options;
/* logsumexp(logits) - logits[target] over the last axis: logits [.., C], target i32 [..]. A target
 * < 0 or >= C is left out of sum and mean (0 when all are; PyTorch: NaN). A real target [.., C] is
 * probabilities: - sum_c t_c weight_c log p_c, whose mean is over [..]. */
heed_node *heed_cross_entropy_with(heed_node *logits, heed_node *target,
                                   heed_class_options options);
#define heed_cross_entropy(logits, target, ...)     \
    HEED_AT(heed_cross_entropy_with(logits, target, \
                                    (heed_class_options){ .defaults = 0, __VA_ARGS__ }))
/* -log_p[target]: cross entropy of log-probabilities; without label smoothing. */
heed_node *heed_nll_loss_with(heed_node *log_p, heed_node *target, heed_class_options options);
#define heed_nll_loss(log_p, target, ...) \
    HEED_AT(heed_nll_loss_with(log_p, target, (heed_class_options){ .defaults = 0, __VA_ARGS__ }))

typedef struct heed_loss_options {
    int defaults;
    heed_loss_reduction reduction;
} heed_loss_options;
heed_node *heed_mean_squared_error_with(heed_node *x, heed_node *target, heed_loss_options options);
#define heed_mean_squared_error(x, target, ...) /* (x - target)^2 */ \
    HEED_AT(heed_mean_squared_error_with(x, target,                  \
                                         (heed_loss_options){ .defaults = 0, __VA_ARGS__ }))
heed_node *heed_l1_loss_with(heed_node *x, heed_node *target, heed_loss_options options);
#define heed_l1_loss(x, target, ...) /* |x - target| */ \
    HEED_AT(heed_l1_loss_with(x, target, (heed_loss_options){ .defaults = 0, __VA_ARGS__ }))

typedef struct heed_huber_options {
    int defaults;
    heed_loss_reduction reduction;
    double delta; /* 0 means 1; PyTorch's smooth_l1_loss calls it beta */
} heed_huber_options;
/* d^2 / 2 for d = |x - target| < delta, else delta (d - delta / 2). Huber 1964. */
heed_node *heed_huber_loss_with(heed_node *x, heed_node *target, heed_huber_options options);
#define heed_huber_loss(x, target, ...) \
    HEED_AT(heed_huber_loss_with(x, target, (heed_huber_options){ .defaults = 0, __VA_ARGS__ }))
/* The same, divided by delta. */
heed_node *heed_smooth_l1_loss_with(heed_node *x, heed_node *target, heed_huber_options options);
#define heed_smooth_l1_loss(x, target, ...) \
    HEED_AT(heed_smooth_l1_loss_with(x, target, (heed_huber_options){ .defaults = 0, __VA_ARGS__ }))

typedef struct heed_binary_options {
    int defaults;
    heed_loss_reduction reduction;
    heed_node *weight;     /* of each element; broadcasts */
    heed_node *pos_weight; /* of the term with target; broadcasts */
} heed_binary_options;
/* target softplus(-x) + (1 - target) softplus(x) of logits x: PyTorch's ..._with_logits. */
heed_node *heed_binary_cross_entropy_with(heed_node *logits, heed_node *target,
                                          heed_binary_options options);
#define heed_binary_cross_entropy(logits, target, ...)     \
    HEED_AT(heed_binary_cross_entropy_with(logits, target, \
                                           (heed_binary_options){ .defaults = 0, __VA_ARGS__ }))

typedef struct heed_margin_options {
    int defaults;
    heed_loss_reduction reduction;
    double margin; /* 0 means 1; of cosine_embedding_loss: 0 */
    bool swap;     /* triplet_margin_loss: the distance near - far counts, if it is smaller */
} heed_margin_options;
/* max(0, margin - sign x), sign = 1 or -1, broadcasting: of a critic's answers, hinge(real, 1) +
 * hinge(fake, -1). Not PyTorch's hinge_embedding_loss. */
heed_node *heed_hinge_loss_with(heed_node *x, heed_node *sign, heed_margin_options options);
#define heed_hinge_loss(x, sign, ...) \
    HEED_AT(heed_hinge_loss_with(x, sign, (heed_margin_options){ .defaults = 0, __VA_ARGS__ }))
/* cosine of a, b [.., d]: 1 - cosine where sign [..] is above 0, else max(0, cosine - margin). */
heed_node *heed_cosine_embedding_loss_with(heed_node *a, heed_node *b, heed_node *sign,
                                           heed_margin_options options);
#define heed_cosine_embedding_loss(a, b, sign, ...)     \
    HEED_AT(heed_cosine_embedding_loss_with(a, b, sign, \
                                            (heed_margin_options){ .defaults = 0, __VA_ARGS__ }))
/* max(0, |anchor - near| - |anchor - far| + margin) over the last axis. */
heed_node *heed_triplet_margin_loss_with(heed_node *anchor, heed_node *near, heed_node *far,
                                         heed_margin_options options);
#define heed_triplet_margin_loss(anchor, near, far, ...)     \
    HEED_AT(heed_triplet_margin_loss_with(anchor, near, far, \
                                          (heed_margin_options){ .defaults = 0, __VA_ARGS__ }))

typedef struct heed_kl_options {
    int defaults;
    heed_loss_reduction reduction; /* for the mean over a batch (batchmean): the sum / batch */
    bool log_target;               /* target holds log-probabilities */
} heed_kl_options;
/* target (log target - log_q), element by element; 0 where target is 0. */
heed_node *heed_kl_divergence_with(heed_node *log_q, heed_node *target, heed_kl_options options);
#define heed_kl_divergence(log_q, target, ...) \
    HEED_AT(heed_kl_divergence_with(log_q, target, (heed_kl_options){ .defaults = 0, __VA_ARGS__ }))

typedef struct heed_nll_options {
    int defaults;
    heed_loss_reduction reduction;
    bool full;  /* with the terms that do not depend on the model */
    bool rate;  /* poisson: input 0 is the rate, not its logarithm */
    double eps; /* gaussian: least variance, 0 means 1e-6; poisson: added to a rate, 0 means 1e-8 */
} heed_nll_options;
/* (log v + (mean - target)^2 / v) / 2 */
heed_node *heed_gaussian_nll_loss_with(heed_node *mean, heed_node *target, heed_node *variance,
                                       heed_nll_options options);
#define heed_gaussian_nll_loss(mean, target, variance, ...)     \
    HEED_AT(heed_gaussian_nll_loss_with(mean, target, variance, \
                                        (heed_nll_options){ .defaults = 0, __VA_ARGS__ }))
/* exp(log_rate) - target log_rate */
heed_node *heed_poisson_nll_loss_with(heed_node *log_rate, heed_node *target,
                                      heed_nll_options options);
#define heed_poisson_nll_loss(log_rate, target, ...)     \
    HEED_AT(heed_poisson_nll_loss_with(log_rate, target, \
                                       (heed_nll_options){ .defaults = 0, __VA_ARGS__ }))

#endif

/* losses.c - losses of real values, composed: each is one pass over its inputs, which ends in the
 * reduction. */
#include "ops/loss.h"

#include <math.h>

#include "ops/common.h"

heed_node *heed_loss_reduce(heed_node *loss, heed_loss_reduction reduction, const char *what)
{
    if (!loss) return NULL;
    if (reduction == HEED_LOSS_MEAN) return heed_mean_all(loss);
    if (reduction == HEED_LOSS_SUM) return heed_sum_all(loss);
    if (reduction == HEED_LOSS_NONE) return loss;
    return heed_graph_fail(loss->graph, "%s: %d is not a reduction", what, (int)reduction);
}

heed_node *heed_expected_log(heed_node *p, heed_node *log_q)
{
    heed_node *never = heed_equal(p, heed_number_like(p, 0));
    heed_node *impossible = heed_equal(log_q, heed_number_like(log_q, -INFINITY));
    heed_node *both = heed_stop_gradient(heed_logical_and(never, impossible));
    return heed_mul(p, heed_where(both, heed_number_like(log_q, 0), log_q));
}

/* An option whose 0 stands for a default, and which must be positive. */
static bool positive(const heed_node *x, double *value, double otherwise, const char *what)
{
    if (!x) return false;
    if (*value == 0) *value = otherwise;
    if (*value > 0) return true;
    heed_graph_fail(x->graph, "%s is %g, which is not positive", what, *value);
    return false;
}

/* ---- distance from a target ---- */

heed_node *heed_mean_squared_error_with(heed_node *x, heed_node *target, heed_loss_options options)
{
    heed_node *loss = heed_square(heed_sub(x, target));
    return heed_loss_reduce(loss, options.reduction, "mean_squared_error");
}

heed_node *heed_l1_loss_with(heed_node *x, heed_node *target, heed_loss_options options)
{
    return heed_loss_reduce(heed_abs(heed_sub(x, target)), options.reduction, "l1_loss");
}

/* With q = min(d, delta) of d = |x - target|: q (d - q / 2) is d^2 / 2 up to delta, and a line of
 * slope delta from there on. */
static heed_node *huber(heed_node *x, heed_node *target, double delta)
{
    heed_node *d = heed_abs(heed_sub(x, target));
    heed_node *q = heed_clamp(d, -INFINITY, delta);
    return heed_mul(q, heed_sub(d, heed_scale(q, 0.5)));
}

heed_node *heed_huber_loss_with(heed_node *x, heed_node *target, heed_huber_options options)
{
    if (!positive(x, &options.delta, 1, "huber_loss: delta")) return NULL;
    return heed_loss_reduce(huber(x, target, options.delta), options.reduction, "huber_loss");
}

heed_node *heed_smooth_l1_loss_with(heed_node *x, heed_node *target, heed_huber_options options)
{
    if (!positive(x, &options.delta, 1, "smooth_l1_loss: delta")) return NULL;
    heed_node *loss = heed_scale(huber(x, target, options.delta), 1 / options.delta);
    return heed_loss_reduce(loss, options.reduction, "smooth_l1_loss");
}

/* ---- two classes ---- */

/* Two softplus, where one and a line would do: so the slope stays exact on both far sides. */
heed_node *heed_binary_cross_entropy_with(heed_node *logits, heed_node *target,
                                          heed_binary_options options)
{
    heed_node *yes = heed_mul(target, heed_softplus(heed_neg(logits)));
    heed_node *no = heed_mul(heed_affine(target, -1, 1), heed_softplus(logits));
    if (options.pos_weight) yes = heed_mul(yes, options.pos_weight);
    heed_node *loss = heed_add(yes, no);
    if (options.weight) loss = heed_mul(loss, options.weight);
    return heed_loss_reduce(loss, options.reduction, "binary_cross_entropy");
}

heed_node *heed_hinge_loss_with(heed_node *x, heed_node *sign, heed_margin_options options)
{
    if (!positive(x, &options.margin, 1, "hinge_loss: margin")) return NULL;
    heed_node *loss = heed_relu(heed_affine(heed_mul(x, sign), -1, options.margin));
    return heed_loss_reduce(loss, options.reduction, "hinge_loss");
}

/* ---- distributions ---- */

heed_node *heed_kl_divergence_with(heed_node *log_q, heed_node *target, heed_kl_options options)
{
    heed_node *p = target, *log_p = target;
    if (options.log_target) {
        p = heed_exp(target);
    } else { /* 0 log 0 is 0 log 1 */
        heed_node *zero = heed_stop_gradient(heed_logical_not(target));
        log_p = heed_log(heed_where(zero, heed_number_like(target, 1), target));
    }
    heed_node *loss = heed_sub(heed_expected_log(p, log_p), heed_expected_log(p, log_q));
    return heed_loss_reduce(loss, options.reduction, "kl_divergence");
}

/* A variance below eps counts as eps, but keeps its gradient, which leads it out. */
heed_node *heed_gaussian_nll_loss_with(heed_node *mean, heed_node *target, heed_node *variance,
                                       heed_nll_options options)
{
    if (!positive(mean, &options.eps, 1e-6, "gaussian_nll_loss: eps")) return NULL;
    heed_node *v = heed_clamp(variance, options.eps, INFINITY);
    v = heed_straight_through(v, variance);
    heed_node *spread = heed_div(heed_square(heed_sub(mean, target)), v);
    const double constant = options.full ? 0.91893853320467274178 : 0; /* log(2 pi) / 2 */
    heed_node *loss = heed_affine(heed_add(heed_log(v), spread), 0.5, constant);
    return heed_loss_reduce(loss, options.reduction, "gaussian_nll_loss");
}

/* Stirling's log(t!) = t log t - t + log(2 pi t) / 2, and 0 up to t = 1. */
static heed_node *log_factorial(heed_node *t)
{
    heed_node *one = heed_number_like(t, 1);
    heed_node *large = heed_stop_gradient(heed_greater(t, one));
    heed_node *safe = heed_where(large, t, one);
    heed_node *value = heed_mul(heed_affine(safe, 1, 0.5), heed_log(safe));
    value = heed_affine(heed_sub(value, safe), 1, 0.91893853320467274178);
    return heed_where(large, value, heed_number_like(t, 0));
}

heed_node *heed_poisson_nll_loss_with(heed_node *log_rate, heed_node *target,
                                      heed_nll_options options)
{
    heed_node *loss = NULL;
    if (!positive(log_rate, &options.eps, 1e-8, "poisson_nll_loss: eps")) return NULL;
    if (options.rate) {
        heed_node *log = heed_log(heed_affine(log_rate, 1, options.eps));
        loss = heed_sub(log_rate, heed_mul(target, log));
    } else {
        loss = heed_sub(heed_exp(log_rate), heed_mul(target, log_rate));
    }
    if (options.full) loss = heed_add(loss, log_factorial(target));
    return heed_loss_reduce(loss, options.reduction, "poisson_nll_loss");
}

/* ---- embeddings ---- */

heed_node *heed_cosine_embedding_loss_with(heed_node *a, heed_node *b, heed_node *sign,
                                           heed_margin_options options)
{
    if (!sign) return NULL;
    heed_node *length = heed_mul(heed_affine(heed_sum(heed_square(a), -1, false), 1, 1e-12),
                                 heed_affine(heed_sum(heed_square(b), -1, false), 1, 1e-12));
    heed_node *cosine = heed_mul(heed_sum(heed_mul(a, b), -1, false), heed_rsqrt(length));
    heed_node *apart = heed_relu(heed_affine(cosine, 1, -options.margin));
    heed_node *same = heed_greater(sign, heed_number_like(sign, 0));
    heed_node *loss = heed_where(heed_stop_gradient(same), heed_affine(cosine, -1, 1), apart);
    return heed_loss_reduce(loss, options.reduction, "cosine_embedding_loss");
}

/* |a - b + 1e-6|: as PyTorch's, which keeps the slope finite where a = b. */
static heed_node *distance(heed_node *a, heed_node *b)
{
    heed_node *difference = heed_affine(heed_sub(a, b), 1, 1e-6);
    return heed_sqrt(heed_sum(heed_square(difference), -1, false));
}

heed_node *heed_triplet_margin_loss_with(heed_node *anchor, heed_node *near, heed_node *far,
                                         heed_margin_options options)
{
    if (!positive(anchor, &options.margin, 1, "triplet_margin_loss: margin")) return NULL;
    heed_node *apart = distance(anchor, far);
    if (options.swap) apart = heed_minimum(apart, distance(near, far));
    heed_node *gap = heed_sub(distance(anchor, near), apart);
    heed_node *loss = heed_relu(heed_affine(gap, 1, options.margin));
    return heed_loss_reduce(loss, options.reduction, "triplet_margin_loss");
}

/* class_losses.c - losses of one class among C: cross entropy of logits, negative log-likelihood of
 * log-probabilities. The plain one is the fused kernel of cross_entropy.c. */
#include "ops/common.h"
#include "ops/loss.h"

heed_node *heed_class_in_range(heed_node *target, heed_node *like, int64_t classes)
{
    if (!target || !like) return NULL;
    heed_node *t = heed_cast(target, like->dtype);
    heed_node *below = heed_less(t, heed_number_like(t, (double)classes));
    return heed_mul(heed_greater_equal(t, heed_number_like(t, 0)), below);
}

/* What a builder has checked. */
typedef struct class_loss {
    const char *what;
    heed_node *x;      /* logits or log-probabilities, [.., C] */
    heed_node *target; /* i32 [..], or probabilities [.., C] */
    int64_t classes;
    heed_class_options options;
} class_loss;

/* Targets to ignore become -1, which is out of range. f64 holds every i32. */
static heed_node *without_ignored(const class_loss *l)
{
    if (!l->options.ignore) return l->target;
    heed_node *t = heed_cast(l->target, HEED_F64);
    heed_node *ignored = heed_equal(t, heed_number_like(t, l->options.ignore_index));
    return heed_cast(heed_where(ignored, heed_number_like(t, -1), t), HEED_I32);
}

static bool refuse(const class_loss *l, const char *why)
{
    char x[256], target[256];
    heed_graph_fail(l->x->graph, "%s: %s (%s; target %s)", l->what, why,
                    heed_describe(l->x, x, sizeof x),
                    heed_describe(l->target, target, sizeof target));
    return false;
}

static bool check_weight(const class_loss *l)
{
    const heed_node *weight = l->options.weight;
    if (!weight) return true;
    if (weight->shape.rank == 1 && weight->shape.dim[0] == l->classes) return true;
    return refuse(l, "the weights must have one axis, of as many as there are classes");
}

static bool prepare(class_loss *l)
{
    if (!l->x || !l->target) return false;
    const int rank = l->x->shape.rank;
    const double smoothing = l->options.label_smoothing;
    if (rank < 1) return refuse(l, "an axis of classes is needed");
    heed_shape rows = l->x->shape;
    l->classes = rows.dim[rank - 1];
    if (!(smoothing >= 0 && smoothing <= 1)) return refuse(l, "label_smoothing is not in 0 .. 1");
    if (!check_weight(l)) return false;
    if (heed_is_real(l->target->dtype)) {
        if (l->options.ignore) return refuse(l, "probabilities have no index to ignore");
        if (heed_shape_equal(&rows, &l->target->shape)) return true;
        return refuse(l, "probabilities must have the logits' shape");
    }
    rows.dim[--rows.rank] = 0;
    if (!heed_shape_equal(&rows, &l->target->shape))
        return refuse(l, "the target must have the shape without the classes");
    l->target = without_ignored(l);
    return l->target != NULL;
}

/* What each target counts: its class's weight, or 1; 0 if it is left out. */
static heed_node *share(const class_loss *l)
{
    if (l->options.weight) return heed_gather(l->options.weight, l->target, 0, 0);
    return heed_class_in_range(l->target, l->x, l->classes);
}

/* The mean of `rows` under the targets' shares; 0 when all are left out. */
static heed_node *finish(const class_loss *l, heed_node *rows, heed_node *shares)
{
    if (l->options.reduction != HEED_LOSS_MEAN)
        return heed_loss_reduce(rows, l->options.reduction, l->what);
    heed_node *total = heed_sum_all(shares);
    heed_node *none = heed_stop_gradient(heed_logical_not(total));
    return heed_div(heed_sum_all(rows), heed_where(none, heed_number_like(total, 1), total));
}

/* -log_p[target] for each row; 0 out of range. */
static heed_node *chosen(heed_node *log_p, heed_node *target)
{
    if (!log_p) return NULL;
    const int axis = log_p->shape.rank - 1;
    return heed_neg(heed_gather(log_p, target, axis, axis));
}

static heed_node *weighted(const class_loss *l, heed_node *x)
{
    return l->options.weight ? heed_mul(x, l->options.weight) : x;
}

/* - sum_c t_c weight_c log p_c: Hinton, Vinyals, Dean 2015 */
static heed_node *soft_cross_entropy(const class_loss *l)
{
    const double eps = l->options.label_smoothing;
    heed_node *log_p = heed_log_softmax(l->x, -1);
    heed_node *t = heed_affine(l->target, 1 - eps, eps / (double)l->classes);
    heed_node *rows = heed_neg(heed_sum(heed_expected_log(weighted(l, t), log_p), -1, false));
    return heed_loss_reduce(rows, l->options.reduction, l->what);
}

/* With weights: (1 - eps) of the target's loss, eps of the mean over all classes. */
static heed_node *smooth_cross_entropy(const class_loss *l, heed_node *shares)
{
    const double eps = l->options.label_smoothing;
    heed_node *log_p = heed_log_softmax(l->x, -1);
    heed_node *all = heed_sum(weighted(l, log_p), -1, false);
    heed_node *counted = heed_stop_gradient(heed_class_in_range(l->target, l->x, l->classes));
    all = heed_where(counted, all, heed_number_like(all, 0));
    heed_node *rows = heed_scale(heed_mul(chosen(log_p, l->target), shares), 1 - eps);
    return heed_add(rows, heed_scale(all, -eps / (double)l->classes));
}

heed_node *heed_cross_entropy_with(heed_node *logits, heed_node *target, heed_class_options options)
{
    class_loss l = { .what = "cross_entropy", .x = logits, .target = target, .options = options };
    if (!prepare(&l)) return NULL;
    if (heed_is_real(l.target->dtype)) return soft_cross_entropy(&l);
    heed_node *shares = share(&l), *rows;
    if (options.label_smoothing > 0 && options.weight) {
        rows = smooth_cross_entropy(&l, shares);
    } else {
        const heed_cross_entropy_attr attr = { options.label_smoothing };
        rows = heed_apply(&heed_op_cross_entropy, &attr, 2, (heed_node *[]){ logits, l.target });
        if (options.weight) rows = heed_mul(rows, shares);
    }
    return finish(&l, rows, shares);
}

heed_node *heed_nll_loss_with(heed_node *log_p, heed_node *target, heed_class_options options)
{
    class_loss l = { .what = "nll_loss", .x = log_p, .target = target, .options = options };
    if (!prepare(&l)) return NULL;
    if (options.label_smoothing > 0 || heed_is_real(l.target->dtype)) {
        refuse(&l, "it takes i32 targets and no label_smoothing");
        return NULL;
    }
    heed_node *shares = share(&l), *rows = chosen(log_p, l.target);
    if (options.weight) rows = heed_mul(rows, shares);
    return finish(&l, rows, shares);
}

/* cross_entropy.c - loss = log(sum of exp(x)) - x[target] for each row.
 *
 * With label smoothing s (Szegedy et al. 2016), (1 - s) x[target] + s mean(x) takes x[target]'s
 * place.
 *
 * dx = (softmax(x) - (1 - s) one_hot(target) - s / C) dy. A row whose target is not in 0 .. C - 1
 * has loss 0 and gradient 0. A logit of -inf has probability 0 and gradient 0. The reverse kernel
 * computes the softmax in dx itself, with the one pass of exponentials that a kept log-sum-exp
 * would need too, and dx is a function of (logits, dy) alone, so it can be differentiated again. */
#include "ops/kernel.h"
#include "ops/loss.h"
#include "ops/rows.h"

#ifdef HEED_STAMP
#include "ops/micro/row_math.h"

/* What stands against the log-sum-exp. No 0 times inf: a logit may be -inf. */
static real score(const real *x, int64_t n, int32_t target, double smoothing)
{
    if (smoothing == 0) return x[target];
    const real mean = (real)(smoothing / (double)n) * row_sum(x, n);
    return smoothing < 1 ? (real)(1 - smoothing) * x[target] + mean : mean;
}

HEED_KERNEL(cross_entropy)
{
    const heed_cross_entropy_attr *attr = call->attr;
    const real *all_x = call->in[0].data;
    const int32_t *target = call->in[1].data;
    real *loss = call->out.data;
    int64_t n = heed_row_length(&call->in[0]), row;
    int64_t stop = heed_unit_rows(call, begin, end, &row);
    for (; row < stop; row++) {
        const real *x = all_x + row * n;
        loss[row] = 0;
        if (target[row] < 0 || target[row] >= n) continue;
        real most = row_shift(row_max(x, n));
        real log_sum = real_log(row_exp_sum(x, n, most));
        real chosen = score(x, n, target[row], attr->smoothing);
        loss[row] = chosen == -INFINITY ? INFINITY : (most - chosen) + log_sum;
    }
}

HEED_KERNEL(cross_entropy_vjp)
{
    const heed_cross_entropy_attr *attr = call->attr;
    const real *all_x = call->in[0].data, *dy = call->in[2].data;
    const int32_t *target = call->in[1].data;
    real *all_dx = call->out.data;
    int64_t n = heed_row_length(&call->out), row;
    int64_t stop = heed_unit_rows(call, begin, end, &row);
    for (; row < stop; row++) {
        real *dx = all_dx + row * n;
        if (target[row] < 0 || target[row] >= n) {
            for (int64_t k = 0; k < n; k++) dx[k] = 0;
            continue;
        }
        row_softmax(all_x + row * n, dx, n, dy[row]);
        dx[target[row]] -= (real)(1 - attr->smoothing) * dy[row];
        if (attr->smoothing == 0) continue;
        const real share = (real)(attr->smoothing / (double)n) * dy[row];
        for (int64_t k = 0; k < n; k++) dx[k] -= share;
    }
}

#else

HEED_DECLARE_KERNEL(cross_entropy);
static const heed_kernel cross_entropy = HEED_KERNEL_TABLE(cross_entropy);
HEED_DECLARE_KERNEL(cross_entropy_vjp);
static const heed_kernel cross_entropy_vjp = HEED_KERNEL_TABLE(cross_entropy_vjp);

static double cross_entropy_flops(const heed_node *node)
{
    return 13.0 * (double)heed_count(&node->in[0]->shape);
}

/* logits [.., C], target i32 [..]; out is [..]. */
static bool cross_entropy_infer(heed_infer *infer)
{
    const heed_shape *logits = &infer->in[0]->shape, *target = &infer->in[1]->shape;
    const heed_cross_entropy_attr *attr = infer->attr;
    int axis = -1;
    if (!heed_need_real(infer, 0) || !heed_need_index(infer, 1)) return false;
    if (!heed_need_axis(infer, logits, &axis)) return false;
    if (!(attr->smoothing >= 0 && attr->smoothing <= 1)) {
        return heed_refuse(infer, "label_smoothing %g is not in 0 .. 1", attr->smoothing);
    }
    heed_shape rows = *logits;
    rows.dim[--rows.rank] = 0;
    infer->shape = rows;
    if (heed_shape_equal(&rows, target)) return true;
    char text[HEED_SHAPE_TEXT];
    return heed_refuse(infer, "the target's shape must be %s, that of logits without the classes",
                       heed_shape_print(&rows, text, sizeof text));
}

static heed_node *reverse(const heed_vjp *v, heed_node *dy)
{
    return heed_apply(&heed_op_cross_entropy_vjp, v->attr, 3,
                      (heed_node *[]){ v->in[0], v->in[1], dy });
}

static void cross_entropy_reverse(heed_vjp *v)
{
    if (v->want[0]) v->dx[0] = reverse(v, v->dy);
}

static const heed_shape cases[] = {
    { 2, { 3, 4 } },  { 1, { 5 } },     { 3, { 2, 1, 7 } },    { 2, { 4, 1 } },
    { 2, { 1, 33 } }, { 2, { 3, 13 } }, { 4, { 1, 2, 2, 3 } }, { 2, { 2, 17 } },
};

static bool cross_entropy_sample(int k, heed_sample *sample)
{
    if (k < 0 || k >= (int)(sizeof cases / sizeof cases[0])) return false;
    heed_shape rows = cases[k];
    rows.rank--;
    sample->n_in = 2;
    sample->in[0].shape = cases[k];
    sample->in[1].shape = rows;
    sample->in[1].index = true;
    /* one more than there are classes: some targets are left out */
    sample->in[1].below = (int)cases[k].dim[rows.rank] + (k % 2 == 0);
    static const double smoothings[] = { 0, 0.1, 0, 1, 0.5 };
    heed_sample_attr(sample, &smoothings[k % 5], sizeof(heed_cross_entropy_attr));
    return true;
}

const heed_op heed_op_cross_entropy = {
    .name = "cross_entropy",
    .doc = "y = log(sum of exp(logits)) - logits[target] for each row of logits [.., C], with "
           "target i32 [..]; 0 where the target is not in 0 .. C - 1. With label smoothing s, "
           "(1 - s) logits[target] + s mean(logits) takes logits[target]'s place.",
    .n_in = 2,
    .diff = 1,
    .attr_size = sizeof(heed_cross_entropy_attr),
    .infer = cross_entropy_infer,
    .kernel = &cross_entropy,
    .units = heed_row_units,
    .vjp = cross_entropy_reverse,
    .sample = cross_entropy_sample,
    .flops = cross_entropy_flops,
};

/* ---- the reverse: dx(logits, target, dy) ---- */

static bool cross_entropy_vjp_infer(heed_infer *infer)
{
    if (!cross_entropy_infer(infer) || !heed_need_same_dtype(infer)) return false;
    bool fits = heed_shape_equal(&infer->shape, &infer->in[2]->shape);
    infer->shape = infer->in[0]->shape;
    return fits ? true : heed_refuse(infer, "target and dy must have one shape");
}

/* With the cotangent c and p = softmax(logits): d/d logits = valid p (c dy - <p, c dy>), which is
 * softmax's reverse; d/d dy = <c, dx(dy = 1)>. */
static void cross_entropy_vjp_reverse(heed_vjp *v)
{
    heed_node *logits = v->in[0], *target = v->in[1], *dy = v->in[2], *c = v->dy;
    if (v->want[0]) {
        int64_t classes = logits->shape.dim[logits->shape.rank - 1];
        heed_node *weight =
            heed_mul(dy, heed_stop_gradient(heed_class_in_range(target, dy, classes)));
        heed_node *p = heed_softmax(logits, -1);
        heed_node *pair[2] = { p, heed_mul(c, heed_unsqueeze(weight, -1)) };
        v->dx[0] = heed_apply(&heed_op_softmax_vjp, NULL, 2, pair);
    }
    if (v->want[2]) {
        heed_node *slope = reverse(v, heed_ones_like(dy));
        v->dx[2] = heed_sum(heed_mul(c, slope), -1, false);
    }
}

static bool cross_entropy_vjp_sample(int k, heed_sample *sample)
{
    if (!cross_entropy_sample(k, sample)) return false;
    sample->n_in = 3;
    sample->in[2].shape = sample->in[1].shape;
    return true;
}

const heed_op heed_op_cross_entropy_vjp = {
    .name = "cross_entropy_vjp",
    .doc =
        "dx = (softmax(logits) - (1 - s) one_hot(target) - s / C) * dy, dy [..]; 0 in rows whose "
        "target is not in 0 .. C - 1: the reverse of cross_entropy with label smoothing s.",
    .n_in = 3,
    .attr_size = sizeof(heed_cross_entropy_attr),
    .diff = 1 | 4,
    .in_place = 1,
    .infer = cross_entropy_vjp_infer,
    .kernel = &cross_entropy_vjp,
    .units = heed_row_units,
    .vjp = cross_entropy_vjp_reverse,
    .sample = cross_entropy_vjp_sample,
    .flops = cross_entropy_flops,
};

#endif

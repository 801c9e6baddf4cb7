/* log_softmax.c - y = x - max - log(sum of exp(x - max)), along an axis;
 * dx = dy - exp(y) sum(dy) */
#include "ops/kernel.h"
#include "ops/rows.h"

#ifdef HEED_STAMP
#include "ops/micro/row_math.h"

HEED_KERNEL(log_softmax)
{
    const real *all_x = call->in[0].data;
    real *all_y = call->out.data;
    int64_t n = heed_row_length(&call->out), row;
    int64_t stop = heed_unit_rows(call, begin, end, &row);
    for (; row < stop; row++) {
        const real *x = all_x + row * n;
        real *y = all_y + row * n;
        real most = row_shift(row_max(x, n));
        real sum = row_exp_sum(x, n, most);
        real log_sum = sum == 0 ? 0 : real_log(sum); /* a row of -inf stays one */
        HEED_INDEPENDENT
        for (int64_t k = 0; k < n; k++) y[k] = (x[k] - most) - log_sum;
    }
}

#else
#include "ops/ops.h"

HEED_DECLARE_KERNEL(log_softmax);
static const heed_kernel log_softmax = HEED_KERNEL_TABLE(log_softmax);

static double log_softmax_flops(const heed_node *node)
{
    return 14.0 * (double)heed_count(&node->shape);
}

static bool log_softmax_infer(heed_infer *infer)
{
    int axis = -1;
    return heed_need_real(infer, 0) && heed_need_axis(infer, &infer->in[0]->shape, &axis);
}

static void log_softmax_vjp(heed_vjp *v)
{
    if (!v->want[0]) return;
    heed_node *total = heed_sum(v->dy, -1, true);
    v->dx[0] = heed_sub(v->dy, heed_mul(heed_exp(v->y), total));
}

static bool log_softmax_sample(int k, heed_sample *sample)
{
    static const heed_shape shapes[] = {
        { 1, { 5 } },       { 1, { 1 } },  { 2, { 3, 4 } },        { 2, { 4, 1 } },
        { 3, { 2, 1, 7 } }, { 1, { 33 } }, { 4, { 2, 1, 2, 13 } },
    };
    if (k < 0 || k >= (int)(sizeof shapes / sizeof shapes[0])) return false;
    sample->n_in = 1;
    sample->in[0].shape = shapes[k];
    return true;
}

const heed_op heed_op_log_softmax = {
    .name = "log_softmax",
    .doc = "y = x - log(sum of exp(x)), over the last axis; a row of -inf stays -inf.",
    .n_in = 1,
    .diff = 1,
    .in_place = 1,
    .infer = log_softmax_infer,
    .kernel = &log_softmax,
    .units = heed_row_units,
    .vjp = log_softmax_vjp,
    .sample = log_softmax_sample,
    .flops = log_softmax_flops,
};

heed_node *heed_log_softmax(heed_node *x, int axis)
{
    if (!heed_resolve_axis(x, "log_softmax", &axis)) return NULL;
    if (axis == x->shape.rank - 1) return heed_apply(&heed_op_log_softmax, NULL, 1, &x);
    heed_node *turned = heed_transpose(x, axis, -1);
    return heed_transpose(heed_apply(&heed_op_log_softmax, NULL, 1, &turned), axis, -1);
}

#endif

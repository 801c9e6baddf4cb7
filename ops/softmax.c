/* softmax.c - y = exp(x - max) / sum of it, along an axis; dx = y (dy - <y, dy>) */
#include "ops/kernel.h"
#include "ops/rows.h"

#ifdef HEED_STAMP
#include "ops/micro/row_math.h"

HEED_KERNEL(softmax)
{
    const real *x = call->in[0].data;
    real *y = call->out.data;
    int64_t n = heed_row_length(&call->out), row;
    int64_t stop = heed_unit_rows(call, begin, end, &row);
    for (; row < stop; row++) row_softmax(x + row * n, y + row * n, n, 1);
}

HEED_KERNEL(softmax_vjp)
{
    const real *all_y = call->in[0].data, *all_dy = call->in[1].data;
    real *all_dx = call->out.data;
    int64_t n = heed_row_length(&call->out), row;
    int64_t stop = heed_unit_rows(call, begin, end, &row);
    for (; row < stop; row++) {
        const real *y = all_y + row * n, *dy = all_dy + row * n;
        real *dx = all_dx + row * n;
        real mean = row_dot(y, dy, n);
        HEED_INDEPENDENT
        for (int64_t k = 0; k < n; k++) dx[k] = y[k] * (dy[k] - mean);
    }
}

#else
#include "ops/ops.h"

HEED_DECLARE_KERNEL(softmax);
static const heed_kernel softmax = HEED_KERNEL_TABLE(softmax);
HEED_DECLARE_KERNEL(softmax_vjp);
static const heed_kernel softmax_vjp = HEED_KERNEL_TABLE(softmax_vjp);

static double softmax_flops(const heed_node *node)
{
    return 14.0 * (double)heed_count(&node->shape);
}

static double softmax_vjp_flops(const heed_node *node)
{
    return 4.0 * (double)heed_count(&node->shape);
}

static bool softmax_infer(heed_infer *infer)
{
    int axis = -1;
    return heed_need_real(infer, 0) && heed_need_axis(infer, &infer->in[0]->shape, &axis);
}

static void softmax_reverse(heed_vjp *v)
{
    if (!v->want[0]) return;
    v->dx[0] = heed_apply(&heed_op_softmax_vjp, NULL, 2, (heed_node *[]){ v->y, v->dy });
}

static bool softmax_sample(int k, heed_sample *sample)
{
    static const heed_shape shapes[] = {
        { 1, { 5 } },       { 1, { 1 } },  { 2, { 3, 4 } },        { 2, { 4, 1 } },
        { 3, { 2, 1, 7 } }, { 1, { 33 } }, { 4, { 2, 1, 2, 13 } }, { 2, { 2, 17 } },
    };
    if (k < 0 || k >= (int)(sizeof shapes / sizeof shapes[0])) return false;
    sample->n_in = 1;
    sample->in[0].shape = shapes[k];
    return true;
}

const heed_op heed_op_softmax = {
    .name = "softmax",
    .doc = "y = exp(x - max) / sum of it, over the last axis; a row of -inf gives 0.",
    .n_in = 1,
    .diff = 1,
    .in_place = 1,
    .infer = softmax_infer,
    .kernel = &softmax,
    .units = heed_row_units,
    .vjp = softmax_reverse,
    .sample = softmax_sample,
    .flops = softmax_flops,
};

/* ---- the reverse: dx(y, dy) = y (dy - <y, dy>) ---- */

static bool softmax_vjp_infer(heed_infer *infer)
{
    if (!softmax_infer(infer) || !heed_need_same_dtype(infer)) return false;
    if (heed_shape_equal(&infer->in[0]->shape, &infer->in[1]->shape)) return true;
    return heed_refuse(infer, "y and dy must have one shape");
}

/* With the cotangent c: d/dy = c (dy - <y, dy>) - dy <c, y>; d/d dy = y (c - <y, c>). */
static void softmax_vjp_reverse(heed_vjp *v)
{
    heed_node *y = v->in[0], *dy = v->in[1], *c = v->dy;
    if (v->want[0]) {
        heed_node *centered = heed_sub(dy, heed_sum(heed_mul(y, dy), -1, true));
        heed_node *share = heed_mul(dy, heed_sum(heed_mul(c, y), -1, true));
        v->dx[0] = heed_sub(heed_mul(c, centered), share);
    }
    if (v->want[1]) {
        v->dx[1] = heed_apply(&heed_op_softmax_vjp, NULL, 2, (heed_node *[]){ y, c });
    }
}

static bool softmax_vjp_sample(int k, heed_sample *sample)
{
    if (!softmax_sample(k, sample)) return false;
    sample->n_in = 2;
    sample->in[1] = sample->in[0];
    return true;
}

const heed_op heed_op_softmax_vjp = {
    .name = "softmax_vjp",
    .doc = "dx = y * (dy - <y, dy>) over the last axis: the reverse of y = softmax(x).",
    .n_in = 2,
    .diff = 3,
    .in_place = 3,
    .infer = softmax_vjp_infer,
    .kernel = &softmax_vjp,
    .units = heed_row_units,
    .vjp = softmax_vjp_reverse,
    .sample = softmax_vjp_sample,
    .flops = softmax_vjp_flops,
};

heed_node *heed_softmax(heed_node *x, int axis)
{
    if (!heed_resolve_axis(x, "softmax", &axis)) return NULL;
    if (axis == x->shape.rank - 1) return heed_apply(&heed_op_softmax, NULL, 1, &x);
    heed_node *turned = heed_transpose(x, axis, -1);
    return heed_transpose(heed_apply(&heed_op_softmax, NULL, 1, &turned), axis, -1);
}

#endif

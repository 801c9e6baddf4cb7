/* clip.c - global-norm clipping (Pascanu, Mikolov, Bengio 2013): g *= min(1, limit / |g|). */
#include "ops/kernel.h"
#include "optim/rule.h"
#ifdef HEED_STAMP
#include "optim/update_kernel.h"

/* Sixteen running sums for a block of 512 elements, then those in double: a fixed order. */
static real sum_of_squares(const real *x, int64_t count, real limit)
{
    enum { BLOCK = 512, LANES = 16 };
    double sum = 0;
    for (int64_t at = 0; at < count; at += BLOCK) {
        int64_t n = count - at < BLOCK ? count - at : BLOCK, i = 0;
        real lanes[LANES] = { 0 };
        for (; i + LANES <= n; i += LANES)
            for (int k = 0; k < LANES; k++) {
                real value = heed_clipped(x[at + i + k], limit);
                lanes[k] += value * value;
            }
        for (int k = 0; i < n; i++, k++) {
            real value = heed_clipped(x[at + i], limit);
            lanes[k] += value * value;
        }
        for (int k = 0; k < LANES; k++) sum += (double)lanes[k];
    }
    return (real)sum;
}

/* A unit is an input. */
HEED_KERNEL(sum_squares)
{
    const real limit = heed_limit(call->attr);
    for (int64_t i = begin; i < end; i++)
        ((real *)call->out.data)[i] =
            sum_of_squares(call->in[i].data, heed_count(&call->in[i].shape), limit);
}

#else
#include <limits.h>

#include "ops/ops.h"
#include "optim/clip.h"

HEED_DECLARE_KERNEL(sum_squares);
static const heed_kernel kernel = HEED_KERNEL_TABLE(sum_squares);

static bool infer(heed_infer *infer)
{
    infer->shape = HEED_SHAPE(infer->n_in);
    return heed_need_real(infer, 0) && heed_need_same_dtype(infer);
}

static int64_t units(const heed_call *call)
{
    return call->n_in;
}

static double flops(const heed_node *node)
{
    double elements = 0;
    for (int i = 0; i < node->n_in; i++) elements += (double)heed_count(&node->in[i]->shape);
    return 2 * elements;
}

const heed_op heed_op_sum_squares = {
    .name = "sum_squares",
    .doc = "y[i] = sum of the squares of input i, clipped to -clip_value .. clip_value: [inputs]. "
           "No gradient.",
    .n_in = 1,
    .max_in = INT_MAX,
    .attr_size = sizeof(heed_update_attr),
    .infer = infer,
    .kernel = &kernel,
    .units = units,
    .flops = flops,
};

heed_node *heed_global_norm(heed_node *const *g, int n, double clip_value)
{
    heed_update_attr attr = { .clip_value = clip_value };
    return heed_sqrt(heed_sum(heed_apply(&heed_op_sum_squares, &attr, n, g), 0, false));
}

heed_node *heed_clip_factor(heed_node *norm, double limit)
{
    if (!norm) return NULL;
    heed_node *one = heed_full_shaped(norm->graph, norm->dtype, heed_scalar(), 1);
    heed_node *most = heed_full_shaped(norm->graph, norm->dtype, heed_scalar(), limit);
    return heed_minimum(one, heed_div(most, heed_affine(norm, 1, 1e-6)));
}

#endif

/* clip.c - global-norm clipping (Pascanu, Mikolov, Bengio 2013): g *= min(1, limit / |g|). */
#include "ops/kernel.h"
#include "optim/rule.h"
#ifdef HEED_STAMP
#include "optim/update_kernel.h"

/* Sixteen running sums for a block of 512 elements, then those in double: a fixed order. */
HEED_KERNEL(sum_squares)
{
    enum { BLOCK = 512, LANES = 16 };
    const heed_update_attr *a = call->attr;
    const real *x = call->in[0].data;
    const real limit = a->clip_value > 0 ? (real)a->clip_value : (real)__builtin_inf();
    const int64_t count = heed_count(&call->in[0].shape);
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
    *(real *)call->out.data = (real)sum;
}

#else
#include <stdlib.h>

#include "ops/ops.h"
#include "optim/clip.h"
#include "tensor/memory.h"

HEED_DECLARE_KERNEL(sum_squares);
static const heed_kernel kernel = HEED_KERNEL_TABLE(sum_squares);

static bool infer(heed_infer *infer)
{
    infer->shape = heed_scalar();
    return heed_need_real(infer, 0);
}

static double flops(const heed_node *node)
{
    return 2 * (double)heed_count(&node->in[0]->shape);
}

const heed_op heed_op_sum_squares = {
    .name = "sum_squares",
    .doc = "y = sum of x^2, x clipped to -clip_value .. clip_value; one number. No gradient.",
    .n_in = 1,
    .attr_size = sizeof(heed_update_attr),
    .infer = infer,
    .kernel = &kernel,
    .flops = flops,
};

heed_node *heed_global_norm(heed_node *const *g, int n, double clip_value)
{
    heed_update_attr attr = { .clip_value = clip_value };
    heed_node **sums = heed_alloc_array((size_t)n, sizeof *sums);
    if (!sums) return heed_graph_fail(g[0]->graph, "no memory to clip gradients");
    for (int i = 0; i < n; i++) sums[i] = heed_apply(&heed_op_sum_squares, &attr, 1, &g[i]);
    heed_node *total = sums[0];
    if (n > 1) {
        total = heed_stack(sums, n, 0);
        total = heed_sum(total, 0, false);
    }
    heed_free(sums);
    return heed_sqrt(total);
}

heed_node *heed_clip_factor(heed_node *norm, double limit)
{
    if (!norm) return NULL;
    heed_node *one = heed_full_shaped(norm->graph, norm->dtype, heed_scalar(), 1);
    heed_node *most = heed_full_shaped(norm->graph, norm->dtype, heed_scalar(), limit);
    return heed_minimum(one, heed_div(most, heed_affine(norm, 1, 1e-6)));
}

#endif

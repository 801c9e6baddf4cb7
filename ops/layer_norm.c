/* layer_norm.c - y = (x - mean) rstd gain + bias over the last axis,
 * rstd = 1 / sqrt(variance + eps). Ba, Kiros, Hinton 2016.
 *
 * With z = (x - mean) rstd and h = dy gain: dx = rstd (h - mean(h) - z mean(h z)). The reverse
 * kernel finds mean and rstd again while the row is in the L1 cache: no statistic to keep, and dx
 * is a function of (x, dy, gain) alone, so it can be differentiated again. */
#include "ops/kernel.h"
#include "ops/norm.h"
#include "ops/rows.h"

#ifdef HEED_STAMP
#include "ops/micro/row_norm.h"

HEED_KERNEL(layer_norm)
{
    norm_rows(call, begin, end, true);
}

HEED_KERNEL(layer_norm_vjp)
{
    norm_rows_reverse(call, begin, end, true);
}

#else
#include "ops/ops.h"

HEED_DECLARE_KERNEL(layer_norm);
static const heed_kernel layer_norm = HEED_KERNEL_TABLE(layer_norm);
HEED_DECLARE_KERNEL(layer_norm_vjp);
static const heed_kernel layer_norm_vjp = HEED_KERNEL_TABLE(layer_norm_vjp);

static double layer_norm_flops(const heed_node *node)
{
    return 8.0 * (double)heed_count(&node->shape);
}

static double layer_norm_vjp_flops(const heed_node *node)
{
    return 14.0 * (double)heed_count(&node->shape);
}

static void layer_norm_reverse(heed_vjp *v)
{
    heed_norm_vjp(v, &heed_op_layer_norm, &heed_op_layer_norm_vjp);
}

static bool layer_norm_sample(int k, heed_sample *sample)
{
    return heed_norm_sample(k, sample, true);
}

const heed_op heed_op_layer_norm = {
    .name = "layer_norm",
    .doc = "y = (x - mean) / sqrt(variance + eps) * gain + bias over the last axis (d); "
           "gain, bias: [d], each optional.",
    .n_in = 1,
    .max_in = 3,
    .diff = 7,
    .in_place = 1,
    .attr_size = sizeof(heed_norm_attr),
    .infer = heed_norm_infer,
    .kernel = &layer_norm,
    .units = heed_row_units,
    .vjp = layer_norm_reverse,
    .sample = layer_norm_sample,
    .flops = layer_norm_flops,
};

/* ---- the reverse: dx(x, dy, gain) ---- */

static heed_node *reverse_composed(heed_node *const *in, const void *attr)
{
    const heed_norm_attr *norm = attr;
    heed_node *x = in[0], *dy = in[1];
    heed_node *centered = heed_sub(x, heed_mean(x, -1, true));
    heed_node *variance = heed_mean(heed_square(centered), -1, true);
    heed_node *rstd = heed_rsqrt(heed_affine(variance, 1, norm->eps));
    heed_node *z = heed_mul(centered, rstd);
    heed_node *h = norm->gain ? heed_mul(dy, in[2]) : dy;
    heed_node *offset = heed_mean(h, -1, true);
    heed_node *slope = heed_mean(heed_mul(h, z), -1, true);
    return heed_mul(rstd, heed_sub(heed_sub(h, offset), heed_mul(z, slope)));
}

static void layer_norm_vjp_reverse(heed_vjp *v)
{
    heed_composed_vjp(v, reverse_composed);
}

const heed_op heed_op_layer_norm_vjp = {
    .name = "layer_norm_vjp",
    .doc = "dx = rstd * (h - mean(h) - z * mean(h * z)), h = dy * gain, z = (x - mean) * rstd: the "
           "reverse of layer_norm. Inputs x, dy and, optional, gain.",
    .n_in = 2,
    .max_in = 3,
    .diff = 7,
    .in_place = 3,
    .attr_size = sizeof(heed_norm_attr),
    .infer = heed_norm_vjp_infer,
    .kernel = &layer_norm_vjp,
    .units = heed_row_units,
    .vjp = layer_norm_vjp_reverse,
    .sample = heed_norm_vjp_sample,
    .flops = layer_norm_vjp_flops,
};

heed_node *heed_layer_norm(heed_node *x, heed_node *gain, heed_node *bias, double eps)
{
    return heed_norm_apply(&heed_op_layer_norm, x, gain, bias, eps);
}

#endif

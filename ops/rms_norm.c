/* rms_norm.c - y = x / sqrt(mean(x^2) + eps) gain over the last axis. Zhang, Sennrich 2019.
 *
 * With r = 1 / sqrt(mean(x^2) + eps) and h = dy gain: dx = r (h - x r^2 mean(h x)): layer norm's
 * reverse around 0 in place of the mean, and like it a function of (x, dy, gain) alone. */
#include "ops/kernel.h"
#include "ops/norm.h"
#include "ops/rows.h"

#ifdef HEED_STAMP
#include "ops/micro/row_norm.h"

HEED_KERNEL(rms_norm)
{
    norm_rows(call, begin, end, false);
}

HEED_KERNEL(rms_norm_vjp)
{
    norm_rows_reverse(call, begin, end, false);
}

#else
#include "ops/ops.h"

HEED_DECLARE_KERNEL(rms_norm);
static const heed_kernel rms_norm = HEED_KERNEL_TABLE(rms_norm);
HEED_DECLARE_KERNEL(rms_norm_vjp);
static const heed_kernel rms_norm_vjp = HEED_KERNEL_TABLE(rms_norm_vjp);

static double rms_norm_flops(const heed_node *node)
{
    return 5.0 * (double)heed_count(&node->shape);
}

static double rms_norm_vjp_flops(const heed_node *node)
{
    return 10.0 * (double)heed_count(&node->shape);
}

static void rms_norm_reverse(heed_vjp *v)
{
    heed_norm_vjp(v, &heed_op_rms_norm, &heed_op_rms_norm_vjp);
}

static bool rms_norm_sample(int k, heed_sample *sample)
{
    return heed_norm_sample(k, sample, false);
}

const heed_op heed_op_rms_norm = {
    .name = "rms_norm",
    .doc = "y = x / sqrt(mean(x^2) + eps) * gain over the last axis (d); gain: [d], optional.",
    .n_in = 1,
    .max_in = 2,
    .diff = 3,
    .in_place = 1,
    .attr_size = sizeof(heed_norm_attr),
    .infer = heed_norm_infer,
    .kernel = &rms_norm,
    .units = heed_row_units,
    .vjp = rms_norm_reverse,
    .sample = rms_norm_sample,
    .flops = rms_norm_flops,
};

/* ---- the reverse: dx(x, dy, gain) ---- */

static heed_node *reverse_composed(heed_node *const *in, const void *attr)
{
    const heed_norm_attr *norm = attr;
    heed_node *x = in[0], *dy = in[1];
    heed_node *r = heed_rsqrt(heed_affine(heed_mean(heed_square(x), -1, true), 1, norm->eps));
    heed_node *z = heed_mul(x, r);
    heed_node *h = norm->gain ? heed_mul(dy, in[2]) : dy;
    heed_node *slope = heed_mean(heed_mul(h, z), -1, true);
    return heed_mul(r, heed_sub(h, heed_mul(z, slope)));
}

static void rms_norm_vjp_reverse(heed_vjp *v)
{
    heed_composed_vjp(v, reverse_composed);
}

const heed_op heed_op_rms_norm_vjp = {
    .name = "rms_norm_vjp",
    .doc = "dx = r * (h - x * r^2 * mean(h * x)), h = dy * gain, r = 1 / sqrt(mean(x^2) + eps): "
           "the reverse of rms_norm. Inputs x, dy and, optional, gain.",
    .n_in = 2,
    .max_in = 3,
    .diff = 7,
    .in_place = 3,
    .attr_size = sizeof(heed_norm_attr),
    .infer = heed_norm_vjp_infer,
    .kernel = &rms_norm_vjp,
    .units = heed_row_units,
    .vjp = rms_norm_vjp_reverse,
    .sample = heed_norm_vjp_sample,
    .flops = rms_norm_vjp_flops,
};

heed_node *heed_rms_norm(heed_node *x, heed_node *gain, double eps)
{
    return heed_norm_apply(&heed_op_rms_norm, x, gain, NULL, eps);
}

#endif

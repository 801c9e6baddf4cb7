/* elu.c - y = scale x above 0, else scale height (exp(x / width) - 1): elu, celu and selu.
 * Clevert, Unterthiner, Hochreiter 2016; Barron 2017; Klambauer et al. 2017. */
#include "ops/common.h"
#include "ops/kernel.h"

typedef struct heed_elu_attr {
    double height, width, scale;
} heed_elu_attr;

#ifdef HEED_STAMP
#include "ops/micro/vector_functions.h"

static inline vec elu_of(vec x, const heed_elu_attr *elu)
{
    vec curve = vec_expm1(x * (real)(1 / elu->width)) * (real)(elu->scale * elu->height);
    return vec_select(x > 0, x * (real)elu->scale, curve);
}

HEED_TILE(elu_tile)
{
    const heed_elu_attr elu = *(const heed_elu_attr *)attr;
    const real *x = in[0];
    real *out = y;
    int64_t k = 0;
    for (; k + HEED_LANES <= n; k += HEED_LANES) vec_store(out + k, elu_of(vec_load(x + k), &elu));
    if (k < n) vec_store_part(out + k, elu_of(vec_load_part(x + k, n - k, 0), &elu), n - k);
}

#else
#include <math.h>

#include "ops/function.h"
#include "ops/ops.h"

HEED_DECLARE_TILE(elu_tile);
static const heed_tile elu_tile = HEED_TILE_TABLE(elu_tile);

static bool elu_infer(heed_infer *infer)
{
    const heed_elu_attr *attr = infer->attr;
    if (!heed_need_real(infer, 0)) return false;
    if (attr->width > 0 && isfinite(attr->height)) return true;
    return heed_refuse(infer, "alpha %g does not do", attr->width > 0 ? attr->height : attr->width);
}

/* dx = dy (scale above 0, else scale height / width exp(x / width)). What exp would make of a large
 * x is infinite, and 0 times its slope NaN: so it gets 0 there. */
static void elu_vjp(heed_vjp *v)
{
    const heed_elu_attr *attr = v->attr;
    if (!v->want[0]) return;
    heed_node *x = v->in[0], *zero = heed_number_like(x, 0);
    heed_node *positive = heed_stop_gradient(heed_greater(x, zero));
    heed_node *curve = heed_exp(heed_scale(heed_where(positive, zero, x), 1 / attr->width));
    curve = heed_scale(curve, attr->scale * attr->height / attr->width);
    v->dx[0] = heed_mul(v->dy, heed_where(positive, heed_number_like(x, attr->scale), curve));
}

static bool elu_sample(int k, heed_sample *sample)
{
    static const heed_elu_attr attrs[] = {
        { 1, 1, 1 }, { 1.5, 1, 1 }, { 0.7, 0.7, 1 }, { 2, 3, -1 }
    };
    if (!heed_sample_unary(k, sample)) return false;
    sample->in[0].avoid = true; /* the kink at 0 */
    heed_sample_attr(sample, &attrs[k % 4], sizeof attrs[0]);
    return true;
}

const heed_op heed_op_elu = {
    .name = "elu",
    .doc = "y = scale * x above 0, else scale * height * (exp(x / width) - 1).",
    .n_in = 1,
    .diff = 1,
    .in_place = 1,
    .attr_size = sizeof(heed_elu_attr),
    .infer = elu_infer,
    .tile = &elu_tile,
    .vjp = elu_vjp,
    .sample = elu_sample,
    .flops = heed_flops_of_function,
};

heed_node *heed_elu(heed_node *x, double alpha)
{
    return heed_apply(&heed_op_elu, &(heed_elu_attr){ alpha, 1, 1 }, 1, &x);
}

heed_node *heed_celu(heed_node *x, double alpha)
{
    return heed_apply(&heed_op_elu, &(heed_elu_attr){ alpha, alpha, 1 }, 1, &x);
}

heed_node *heed_selu(heed_node *x)
{
    const heed_elu_attr attr = { 1.6732632423543772848, 1, 1.0507009873554804934 };
    return heed_apply(&heed_op_elu, &attr, 1, &x);
}

#endif

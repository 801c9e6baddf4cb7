/* norm.c - rules that layer norm and RMS norm share: shapes, reverse rules, test cases. */
#include "ops/norm.h"

#include "ops/common.h"
#include "ops/ops.h"

/* Real inputs of one dtype; those from `from` on are [d], d the last dimension of input 0. */
static bool inputs_fit(heed_infer *infer, int expected, int from)
{
    const heed_shape *x = &infer->in[0]->shape;
    int axis = -1;
    if (infer->n_in != expected) {
        return heed_refuse(infer, "%d inputs given, gain and bias in the attributes ask for %d",
                           infer->n_in, expected);
    }
    if (!heed_need_real(infer, 0) || !heed_need_same_dtype(infer)) return false;
    if (!heed_need_axis(infer, x, &axis)) return false;
    for (int i = from; i < infer->n_in; i++) {
        const heed_shape *shape = &infer->in[i]->shape;
        if (shape->rank == 1 && shape->dim[0] == x->dim[axis]) continue;
        return heed_refuse(infer, "gain and bias must be [%lld], the size of the last axis",
                           (long long)x->dim[axis]);
    }
    return true;
}

bool heed_norm_infer(heed_infer *infer)
{
    const heed_norm_attr *attr = infer->attr;
    if (!(attr->eps > 0)) return heed_refuse(infer, "eps is %g, it must be positive", attr->eps);
    return inputs_fit(infer, 1 + attr->gain + attr->bias, 1);
}

bool heed_norm_vjp_infer(heed_infer *infer)
{
    const heed_norm_attr *attr = infer->attr;
    if (!inputs_fit(infer, 2 + attr->gain, 2)) return false;
    if (heed_shape_equal(&infer->in[0]->shape, &infer->in[1]->shape)) return true;
    return heed_refuse(infer, "x and dy must have one shape");
}

heed_node *heed_norm_apply(const heed_op *op, heed_node *x, heed_node *gain, heed_node *bias,
                           double eps)
{
    heed_norm_attr attr = { eps == 0 ? 1e-5 : eps, gain != NULL, bias != NULL };
    return heed_norm_apply_attr(op, &attr, x, gain, bias);
}

heed_node *heed_norm_apply_attr(const heed_op *op, const void *attr, heed_node *x, heed_node *gain,
                                heed_node *bias)
{
    heed_node *in[3] = { x };
    int n = 1;
    if (gain) in[n++] = gain;
    if (bias) in[n++] = bias;
    return heed_apply(op, attr, n, in);
}

void heed_norm_vjp(heed_vjp *v, const heed_op *op, const heed_op *reverse)
{
    const heed_norm_attr *attr = v->attr;
    heed_node *x = v->in[0], *gain = attr->gain ? v->in[1] : NULL;
    if (v->want[0]) {
        heed_norm_attr without_bias = { attr->eps, attr->gain, 0 };
        v->dx[0] =
            heed_apply(reverse, &without_bias, 2 + attr->gain, (heed_node *[]){ x, v->dy, gain });
    }
    if (gain && v->want[1])
        v->dx[1] = heed_mul(v->dy, heed_norm_apply(op, x, NULL, NULL, attr->eps));
    if (attr->bias && v->want[1 + attr->gain]) v->dx[1 + attr->gain] = v->dy;
}

/* ---- test cases ---- */

typedef struct norm_case {
    heed_shape x;
    heed_norm_attr attr;
} norm_case;

static const norm_case cases[] = {
    { { 1, { 5 } }, { 1e-5, 1, 1 } },      { { 2, { 3, 4 } }, { 1e-5, 1, 1 } },
    { { 2, { 3, 4 } }, { 1e-3, 0, 0 } },   { { 2, { 1, 7 } }, { 1e-5, 1, 0 } },
    { { 3, { 2, 1, 7 } }, { 0.5, 0, 1 } }, { { 1, { 33 } }, { 1e-5, 1, 1 } },
    { { 2, { 3, 1 } }, { 1, 1, 1 } },      { { 4, { 2, 1, 1, 13 } }, { 1e-5, 1, 1 } },
    { { 2, { 2, 17 } }, { 1e-5, 0, 0 } },
};
#define N_CASES ((int)(sizeof cases / sizeof cases[0]))

static heed_shape row_of(const heed_shape *x)
{
    return (heed_shape){ 1, { x->dim[x->rank - 1] } };
}

bool heed_norm_sample(int k, heed_sample *sample, bool bias)
{
    if (k < 0 || k >= N_CASES) return false;
    heed_norm_attr attr = cases[k].attr;
    if (!bias) attr.bias = 0;
    sample->n_in = 1 + attr.gain + attr.bias;
    sample->in[0].shape = cases[k].x;
    for (int i = 1; i < sample->n_in; i++) sample->in[i].shape = row_of(&cases[k].x);
    heed_sample_attr(sample, &attr, sizeof attr);
    return true;
}

bool heed_norm_vjp_sample(int k, heed_sample *sample)
{
    if (k < 0 || k >= N_CASES) return false;
    heed_norm_attr attr = { cases[k].attr.eps, cases[k].attr.gain, 0 };
    sample->n_in = 2 + attr.gain;
    sample->in[0].shape = sample->in[1].shape = cases[k].x;
    sample->in[2].shape = row_of(&cases[k].x);
    heed_sample_attr(sample, &attr, sizeof attr);
    return true;
}

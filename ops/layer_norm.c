/* layer_norm.c - y = (x - mean) rstd gain + bias over the last axis,
 * rstd = 1 / sqrt(variance + eps). Ba, Kiros, Hinton 2016.
 *
 * With z = (x - mean) rstd and h = dy gain: dx = rstd (h - mean(h) - z mean(h z)). The reverse
 * kernel finds mean and rstd again while the row is in the L1 cache: no statistic to keep, and dx
 * is a function of (x, dy, gain) alone, so it can be differentiated again. */
#include "ops/kernel.h"
#include "ops/rows.h"

typedef struct heed_layer_norm_attr {
    double eps;
    int gain, bias; /* whether these inputs are there, in this order, after the others */
} heed_layer_norm_attr;

#ifdef HEED_STAMP
#include "ops/micro/row_math.h"

typedef struct statistics {
    real mean, rstd;
} statistics;

static inline statistics row_statistics(const real *x, int64_t n, real eps)
{
    real mean = row_sum(x, n) / (real)n;
    real variance = row_squares(x, n, mean) / (real)n;
    return (statistics){ mean, 1 / (real)sqrt(variance + eps) };
}

/* y may be x. */
static inline void normalize(const real *x, const real *gain, const real *bias, real *y, int64_t n,
                             statistics s)
{
    if (gain && bias) {
        HEED_INDEPENDENT
        for (int64_t k = 0; k < n; k++) y[k] = (x[k] - s.mean) * s.rstd * gain[k] + bias[k];
    } else if (gain) {
        HEED_INDEPENDENT
        for (int64_t k = 0; k < n; k++) y[k] = (x[k] - s.mean) * s.rstd * gain[k];
    } else if (bias) {
        HEED_INDEPENDENT
        for (int64_t k = 0; k < n; k++) y[k] = (x[k] - s.mean) * s.rstd + bias[k];
    } else {
        HEED_INDEPENDENT
        for (int64_t k = 0; k < n; k++) y[k] = (x[k] - s.mean) * s.rstd;
    }
}

HEED_KERNEL(layer_norm)
{
    const heed_layer_norm_attr *attr = call->attr;
    const real *x = call->in[0].data;
    const real *gain = attr->gain ? call->in[1].data : NULL;
    const real *bias = attr->bias ? call->in[1 + attr->gain].data : NULL;
    real *y = call->out.data;
    int64_t n = heed_row_length(&call->out), row;
    int64_t stop = heed_unit_rows(call, begin, end, &row);
    for (; row < stop && n > 0; row++) {
        statistics s = row_statistics(x + row * n, n, (real)attr->eps);
        normalize(x + row * n, gain, bias, y + row * n, n, s);
    }
}

/* Sums of h and of h (x - mean), h = dy gain. */
static inline void moments(const real *x, const real *dy, const real *gain, int64_t n, real mean,
                           real *sum, real *product)
{
    vec h_sum = vec_fill(0), hx_sum = vec_fill(0);
    int64_t k = 0;
    for (; k + HEED_LANES <= n; k += HEED_LANES) {
        vec h = vec_load(dy + k);
        if (gain) h *= vec_load(gain + k);
        h_sum += h;
        hx_sum += h * (vec_load(x + k) - mean);
    }
    if (k < n) {
        vec h = vec_load_part(dy + k, n - k, 0);
        if (gain) h *= vec_load_part(gain + k, n - k, 0);
        h_sum += h;
        hx_sum += h * (vec_load_part(x + k, n - k, mean) - mean);
    }
    *sum = vec_sum_lanes(h_sum);
    *product = vec_sum_lanes(hx_sum);
}

/* dx may be x or dy. */
static inline void row_reverse(const real *x, const real *dy, const real *gain, real *dx, int64_t n,
                               real eps)
{
    statistics s = row_statistics(x, n, eps);
    real sum, product;
    moments(x, dy, gain, n, s.mean, &sum, &product);
    real offset = sum / (real)n, slope = product / (real)n * s.rstd * s.rstd;
    if (gain) {
        HEED_INDEPENDENT
        for (int64_t k = 0; k < n; k++)
            dx[k] = s.rstd * (dy[k] * gain[k] - offset - (x[k] - s.mean) * slope);
    } else {
        HEED_INDEPENDENT
        for (int64_t k = 0; k < n; k++) dx[k] = s.rstd * (dy[k] - offset - (x[k] - s.mean) * slope);
    }
}

HEED_KERNEL(layer_norm_vjp)
{
    const heed_layer_norm_attr *attr = call->attr;
    const real *x = call->in[0].data, *dy = call->in[1].data;
    const real *gain = attr->gain ? call->in[2].data : NULL;
    real *dx = call->out.data;
    int64_t n = heed_row_length(&call->out), row;
    int64_t stop = heed_unit_rows(call, begin, end, &row);
    for (; row < stop && n > 0; row++)
        row_reverse(x + row * n, dy + row * n, gain, dx + row * n, n, (real)attr->eps);
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

static bool layer_norm_infer(heed_infer *infer)
{
    const heed_layer_norm_attr *attr = infer->attr;
    if (!(attr->eps > 0)) return heed_refuse(infer, "eps is %g, it must be positive", attr->eps);
    return inputs_fit(infer, 1 + attr->gain + attr->bias, 1);
}

static heed_node *apply(heed_node *x, heed_node *gain, heed_node *bias, double eps)
{
    heed_layer_norm_attr attr = { eps, gain != NULL, bias != NULL };
    heed_node *in[3] = { x };
    int n = 1;
    if (gain) in[n++] = gain;
    if (bias) in[n++] = bias;
    return heed_apply(&heed_op_layer_norm, &attr, n, in);
}

static void layer_norm_reverse(heed_vjp *v)
{
    const heed_layer_norm_attr *attr = v->attr;
    heed_node *x = v->in[0], *gain = attr->gain ? v->in[1] : NULL;
    if (v->want[0]) {
        heed_layer_norm_attr reverse = { attr->eps, attr->gain, 0 };
        v->dx[0] = heed_apply(&heed_op_layer_norm_vjp, &reverse, 2 + attr->gain,
                              (heed_node *[]){ x, v->dy, gain });
    }
    if (gain && v->want[1]) v->dx[1] = heed_mul(v->dy, apply(x, NULL, NULL, attr->eps));
    if (attr->bias && v->want[1 + attr->gain]) v->dx[1 + attr->gain] = v->dy;
}

typedef struct layer_norm_case {
    heed_shape x;
    heed_layer_norm_attr attr;
} layer_norm_case;

static const layer_norm_case cases[] = {
    { { 1, { 5 } }, { 1e-5, 1, 1 } },      { { 2, { 3, 4 } }, { 1e-5, 1, 1 } },
    { { 2, { 3, 4 } }, { 1e-3, 0, 0 } },   { { 2, { 1, 7 } }, { 1e-5, 1, 0 } },
    { { 3, { 2, 1, 7 } }, { 0.5, 0, 1 } }, { { 1, { 33 } }, { 1e-5, 1, 1 } },
    { { 2, { 3, 1 } }, { 1, 1, 1 } },      { { 4, { 2, 1, 1, 13 } }, { 1e-5, 1, 1 } },
    { { 2, { 2, 17 } }, { 1e-5, 0, 0 } },
};
#define N_CASES ((int)(sizeof cases / sizeof cases[0]))

static bool layer_norm_sample(int k, heed_sample *sample)
{
    if (k < 0 || k >= N_CASES) return false;
    const layer_norm_case *one = &cases[k];
    heed_shape row = { 1, { one->x.dim[one->x.rank - 1] } };
    sample->n_in = 1 + one->attr.gain + one->attr.bias;
    sample->in[0].shape = one->x;
    for (int i = 1; i < sample->n_in; i++) sample->in[i].shape = row;
    heed_sample_attr(sample, &one->attr, sizeof one->attr);
    return true;
}

const heed_op heed_op_layer_norm = {
    .name = "layer_norm",
    .doc = "y = (x - mean) / sqrt(variance + eps) * gain + bias over the last axis (d); "
           "gain, bias: [d], each optional.",
    .n_in = 1,
    .max_in = 3,
    .diff = 7,
    .in_place = 1,
    .attr_size = sizeof(heed_layer_norm_attr),
    .infer = layer_norm_infer,
    .kernel = &layer_norm,
    .units = heed_row_units,
    .vjp = layer_norm_reverse,
    .sample = layer_norm_sample,
    .flops = layer_norm_flops,
};

/* ---- the reverse: dx(x, dy, gain) ---- */

static bool layer_norm_vjp_infer(heed_infer *infer)
{
    const heed_layer_norm_attr *attr = infer->attr;
    if (!inputs_fit(infer, 2 + attr->gain, 2)) return false;
    if (heed_shape_equal(&infer->in[0]->shape, &infer->in[1]->shape)) return true;
    return heed_refuse(infer, "x and dy must have one shape");
}

/* dx as ordinary operations. gain may be NULL. */
static heed_node *reverse_composed(heed_node *x, heed_node *dy, heed_node *gain, double eps)
{
    heed_node *centered = heed_sub(x, heed_mean(x, -1, true));
    heed_node *variance = heed_mean(heed_square(centered), -1, true);
    heed_node *rstd = heed_rsqrt(heed_affine(variance, 1, eps));
    heed_node *z = heed_mul(centered, rstd);
    heed_node *h = gain ? heed_mul(dy, gain) : dy;
    heed_node *offset = heed_mean(h, -1, true);
    heed_node *slope = heed_mean(heed_mul(h, z), -1, true);
    return heed_mul(rstd, heed_sub(heed_sub(h, offset), heed_mul(z, slope)));
}

/* The composed form's own gradient. It is taken for nodes that equal the inputs and are new, since
 * dy may itself depend on x: each input's share is wanted here, not the total. */
static void layer_norm_vjp_reverse(heed_vjp *v)
{
    const heed_layer_norm_attr *attr = v->attr;
    heed_node *in[3] = { NULL }, *dx[3];
    for (int i = 0; i < v->n_in; i++) in[i] = heed_affine(v->in[i], 1, 0);
    heed_node *y = reverse_composed(in[0], in[1], in[2], attr->eps);
    if (!y || !heed_gradient_partial(y, v->dy, in, v->n_in, dx)) return;
    for (int i = 0; i < v->n_in; i++)
        if (v->want[i]) v->dx[i] = dx[i];
}

static bool layer_norm_vjp_sample(int k, heed_sample *sample)
{
    if (k < 0 || k >= N_CASES) return false;
    const layer_norm_case *one = &cases[k];
    heed_layer_norm_attr attr = { one->attr.eps, one->attr.gain, 0 };
    sample->n_in = 2 + attr.gain;
    sample->in[0].shape = sample->in[1].shape = one->x;
    sample->in[2].shape = (heed_shape){ 1, { one->x.dim[one->x.rank - 1] } };
    heed_sample_attr(sample, &attr, sizeof attr);
    return true;
}

const heed_op heed_op_layer_norm_vjp = {
    .name = "layer_norm_vjp",
    .doc = "dx = rstd * (h - mean(h) - z * mean(h * z)), h = dy * gain, z = (x - mean) * rstd: the "
           "reverse of layer_norm. Inputs x, dy and, optional, gain.",
    .n_in = 2,
    .max_in = 3,
    .diff = 7,
    .in_place = 3,
    .attr_size = sizeof(heed_layer_norm_attr),
    .infer = layer_norm_vjp_infer,
    .kernel = &layer_norm_vjp,
    .units = heed_row_units,
    .vjp = layer_norm_vjp_reverse,
    .sample = layer_norm_vjp_sample,
    .flops = layer_norm_vjp_flops,
};

heed_node *heed_layer_norm(heed_node *x, heed_node *gain, heed_node *bias, double eps)
{
    return apply(x, gain, bias, eps == 0 ? 1e-5 : eps);
}

#endif

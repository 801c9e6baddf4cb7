/* pooled_norm.c - y = max_pool(z gain + bias) for images x [N, C, H, W], z = (x - mean) rstd as in
 * channel_norm.c with statistics of each channel, windows of 2 x 2 side by side.
 *
 * A norm is a rising function of each channel, or a falling one where gain < 0: so the largest (or
 * smallest) element of x is found first, and the norm is left for what remains. A channel is a
 * unit's, which goes over its planes several times while they are in the cache: memory sees x read
 * once and a fourth of it written. The reverse is a function of (x, dy, gain) and finds statistics
 * and chosen elements again. */
#include "ops/common.h"
#include "ops/kernel.h"

typedef struct pooled_norm_attr {
    double eps;
} pooled_norm_attr;

typedef struct pooled_sizes {
    int64_t examples, channels, height, width; /* of x */
    int64_t rows, columns;                     /* of y */
    int64_t per;                               /* channels of a unit */
} pooled_sizes;

static inline pooled_sizes pooled_sizes_of(const heed_shape *x)
{
    pooled_sizes z = {
        .examples = x->dim[0], .channels = x->dim[1], .height = x->dim[2], .width = x->dim[3]
    };
    z.rows = z.height / 2;
    z.columns = z.width / 2;
    z.per = heed_rows_per_unit(z.examples * z.height * z.width);
    return z;
}

#ifdef HEED_STAMP
#include "ops/micro/quads.h"
#include "ops/micro/row_norm.h"

/* What is the same for a whole channel. */
typedef struct channel {
    const pooled_sizes *z;
    const real *x; /* of the first example */
    row_statistics norm;
    real gain, sign;        /* -1: gain < 0 */
    int64_t x_step, y_step; /* from one example to the next */
} channel;

static channel channel_at(const pooled_sizes *z, const real *x, const real *gain, int64_t number,
                          double eps, real *variance)
{
    const int64_t plane = z->height * z->width;
    channel c = { .z = z, .x = x + number * plane, .gain = gain[number] };
    c.x_step = z->channels * plane;
    c.y_step = z->channels * z->rows * z->columns;
    c.sign = c.gain < 0 ? -1 : 1;
    c.norm = runs_around_mean(c.x, z->examples, c.x_step, plane, eps, variance);
    return c;
}

/* n windows of a row: their elements, or minus these where the smallest is looked for. */
static inline quads quads_of(const channel *c, const real *x, int64_t n)
{
    quads q = load_quads(x, c->z->width, n);
    for (int i = 0; i < 4; i++) q.x[i] *= c->sign;
    return q;
}

static void plane_forward(const channel *c, const real *x, real bias, real *y)
{
    const int64_t columns = c->z->columns;
    const real scale = c->norm.rstd * c->gain;
    for (int64_t r = 0; r < c->z->rows; r++, x += 2 * c->z->width, y += columns)
        for (int64_t k = 0; k < columns; k += HEED_LANES) {
            const int64_t n = heed_smaller(HEED_LANES, columns - k);
            const quads q = quads_of(c, x + 2 * k, n);
            const vec chosen = largest_of_quads(&q) * c->sign;
            vec_store_part(y + k, (chosen - c->norm.center) * scale + bias, n);
        }
}

HEED_KERNEL(pooled_norm)
{
    const pooled_norm_attr *attr = call->attr;
    const pooled_sizes z = pooled_sizes_of(&call->in[0].shape);
    const real *bias = call->in[2].data;
    real *statistic = call->aux.data;
    const int64_t last = heed_smaller(end * z.per, z.channels);
    for (int64_t i = begin * z.per; i < last; i++) {
        real *y = (real *)call->out.data + i * z.rows * z.columns, variance;
        const channel c =
            channel_at(&z, call->in[0].data, call->in[1].data, i, attr->eps, &variance);
        statistic[i] = c.norm.center;
        statistic[z.channels + i] = variance;
        for (int64_t k = 0; k < z.examples; k++)
            plane_forward(&c, c.x + k * c.x_step, bias[i], y + k * c.y_step);
    }
}

/* ---- reverse: dx = rstd (h - mean(h) - z mean(h z)), h = dy gain where x is chosen, or 0 ---- */

/* Sums of dy, and of dy (x - mean) over chosen x. */
static void plane_moments(const channel *c, const real *x, const real *dy, double *sum,
                          double *product)
{
    const int64_t columns = c->z->columns;
    vec sums = vec_fill(0), products = sums;
    for (int64_t r = 0; r < c->z->rows; r++, x += 2 * c->z->width, dy += columns)
        for (int64_t k = 0; k < columns; k += HEED_LANES) {
            const int64_t n = heed_smaller(HEED_LANES, columns - k);
            const quads q = quads_of(c, x + 2 * k, n);
            const vec d = vec_load_part(dy + k, n, 0);
            sums += d;
            products += d * (largest_of_quads(&q) * c->sign - c->norm.center);
        }
    *sum += vec_sum_lanes(sums);
    *product += vec_sum_lanes(products);
}

/* What is taken from dx for every element: offset + (x - mean) slope. */
typedef struct share {
    real mean, offset, slope;
} share;

static void unchosen(const share *s, const real *x, int64_t n, real *dx)
{
    HEED_INDEPENDENT
    for (int64_t k = 0; k < n; k++) dx[k] = -s->offset - (x[k] - s->mean) * s->slope;
}

/* Two rows of dx: those of a row of windows, and a last column without a window. */
static void rows_reverse(const channel *c, const share *s, const real *x, const real *dy, real *dx)
{
    const int64_t columns = c->z->columns, width = c->z->width;
    const real scale = c->norm.rstd * c->gain;
    for (int64_t k = 0; k < columns; k += HEED_LANES) {
        const int64_t n = heed_smaller(HEED_LANES, columns - k);
        const quads q = quads_of(c, x + 2 * k, n);
        quads d = spread_to_largest(&q, vec_load_part(dy + k, n, 0) * scale);
        for (int i = 0; i < 4; i++) d.x[i] -= s->offset + (q.x[i] * c->sign - s->mean) * s->slope;
        store_pairs(dx + 2 * k, n, d.x[0], d.x[1]);
        store_pairs(dx + width + 2 * k, n, d.x[2], d.x[3]);
    }
    for (int i = 0; i < 2; i++)
        unchosen(s, x + i * width + 2 * columns, width - 2 * columns, dx + i * width + 2 * columns);
}

static void channel_reverse(const channel *c, const real *dy, real *dx, real *dgain, real *dbias)
{
    const pooled_sizes *z = c->z;
    const int64_t pooled = 2 * z->rows * z->width, plane = z->height * z->width;
    const double rstd = c->norm.rstd, scale = rstd * c->gain / (double)(z->examples * plane);
    double sum = 0, product = 0;
    for (int64_t k = 0; k < z->examples; k++)
        plane_moments(c, c->x + k * c->x_step, dy + k * c->y_step, &sum, &product);
    *dgain = (real)(product * rstd);
    *dbias = (real)sum;
    const share s = { c->norm.center, (real)(sum * scale), (real)(product * rstd * rstd * scale) };
    for (int64_t k = 0; k < z->examples; k++) {
        const real *x = c->x + k * c->x_step;
        real *to = dx + k * c->x_step;
        for (int64_t r = 0; r < z->rows; r++)
            rows_reverse(c, &s, x + 2 * r * z->width, dy + k * c->y_step + r * z->columns,
                         to + 2 * r * z->width);
        unchosen(&s, x + pooled, plane - pooled, to + pooled);
    }
}

HEED_KERNEL(pooled_norm_vjp)
{
    const pooled_norm_attr *attr = call->attr;
    const pooled_sizes z = pooled_sizes_of(&call->in[0].shape);
    const int64_t last = heed_smaller(end * z.per, z.channels);
    real *dx = call->out.data, *dgain = dx + heed_count(&call->in[0].shape), variance;
    for (int64_t i = begin * z.per; i < last; i++) {
        const channel c =
            channel_at(&z, call->in[0].data, call->in[2].data, i, attr->eps, &variance);
        channel_reverse(&c, (const real *)call->in[1].data + i * z.rows * z.columns,
                        dx + i * z.height * z.width, dgain + i, dgain + z.channels + i);
    }
}

#else
#include "ops/ops.h"
#include "ops/pool.h"

HEED_DECLARE_KERNEL(pooled_norm);
static const heed_kernel pooled_norm = HEED_KERNEL_TABLE(pooled_norm);
HEED_DECLARE_KERNEL(pooled_norm_vjp);
static const heed_kernel pooled_norm_vjp = HEED_KERNEL_TABLE(pooled_norm_vjp);

static int64_t pooled_norm_units(const heed_call *call)
{
    const pooled_sizes z = pooled_sizes_of(&call->in[0].shape);
    return heed_units_of(z.channels, z.per);
}

/* ---- shape rules ---- */

/* x [N, C, H, W] that has a window, and [C] from input `from` on. */
static bool inputs_fit(heed_infer *infer, int from, heed_shape *pooled)
{
    const pooled_norm_attr *attr = infer->attr;
    const heed_shape *x = &infer->in[0]->shape;
    if (!heed_need_real(infer, 0) || !heed_need_same_dtype(infer)) return false;
    if (x->rank != 4) return heed_refuse(infer, "x must be [N, C, H, W]");
    const pooled_sizes z = pooled_sizes_of(x);
    if (z.examples * z.channels * z.rows * z.columns == 0)
        return heed_refuse(infer, "there is no window of 2 x 2 elements");
    if (!(attr->eps > 0)) return heed_refuse(infer, "eps is %g, it must be positive", attr->eps);
    for (int i = from; i < infer->n_in; i++)
        if (infer->in[i]->shape.rank != 1 || infer->in[i]->shape.dim[0] != z.channels)
            return heed_refuse(infer, "gain and bias must be [%lld], one for each channel",
                               (long long)z.channels);
    *pooled = HEED_SHAPE(z.examples, z.channels, z.rows, z.columns);
    return true;
}

static bool pooled_norm_infer(heed_infer *infer)
{
    if (!inputs_fit(infer, 1, &infer->shape)) return false;
    infer->has_aux = true;
    infer->aux_dtype = infer->dtype;
    infer->aux_shape = HEED_SHAPE(2, infer->in[0]->shape.dim[1]);
    return true;
}

static bool pooled_norm_vjp_infer(heed_infer *infer)
{
    const heed_shape *x = &infer->in[0]->shape;
    heed_shape pooled;
    if (!inputs_fit(infer, 2, &pooled)) return false;
    if (!heed_shape_equal(&pooled, &infer->in[1]->shape))
        return heed_refuse(infer, "dy must have the pooled shape");
    infer->shape = HEED_SHAPE(heed_count(x) + 2 * x->dim[1]);
    return true;
}

/* ---- reverse rules ---- */

static void pooled_norm_reverse(heed_vjp *v)
{
    heed_node *x = v->in[0], *gain = v->in[1];
    const int64_t count = heed_count(&x->shape), channels = x->shape.dim[1];
    heed_node *in[3] = { x, v->dy, gain };
    heed_node *all = heed_apply(&heed_op_pooled_norm_vjp, v->attr, 3, in);
    if (!all) return;
    if (v->want[0]) v->dx[0] = heed_reshape_to(heed_slice(all, 0, 0, count), x->shape);
    for (int i = 0; i < 2; i++) {
        const int64_t at = count + i * channels;
        if (v->want[1 + i]) v->dx[1 + i] = heed_slice(all, 0, at, at + channels);
    }
}

/* Which elements are chosen does not change with small changes of x. */
static heed_node *reverse_composed(heed_node *const *in, const void *of)
{
    static const heed_max_pool_attr two = { 2, { 2, 2 }, { 2, 2 }, { 1, 1 }, { 0, 0 }, 0 };
    const pooled_norm_attr *attr = of;
    const int axes[3] = { 0, 2, 3 };
    heed_node *x = in[0], *dy = in[1];
    heed_node *gain = heed_reshape(in[2], x->shape.dim[1], 1, 1);
    heed_node *falls = heed_less(heed_stop_gradient(gain), heed_zeros_like(gain));
    heed_node *turned = heed_where(falls, heed_neg(x), x);
    heed_node *from[2] = { heed_stop_gradient(turned), dy };
    heed_node *d = heed_apply(&heed_op_max_pool_vjp, &two, 2, from);
    heed_node *centered = heed_sub(x, heed_mean_axes(x, axes, 3, true));
    heed_node *variance = heed_mean_axes(heed_square(centered), axes, 3, true);
    heed_node *rstd = heed_rsqrt(heed_affine(variance, 1, attr->eps));
    heed_node *z = heed_mul(centered, rstd), *h = heed_mul(d, gain), *dz = heed_mul(d, z);
    heed_node *offset = heed_mean_axes(h, axes, 3, true);
    heed_node *slope = heed_mean_axes(heed_mul(h, z), axes, 3, true);
    heed_node *dx = heed_mul(rstd, heed_sub(heed_sub(h, offset), heed_mul(z, slope)));
    return heed_concat(HEED_NODES(heed_flatten(dx), heed_sum_axes(dz, axes, 3, false),
                                  heed_sum_axes(dy, axes, 3, false)),
                       0);
}

static void pooled_norm_vjp_reverse(heed_vjp *v)
{
    heed_composed_vjp(v, reverse_composed);
}

/* ---- test cases ---- */

static const struct pooled_norm_case {
    heed_shape x;
    pooled_norm_attr attr;
} cases[] = {
    { { 4, { 2, 3, 4, 6 } }, { 1e-5 } },
    { { 4, { 3, 2, 3, 5 } }, { 0.1 } },
    { { 4, { 1, 4, 2, 2 } }, { 0.5 } },
    { { 4, { 1, 1, 5, 37 } }, { 1e-3 } },
};
static const struct pooled_norm_case large_case = { { 4, { 192, 64, 28, 28 } }, { 1e-5 } };

/* x, gain, bias; of the reverse x, dy, gain. */
static bool take_case(const struct pooled_norm_case *c, heed_sample *sample, bool reverse)
{
    const pooled_sizes z = pooled_sizes_of(&c->x);
    const heed_shape each = HEED_SHAPE(z.channels);
    const int gain = reverse ? 2 : 1;
    sample->n_in = 3;
    sample->in[0] = (heed_sample_input){ .shape = c->x, .distinct = true };
    sample->in[gain] = (heed_sample_input){ .shape = each, .avoid = true };
    sample->in[3 - gain].shape =
        reverse ? HEED_SHAPE(z.examples, z.channels, z.rows, z.columns) : each;
    heed_sample_attr(sample, &c->attr, sizeof c->attr);
    return true;
}

static bool has_case(int k)
{
    return k >= 0 && k < (int)(sizeof cases / sizeof cases[0]);
}

static bool pooled_norm_sample(int k, heed_sample *sample)
{
    return has_case(k) && take_case(&cases[k], sample, false);
}

static bool pooled_norm_vjp_sample(int k, heed_sample *sample)
{
    return has_case(k) && take_case(&cases[k], sample, true);
}

static bool pooled_norm_large(heed_sample *sample)
{
    return take_case(&large_case, sample, false);
}

static bool pooled_norm_vjp_large(heed_sample *sample)
{
    return take_case(&large_case, sample, true);
}

static double pooled_norm_flops(const heed_node *node)
{
    return (node->op == &heed_op_pooled_norm ? 5.0 : 14.0) *
           (double)heed_count(&node->in[0]->shape);
}

const heed_op heed_op_pooled_norm = {
    .name = "pooled_norm",
    .doc = "The largest of (x - mean) / sqrt(variance + eps) * gain + bias in each window of 2 x 2 "
           "elements, side by side: x [N, C, H, W], gain and bias [C] -> [N, C, H / 2, W / 2]; "
           "statistics over all examples of each channel. Its statistic: means, then variances.",
    .n_in = 3,
    .diff = 7,
    .attr_size = sizeof(pooled_norm_attr),
    .infer = pooled_norm_infer,
    .kernel = &pooled_norm,
    .units = pooled_norm_units,
    .vjp = pooled_norm_reverse,
    .sample = pooled_norm_sample,
    .flops = pooled_norm_flops,
    .large = pooled_norm_large,
};

const heed_op heed_op_pooled_norm_vjp = {
    .name = "pooled_norm_vjp",
    .doc = "The reverse of pooled_norm, as one vector: dx, then for each channel the gradient for "
           "gain, then for bias. Inputs x, dy, gain.",
    .n_in = 3,
    .diff = 7,
    .in_place = 1,
    .flags = HEED_GOES_ON,
    .attr_size = sizeof(pooled_norm_attr),
    .infer = pooled_norm_vjp_infer,
    .kernel = &pooled_norm_vjp,
    .units = pooled_norm_units,
    .vjp = pooled_norm_vjp_reverse,
    .sample = pooled_norm_vjp_sample,
    .flops = pooled_norm_flops,
    .large = pooled_norm_vjp_large,
};

heed_node *heed_pooled_norm(heed_node *x, heed_node *gain, heed_node *bias, double eps)
{
    const pooled_norm_attr attr = { eps != 0 ? eps : 1e-5 };
    return heed_apply(&heed_op_pooled_norm, &attr, 3, (heed_node *[]){ x, gain, bias });
}

#endif

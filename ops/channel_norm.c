/* channel_norm.c - y = (x - mean) rstd gain + bias for x [N, C, ..], gain and bias [C], with
 * statistics over the examples of each channel (batch norm) or over each group of an example's
 * channels (group norm, instance norm). rstd = 1 / sqrt(variance + eps).
 *
 * x is read as runs, one for each example and channel. A set of runs shares statistics; it is a
 * unit's, which goes over it several times while it is in the cache. As in layer_norm.c, the
 * reverse finds the statistics again and is a function of (x, dy, gain). Beside dx it has the sums
 * that the gradients of gain and bias are made of, behind each other in one vector. */
#include "ops/kernel.h"
#include "ops/norm.h"
#include "ops/rows.h"

typedef struct channel_norm_attr {
    heed_norm_attr norm; /* first: norm.c reads it */
    int64_t groups;      /* of each example; 0: sets are channels, over all examples */
} channel_norm_attr;

typedef struct channel_sets {
    int64_t run;           /* elements of a run */
    int64_t sets, runs;    /* how many, of how many runs each */
    int64_t first, next;   /* runs from one set to the next; from one run of a set to the next */
    int64_t channels, per; /* runs r = 0, 1, ..: channel r mod channels; sets of a unit */
} channel_sets;

static inline channel_sets channel_sets_of(const heed_shape *x, const channel_norm_attr *attr)
{
    const int64_t examples = x->dim[0], channels = x->dim[1], groups = attr->groups;
    channel_sets z = { .run = heed_product(x, 2, x->rank), .channels = channels };
    z.sets = groups ? examples * groups : channels;
    z.runs = groups ? channels / groups : examples;
    z.first = groups ? z.runs : 1;
    z.next = groups ? 1 : channels;
    z.per = heed_rows_per_unit(z.runs * z.run);
    return z;
}

#ifdef HEED_STAMP
#include "ops/micro/row_norm.h"

static void run_forward(const real *x, real *y, int64_t n, real center, real scale, real shift)
{
    HEED_INDEPENDENT
    for (int64_t k = 0; k < n; k++) y[k] = (x[k] - center) * scale + shift;
}

HEED_KERNEL(channel_norm)
{
    const channel_norm_attr *attr = call->attr;
    const channel_sets z = channel_sets_of(&call->out.shape, attr);
    const real *gain = attr->norm.gain ? call->in[1].data : NULL;
    const real *bias = attr->norm.bias ? call->in[1 + attr->norm.gain].data : NULL;
    real *statistic = call->aux.data;
    const int64_t last = heed_smaller(end * z.per, z.sets);
    for (int64_t set = begin * z.per; set < last; set++) {
        const int64_t first = set * z.first;
        const real *x = (const real *)call->in[0].data + first * z.run;
        real *y = (real *)call->out.data + first * z.run, variance;
        const row_statistics s =
            runs_around_mean(x, z.runs, z.next * z.run, z.run, attr->norm.eps, &variance);
        statistic[set] = s.center;
        statistic[z.sets + set] = variance;
        for (int64_t k = 0; k < z.runs; k++) {
            const int64_t channel = (first + k * z.next) % z.channels, at = k * z.next * z.run;
            run_forward(x + at, y + at, z.run, s.center, gain ? s.rstd * gain[channel] : s.rstd,
                        bias ? bias[channel] : 0);
        }
    }
}

/* dx = rstd (h - mean(h) - z mean(h z)), h = dy gain. */
static void run_reverse(const real *x, const real *dy, real *dx, int64_t n, row_statistics s,
                        real gain, real offset, real slope)
{
    const real scale = s.rstd * gain;
    HEED_INDEPENDENT
    for (int64_t k = 0; k < n; k++) dx[k] = dy[k] * scale - offset - (x[k] - s.center) * slope;
}

/* `sums`: of dy z for each run, then of dy. */
static void set_reverse(const heed_call *call, const channel_sets *z, int64_t first, real *sums)
{
    const channel_norm_attr *attr = call->attr;
    const real *x = (const real *)call->in[0].data, *dy = call->in[1].data;
    const real *gain = attr->norm.gain ? call->in[2].data : NULL;
    const double count = (double)(z->runs * z->run);
    double offset = 0, slope = 0;
    real variance, *dx = call->out.data, *sums_of_dy = sums + z->sets * z->runs;
    const row_statistics s = runs_around_mean(x + first * z->run, z->runs, z->next * z->run, z->run,
                                              attr->norm.eps, &variance);
    for (int64_t k = 0; k < z->runs; k++) {
        const int64_t run = first + k * z->next;
        const real weight = gain ? gain[run % z->channels] : 1;
        real sum, product;
        row_moments(x + run * z->run, dy + run * z->run, NULL, z->run, s.center, &sum, &product);
        offset += (double)weight * sum;
        slope += (double)weight * product;
        sums[run] = product * s.rstd;
        sums_of_dy[run] = sum;
    }
    offset *= s.rstd / count;
    slope *= (double)s.rstd * s.rstd * s.rstd / count;
    for (int64_t k = 0; k < z->runs; k++) {
        const int64_t run = first + k * z->next, at = run * z->run;
        run_reverse(x + at, dy + at, dx + at, z->run, s, gain ? gain[run % z->channels] : 1,
                    (real)offset, (real)slope);
    }
}

HEED_KERNEL(channel_norm_vjp)
{
    const heed_shape *x = &call->in[0].shape;
    const channel_sets z = channel_sets_of(x, call->attr);
    const int64_t last = heed_smaller(end * z.per, z.sets);
    for (int64_t set = begin * z.per; set < last; set++)
        set_reverse(call, &z, set * z.first, (real *)call->out.data + heed_count(x));
}

#else
#include <string.h>

#include "ops/ops.h"

HEED_DECLARE_KERNEL(channel_norm);
static const heed_kernel channel_norm = HEED_KERNEL_TABLE(channel_norm);
HEED_DECLARE_KERNEL(channel_norm_vjp);
static const heed_kernel channel_norm_vjp = HEED_KERNEL_TABLE(channel_norm_vjp);

static int64_t channel_norm_units(const heed_call *call)
{
    const channel_sets z = channel_sets_of(&call->in[0].shape, call->attr);
    return heed_units_of(z.sets, z.per);
}

/* ---- shape rules ---- */

/* x [N, C, ..] that is not empty, and [C] from input `from` on. */
static bool inputs_fit(heed_infer *infer, int expected, int from)
{
    const channel_norm_attr *attr = infer->attr;
    const heed_shape *x = &infer->in[0]->shape;
    if (infer->n_in != expected)
        return heed_refuse(infer, "%d inputs given, gain and bias in the attributes ask for %d",
                           infer->n_in, expected);
    if (!heed_need_real(infer, 0) || !heed_need_same_dtype(infer)) return false;
    if (x->rank < 2) return heed_refuse(infer, "x must be [N, C, ..]");
    if (heed_count(x) == 0) return heed_refuse(infer, "there is nothing to take statistics of");
    if (attr->groups < 0 || (attr->groups > 0 && x->dim[1] % attr->groups != 0))
        return heed_refuse(infer, "%lld channels don't make %lld groups", (long long)x->dim[1],
                           (long long)attr->groups);
    if (!(attr->norm.eps > 0))
        return heed_refuse(infer, "eps is %g, it must be positive", attr->norm.eps);
    for (int i = from; i < infer->n_in; i++)
        if (infer->in[i]->shape.rank != 1 || infer->in[i]->shape.dim[0] != x->dim[1])
            return heed_refuse(infer, "gain and bias must be [%lld], one for each channel",
                               (long long)x->dim[1]);
    return true;
}

static bool channel_norm_infer(heed_infer *infer)
{
    const channel_norm_attr *attr = infer->attr;
    if (!inputs_fit(infer, 1 + attr->norm.gain + attr->norm.bias, 1)) return false;
    infer->has_aux = true;
    infer->aux_dtype = infer->dtype;
    infer->aux_shape = HEED_SHAPE(2, channel_sets_of(&infer->in[0]->shape, attr).sets);
    return true;
}

static bool channel_norm_vjp_infer(heed_infer *infer)
{
    const channel_norm_attr *attr = infer->attr;
    const heed_shape *x = &infer->in[0]->shape;
    if (!inputs_fit(infer, 2 + attr->norm.gain, 2)) return false;
    if (!heed_shape_equal(x, &infer->in[1]->shape))
        return heed_refuse(infer, "x and dy must have one shape");
    infer->shape = HEED_SHAPE(heed_count(x) + 2 * x->dim[0] * x->dim[1]);
    return true;
}

/* ---- reverse rules ---- */

/* dgain or dbias, of which `all` holds the runs' sums from `at` on. */
static heed_node *sum_runs(heed_node *all, int64_t at, int64_t examples, int64_t channels)
{
    heed_node *runs = heed_slice(all, 0, at, at + examples * channels);
    return heed_sum(heed_reshape_to(runs, HEED_SHAPE(examples, channels)), 0, false);
}

static void channel_norm_reverse(heed_vjp *v)
{
    const channel_norm_attr *attr = v->attr;
    const heed_shape *x = &v->in[0]->shape;
    const int64_t count = heed_count(x), runs = x->dim[0] * x->dim[1];
    const int gain = attr->norm.gain;
    const channel_norm_attr without_bias = { { attr->norm.eps, gain, 0 }, attr->groups };
    heed_node *in[3] = { v->in[0], v->dy, gain ? v->in[1] : NULL };
    heed_node *all = heed_apply(&heed_op_channel_norm_vjp, &without_bias, 2 + gain, in);
    if (!all) return;
    if (v->want[0]) v->dx[0] = heed_reshape_to(heed_slice(all, 0, 0, count), *x);
    if (gain && v->want[1]) v->dx[1] = sum_runs(all, count, x->dim[0], x->dim[1]);
    if (attr->norm.bias && v->want[1 + gain])
        v->dx[1 + gain] = sum_runs(all, count + runs, x->dim[0], x->dim[1]);
}

static heed_node *reverse_composed(heed_node *const *in, const void *of)
{
    const channel_norm_attr *attr = of;
    heed_node *x = in[0], *dy = in[1];
    const int64_t groups = attr->groups ? attr->groups : 1, channels = x->shape.dim[1] / groups;
    const int axes[2] = { attr->groups ? 2 : 0, 3 };
    const heed_shape shape =
        HEED_SHAPE(x->shape.dim[0], groups, channels, heed_product(&x->shape, 2, x->shape.rank));
    x = heed_reshape_to(x, shape);
    dy = heed_reshape_to(dy, shape);
    heed_node *centered = heed_sub(x, heed_mean_axes(x, axes, 2, true));
    heed_node *variance = heed_mean_axes(heed_square(centered), axes, 2, true);
    heed_node *rstd = heed_rsqrt(heed_affine(variance, 1, attr->norm.eps));
    heed_node *z = heed_mul(centered, rstd);
    heed_node *h = dy;
    if (attr->norm.gain) h = heed_mul(dy, heed_reshape_to(in[2], HEED_SHAPE(groups, channels, 1)));
    heed_node *offset = heed_mean_axes(h, axes, 2, true);
    heed_node *slope = heed_mean_axes(heed_mul(h, z), axes, 2, true);
    heed_node *dx = heed_mul(rstd, heed_sub(heed_sub(h, offset), heed_mul(z, slope)));
    return heed_concat(HEED_NODES(heed_flatten(dx),
                                  heed_flatten(heed_sum(heed_mul(dy, z), 3, false)),
                                  heed_flatten(heed_sum(dy, 3, false))),
                       0);
}

static void channel_norm_vjp_reverse(heed_vjp *v)
{
    heed_composed_vjp(v, reverse_composed);
}

/* ---- test cases ---- */

static const struct channel_norm_case {
    heed_shape x;
    channel_norm_attr attr;
} cases[] = {
    { { 3, { 2, 3, 7 } }, { { 1e-5, 1, 1 }, 0 } },    { { 2, { 5, 2 } }, { { 1e-3, 0, 0 }, 0 } },
    { { 4, { 3, 1, 2, 5 } }, { { 0.5, 0, 1 }, 0 } },  { { 3, { 2, 4, 3 } }, { { 1e-5, 1, 1 }, 2 } },
    { { 4, { 1, 3, 2, 3 } }, { { 1e-5, 1, 0 }, 1 } }, { { 3, { 2, 3, 5 } }, { { 0.1, 0, 0 }, 3 } },
    { { 3, { 1, 2, 33 } }, { { 1e-5, 1, 1 }, 2 } },
};

/* x and, of the reverse, dy; gain; bias. */
static bool take_case(const struct channel_norm_case *c, heed_sample *sample, bool reverse)
{
    channel_norm_attr attr = c->attr;
    if (reverse) attr.norm.bias = 0;
    sample->n_in = 1 + reverse + attr.norm.gain + attr.norm.bias;
    for (int i = 0; i < sample->n_in; i++)
        sample->in[i].shape = i <= reverse ? c->x : HEED_SHAPE(c->x.dim[1]);
    heed_sample_attr(sample, &attr, sizeof attr);
    return true;
}

static const struct channel_norm_case large_case = { { 4, { 32, 64, 64, 64 } },
                                                     { { 1e-5, 1, 1 }, 0 } };

static bool has_case(int k)
{
    return k >= 0 && k < (int)(sizeof cases / sizeof cases[0]);
}

static bool channel_norm_sample(int k, heed_sample *sample)
{
    return has_case(k) && take_case(&cases[k], sample, false);
}

static bool channel_norm_vjp_sample(int k, heed_sample *sample)
{
    return has_case(k) && take_case(&cases[k], sample, true);
}

static double channel_norm_flops(const heed_node *node)
{
    return (node->op == &heed_op_channel_norm ? 8.0 : 14.0) *
           (double)heed_count(&node->in[0]->shape);
}

static bool channel_norm_large(heed_sample *sample)
{
    return take_case(&large_case, sample, false);
}

const heed_op heed_op_channel_norm = {
    .name = "channel_norm",
    .doc = "y = (x - mean) / sqrt(variance + eps) * gain + bias for x [N, C, ..]; statistics over "
           "all examples of each channel, or of each group of channels; gain, bias: [C], each "
           "optional. Its statistic: means, then variances.",
    .n_in = 1,
    .max_in = 3,
    .diff = 7,
    .in_place = 1,
    .attr_size = sizeof(channel_norm_attr),
    .infer = channel_norm_infer,
    .kernel = &channel_norm,
    .units = channel_norm_units,
    .vjp = channel_norm_reverse,
    .sample = channel_norm_sample,
    .flops = channel_norm_flops,
    .large = channel_norm_large,
};

static bool channel_norm_vjp_large(heed_sample *sample)
{
    return take_case(&large_case, sample, true);
}

const heed_op heed_op_channel_norm_vjp = {
    .name = "channel_norm_vjp",
    .doc = "The reverse of channel_norm, as one vector: dx, then for each example and channel the "
           "sum of dy (x - mean) rstd, then that of dy. Inputs x, dy and, optional, gain.",
    .n_in = 2,
    .max_in = 3,
    .diff = 7,
    .in_place = 3,
    .flags = HEED_GOES_ON,
    .attr_size = sizeof(channel_norm_attr),
    .infer = channel_norm_vjp_infer,
    .kernel = &channel_norm_vjp,
    .units = channel_norm_units,
    .vjp = channel_norm_vjp_reverse,
    .sample = channel_norm_vjp_sample,
    .flops = channel_norm_flops,
    .large = channel_norm_vjp_large,
};

heed_node *heed_channel_norm(heed_node *x, int64_t groups, heed_node *gain, heed_node *bias,
                             double eps)
{
    const channel_norm_attr attr = { { eps, gain != NULL, bias != NULL }, groups };
    return heed_norm_apply_attr(&heed_op_channel_norm, &attr, x, gain, bias);
}

#endif

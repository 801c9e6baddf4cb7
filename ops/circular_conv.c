/* circular_conv.c - y[i] = sum_k s[k] x[(i - shift(k)) mod N], shift(k) = sign (first + k): the
 * shifts of a memory's address, Graves, Wayne, Danihelka 2014, eq. 8; and its reverse for s.
 *
 * The reverse for x is the same operation with the other sign. */
#include "ops/kernel.h"
#include "ops/rows.h"

typedef struct circular_attr {
    int64_t first, sign;
    int64_t shifts; /* of the reverse for s: K */
} circular_attr;

#ifdef HEED_STAMP
#include "ops/micro/row_math.h"

/* Where row element 0 of x[(i - shift) mod n] lies: from there to the end, then from the start. */
static int64_t rotation(const circular_attr *attr, int64_t k, int64_t n)
{
    const int64_t at = -attr->sign * (attr->first + k) % n;
    return at < 0 ? at + n : at;
}

static void add_part(real *restrict y, const real *restrict x, real weight, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] += weight * x[i];
}

HEED_KERNEL(circular_conv)
{
    const real *x = call->in[0].data, *s = call->in[1].data;
    const int64_t n = heed_row_length(&call->in[0]), shifts = heed_row_length(&call->in[1]);
    real *y = call->out.data;
    int64_t row, stop = heed_unit_rows(call, begin, end, &row);
    for (; row < stop; row++) {
        const real *from = x + row * n;
        for (int64_t i = 0; i < n; i++) y[row * n + i] = 0;
        for (int64_t k = 0; k < shifts && n > 0; k++) {
            const int64_t at = rotation(call->attr, k, n);
            add_part(y + row * n, from + at, s[row * shifts + k], n - at);
            add_part(y + row * n + n - at, from, s[row * shifts + k], at);
        }
    }
}

/* ds[k] = sum_i dy[i] x[(i - shift(k)) mod N] */
HEED_KERNEL(circular_conv_vjp)
{
    const real *dy = call->in[0].data, *x = call->in[1].data;
    const int64_t n = heed_row_length(&call->in[0]), shifts = heed_row_length(&call->out);
    real *ds = call->out.data;
    int64_t row, stop = heed_unit_rows(call, begin, end, &row);
    for (; row < stop; row++) {
        const real *from = x + row * n, *with = dy + row * n;
        for (int64_t k = 0; k < shifts; k++) {
            const int64_t at = n > 0 ? rotation(call->attr, k, n) : 0;
            ds[row * shifts + k] =
                row_dot(from + at, with, n - at) + row_dot(from, with + n - at, at);
        }
    }
}

#else
#include "ops/ops.h"

HEED_DECLARE_KERNEL(circular_conv);
static const heed_kernel circular_conv_kernel = HEED_KERNEL_TABLE(circular_conv);
HEED_DECLARE_KERNEL(circular_conv_vjp);
static const heed_kernel circular_conv_vjp_kernel = HEED_KERNEL_TABLE(circular_conv_vjp);

/* Leading axes are equal; what follows are rows. */
static bool rows_fit(heed_infer *infer, bool equal_rows)
{
    const heed_shape *a = &infer->in[0]->shape, *b = &infer->in[1]->shape;
    const circular_attr *attr = infer->attr;
    if (!heed_need_real(infer, 0) || !heed_need_real(infer, 1) || !heed_need_same_dtype(infer))
        return false;
    bool fits = a->rank > 0 && a->rank == b->rank;
    for (int i = 0; fits && i < a->rank - !equal_rows; i++) fits = a->dim[i] == b->dim[i];
    if (!fits)
        return heed_refuse(infer, equal_rows ? "both inputs must have one shape"
                                             : "x [.., N] and s [.., K] must agree in all axes but "
                                               "the last");
    if (attr->first > -INT32_MAX && attr->first < INT32_MAX) return true;
    return heed_refuse(infer, "first shift %lld is not in -2^31 .. 2^31", (long long)attr->first);
}

static bool circular_conv_infer(heed_infer *infer)
{
    return rows_fit(infer, false);
}

static bool circular_conv_vjp_infer(heed_infer *infer)
{
    const circular_attr *attr = infer->attr;
    if (!rows_fit(infer, true)) return false;
    infer->shape.dim[infer->shape.rank - 1] = attr->shifts;
    return true;
}

static heed_node *convolve(heed_node *x, heed_node *s, const circular_attr *attr, int64_t sign)
{
    const circular_attr own = { attr->first, sign, 0 };
    return heed_apply(&heed_op_circular_conv, &own, 2, (heed_node *[]){ x, s });
}

static heed_node *shift_gradient(heed_node *dy, heed_node *x, const circular_attr *attr,
                                 int64_t shifts)
{
    const circular_attr own = { attr->first, attr->sign, shifts };
    return heed_apply(&heed_op_circular_conv_vjp, &own, 2, (heed_node *[]){ dy, x });
}

static void circular_conv_reverse(heed_vjp *v)
{
    const circular_attr *attr = v->attr;
    const heed_shape *s = &v->in[1]->shape;
    if (v->want[0]) v->dx[0] = convolve(v->dy, v->in[1], attr, -attr->sign);
    if (v->want[1]) v->dx[1] = shift_gradient(v->dy, v->in[0], attr, s->dim[s->rank - 1]);
}

/* ds is linear in both: sum_k g[k] ds[k] is sum_i dy[i] (x conv g)[i]. */
static void circular_conv_vjp_reverse(heed_vjp *v)
{
    const circular_attr *attr = v->attr;
    if (v->want[0]) v->dx[0] = convolve(v->in[1], v->dy, attr, attr->sign);
    if (v->want[1]) v->dx[1] = convolve(v->in[0], v->dy, attr, -attr->sign);
}

/* ---- test cases ---- */

static const struct circular_case {
    heed_shape x, s;
    int64_t first, sign;
} cases[] = {
    { { 1, { 7 } }, { 1, { 3 } }, -1, 1 },
    { { 2, { 3, 13 } }, { 2, { 3, 1 } }, 0, 1 },
    { { 3, { 2, 1, 5 } }, { 3, { 2, 1, 5 } }, 0, 1 },
    { { 2, { 2, 33 } }, { 2, { 2, 5 } }, -40, -1 },
    { { 1, { 1 } }, { 1, { 3 } }, -1, 1 },
    { { 2, { 2, 3 } }, { 2, { 2, 7 } }, 2, 1 },
};

static bool take_case(int k, heed_sample *sample, bool reverse)
{
    if (k < 0 || k >= (int)(sizeof cases / sizeof cases[0])) return false;
    const heed_shape *s = &cases[k].s;
    const circular_attr attr = { cases[k].first, cases[k].sign, reverse ? s->dim[s->rank - 1] : 0 };
    sample->n_in = 2;
    sample->in[0].shape = cases[k].x;
    sample->in[1].shape = reverse ? cases[k].x : *s;
    heed_sample_attr(sample, &attr, sizeof attr);
    return true;
}

static bool circular_conv_sample(int k, heed_sample *sample)
{
    return take_case(k, sample, false);
}

static bool circular_conv_vjp_sample(int k, heed_sample *sample)
{
    return take_case(k, sample, true);
}

static double circular_conv_flops(const heed_node *y)
{
    const bool reverse = y->op == &heed_op_circular_conv_vjp;
    const heed_shape *s = reverse ? &y->shape : &y->in[1]->shape;
    return 2.0 * (double)heed_count(&y->in[0]->shape) * (double)s->dim[s->rank - 1];
}

static bool circular_conv_large(heed_sample *sample)
{
    const circular_attr attr = { -1, 1, 0 };
    const heed_shape shapes[] = { { 2, { 131072, 128 } }, { 2, { 131072, 3 } } };
    return heed_sample_large(sample, 2, shapes, &attr, sizeof attr);
}

const heed_op heed_op_circular_conv = {
    .name = "circular_conv",
    .doc = "y[i] = sum_k s[k] x[(i - sign (first + k)) mod N] along the last axis: x [.., N], "
           "s [.., K].",
    .n_in = 2,
    .diff = 3,
    .flags = HEED_LINEAR,
    .attr_size = sizeof(circular_attr),
    .infer = circular_conv_infer,
    .kernel = &circular_conv_kernel,
    .units = heed_row_units,
    .vjp = circular_conv_reverse,
    .sample = circular_conv_sample,
    .flops = circular_conv_flops,
    .large = circular_conv_large,
};

static bool circular_conv_vjp_large(heed_sample *sample)
{
    const circular_attr attr = { -1, 1, 3 };
    const heed_shape shapes[] = { { 2, { 131072, 128 } }, { 2, { 131072, 128 } } };
    return heed_sample_large(sample, 2, shapes, &attr, sizeof attr);
}

const heed_op heed_op_circular_conv_vjp = {
    .name = "circular_conv_vjp",
    .doc = "circular_conv's gradient for s: ds[k] = sum_i dy[i] x[(i - sign (first + k)) mod N]: "
           "dy, x [.., N] -> [.., K].",
    .n_in = 2,
    .diff = 3,
    .flags = HEED_LINEAR,
    .attr_size = sizeof(circular_attr),
    .infer = circular_conv_vjp_infer,
    .kernel = &circular_conv_vjp_kernel,
    .units = heed_row_units,
    .vjp = circular_conv_vjp_reverse,
    .sample = circular_conv_vjp_sample,
    .flops = circular_conv_flops,
    .large = circular_conv_vjp_large,
};

heed_node *heed_circular_conv(heed_node *x, heed_node *s, int64_t first)
{
    if (!x || !s) return NULL;
    heed_shape a = x->shape, b = s->shape, both;
    if (a.rank == 0 || b.rank == 0)
        return heed_graph_fail(x->graph, "circular_conv: x and s need an axis");
    const int64_t n = a.dim[a.rank - 1], shifts = b.dim[b.rank - 1];
    a.dim[a.rank - 1] = b.dim[b.rank - 1] = 1;
    if (!heed_broadcast(&a, &b, &both))
        return heed_graph_fail(x->graph, "circular_conv: the leading axes don't broadcast");
    a = b = both;
    a.dim[a.rank - 1] = n;
    b.dim[b.rank - 1] = shifts;
    const circular_attr attr = { first, 1, 0 };
    return convolve(heed_stretch(x, &a), heed_stretch(s, &b), &attr, 1);
}

#endif

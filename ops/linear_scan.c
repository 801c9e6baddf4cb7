/* linear_scan.c - h[t] = a[t] h[t - 1] + b[t] along an axis, h[0] = b[0]
 *
 * The gradient is a scan of the same kind, the other way round: with
 * g[t] = dh[t] + a[t + 1] g[t + 1], db = g and da[t] = g[t] h[t - 1]. There the factor belongs to
 * the step before: a `late` scan, h[t] = a[t - 1] h[t - 1] + b[t], whose own gradient has the
 * factor in step again. */
#include "ops/cumulative.h"
#include "ops/kernel.h"

typedef struct heed_linear_scan_attr {
    int axis, reverse, late;
} heed_linear_scan_attr;

static inline heed_lines scan_lines(const heed_call *call)
{
    const heed_linear_scan_attr *attr = call->attr;
    return heed_lines_of(&call->out.shape, attr->axis, 1);
}

#ifdef HEED_STAMP

#define ABREAST 8 /* rows: as many chains of dependent operations are under way */

/* Lines of n elements, `along` apart; `width` <= HEED_STRIP of them, `across` apart. a is that of
 * the second step. */
static inline __attribute__((always_inline)) void scan_strip(const real *a, const real *b, real *h,
                                                             int64_t n, int64_t along,
                                                             int64_t width, int64_t across)
{
    double state[HEED_STRIP];
    for (int64_t c = 0; c < width; c++) {
        state[c] = (double)b[c * across];
        h[c * across] = b[c * across];
    }
    for (int64_t k = 1; k < n; k++, a += along) {
        b += along;
        h += along;
        HEED_INDEPENDENT
        for (int64_t c = 0; c < width; c++) {
            double next = (double)a[c * across] * state[c] + (double)b[c * across];
            h[c * across] = (real)next;
            state[c] = next;
        }
    }
}

static void scan_rows(const real *a, const real *b, real *h, int64_t rows, int64_t n, int64_t along)
{
    int64_t r = 0;
    for (; r + ABREAST <= rows; r += ABREAST)
        scan_strip(a + r * n, b + r * n, h + r * n, n, along, ABREAST, n);
    for (; r < rows; r++) scan_strip(a + r * n, b + r * n, h + r * n, n, along, 1, n);
}

HEED_KERNEL(linear_scan)
{
    const heed_linear_scan_attr *attr = call->attr;
    const heed_lines l = scan_lines(call);
    const int64_t along = attr->reverse ? -l.inner : l.inner;
    const int64_t from = attr->reverse ? (l.n - 1) * l.inner : 0;
    const real *a = (const real *)call->in[0].data + from + (attr->late ? 0 : along);
    const real *b = (const real *)call->in[1].data + from;
    real *h = (real *)call->out.data + from;
    for (int64_t u = begin; u < end && l.n > 0; u++) {
        const heed_lines_unit unit = heed_lines_unit_at(&l, u);
        if (l.inner == 1) {
            const int64_t at = unit.first * l.n;
            scan_rows(a + at, b + at, h + at, unit.last - unit.first, l.n, along);
            continue;
        }
        for (int64_t block = unit.first; block < unit.last; block++) {
            const int64_t start = block * l.n * l.inner + unit.left;
            for (int64_t at = start; at < start + unit.width; at += HEED_STRIP)
                scan_strip(a + at, b + at, h + at, l.n, along,
                           heed_smaller(HEED_STRIP, start + unit.width - at), 1);
        }
    }
}

#else
#include "ops/ops.h"

HEED_DECLARE_KERNEL(linear_scan);
static const heed_kernel linear_scan_kernel = HEED_KERNEL_TABLE(linear_scan);

static int64_t linear_scan_units(const heed_call *call)
{
    const heed_lines l = scan_lines(call);
    return heed_lines_units(&l);
}

static bool linear_scan_infer(heed_infer *infer)
{
    heed_linear_scan_attr *attr = infer->attr;
    attr->reverse = attr->reverse != 0;
    attr->late = attr->late != 0;
    if (!heed_need_real(infer, 0) || !heed_need_same_dtype(infer)) return false;
    if (!heed_shape_equal(&infer->in[0]->shape, &infer->in[1]->shape))
        return heed_refuse(infer, "a and b must have one shape");
    return heed_need_axis(infer, &infer->in[0]->shape, &attr->axis);
}

static void linear_scan_vjp(heed_vjp *v)
{
    const heed_linear_scan_attr *attr = v->attr;
    heed_linear_scan_attr back = { attr->axis, !attr->reverse, !attr->late };
    heed_node *g = heed_apply(&heed_op_linear_scan, &back, 2, (heed_node *[]){ v->in[0], v->dy });
    if (v->want[1]) v->dx[1] = g;
    if (!v->want[0]) return;
    if (attr->late)
        v->dx[0] = heed_mul(heed_shift_along(g, attr->axis, attr->reverse), v->y);
    else
        v->dx[0] = heed_mul(g, heed_shift_along(v->y, attr->axis, !attr->reverse));
}

static bool linear_scan_sample(int k, heed_sample *sample)
{
    static const struct {
        heed_shape shape;
        heed_linear_scan_attr attr;
    } cases[] = {
        { { 1, { 5 } }, { 0, 0, 0 } },       { { 1, { 13 } }, { -1, 1, 0 } },
        { { 2, { 9, 3 } }, { 1, 0, 1 } },    { { 2, { 3, 4 } }, { 0, 1, 1 } },
        { { 3, { 2, 5, 3 } }, { 1, 0, 0 } }, { { 3, { 2, 1, 3 } }, { -2, 1, 0 } },
        { { 2, { 7, 1 } }, { 0, 0, 1 } },
    };
    if (k < 0 || k >= (int)(sizeof cases / sizeof cases[0])) return false;
    sample->n_in = 2;
    sample->in[0] = (heed_sample_input){ .shape = cases[k].shape, .low = -1, .high = 1 };
    sample->in[1].shape = cases[k].shape;
    heed_sample_attr(sample, &cases[k].attr, sizeof cases[k].attr);
    return true;
}

static double linear_scan_flops(const heed_node *node)
{
    return 2.0 * (double)heed_count(&node->shape);
}

const heed_op heed_op_linear_scan = {
    .name = "linear_scan",
    .doc = "h[t] = a[t] h[t - 1] + b[t] along an axis, h[0] = b[0]; reverse: from the end; late: "
           "with a[t - 1] in place of a[t].",
    .n_in = 2,
    .diff = 3,
    .in_place = 2,
    .attr_size = sizeof(heed_linear_scan_attr),
    .infer = linear_scan_infer,
    .kernel = &linear_scan_kernel,
    .units = linear_scan_units,
    .vjp = linear_scan_vjp,
    .sample = linear_scan_sample,
    .flops = linear_scan_flops,
    .limit = "a chain: each number waits for the one before it",
};

heed_node *heed_linear_scan_with(heed_node *a, heed_node *b, int axis,
                                 heed_linear_scan_options options)
{
    heed_shape both;
    if (!a || !b) return NULL;
    if (heed_broadcast(&a->shape, &b->shape, &both)) {
        a = heed_stretch(a, &both);
        b = heed_stretch(b, &both);
    }
    heed_linear_scan_attr attr = { axis, options.reverse, options.late };
    return heed_apply(&heed_op_linear_scan, &attr, 2, (heed_node *[]){ a, b });
}

#endif

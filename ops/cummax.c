/* cummax.c - y[k] = the largest of x[0] .. x[k] along an axis, and its position */
#include "ops/kernel.h"
#include "ops/lines.h"

typedef struct heed_cummax_attr {
    int axis;
    int smallest; /* the smallest instead */
} heed_cummax_attr;

static inline heed_lines cummax_lines(const heed_call *call)
{
    const heed_cummax_attr *attr = call->attr;
    return heed_lines_of(&call->out.shape, attr->axis, 1);
}

#ifdef HEED_STAMP

typedef struct strip {
    const real *x;
    real *y;
    int32_t *at;
    int64_t n, along, width, across; /* lines of n elements, `along` apart; `width` of them */
} strip;

/* The last of equals, and a NaN over any number. */
static inline __attribute__((always_inline)) void search_strip(bool smallest, strip s,
                                                               int64_t width, int64_t across)
{
    real best[HEED_STRIP];
    ireal place[HEED_STRIP] = { 0 };
    for (int64_t c = 0; c < width; c++) best[c] = s.x[c * across];
    for (int64_t k = 0; k < s.n; k++) {
        const int64_t row = k * s.along;
        HEED_INDEPENDENT
        for (int64_t c = 0; c < width; c++) {
            real x = s.x[row + c * across];
            bool keeps = smallest ? x > best[c] : x < best[c];
            keeps |= (best[c] != best[c]) & (x == x);
            real most = keeps ? best[c] : x;
            ireal at = keeps ? place[c] : (ireal)k;
            best[c] = most;
            place[c] = at;
            s.y[row + c * across] = most;
            s.at[row + c * across] = (int32_t)at;
        }
    }
}

static inline void search(bool smallest, strip s)
{
    if (s.across == 1)
        search_strip(smallest, s, s.width, 1);
    else
        search_strip(smallest, s, 1, s.across);
}

HEED_KERNEL(cummax)
{
    const heed_cummax_attr *attr = call->attr;
    const heed_lines l = cummax_lines(call);
    for (int64_t u = begin; u < end && l.n > 0; u++) {
        const heed_lines_unit unit = heed_lines_unit_at(&l, u);
        for (int64_t b = unit.first; b < unit.last; b++) {
            for (int64_t c = 0; c < unit.width; c += HEED_STRIP) {
                const int64_t at = b * l.n * l.inner + unit.left + c;
                strip s = { .x = (const real *)call->in[0].data + at,
                            .y = (real *)call->out.data + at,
                            .at = (int32_t *)call->aux.data + at,
                            .n = l.n,
                            .along = l.inner,
                            .width = heed_smaller(HEED_STRIP, unit.width - c),
                            .across = l.inner > 1 ? 1 : l.n };
                if (attr->smallest)
                    search(true, s);
                else
                    search(false, s);
            }
        }
    }
}

#else
#include "ops/ops.h"
#include "ops/positions.h"

HEED_DECLARE_KERNEL(cummax);
static const heed_kernel cummax_kernel = HEED_KERNEL_TABLE(cummax);

static int64_t cummax_units(const heed_call *call)
{
    const heed_lines l = cummax_lines(call);
    return heed_lines_units(&l);
}

static bool cummax_infer(heed_infer *infer)
{
    heed_cummax_attr *attr = infer->attr;
    attr->smallest = attr->smallest != 0;
    return heed_need_real(infer, 0) && heed_need_axis(infer, &infer->in[0]->shape, &attr->axis) &&
           heed_positions_infer(infer, attr->axis);
}

static void cummax_vjp(heed_vjp *v)
{
    const heed_cummax_attr *attr = v->attr;
    int64_t size = v->y->shape.dim[attr->axis];
    if (v->want[0]) v->dx[0] = heed_positions_vjp(v->y, v->dy, attr->axis, size);
}

static bool cummax_sample(int k, heed_sample *sample)
{
    static const struct {
        heed_shape shape;
        heed_cummax_attr attr;
    } cases[] = {
        { { 1, { 7 } }, { 0, 0 } },        { { 1, { 33 } }, { -1, 1 } },
        { { 2, { 3, 5 } }, { 1, 0 } },     { { 2, { 13, 3 } }, { 0, 1 } },
        { { 3, { 2, 5, 3 } }, { -2, 0 } }, { { 3, { 2, 1, 4 } }, { 1, 0 } },
    };
    if (k < 0 || k >= (int)(sizeof cases / sizeof cases[0])) return false;
    sample->n_in = 1;
    sample->in[0].shape = cases[k].shape;
    sample->in[0].distinct = true; /* where the largest changes hands there is a kink */
    heed_sample_attr(sample, &cases[k].attr, sizeof cases[k].attr);
    return true;
}

const heed_op heed_op_cummax = {
    .name = "cummax",
    .doc =
        "y[k] = largest (smallest) of x[0] .. x[k] along an axis, and, as aux, its i32 position: "
        "the last of equals; NaN from the first one on. Its gradient goes there.",
    .n_in = 1,
    .diff = 1,
    .in_place = 1,
    .attr_size = sizeof(heed_cummax_attr),
    .infer = cummax_infer,
    .kernel = &cummax_kernel,
    .units = cummax_units,
    .vjp = cummax_vjp,
    .sample = cummax_sample,
};

static heed_node *apply(heed_node *x, int axis, bool smallest, heed_node **positions)
{
    heed_cummax_attr attr = { axis, smallest };
    heed_node *y = heed_apply(&heed_op_cummax, &attr, 1, &x);
    heed_positions_give(y, -1, positions);
    return y;
}

heed_node *heed_cummax(heed_node *x, int axis, heed_node **positions)
{
    return apply(x, axis, false, positions);
}

heed_node *heed_cummin(heed_node *x, int axis, heed_node **positions)
{
    return apply(x, axis, true, positions);
}

#endif

/* arg_reduce.c - y = position of the largest (smallest) x along an axis: the first of equals; a NaN
 * wins over any number, the first NaN over later ones. */
#include "ops/micro/arg_reduce.h"

#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP

#define WIDTH 256                /* columns that are searched together */
#define ABREAST (4 * HEED_LANES) /* places of a contiguous run that are searched together */

/* Whether `value` takes over from `best`, which came before it. */
static inline bool beats(bool largest, real value, real best)
{
    bool beyond = largest ? value > best : value < best;
    return beyond | ((value != value) & (best == best));
}

/* Update best[c] and its row, place[c], with row `row` at x. */
static inline void search_row(bool largest, real *restrict best, ireal *restrict place,
                              const real *restrict x, ireal row, int64_t width)
{
    for (int64_t c = 0; c < width; c++) {
        real value = x[c], old = best[c];
        bool yes = beats(largest, value, old);
        best[c] = yes ? value : old;
        place[c] = yes ? row : place[c];
    }
}

/* A contiguous run as rows of ABREAST columns; then the winner among columns and what is left. */
static inline int32_t search_run(bool largest, const real *x, int64_t n)
{
    real best[ABREAST];
    ireal place[ABREAST];
    int64_t rows = n / ABREAST, at = 0;
    if (rows > 0) {
        for (int c = 0; c < ABREAST; c++) best[c] = x[c], place[c] = 0;
        for (int64_t r = 1; r < rows; r++) {
            search_row(largest, best, place, x + r * ABREAST, (ireal)r, ABREAST);
        }
        for (int c = 0; c < ABREAST; c++) {
            int64_t i = (int64_t)place[c] * ABREAST + c;
            bool equal = x[i] == x[at] || (x[i] != x[i] && x[at] != x[at]);
            if (beats(largest, x[i], x[at]) || (equal && i < at)) at = i;
        }
    }
    for (int64_t i = rows * ABREAST; i < n; i++) {
        if (beats(largest, x[i], x[at])) at = i;
    }
    return (int32_t)at;
}

static inline int32_t search_strided(bool largest, const real *x, int64_t n, int64_t stride)
{
    int64_t at = 0;
    for (int64_t i = 1; i < n; i++) {
        if (beats(largest, x[i * stride], x[at * stride])) at = i;
    }
    return (int32_t)at;
}

/* Columns [0, width) at x, at most WIDTH, to y with the given step. */
static inline void search_strip(bool largest, const heed_reduce_plan *plan, const real *x,
                                int32_t *y, int64_t width)
{
    real best[WIDTH];
    ireal place[WIDTH];
    int64_t rows = plan->reduced.count, stride = plan->reduced.n > 0 ? plan->reduced.in[0] : 0;
    for (int64_t c = 0; c < width; c++) best[c] = x[c], place[c] = 0;
    for (int64_t r = 1; r < rows; r++) {
        search_row(largest, best, place, x + r * stride, (ireal)r, width);
    }
    for (int64_t c = 0; c < width; c++) y[c * plan->run_out] = (int32_t)place[c];
}

static void offsets(const heed_loops *loops, int64_t k, int64_t *in, int64_t *out)
{
    *in = *out = 0;
    for (int i = loops->n - 1; i >= 0 && k > 0; i--) {
        *in += k % loops->dim[i] * loops->in[i];
        *out += k % loops->dim[i] * loops->out[i];
        k /= loops->dim[i];
    }
}

static inline void search_unit(bool largest, const heed_call *call, int64_t unit)
{
    const heed_reduce_plan *plan = call->plan;
    int64_t first = unit / plan->parts * plan->group, from, to;
    int64_t last = heed_smaller(first + plan->group, plan->kept.count);
    int64_t begin = unit % plan->parts * plan->part;
    int64_t end = heed_smaller(begin + plan->part, plan->run);
    for (int64_t k = first; k < last; k++) {
        offsets(&plan->kept, k, &from, &to);
        const real *x = (const real *)call->in[0].data + from;
        int32_t *y = (int32_t *)call->out.data + to;
        if (plan->rows && plan->stride == 1) {
            *y = search_run(largest, x, plan->run);
        } else if (plan->rows) {
            *y = search_strided(largest, x, plan->run, plan->stride);
        } else {
            for (int64_t c = begin; c < end; c += WIDTH) {
                int64_t width = heed_smaller(WIDTH, end - c);
                search_strip(largest, plan, x + c, y + c * plan->run_out, width);
            }
        }
    }
}

HEED_KERNEL(arg_reduce)
{
    const heed_reduce_plan *plan = call->plan;
    bool largest = plan->kind == HEED_REDUCE_MAX;
    for (int64_t u = begin; u < end; u++) {
        if (largest)
            search_unit(true, call, u);
        else
            search_unit(false, call, u);
    }
}

#else
#include "ops/reduce.h"

HEED_DECLARE_KERNEL(arg_reduce);
const heed_kernel heed_arg_kernel = HEED_KERNEL_TABLE(arg_reduce);

bool heed_arg_infer(heed_infer *infer)
{
    const heed_reduce_attr *attr = infer->attr;
    if (!heed_extremum_infer(infer)) return false;
    int64_t size = infer->in[0]->shape.dim[attr->axes[0]];
    if (size > INT32_MAX) {
        return heed_refuse(infer, "axis %d is too long for i32 positions", attr->axes[0]);
    }
    infer->dtype = HEED_I32;
    return true;
}

bool heed_arg_sample(int k, heed_sample *sample)
{
    static const struct {
        heed_shape shape;
        int axis;
    } cases[] = {
        { { 1, { 7 } }, 0 },  { { 2, { 3, 4 } }, 1 },     { { 2, { 13, 3 } }, 0 },
        { { 1, { 33 } }, 0 }, { { 3, { 2, 1, 5 } }, -2 }, { { 3, { 2, 3, 4 } }, 1 },
    };
    if (k < 0 || k >= (int)(sizeof cases / sizeof cases[0])) return false;
    heed_reduce_attr attr = { .n = 1, .axes = { cases[k].axis } };
    sample->n_in = 1;
    sample->in[0].shape = cases[k].shape;
    heed_sample_attr(sample, &attr, sizeof attr);
    return true;
}

heed_node *heed_arg_apply(const heed_op *op, heed_node *x, int axis)
{
    heed_reduce_attr attr = { .n = 1, .axes = { axis } };
    return heed_apply(op, &attr, 1, &x);
}

#endif

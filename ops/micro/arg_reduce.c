/* arg_reduce.c - y = position of the largest (smallest) x along an axis: the first of equals; a NaN
 * wins over any number, the first NaN over later ones. */
#include "ops/micro/arg_reduce.h"

#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP
#include <string.h>

#define WIDTH 256              /* columns that are searched together */
#define SHORT (4 * HEED_LANES) /* shorter runs are searched many at a time */

/* Whether `value` takes over from `best`, which came before it. */
static inline bool beats(bool largest, real value, real best)
{
    bool beyond = largest ? value > best : value < best;
    return beyond | ((value != value) & (best == best));
}

/* Update best and its row, place, lane by lane, with the values of row `row`. */
static inline void search_vec(bool largest, vec *best, ivec *place, vec value, ireal row)
{
    ivec yes = (largest ? value > *best : value < *best) | ((value != value) & (*best == *best));
    *best = (vec)(((ivec)value & yes) | ((ivec)*best & ~yes));
    *place = (((ivec){ 0 } + row) & yes) | (*place & ~yes);
}

static inline void search_row(bool largest, real *restrict best, ireal *restrict place,
                              const real *restrict x, ireal row, int64_t width)
{
    int64_t c = 0;
    for (; c + HEED_LANES <= width; c += HEED_LANES) {
        vec b = *(vec_u *)(best + c);
        ivec p = *(ivec_u *)(place + c);
        search_vec(largest, &b, &p, *(const vec_u *)(x + c), row);
        *(vec_u *)(best + c) = b;
        *(ivec_u *)(place + c) = p;
    }
    for (; c < width; c++) {
        bool yes = beats(largest, x[c], best[c]);
        best[c] = yes ? x[c] : best[c];
        place[c] = yes ? row : place[c];
    }
}

/* Position of the winner among lanes: lane c holds element place[c] * HEED_LANES + c. */
static inline int64_t search_lanes(bool largest, const real *x, ivec place)
{
    ireal row[HEED_LANES];
    int64_t at = 0;
    memcpy(row, &place, sizeof row);
    for (int c = 0; c < HEED_LANES; c++) {
        int64_t i = (int64_t)row[c] * HEED_LANES + c;
        bool equal = x[i] == x[at] || (x[i] != x[i] && x[at] != x[at]);
        if (c == 0 || beats(largest, x[i], x[at]) || (equal && i < at)) at = i;
    }
    return at;
}

/* A contiguous run as rows of one vector, two at a time; then what is left. */
static inline int32_t search_run(bool largest, const real *x, int64_t n)
{
    const vec_u *v = (const vec_u *)x;
    int64_t rows = n / HEED_LANES, at = 0;
    if (rows >= 2) {
        vec even = v[0], odd = v[1];
        ivec even_place = { 0 }, odd_place = (ivec){ 0 } + 1;
        int64_t r = 2;
        for (; r + 2 <= rows; r += 2) {
            search_vec(largest, &even, &even_place, v[r], (ireal)r);
            search_vec(largest, &odd, &odd_place, v[r + 1], (ireal)(r + 1));
        }
        int64_t a = search_lanes(largest, x, even_place), b = search_lanes(largest, x, odd_place);
        int64_t early = heed_smaller(a, b), late = a + b - early;
        at = beats(largest, x[late], x[early]) ? late : early;
        rows = r;
    } else {
        rows = 0;
    }
    for (int64_t i = rows * HEED_LANES; i < n; i++) {
        if (beats(largest, x[i], x[at])) at = i;
    }
    return (int32_t)at;
}

/* HEED_LANES short runs, turned so that each has a lane. */
static inline void search_short(bool largest, const real *x, int64_t step, int64_t n, int32_t *y)
{
    real turned[SHORT * HEED_LANES];
    ireal row[HEED_LANES];
    const vec_u *v = (const vec_u *)turned;
    ivec place = { 0 };
    for (int r = 0; r < HEED_LANES; r++) {
        turned[r] = x[r * step];
        for (int64_t i = 1; i < n; i++) turned[i * HEED_LANES + r] = x[r * step + i];
    }
    vec best = v[0];
    for (int64_t i = 1; i < n; i++) search_vec(largest, &best, &place, v[i], (ireal)i);
    memcpy(row, &place, sizeof row);
    for (int r = 0; r < HEED_LANES; r++) y[r] = (int32_t)row[r];
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

/* Outputs first <= k < last, each from one run, in stretches along the innermost kept axis. */
static inline void search_rows(bool largest, const heed_reduce_plan *plan, const real *x,
                               int32_t *y, int64_t first, int64_t last)
{
    int inner = plan->kept.n - 1;
    int64_t size = inner >= 0 ? plan->kept.dim[inner] : 1, from, to;
    int64_t step = inner >= 0 ? plan->kept.in[inner] : 0;
    int64_t step_out = inner >= 0 ? plan->kept.out[inner] : 1;
    bool abreast = plan->stride == 1 && plan->run < SHORT && step_out == 1;
    for (int64_t k = first, n; k < last; k += n) {
        int64_t i = 0;
        offsets(&plan->kept, k, &from, &to);
        n = heed_smaller(last - k, size - k % size);
        for (; abreast && i + HEED_LANES <= n; i += HEED_LANES) {
            search_short(largest, x + from + i * step, step, plan->run, y + to + i);
        }
        for (; i < n; i++) {
            const real *run = x + from + i * step;
            y[to + i * step_out] = plan->stride == 1
                                       ? search_run(largest, run, plan->run)
                                       : search_strided(largest, run, plan->run, plan->stride);
        }
    }
}

static inline void search_unit(bool largest, const heed_call *call, int64_t unit)
{
    const heed_reduce_plan *plan = call->plan;
    const real *x = call->in[0].data;
    int32_t *y = call->out.data;
    int64_t first = unit / plan->parts * plan->group, from, to;
    int64_t last = heed_smaller(first + plan->group, plan->kept.count);
    int64_t begin = unit % plan->parts * plan->part;
    int64_t end = heed_smaller(begin + plan->part, plan->run);
    if (plan->rows) {
        search_rows(largest, plan, x, y, first, last);
        return;
    }
    for (int64_t k = first; k < last; k++) {
        offsets(&plan->kept, k, &from, &to);
        for (int64_t c = begin; c < end; c += WIDTH) {
            int64_t width = heed_smaller(WIDTH, end - c);
            search_strip(largest, plan, x + from + c, y + to + c * plan->run_out, width);
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

/* reduce.c - y = sum (max, min, product) of x over axes.
 *
 * The order of additions is fixed by shape and strides. Long sums are made of blocks: lanes and
 * rows of a block add up in the element type, blocks in f64, so the error does not grow with
 * length. */
#include "ops/micro/reduce.h"

#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP
#include "ops/micro/reduce_join.h"

#define BLOCK 4096 /* elements of a run that are added without f64 */
#define DEEP 512   /* rows that are added without f64 */

static inline double join_run(kind_of kind, const real *x, int64_t n, int64_t stride)
{
    double total = (double)start_of(kind);
    if (stride != 1) {
        for (int64_t i = 0; i < n; i++) total = join_wide(kind, total, (double)x[i * stride]);
        return total;
    }
    for (int64_t i = 0; i < n; i += BLOCK) {
        real block = join_block(kind, x + i, heed_smaller(BLOCK, n - i));
        total = join_wide(kind, total, (double)block);
    }
    return total;
}

/* Offset of the input at step k of a nest. */
static inline int64_t offset_in(const heed_loops *loops, int64_t k)
{
    int64_t offset = 0;
    for (int i = loops->n - 1; i >= 0 && k > 0; i--) {
        offset += k % loops->dim[i] * loops->in[i];
        k /= loops->dim[i];
    }
    return offset;
}

static inline int64_t offset_out(const heed_loops *loops, int64_t k)
{
    int64_t offset = 0;
    for (int i = loops->n - 1; i >= 0 && k > 0; i--) {
        offset += k % loops->dim[i] * loops->out[i];
        k /= loops->dim[i];
    }
    return offset;
}

/* One output: all of the reduced loops. */
static inline double reduce_one(kind_of kind, const heed_reduce_plan *plan, const real *x)
{
    if (plan->reduced.count == 1) return join_run(kind, x, plan->run, plan->stride);
    double total = (double)start_of(kind);
    for (int64_t r = 0; r < plan->reduced.count; r++) {
        const real *run = x + offset_in(&plan->reduced, r);
        total = join_wide(kind, total, join_run(kind, run, plan->run, plan->stride));
    }
    return total;
}

/* Outputs first <= k < last, in stretches along the innermost kept axis. */
static inline void reduce_rows(kind_of kind, const heed_reduce_plan *plan, const real *x, real *y,
                               int64_t first, int64_t last)
{
    int inner = plan->kept.n - 1;
    int64_t size = inner >= 0 ? plan->kept.dim[inner] : 1;
    int64_t step = inner >= 0 ? plan->kept.in[inner] : 0;
    int64_t step_out = inner >= 0 ? plan->kept.out[inner] : 1;
    bool eight =
        plan->reduced.count == 1 && plan->stride == 1 && plan->run < SHORT && step_out == 1;
    for (int64_t k = first, n; k < last; k += n) {
        const real *from = x + offset_in(&plan->kept, k);
        real *to = y + offset_out(&plan->kept, k);
        int64_t i = 0;
        n = heed_smaller(last - k, size - k % size);
        for (; eight && i + 8 <= n; i += 8) {
            real result[8];
            join_short_rows(kind, from + i * step, step, plan->run, result);
            for (int r = 0; r < 8; r++) to[i + r] = result[r] * (real)plan->scale;
        }
        for (; i < n; i++) {
            to[i * step_out] = (real)(reduce_one(kind, plan, from + i * step) * plan->scale);
        }
    }
}

/* ---- runs that are kept ---- */

/* All reduced rows of columns [0, width) at x, at most WIDTH, to y. */
static inline void reduce_strip(kind_of kind, const heed_reduce_plan *plan, const real *x, real *y,
                                int64_t width)
{
    real acc[WIDTH];
    double total[WIDTH];
    int inner = plan->reduced.n - 1;
    int64_t rows = inner >= 0 ? plan->reduced.dim[inner] : 1;
    int64_t stride = inner >= 0 ? plan->reduced.in[inner] : 0, depth = 0;
    bool flushed = false;
    for (int64_t r = 0; r < plan->reduced.count; r += rows) {
        const real *from = x + offset_in(&plan->reduced, r);
        for (int64_t done = 0, n; done < rows; done += n) {
            if (depth == DEEP) {
                for (int64_t c = 0; c < width; c++) {
                    total[c] = flushed ? join_wide(kind, total[c], (double)acc[c]) : (double)acc[c];
                }
                flushed = true;
                depth = 0;
            }
            n = heed_smaller(rows - done, DEEP - depth);
            join_rows(kind, acc, from + done * stride, stride, n, width, depth == 0);
            depth += n;
        }
    }
    real scale = (real)plan->scale;
    int64_t step = plan->run_out;
    for (int64_t c = 0; c < width && !flushed; c++) y[c * step] = acc[c] * scale;
    for (int64_t c = 0; c < width && flushed; c++) {
        y[c * step] = (real)(join_wide(kind, total[c], (double)acc[c]) * plan->scale);
    }
}

static inline void reduce_columns(kind_of kind, const heed_reduce_plan *plan, const real *x,
                                  real *y, int64_t unit)
{
    int64_t first = unit / plan->parts * plan->group, begin = unit % plan->parts * plan->part;
    int64_t last = heed_smaller(first + plan->group, plan->kept.count);
    int64_t end = heed_smaller(begin + plan->part, plan->run);
    for (int64_t k = first; k < last; k++) {
        const real *from = x + offset_in(&plan->kept, k);
        real *to = y + offset_out(&plan->kept, k);
        for (int64_t c = begin; c < end; c += WIDTH) {
            reduce_strip(kind, plan, from + c, to + c * plan->run_out,
                         heed_smaller(WIDTH, end - c));
        }
    }
}

static inline void reduce_units(kind_of kind, const heed_call *call, int64_t begin, int64_t end)
{
    const heed_reduce_plan *plan = call->plan;
    const real *x = call->in[0].data;
    real *y = call->out.data;
    for (int64_t u = begin; u < end; u++) {
        if (plan->rows) {
            int64_t first = u * plan->group;
            int64_t last = heed_smaller(first + plan->group, plan->kept.count);
            reduce_rows(kind, plan, x, y, first, last);
        } else {
            reduce_columns(kind, plan, x, y, u);
        }
    }
}

HEED_KERNEL(reduce)
{
    const heed_reduce_plan *plan = call->plan;
    switch (plan->kind) { /* compiled once for each */
    case HEED_REDUCE_SUM:
        reduce_units(HEED_REDUCE_SUM, call, begin, end);
        break;
    case HEED_REDUCE_MAX:
        reduce_units(HEED_REDUCE_MAX, call, begin, end);
        break;
    case HEED_REDUCE_MIN:
        reduce_units(HEED_REDUCE_MIN, call, begin, end);
        break;
    case HEED_REDUCE_PROD:
        reduce_units(HEED_REDUCE_PROD, call, begin, end);
        break;
    }
}

#else

HEED_DECLARE_KERNEL(reduce);
const heed_kernel heed_reduce_kernel = HEED_KERNEL_TABLE(reduce);

#endif

/* reduce.c - y = sum (max, min) of x over axes.
 *
 * The order of additions is fixed by shape and strides. Long sums are made of blocks: lanes and
 * rows of a block add up in the element type, blocks in f64, so the error does not grow with
 * length. */
#include "ops/micro/reduce.h"

#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP
#include <math.h>
#include <string.h>

#define BLOCK 4096              /* elements of a run that are added without f64 */
#define SHORT (16 + HEED_LANES) /* shorter runs are reduced eight at a time */
#define WIDTH 256               /* columns that are reduced together: their results stay in L1 */
#define DEEP 512                /* rows that are added without f64 */

typedef heed_reduce_kind kind_of;

static inline real start_of(kind_of kind)
{
    return kind == HEED_REDUCE_SUM ? 0 : kind == HEED_REDUCE_MAX ? -(real)INFINITY : (real)INFINITY;
}

/* a + b; or the larger or smaller one, NaN if one is. */
static inline real join(kind_of kind, real a, real b)
{
    if (kind == HEED_REDUCE_SUM) return a + b;
    if (kind == HEED_REDUCE_MAX) return ((a > b) | (a != a)) ? a : b;
    return ((a < b) | (a != a)) ? a : b;
}

static inline double join_wide(kind_of kind, double a, double b)
{
    if (kind == HEED_REDUCE_SUM) return a + b;
    if (kind == HEED_REDUCE_MAX) return ((a > b) | (a != a)) ? a : b;
    return ((a < b) | (a != a)) ? a : b;
}

static inline vec join_vec(kind_of kind, vec a, vec b)
{
    if (kind == HEED_REDUCE_SUM) return a + b;
    ivec take_a = (kind == HEED_REDUCE_MAX ? a > b : a < b) | (a != a);
    return (vec)(((ivec)a & take_a) | ((ivec)b & ~take_a));
}

/* Sixteen bytes of a vector. */
typedef real piece __attribute__((vector_size(16)));
typedef ireal ipiece __attribute__((vector_size(16)));
typedef real piece_u __attribute__((vector_size(16), aligned(sizeof(real)), may_alias));
#define PIECE ((int)(16 / sizeof(real)))

static inline piece join_piece(kind_of kind, piece a, piece b)
{
    if (kind == HEED_REDUCE_SUM) return a + b;
    ipiece take_a = (kind == HEED_REDUCE_MAX ? a > b : a < b) | (a != a);
    return (piece)(((ipiece)a & take_a) | ((ipiece)b & ~take_a));
}

/* ---- runs that are reduced ---- */

/* The lanes of v as a tree: pieces of 16 bytes, then their lanes. */
static inline real join_lanes(kind_of kind, vec v)
{
    piece part[HEED_VECTOR_BYTES / 16];
    real lane[PIECE];
    memcpy(part, &v, sizeof part);
    for (int n = HEED_VECTOR_BYTES / 32; n > 0; n /= 2) {
        for (int k = 0; k < n; k++) part[k] = join_piece(kind, part[k], part[k + n]);
    }
    memcpy(lane, part, sizeof lane);
    for (int n = PIECE / 2; n > 0; n /= 2) {
        for (int k = 0; k < n; k++) lane[k] = join(kind, lane[k], lane[k + n]);
    }
    return lane[0];
}

/* Contiguous x[0 .. n): up to four vectors of partial results, then a tree, then what is left. */
static inline real join_block(kind_of kind, const real *x, int64_t n)
{
    const vec_u *v = (const vec_u *)x;
    int64_t i = 0, vectors = n / HEED_LANES;
    real result = start_of(kind);
    if (vectors > 0) {
        vec a = v[0];
        i = 1;
        if (vectors >= 4) {
            vec b = v[1], c = v[2], d = v[3];
            for (i = 4; i + 4 <= vectors; i += 4) {
                a = join_vec(kind, a, v[i]);
                b = join_vec(kind, b, v[i + 1]);
                c = join_vec(kind, c, v[i + 2]);
                d = join_vec(kind, d, v[i + 3]);
            }
            a = join_vec(kind, join_vec(kind, a, b), join_vec(kind, c, d));
        }
        for (; i < vectors; i++) a = join_vec(kind, a, v[i]);
        result = join_lanes(kind, a);
        i *= HEED_LANES;
    }
    for (; i < n; i++) result = join(kind, result, x[i]);
    return result;
}

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

/* Eight short rows side by side: eight independent chains of additions. */
static inline void join_short_rows(kind_of kind, const real *x, int64_t row_stride, int64_t n,
                                   real scale, real *y)
{
    real result[8];
    for (int r = 0; r < 8; r++) result[r] = start_of(kind);
    for (int64_t i = 0; i < n; i++) {
        for (int r = 0; r < 8; r++) result[r] = join(kind, result[r], x[r * row_stride + i]);
    }
    for (int r = 0; r < 8; r++) y[r] = result[r] * scale;
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
            join_short_rows(kind, from + i * step, step, plan->run, (real)plan->scale, to + i);
        }
        for (; i < n; i++) {
            to[i * step_out] = (real)(reduce_one(kind, plan, from + i * step) * plan->scale);
        }
    }
}

/* ---- runs that are kept ---- */

/* Columns of `rows` rows (1, 2 or 8) as a tree: a vector of them, sixteen bytes of them, or one. */
static inline vec join_column_vec(kind_of kind, const real *x, int64_t stride, int rows)
{
    vec v[8];
    for (int r = 0; r < rows; r++) v[r] = *(const vec_u *)(x + r * stride);
    for (int n = rows / 2; n > 0; n /= 2) {
        for (int r = 0; r < n; r++) v[r] = join_vec(kind, v[r], v[r + n]);
    }
    return v[0];
}

static inline piece join_column_piece(kind_of kind, const real *x, int64_t stride, int rows)
{
    piece v[8];
    for (int r = 0; r < rows; r++) v[r] = *(const piece_u *)(x + r * stride);
    for (int n = rows / 2; n > 0; n /= 2) {
        for (int r = 0; r < n; r++) v[r] = join_piece(kind, v[r], v[r + n]);
    }
    return v[0];
}

static inline real join_column(kind_of kind, const real *x, int64_t stride, int rows)
{
    real v[8];
    for (int r = 0; r < rows; r++) v[r] = x[r * stride];
    for (int n = rows / 2; n > 0; n /= 2) {
        for (int r = 0; r < n; r++) v[r] = join(kind, v[r], v[r + n]);
    }
    return v[0];
}

/* acc[c] = join(acc[c], x[0][c], ... x[rows - 1][c]); `fresh`: without acc[c]. Rows is constant. */
static inline void join_some(kind_of kind, real *restrict acc, const real *restrict x,
                             int64_t stride, int rows, int64_t width, bool fresh)
{
    int64_t c = 0;
    for (; c + HEED_LANES <= width; c += HEED_LANES) {
        vec all = join_column_vec(kind, x + c, stride, rows);
        vec_u *to = (vec_u *)(acc + c);
        *to = fresh ? all : join_vec(kind, *to, all);
    }
    for (; c + PIECE <= width; c += PIECE) {
        piece all = join_column_piece(kind, x + c, stride, rows);
        piece_u *to = (piece_u *)(acc + c);
        *to = fresh ? all : join_piece(kind, *to, all);
    }
    for (; c < width; c++) {
        real all = join_column(kind, x + c, stride, rows);
        acc[c] = fresh ? all : join(kind, acc[c], all);
    }
}

static inline void join_rows(kind_of kind, real *acc, const real *x, int64_t stride, int64_t rows,
                             int64_t width, bool fresh)
{
    int64_t r = 0;
    for (; r + 8 <= rows; r += 8) {
        if (fresh)
            join_some(kind, acc, x + r * stride, stride, 8, width, true);
        else
            join_some(kind, acc, x + r * stride, stride, 8, width, false);
        fresh = false;
    }
    for (; r + 2 <= rows; r += 2) {
        if (fresh)
            join_some(kind, acc, x + r * stride, stride, 2, width, true);
        else
            join_some(kind, acc, x + r * stride, stride, 2, width, false);
        fresh = false;
    }
    if (r < rows && fresh)
        join_some(kind, acc, x + r * stride, stride, 1, width, true);
    else if (r < rows)
        join_some(kind, acc, x + r * stride, stride, 1, width, false);
}

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
    }
}

#else

HEED_DECLARE_KERNEL(reduce);
const heed_kernel heed_reduce_kernel = HEED_KERNEL_TABLE(reduce);

#endif

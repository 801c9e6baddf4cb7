/* resample.c - y = A x B' over the last one or two axes, and its adjoint dx = A' dy B: average
 * pooling and upsampling. See resample.h for what A and B are.
 *
 * A unit is some rows of one block of columns. Where rows become fewer, they are added up first and
 * the sum is resampled along the row; where they become more, each row is resampled once and kept
 * while output rows need it. */
#include "ops/common.h"
#include "ops/kernel.h"
#include "ops/resample.h"

enum { BLOCK = 4096 }; /* columns; a table of them stays in the L1 or L2 cache */

/* One direction of the map: rows and columns that are read, that are written. */
typedef struct resample_sizes {
    int64_t rows_in, columns_in, rows, columns, planes, block, blocks, per_unit, groups;
    int64_t down, across; /* elements that make an output, at most */
    bool grows;           /* there are more rows than were read */
} resample_sizes;

static inline resample_sizes resample_sizes_of(const heed_call *call, bool reverse)
{
    const heed_resample_attr *a = call->attr;
    const int64_t *in = reverse ? a->out : a->in, *out = reverse ? a->in : a->out;
    resample_sizes z = { .rows_in = in[0], .columns_in = in[1], .rows = out[0], .columns = out[1] };
    z.planes = heed_product(&call->out.shape, 0, call->out.shape.rank - (int)a->axes);
    z.block = heed_smaller(z.columns, BLOCK);
    z.blocks = z.columns > 0 ? heed_units_of(z.columns, BLOCK) : 0;
    z.down = heed_resample_taps(a, 0, reverse);
    z.across = heed_resample_taps(a, 1, reverse);
    z.grows = z.rows > z.rows_in;
    z.per_unit = heed_rows_per_unit(z.block * (z.across + z.down));
    z.groups = heed_units_of(z.planes * z.rows, z.per_unit);
    return z;
}

#ifdef HEED_STAMP
#include <string.h>

#include "ops/micro/resample_table.h"

/* A thread's scratch: the table of a block, that of one row's rows, and rows. */
typedef struct resample_work {
    resample_table across, down;
    int64_t *kept; /* by slot: the row that is kept there, -1: none */
    real *rows;    /* one sum of rows; or `down` resampled rows */
} resample_work;

static char *take(char **at, int64_t bytes)
{
    char *here = *at;
    *at += (bytes + 63) & ~(int64_t)63;
    return here;
}

static void give_arrays(resample_table *t, int64_t n, int64_t taps, char **at)
{
    t->first = (int32_t *)take(at, n * (int64_t)sizeof *t->first);
    t->count = (int32_t *)take(at, n * (int64_t)sizeof *t->count);
    t->weight = (real *)take(at, n * taps * (int64_t)sizeof *t->weight);
}

static resample_work work_in(const resample_sizes *z, char *scratch)
{
    resample_work w;
    give_arrays(&w.across, z->block, z->across, &scratch);
    give_arrays(&w.down, 1, z->down, &scratch);
    w.kept = (int64_t *)take(&scratch, z->down * (int64_t)sizeof *w.kept);
    w.rows = (real *)scratch;
    return w;
}

static void forget_rows(const resample_sizes *z, resample_work *w)
{
    for (int64_t i = 0; i < z->down; i++) w->kept[i] = -1;
}

/* to = (add ? to : 0) + weight[0] from, + weight[1] times the row `step` behind it when `two`. */
static inline __attribute__((always_inline)) void add_rows(real *restrict to, const real *weight,
                                                           const real *restrict from, int64_t step,
                                                           int64_t n, bool two, bool add)
{
    const real a = weight[0], b = two ? weight[1] : 0;
    for (int64_t k = 0; k < n; k++) {
        real sum = a * from[k];
        if (two) sum += b * from[k + step];
        to[k] = add ? to[k] + sum : sum;
    }
}

static void sum_rows(real *to, const resample_table *down, const real *from, int64_t step,
                     int64_t n)
{
    if (down->count[0] == 1)
        add_rows(to, down->weight, from, step, n, false, false);
    else
        add_rows(to, down->weight, from, step, n, true, false);
    for (int64_t t = 2; t < down->count[0]; t += 2) {
        if (t + 1 == down->count[0])
            add_rows(to, down->weight + t, from + t * step, step, n, false, true);
        else
            add_rows(to, down->weight + t, from + t * step, step, n, true, true);
    }
}

/* Row `row` of the input, resampled along the row: from its slot, or made there. */
static const real *resampled(const resample_sizes *z, resample_work *w, const real *x, int64_t row)
{
    const int64_t slot = row % z->down;
    real *kept = w->rows + slot * z->block;
    if (w->kept[slot] != row) resample_row(&w->across, x + row * z->columns_in, kept);
    w->kept[slot] = row;
    return kept;
}

/* Output row of a plane whose first input row is `row`. */
static void grown_row(const resample_sizes *z, resample_work *w, const real *x, int64_t row,
                      real *y)
{
    const int64_t n = w->across.end - w->across.begin;
    for (int64_t t = 0; t < w->down.count[0]; t++) {
        const real *from = resampled(z, w, x, row + w->down.first[0] + t);
        if (t == 0)
            add_rows(y, w->down.weight, from, 0, n, false, false);
        else
            add_rows(y, w->down.weight + t, from, 0, n, false, true);
    }
}

static void shrunk_row(const resample_sizes *z, resample_work *w, const real *x, int64_t row,
                       real *y)
{
    const int64_t left = w->across.reads;
    const real *rows = x + (row + w->down.first[0]) * z->columns_in;
    if (w->down.count[0] == 1 && w->down.weight[0] == 1) {
        resample_row(&w->across, rows, y);
        return;
    }
    sum_rows(w->rows, &w->down, rows + left, z->columns_in, w->across.reads_end - left);
    resample_row(&w->across, w->rows - left, y);
}

static void resample_units(const heed_call *call, int64_t begin, int64_t end, bool reverse)
{
    const heed_resample_attr *a = call->attr;
    const resample_sizes z = resample_sizes_of(call, reverse);
    const real *x = call->in[0].data;
    resample_work w = work_in(&z, call->scratch);
    for (int64_t u = begin; u < end; u++) {
        const int64_t left = u / z.groups * BLOCK, first = u % z.groups * z.per_unit;
        const int64_t n = heed_smaller(BLOCK, z.columns - left);
        const int64_t last = heed_smaller(first + z.per_unit, z.planes * z.rows);
        if (u == begin || u % z.groups == 0) {
            fill_row_table(a, 1, reverse, left, left + n, &w.across);
            forget_rows(&z, &w);
        }
        for (int64_t r = first; r < last; r++) {
            real *y = (real *)call->out.data + r * z.columns + left;
            fill_table(a, 0, reverse, r % z.rows, r % z.rows + 1, &w.down);
            if (w.down.count[0] == 0)
                memset(y, 0, (size_t)n * sizeof *y);
            else if (z.grows)
                grown_row(&z, &w, x, r / z.rows * z.rows_in, y);
            else
                shrunk_row(&z, &w, x, r / z.rows * z.rows_in, y);
        }
    }
}

HEED_KERNEL(resample)
{
    resample_units(call, begin, end, false);
}

HEED_KERNEL(resample_vjp)
{
    resample_units(call, begin, end, true);
}

#else
#include "ops/ops.h"
#include "ops/pool.h"

HEED_DECLARE_KERNEL(resample);
static const heed_kernel resample_kernel = HEED_KERNEL_TABLE(resample);
HEED_DECLARE_KERNEL(resample_vjp);
static const heed_kernel resample_vjp_kernel = HEED_KERNEL_TABLE(resample_vjp);

static int64_t units_of(const heed_call *call, bool reverse)
{
    const resample_sizes z = resample_sizes_of(call, reverse);
    return z.blocks * z.groups;
}

/* As work_in() takes it, with 64 bytes for each piece's alignment. */
static size_t scratch_of(const heed_call *call, bool reverse)
{
    const resample_sizes z = resample_sizes_of(call, reverse);
    const int64_t rows = z.grows ? z.down * z.block : z.columns_in;
    const int64_t numbers = z.block * (z.across + 1) + 2 * z.down + 1 + rows;
    return (size_t)numbers * sizeof(double) + (size_t)8 * 64;
}

static int64_t forward_units(const heed_call *call)
{
    return units_of(call, false);
}

static int64_t reverse_units(const heed_call *call)
{
    return units_of(call, true);
}

static size_t forward_scratch(const heed_call *call)
{
    return scratch_of(call, false);
}

static size_t reverse_scratch(const heed_call *call)
{
    return scratch_of(call, true);
}

/* ---- shape rules ---- */

static bool resample_infer(heed_infer *infer)
{
    heed_resample_attr *a = infer->attr;
    if (!heed_need_real(infer, 0) || !heed_plane_sizes(infer, a->axes, a->in)) return false;
    for (int i = 2 - (int)a->axes; i < 2; i++) {
        const char *axis = heed_plane_axis(a->axes, i);
        if (a->rule == HEED_RESAMPLE_WINDOWS) {
            if (!heed_window_check(infer, axis, a->kernel[i], a->stride[i], 1, a->pad[i]) ||
                !heed_window_outputs(infer, axis, a->in[i], a->kernel[i], a->stride[i], a->pad[i],
                                     a->ceil, &a->out[i]))
                return false;
        } else if (a->out[i] < 1 || a->out[i] > INT32_MAX || a->in[i] < 1) {
            return heed_refuse(infer, "cannot make %lld elements of %lld along %s",
                               (long long)a->out[i], (long long)a->in[i], axis);
        }
    }
    if (a->axes == 1) {
        a->in[0] = a->out[0] = 1;
        if (a->rule == HEED_RESAMPLE_WINDOWS) a->kernel[0] = a->stride[0] = 1;
    }
    heed_plane_set(&infer->shape, a->axes, a->out);
    return true;
}

static bool resample_vjp_infer(heed_infer *infer)
{
    const heed_resample_attr *a = infer->attr;
    int64_t size[2];
    if (!heed_need_real(infer, 0) || !heed_plane_sizes(infer, a->axes, size)) return false;
    for (int i = 2 - (int)a->axes; i < 2; i++)
        if (size[i] != a->out[i])
            return heed_refuse(infer, "dy has %lld elements along %s instead of %lld",
                               (long long)size[i], heed_plane_axis(a->axes, i),
                               (long long)a->out[i]);
    heed_plane_set(&infer->shape, a->axes, a->in);
    return true;
}

static void resample_reverse(heed_vjp *v)
{
    if (v->want[0]) v->dx[0] = heed_resample_reverse(v->dy, v->attr);
}

static void resample_vjp_reverse(heed_vjp *v)
{
    if (v->want[0]) v->dx[0] = heed_apply(&heed_op_resample, v->attr, 1, &v->dy);
}

/* ---- test cases ---- */

static const struct resample_case {
    heed_shape x;
    heed_resample_attr attr;
} cases[] = {
    { { 3, { 2, 3, 7 } }, { 1, HEED_RESAMPLE_WINDOWS, .kernel = { 0, 3 }, .stride = { 0, 2 } } },
    { { 1, { 13 } },
      { 1, HEED_RESAMPLE_WINDOWS, .kernel = { 0, 2 }, .stride = { 0, 2 }, .ceil = 1 } },
    { { 4, { 1, 2, 5, 7 } },
      { 2, HEED_RESAMPLE_WINDOWS, .kernel = { 3, 3 }, .stride = { 1, 1 }, .pad = { 1, 1 } } },
    { { 3, { 2, 6, 5 } },
      { 2, HEED_RESAMPLE_WINDOWS, .kernel = { 3, 2 }, .stride = { 2, 3 }, .pad = { 1, 0 },
        .ceil = 1, .leave_out_pad = 1 } },
    { { 2, { 4, 5 } },
      { 2, HEED_RESAMPLE_WINDOWS, .kernel = { 2, 2 }, .stride = { 3, 3 }, .pad = { 1, 1 },
        .ceil = 1 } },
    { { 2, { 2, 33 } },
      { 1, HEED_RESAMPLE_WINDOWS, .kernel = { 0, 5 }, .stride = { 0, 2 }, .pad = { 0, 2 } } },
    { { 2, { 1, 1 } }, { 2, HEED_RESAMPLE_WINDOWS, .kernel = { 1, 1 }, .stride = { 1, 1 } } },
    { { 3, { 2, 5, 7 } }, { 2, HEED_RESAMPLE_ADAPTIVE, .out = { 3, 3 } } },
    { { 2, { 2, 3 } }, { 1, HEED_RESAMPLE_ADAPTIVE, .out = { 0, 7 } } },
    { { 3, { 2, 2, 3 } }, { 2, HEED_RESAMPLE_NEAREST, .out = { 4, 6 } } },
    { { 2, { 3, 7 } }, { 1, HEED_RESAMPLE_NEAREST, .out = { 0, 5 } } },
    { { 3, { 2, 3, 5 } }, { 2, HEED_RESAMPLE_LINEAR, .out = { 6, 10 } } },
    { { 2, { 7, 13 } }, { 2, HEED_RESAMPLE_LINEAR, .out = { 3, 33 } } },
    { { 2, { 3, 1 } }, { 1, HEED_RESAMPLE_LINEAR, .out = { 0, 4 } } },
    { { 2, { 3, 5 } }, { 2, HEED_RESAMPLE_LINEAR_CORNERS, .out = { 7, 9 } } },
    { { 2, { 2, 5 } }, { 2, HEED_RESAMPLE_LINEAR_CORNERS, .out = { 1, 3 } } },
    { { 2, { 2, 1 } }, { 1, HEED_RESAMPLE_LINEAR_CORNERS, .out = { 0, 5 } } },
};

static bool resample_sample(int k, heed_sample *sample)
{
    if (k < 0 || k >= (int)(sizeof cases / sizeof cases[0])) return false;
    sample->n_in = 1;
    sample->in[0].shape = cases[k].x;
    heed_sample_attr(sample, &cases[k].attr, sizeof cases[k].attr);
    return true;
}

/* dy of the same cases, for the attributes as resample's shape rule leaves them. */
static bool resample_vjp_sample(int k, heed_sample *sample)
{
    if (!resample_sample(k, sample)) return false;
    heed_graph *g = heed_graph_new(.dtype = HEED_F64);
    heed_node *x = heed_full_shaped(g, HEED_F64, sample->in[0].shape, 0);
    heed_node *y = heed_apply(&heed_op_resample, sample->attr, 1, &x);
    if (y) {
        heed_sample_attr(sample, y->attr, sizeof cases[k].attr);
        sample->in[0].shape = y->shape;
    }
    heed_graph_free(g);
    return y != NULL;
}

static double resample_flops(const heed_node *y)
{
    const heed_resample_attr *a = y->attr;
    const bool reverse = y->op == &heed_op_resample_vjp;
    const int64_t taps = heed_resample_taps(a, 0, reverse) + heed_resample_taps(a, 1, reverse);
    return 2.0 * (double)heed_count(&y->shape) * (double)taps;
}

static bool resample_large(heed_sample *sample)
{
    const heed_resample_attr attr = { 2, HEED_RESAMPLE_WINDOWS, .kernel = { 2, 2 },
                                      .stride = { 2, 2 } };
    const heed_shape images = { 4, { 32, 32, 128, 128 } };
    return heed_sample_large(sample, 1, &images, &attr, sizeof attr);
}

const heed_op heed_op_resample = {
    .name = "resample",
    .doc = "Weighted sums of neighbours along the last one or two axes: means of windows or of "
           "equal parts, or the value at an evenly spaced position, nearest or linear.",
    .n_in = 1,
    .diff = 1,
    .flags = HEED_LINEAR,
    .attr_size = sizeof(heed_resample_attr),
    .infer = resample_infer,
    .kernel = &resample_kernel,
    .units = forward_units,
    .scratch = forward_scratch,
    .vjp = resample_reverse,
    .sample = resample_sample,
    .flops = resample_flops,
    .large = resample_large,
};

static bool resample_vjp_large(heed_sample *sample)
{
    const heed_resample_attr attr = { 2,
                                      HEED_RESAMPLE_WINDOWS,
                                      .in = { 128, 128 },
                                      .out = { 64, 64 },
                                      .kernel = { 2, 2 },
                                      .stride = { 2, 2 } };
    const heed_shape images = { 4, { 32, 32, 64, 64 } };
    return heed_sample_large(sample, 1, &images, &attr, sizeof attr);
}

const heed_op heed_op_resample_vjp = {
    .name = "resample_vjp",
    .doc = "resample's adjoint: each element gets the outputs that it has part in, by its weights.",
    .n_in = 1,
    .diff = 1,
    .flags = HEED_LINEAR,
    .attr_size = sizeof(heed_resample_attr),
    .infer = resample_vjp_infer,
    .kernel = &resample_vjp_kernel,
    .units = reverse_units,
    .scratch = reverse_scratch,
    .vjp = resample_vjp_reverse,
    .sample = resample_vjp_sample,
    .flops = resample_flops,
    .large = resample_vjp_large,
};

heed_node *heed_resample(heed_node *x, heed_resample_attr attr)
{
    return heed_apply(&heed_op_resample, &attr, 1, &x);
}

heed_node *heed_resample_reverse(heed_node *dy, const heed_resample_attr *attr)
{
    return heed_apply(&heed_op_resample_vjp, attr, 1, &dy);
}

#endif

/* gather.c - out[p.., i.., s..] = x[p.., index[b.., i..], s..], and its reverse, scatter_add
 *
 * x is read as [B, Q, V, S] and index as [B, N]: B holds the `batch` axes both have, Q x's axes
 * from there to `axis`, V that axis, S the rest; out is [B, Q, N, S]. An index outside 0 .. V - 1
 * reads zeros, and adds nothing: so a negative index is how to leave a place empty. Sums into large
 * arrays of rows are left to segment_sum. */
#include "ops/common.h"
#include "ops/kernel.h"

typedef struct heed_gather_attr {
    int64_t size; /* scatter_add: V of its output */
    int axis, batch;
} heed_gather_attr;

typedef struct gather_sizes {
    int64_t b, q, n, v, s;
} gather_sizes;

/* x: the shape that has `axis`, that is gather's input and scatter_add's output. */
static inline gather_sizes sizes_of(const heed_shape *x, const heed_shape *index,
                                    const heed_gather_attr *attr)
{
    return (gather_sizes){
        .b = heed_product(x, 0, attr->batch),
        .q = heed_product(x, attr->batch, attr->axis),
        .n = heed_product(index, attr->batch, index->rank),
        .v = x->dim[attr->axis],
        .s = heed_product(x, attr->axis + 1, x->rank),
    };
}

/* Blocks (b, q) of a scatter_add are independent, and so are columns of S: a unit is a group of
 * blocks, or, when one is long, a part of its columns. In a unit, dy is added in index order. */
typedef struct scatter_split {
    int64_t group, part, parts;
} scatter_split;

static inline scatter_split split_of(const gather_sizes *z)
{
    scatter_split split = { .group = heed_rows_per_unit((z->v + z->n) * z->s), z->s, 1 };
    if (split.group == 1 && z->s > 0) {
        split.part = (heed_rows_per_unit(z->v + z->n) + 15) & ~(int64_t)15;
        split.part = heed_smaller(split.part, z->s);
        split.parts = heed_units_of(z->s, split.part);
    }
    return split;
}

#ifdef HEED_STAMP
#include "ops/micro/walk.h"

enum { AHEAD = 12 }; /* rows that are asked for early: they are all over memory */

/* Rows first <= i < last of one block. */
static void gather_rows(const gather_sizes *z, const int32_t *index, const ireal *x, ireal *y,
                        int64_t first, int64_t last)
{
    if (z->s == 1) {
        for (int64_t i = first; i < last; i++) {
            int64_t at = index[i];
            y[i] = (uint64_t)at < (uint64_t)z->v ? x[at] : 0;
        }
        return;
    }
    for (int64_t i = first; i < last; i++) {
        int64_t at = index[i];
        ireal *to = y + i * z->s;
        if (i + AHEAD < z->n) {
            __builtin_prefetch((const char *)((uintptr_t)x + (uintptr_t)(index[i + AHEAD] * z->s) *
                                                                 sizeof(ireal)));
        }
        if (at >= 0 && at < z->v) {
            heed_copy_row(to, 1, x + at * z->s, 1, z->s);
        } else {
            memset(to, 0, (size_t)z->s * sizeof *to);
        }
    }
}

HEED_KERNEL(gather)
{
    const gather_sizes z = sizes_of(&call->in[0].shape, &call->in[1].shape, call->attr);
    const ireal *x = call->in[0].data;
    const int32_t *index = call->in[1].data;
    ireal *y = call->out.data;
    int64_t rows = z.b * z.q * z.n, per_unit = heed_rows_per_unit(z.s);
    int64_t last = heed_smaller(end * per_unit, rows);
    for (int64_t r = begin * per_unit, next; r < last; r = next) {
        int64_t block = r / z.n, start = block * z.n;
        next = heed_smaller(last, start + z.n);
        gather_rows(&z, index + block / z.q * z.n, x + block * z.v * z.s, y + start * z.s,
                    r - start, next - start);
    }
}

static void add_row(real *restrict to, const real *restrict from, int64_t n)
{
    for (int64_t i = 0; i < n; i++) to[i] += from[i];
}

static void add_rows(const gather_sizes *z, const int32_t *index, const real *from, real *to,
                     int64_t width)
{
    for (int64_t i = 0; i < z->n && z->s == 1; i++)
        if (index[i] >= 0 && index[i] < z->v) to[index[i]] += from[i];
    for (int64_t i = 0; i < z->n && z->s > 1; i++) {
        int64_t at = index[i];
        if (at >= 0 && at < z->v) add_row(to + at * z->s, from + i * z->s, width);
    }
}

HEED_KERNEL(scatter_add)
{
    const gather_sizes z = sizes_of(&call->out.shape, &call->in[1].shape, call->attr);
    const scatter_split split = split_of(&z);
    const real *dy = call->in[0].data;
    const int32_t *index = call->in[1].data;
    real *out = call->out.data;
    for (int64_t u = begin; u < end; u++) {
        int64_t first = u / split.parts * split.group, left = u % split.parts * split.part;
        int64_t last = heed_smaller(first + split.group, z.b * z.q);
        int64_t width = heed_smaller(split.part, z.s - left);
        for (int64_t block = first; block < last; block++) {
            real *to = out + block * z.v * z.s + left;
            const real *from = dy + block * z.n * z.s + left;
            for (int64_t v = 0; v < z.v; v++) memset(to + v * z.s, 0, (size_t)width * sizeof *to);
            add_rows(&z, index + block / z.q * z.n, from, to, width);
        }
    }
}

#else
#include "ops/ops.h"

HEED_DECLARE_KERNEL(gather);
HEED_DECLARE_KERNEL(scatter_add);
static const heed_kernel gather_kernel = HEED_MOVE_TABLE(gather);
static const heed_kernel scatter_add_kernel = HEED_KERNEL_TABLE(scatter_add);

static int64_t gather_units(const heed_call *call)
{
    const gather_sizes z = sizes_of(&call->in[0].shape, &call->in[1].shape, call->attr);
    return z.s > 0 ? heed_units_of(z.b * z.q * z.n, heed_rows_per_unit(z.s)) : 0;
}

static int64_t scatter_add_units(const heed_call *call)
{
    const gather_sizes z = sizes_of(&call->out.shape, &call->in[1].shape, call->attr);
    const scatter_split split = split_of(&z);
    if (z.v * z.s == 0) return 0;
    return heed_units_of(z.b * z.q, split.group) * split.parts;
}

/* ---- shape rules ---- */

/* The first `batch` axes of a and index are there, and equal; batch <= axis. */
static bool batch_fits(heed_infer *infer, const heed_shape *a, const heed_gather_attr *attr)
{
    const heed_shape *index = &infer->in[1]->shape;
    if (attr->batch < 0 || attr->batch > attr->axis || attr->batch > index->rank) {
        return heed_refuse(infer, "batch %d must be 0 .. %d", attr->batch,
                           (int)heed_smaller(attr->axis, index->rank));
    }
    for (int i = 0; i < attr->batch; i++) {
        if (a->dim[i] == index->dim[i]) continue;
        return heed_refuse(infer, "batch axis %d is %lld in input 0 and %lld in the index", i,
                           (long long)a->dim[i], (long long)index->dim[i]);
    }
    return true;
}

static bool gather_infer(heed_infer *infer)
{
    heed_gather_attr *attr = infer->attr;
    const heed_shape *x = &infer->in[0]->shape, *index = &infer->in[1]->shape;
    heed_shape out = { .rank = 0 };
    if (!heed_need_index(infer, 1) || !heed_need_axis(infer, x, &attr->axis)) return false;
    if (!batch_fits(infer, x, attr)) return false;
    if (x->rank - 1 + index->rank - attr->batch > HEED_MAX_RANK) {
        return heed_refuse(infer, "the result has more than %d axes", HEED_MAX_RANK);
    }
    for (int i = 0; i < attr->axis; i++) out.dim[out.rank++] = x->dim[i];
    for (int i = attr->batch; i < index->rank; i++) out.dim[out.rank++] = index->dim[i];
    for (int i = attr->axis + 1; i < x->rank; i++) out.dim[out.rank++] = x->dim[i];
    infer->shape = out;
    return true;
}

static bool scatter_add_infer(heed_infer *infer)
{
    heed_gather_attr *attr = infer->attr;
    const heed_shape *dy = &infer->in[0]->shape, *index = &infer->in[1]->shape;
    if (!heed_need_real(infer, 0) || !heed_need_index(infer, 1)) return false;
    int looked_up = index->rank - attr->batch; /* axes of dy that stand for one of out */
    heed_shape out = { .rank = dy->rank - looked_up + 1 };
    if (out.rank < 1 || out.rank > HEED_MAX_RANK) {
        return heed_refuse(infer, "rank %d does not fit an index of rank %d", dy->rank,
                           index->rank);
    }
    if (!heed_need_axis(infer, &out, &attr->axis) || !batch_fits(infer, dy, attr)) return false;
    if (attr->size < 0) return heed_refuse(infer, "size %lld", (long long)attr->size);
    for (int i = 0; i < looked_up; i++) {
        if (dy->dim[attr->axis + i] == index->dim[attr->batch + i]) continue;
        return heed_refuse(infer, "axis %d of input 0 is not axis %d of the index", attr->axis + i,
                           attr->batch + i);
    }
    for (int i = 0; i < out.rank; i++) {
        out.dim[i] = dy->dim[i < attr->axis ? i : i + looked_up - (i > attr->axis)];
    }
    out.dim[attr->axis] = attr->size;
    infer->shape = out;
    return true;
}

/* ---- reverse rules ---- */

static void gather_vjp(heed_vjp *v)
{
    const heed_gather_attr *attr = v->attr;
    int64_t size = v->in[0]->shape.dim[attr->axis];
    if (v->want[0]) {
        v->dx[0] = heed_scatter_add(v->dy, v->in[1], attr->axis, attr->batch, size);
    }
}

static void scatter_add_vjp(heed_vjp *v)
{
    const heed_gather_attr *attr = v->attr;
    if (v->want[0]) v->dx[0] = heed_gather(v->dy, v->in[1], attr->axis, attr->batch);
}

/* ---- test cases: x, index, scatter_add's dy; some indices are out of range ---- */

typedef struct gather_case {
    heed_shape x, index, dy;
    int axis, batch, below;
} gather_case;

static const gather_case cases[] = {
    { { 2, { 5, 3 } }, { 1, { 4 } }, { 2, { 4, 3 } }, 0, 0, 5 },
    { { 1, { 7 } }, { 2, { 2, 3 } }, { 2, { 2, 3 } }, 0, 0, 8 },
    { { 3, { 2, 4, 3 } }, { 2, { 2, 3 } }, { 3, { 2, 3, 3 } }, 1, 1, 4 },
    { { 2, { 3, 5 } }, { 1, { 3 } }, { 1, { 3 } }, -1, 1, 5 },
    { { 3, { 2, 3, 4 } }, { 2, { 2, 2 } }, { 3, { 2, 3, 2 } }, 2, 1, 5 },
    { { 3, { 2, 3, 2 } }, { 0, { 0 } }, { 2, { 2, 2 } }, 1, 0, 3 },
    { { 2, { 13, 2 } }, { 2, { 1, 33 } }, { 3, { 1, 33, 2 } }, 0, 0, 13 },
};

static bool take_case(int k, heed_sample *sample, bool scatter)
{
    if (k < 0 || k >= (int)(sizeof cases / sizeof cases[0])) return false;
    const gather_case *c = &cases[k];
    int axis = c->axis < 0 ? c->axis + c->x.rank : c->axis;
    heed_gather_attr attr = { .size = scatter ? c->x.dim[axis] : 0,
                              .axis = c->axis,
                              .batch = c->batch };
    sample->n_in = 2;
    sample->in[0].shape = scatter ? c->dy : c->x;
    sample->in[1] = (heed_sample_input){ .shape = c->index, .index = true, .below = c->below };
    heed_sample_attr(sample, &attr, sizeof attr);
    return true;
}

static bool gather_sample(int k, heed_sample *sample)
{
    return take_case(k, sample, false);
}

static bool scatter_add_sample(int k, heed_sample *sample)
{
    return take_case(k, sample, true);
}

/* As many rows as the table has; both ways. */
static bool take_large(heed_sample *sample, int64_t size)
{
    enum { ROWS = 32768, ROW = 512 };
    const heed_shape shapes[] = { { 2, { ROWS, ROW } }, { 1, { ROWS } } };
    const heed_gather_attr attr = { .size = size };
    sample->in[1].index = true;
    sample->in[1].below = ROWS;
    return heed_sample_large(sample, 2, shapes, &attr, sizeof attr);
}

static bool gather_large(heed_sample *sample)
{
    return take_large(sample, 0);
}

static bool scatter_add_large(heed_sample *sample)
{
    return take_large(sample, 32768);
}

/* ---- descriptors ---- */

const heed_op heed_op_gather = {
    .name = "gather",
    .doc = "out[p.., i.., s..] = x[p.., index[p.. (first `batch` axes), i..], s..]; an index out "
           "of range reads as 0.",
    .n_in = 2,
    .diff = 1,
    .flags = HEED_LINEAR,
    .attr_size = sizeof(heed_gather_attr),
    .infer = gather_infer,
    .kernel = &gather_kernel,
    .units = gather_units,
    .vjp = gather_vjp,
    .sample = gather_sample,
    .large = gather_large,
    .flops = heed_flops_none,
};

const heed_op heed_op_scatter_add = {
    .name = "scatter_add",
    .doc = "out is 0, with `size` along axis, but for dy added where gather would read it, in the "
           "order of the index; an index out of range adds nothing.",
    .n_in = 2,
    .diff = 1,
    .flags = HEED_LINEAR,
    .attr_size = sizeof(heed_gather_attr),
    .infer = scatter_add_infer,
    .kernel = &scatter_add_kernel,
    .units = scatter_add_units,
    .vjp = scatter_add_vjp,
    .sample = scatter_add_sample,
    .large = scatter_add_large,
    .flops = heed_flops_of_input,
    .limit = "an output row is read and written for each row that is added to it",
};

heed_node *heed_gather(heed_node *x, heed_node *index, int axis, int batch)
{
    heed_gather_attr attr = { .axis = axis, .batch = batch };
    return heed_apply(&heed_op_gather, &attr, 2, (heed_node *[]){ x, index });
}

/* Into whole rows of a large array: sums of segments, where each row of out is written once, and
 * all threads have work. Sorting the index is cheap next to wide rows, and free when it is
 * constant. */
static bool sums_segments(const heed_node *dy, const heed_node *index, int axis, int batch,
                          int64_t size)
{
    enum { LARGE = 32768, WIDE = 16 };
    if (axis != 0 || batch != 0 || index->shape.rank < 1 || index->dtype != HEED_I32) return false;
    if (dy->shape.rank < index->shape.rank || heed_count(&index->shape) >= INT32_MAX) return false;
    int64_t row = heed_product(&dy->shape, index->shape.rank, dy->shape.rank);
    for (int i = 0; i < index->shape.rank; i++)
        if (dy->shape.dim[i] != index->shape.dim[i]) return false;
    if (size < 0 || size >= INT32_MAX || row == 0 || size < LARGE / row) return false;
    return row >= WIDE || heed_is_constant(index);
}

heed_node *heed_scatter_add(heed_node *dy, heed_node *index, int axis, int batch, int64_t size)
{
    if (dy && index && sums_segments(dy, index, axis, batch, size)) {
        heed_shape rows = { .rank = 1, .dim = { heed_count(&index->shape) } };
        for (int i = index->shape.rank; i < dy->shape.rank; i++)
            rows.dim[rows.rank++] = dy->shape.dim[i];
        return heed_segment_sum(heed_reshape_to(dy, rows), heed_flatten(index), size);
    }
    heed_gather_attr attr = { .axis = axis, .batch = batch, .size = size };
    return heed_apply(&heed_op_scatter_add, &attr, 2, (heed_node *[]){ dy, index });
}

heed_node *heed_index_select(heed_node *x, heed_node *index, int axis)
{
    return heed_gather(x, index, axis, 0);
}

heed_node *heed_embedding(heed_node *table, heed_node *index)
{
    return heed_gather(table, index, 0, 0);
}

#endif

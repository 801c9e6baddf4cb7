/* sort.c - y = x in order along the last axis, and where each element came from */
#include "ops/kernel.h"
#include "ops/rows.h"

typedef struct heed_sort_attr {
    int descending;
} heed_sort_attr;

#ifdef HEED_STAMP
#include "ops/micro/sort.h"

HEED_KERNEL(sort)
{
    const heed_sort_attr *attr = call->attr;
    const sort_key flip = attr->descending ? ~(sort_key)0 : 0;
    int64_t n = heed_row_length(&call->out), row;
    int64_t stop = heed_unit_rows(call, begin, end, &row);
    sort_item *item = call->scratch;
    for (; row < stop; row++) {
        const real *x = (const real *)call->in[0].data + row * n;
        real *y = (real *)call->out.data + row * n;
        int32_t *at = (int32_t *)call->aux.data + row * n;
        const sort_item *sorted = sort_row(x, n, item, flip);
        for (int64_t i = 0; i < n; i++) {
            at[i] = (int32_t)sort_position(sorted[i]);
            y[i] = x[at[i]];
        }
    }
}

#else
#include "ops/ops.h"
#include "ops/positions.h"

HEED_DECLARE_KERNEL(sort);
static const heed_kernel sort_kernel = HEED_KERNEL_TABLE(sort);

/* Items of two elements' size, twice. */
static size_t sort_scratch(const heed_call *call)
{
    return 4 * (size_t)heed_row_length(&call->out) * heed_dtype_size(call->out.dtype);
}

static bool sort_infer(heed_infer *infer)
{
    heed_sort_attr *attr = infer->attr;
    int axis = -1;
    attr->descending = attr->descending != 0;
    return heed_need_real(infer, 0) && heed_need_axis(infer, &infer->in[0]->shape, &axis) &&
           heed_positions_infer(infer, axis);
}

static void sort_vjp(heed_vjp *v)
{
    int64_t size = heed_product(&v->y->shape, v->y->shape.rank - 1, v->y->shape.rank);
    if (v->want[0]) v->dx[0] = heed_positions_vjp(v->y, v->dy, -1, size);
}

static bool sort_sample(int k, heed_sample *sample)
{
    static const heed_shape shapes[] = {
        { 1, { 7 } }, { 1, { 1 } }, { 2, { 3, 5 } }, { 1, { 33 } }, { 3, { 2, 1, 13 } },
    };
    int n = (int)(sizeof shapes / sizeof shapes[0]);
    if (k < 0 || k >= 2 * n) return false;
    sample->n_in = 1;
    sample->in[0].shape = shapes[k / 2];
    sample->in[0].distinct = true; /* where two change places there is a kink */
    heed_sample_attr(sample, &(heed_sort_attr){ k % 2 }, sizeof(heed_sort_attr));
    return true;
}

/* A comparison counts as one operation. */
static double sort_flops(const heed_node *node)
{
    int64_t n = node->shape.dim[node->shape.rank - 1];
    double levels = 0;
    for (; n > 1; n = (n + 1) / 2) levels++;
    return levels * (double)heed_count(&node->shape);
}

const heed_op heed_op_sort = {
    .name = "sort",
    .doc = "x in order along the last axis and, as aux, each element's i32 position in x; stable; "
           "a NaN counts as the largest.",
    .n_in = 1,
    .diff = 1,
    .attr_size = sizeof(heed_sort_attr),
    .infer = sort_infer,
    .kernel = &sort_kernel,
    .units = heed_row_units,
    .scratch = sort_scratch,
    .vjp = sort_vjp,
    .sample = sort_sample,
    .flops = sort_flops,
    .limit = "comparisons: n log n of a line of n",
};

heed_node *heed_sort_with(heed_node *x, int axis, heed_sort_options options)
{
    heed_sort_attr attr = { options.descending };
    return heed_positions_apply(&heed_op_sort, &attr, x, axis, options.positions);
}

heed_node *heed_argsort_with(heed_node *x, int axis, heed_sort_options options)
{
    heed_node *positions = NULL;
    options.positions = &positions;
    heed_sort_with(x, axis, options);
    return positions;
}

#endif

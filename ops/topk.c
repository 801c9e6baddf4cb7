/* topk.c - y = the k largest (smallest) elements along the last axis, and where they came from
 *
 * Few of many are found by reading the row once: the k best so far are a heap, the worst of them on
 * top; most elements are worse than that, which is found out many at a time. Of a larger share the
 * keys' first digits are counted; elements up to the digit of the k-th one are then sorted. */
#include "ops/kernel.h"
#include "ops/rows.h"

typedef struct heed_topk_attr {
    int64_t k;
    int smallest, unused;
} heed_topk_attr;

#define MANY 64 /* times as many elements as are wanted: a heap */

static inline bool uses_heap(int64_t k, int64_t n)
{
    return k <= n / MANY;
}

#ifdef HEED_STAMP
#include "ops/micro/sort.h"

#define RUN 64 /* elements that are compared with the worst together */

/* Put `item` in the place of the largest, root, and sink it; n items. */
static inline void sink(sort_item *heap, int64_t root, int64_t n, sort_item item)
{
    for (int64_t child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && heap[child] < heap[child + 1]) child++;
        if (item >= heap[child]) break;
        heap[root] = heap[child];
    }
    heap[root] = item;
}

/* Does one of n elements come before `worst`, or is it a NaN? */
static inline bool any_better(const real *x, int64_t n, real worst, bool smallest)
{
    int found = 0;
    if (smallest)
        for (int64_t i = 0; i < n; i++) found |= !(x[i] >= worst);
    else
        for (int64_t i = 0; i < n; i++) found |= !(x[i] <= worst);
    return found != 0;
}

/* The k best of n elements, in order. */
static void select_by_heap(const real *x, int64_t n, sort_item *heap, int64_t k, bool smallest)
{
    const sort_key flip = smallest ? 0 : ~(sort_key)0;
    for (int64_t i = 0; i < k; i++) heap[i] = sort_item_of(sort_key_of(x[i], flip), i);
    for (int64_t root = k / 2 - 1; root >= 0; root--) sink(heap, root, k, heap[root]);
    for (int64_t first = k; first < n; first += RUN) {
        int64_t last = heed_smaller(first + RUN, n);
        if (!any_better(x + first, last - first, x[sort_position(heap[0])], smallest)) continue;
        for (int64_t i = first; i < last; i++) {
            sort_item item = sort_item_of(sort_key_of(x[i], flip), i);
            if (item < heap[0]) sink(heap, 0, k, item);
        }
    }
    while (k-- > 1) {
        sort_item worst = heap[0];
        sink(heap, 0, k, heap[k]);
        heap[k] = worst;
    }
}

#define HEAD_BITS 11 /* of a key: sign, exponent, and two bits of an f32's fraction */
#define HEADS (1 << HEAD_BITS)

/* The same: what begins like the k-th best, or better, goes to `item` and is sorted. */
static const sort_item *select_by_digit(const real *x, int64_t n, sort_item *item, int64_t k,
                                        sort_key flip)
{
    uint32_t count[HEADS] = { 0 };
    int64_t found = 0, candidates = 0;
    sort_key last = 0;
    for (int64_t i = 0; i < n; i++) count[sort_key_of(x[i], flip) >> (KEY_BITS - HEAD_BITS)]++;
    for (; found + count[last] < k; last++) found += count[last];
    for (int64_t i = 0; i < n; i++) {
        const sort_key key = sort_key_of(x[i], flip);
        item[candidates] = sort_item_of(key, i);
        candidates += key >> (KEY_BITS - HEAD_BITS) <= last;
    }
    return sort_items(item, item + n, candidates);
}

HEED_KERNEL(topk)
{
    const heed_topk_attr *attr = call->attr;
    const sort_key flip = attr->smallest ? 0 : ~(sort_key)0;
    int64_t n = heed_row_length(&call->in[0]), k = attr->k, row;
    int64_t stop = heed_unit_rows(call, begin, end, &row);
    sort_item *item = call->scratch;
    for (; row < stop && k > 0; row++) {
        const real *x = (const real *)call->in[0].data + row * n;
        const sort_item *sorted = item;
        if (uses_heap(k, n))
            select_by_heap(x, n, item, k, attr->smallest != 0);
        else
            sorted = select_by_digit(x, n, item, k, flip);
        real *y = (real *)call->out.data + row * k;
        int32_t *at = (int32_t *)call->aux.data + row * k;
        for (int64_t i = 0; i < k; i++) {
            at[i] = (int32_t)sort_position(sorted[i]);
            y[i] = x[at[i]];
        }
    }
}

#else
#include "ops/ops.h"
#include "ops/positions.h"

HEED_DECLARE_KERNEL(topk);
static const heed_kernel topk_kernel = HEED_KERNEL_TABLE(topk);

/* Items of two elements' size; of a whole row, twice, to sort them. */
static size_t topk_scratch(const heed_call *call)
{
    const heed_topk_attr *attr = call->attr;
    int64_t n = heed_row_length(&call->in[0]);
    int64_t items = uses_heap(attr->k, n) ? attr->k : 2 * n;
    return 2 * (size_t)items * heed_dtype_size(call->out.dtype);
}

static bool topk_infer(heed_infer *infer)
{
    heed_topk_attr *attr = infer->attr;
    const heed_shape *x = &infer->in[0]->shape;
    int axis = -1;
    attr->smallest = attr->smallest != 0;
    if (!heed_need_real(infer, 0) || !heed_need_axis(infer, x, &axis)) return false;
    if (attr->k < 0 || attr->k > x->dim[axis])
        return heed_refuse(infer, "k is %lld, the axis has %lld elements", (long long)attr->k,
                           (long long)x->dim[axis]);
    infer->shape.dim[axis] = attr->k;
    return heed_positions_infer(infer, axis);
}

static void topk_vjp(heed_vjp *v)
{
    const heed_shape *x = &v->in[0]->shape;
    if (v->want[0]) v->dx[0] = heed_positions_vjp(v->y, v->dy, -1, x->dim[x->rank - 1]);
}

static bool topk_sample(int k, heed_sample *sample)
{
    static const struct {
        heed_shape shape;
        heed_topk_attr attr;
    } cases[] = {
        { { 1, { 7 } }, { 3, 0, 0 } },     { { 1, { 1 } }, { 1, 1, 0 } },
        { { 2, { 3, 5 } }, { 2, 1, 0 } },  { { 1, { 33 } }, { 3, 0, 0 } },
        { { 2, { 2, 33 } }, { 1, 1, 0 } }, { { 3, { 2, 1, 13 } }, { 13, 0, 0 } },
    };
    if (k < 0 || k >= (int)(sizeof cases / sizeof cases[0])) return false;
    sample->n_in = 1;
    sample->in[0].shape = cases[k].shape;
    sample->in[0].distinct = true; /* where two change places there is a kink */
    heed_sample_attr(sample, &cases[k].attr, sizeof cases[k].attr);
    return true;
}

const heed_op heed_op_topk = {
    .name = "topk",
    .doc = "The k largest (smallest) elements along the last axis, in order, and, as aux, their "
           "i32 positions: the first of equals; a NaN counts as the largest.",
    .n_in = 1,
    .diff = 1,
    .attr_size = sizeof(heed_topk_attr),
    .infer = topk_infer,
    .kernel = &topk_kernel,
    .units = heed_row_units,
    .scratch = topk_scratch,
    .vjp = topk_vjp,
    .sample = topk_sample,
    .flops = heed_flops_of_input,
};

heed_node *heed_topk_with(heed_node *x, int64_t k, int axis, heed_topk_options options)
{
    heed_topk_attr attr = { .k = k, .smallest = options.smallest };
    return heed_positions_apply(&heed_op_topk, &attr, x, axis, options.positions);
}

#endif

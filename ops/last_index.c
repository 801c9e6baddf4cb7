/* last_index.c - where each position was written last: y[.., v] = the largest i with
 * index[.., i] = v, or -1: who wins where several write to one place */
#include "ops/common.h"
#include "ops/kernel.h"
#include "ops/movement.h"
#include "ops/rows.h"

#ifdef HEED_STAMP

HEED_KERNEL(last_index)
{
    const int32_t *index = call->in[0].data;
    int32_t *last = call->out.data;
    int64_t n = heed_row_length(&call->in[0]), size = heed_row_length(&call->out);
    int64_t rows = heed_row_count(&call->out), per_unit = heed_rows_per_unit(n + size);
    for (int64_t r = begin * per_unit; r < heed_smaller(end * per_unit, rows); r++) {
        for (int64_t v = 0; v < size; v++) last[r * size + v] = -1;
        for (int64_t i = 0; i < n; i++) {
            int64_t at = index[r * n + i];
            if (at >= 0 && at < size) last[r * size + at] = (int32_t)i;
        }
    }
}

#else
#include "ops/ops.h"

HEED_DECLARE_KERNEL(last_index);
static const heed_kernel last_index_kernel = HEED_MOVE_TABLE(last_index);

static int64_t last_index_units(const heed_call *call)
{
    int64_t n = heed_row_length(&call->in[0]), size = heed_row_length(&call->out);
    if (size == 0) return 0;
    return heed_units_of(heed_row_count(&call->out), heed_rows_per_unit(n + size));
}

static bool last_index_infer(heed_infer *infer)
{
    const heed_last_index_attr *attr = infer->attr;
    int axis = -1;
    if (!heed_need_index(infer, 0)) return false;
    if (!heed_need_axis(infer, &infer->shape, &axis)) return false;
    if (attr->size < 0 || infer->shape.dim[axis] > INT32_MAX) {
        return heed_refuse(infer, "%lld positions written %lld times", (long long)attr->size,
                           (long long)infer->shape.dim[axis]);
    }
    infer->shape.dim[axis] = attr->size;
    return true;
}

static bool last_index_sample(int k, heed_sample *sample)
{
    static const int sizes[] = { 4, 1, 7, 33, 13 };
    static const heed_shape shapes[] = {
        { 1, { 7 } }, { 2, { 3, 5 } }, { 3, { 2, 1, 13 } }, { 1, { 33 } }, { 2, { 7, 1 } },
    };
    if (k < 0 || k >= 5) return false;
    sample->n_in = 1;
    sample->in[0] =
        (heed_sample_input){ .shape = shapes[k], .index = true, .below = sizes[k] + k % 2 };
    heed_sample_attr(sample, &(heed_last_index_attr){ sizes[k] }, sizeof(heed_last_index_attr));
    return true;
}

const heed_op heed_op_last_index = {
    .name = "last_index",
    .doc = "i32 [.., n] -> i32 [.., size]: where in its row each of 0 .. size - 1 stands last; -1 "
           "when it does not.",
    .n_in = 1,
    .attr_size = sizeof(heed_last_index_attr),
    .infer = last_index_infer,
    .kernel = &last_index_kernel,
    .units = last_index_units,
    .sample = last_index_sample,
    .flops = heed_flops_none,
    .limit = "scattered writes",
};

#endif

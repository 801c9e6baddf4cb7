/* one_hot.c - y[.., c] = 1 where c = index[..], else 0 */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP
#include <string.h>

HEED_KERNEL(one_hot)
{
    const int32_t *index = call->in[0].data;
    int64_t classes = call->out.shape.dim[call->out.shape.rank - 1];
    int64_t rows = heed_count(&call->in[0].shape), per_unit = heed_rows_per_unit(classes);
    for (int64_t r = begin * per_unit; r < heed_smaller(end * per_unit, rows); r++) {
        real *y = (real *)call->out.data + r * classes;
        memset(y, 0, (size_t)classes * sizeof *y);
        if (index[r] >= 0 && index[r] < classes) y[index[r]] = 1;
    }
}

#else
#include "ops/ops.h"

typedef struct heed_one_hot_attr {
    int64_t classes;
} heed_one_hot_attr;

HEED_DECLARE_KERNEL(one_hot);
static const heed_kernel one_hot_kernel = HEED_KERNEL_TABLE(one_hot);

static int64_t one_hot_units(const heed_call *call)
{
    int64_t classes = call->out.shape.dim[call->out.shape.rank - 1];
    if (classes == 0) return 0;
    return heed_units_of(heed_count(&call->in[0].shape), heed_rows_per_unit(classes));
}

static bool one_hot_infer(heed_infer *infer)
{
    const heed_one_hot_attr *attr = infer->attr;
    if (!heed_need_index(infer, 0)) return false;
    if (attr->classes < 0) {
        return heed_refuse(infer, "%lld classes", (long long)attr->classes);
    }
    if (infer->shape.rank == HEED_MAX_RANK) {
        return heed_refuse(infer, "the result has more than %d axes", HEED_MAX_RANK);
    }
    infer->shape.dim[infer->shape.rank++] = attr->classes;
    infer->dtype = heed_graph_dtype(infer->graph);
    return true;
}

static bool one_hot_sample(int k, heed_sample *sample)
{
    static const int classes[] = { 4, 1, 7, 33 };
    if (!heed_sample_unary(k, sample)) return false;
    sample->in[0].index = true;
    sample->in[0].below = classes[k % 4] + k % 2; /* some out of range */
    heed_sample_attr(sample, &(heed_one_hot_attr){ classes[k % 4] }, sizeof(heed_one_hot_attr));
    return true;
}

static bool one_hot_large(heed_sample *sample)
{
    const heed_one_hot_attr attr = { 512 };
    sample->in[0].index = true;
    sample->in[0].below = 512;
    return heed_sample_large(sample, 1, &(heed_shape){ 1, { 65536 } }, &attr, sizeof attr);
}

const heed_op heed_op_one_hot = {
    .name = "one_hot",
    .doc = "i32 [..] -> [.., classes] in the graph's dtype: 1 at the index, else 0; all 0 when it "
           "is out of range.",
    .n_in = 1,
    .attr_size = sizeof(heed_one_hot_attr),
    .infer = one_hot_infer,
    .kernel = &one_hot_kernel,
    .units = one_hot_units,
    .sample = one_hot_sample,
    .large = one_hot_large,
    .flops = heed_flops_none,
};

heed_node *heed_one_hot(heed_node *index, int64_t classes)
{
    return heed_apply(&heed_op_one_hot, &(heed_one_hot_attr){ classes }, 1, &index);
}

#endif

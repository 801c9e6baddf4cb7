/* segment_sum.c - y[s] = sum of x[e] over the edges e with index[e] = s, in ascending order */
#include "ops/kernel.h"
#include "ops/segment.h"

#ifdef HEED_STAMP
#include "ops/micro/segment.h"

HEED_KERNEL(segment_sum)
{
    const heed_segment_attr *attr = call->attr;
    const heed_view *x = &call->in[0];
    int64_t edges = x->shape.dim[0], n = heed_segment_row(&x->shape);
    int64_t units = heed_segment_units(attr->n, edges, n, call->n_in > 2);
    const heed_segments g = heed_segments_of(call, 2, call->in[1].data, edges, attr->n);
    const heed_edge_rows rows = { .x = x->data, .stride = n, .rows = edges };
    int64_t s = heed_first_segment(&g, begin, units), last = heed_first_segment(&g, end, units);
    for (; s < last; s++) heed_sum_segment(&g, &rows, s, (real *)call->out.data + s * n, n);
}

#else
#include "ops/ops.h"

HEED_DECLARE_KERNEL(segment_sum);
static const heed_kernel segment_sum_kernel = HEED_KERNEL_TABLE(segment_sum);

static void segment_sum_vjp(heed_vjp *v)
{
    if (v->want[0]) v->dx[0] = heed_gather(v->dy, v->in[1], 0, 0);
}

static bool segment_sum_sample(int k, heed_sample *sample)
{
    return heed_segment_sample(k, sample, 1);
}

const heed_op heed_op_segment_sum = {
    .name = "segment_sum",
    .doc = "y[s] = sum of x[e] over the e with index[e] = s: x [E, ..], index i32 [E] -> [n, ..]; "
           "an index out of range adds nothing. Optional third input: csr of the index.",
    .n_in = 2,
    .max_in = 3,
    .diff = 1,
    .flags = HEED_LINEAR,
    .attr_size = sizeof(heed_segment_attr),
    .infer = heed_segment_infer,
    .kernel = &segment_sum_kernel,
    .units = heed_segments_units,
    .scratch = heed_segments_scratch,
    .vjp = segment_sum_vjp,
    .sample = segment_sum_sample,
    .flops = heed_flops_of_input,
};

heed_node *heed_segment_sum(heed_node *x, heed_node *index, int64_t n)
{
    heed_segment_attr attr = { .n = n };
    heed_node *plan = x ? heed_csr(index, n) : NULL;
    return plan ? heed_segment_apply(&heed_op_segment_sum, &attr, &x, 1, index, plan) : NULL;
}

#endif

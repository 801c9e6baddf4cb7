/* prod.c - y = product of x over axes; dx = dy (product of all the other elements) */
#include "ops/common.h"
#include "ops/ops.h"
#include "ops/reduce.h"

static void prod_prepare(const heed_call *call, void *plan)
{
    heed_reduce_prepare(call, HEED_REDUCE_PROD, 1, plan);
}

/* The product of the others is that of the elements before times that of the elements after: no
 * division, so it is right whatever is zero, and so is its own gradient. */
static void prod_vjp(heed_vjp *v)
{
    const heed_reduce_attr *attr = v->attr;
    heed_node *x = v->in[0];
    int order[HEED_MAX_RANK] = { 0 }, back[HEED_MAX_RANK] = { 0 }, kept = 0;
    if (!v->want[0]) return;
    for (int i = 0, at = 0; i < x->shape.rank; i++) {
        bool reduced = at < attr->n && attr->axes[at] == i;
        int to = reduced ? x->shape.rank - attr->n + at++ : kept++;
        order[to] = i;
        back[i] = to;
    }
    heed_node *turned = heed_permute_axes(x, order, x->shape.rank);
    if (!turned) return;
    heed_shape lines = HEED_SHAPE(heed_product(&turned->shape, 0, kept),
                                  heed_product(&turned->shape, kept, turned->shape.rank));
    heed_node *line = heed_reshape_to(turned, lines);
    heed_node *before = heed_cumprod(line, 1, .exclusive = true);
    heed_node *after = heed_cumprod(line, 1, .exclusive = true, .reverse = true);
    heed_node *others = heed_reshape_to(heed_mul(before, after), turned->shape);
    others = heed_permute_axes(others, back, x->shape.rank);
    v->dx[0] = heed_mul(heed_reduce_restore(v->dy, x, attr), others);
}

const heed_op heed_op_prod = {
    .name = "prod",
    .doc = "Product over the given axes (all when none is given); 1 over an empty axis.",
    .n_in = 1,
    .diff = 1,
    .strided = 1,
    .strided_out = true,
    .attr_size = sizeof(heed_reduce_attr),
    .infer = heed_reduce_infer,
    .kernel = &heed_reduce_kernel,
    .reduction = &heed_prod_reduction,
    .units = heed_reduce_units,
    .plan_size = sizeof(heed_reduce_plan),
    .prepare = prod_prepare,
    .vjp = prod_vjp,
    .sample = heed_reduce_sample,
    .flops = heed_flops_of_input,
    .simplify = heed_reduce_simplify,
};

heed_node *heed_prod_axes(heed_node *x, const int *axes, int n, bool keep)
{
    return heed_reduce_apply(&heed_op_prod, x, axes, n, keep);
}

heed_node *heed_prod(heed_node *x, int axis, bool keep)
{
    return heed_prod_axes(x, &axis, 1, keep);
}

heed_node *heed_prod_all(heed_node *x)
{
    return heed_prod_axes(x, NULL, 0, false);
}

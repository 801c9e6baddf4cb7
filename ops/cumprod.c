/* cumprod.c - y[k] = x[0] .. x[k] along an axis
 *
 * dx[i] = (x[0] .. x[i - 1]) r[i], where r[i] is the sum over k >= i of dy[k] x[i + 1] .. x[k], so
 * r[i] = dy[i] + x[i + 1] r[i + 1]: no division, right whatever is zero. */
#include "ops/cumulative.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP
#include "ops/micro/cumulative.h"

static inline double multiply(double state, double x)
{
    return state * x;
}

HEED_KERNEL(cumprod)
{
    const heed_cumulative_attr *attr = call->attr;
    if (attr->exclusive)
        cumulate(call, begin, end, multiply, 1, true);
    else
        cumulate(call, begin, end, multiply, 1, false);
}

#else
#include "ops/ops.h"

HEED_DECLARE_KERNEL(cumprod);
static const heed_kernel cumprod_kernel = HEED_KERNEL_TABLE(cumprod);

static void cumprod_vjp(heed_vjp *v)
{
    const heed_cumulative_attr *attr = v->attr;
    heed_node *x = v->in[0], *rest;
    if (!v->want[0]) return;
    heed_node *before = heed_cumprod(x, attr->axis, .reverse = attr->reverse, .exclusive = true);
    if (attr->exclusive) { /* dy[i + 1] + x[i + 1] ( .. */
        rest = heed_linear_scan(x, v->dy, attr->axis, .reverse = !attr->reverse);
        rest = heed_shift_along(rest, attr->axis, attr->reverse);
    } else {
        rest = heed_linear_scan(x, v->dy, attr->axis, .reverse = !attr->reverse, .late = true);
    }
    v->dx[0] = heed_mul(before, rest);
}

const heed_op heed_op_cumprod = {
    .name = "cumprod",
    .doc = "y[k] = x[0] .. x[k] along an axis; reverse: from the end; exclusive: without x[k].",
    .n_in = 1,
    .diff = 1,
    .in_place = 1,
    .attr_size = sizeof(heed_cumulative_attr),
    .infer = heed_cumulative_infer,
    .kernel = &cumprod_kernel,
    .units = heed_cumulative_units,
    .vjp = cumprod_vjp,
    .sample = heed_cumulative_sample,
    .limit = "a chain: each product waits for the one before it",
};

heed_node *heed_cumprod_with(heed_node *x, int axis, heed_cumulative_options options)
{
    heed_cumulative_attr attr = { axis, options.reverse, options.exclusive };
    return heed_apply(&heed_op_cumprod, &attr, 1, &x);
}

#endif

/* cumsum.c - y[k] = x[0] + .. + x[k] along an axis; dx is the same of dy, the other way round */
#include "ops/cumulative.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP
#include "ops/micro/cumulative.h"
#include "ops/micro/vector.h"

static inline double add(double state, double x)
{
    return state + x;
}

/* Lane l gets lane l - by, or l + by in reverse; 0 where there is none. */
static inline vec shifted(vec x, int by, bool reverse)
{
    ivec lane = vec_lane_numbers();
    ivec inside = reverse ? lane < HEED_LANES - by : lane >= by;
    return vec_select(inside, vec_rotate(x, reverse ? by : HEED_LANES - by), vec_fill(0));
}

/* One vector: sums of its lanes as a tree, and what came before, in f64. */
static inline vec sum_vector(vec x, double *before, bool reverse, bool exclusive)
{
    for (int by = 1; by < HEED_LANES; by *= 2) x += shifted(x, by, reverse);
    vec y = (exclusive ? shifted(x, 1, reverse) : x) + (real)*before;
    *before += (double)x[reverse ? 0 : HEED_LANES - 1];
    return y;
}

static inline __attribute__((always_inline)) void sum_row(const real *x, real *y, int64_t n,
                                                          bool reverse, bool exclusive)
{
    double before = 0;
    int64_t whole = n - n % HEED_LANES, k = reverse ? n - HEED_LANES : 0;
    for (int64_t i = 0; i < whole; i += HEED_LANES, k += reverse ? -HEED_LANES : HEED_LANES)
        vec_store(y + k, sum_vector(vec_load(x + k), &before, reverse, exclusive));
    if (whole == n) return;
    k = reverse ? 0 : whole;
    vec part = vec_load_part(x + k, n - whole, 0);
    vec_store_part(y + k, sum_vector(part, &before, reverse, exclusive), n - whole);
}

static inline void sum_rows(const heed_call *call, int64_t first, int64_t last, int64_t n)
{
    const heed_cumulative_attr *attr = call->attr;
    for (int64_t r = first; r < last; r++) {
        const real *x = (const real *)call->in[0].data + r * n;
        real *y = (real *)call->out.data + r * n;
        if (attr->reverse)
            sum_row(x, y, n, true, attr->exclusive);
        else
            sum_row(x, y, n, false, attr->exclusive);
    }
}

HEED_KERNEL(cumsum)
{
    const heed_cumulative_attr *attr = call->attr;
    const heed_lines l = heed_cumulative_lines(call);
    if (l.inner == 1) {
        sum_rows(call, begin * l.group, heed_smaller(end * l.group, l.outer), l.n);
    } else if (attr->exclusive) {
        cumulate(call, begin, end, add, 0, true);
    } else {
        cumulate(call, begin, end, add, 0, false);
    }
}

#else
#include "ops/ops.h"

HEED_DECLARE_KERNEL(cumsum);
static const heed_kernel cumsum_kernel = HEED_KERNEL_TABLE(cumsum);

static void cumsum_vjp(heed_vjp *v)
{
    heed_cumulative_attr attr = *(const heed_cumulative_attr *)v->attr;
    attr.reverse = !attr.reverse;
    if (v->want[0]) v->dx[0] = heed_apply(&heed_op_cumsum, &attr, 1, &v->dy);
}

const heed_op heed_op_cumsum = {
    .name = "cumsum",
    .doc = "y[k] = x[0] + .. + x[k] along an axis; reverse: from the end; exclusive: without x[k].",
    .n_in = 1,
    .diff = 1,
    .in_place = 1,
    .flags = HEED_LINEAR,
    .attr_size = sizeof(heed_cumulative_attr),
    .infer = heed_cumulative_infer,
    .kernel = &cumsum_kernel,
    .units = heed_cumulative_units,
    .vjp = cumsum_vjp,
    .sample = heed_cumulative_sample,
};

heed_node *heed_cumsum_with(heed_node *x, int axis, heed_cumulative_options options)
{
    heed_cumulative_attr attr = { axis, options.reverse, options.exclusive };
    return heed_apply(&heed_op_cumsum, &attr, 1, &x);
}

#endif

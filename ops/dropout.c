/* dropout.c - y = x / (1 - rate) with probability 1 - rate, else 0. Srivastava et al. 2014.
 *
 * The mask is a function of (seed, salt, step, element). Elements come in groups of 2048; element
 * e = 2048 g + 512 w + 256 h + j is dropped when half h (0: the low 16 bits) of word w of
 *     heed_philox({ 256 g + j, salt, low(step), high(step) }, { low(seed), high(seed) })
 * is below rate 2^16, rounded. So 256 neighbours are the same half word of 256 consecutive
 * counters, which run through the rounds side by side. */
#include "ops/common.h"
#include "ops/kernel.h"
#include "ops/random.h"

typedef struct heed_dropout_attr {
    double rate;
    uint32_t salt; /* one for each builder call: tells a graph's dropouts apart */
    uint32_t unused;
} heed_dropout_attr;

#define LANES HEED_RANDOM_LANES
#define GROUP (8 * LANES)
#define GROUPS_PER_UNIT 4

#ifdef HEED_STAMP
#include "ops/micro/random.h"

static void drop(int64_t n, const real *x, const uint32_t *word, int shift, uint32_t below,
                 real scale, real *y)
{
    HEED_INDEPENDENT
    for (int64_t i = 0; i < n; i++) {
        real kept = x[i] * scale;
        y[i] = (word[i] >> shift & 0xFFFF) < below ? 0 : kept;
    }
}

HEED_KERNEL(dropout)
{
    const heed_dropout_attr *attr = call->attr;
    const uint32_t key[2] = { (uint32_t)*call->seed, (uint32_t)(*call->seed >> 32) };
    const uint32_t rest[3] = { attr->salt, (uint32_t)*call->step, (uint32_t)(*call->step >> 32) };
    const real *x = call->in[0].data;
    const real scale = (real)(1 / (1 - attr->rate));
    const uint32_t below = (uint32_t)(attr->rate * 65536 + 0.5);
    int64_t count = heed_count(&call->out.shape), unit = GROUP * GROUPS_PER_UNIT;
    int64_t last = heed_smaller(end * unit, count);
    real *y = call->out.data;
    uint32_t word[4 * LANES];
    for (int64_t group = begin * unit; group < last; group += GROUP) {
        philox_lanes((uint32_t)(group / GROUP * LANES), rest, key, word);
        for (int64_t i = group; i < heed_smaller(group + GROUP, last); i += LANES) {
            int half = (int)(i / LANES % 8);
            drop(heed_smaller(LANES, last - i), x + i, word + half / 2 * LANES, half % 2 * 16,
                 below, scale, y + i);
        }
    }
}

#else
#include "ops/ops.h"

HEED_DECLARE_KERNEL(dropout);
static const heed_kernel dropout_kernel = HEED_KERNEL_TABLE(dropout);

static int64_t dropout_units(const heed_call *call)
{
    return heed_units_of(heed_count(&call->out.shape), GROUP * GROUPS_PER_UNIT);
}

static bool dropout_infer(heed_infer *infer)
{
    const heed_dropout_attr *attr = infer->attr;
    if (!heed_need_real(infer, 0)) return false;
    if (!(attr->rate >= 0 && attr->rate < 1)) {
        return heed_refuse(infer, "rate %g is not in 0 <= rate < 1", attr->rate);
    }
    if (heed_count(&infer->shape) > (int64_t)1 << 35) {
        return heed_refuse(infer, "more than 2^35 elements: their random numbers would repeat");
    }
    return true;
}

/* The same mask on dy. */
static void dropout_vjp(heed_vjp *v)
{
    if (v->want[0]) v->dx[0] = heed_apply(&heed_op_dropout, v->attr, 1, &v->dy);
}

static bool dropout_sample(int k, heed_sample *sample)
{
    static const double rates[] = { 0.5, 0.1, 0, 0.9 };
    heed_dropout_attr attr = { .rate = rates[k % 4], .salt = (uint32_t)k + 1 };
    if (!heed_sample_unary(k, sample)) return false;
    heed_sample_attr(sample, &attr, sizeof attr);
    return true;
}

static double dropout_flops(const heed_node *node)
{
    return 12 * (double)heed_count(&node->shape);
}

const heed_op heed_op_dropout = {
    .name = "dropout",
    .doc = "Each element is 0 with probability `rate`, else x / (1 - rate); a function of (seed, "
           "salt, step, element).",
    .n_in = 1,
    .diff = 1,
    .in_place = 1,
    .flags = HEED_LINEAR | HEED_RANDOM,
    .attr_size = sizeof(heed_dropout_attr),
    .infer = dropout_infer,
    .kernel = &dropout_kernel,
    .units = dropout_units,
    .vjp = dropout_vjp,
    .sample = dropout_sample,
    .flops = dropout_flops,
    .limit = "arithmetic: ten rounds of Philox for four numbers",
};

heed_node *heed_dropout(heed_node *x, double rate)
{
    if (!x || rate == 0) return x;
    bool valid = rate > 0 && rate < 1;
    if (valid && !heed_graph_training(x->graph)) return x;
    heed_dropout_attr attr = { .rate = rate, .salt = heed_graph_salt(x->graph) };
    return heed_apply(&heed_op_dropout, &attr, 1, &x);
}

heed_node *heed_dropout_axes(heed_node *x, double rate, const int *axes, int n)
{
    if (!x || rate == 0) return x;
    const bool valid = rate > 0 && rate < 1;
    if (valid && !heed_graph_training(x->graph)) return x;
    heed_shape shape = x->shape;
    for (int i = 0; i < n; i++) {
        int axis = axes[i];
        if (!heed_resolve_axis(x, "dropout_axes", &axis)) return NULL;
        shape.dim[axis] = 1;
    }
    return heed_mul(x, heed_dropout(heed_full_shaped(x->graph, x->dtype, shape, 1), rate));
}

heed_node *heed_drop_path(heed_node *x, double rate)
{
    int axes[HEED_MAX_RANK];
    if (!x) return NULL;
    if (x->shape.rank == 0)
        return heed_graph_fail(x->graph, "drop_path: x has no axis of examples");
    for (int i = 1; i < x->shape.rank; i++) axes[i - 1] = i;
    return heed_dropout_axes(x, rate, axes, x->shape.rank - 1);
}

#endif

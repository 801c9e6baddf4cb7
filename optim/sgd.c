/* sgd.c - v = momentum v + g; p -= rate v. */
#include "ops/kernel.h"
#include "optim/rule.h"
#ifdef HEED_STAMP
#include "optim/update_kernel.h"

HEED_KERNEL(sgd)
{
    HEED_UPDATE_BEGIN(call, begin, end);
    real *restrict v = heed_writable(call, 4);
    const real momentum = (real)a->momentum, decay = (real)a->weight_decay, rate = rates[HEED_RATE];
    const bool nesterov = a->nesterov;
    for (int64_t i = first; i < last; i++) {
        real step = heed_clipped(g[i], limit) * scale + decay * p[i];
        v[i] = momentum * v[i] + step;
        p[i] -= rate * (nesterov ? step + momentum * v[i] : v[i]);
    }
    if (begin == 0) *(real *)call->out.data = 0;
}

#else

HEED_DECLARE_KERNEL(sgd);
static const heed_kernel kernel = HEED_KERNEL_TABLE(sgd);

static const heed_op op = {
    .name = "sgd_update",
    .doc = "v = momentum v + g; p -= rate v (nesterov: g + momentum v). Writes p and v.",
    .n_in = 5,
    .writes = 1u << 0 | 1u << 4,
    .flags = HEED_IMPURE,
    .attr_size = sizeof(heed_update_attr),
    .infer = heed_update_infer,
    .kernel = &kernel,
    .units = heed_update_units,
    .flops = heed_update_flops,
};

static const heed_update_rule rule = { "sgd", &op, 1, { "v" } };

heed_optimizer heed_sgd_with(heed_optimizer_options options)
{
    if (options.lr == 0) options.lr = 0.01;
    return (heed_optimizer){ .rule = &rule, .options = options };
}

#endif

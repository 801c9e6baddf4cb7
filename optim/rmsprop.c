/* rmsprop.c - v = a v + (1 - a) g^2; b = momentum b + g / (sqrt(v) + eps); p -= rate b. */
#include "ops/kernel.h"
#include "optim/rule.h"
#ifdef HEED_STAMP
#include "optim/update_kernel.h"

HEED_KERNEL(rmsprop)
{
    HEED_UPDATE_BEGIN(call, begin, end);
    real *restrict v = heed_writable(call, 4), *restrict b = heed_writable(call, 5);
    const real alpha = (real)a->alpha, rest = (real)(1 - a->alpha), eps = (real)a->eps;
    const real momentum = (real)a->momentum, decay = (real)a->weight_decay, rate = rates[HEED_RATE];
    for (int64_t i = first; i < last; i++) {
        real step = heed_clipped(g[i], limit) * scale + decay * p[i];
        v[i] = alpha * v[i] + rest * step * step;
        b[i] = momentum * b[i] + step / (heed_root_of(v[i]) + eps);
        p[i] -= rate * b[i];
    }
    if (begin == 0) *(real *)call->out.data = 0;
}

#else

HEED_DECLARE_KERNEL(rmsprop);
static const heed_kernel kernel = HEED_KERNEL_TABLE(rmsprop);

static const heed_op op = {
    .name = "rmsprop_update",
    .doc = "v = a v + (1 - a) g^2; b = momentum b + g / (sqrt(v) + eps); p -= rate b. "
           "Writes p, v and b.",
    .n_in = 6,
    .writes = 1u << 0 | 1u << 4 | 1u << 5,
    .flags = HEED_IMPURE,
    .attr_size = sizeof(heed_update_attr),
    .infer = heed_update_infer,
    .kernel = &kernel,
    .units = heed_update_units,
    .flops = heed_update_flops,
};

static const heed_update_rule rule = { "rmsprop", &op, 2, { "v", "b" } };

heed_optimizer heed_rmsprop_with(heed_optimizer_options options)
{
    if (options.lr == 0) options.lr = 0.01;
    if (options.alpha == 0) options.alpha = 0.99;
    if (options.eps == 0) options.eps = 1e-8;
    return (heed_optimizer){ .rule = &rule, .options = options };
}

#endif

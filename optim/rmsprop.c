/* rmsprop.c - v = a v + (1 - a) g^2; b = momentum b + g / (sqrt(v) + eps); p -= rate b. */
#include "ops/kernel.h"
#include "optim/rule.h"
#ifdef HEED_STAMP
#include "optim/update_kernel.h"

static inline void rmsprop_part(const heed_update_step *u, const heed_update_part *part)
{
    const heed_update_attr *a = u->a;
    real *restrict p = part->p, *restrict v = part->state[0], *restrict b = part->state[1];
    const real *restrict g = part->g;
    const real alpha = (real)a->alpha, rest = (real)(1 - a->alpha), eps = (real)a->eps;
    const real momentum = (real)a->momentum, decay = (real)a->weight_decay;
    const real rate = u->rates[HEED_RATE], scale = u->scale, limit = u->limit;
    HEED_INDEPENDENT
    for (int64_t i = 0; i < part->n; i++) {
        real step = heed_clipped(g[i], limit) * scale + decay * p[i];
        v[i] = alpha * v[i] + rest * step * step;
        b[i] = momentum * b[i] + step / (heed_root_of(v[i]) + eps);
        p[i] -= rate * b[i];
    }
}

HEED_KERNEL(rmsprop)
{
    heed_update_units_with(call, begin, end, 2, rmsprop_part);
}

#else

HEED_DECLARE_KERNEL(rmsprop);
static const heed_kernel kernel = HEED_KERNEL_TABLE(rmsprop);

static int64_t units(const heed_call *call)
{
    return heed_update_units(call, 2);
}

static const heed_op op = {
    .name = "rmsprop_update",
    .doc = "v = a v + (1 - a) g^2; b = momentum b + g / (sqrt(v) + eps); p -= rate b. "
           "Inputs rates, scale, then p, g, v and b of each parameter; writes p, v and b.",
    .n_in = HEED_UPDATE_FIRST + 2 + 2,
    .max_in = HEED_UPDATE_MAX_IN(2),
    .writes = HEED_UPDATE_WRITES_2,
    .flags = HEED_IMPURE,
    .attr_size = sizeof(heed_update_attr),
    .infer = heed_update_infer,
    .kernel = &kernel,
    .units = units,
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

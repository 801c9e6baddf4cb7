/* adam.c - Adam (Kingma, Ba 2015) and AdamW (Loshchilov, Hutter 2019). */
#include "ops/kernel.h"
#include "optim/rule.h"
#ifdef HEED_STAMP
#include "optim/update_kernel.h"

/* m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  p -= rate m^ / (sqrt(v^) + eps) */
static inline void adam_part(const heed_update_step *u, const heed_update_part *part)
{
    const heed_update_attr *a = u->a;
    real *restrict p = part->p, *restrict m = part->state[0], *restrict v = part->state[1];
    const real *restrict g = part->g;
    const real b1 = (real)a->beta1, b2 = (real)a->beta2, eps = (real)a->eps;
    const real c1 = (real)(1 - a->beta1), c2 = (real)(1 - a->beta2);
    const real rate = u->rates[HEED_RATE] * u->rates[HEED_UNBIAS_1];
    const real unbias_2 = u->rates[HEED_UNBIAS_2], scale = u->scale, limit = u->limit;
    const real decay = a->decoupled ? 0 : (real)a->weight_decay;
    const real keep = a->decoupled ? 1 - u->rates[HEED_RATE] * (real)a->weight_decay : 1;
    HEED_INDEPENDENT
    for (int64_t i = 0; i < part->n; i++) {
        real step = heed_clipped(g[i], limit) * scale + decay * p[i];
        m[i] = b1 * m[i] + c1 * step;
        v[i] = b2 * v[i] + c2 * step * step;
        p[i] = keep * p[i] - rate * m[i] / (heed_root_of(v[i]) * unbias_2 + eps);
    }
}

HEED_KERNEL(adam)
{
    heed_update_units_with(call, begin, end, 2, adam_part);
}

#else

HEED_DECLARE_KERNEL(adam);
static const heed_kernel kernel = HEED_KERNEL_TABLE(adam);

static int64_t units(const heed_call *call)
{
    return heed_update_units(call, 2);
}

static const heed_op op = {
    .name = "adam_update",
    .doc = "m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; p -= rate m^ / (sqrt(v^) + eps). "
           "Inputs rates, scale, then p, g, m and v of each parameter; writes p, m and v.",
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

static const heed_update_rule adam_rule = { "adam", &op, 2, { "m", "v" } };
static const heed_update_rule adamw_rule = { "adamw", &op, 2, { "m", "v" } };

static heed_optimizer with_defaults(const heed_update_rule *rule, heed_optimizer_options options)
{
    if (options.lr == 0) options.lr = 1e-3;
    if (options.beta1 == 0) options.beta1 = 0.9;
    if (options.beta2 == 0) options.beta2 = 0.999;
    if (options.beta1 == HEED_NONE) options.beta1 = 0;
    if (options.beta2 == HEED_NONE) options.beta2 = 0;
    if (options.eps == 0) options.eps = 1e-8;
    return (heed_optimizer){ .rule = rule, .options = options };
}

heed_optimizer heed_adam_with(heed_optimizer_options options)
{
    return with_defaults(&adam_rule, options);
}

heed_optimizer heed_adamw_with(heed_optimizer_options options)
{
    if (options.weight_decay == 0) options.weight_decay = 0.01;
    if (options.weight_decay == HEED_NONE) options.weight_decay = 0;
    heed_optimizer optimizer = with_defaults(&adamw_rule, options);
    optimizer.decoupled = true;
    return optimizer;
}

#endif

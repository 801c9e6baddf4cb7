/* sgd.c - v = momentum v + g; p -= rate v. */
#include "ops/kernel.h"
#include "optim/rule.h"
#ifdef HEED_STAMP
#include "optim/update_kernel.h"

static inline void sgd_part(const heed_update_step *u, const heed_update_part *part)
{
    const heed_update_attr *a = u->a;
    real *restrict p = part->p, *restrict v = part->state[0];
    const real *restrict g = part->g;
    const real momentum = (real)a->momentum, decay = (real)a->weight_decay;
    const real rate = u->rates[HEED_RATE], scale = u->scale, limit = u->limit;
    const bool nesterov = a->nesterov;
    HEED_INDEPENDENT
    for (int64_t i = 0; i < part->n; i++) {
        real step = heed_clipped(g[i], limit) * scale + decay * p[i];
        v[i] = momentum * v[i] + step;
        p[i] -= rate * (nesterov ? step + momentum * v[i] : v[i]);
    }
}

HEED_KERNEL(sgd)
{
    heed_update_units_with(call, begin, end, 1, sgd_part);
}

#else

HEED_DECLARE_KERNEL(sgd);
static const heed_kernel kernel = HEED_KERNEL_TABLE(sgd);

static int64_t units(const heed_call *call)
{
    return heed_update_units(call, 1);
}

static const heed_op op = {
    .name = "sgd_update",
    .doc = "v = momentum v + g; p -= rate v (nesterov: g + momentum v). "
           "Inputs rates, scale, then p, g and v of each parameter; writes p and v.",
    .n_in = HEED_UPDATE_FIRST + 2 + 1,
    .max_in = HEED_UPDATE_MAX_IN(1),
    .writes = HEED_UPDATE_WRITES_1,
    .flags = HEED_IMPURE,
    .attr_size = sizeof(heed_update_attr),
    .infer = heed_update_infer,
    .kernel = &kernel,
    .units = units,
    .flops = heed_update_flops,
};

static const heed_update_rule rule = { "sgd", &op, 1, { "v" } };

heed_optimizer heed_sgd_with(heed_optimizer_options options)
{
    if (options.lr == 0) options.lr = 0.01;
    return (heed_optimizer){ .rule = &rule, .options = options };
}

#endif

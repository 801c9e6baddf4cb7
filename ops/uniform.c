/* uniform.c - numbers uniform in [low, high) */
#include "ops/kernel.h"
#include "ops/random.h"

#ifdef HEED_STAMP
#include <tgmath.h>

#include "ops/micro/random.h"

/* Rounding must not reach `high`. */
static inline void uniform_block(const random_words *words, const heed_random_attr *attr, real *y)
{
    const real low = (real)attr->a, high = (real)attr->b, span = (real)(attr->b - attr->a);
    const real last = low < high ? nextafter(high, low) : low;
    for (int64_t k = 0; k < HEED_RANDOM_BLOCK; k += HEED_LANES) {
        vec value = low + span * vec_unit(words, k);
        vec_store(y + k, vec_select(value < high, value, vec_fill(last)));
    }
}

HEED_KERNEL(uniform)
{
    noise_units(call, begin, end, uniform_block);
}

#else
#include <math.h>

#include "ops/ops.h"

HEED_DECLARE_KERNEL(uniform);
static const heed_kernel uniform_kernel = HEED_KERNEL_TABLE(uniform);

static bool uniform_infer(heed_infer *infer)
{
    const heed_random_attr *attr = infer->attr;
    if (!heed_noise_infer(infer)) return false;
    if (attr->a <= attr->b && isfinite(attr->b - attr->a)) return true;
    return heed_refuse(infer, "low %g and high %g are not an interval", attr->a, attr->b);
}

static bool uniform_sample(int k, heed_sample *sample)
{
    return heed_noise_sample(k, sample, -1, k % 3);
}

const heed_op heed_op_uniform = {
    .name = "uniform",
    .doc = "Numbers uniform in [low, high), of input 0's shape; a function of (seed, salt, step, "
           "element). Input 0 is not read and has no gradient.",
    .n_in = 1,
    .strided = 1,
    .flags = HEED_RANDOM,
    .attr_size = sizeof(heed_random_attr),
    .infer = uniform_infer,
    .kernel = &uniform_kernel,
    .units = heed_noise_units,
    .sample = uniform_sample,
    .flops = heed_noise_flops,
    .limit = "arithmetic: ten rounds of Philox for four numbers",
};

heed_node *heed_uniform_shaped(heed_graph *graph, heed_shape shape, double low, double high)
{
    if (!graph) return NULL;
    return heed_noise(&heed_op_uniform, graph, heed_graph_dtype(graph), shape, low, high);
}

#endif

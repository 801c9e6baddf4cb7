/* normal.c - numbers of a normal distribution; Box, Muller 1958: r = sqrt(-2 log u),
 * r cos(v) and r sin(v) from one pair (u, v) */
#include "ops/kernel.h"
#include "ops/random.h"

#ifdef HEED_STAMP
#include <tgmath.h>

#include "ops/micro/random.h"

static inline void normal_block(const random_words *words, const heed_random_attr *attr, real *y)
{
    enum { HALF = HEED_RANDOM_BLOCK / 2 };
    const real mean = (real)attr->a, deviation = (real)attr->b;
    real radius[HALF];
    for (int64_t k = 0; k < HALF; k += HEED_LANES)
        vec_store(radius + k, vec_exponential(words, k) * 2);
    for (int64_t k = 0; k < HALF; k++) radius[k] = deviation * sqrt(radius[k]);
    for (int64_t k = 0; k < HALF; k += HEED_LANES) {
        const vec turn = vec_turn(words, HALF + k), r = vec_load(radius + k);
        vec_store(y + k, mean + r * vec_sine_of(turn, 1));
        vec_store(y + HALF + k, mean + r * vec_sine_of(turn, 0));
    }
}

HEED_KERNEL(normal)
{
    noise_units(call, begin, end, normal_block);
}

#else
#include <math.h>

#include "ops/ops.h"

HEED_DECLARE_KERNEL(normal);
static const heed_kernel normal_kernel = HEED_KERNEL_TABLE(normal);

static bool normal_infer(heed_infer *infer)
{
    const heed_random_attr *attr = infer->attr;
    if (!heed_noise_infer(infer)) return false;
    if (isfinite(attr->a) && isfinite(attr->b) && attr->b >= 0) return true;
    return heed_refuse(infer, "mean %g and deviation %g (>= 0 expected) are no distribution",
                       attr->a, attr->b);
}

static bool normal_sample(int k, heed_sample *sample)
{
    return heed_noise_sample(k, sample, k % 3, 0.5);
}

const heed_op heed_op_normal = {
    .name = "normal",
    .doc =
        "Numbers of the normal distribution (mean, deviation), of input 0's shape; a function of "
        "(seed, salt, step, element). Input 0 is not read and has no gradient.",
    .n_in = 1,
    .strided = 1,
    .flags = HEED_RANDOM,
    .attr_size = sizeof(heed_random_attr),
    .infer = normal_infer,
    .kernel = &normal_kernel,
    .units = heed_noise_units,
    .sample = normal_sample,
    .flops = heed_noise_flops,
    .limit = "arithmetic: ten rounds of Philox for four numbers, a logarithm, a root, a sine and a "
             "cosine",
};

heed_node *heed_normal_shaped(heed_graph *graph, heed_shape shape, double mean, double deviation)
{
    if (!graph) return NULL;
    return heed_noise(&heed_op_normal, graph, heed_graph_dtype(graph), shape, mean, deviation);
}

#endif

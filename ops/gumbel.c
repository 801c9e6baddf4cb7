/* gumbel.c - numbers of the standard Gumbel distribution: -log(-log u), u uniform in (0, 1) */
#include "ops/kernel.h"
#include "ops/random.h"

#ifdef HEED_STAMP
#include "ops/micro/random.h"

HEED_KERNEL(gumbel)
{
    noise_units(call, begin, end, gumbel_block);
}

#else
#include "ops/ops.h"

HEED_DECLARE_KERNEL(gumbel);
static const heed_kernel gumbel_kernel = HEED_KERNEL_TABLE(gumbel);

static bool gumbel_sample(int k, heed_sample *sample)
{
    return heed_noise_sample(k, sample, 0, 0);
}

const heed_op heed_op_gumbel = {
    .name = "gumbel",
    .doc = "Numbers of the standard Gumbel distribution, of input 0's shape; a function of (seed, "
           "salt, step, element). Input 0 is not read and has no gradient.",
    .n_in = 1,
    .strided = 1,
    .flags = HEED_RANDOM,
    .attr_size = sizeof(heed_random_attr),
    .infer = heed_noise_infer,
    .kernel = &gumbel_kernel,
    .units = heed_noise_units,
    .sample = gumbel_sample,
    .flops = heed_noise_flops,
    .limit = "arithmetic: ten rounds of Philox for four numbers, two logarithms for each",
};

heed_node *heed_gumbel_shaped(heed_graph *graph, heed_shape shape)
{
    if (!graph) return NULL;
    return heed_noise(&heed_op_gumbel, graph, heed_graph_dtype(graph), shape, 0, 0);
}

#endif

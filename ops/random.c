/* random.c - shape rule, units and building of noise. */
#include "ops/random.h"

#include "ops/common.h"

bool heed_need_random_count(heed_infer *infer, const heed_shape *shape)
{
    if (heed_count(shape) <= (int64_t)1 << 33) return true;
    return heed_refuse(infer, "more than 2^33 elements: their random numbers would repeat");
}

bool heed_noise_infer(heed_infer *infer)
{
    return heed_need_real(infer, 0) && heed_need_random_count(infer, &infer->shape);
}

int64_t heed_noise_units(const heed_call *call)
{
    return heed_units_of(heed_count(&call->out.shape),
                         HEED_RANDOM_BLOCK * HEED_NOISE_BLOCKS_PER_UNIT);
}

bool heed_noise_sample(int k, heed_sample *sample, double a, double b)
{
    heed_random_attr attr = { .a = a, .b = b, .salt = (uint32_t)k + 1 };
    if (!heed_sample_unary(k, sample)) return false;
    heed_sample_attr(sample, &attr, sizeof attr);
    return true;
}

double heed_noise_flops(const heed_node *node)
{
    return 30 * (double)heed_count(&node->shape);
}

heed_node *heed_noise(const heed_op *op, heed_graph *graph, heed_dtype dtype, heed_shape shape,
                      double a, double b)
{
    heed_node *like = heed_full_shaped(graph, dtype, shape, 0);
    if (!like) return NULL;
    heed_random_attr attr = { .a = a, .b = b, .salt = heed_graph_salt(graph) };
    return heed_apply(op, &attr, 1, &like);
}

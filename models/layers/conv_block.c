/* conv_block.c - convolution, normalization of the batch, rectification, pooling. */
#include "models/layers/layers.h"
#include "ops/ops.h"

heed_node *heed_conv_block_with(heed_scope *scope, const char *name, heed_node *x, int64_t filters,
                                heed_conv_block_options options)
{
    char text[256];
    if (!scope || !x) return NULL;
    if (x->shape.rank != 4 || x->shape.dim[1] < 1)
        return heed_graph_fail(x->graph, "conv block '%s%s': images are [N, C, H, W]; got %s",
                               heed_scope_prefix(scope), name, heed_describe(x, text, sizeof text));
    const int64_t kernel = options.kernel ? options.kernel : 3;
    const int64_t pool = options.pool ? options.pool : 2, channels = x->shape.dim[1];
    if (options.weight.rule == HEED_INIT_DEFAULT)
        options.weight.fan_in = channels * kernel * kernel;
    heed_scope *own = heed_enter(scope, name);
    heed_node *w = heed_param(own, "weight", options.weight, filters, channels, kernel, kernel);
    heed_node *y = heed_conv2d(x, w, .pad = kernel / 2);
    y = heed_batch_norm_layer(own, "norm", y);
    /* A rising function of the largest is the largest of it: relu has less to do after pooling. */
    heed_function *activation = options.activation ? options.activation : heed_relu;
    const bool late = activation == heed_relu && !options.mean_pool;
    if (!late) y = activation(y);
    if (pool > 1)
        y = options.mean_pool ? heed_avg_pool2d(y, pool, pool) : heed_max_pool2d(y, pool, pool);
    return late ? heed_relu(y) : y;
}

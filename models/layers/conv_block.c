/* conv_block.c - convolution, normalization of the batch, rectification, pooling. */
#include "models/layers/layers.h"
#include "ops/ops.h"

enum { FILTERS, CHANNELS }; /* axes: a filter of a weight, a channel of an image */

/* -1 where a norm's gain is below 0, else 1. */
static heed_node *sign_of(heed_node *gain)
{
    if (!gain) return NULL;
    heed_node *one = heed_ones_like(gain);
    heed_node *falls = heed_less(heed_stop_gradient(gain), heed_zeros_like(gain));
    return heed_where(falls, heed_neg(one), one);
}

/* A number for each channel of [N, C, H, W]. */
static heed_node *of_channels(heed_node *x)
{
    return x ? heed_reshape(x, x->shape.dim[0], 1, 1) : NULL;
}

/* y - its mean, of each channel, and its variance: of this batch, which then move the running ones,
 * or by those. */
static heed_node *centred(heed_scope *own, heed_node *y, heed_node *sign, heed_node **variance)
{
    const int64_t channels = y->shape.dim[CHANNELS];
    const double n = (double)(heed_count(&y->shape) / channels), momentum = 0.1;
    heed_node *running_mean = heed_state(own, "mean", HEED_ZEROS, channels);
    heed_node *running_variance = heed_state(own, "variance", HEED_ONES, channels);
    if (!heed_graph_training(y->graph)) {
        *variance = running_variance;
        return heed_sub(y, of_channels(heed_mul(running_mean, sign)));
    }
    const int axes[3] = { 0, 2, 3 };
    heed_node *mean = heed_mean_axes(y, axes, 3, false);
    y = heed_sub(y, of_channels(mean));
    *variance = heed_mean_axes(heed_square(y), axes, 3, false);
    heed_moving_average(running_mean, heed_mul(mean, sign), momentum);
    heed_moving_average(running_variance, heed_scale(*variance, n > 1 ? n / (n - 1) : 1), momentum);
    return y;
}

/* max_pool(batch_norm(conv(x, w))), where the norm is left for what the pooling leaves: it is a
 * rising function of each channel once filters of a falling one, gain < 0, are turned around. So
 * the images at their full size are stored once, and walked through less often. */
static heed_node *pooled_and_normalized(heed_scope *own, heed_node *x, heed_node *w, int64_t pad,
                                        int64_t pool)
{
    if (!w) return NULL;
    const int64_t filters = w->shape.dim[FILTERS];
    heed_scope *norm = heed_enter(own, "norm");
    heed_node *gain = heed_param(norm, "gain", HEED_ONES, filters);
    heed_node *bias = heed_param(norm, "bias", HEED_ZEROS, filters);
    heed_node *sign = sign_of(gain), *variance;
    w = heed_mul(w, heed_unsqueeze(of_channels(sign), -1)); /* [filters, 1, 1, 1] */
    heed_node *y = heed_conv2d(x, w, .pad = pad);
    if (!y) return NULL;
    y = centred(norm, y, sign, &variance);
    heed_node *scale = heed_mul(heed_mul(gain, sign), heed_rsqrt(heed_affine(variance, 1, 1e-5)));
    if (pool > 1) y = heed_max_pool2d(y, pool, pool);
    return heed_add(heed_mul(y, of_channels(scale)), of_channels(bias));
}

heed_node *heed_conv_block_with(heed_scope *scope, const char *name, heed_node *x, int64_t filters,
                                heed_conv_block_options options)
{
    char text[256];
    if (!scope || !x) return NULL;
    if (x->shape.rank != 4 || x->shape.dim[CHANNELS] < 1)
        return heed_graph_fail(x->graph, "conv block '%s%s': images are [N, C, H, W]; got %s",
                               heed_scope_prefix(scope), name, heed_describe(x, text, sizeof text));
    const int64_t kernel = options.kernel ? options.kernel : 3;
    const int64_t pool = options.pool ? options.pool : 2, channels = x->shape.dim[CHANNELS];
    if (options.weight.rule == HEED_INIT_DEFAULT)
        options.weight.fan_in = channels * kernel * kernel;
    heed_scope *own = heed_enter(scope, name);
    heed_node *w = heed_param(own, "weight", options.weight, filters, channels, kernel, kernel);
    if (!options.activation && !options.mean_pool) /* relu is a rising function, too */
        return heed_relu(pooled_and_normalized(own, x, w, kernel / 2, pool));
    heed_node *y = heed_conv2d(x, w, .pad = kernel / 2);
    y = heed_batch_norm_layer(own, "norm", y);
    y = options.activation ? options.activation(y) : heed_relu(y);
    if (pool == 1) return y;
    return options.mean_pool ? heed_avg_pool2d(y, pool, pool) : heed_max_pool2d(y, pool, pool);
}

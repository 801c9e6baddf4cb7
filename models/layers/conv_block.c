/* conv_block.c - convolution, normalization of the batch, rectification, pooling. */
#include "models/layers/layers.h"
#include "ops/ops.h"

enum { FILTERS, CHANNELS }; /* axes: a filter of a weight, a channel of an image */

/* A number for each channel of [N, C, H, W]. */
static heed_node *of_channels(heed_node *x)
{
    return x ? heed_reshape(x, x->shape.dim[0], 1, 1) : NULL;
}

typedef struct norm_state {
    heed_node *gain, *bias, *mean, *variance;
} norm_state;

/* A convolution, normalized by the statistics of this batch and pooled: a region that can be
 * computed anew. */
typedef struct normalized {
    heed_node *w, *gain, *bias;
    int64_t pad;
} normalized;

/* y: what is left by the pooling, then means and variances [2, C]. */
static bool normalize(void *context, heed_node *const *x, heed_node **y)
{
    const normalized *n = context;
    y[0] = heed_pooled_norm(heed_conv2d(x[0], n->w, .pad = n->pad), n->gain, n->bias, 0);
    y[1] = y[0] ? heed_aux(y[0]) : NULL;
    return y[1] != NULL;
}

/* For training: by the statistics of this batch, which move the running ones. */
static heed_node *by_batch(heed_node *x, heed_node *w, int64_t pad, const norm_state *s,
                           bool recompute)
{
    const double momentum = 0.1;
    normalized region = { .w = w, .gain = s->gain, .bias = s->bias, .pad = pad };
    heed_node *y[2] = { NULL, NULL };
    if (!(recompute ? heed_checkpoint(x->graph, normalize, &region, &x, 1, y, 2)
                    : normalize(&region, &x, y)))
        return NULL;
    const double n = (double)(heed_count(&x->shape) / x->shape.dim[CHANNELS]);
    heed_moving_average(s->mean, heed_index(y[1], 0, 0), momentum);
    heed_moving_average(s->variance, heed_scale(heed_index(y[1], 0, 1), n > 1 ? n / (n - 1) : 1),
                        momentum);
    return y[0];
}

/* max_pool(batch_norm(conv(x, w))), windows of 2 x 2. By running statistics the norm is a number
 * for each filter, which multiplies it, and one to add to what the pooling leaves. */
static heed_node *pooled_and_normalized(heed_scope *own, heed_node *x, heed_node *w, int64_t pad,
                                        bool recompute)
{
    if (!w) return NULL;
    const int64_t filters = w->shape.dim[FILTERS];
    heed_scope *norm = heed_enter(own, "norm");
    const norm_state s = { .gain = heed_param(norm, "gain", HEED_ONES, filters),
                           .bias = heed_param(norm, "bias", HEED_ZEROS, filters),
                           .mean = heed_state(norm, "mean", HEED_ZEROS, filters),
                           .variance = heed_state(norm, "variance", HEED_ONES, filters) };
    if (heed_graph_training(x->graph)) return by_batch(x, w, pad, &s, recompute);
    heed_node *scale = heed_mul(s.gain, heed_rsqrt(heed_affine(s.variance, 1, 1e-5)));
    w = heed_mul(w, heed_unsqueeze(of_channels(scale), -1)); /* [filters, 1, 1, 1] */
    heed_node *y = heed_conv2d(x, w, .pad = pad);
    y = heed_max_pool2d(y, 2, 2);
    return heed_add(y, of_channels(heed_sub(s.bias, heed_mul(s.mean, scale))));
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
    if (!options.activation && !options.mean_pool && pool == 2) /* relu is a rising function */
        return heed_relu(pooled_and_normalized(own, x, w, kernel / 2, options.recompute));
    heed_node *y = heed_conv2d(x, w, .pad = kernel / 2);
    y = heed_batch_norm_layer(own, "norm", y);
    y = options.activation ? options.activation(y) : heed_relu(y);
    if (pool == 1) return y;
    return options.mean_pool ? heed_avg_pool2d(y, pool, pool) : heed_max_pool2d(y, pool, pool);
}

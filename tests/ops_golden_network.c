/* Golden vectors of pooling, upsampling, norms over channels and of weights, positions. */
#include <criterion/criterion.h>

#include "tests/golden.h"

static int64_t whole(golden *c, const char *name)
{
    return (int64_t)golden_number(c, name);
}

static int64_t whole_or_0(golden *c, const char *name)
{
    return (int64_t)golden_number_or(c, name, 0);
}

/* ---- windows and sizes ---- */

static heed_pool_options pool_options(golden *c)
{
    return (heed_pool_options){
        .stride = whole_or_0(c, "stride"),
        .stride_h = whole_or_0(c, "stride_h"),
        .stride_w = whole_or_0(c, "stride_w"),
        .pad = whole_or_0(c, "pad"),
        .pad_h = whole_or_0(c, "pad_h"),
        .dilation = whole_or_0(c, "dilation"),
        .dilation_w = whole_or_0(c, "dilation_w"),
        .ceil_mode = whole_or_0(c, "ceil_mode"),
        .leave_out_pad = whole_or_0(c, "leave_out_pad"),
    };
}

static heed_node *build_max_pool1d(golden *c)
{
    return heed_max_pool1d_with(c->in[0], whole(c, "kernel"), pool_options(c));
}

static heed_node *build_avg_pool1d(golden *c)
{
    return heed_avg_pool1d_with(c->in[0], whole(c, "kernel"), pool_options(c));
}

static heed_node *build_max_pool2d(golden *c)
{
    int kernel[HEED_MAX_RANK];
    golden_list(c, "kernel", kernel);
    return heed_max_pool2d_with(c->in[0], kernel[0], kernel[1], pool_options(c));
}

static heed_node *build_avg_pool2d(golden *c)
{
    int kernel[HEED_MAX_RANK];
    golden_list(c, "kernel", kernel);
    return heed_avg_pool2d_with(c->in[0], kernel[0], kernel[1], pool_options(c));
}

static heed_node *build_adaptive_avg_pool1d(golden *c)
{
    return heed_adaptive_avg_pool1d(c->in[0], whole(c, "size"));
}

static heed_node *build_adaptive_avg_pool2d(golden *c)
{
    int size[HEED_MAX_RANK];
    golden_list(c, "size", size);
    return heed_adaptive_avg_pool2d(c->in[0], size[0], size[1]);
}

static heed_node *build_upsample1d(golden *c)
{
    return heed_upsample1d(c->in[0], whole(c, "size"), (heed_upsample_mode)whole(c, "mode"));
}

static heed_node *build_upsample2d(golden *c)
{
    int size[HEED_MAX_RANK];
    golden_list(c, "size", size);
    return heed_upsample2d(c->in[0], size[0], size[1], (heed_upsample_mode)whole(c, "mode"));
}

static heed_node *build_pixel_shuffle(golden *c)
{
    return heed_pixel_shuffle(c->in[0], whole(c, "factor"));
}

static heed_node *build_pixel_unshuffle(golden *c)
{
    return heed_pixel_unshuffle(c->in[0], whole(c, "factor"));
}

static heed_node *build_causal(golden *c)
{
    heed_conv1d_options options = { .causal = true,
                                    .stride = whole_or_0(c, "stride"),
                                    .dilation = whole_or_0(c, "dilation") };
    return heed_conv1d_with(c->in[0], c->in[1], options);
}

/* ---- norms ---- */

/* x, gain, bias, running mean and variance, as far as they are there. */
static heed_node *build_batch_norm(golden *c)
{
    heed_batch_norm_options options = { .gain = c->in[1],
                                        .bias = c->in[2],
                                        .mean = c->in[3],
                                        .variance = c->in[4],
                                        .eps = golden_number_or(c, "eps", 0) };
    return heed_batch_norm_with(c->in[0], options);
}

static heed_node *build_pooled_norm(golden *c)
{
    return heed_pooled_norm(c->in[0], c->in[1], c->in[2], golden_number_or(c, "eps", 0));
}

static heed_node *build_group_norm(golden *c)
{
    return heed_group_norm(c->in[0], whole(c, "groups"), c->in[1], c->in[2],
                           golden_number_or(c, "eps", 0));
}

static heed_node *build_instance_norm(golden *c)
{
    return heed_instance_norm(c->in[0], c->in[1], c->in[2], 0);
}

static heed_node *build_weight_norm(golden *c)
{
    return heed_weight_norm(c->in[0], c->in[1], (int)whole(c, "axis"));
}

static heed_node *build_spectral_norm(golden *c)
{
    return heed_spectral_norm(c->in[0], c->in[1], c->in[2]);
}

/* ---- places ---- */

static heed_node *build_circular_conv(golden *c)
{
    return heed_circular_conv(c->in[0], c->in[1], whole(c, "first"));
}

static heed_node *build_rotary(golden *c)
{
    heed_rotary_options options = { .base = golden_number_or(c, "base", 0),
                                    .offset = whole_or_0(c, "offset"),
                                    .width = whole_or_0(c, "width"),
                                    .interleaved = whole_or_0(c, "interleaved") };
    if (whole_or_0(c, "positions")) options.positions = c->in[1];
    return heed_rotary_with(c->in[0], options);
}

static heed_node *build_sinusoids(golden *c)
{
    const heed_shape *x = &c->in[0]->shape;
    return heed_add(c->in[0], heed_sinusoids(c->graph, x->dim[0], x->dim[1], whole(c, "offset")));
}

static heed_node *build_alibi_slopes(golden *c)
{
    return heed_mul(c->in[0], heed_alibi_slopes(c->graph, whole(c, "heads")));
}

static heed_node *build_alibi_bias(golden *c)
{
    return heed_add(c->in[0], heed_alibi_bias(c->graph, whole(c, "heads"), whole(c, "queries"),
                                              whole(c, "keys")));
}

static heed_node *build_memory_look(golden *c)
{
    return heed_memory_look(c->in[0], c->in[1], c->in[2], whole(c, "reads"), &c->y[1]);
}

static heed_node *build_memory_write(golden *c)
{
    return heed_memory_write(c->in[0], c->in[1], c->in[2], c->in[3]);
}

static const golden_builder builders[] = {
    { "max_pool1d", .build = build_max_pool1d },
    { "max_pool2d", .build = build_max_pool2d },
    { "avg_pool1d", .build = build_avg_pool1d },
    { "avg_pool2d", .build = build_avg_pool2d },
    { "adaptive_avg_pool1d", .build = build_adaptive_avg_pool1d },
    { "adaptive_avg_pool2d", .build = build_adaptive_avg_pool2d },
    { "upsample1d", .build = build_upsample1d },
    { "upsample2d", .build = build_upsample2d },
    { "pixel_shuffle", .build = build_pixel_shuffle },
    { "pixel_unshuffle", .build = build_pixel_unshuffle },
    { "conv1d", .build = build_causal },
    { "batch_norm", .build = build_batch_norm },
    { "pooled_norm", .build = build_pooled_norm },
    { "group_norm", .build = build_group_norm },
    { "instance_norm", .build = build_instance_norm },
    { "weight_norm", .build = build_weight_norm },
    { "spectral_norm", .build = build_spectral_norm },
    { "circular_conv", .build = build_circular_conv },
    { "rotary", .build = build_rotary },
    { "sinusoids", .build = build_sinusoids },
    { "alibi_slopes", .build = build_alibi_slopes },
    { "alibi_bias", .build = build_alibi_bias },
    { "memory_look", .build = build_memory_look },
    { "memory_write", .build = build_memory_write },
    { .name = NULL },
};

const golden_family golden_family_network = { "network", builders };

Test(ops_golden, network)
{
    golden_check(&golden_family_network);
}

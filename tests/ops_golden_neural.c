/* Golden vectors of products, convolutions, normalisations, attention and losses. */
#include <criterion/criterion.h>

#include "tests/golden.h"

static int64_t whole_or_0(golden *c, const char *name)
{
    return (int64_t)golden_number_or(c, name, 0);
}

typedef heed_node *conv1d_builder(heed_node *x, heed_node *w, heed_conv1d_options options);
typedef heed_node *conv2d_builder(heed_node *x, heed_node *w, heed_conv2d_options options);

static heed_node *conv1d_of(golden *c, conv1d_builder *build)
{
    heed_conv1d_options options = {
        .stride = whole_or_0(c, "stride"),
        .dilation = whole_or_0(c, "dilation"),
        .groups = whole_or_0(c, "groups"),
        .pad = whole_or_0(c, "pad"),
        .pad_left = whole_or_0(c, "pad_left"),
        .pad_right = whole_or_0(c, "pad_right"),
        .output_pad = whole_or_0(c, "output_pad"),
    };
    return build(c->in[0], c->in[1], options);
}

static heed_node *conv2d_of(golden *c, conv2d_builder *build)
{
    heed_conv2d_options options = {
        .stride = whole_or_0(c, "stride"),
        .stride_h = whole_or_0(c, "stride_h"),
        .stride_w = whole_or_0(c, "stride_w"),
        .dilation = whole_or_0(c, "dilation"),
        .groups = whole_or_0(c, "groups"),
        .pad = whole_or_0(c, "pad"),
        .pad_top = whole_or_0(c, "pad_top"),
        .pad_bottom = whole_or_0(c, "pad_bottom"),
        .pad_left = whole_or_0(c, "pad_left"),
        .pad_right = whole_or_0(c, "pad_right"),
        .output_pad = whole_or_0(c, "output_pad"),
    };
    return build(c->in[0], c->in[1], options);
}

static heed_node *build_conv1d(golden *c)
{
    return conv1d_of(c, heed_conv1d_with);
}

static heed_node *build_conv_transpose1d(golden *c)
{
    return conv1d_of(c, heed_conv_transpose1d_with);
}

static heed_node *build_conv2d(golden *c)
{
    return conv2d_of(c, heed_conv2d_with);
}

static heed_node *build_conv_transpose2d(golden *c)
{
    return conv2d_of(c, heed_conv_transpose2d_with);
}

static heed_node *build_layer_norm(golden *c)
{
    return heed_layer_norm(c->in[0], c->in[1], c->in[2], golden_number(c, "eps"));
}

static heed_node *build_rms_norm(golden *c)
{
    return heed_rms_norm(c->in[0], c->in[1], golden_number(c, "eps"));
}

/* keep, bias: which input they are. */
static heed_node *build_attention(golden *c)
{
    heed_attention_options options = {
        .causal = golden_number_or(c, "causal", 0) != 0,
        .scale = golden_number_or(c, "scale", 0),
    };
    int64_t keep = whole_or_0(c, "keep"), bias = whole_or_0(c, "bias");
    if (keep) options.keep = c->in[keep];
    if (bias) options.bias = c->in[bias];
    return heed_attention_with(c->in[0], c->in[1], c->in[2], options);
}

static heed_node *build_cross_entropy(golden *c)
{
    return heed_cross_entropy(c->in[0], c->in[1]);
}

static const golden_builder builders[] = {
    { "matmul", .binary = heed_matmul },
    { "conv1d", .build = build_conv1d },
    { "conv2d", .build = build_conv2d },
    { "conv_transpose1d", .build = build_conv_transpose1d },
    { "conv_transpose2d", .build = build_conv_transpose2d },
    { "softmax", .with_axis = heed_softmax },
    { "log_softmax", .with_axis = heed_log_softmax },
    { "layer_norm", .build = build_layer_norm },
    { "rms_norm", .build = build_rms_norm },
    { "attention", .build = build_attention },
    { "cross_entropy", .build = build_cross_entropy },
    { .name = NULL },
};

const golden_family golden_family_neural = { "neural", builders };

Test(ops_golden, neural)
{
    golden_check(&golden_family_neural);
}

/* maps.c - convolution layers, attention over the positions of a map, residual blocks. */
#include "models/layers/layers.h"
#include "ops/ops.h"

/* NULL, and the graph says which layer got what instead of a feature map. */
static heed_node *feature_map(heed_scope *scope, const char *what, const char *name, heed_node *x,
                              int64_t width)
{
    char text[256];
    if (!scope || !x) return NULL;
    if (x->shape.rank != 4)
        return heed_graph_fail(x->graph, "%s '%s%s': a feature map is [B, C, H, W]; got %s", what,
                               heed_scope_prefix(scope), name, heed_describe(x, text, sizeof text));
    if (width < 1)
        return heed_graph_fail(x->graph, "%s '%s%s': %lld channels are not possible", what,
                               heed_scope_prefix(scope), name, (long long)width);
    return x;
}

/* Where each weight meets each channel once, a product of matrices does it in one go. */
static heed_node *convolve(heed_node *x, heed_node *w, const heed_conv_layer_options *o)
{
    if (!x || !w) return NULL;
    const int64_t batch = x->shape.dim[0], kernel = w->shape.dim[3];
    const bool one = x->shape.dim[2] == 1 && x->shape.dim[3] == 1;
    const bool whole = x->shape.dim[2] == kernel && x->shape.dim[3] == kernel;
    heed_node *matrix = heed_reshape(w, w->shape.dim[0], -1);
    if (o->transposed && one && o->pad == 0) /* one position becomes a kernel */
        return heed_reshape(heed_matmul(heed_reshape(x, batch, -1), matrix), batch, -1, kernel,
                            kernel);
    if (!o->transposed && whole && o->pad == 0) /* a map of the kernel's size becomes a position */
        return heed_reshape(heed_matmul(heed_reshape(x, batch, -1), heed_transpose(matrix, 0, 1)),
                            batch, -1, 1, 1);
    if (kernel == 1 && o->stride <= 1 && o->pad == 0 && !o->transposed)
        return heed_reshape(heed_matmul(matrix, heed_reshape(x, batch, x->shape.dim[1], -1)), batch,
                            -1, x->shape.dim[2], x->shape.dim[3]);
    return o->transposed ? heed_conv_transpose2d(x, w, .stride = o->stride, .pad = o->pad)
                         : heed_conv2d(x, w, .stride = o->stride, .pad = o->pad);
}

heed_node *heed_conv_layer_with(heed_scope *scope, const char *name, heed_node *x, int64_t channels,
                                int64_t kernel, heed_conv_layer_options o)
{
    if (!feature_map(scope, "conv_layer", name, x, channels)) return NULL;
    if (kernel < 1)
        return heed_graph_fail(x->graph, "conv_layer '%s%s': a kernel of %lld is not possible",
                               heed_scope_prefix(scope), name, (long long)kernel);
    const int64_t in = x->shape.dim[1];
    heed_scope *own = heed_enter(scope, name);
    /* PyTorch's fan-in of a transposed convolution is that of its adjoint. */
    if (o.weight.rule == HEED_INIT_DEFAULT)
        o.weight.fan_in = (o.transposed ? channels : in) * kernel * kernel;
    heed_node *w = heed_param(own, "weight", o.weight, o.transposed ? in : channels,
                              o.transposed ? channels : in, kernel, kernel);
    if (o.spectral) w = heed_spectral_norm_layer(own, "norm", w, 1);
    heed_node *y = convolve(x, w, &o);
    if (o.no_bias) return y;
    if (o.bias.rule == HEED_INIT_DEFAULT) o.bias.fan_in = in * kernel * kernel;
    return heed_add(y, heed_reshape(heed_param(own, "bias", o.bias, channels), channels, 1, 1));
}

/* A 1 x 1 convolution as rows of positions: [B, C, H, W] -> [B, H W, width]. */
static heed_node *positions(heed_scope *own, const char *name, heed_node *x, int64_t width,
                            bool spectral)
{
    heed_node *y = heed_conv_layer(own, name, x, width, 1, .spectral = spectral);
    if (!y) return NULL;
    return heed_transpose(heed_reshape(y, x->shape.dim[0], width, -1), 1, 2);
}

heed_node *heed_map_attention_with(heed_scope *scope, const char *name, heed_node *x,
                                   heed_map_attention_options o)
{
    const int64_t channels = x && x->shape.rank == 4 ? x->shape.dim[1] : 1;
    if (o.width == 0) o.width = channels < 8 ? 1 : channels / 8;
    if (!feature_map(scope, "map_attention", name, x, o.width)) return NULL;
    const int64_t batch = x->shape.dim[0], h_width = o.whole_values ? channels : o.width;
    heed_scope *own = heed_enter(scope, name);
    heed_node *f = positions(own, "f", x, o.width, o.spectral); /* [B, N, width] */
    heed_node *g = positions(own, "g", x, o.width, o.spectral);
    heed_node *h = positions(own, "h", x, h_width, o.spectral);
    heed_node *o_j; /* [B, N, h_width] */
    if (o.weights) {
        *o.weights = heed_softmax(heed_matmul(g, heed_transpose(f, 1, 2)), -1); /* eq. 1 */
        o_j = heed_matmul(*o.weights, h);
    } else {
        o_j = heed_attention(g, f, h, .scale = 1);
    }
    o_j = heed_reshape(heed_transpose(o_j, 1, 2), batch, h_width, x->shape.dim[2], -1);
    if (!o.whole_values) o_j = heed_conv_layer(own, "v", o_j, channels, 1, .spectral = o.spectral);
    return heed_add(heed_mul(heed_param(own, "gamma", HEED_ZEROS, 1), o_j), x); /* eq. 3 */
}

heed_node *heed_residual_layer_with(heed_scope *scope, const char *name, heed_node *x,
                                    int64_t width, heed_residual_options o)
{
    if (!feature_map(scope, "residual_layer", name, x, width)) return NULL;
    heed_scope *own = heed_enter(scope, name);
    heed_node *y =
        heed_conv_layer(own, "in", heed_relu(x), width, 3, .pad = 1, .spectral = o.spectral);
    y = heed_conv_layer(own, "out", heed_relu(y), x->shape.dim[1], 3, .pad = 1,
                        .spectral = o.spectral);
    return heed_add(x, y);
}

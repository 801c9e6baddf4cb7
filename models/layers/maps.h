/* maps.h - blocks on feature maps x [B, C, H, W]: convolutions with what they learn, attention over
 * the positions of a map, residual blocks. Included by layers.h. */
#ifndef HEED_MODELS_LAYERS_MAPS_H
#define HEED_MODELS_LAYERS_MAPS_H

#include "graph/graph.h"
#include "graph/store.h"

/* ---- convolution and bias, of square kernels ---- */

typedef struct heed_conv_layer_options {
    int defaults;
    int64_t stride, pad; /* 0 means 1, and 0 */
    bool transposed;     /* its adjoint: stride 2 doubles the map; `pad` is cut off the result */
    bool spectral;       /* the weight by its largest singular value; state "name/norm/u", "../v" */
    bool no_bias;
    heed_init weight; /* default uniform(+-1/sqrt(C kernel^2)) */
    heed_init bias;   /* default likewise */
} heed_conv_layer_options;

/* "name/weight" [channels, C, kernel, kernel], transposed [C, channels, kernel, kernel];
 * "name/bias" [channels]: [B, C, H, W] -> [B, channels, H', W']. Sizes as heed_conv2d's. */
heed_node *heed_conv_layer_with(heed_scope *scope, const char *name, heed_node *x, int64_t channels,
                                int64_t kernel, heed_conv_layer_options options);
#define heed_conv_layer(scope, name, x, channels, kernel, ...)     \
    HEED_AT(heed_conv_layer_with(scope, name, x, channels, kernel, \
                                 (heed_conv_layer_options){ .defaults = 0, __VA_ARGS__ }))

/* ---- attention over positions: Zhang, Goodfellow, Metaxas, Odena 2018 ----
 *
 *   s_ij = f(x_i) . g(x_j);  b_ji = exp(s_ij) / sum_i exp(s_ij)        position j looks at i   (1)
 *   o_j = v(sum_i b_ji h(x_i));  y = gamma o + x                                            (2, 3)
 *
 * f, g, h: C -> width and v: width -> C are 1 x 1 convolutions "name/f", ..; "name/gamma" [1]
 * starts at 0, so that a network begins with what is near and learns to look further. */
typedef struct heed_map_attention_options {
    int defaults;
    int64_t width;       /* 0: C / 8, at least 1 */
    bool whole_values;   /* h: C -> C, and no v */
    bool spectral;       /* in all of them */
    heed_node **weights; /* where to put b [B, H W, H W]; NULL: they are never stored */
} heed_map_attention_options;

heed_node *heed_map_attention_with(heed_scope *scope, const char *name, heed_node *x,
                                   heed_map_attention_options options); /* -> x's shape */
#define heed_map_attention(scope, name, x, ...)     \
    HEED_AT(heed_map_attention_with(scope, name, x, \
                                    (heed_map_attention_options){ .defaults = 0, __VA_ARGS__ }))

/* ---- y = x + out(relu(in(relu(x)))): 3 x 3 convolutions "name/in", C -> width, and "name/out",
 * width -> C. He, Zhang, Ren, Sun 2016, "Identity Mappings" ---- */

typedef struct heed_residual_options {
    int defaults;
    bool spectral;
} heed_residual_options;

heed_node *heed_residual_layer_with(heed_scope *scope, const char *name, heed_node *x,
                                    int64_t width, heed_residual_options options);
#define heed_residual_layer(scope, name, x, width, ...)     \
    HEED_AT(heed_residual_layer_with(scope, name, x, width, \
                                     (heed_residual_options){ .defaults = 0, __VA_ARGS__ }))

#endif

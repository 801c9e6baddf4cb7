/* set_block.c - self-attention and a layer for each element, both added to what was there: Vaswani
 * et al. 2017, normalised before rather than after (Xiong et al. 2020). */
#include "models/layers/layers.h"
#include "ops/ops.h"

/* The k-th third of x [B, n, 3H], as heads: [B, heads, n, H / heads]. */
static heed_node *heads_of(heed_node *x, int64_t heads, int k)
{
    if (!x) return NULL;
    const int64_t batch = x->shape.dim[0], n = x->shape.dim[1], width = x->shape.dim[2] / 3;
    heed_node *part = heed_slice(x, -1, k * width, (k + 1) * width);
    return heed_permute(heed_reshape(part, batch, n, heads, width / heads), 0, 2, 1, 3);
}

static heed_node *attend(heed_scope *s, heed_node *x, heed_set_block_options options)
{
    const int64_t batch = x->shape.dim[0], n = x->shape.dim[1], width = x->shape.dim[2];
    heed_node *qkv = heed_linear(s, "qkv", x, 3 * width, .no_bias = true);
    heed_node *y = heed_attention(heads_of(qkv, options.heads, 0), heads_of(qkv, options.heads, 1),
                                  heads_of(qkv, options.heads, 2), .keep = options.keep);
    y = heed_reshape(heed_permute(y, 0, 2, 1, 3), batch, n, width);
    return heed_linear(s, "out", y, width);
}

heed_node *heed_set_block_with(heed_scope *scope, const char *name, heed_node *x,
                               heed_set_block_options options)
{
    heed_scope *own = heed_enter(scope, name);
    if (!x || !own) return NULL;
    const int64_t width = x->shape.rank == 3 ? x->shape.dim[2] : 0;
    if (options.heads == 0) options.heads = 1;
    if (width == 0 || options.heads < 1 || width % options.heads != 0) {
        char text[300];
        heed_graph_fail(x->graph,
                        "set block '%s': x is [B, n, H], H a multiple of %lld heads; got %s",
                        heed_scope_prefix(own), (long long)options.heads,
                        heed_describe(x, text, sizeof text));
        return NULL;
    }
    const int64_t inner = options.inner ? options.inner : 2 * width;
    heed_node *seen = heed_layer_norm_layer(own, "before_attention", x);
    x = heed_add(x, seen ? attend(own, seen, options) : NULL);
    heed_node *each = heed_layer_norm_layer(own, "before_mlp", x);
    return heed_add(x, heed_mlp(own, "mlp", each, HEED_WIDTHS(inner, width)));
}

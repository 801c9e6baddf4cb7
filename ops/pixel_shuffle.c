/* pixel_shuffle.c - channels to places and back: Shi et al. 2016. Reorderings, so their gradients
 * are each other. */
#include "ops/common.h"
#include "ops/ops.h"

/* x [.., C, H, W] read as `inner` between its leading axes, taken as one, and nothing. */
static heed_node *reorder(heed_node *x, const int64_t *inner, const int *axes, int64_t channels,
                          int64_t height, int64_t width)
{
    const int rank = x->shape.rank;
    heed_shape split = { .rank = 6 }, out = x->shape;
    split.dim[0] = heed_product(&x->shape, 0, rank - 3);
    for (int i = 0; i < 5; i++) split.dim[i + 1] = inner[i];
    out.dim[rank - 3] = channels;
    out.dim[rank - 2] = height;
    out.dim[rank - 1] = width;
    return heed_reshape_to(heed_permute_axes(heed_reshape_to(x, split), axes, 6), out);
}

static bool image_fits(heed_node *x, const char *what, int64_t factor)
{
    char text[256];
    if (!x) return false;
    if (x->shape.rank >= 3 && factor >= 1 && factor < INT32_MAX) return true;
    heed_graph_fail(x->graph, "%s: factor %lld and %s; expected are [.., C, H, W] and 1 or more",
                    what, (long long)factor, heed_describe(x, text, sizeof text));
    return false;
}

heed_node *heed_pixel_shuffle(heed_node *x, int64_t factor)
{
    if (!image_fits(x, "pixel_shuffle", factor)) return NULL;
    const int64_t *size = x->shape.dim + x->shape.rank - 3, r = factor, c = size[0] / (r * r);
    if (size[0] % (r * r) != 0)
        return heed_graph_fail(x->graph, "pixel_shuffle: %lld channels are no multiple of %lld",
                               (long long)size[0], (long long)(r * r));
    return reorder(x, (int64_t[]){ c, r, r, size[1], size[2] }, (int[]){ 0, 1, 4, 2, 5, 3 }, c,
                   size[1] * r, size[2] * r);
}

heed_node *heed_pixel_unshuffle(heed_node *x, int64_t factor)
{
    if (!image_fits(x, "pixel_unshuffle", factor)) return NULL;
    const int64_t *size = x->shape.dim + x->shape.rank - 3, r = factor;
    const int64_t h = size[1] / r, w = size[2] / r;
    if (size[1] % r != 0 || size[2] % r != 0)
        return heed_graph_fail(x->graph, "pixel_unshuffle: %lld x %lld are no multiples of %lld",
                               (long long)size[1], (long long)size[2], (long long)r);
    return reorder(x, (int64_t[]){ size[0], h, r, w, r }, (int[]){ 0, 1, 3, 5, 2, 4 },
                   size[0] * r * r, h, w);
}

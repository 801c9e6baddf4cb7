/* pad_axes.c - padding of several axes with constants, reflections, edges, or the other end */
#include "ops/common.h"
#include "ops/ops.h"

static const char *const mode_names[] = { "constant", "reflect", "replicate", "circular" };

/* `n` elements of the axis from `start` on; backwards when `turned`. */
static heed_node *part(heed_node *x, int axis, int64_t start, int64_t n, bool turned)
{
    heed_node *some = heed_slice(x, axis, start, start + n);
    return turned ? heed_flip_axes(some, &axis, 1) : some;
}

/* The edge at `at`, n times: no memory until it is used. */
static heed_node *edge(heed_node *x, int axis, int64_t at, int64_t n)
{
    heed_node *one = heed_slice(x, axis, at, at + 1);
    if (!one) return NULL;
    heed_shape shape = one->shape;
    shape.dim[axis] = n;
    return heed_expand_to(one, shape);
}

/* What stands before and after the axis of x. */
static heed_node *before(heed_node *x, int axis, int64_t n, heed_pad_mode mode)
{
    int64_t size = x->shape.dim[axis];
    if (mode == HEED_PAD_REPLICATE) return edge(x, axis, 0, n);
    if (mode == HEED_PAD_REFLECT) return part(x, axis, 1, n, true);
    return part(x, axis, size - n, n, false);
}

static heed_node *after(heed_node *x, int axis, int64_t n, heed_pad_mode mode)
{
    int64_t size = x->shape.dim[axis];
    if (mode == HEED_PAD_REPLICATE) return edge(x, axis, size - 1, n);
    if (mode == HEED_PAD_REFLECT) return part(x, axis, size - 1 - n, n, true);
    return part(x, axis, 0, n, false);
}

/* The most that one side can take; of a constant and of an edge as many as one likes. */
static int64_t most_of(int64_t size, heed_pad_mode mode)
{
    if (mode == HEED_PAD_REFLECT) return size > 0 ? size - 1 : 0;
    if (mode == HEED_PAD_CIRCULAR) return size;
    return mode == HEED_PAD_REPLICATE && size == 0 ? 0 : INT64_MAX;
}

static heed_node *pad_axis(heed_node *x, int axis, const int64_t *n, heed_pad_mode mode,
                           double value)
{
    char text[256];
    if (!x) return NULL;
    int64_t most = most_of(x->shape.dim[axis], mode);
    for (int side = 0; side < 2; side++) {
        if (n[side] >= 0 && n[side] <= most) continue;
        return heed_graph_fail(x->graph,
                               "pad_axes: %lld elements %s axis %d of %s; mode %s takes "
                               "0 to %lld",
                               (long long)n[side], side ? "after" : "before", axis,
                               heed_describe(x, text, sizeof text), mode_names[mode],
                               (long long)most);
    }
    if (mode == HEED_PAD_CONSTANT) return heed_pad(x, axis, n[0], n[1], value);
    heed_node *parts[3];
    int count = 0;
    if (n[0] > 0) parts[count++] = before(x, axis, n[0], mode);
    parts[count++] = x;
    if (n[1] > 0) parts[count++] = after(x, axis, n[1], mode);
    return count > 1 ? heed_concat(parts, count, axis) : x;
}

heed_node *heed_pad_axes(heed_node *x, const int64_t *amounts, int n, heed_pad_mode mode,
                         double value)
{
    char text[256];
    if (!x) return NULL;
    if (n < 0 || n % 2 != 0 || n / 2 > x->shape.rank) {
        return heed_graph_fail(x->graph,
                               "pad_axes: %d amounts for %s; each axis has two, the last "
                               "axis comes first",
                               n, heed_describe(x, text, sizeof text));
    }
    if ((unsigned)mode > HEED_PAD_CIRCULAR) {
        return heed_graph_fail(x->graph, "pad_axes: there is no mode %d", (int)mode);
    }
    int rank = x->shape.rank;
    for (int i = 0; i < n / 2; i++) x = pad_axis(x, rank - 1 - i, amounts + 2 * i, mode, value);
    return x;
}

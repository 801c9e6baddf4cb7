/* rearrange.c - shape operations that other operations make up: parts, repetitions, rotations */
#include "ops/common.h"
#include "ops/ops.h"

/* ---- parts: views ---- */

heed_node *heed_split_sizes(heed_node *x, int axis, const int64_t *sizes, int n, heed_node **parts)
{
    char text[256];
    int64_t at = 0;
    for (int i = 0; i < n; i++) parts[i] = NULL;
    if (!heed_resolve_axis(x, "split_sizes", &axis)) return NULL;
    int64_t rest = x->shape.dim[axis];
    for (int i = 0; i < n && rest >= 0; i++) rest = sizes[i] < 0 ? -1 : rest - sizes[i];
    if (n < 1 || rest != 0) {
        return heed_graph_fail(x->graph,
                               "split_sizes: %d sizes do not add up to %lld, axis %d of %s", n,
                               (long long)x->shape.dim[axis], axis,
                               heed_describe(x, text, sizeof text));
    }
    for (int i = 0; i < n; i++) {
        parts[i] = heed_slice(x, axis, at, at + sizes[i]);
        at += sizes[i];
    }
    return parts[n - 1];
}

heed_node *heed_chunk(heed_node *x, int n, int axis, heed_node **parts)
{
    for (int i = 0; i < n; i++) parts[i] = NULL;
    if (!heed_resolve_axis(x, "chunk", &axis)) return NULL;
    if (n < 1) return heed_graph_fail(x->graph, "chunk: %d parts", n);
    int64_t size = x->shape.dim[axis] / n, longer = x->shape.dim[axis] % n, at = 0;
    for (int i = 0; i < n; i++) {
        int64_t next = at + size + (i < longer);
        parts[i] = heed_slice(x, axis, at, next);
        at = next;
    }
    return parts[n - 1];
}

heed_node *heed_unstack(heed_node *x, int axis, heed_node **parts)
{
    char text[256];
    if (!heed_resolve_axis(x, "unstack", &axis)) return NULL;
    int64_t n = x->shape.dim[axis];
    if (n == 0) {
        return heed_graph_fail(x->graph, "unstack: axis %d of %s has no parts", axis,
                               heed_describe(x, text, sizeof text));
    }
    for (int64_t i = 0; i < n; i++) parts[i] = heed_index(x, axis, i);
    return parts[n - 1];
}

/* ---- order of axes ---- */

heed_node *heed_moveaxis(heed_node *x, int from, int to)
{
    int axes[HEED_MAX_RANK];
    if (!heed_resolve_axis(x, "moveaxis", &from)) return NULL;
    if (!heed_resolve_axis(x, "moveaxis", &to)) return NULL;
    for (int i = 0, next = 0; i < x->shape.rank; i++) {
        if (next == from) next++;
        axes[i] = i == to ? from : next++;
    }
    return heed_permute_axes(x, axes, x->shape.rank);
}

/* ---- order of elements ---- */

heed_node *heed_roll(heed_node *x, int64_t shift, int axis)
{
    if (!heed_resolve_axis(x, "roll", &axis)) return NULL;
    int64_t n = x->shape.dim[axis], by = n > 0 ? shift % n : 0;
    if (by == 0) return x;
    int64_t first = by > 0 ? n - by : -by; /* the element that comes first */
    heed_node *parts[2] = { heed_slice(x, axis, first, n), heed_slice(x, axis, 0, first) };
    return heed_concat(parts, 2, axis);
}

/* ---- repetitions: one copy for each axis ---- */

/* Each block of elements from `axis` on `times` in a row; the axis in front of them becomes as many
 * times longer. */
static heed_node *repeat_blocks(heed_node *x, int axis, int longer, int64_t times)
{
    if (!x || times == 1) return x;
    heed_shape shape = x->shape;
    int64_t outer = heed_product(&shape, 0, axis);
    int64_t inner = heed_product(&shape, axis, shape.rank);
    heed_node *one = heed_reshape_to(x, HEED_SHAPE(outer, 1, inner));
    heed_node *all = heed_expand_to(one, HEED_SHAPE(outer, times, inner));
    shape.dim[longer] *= times;
    return heed_reshape_to(all, shape);
}

heed_node *heed_repeat_times(heed_node *x, const int64_t *times, int n)
{
    char text[256];
    if (!x) return NULL;
    int added = n - x->shape.rank;
    if (added < 0 || n > HEED_MAX_RANK) {
        return heed_graph_fail(x->graph,
                               "repeat: %d counts for %s; one for each axis, and more "
                               "for new axes in front, up to %d",
                               n, heed_describe(x, text, sizeof text), HEED_MAX_RANK);
    }
    for (int i = 0; i < n; i++) {
        if (times[i] >= 0) continue;
        return heed_graph_fail(x->graph, "repeat: axis %d of %s %lld times", i,
                               heed_describe(x, text, sizeof text), (long long)times[i]);
    }
    heed_shape shape = { .rank = n };
    for (int i = 0; i < n; i++) shape.dim[i] = i < added ? 1 : x->shape.dim[i - added];
    if (added > 0) x = heed_reshape_to(x, shape);
    for (int i = n - 1; i >= 0; i--) x = repeat_blocks(x, i, i, times[i]);
    return x;
}

heed_node *heed_repeat_interleave(heed_node *x, int64_t times, int axis)
{
    if (!heed_resolve_axis(x, "repeat_interleave", &axis)) return NULL;
    if (times < 0) {
        return heed_graph_fail(x->graph, "repeat_interleave: %lld times", (long long)times);
    }
    return repeat_blocks(x, axis + 1, axis, times);
}

heed_node *heed_meshgrid(heed_node *const *x, int n, heed_node **grids)
{
    char text[256];
    heed_shape all = { .rank = n };
    if (n < 1) return NULL;
    for (int i = 0; i < n; i++) {
        if (!x[i]) return NULL;
        if (x[i]->shape.rank != 1 || n > HEED_MAX_RANK) {
            return heed_graph_fail(x[i]->graph,
                                   "meshgrid: input %d of %d is %s; up to %d of rank "
                                   "1 make a grid",
                                   i, n, heed_describe(x[i], text, sizeof text), HEED_MAX_RANK);
        }
        all.dim[i] = x[i]->shape.dim[0];
    }
    for (int i = 0; i < n; i++) {
        heed_shape column = { .rank = n };
        for (int k = 0; k < n; k++) column.dim[k] = k == i ? all.dim[i] : 1;
        grids[i] = heed_expand_to(heed_reshape_to(x[i], column), all);
    }
    return grids[n - 1];
}

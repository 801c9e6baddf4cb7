/* along_axis.c - reading and writing along one axis with an index of the same rank: PyTorch's
 * gather, scatter and scatter_add, as compositions */
#include "ops/common.h"
#include "ops/movement.h"
#include "ops/ops.h"

/* The first dim[i] elements along each axis but `but`; refused where x has fewer. */
static heed_node *cut(heed_node *x, const heed_node *index, int but, const char *what)
{
    char text[256], other[256];
    const heed_node *all = x;
    if (!x || !index) return NULL;
    bool fits = index->shape.rank == x->shape.rank;
    for (int i = 0; fits && i < x->shape.rank; i++)
        fits = i == but || index->shape.dim[i] <= x->shape.dim[i];
    if (!fits) {
        return heed_graph_fail(x->graph,
                               "%s: the index, %s, has another rank than %s, or is "
                               "longer",
                               what, heed_describe(index, text, sizeof text),
                               heed_describe(all, other, sizeof other));
    }
    for (int i = 0; i < all->shape.rank; i++) {
        if (i != but && x && index->shape.dim[i] < x->shape.dim[i])
            x = heed_slice(x, i, 0, index->shape.dim[i]);
    }
    return x;
}

/* Zeros behind, up to x's shape. */
static heed_node *fill_up(heed_node *part, const heed_node *x)
{
    for (int i = 0; part && i < x->shape.rank; i++) {
        int64_t missing = x->shape.dim[i] - part->shape.dim[i];
        if (missing > 0) part = heed_pad(part, i, 0, missing, 0);
    }
    return part;
}

heed_node *heed_take_along_axis(heed_node *x, heed_node *index, int axis)
{
    if (!heed_resolve_axis(x, "take_along_axis", &axis)) return NULL;
    int last = x->shape.rank - 1;
    x = heed_transpose(cut(x, index, axis, "take_along_axis"), axis, last);
    return heed_transpose(heed_gather(x, heed_transpose(index, axis, last), last, last), axis,
                          last);
}

heed_node *heed_scatter_add_along_axis(heed_node *x, heed_node *index, heed_node *src, int axis)
{
    const char *what = "scatter_add_along_axis";
    if (!heed_resolve_axis(x, what, &axis) || !cut(x, index, axis, what)) return NULL;
    int last = x->shape.rank - 1;
    src = heed_transpose(cut(src, index, -1, what), axis, last);
    heed_node *added =
        heed_scatter_add(src, heed_transpose(index, axis, last), last, last, x->shape.dim[axis]);
    return heed_add(x, fill_up(heed_transpose(added, axis, last), x));
}

heed_node *heed_scatter(heed_node *x, heed_node *index, heed_node *src, int axis)
{
    if (!heed_resolve_axis(x, "scatter", &axis) || !cut(x, index, axis, "scatter")) return NULL;
    int last = x->shape.rank - 1;
    src = heed_transpose(cut(src, index, -1, "scatter"), axis, last);
    heed_node *turned = heed_transpose(index, axis, last);
    heed_last_index_attr attr = { x->shape.dim[axis] };
    heed_node *winner = heed_apply(&heed_op_last_index, &attr, 1, &turned);
    heed_node *taken = heed_transpose(heed_gather(src, winner, last, last), axis, last);
    heed_node *place = heed_cast(heed_transpose(winner, axis, last), x->dtype);
    heed_node *written = heed_greater_equal(place, heed_number_like(x, 0));
    return heed_where(fill_up(written, x), fill_up(taken, x), x);
}

/* Golden vectors of operations that rearrange, and of indices along one axis. */
#include <criterion/criterion.h>

#include "tests/golden.h"

static int64_t whole(golden *c, const char *name)
{
    return (int64_t)golden_number(c, name);
}

static int axis_of(golden *c, const char *name)
{
    return (int)golden_number(c, name);
}

static int wide_list(golden *c, const char *name, int64_t *values)
{
    int list[HEED_MAX_RANK], n = golden_list(c, name, list);
    for (int i = 0; i < n; i++) values[i] = list[i];
    return n;
}

static heed_node *build_flip(golden *c)
{
    int axes[HEED_MAX_RANK], n = golden_list(c, "axes", axes);
    return heed_flip_axes(c->in[0], axes, n);
}

static heed_node *build_roll(golden *c)
{
    return heed_roll(c->in[0], whole(c, "shift"), axis_of(c, "axis"));
}

static heed_node *build_slice_step(golden *c)
{
    return heed_slice_step(c->in[0], axis_of(c, "axis"), whole(c, "start"), whole(c, "stop"),
                           whole(c, "step"));
}

static heed_node *build_split_sizes(golden *c)
{
    int64_t sizes[HEED_MAX_RANK];
    int n = wide_list(c, "sizes", sizes);
    return heed_split_sizes(c->in[0], axis_of(c, "axis"), sizes, n, c->y) ? c->y[0] : NULL;
}

static heed_node *build_chunk(golden *c)
{
    int n = axis_of(c, "n");
    return heed_chunk(c->in[0], n, axis_of(c, "axis"), c->y) ? c->y[0] : NULL;
}

static heed_node *build_unstack(golden *c)
{
    return heed_unstack(c->in[0], axis_of(c, "axis"), c->y) ? c->y[0] : NULL;
}

static heed_node *build_meshgrid(golden *c)
{
    return heed_meshgrid(c->in, c->n_in, c->y) ? c->y[0] : NULL;
}

static heed_node *build_moveaxis(golden *c)
{
    return heed_moveaxis(c->in[0], axis_of(c, "a"), axis_of(c, "b"));
}

static heed_node *build_swapaxes(golden *c)
{
    return heed_swapaxes(c->in[0], axis_of(c, "a"), axis_of(c, "b"));
}

static heed_node *build_broadcast_to(golden *c)
{
    heed_shape shape = golden_shape(c, "shape");
    return heed_broadcast_to(c->in[0], shape.dim[0], shape.dim[1], shape.dim[2]);
}

static heed_node *build_repeat(golden *c)
{
    int64_t times[HEED_MAX_RANK];
    int n = wide_list(c, "times", times);
    return heed_repeat_times(c->in[0], times, n);
}

static heed_node *build_repeat_interleave(golden *c)
{
    return heed_repeat_interleave(c->in[0], whole(c, "times"), axis_of(c, "axis"));
}

static heed_node *build_diagonal(golden *c)
{
    return heed_diagonal(c->in[0], whole(c, "offset"), axis_of(c, "a"), axis_of(c, "b"));
}

static heed_node *build_diag_embed(golden *c)
{
    return heed_diag_embed(c->in[0], whole(c, "offset"), axis_of(c, "a"), axis_of(c, "b"));
}

static heed_node *build_unfold(golden *c)
{
    return heed_unfold(c->in[0], axis_of(c, "axis"), whole(c, "size"), whole(c, "step"));
}

static heed_node *build_fold_windows(golden *c)
{
    return heed_fold_windows(c->in[0], axis_of(c, "axis"), whole(c, "length"), whole(c, "step"));
}

static heed_node *build_pad_axes(golden *c)
{
    int64_t amounts[HEED_MAX_RANK];
    int n = wide_list(c, "amounts", amounts);
    heed_pad_mode mode = golden_is(c, "mode", "reflect")     ? HEED_PAD_REFLECT
                         : golden_is(c, "mode", "replicate") ? HEED_PAD_REPLICATE
                         : golden_is(c, "mode", "circular")  ? HEED_PAD_CIRCULAR
                                                             : HEED_PAD_CONSTANT;
    return heed_pad_axes(c->in[0], amounts, n, mode, golden_number(c, "value"));
}

static heed_node *build_index_select(golden *c)
{
    return heed_index_select(c->in[0], c->in[1], axis_of(c, "axis"));
}

static heed_node *build_take_along_axis(golden *c)
{
    return heed_take_along_axis(c->in[0], c->in[1], axis_of(c, "axis"));
}

static heed_node *build_scatter(golden *c)
{
    return heed_scatter(c->in[0], c->in[2], c->in[1], axis_of(c, "axis"));
}

static heed_node *build_scatter_add_along_axis(golden *c)
{
    return heed_scatter_add_along_axis(c->in[0], c->in[2], c->in[1], axis_of(c, "axis"));
}

static const golden_builder builders[] = {
    { "flip", .build = build_flip },
    { "roll", .build = build_roll },
    { "slice_step", .build = build_slice_step },
    { "split_sizes", .build = build_split_sizes },
    { "chunk", .build = build_chunk },
    { "unstack", .build = build_unstack },
    { "meshgrid", .build = build_meshgrid },
    { "moveaxis", .build = build_moveaxis },
    { "swapaxes", .build = build_swapaxes },
    { "broadcast_to", .build = build_broadcast_to },
    { "repeat", .build = build_repeat },
    { "repeat_interleave", .build = build_repeat_interleave },
    { "diagonal", .build = build_diagonal },
    { "diag_embed", .build = build_diag_embed },
    { "unfold", .build = build_unfold },
    { "fold_windows", .build = build_fold_windows },
    { "pad_axes", .build = build_pad_axes },
    { "index_select", .build = build_index_select },
    { "take_along_axis", .build = build_take_along_axis },
    { "scatter", .build = build_scatter },
    { "scatter_add_along_axis", .build = build_scatter_add_along_axis },
    { .name = NULL },
};

const golden_family golden_family_rearrange = { "rearrange", builders };

Test(ops_golden, rearrange)
{
    golden_check(&golden_family_rearrange);
}

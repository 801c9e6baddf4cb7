/* Golden vectors of operations that move numbers, also by index. */
#include <criterion/criterion.h>

#include "tests/golden.h"

static int axis_of(golden *c)
{
    return (int)golden_number(c, "axis");
}

static int64_t whole(golden *c, const char *name)
{
    return (int64_t)golden_number(c, name);
}

static heed_node *build_reshape(golden *c)
{
    return heed_reshape_to(c->in[0], golden_shape(c, "shape"));
}

static heed_node *build_permute(golden *c)
{
    int axes[HEED_MAX_RANK], n = golden_list(c, "axes", axes);
    return heed_permute_axes(c->in[0], axes, n);
}

static heed_node *build_transpose(golden *c)
{
    return heed_transpose(c->in[0], (int)golden_number(c, "a"), (int)golden_number(c, "b"));
}

static heed_node *build_expand(golden *c)
{
    return heed_expand_to(c->in[0], golden_shape(c, "shape"));
}

static heed_node *build_slice_step(golden *c)
{
    return heed_slice_step(c->in[0], axis_of(c), whole(c, "start"), whole(c, "stop"),
                           whole(c, "step"));
}

static heed_node *build_slice(golden *c)
{
    return heed_slice(c->in[0], axis_of(c), whole(c, "start"), whole(c, "stop"));
}

static heed_node *build_index(golden *c)
{
    return heed_index(c->in[0], axis_of(c), whole(c, "i"));
}

static heed_node *build_concat(golden *c)
{
    return heed_concat(c->in, c->n_in, axis_of(c));
}

static heed_node *build_stack(golden *c)
{
    return heed_stack(c->in, c->n_in, axis_of(c));
}

static heed_node *build_pad(golden *c)
{
    return heed_pad(c->in[0], axis_of(c), whole(c, "before"), whole(c, "after"),
                    golden_number(c, "value"));
}

static heed_node *build_gather(golden *c)
{
    return heed_gather(c->in[0], c->in[1], axis_of(c), (int)golden_number(c, "batch"));
}

static heed_node *build_scatter_add(golden *c)
{
    return heed_scatter_add(c->in[0], c->in[1], axis_of(c), (int)golden_number(c, "batch"),
                            whole(c, "size"));
}

static heed_node *build_replace_row(golden *c)
{
    return heed_replace_row(c->in[0], c->in[1], c->in[2], axis_of(c));
}

static heed_node *build_one_hot(golden *c)
{
    return heed_one_hot(c->in[0], whole(c, "classes"));
}

static const golden_builder builders[] = {
    { "reshape", .build = build_reshape },
    { "flatten", .unary = heed_flatten },
    { "squeeze", .with_axis = heed_squeeze },
    { "unsqueeze", .with_axis = heed_unsqueeze },
    { "permute", .build = build_permute },
    { "transpose", .build = build_transpose },
    { "expand", .build = build_expand },
    { "slice_step", .build = build_slice_step },
    { "slice", .build = build_slice },
    { "index", .build = build_index },
    { "concat", .build = build_concat },
    { "stack", .build = build_stack },
    { "pad", .build = build_pad },
    { "gather", .build = build_gather },
    { "scatter_add", .build = build_scatter_add },
    { "replace_row", .build = build_replace_row },
    { "embedding", .binary = heed_embedding },
    { "one_hot", .build = build_one_hot },
    { .name = NULL },
};

const golden_family golden_family_shape = { "shape", builders };

Test(ops_golden, shape)
{
    golden_check(&golden_family_shape);
}

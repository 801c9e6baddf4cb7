/* Golden vectors of reductions. */
#include <criterion/criterion.h>

#include "tests/golden.h"

typedef heed_node *over_axes(heed_node *x, const int *axes, int n, bool keep);
typedef heed_node *over_axis(heed_node *x, int axis, bool keep);

static heed_node *reduce_axes(golden *c, over_axes *reduce)
{
    int axes[HEED_MAX_RANK], n = golden_list(c, "axes", axes);
    return reduce(c->in[0], axes, n, golden_number(c, "keep") != 0);
}

static heed_node *reduce_axis(golden *c, over_axis *reduce)
{
    return reduce(c->in[0], (int)golden_number(c, "axis"), golden_number(c, "keep") != 0);
}

static heed_node *build_sum_axes(golden *c)
{
    return reduce_axes(c, heed_sum_axes);
}

static heed_node *build_mean_axes(golden *c)
{
    return reduce_axes(c, heed_mean_axes);
}

static heed_node *build_max_axes(golden *c)
{
    return reduce_axes(c, heed_max_axes);
}

static heed_node *build_min_axes(golden *c)
{
    return reduce_axes(c, heed_min_axes);
}

static heed_node *build_sum(golden *c)
{
    return reduce_axis(c, heed_sum);
}

static heed_node *build_mean(golden *c)
{
    return reduce_axis(c, heed_mean);
}

static heed_node *build_max(golden *c)
{
    return reduce_axis(c, heed_max);
}

static heed_node *build_min(golden *c)
{
    return reduce_axis(c, heed_min);
}

static const golden_builder builders[] = {
    { "sum_axes", .build = build_sum_axes },
    { "mean_axes", .build = build_mean_axes },
    { "max_axes", .build = build_max_axes },
    { "min_axes", .build = build_min_axes },
    { "sum", .build = build_sum },
    { "mean", .build = build_mean },
    { "max", .build = build_max },
    { "min", .build = build_min },
    { "sum_all", .unary = heed_sum_all },
    { "mean_all", .unary = heed_mean_all },
    { "argmax", .with_axis = heed_argmax },
    { "argmin", .with_axis = heed_argmin },
    { .name = NULL },
};

const golden_family golden_family_reduce = { "reduce", builders };

Test(ops_golden, reduce)
{
    golden_check(&golden_family_reduce);
}

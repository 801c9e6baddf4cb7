/* Golden vectors of reductions. */
#include <criterion/criterion.h>

#include "tests/golden.h"

typedef heed_node *over_axes(heed_node *x, const int *axes, int n, bool keep);
typedef heed_node *over_axis(heed_node *x, int axis, bool keep);
typedef heed_node *corrected(heed_node *x, const int *axes, int n, bool keep, double correction);

static heed_node *reduce_axes(golden *c, over_axes *reduce)
{
    int axes[HEED_MAX_RANK], n = golden_list(c, "axes", axes);
    return reduce(c->in[0], axes, n, golden_number(c, "keep") != 0);
}

static heed_node *reduce_axis(golden *c, over_axis *reduce)
{
    return reduce(c->in[0], (int)golden_number(c, "axis"), golden_number(c, "keep") != 0);
}

static heed_node *reduce_corrected(golden *c, corrected *reduce)
{
    int axes[HEED_MAX_RANK], n = golden_list(c, "axes", axes);
    return reduce(c->in[0], axes, n, golden_number(c, "keep") != 0, golden_number(c, "correction"));
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

static heed_node *build_prod_axes(golden *c)
{
    return reduce_axes(c, heed_prod_axes);
}

static heed_node *build_prod(golden *c)
{
    return reduce_axis(c, heed_prod);
}

static heed_node *build_logsumexp_axes(golden *c)
{
    return reduce_axes(c, heed_logsumexp_axes);
}

static heed_node *build_logsumexp(golden *c)
{
    return reduce_axis(c, heed_logsumexp);
}

static heed_node *build_var_axes(golden *c)
{
    return reduce_corrected(c, heed_var_axes);
}

static heed_node *build_var(golden *c)
{
    return reduce_axis(c, heed_var);
}

static heed_node *build_std_axes(golden *c)
{
    return reduce_corrected(c, heed_std_axes);
}

static heed_node *build_std(golden *c)
{
    return reduce_axis(c, heed_std);
}

static heed_node *build_vector_norm_axes(golden *c)
{
    int axes[HEED_MAX_RANK], n = golden_list(c, "axes", axes);
    return heed_vector_norm_axes(c->in[0], golden_number(c, "p"), axes, n,
                                 golden_number(c, "keep") != 0);
}

static heed_node *build_vector_norm(golden *c)
{
    return heed_vector_norm(c->in[0], golden_number(c, "p"), (int)golden_number(c, "axis"),
                            golden_number(c, "keep") != 0);
}

static heed_node *build_vector_norm_all(golden *c)
{
    return heed_vector_norm_all(c->in[0], golden_number(c, "p"));
}

static heed_node *build_count_nonzero_axes(golden *c)
{
    return reduce_axes(c, heed_count_nonzero_axes);
}

static heed_node *build_count_nonzero(golden *c)
{
    return reduce_axis(c, heed_count_nonzero);
}

static heed_node *build_any_axes(golden *c)
{
    return reduce_axes(c, heed_any_axes);
}

static heed_node *build_any(golden *c)
{
    return reduce_axis(c, heed_any);
}

static heed_node *build_all_axes(golden *c)
{
    return reduce_axes(c, heed_all_axes);
}

static heed_node *build_all(golden *c)
{
    return reduce_axis(c, heed_all);
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
    { "prod_axes", .build = build_prod_axes },
    { "prod", .build = build_prod },
    { "prod_all", .unary = heed_prod_all },
    { "logsumexp_axes", .build = build_logsumexp_axes },
    { "logsumexp", .build = build_logsumexp },
    { "logsumexp_all", .unary = heed_logsumexp_all },
    { "var_axes", .build = build_var_axes },
    { "var", .build = build_var },
    { "var_all", .unary = heed_var_all },
    { "std_axes", .build = build_std_axes },
    { "std", .build = build_std },
    { "std_all", .unary = heed_std_all },
    { "vector_norm_axes", .build = build_vector_norm_axes },
    { "vector_norm", .build = build_vector_norm },
    { "vector_norm_all", .build = build_vector_norm_all },
    { "count_nonzero_axes", .build = build_count_nonzero_axes },
    { "count_nonzero", .build = build_count_nonzero },
    { "any_axes", .build = build_any_axes },
    { "any", .build = build_any },
    { "all_axes", .build = build_all_axes },
    { "all", .build = build_all },
    { .name = NULL },
};

const golden_family golden_family_reduce = { "reduce", builders };

Test(ops_golden, reduce)
{
    golden_check(&golden_family_reduce);
}

/* Golden vectors of running results, linear scans, and order along an axis. */
#include <criterion/criterion.h>

#include "tests/golden.h"

static int axis_of(golden *c)
{
    return (int)golden_number(c, "axis");
}

static bool is(golden *c, const char *name)
{
    return golden_number(c, name) != 0;
}

static heed_node *build_cumsum(golden *c)
{
    return heed_cumsum(c->in[0], axis_of(c), .reverse = is(c, "reverse"),
                       .exclusive = is(c, "exclusive"));
}

static heed_node *build_cumprod(golden *c)
{
    return heed_cumprod(c->in[0], axis_of(c), .reverse = is(c, "reverse"),
                        .exclusive = is(c, "exclusive"));
}

static heed_node *build_cummax(golden *c)
{
    return heed_cummax(c->in[0], axis_of(c), &c->y[1]);
}

static heed_node *build_cummin(golden *c)
{
    return heed_cummin(c->in[0], axis_of(c), &c->y[1]);
}

static heed_node *build_linear_scan(golden *c)
{
    return heed_linear_scan(c->in[0], c->in[1], axis_of(c), .reverse = is(c, "reverse"),
                            .late = is(c, "late"));
}

static heed_node *build_sort(golden *c)
{
    return heed_sort(c->in[0], axis_of(c), .descending = is(c, "descending"),
                     .positions = &c->y[1]);
}

static heed_node *build_argsort(golden *c)
{
    return heed_argsort(c->in[0], axis_of(c), .descending = is(c, "descending"));
}

static heed_node *build_topk(golden *c)
{
    return heed_topk(c->in[0], (int64_t)golden_number(c, "k"), axis_of(c),
                     .smallest = is(c, "smallest"), .positions = &c->y[1]);
}

static const golden_builder builders[] = {
    { "cumsum", .build = build_cumsum },
    { "cumprod", .build = build_cumprod },
    { "cummax", .build = build_cummax },
    { "cummin", .build = build_cummin },
    { "linear_scan", .build = build_linear_scan },
    { "sort", .build = build_sort },
    { "argsort", .build = build_argsort },
    { "topk", .build = build_topk },
    { .name = NULL },
};

const golden_family golden_family_order = { "order", builders };

Test(ops_golden, order)
{
    golden_check(&golden_family_order);
}

/* Golden vectors of sums of products, distances, and constants with a pattern. */
#include <criterion/criterion.h>

#include "tests/golden.h"

static int64_t whole(golden *c, const char *name)
{
    return (int64_t)golden_number(c, name);
}

static heed_node *build_einsum(golden *c)
{
    return heed_einsum_of(golden_text(c, "equation"), c->in, c->n_in);
}

static heed_node *build_cosine_similarity(golden *c)
{
    return heed_cosine_similarity(c->in[0], c->in[1], (int)whole(c, "axis"),
                                  golden_number(c, "eps"));
}

static heed_node *build_normalize(golden *c)
{
    return heed_normalize(c->in[0], golden_number(c, "p"), (int)whole(c, "axis"),
                          golden_number(c, "eps"));
}

static heed_node *build_pairwise_distance(golden *c)
{
    return heed_pairwise_distance(c->in[0], c->in[1], golden_number(c, "p"),
                                  golden_number(c, "eps"), whole(c, "keep") != 0);
}

static heed_node *build_cdist(golden *c)
{
    return heed_cdist(c->in[0], c->in[1], golden_number(c, "p"), .exact = whole(c, "exact") != 0);
}

static heed_node *build_arange(golden *c)
{
    return heed_arange(c->graph, golden_number(c, "start"), golden_number(c, "stop"),
                       golden_number(c, "step"));
}

static heed_node *build_linspace(golden *c)
{
    return heed_linspace(c->graph, golden_number(c, "start"), golden_number(c, "stop"),
                         whole(c, "n"));
}

static heed_node *build_eye(golden *c)
{
    return heed_eye(c->graph, whole(c, "rows"), whole(c, "columns"));
}

static heed_node *build_causal_mask(golden *c)
{
    return heed_causal_mask(c->graph, whole(c, "queries"), whole(c, "keys"));
}

static heed_node *build_tril(golden *c)
{
    return heed_tril(c->in[0], whole(c, "diagonal"));
}

static heed_node *build_triu(golden *c)
{
    return heed_triu(c->in[0], whole(c, "diagonal"));
}

static const golden_builder builders[] = {
    { "einsum", .build = build_einsum },
    { "dot", .binary = heed_dot },
    { "outer", .binary = heed_outer },
    { "trace", .unary = heed_trace },
    { "cosine_similarity", .build = build_cosine_similarity },
    { "normalize", .build = build_normalize },
    { "pairwise_distance", .build = build_pairwise_distance },
    { "cdist", .build = build_cdist },
    { "arange", .build = build_arange },
    { "linspace", .build = build_linspace },
    { "eye", .build = build_eye },
    { "causal_mask", .build = build_causal_mask },
    { "tril", .build = build_tril },
    { "triu", .build = build_triu },
    { .name = NULL },
};

const golden_family golden_family_products = { "products", builders };

Test(ops_golden, products)
{
    golden_check(&golden_family_products);
}

/* Golden vectors of segments and of products with sparse matrices. */
#include <criterion/criterion.h>

#include "tests/golden.h"

static int64_t count(golden *c)
{
    return (int64_t)golden_number(c, "n");
}

static heed_node *build_sum(golden *c)
{
    return heed_segment_sum(c->in[0], c->in[1], count(c));
}

static heed_node *build_mean(golden *c)
{
    return heed_segment_mean(c->in[0], c->in[1], count(c));
}

static heed_node *build_max(golden *c)
{
    return heed_segment_max(c->in[0], c->in[1], count(c));
}

static heed_node *build_min(golden *c)
{
    return heed_segment_min(c->in[0], c->in[1], count(c));
}

static heed_node *build_count(golden *c)
{
    return heed_segment_count(c->in[0], count(c));
}

static heed_node *build_softmax(golden *c)
{
    return heed_segment_softmax(c->in[0], c->in[1], count(c));
}

static heed_node *build_coo_matmul(golden *c)
{
    return heed_coo_matmul(c->in[0], c->in[2], c->in[3], c->in[1], count(c));
}

static heed_node *build_sparse_matmul(golden *c)
{
    return heed_sparse_matmul(c->in[0], c->in[2], c->in[3], c->in[1]);
}

static heed_node *build_sampled_matmul(golden *c)
{
    return heed_sampled_matmul(c->in[0], c->in[1], c->in[2], c->in[3]);
}

static heed_node *build_csr(golden *c)
{
    return heed_csr(c->in[0], count(c));
}

static heed_node *build_csr_rows(golden *c)
{
    return heed_csr_rows(c->in[0], count(c));
}

static const golden_builder builders[] = {
    { "segment_sum", .build = build_sum },
    { "segment_mean", .build = build_mean },
    { "segment_max", .build = build_max },
    { "segment_min", .build = build_min },
    { "segment_count", .build = build_count },
    { "segment_softmax", .build = build_softmax },
    { "coo_matmul", .build = build_coo_matmul },
    { "sparse_matmul", .build = build_sparse_matmul },
    { "sampled_matmul", .build = build_sampled_matmul },
    { "csr", .build = build_csr },
    { "csr_rows", .build = build_csr_rows },
    { .name = NULL },
};

const golden_family golden_family_segments = { "segments", builders };

Test(ops_golden, segments)
{
    golden_check(&golden_family_segments);
}

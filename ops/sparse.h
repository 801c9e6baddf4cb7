/* sparse.h - what products with sparse matrices share: the node with its plan, test cases. */
#ifndef HEED_OPS_SPARSE_H
#define HEED_OPS_SPARSE_H

#include "ops/common.h"

/* The sparse_matmul node, [n, ..], with csr of rows. */
heed_node *heed_sparse_apply(heed_node *values, heed_node *dense, heed_node *rows,
                             heed_node *columns, int64_t n);

/* An n x m matrix of some entries, for `heads` heads (0: no such axis), times d columns. */
typedef struct heed_sparse_case {
    int n, m, entries, heads, d;
} heed_sparse_case;

static inline bool heed_sparse_sample(int k, heed_sparse_case *c)
{
    static const heed_sparse_case cases[] = {
        { 3, 4, 7, 0, 5 }, { 5, 2, 13, 2, 3 }, { 1, 1, 1, 0, 1 }, { 7, 3, 2, 1, 7 },
        { 2, 7, 9, 3, 1 }, { 2, 2, 5, 0, 33 }, { 4, 5, 9, 8, 4 }, { 3, 4, 7, 8, 2 },
    };
    if (k < 0 || k >= (int)(sizeof cases / sizeof cases[0])) return false;
    *c = cases[k];
    return true;
}

static inline heed_shape heed_sparse_dense(const heed_sparse_case *c, int rows)
{
    return c->heads ? HEED_SHAPE(rows, c->heads, c->d) : HEED_SHAPE(rows, c->d);
}

/* 65536 nodes with 16 edges each, 8 heads of 8 numbers: a layer of a graph. */
#define HEED_SPARSE_LARGE ((heed_sparse_case){ 65536, 65536, 1048576, 8, 8 })

/* rows and columns; some are out of range. */
static inline void heed_sparse_index(const heed_sparse_case *c, heed_sample_input *in)
{
    in[0] =
        (heed_sample_input){ .shape = HEED_SHAPE(c->entries), .index = true, .below = c->n + 1 };
    in[1] =
        (heed_sample_input){ .shape = HEED_SHAPE(c->entries), .index = true, .below = c->m + 1 };
}

#endif

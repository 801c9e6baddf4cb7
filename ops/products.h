/* products.h - the catalogue, matrix products, distances, constant patterns. */
#ifndef HEED_OPS_PRODUCTS_H
#define HEED_OPS_PRODUCTS_H

#include "graph/graph.h"

/* ---- products ---- */

/* [.., m, k] x [.., k, n] -> [.., m, n]; leading axes broadcast; rank 1 as NumPy's matmul. */
heed_node *heed_matmul(heed_node *a, heed_node *b);
heed_node *heed_dot(heed_node *a, heed_node *b);   /* [n], [n] -> [] */
heed_node *heed_outer(heed_node *a, heed_node *b); /* [m], [n] -> [m, n] */
heed_node *heed_trace(heed_node *x);               /* [.., m, n] -> [..]: sum of the diagonal */
/* heed_einsum("bhtd,bhsd->bhts", q, k): a sum of products in NumPy's notation, spaces allowed. A
 * letter twice in one operand is a diagonal; without "->" the result has the ellipsis, then the
 * letters that come once, in alphabetical order; axes of size 1 stretch; an ellipsis that the
 * result does not have is summed, as in PyTorch. Operands are views wherever strides can say it;
 * of three and more the cheapest pair comes first. */
heed_node *heed_einsum_of(const char *equation, heed_node *const *operands, int n);
#define heed_einsum(equation, ...) HEED_AT(heed_einsum_of(equation, HEED_NODES(__VA_ARGS__)))

/* ---- distances; a and b broadcast ---- */

/* a b / (max(|a|, eps) max(|b|, eps)) along axis, which goes. eps 0 means 1e-8. */
heed_node *heed_cosine_similarity(heed_node *a, heed_node *b, int axis, double eps);
/* x / max(p-norm of x along axis, eps). eps 0 means 1e-12. */
heed_node *heed_normalize(heed_node *x, double p, int axis, double eps);
/* p-norm of a - b + eps over the last axis. eps 0 means 1e-6. */
heed_node *heed_pairwise_distance(heed_node *a, heed_node *b, double p, double eps, bool keep);
/* [.., m, d], [.., n, d] -> [.., m, n]: the p-norm of each a_i - b_j; its slope is 0 where they are
 * equal. p = 2 with m or n over 25 is the root of |a_i|^2 + |b_j|^2 - 2 a_i b_j, by a product of
 * matrices: fast, but a small distance of large numbers drowns in rounding, unless exact. */
typedef struct heed_cdist_options {
    int defaults;
    bool exact; /* from differences always */
} heed_cdist_options;
heed_node *heed_cdist_with(heed_node *a, heed_node *b, double p, heed_cdist_options options);
#define heed_cdist(a, b, p, ...) \
    HEED_AT(heed_cdist_with(a, b, p, (heed_cdist_options){ .defaults = 0, __VA_ARGS__ }))

/* ---- patterns: constants in the graph's dtype ---- */

heed_node *heed_arange(heed_graph *graph, double start, double stop, double step); /* < stop */
heed_node *heed_linspace(heed_graph *graph, double start, double stop, int64_t n); /* both ends */
heed_node *heed_eye(heed_graph *graph, int64_t rows, int64_t columns);
/* [queries, keys]: 1 where key j is visible to query i, j <= i + (keys - queries); as attention's
 * .keep. */
heed_node *heed_causal_mask(heed_graph *graph, int64_t queries, int64_t keys);
/* x [.., m, n] below and on (above and on) a diagonal, else 0; 1 is the one above the main one. */
heed_node *heed_tril(heed_node *x, int64_t diagonal);
heed_node *heed_triu(heed_node *x, int64_t diagonal);

#endif

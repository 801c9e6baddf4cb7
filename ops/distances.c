/* distances.c - products of vectors and distances between them, composed of other operations. */
#include <math.h>

#include "ops/common.h"
#include "ops/ops.h"

/* As PyTorch: more points on either side and differences give way to a product of matrices. */
#define MANY_POINTS 25

static heed_node *refuse_rank(heed_node *x, const char *what, const char *wanted)
{
    char text[256];
    return heed_graph_fail(x->graph, "%s: %s must be %s", what, heed_describe(x, text, sizeof text),
                           wanted);
}

heed_node *heed_dot(heed_node *a, heed_node *b)
{
    if (!a || !b) return NULL;
    if (a->shape.rank != 1) return refuse_rank(a, "dot", "a vector, [n]");
    if (!heed_shape_equal(&a->shape, &b->shape))
        return refuse_rank(b, "dot", "a vector as long as the first one");
    return heed_sum_all(heed_mul(a, b));
}

heed_node *heed_outer(heed_node *a, heed_node *b)
{
    if (!a || !b) return NULL;
    if (a->shape.rank != 1) return refuse_rank(a, "outer", "a vector, [n]");
    if (b->shape.rank != 1) return refuse_rank(b, "outer", "a vector, [n]");
    return heed_mul(heed_unsqueeze(a, 1), heed_unsqueeze(b, 0));
}

static heed_node *at_least(heed_node *x, double least)
{
    return heed_maximum(x, heed_number_like(x, least));
}

heed_node *heed_cosine_similarity(heed_node *a, heed_node *b, int axis, double eps)
{
    heed_shape both;
    if (!a || !b) return NULL;
    if (eps == 0) eps = 1e-8;
    if (heed_broadcast(&a->shape, &b->shape, &both)) {
        a = heed_stretch(a, &both);
        b = heed_stretch(b, &both);
    }
    heed_node *product = heed_sum(heed_mul(a, b), axis, false);
    heed_node *sizes = heed_mul(at_least(heed_vector_norm(a, 2, axis, false), eps),
                                at_least(heed_vector_norm(b, 2, axis, false), eps));
    return heed_div(product, sizes);
}

heed_node *heed_normalize(heed_node *x, double p, int axis, double eps)
{
    heed_node *size = heed_vector_norm(x, p, axis, true);
    return heed_div(x, at_least(size, eps == 0 ? 1e-12 : eps));
}

heed_node *heed_pairwise_distance(heed_node *a, heed_node *b, double p, double eps, bool keep)
{
    heed_node *difference = heed_affine(heed_sub(a, b), 1, eps == 0 ? 1e-6 : eps);
    return heed_vector_norm(difference, p, -1, keep);
}

/* |a_i|^2 + |b_j|^2 - 2 a_i b_j, which rounding may bring below 0. */
static heed_node *squared_distances(heed_node *a, heed_node *b)
{
    heed_node *of_a = heed_sum(heed_square(a), -1, true);
    heed_node *of_b = heed_transpose(heed_sum(heed_square(b), -1, true), -1, -2);
    heed_node *product = heed_matmul(a, heed_transpose(b, -1, -2));
    return heed_relu(heed_add(heed_add(of_a, of_b), heed_scale(product, -2)));
}

heed_node *heed_cdist_with(heed_node *a, heed_node *b, double p, heed_cdist_options options)
{
    if (!a || !b) return NULL;
    const heed_shape *m = &a->shape, *n = &b->shape;
    if (m->rank < 2) return refuse_rank(a, "cdist", "points, [.., m, d]");
    if (n->rank < 2 || n->dim[n->rank - 1] != m->dim[m->rank - 1])
        return refuse_rank(b, "cdist", "points, [.., n, d], with the d of the first input");
    if (p < 0 || isnan(p)) return heed_graph_fail(a->graph, "cdist: p is %g, not >= 0", p);
    bool many = m->dim[m->rank - 2] > MANY_POINTS || n->dim[n->rank - 2] > MANY_POINTS;
    if (p == 2 && many && !options.exact) return heed_sqrt_or_zero(squared_distances(a, b));
    if (m->dim[m->rank - 1] == 0) return heed_zeros_like(heed_matmul(a, heed_transpose(b, -1, -2)));
    return heed_vector_norm(heed_sub(heed_unsqueeze(a, -2), heed_unsqueeze(b, -3)), p, -1, false);
}

heed_node *heed_trace(heed_node *x)
{
    if (!x) return NULL;
    int rank = x->shape.rank;
    if (rank < 2) return refuse_rank(x, "trace", "a matrix, [.., m, n]");
    int64_t n = heed_smaller(x->shape.dim[rank - 1], x->shape.dim[rank - 2]);
    x = heed_slice(heed_slice(x, -1, 0, n), -2, 0, n);
    return heed_einsum("...ii->...", x);
}

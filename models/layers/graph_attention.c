/* graph_attention.c - attention over the edges of a graph, linear layers of sparse rows. */
#include <math.h>

#include "models/layers/layers.h"
#include "ops/ops.h"

heed_node *heed_sparse_linear(heed_scope *scope, const char *name, heed_sparse_rows x,
                              int64_t width, heed_init weight)
{
    if (!scope || !x.values || !x.row_offsets) return NULL;
    const int64_t heads = x.values->shape.rank == 2 ? x.values->shape.dim[1] : 1;
    if (heads < 1 || width < 1 || width % heads != 0)
        return heed_graph_fail(x.values->graph,
                               "sparse_linear '%s%s': a width of %lld for %lld heads",
                               heed_scope_prefix(scope), name, (long long)width, (long long)heads);
    heed_scope *own = heed_enter(scope, name);
    if (weight.rule == HEED_INIT_DEFAULT) weight.rule = HEED_INIT_GLOROT;
    heed_node *w = heed_param(own, "weight", weight, x.width, width);
    if (x.values->shape.rank == 2) w = heed_reshape(w, x.width, heads, width / heads);
    heed_node *y = heed_sparse_matmul(x.values, x.row_offsets, x.columns, w);
    return heed_reshape(y, x.row_offsets->shape.dim[0] - 1, width);
}

/* One vector for each head, [H, d], as columns of a matrix that multiplies all heads at once, with
 * zeros where a head would meet another's vector: [H d, H]. */
static heed_node *as_columns(heed_node *vectors)
{
    if (!vectors) return NULL;
    const int64_t heads = vectors->shape.dim[0], d = vectors->shape.dim[1];
    heed_node *same = heed_unsqueeze(heed_eye(vectors->graph, heads, heads), 1); /* [H, 1, H] */
    return heed_reshape(heed_mul(heed_unsqueeze(vectors, -1), same), heads * d, heads);
}

/* to . v_i, then from . v_j, for each node: computed once, whatever its degree. -> [n, 2 H] */
static heed_node *parts_of_scores(heed_scope *s, heed_node *v)
{
    const int64_t nodes = v->shape.dim[0], heads = v->shape.dim[1], d = v->shape.dim[2];
    const double bound = sqrt(6.0 / ((double)d + 1)); /* Glorot's for each head, [d, 1] */
    const heed_init vector = { .rule = HEED_INIT_UNIFORM, .a = -bound, .b = bound };
    heed_node *to = as_columns(heed_param(s, "to", vector, heads, d));
    heed_node *from = as_columns(heed_param(s, "from", vector, heads, d));
    return heed_matmul(heed_reshape(v, nodes, heads * d), heed_concat(HEED_NODES(to, from), 1));
}

/* LeakyReLU(to . v_i + from . v_j). -> [E, H] */
static heed_node *scores(heed_node *parts, heed_edges edges, double slope)
{
    if (!parts) return NULL;
    const int64_t heads = parts->shape.dim[1] / 2;
    heed_node *to = heed_gather(heed_slice(parts, 1, 0, heads), edges.to, 0, 0);
    heed_node *from = heed_gather(heed_slice(parts, 1, heads, 2 * heads), edges.from, 0, 0);
    return heed_leaky_relu(heed_add(to, from), slope);
}

/* 1 / neighbours of the edge's node, for every head. -> [E, H] */
static heed_node *equal_shares(heed_node *v, heed_edges edges)
{
    heed_node *count = heed_gather(heed_segment_count(edges.to, edges.nodes), edges.to, 0, 0);
    if (!count) return NULL;
    return heed_expand(heed_unsqueeze(heed_reciprocal(count), -1), count->shape.dim[0],
                       v->shape.dim[1]);
}

/* What is there for each edge, and what nodes hear of it; a region that can be computed anew. */
typedef struct listening {
    heed_edges edges;
    heed_graph_attention_options options;
    heed_node *weights; /* the last ones that were built */
} listening;

static bool listen(void *context, heed_node *const *x, heed_node **y)
{
    listening *l = context;
    heed_node *v = x[0], *parts = l->options.constant ? NULL : x[1];
    heed_node *a = parts ? heed_segment_softmax(scores(parts, l->edges, l->options.slope),
                                                l->edges.to, l->edges.nodes)
                         : equal_shares(v, l->edges);
    l->weights = a;
    *y = heed_coo_matmul(heed_dropout(a, l->options.dropout), l->edges.to, l->edges.from,
                         heed_dropout(v, l->options.value_dropout), l->edges.nodes);
    return *y != NULL;
}

heed_node *heed_graph_attention_with(heed_scope *scope, const char *name, heed_node *v,
                                     heed_edges edges, heed_graph_attention_options options)
{
    if (!scope || !v) return NULL;
    if (v->shape.rank != 3 || v->shape.dim[0] != edges.nodes)
        return heed_graph_fail(v->graph,
                               "graph_attention '%s%s': v is not [nodes, heads, width] of %lld "
                               "nodes",
                               heed_scope_prefix(scope), name, (long long)edges.nodes);
    if (options.slope == 0) options.slope = 0.2;
    heed_node *y, *x[2] = { v, NULL };
    const int n = options.constant ? 1 : 2;
    listening l = { .edges = edges, .options = options };
    if (n == 2) x[1] = parts_of_scores(heed_enter(scope, name), v);
    if (!x[n - 1]) return NULL;
    if (options.recompute && !options.weights)
        return heed_checkpoint(v->graph, listen, &l, x, n, &y, 1) ? y : NULL;
    if (!listen(&l, x, &y)) return NULL;
    if (options.weights) *options.weights = l.weights;
    return y;
}

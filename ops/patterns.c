/* patterns.c - constants with a pattern: ranges, the identity, triangular masks. */
#include <math.h>

#include "ops/common.h"
#include "ops/ops.h"
#include "tensor/memory.h"

/* ---- ranges ---- */

/* first + i step for 0 <= i < n. */
static heed_node *range(heed_graph *graph, heed_dtype dtype, double first, double step, int64_t n)
{
    heed_shape shape = { 1, { n } };
    size_t bytes;
    if (!graph || heed_graph_failed(graph)) return NULL;
    void *data = NULL;
    if (heed_count_checked(&shape, heed_dtype_size(dtype), &bytes)) data = heed_alloc(bytes + 1);
    if (!data) return heed_graph_fail(graph, "no memory for a range of %lld", (long long)n);
    heed_view view = heed_view_of(data, dtype, &shape);
    for (int64_t i = 0; i < n; i++) heed_set(&view, i, first + (double)i * step);
    heed_node *node = heed_constant_of(graph, &view);
    heed_free(data);
    return node;
}

heed_node *heed_arange(heed_graph *graph, double start, double stop, double step)
{
    double n = ceil((stop - start) / step);
    if (!graph) return NULL;
    if (!isfinite(n) || n > (double)INT32_MAX)
        return heed_graph_fail(graph, "arange: from %g to %g in steps of %g is no range", start,
                               stop, step);
    return range(graph, heed_graph_dtype(graph), start, step, n > 0 ? (int64_t)n : 0);
}

heed_node *heed_linspace(heed_graph *graph, double start, double stop, int64_t n)
{
    if (!graph) return NULL;
    if (n < 0) return heed_graph_fail(graph, "linspace: %lld numbers", (long long)n);
    double step = n > 1 ? (stop - start) / (double)(n - 1) : 0;
    heed_node *head = range(graph, heed_graph_dtype(graph), start, step, n > 1 ? n - 1 : n);
    if (n <= 1) return head;
    heed_node *end = heed_full_shaped(graph, heed_graph_dtype(graph), HEED_SHAPE(1), stop);
    return heed_concat((heed_node *[]){ head, end }, 2, 0); /* the end is exact */
}

/* ---- matrices [rows, columns] ---- */

/* 1 where column - row `is` at most (equal to) diagonal, else 0. */
static heed_node *pattern(heed_graph *graph, heed_dtype dtype, int64_t rows, int64_t columns,
                          int64_t diagonal, heed_node *(*is)(heed_node *, heed_node *))
{
    heed_node *row = range(graph, dtype, (double)diagonal, 1, rows);
    return is(range(graph, dtype, 0, 1, columns), row ? heed_unsqueeze(row, 1) : NULL);
}

heed_node *heed_eye(heed_graph *graph, int64_t rows, int64_t columns)
{
    if (!graph) return NULL;
    if (rows < 0 || columns < 0)
        return heed_graph_fail(graph, "eye: [%lld, %lld] is no matrix", (long long)rows,
                               (long long)columns);
    return pattern(graph, heed_graph_dtype(graph), rows, columns, 0, heed_equal);
}

heed_node *heed_causal_mask(heed_graph *graph, int64_t queries, int64_t keys)
{
    if (!graph) return NULL;
    if (queries < 0 || keys < 0)
        return heed_graph_fail(graph, "causal_mask: [%lld, %lld] is no matrix", (long long)queries,
                               (long long)keys);
    return pattern(graph, heed_graph_dtype(graph), queries, keys, keys - queries, heed_less_equal);
}

static heed_node *triangle(heed_node *x, const char *what, int64_t diagonal,
                           heed_node *(*is)(heed_node *, heed_node *))
{
    char text[256];
    if (!x) return NULL;
    int rank = x->shape.rank;
    if (rank < 2)
        return heed_graph_fail(x->graph, "%s: %s must be a matrix, [.., m, n]", what,
                               heed_describe(x, text, sizeof text));
    heed_node *inside =
        pattern(x->graph, x->dtype, x->shape.dim[rank - 2], x->shape.dim[rank - 1], diagonal, is);
    return heed_where(inside, x, heed_number_like(x, 0));
}

heed_node *heed_tril(heed_node *x, int64_t diagonal)
{
    return triangle(x, "tril", diagonal, heed_less_equal);
}

heed_node *heed_triu(heed_node *x, int64_t diagonal)
{
    return triangle(x, "triu", diagonal, heed_greater_equal);
}

/* accumulate.c - sums that reverse mode needs: of the contributions to one gradient, and over the
 * axes that broadcasting stretched.
 *
 * A value used n times has n contributions. Two patterns are common and have a cheaper form than
 * n - 1 additions: the parts of a value that was sliced up (each contribution is one part, padded
 * with zeros to the whole: put side by side again), and a matrix that a loop multiplied with in
 * each step (each contribution is A_t^T D_t: one product of all steps, stacked). */
#include "ops/accumulate.h"
#include "ops/common.h"
#include "ops/movement.h"
#include "ops/ops.h"

/* Terms under way: those of a pattern, and the others. All keep the order in which they came. */
typedef struct parts {
    heed_graph *graph;
    heed_node **chosen, **rest;
    int n_chosen, n_rest;
} parts;

static bool make_room(parts *p, heed_graph *graph, int n)
{
    size_t bytes = (size_t)n * sizeof(heed_node *);
    *p = (parts){ .graph = graph, .chosen = heed_graph_memory(graph, bytes) };
    p->rest = heed_graph_memory(graph, bytes);
    return p->chosen && p->rest;
}

static void divide(parts *p, heed_node *const *terms, int n, const heed_node *like,
                   bool (*belongs)(const heed_node *like, const heed_node *term))
{
    p->n_chosen = p->n_rest = 0;
    for (int i = 0; i < n; i++) {
        if (belongs(like, terms[i]))
            p->chosen[p->n_chosen++] = terms[i];
        else
            p->rest[p->n_rest++] = terms[i];
    }
}

/* first + the others, from left to right: each contribution can go as soon as it is added. */
static heed_node *add_all(heed_node *first, heed_node *const *terms, int n)
{
    for (int i = 0; i < n; i++) first = heed_add(first, terms[i]);
    return first;
}

/* ---- parts of a value that was sliced up ---- */

static bool is_part(const heed_node *term)
{
    const heed_pad_attr *attr = term->attr;
    return term->op == &heed_op_pad && attr->step == 1 && attr->value == 0;
}

static bool is_part_along(const heed_node *like, const heed_node *term)
{
    const heed_pad_attr *a = like->attr, *b = term->attr;
    return is_part(term) && a->axis == b->axis;
}

static int64_t begin_of(const heed_node *pad)
{
    return ((const heed_pad_attr *)pad->attr)->before;
}

static int64_t end_of(const heed_node *pad)
{
    const heed_pad_attr *attr = pad->attr;
    return pad->shape.dim[attr->axis] - attr->after;
}

static void sift_down(heed_node **pads, int root, int n)
{
    for (int child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && begin_of(pads[child]) < begin_of(pads[child + 1])) child++;
        if (begin_of(pads[root]) >= begin_of(pads[child])) return;
        heed_node *swapped = pads[root];
        pads[root] = pads[child];
        pads[child] = swapped;
    }
}

/* Heapsort. Where two begin at the same place they overlap, and their order does not matter. */
static void sort_by_begin(heed_node **pads, int n)
{
    for (int root = n / 2 - 1; root >= 0; root--) sift_down(pads, root, n);
    for (int last = n - 1; last > 0; last--) {
        heed_node *largest = pads[0];
        pads[0] = pads[last];
        pads[last] = largest;
        sift_down(pads, 0, last);
    }
}

/* The inputs of sorted pads side by side, zeros in the gaps; NULL when two overlap, or when the
 * gaps make it no better than adding. */
static heed_node *side_by_side(const parts *p, heed_node *const *pads)
{
    int axis = ((const heed_pad_attr *)pads[0]->attr)->axis, n = p->n_chosen, used = 0, gaps = 0;
    int64_t at = 0, size = pads[0]->shape.dim[axis];
    for (int i = 0; i <= n; i++) {
        int64_t begin = i < n ? begin_of(pads[i]) : size;
        if (begin < at) return NULL;
        gaps += begin > at;
        at = i < n ? end_of(pads[i]) : size;
    }
    if (gaps > 0 && n < 3) return NULL;
    heed_node **list = heed_graph_memory(p->graph, (size_t)(n + gaps) * sizeof(heed_node *));
    if (!list) return NULL;
    at = 0;
    for (int i = 0; i <= n; i++) {
        int64_t begin = i < n ? begin_of(pads[i]) : size;
        if (begin > at) {
            heed_shape zeros = pads[0]->shape;
            zeros.dim[axis] = begin - at;
            list[used++] = heed_full_shaped(p->graph, pads[0]->dtype, zeros, 0);
        }
        if (i < n) list[used++] = pads[i]->in[0];
        at = i < n ? end_of(pads[i]) : size;
    }
    return heed_concat(list, used, axis);
}

/* NULL when the terms are not disjoint parts of one axis (or the graph has failed). */
static heed_node *join_parts(heed_node *const *terms, int n)
{
    parts p;
    int first = 0;
    while (first < n && !is_part(terms[first])) first++;
    if (first >= n - 1 || !make_room(&p, terms[0]->graph, n)) return NULL;
    divide(&p, terms, n, terms[first], is_part_along);
    if (p.n_chosen < 2) return NULL;
    sort_by_begin(p.chosen, p.n_chosen);
    heed_node *whole = side_by_side(&p, p.chosen);
    return whole ? add_all(whole, p.rest, p.n_rest) : NULL;
}

/* ---- products of a loop's steps ---- */

static bool is_transposed(const heed_node *x)
{
    const heed_permute_attr *attr = x->attr;
    return x->op == &heed_op_permute && x->shape.rank == 2 && attr->axes[0] == 1;
}

/* A^T D of two matrices. One row or column is left as it is: such a product is a sum that may end
 * the instruction which computes the matrix, and then needs no memory. */
static bool is_product(const heed_node *term)
{
    return term->op == &heed_op_matmul && term->n_in == 2 && term->op->attr_size == 0 &&
           is_transposed(term->in[0]) && term->in[1]->shape.rank == 2 && term->shape.dim[0] > 1 &&
           term->shape.dim[1] > 1;
}

/* Terms have one shape, so the products' shapes agree but for the length of the sum. */
static bool is_such_product(const heed_node *like, const heed_node *term)
{
    (void)like;
    return is_product(term);
}

/* NULL when fewer than three of the terms are such products (or the graph has failed). */
static heed_node *join_products(heed_node *const *terms, int n)
{
    parts p, columns;
    int found = 0;
    for (int i = 0; i < n; i++) found += is_product(terms[i]);
    if (found < 3) return NULL;
    if (!make_room(&p, terms[0]->graph, n) || !make_room(&columns, p.graph, found)) return NULL;
    divide(&p, terms, n, NULL, is_such_product);
    for (int i = 0; i < found; i++) {
        columns.chosen[i] = p.chosen[i]->in[0]->in[0];
        columns.rest[i] = p.chosen[i]->in[1];
    }
    heed_node *a = heed_concat(columns.chosen, found, 0); /* [m_0 + m_1 + .., k] */
    heed_node *d = heed_concat(columns.rest, found, 0);   /* [m_0 + m_1 + .., n] */
    return add_all(heed_matmul(heed_transpose(a, 0, 1), d), p.rest, p.n_rest);
}

/* Transposed terms: their sum, transposed. A weight that is used transposed gets these. */
static heed_node *sum_transposed(heed_node *const *terms, int n)
{
    parts p;
    for (int i = 0; i < n; i++) {
        if (!is_transposed(terms[i]) || !is_product(terms[i]->in[0])) return NULL;
    }
    if (n < 3 || !make_room(&p, terms[0]->graph, n)) return NULL;
    for (int i = 0; i < n; i++) p.chosen[i] = terms[i]->in[0];
    heed_node *sum = join_products(p.chosen, n);
    return sum ? heed_transpose(sum, 0, 1) : NULL;
}

bool heed_step_product(heed_node *term, heed_node **a, heed_node **d, bool *transposed)
{
    *transposed = is_transposed(term) && is_product(term->in[0]);
    const heed_node *product = *transposed ? term->in[0] : term;
    if (!is_product(product)) return false;
    *a = product->in[0]->in[0];
    *d = product->in[1];
    return true;
}

heed_node *heed_sum_step_products(heed_node *a, heed_node *d, bool transposed)
{
    if (!a || !d) return NULL;
    a = heed_reshape(a, a->shape.dim[0] * a->shape.dim[1], a->shape.dim[2]);
    d = heed_reshape(d, d->shape.dim[0] * d->shape.dim[1], d->shape.dim[2]);
    heed_node *sum = heed_matmul(heed_transpose(a, 0, 1), d);
    return transposed ? heed_transpose(sum, 0, 1) : sum;
}

/* ---- what the engine calls ---- */

heed_node *heed_accumulate(heed_node *const *terms, int n)
{
    heed_node *sum = NULL;
    for (int i = 0; i < n; i++) {
        if (!terms[i]) return NULL;
    }
    if (n < 1) return NULL;
    if (n > 1) sum = join_parts(terms, n);
    if (!sum) sum = join_products(terms, n);
    if (!sum) sum = sum_transposed(terms, n);
    return sum ? sum : add_all(terms[0], terms + 1, n - 1);
}

heed_node *heed_sum_to(heed_node *x, const heed_shape *shape)
{
    int axes[HEED_MAX_RANK], n = 0;
    if (!x || heed_shape_equal(&x->shape, shape)) return x;
    int added = x->shape.rank - shape->rank; /* axes that broadcasting put in front */
    for (int i = 0; i < x->shape.rank; i++) {
        bool stretched = i >= added && shape->dim[i - added] == 1 && x->shape.dim[i] != 1;
        if (i < added || stretched) axes[n++] = i;
    }
    if (n > 0) x = heed_sum_axes(x, axes, n < x->shape.rank ? n : 0, false);
    return x && !heed_shape_equal(&x->shape, shape) ? heed_reshape_to(x, *shape) : x;
}

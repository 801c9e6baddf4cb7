/* einsum.c - sums of products in Einstein's notation, lowered to views, sums and matrix products.
 *
 * Every axis of an operand has a label: a letter, or a place in the ellipsis, counted from the
 * right. In order: axes of size 1 that others stretch are dropped; a label twice in one operand is
 * a diagonal; a label that nobody else needs is summed; then pairs are contracted, the cheapest
 * first, until one operand is left. */
#include <string.h>

#include "ops/common.h"
#include "ops/ops.h"

enum { LETTERS = 52, LABELS = LETTERS + HEED_MAX_RANK };

/* A value and the labels of its axes. */
typedef struct term {
    heed_node *node;
    int n, label[HEED_MAX_RANK];
} term;

typedef struct einsum {
    heed_graph *graph;
    const char *equation;
    term *terms;
    int n_terms, ellipsis; /* axes of the longest ellipsis */
    int n_out, out[HEED_MAX_RANK];
    int64_t size[LABELS];
    int uses[LABELS]; /* operands, and the output, that have the label */
} einsum;

static bool fails(const einsum *e, const char *why)
{
    heed_graph_fail(e->graph, "einsum \"%s\": %s", e->equation, why);
    return false;
}

static char letter_of(int label)
{
    if (label >= LETTERS) return '.';
    return (char)(label < LETTERS / 2 ? 'A' + label : 'a' + label - LETTERS / 2);
}

static int label_of(char letter)
{
    if (letter >= 'A' && letter <= 'Z') return letter - 'A';
    return letter >= 'a' && letter <= 'z' ? letter - 'a' + LETTERS / 2 : -1;
}

/* ---- reading the equation ---- */

/* One operand's letters, up to a comma, an arrow or the end, as labels; -1 stands for "...".
 * return: how many, or -1 and the graph has failed. */
static int read_labels(const einsum *e, const char **at, int *label)
{
    int n = 0;
    bool dots = false;
    for (; **at && **at != ',' && strncmp(*at, "->", 2) != 0; ++*at) {
        if (**at == ' ') continue;
        bool here = strncmp(*at, "...", 3) == 0;
        int next = here ? -1 : label_of(**at);
        if (!here && next < 0) return fails(e, "only letters, commas, \"...\" and one \"->\""), -1;
        if (here && dots) return fails(e, "two ellipses in one operand"), -1;
        if (n > HEED_MAX_RANK) return fails(e, "an operand with too many axes"), -1;
        if (here) *at += 2;
        dots |= here;
        label[n++] = next;
    }
    return n;
}

/* The ellipsis stands for `axes` axes, the last ones of the longest ellipsis. */
static bool spell_out(const einsum *e, const int *read, int n, int axes, int *label, int *n_label)
{
    *n_label = 0;
    for (int i = 0; i < n; i++) {
        int count = read[i] < 0 ? axes : 1;
        if (*n_label + count > HEED_MAX_RANK) return fails(e, "an operand with too many axes");
        for (int k = 0; k < count; k++)
            label[(*n_label)++] = read[i] < 0 ? LETTERS + HEED_MAX_RANK - axes + k : read[i];
    }
    return true;
}

static bool read_operand(einsum *e, int i, const char **at)
{
    int read[HEED_MAX_RANK + 2], n = read_labels(e, at, read), letters = 0;
    term *t = &e->terms[i];
    int rank = t->node->shape.rank;
    char text[256];
    if (n < 0) return false;
    for (int k = 0; k < n; k++) letters += read[k] >= 0;
    if (letters == n ? rank != n : rank < letters) {
        heed_graph_fail(e->graph, "einsum \"%s\": operand %d, %s, has %d axes; %d are named",
                        e->equation, i, heed_describe(t->node, text, sizeof text), rank, letters);
        return false;
    }
    if (letters < n && rank - letters > e->ellipsis) e->ellipsis = rank - letters;
    return spell_out(e, read, n, rank - letters, t->label, &t->n);
}

/* Without an arrow: the ellipsis, then the letters that come once, in alphabetical order. */
static bool imply_output(einsum *e)
{
    int times[LABELS] = { 0 };
    for (int i = 0; i < e->n_terms; i++)
        for (int k = 0; k < e->terms[i].n; k++) times[e->terms[i].label[k]]++;
    for (int k = 0; k < e->ellipsis; k++)
        e->out[e->n_out++] = LETTERS + HEED_MAX_RANK - e->ellipsis + k;
    for (int label = 0; label < LETTERS; label++) {
        if (times[label] != 1) continue;
        if (e->n_out == HEED_MAX_RANK) return fails(e, "the result has too many axes");
        e->out[e->n_out++] = label;
    }
    return true;
}

static bool read_equation(einsum *e)
{
    const char *at = e->equation;
    for (int i = 0; i < e->n_terms; i++) {
        if (i > 0 && *at++ != ',') return fails(e, "more operands are given than named");
        if (!read_operand(e, i, &at)) return false;
    }
    if (*at == ',') return fails(e, "fewer operands are given than named");
    if (!*at) return imply_output(e);
    int read[HEED_MAX_RANK + 2], n;
    at += 2;
    n = read_labels(e, &at, read);
    if (n < 0) return false;
    if (*at) return fails(e, "there is something behind the result");
    return spell_out(e, read, n, e->ellipsis, e->out, &e->n_out);
}

/* ---- sizes ---- */

static bool find_sizes(einsum *e)
{
    int owner[LABELS];
    for (int label = 0; label < LABELS; label++) e->size[label] = -1;
    for (int i = 0; i < e->n_terms; i++) {
        for (int k = 0; k < e->terms[i].n; k++) {
            int label = e->terms[i].label[k];
            int64_t size = e->terms[i].node->shape.dim[k], known = e->size[label];
            if (known < 0 || known == 1) {
                e->size[label] = size;
                owner[label] = i;
            } else if (size != known && size != 1) {
                heed_graph_fail(e->graph,
                                "einsum \"%s\": '%c' is %lld in operand %d and %lld in operand %d",
                                e->equation, letter_of(label), (long long)known, owner[label],
                                (long long)size, i);
                return false;
            }
        }
    }
    bool seen[LABELS] = { false };
    for (int k = 0; k < e->n_out; k++) {
        int label = e->out[k];
        if (e->size[label] < 0) return fails(e, "the result has a letter that no operand has");
        if (seen[label]) return fails(e, "the result has a letter twice");
        seen[label] = true;
    }
    return true;
}

/* ---- one operand ---- */

static int place_of(const term *t, int label)
{
    for (int k = 0; k < t->n; k++)
        if (t->label[k] == label) return k;
    return -1;
}

static void forget_axis(term *t, int k)
{
    t->n--;
    for (; k < t->n; k++) t->label[k] = t->label[k + 1];
}

static void drop_stretched(const einsum *e, term *t)
{
    for (int k = t->n - 1; k >= 0; k--) {
        if (!t->node || t->node->shape.dim[k] != 1 || e->size[t->label[k]] == 1) continue;
        t->node = heed_squeeze(t->node, k);
        forget_axis(t, k);
    }
}

/* Axes j < k are one label: side by side and last, as a row of size^2, each (size + 1)-th element
 * of which is on the diagonal. */
static void take_diagonal(term *t, int j, int k)
{
    int order[HEED_MAX_RANK], n = 0, label = t->label[j];
    for (int i = 0; i < t->n; i++)
        if (i != j && i != k) order[n++] = i;
    order[n++] = j;
    order[n] = k;
    heed_node *turned = heed_permute_axes(t->node, order, t->n);
    forget_axis(t, k);
    forget_axis(t, j);
    t->label[t->n++] = label;
    if (!(t->node = turned)) return;
    heed_shape row = turned->shape;
    int64_t size = row.dim[--row.rank];
    row.dim[row.rank - 1] = size * size;
    t->node = heed_slice_step(heed_reshape_to(turned, row), -1, 0, size * size, size + 1);
}

static void take_diagonals(term *t)
{
    for (int k = 1; k < t->n; k++) {
        int j = place_of(t, t->label[k]);
        if (j == k) continue;
        take_diagonal(t, j, k);
        k = 0;
    }
}

/* Sum over labels that only this operand has. */
static void sum_own(const einsum *e, term *t)
{
    int axes[HEED_MAX_RANK], n = 0;
    for (int k = t->n - 1; k >= 0; k--) {
        if (e->uses[t->label[k]] > 1) continue;
        axes[n++] = k;
        forget_axis(t, k);
    }
    if (n > 0) t->node = heed_sum_axes(t->node, axes, n, false);
}

static heed_node *in_order(const term *t, const int *label, int n)
{
    int axes[HEED_MAX_RANK];
    for (int k = 0; k < n; k++) axes[k] = place_of(t, label[k]);
    return heed_permute_axes(t->node, axes, n);
}

/* ---- two operands ---- */

/* How two operands meet: labels that both have and that stay, those that are summed, and those of
 * one operand, in the order of its axes. */
typedef struct meeting {
    int n_both, n_summed, n_rows, n_columns;
    int both[HEED_MAX_RANK], summed[HEED_MAX_RANK], rows[HEED_MAX_RANK], columns[HEED_MAX_RANK];
} meeting;

static meeting meet(const einsum *e, const term *a, const term *b)
{
    meeting m = { .n_both = 0 };
    for (int k = 0; k < a->n; k++) {
        int label = a->label[k];
        if (place_of(b, label) < 0)
            m.rows[m.n_rows++] = label;
        else if (e->uses[label] > 2)
            m.both[m.n_both++] = label;
        else
            m.summed[m.n_summed++] = label;
    }
    for (int k = 0; k < b->n; k++)
        if (place_of(a, b->label[k]) < 0) m.columns[m.n_columns++] = b->label[k];
    return m;
}

static double size_of(const einsum *e, const int *label, int n)
{
    double size = 1;
    for (int k = 0; k < n; k++) size *= (double)e->size[label[k]];
    return size;
}

static heed_shape shape_of(const einsum *e, const int *label, int n)
{
    heed_shape shape = { .rank = n };
    for (int k = 0; k < n; k++) shape.dim[k] = e->size[label[k]];
    return shape;
}

static int append(int *to, int n, const int *from, int more)
{
    for (int k = 0; k < more; k++) to[n + k] = from[k];
    return n + more;
}

/* t as [both.., first.., second..], each of the two groups one axis. */
static heed_node *as_matrices(const einsum *e, const term *t, const meeting *m, const int *first,
                              int n_first, const int *second, int n_second)
{
    int order[HEED_MAX_RANK], n = append(order, 0, m->both, m->n_both);
    heed_shape shape = shape_of(e, m->both, m->n_both);
    n = append(order, n, first, n_first);
    append(order, n, second, n_second);
    shape.dim[shape.rank++] = (int64_t)size_of(e, first, n_first);
    shape.dim[shape.rank++] = (int64_t)size_of(e, second, n_second);
    heed_node *turned = in_order(t, order, t->n);
    return turned ? heed_reshape_to(turned, shape) : NULL;
}

/* t with an axis for each of `label`, of size 1 where it has none: ready to be broadcast. */
static heed_node *spread(const einsum *e, const term *t, const int *label, int n)
{
    int order[HEED_MAX_RANK], own = 0;
    heed_shape shape = shape_of(e, label, n);
    for (int k = 0; k < n; k++) {
        if (place_of(t, label[k]) < 0)
            shape.dim[k] = 1;
        else
            order[own++] = label[k];
    }
    heed_node *turned = in_order(t, order, own);
    return turned ? heed_reshape_to(turned, shape) : NULL;
}

static bool contract(einsum *e, const term *a, const term *b, term *y)
{
    meeting m = meet(e, a, b);
    bool matrices = m.n_summed > 0 && m.n_rows + m.n_columns > 0;
    if (m.n_both + (matrices ? 2 : 0) > HEED_MAX_RANK ||
        m.n_both + m.n_rows + m.n_columns > HEED_MAX_RANK)
        return fails(e, "a product on the way has too many axes");
    y->n = append(y->label, 0, m.both, m.n_both);
    y->n = append(y->label, y->n, m.rows, m.n_rows);
    y->n = append(y->label, y->n, m.columns, m.n_columns);
    if (!matrices) { /* elementwise; a sum over the last axes ends it */
        int all[HEED_MAX_RANK], axes[HEED_MAX_RANK];
        int n = append(all, append(all, 0, y->label, y->n), m.summed, m.n_summed);
        for (int k = 0; k < m.n_summed; k++) axes[k] = y->n + k;
        y->node = heed_mul(spread(e, a, all, n), spread(e, b, all, n));
        if (m.n_summed > 0) y->node = heed_sum_axes(y->node, axes, m.n_summed, false);
    } else {
        heed_node *product =
            heed_matmul(as_matrices(e, a, &m, m.rows, m.n_rows, m.summed, m.n_summed),
                        as_matrices(e, b, &m, m.summed, m.n_summed, m.columns, m.n_columns));
        y->node = product ? heed_reshape_to(product, shape_of(e, y->label, y->n)) : NULL;
    }
    return y->node != NULL;
}

/* ---- which two ---- */

/* Multiplications, and then the size of the result. */
static void cost_of(const einsum *e, const term *a, const term *b, double cost[2])
{
    meeting m = meet(e, a, b);
    cost[1] = size_of(e, m.both, m.n_both) * size_of(e, m.rows, m.n_rows) *
              size_of(e, m.columns, m.n_columns);
    cost[0] = cost[1] * size_of(e, m.summed, m.n_summed);
    cost[1] -= size_of(e, a->label, a->n) + size_of(e, b->label, b->n);
}

static void cheapest(const einsum *e, int *first, int *second)
{
    double best[2] = { 0, 0 };
    *first = -1;
    for (int i = 0; i < e->n_terms; i++) {
        for (int j = i + 1; j < e->n_terms; j++) {
            double cost[2];
            cost_of(e, &e->terms[i], &e->terms[j], cost);
            if (*first >= 0 && (cost[0] > best[0] || (cost[0] == best[0] && cost[1] >= best[1])))
                continue;
            best[0] = cost[0];
            best[1] = cost[1];
            *first = i;
            *second = j;
        }
    }
}

/* The product's columns are the operand that has the result's last label. */
static bool should_swap(const einsum *e, const term *a, const term *b)
{
    for (int k = e->n_out - 1; k >= 0; k--) {
        bool in_a = place_of(a, e->out[k]) >= 0, in_b = place_of(b, e->out[k]) >= 0;
        if (in_a != in_b) return in_a;
    }
    return false;
}

static bool contract_all(einsum *e)
{
    while (e->n_terms > 1) {
        int i = 0, j = 0;
        cheapest(e, &i, &j);
        bool swap = should_swap(e, &e->terms[i], &e->terms[j]);
        const term a = e->terms[swap ? j : i], b = e->terms[swap ? i : j];
        term y = { .node = NULL };
        if (!contract(e, &a, &b, &y)) return false;
        for (int k = 0; k < a.n; k++) e->uses[a.label[k]]--;
        for (int k = 0; k < b.n; k++) e->uses[b.label[k]]--;
        for (int k = 0; k < y.n; k++) e->uses[y.label[k]]++;
        e->terms[i] = y;
        e->terms[j] = e->terms[--e->n_terms];
    }
    return true;
}

/* ---- builder ---- */

static heed_node *solve(einsum *e)
{
    if (!read_equation(e) || !find_sizes(e)) return NULL;
    for (int i = 0; i < e->n_terms; i++) {
        drop_stretched(e, &e->terms[i]);
        take_diagonals(&e->terms[i]);
    }
    for (int k = 0; k < e->n_out; k++) e->uses[e->out[k]]++;
    for (int i = 0; i < e->n_terms; i++)
        for (int k = 0; k < e->terms[i].n; k++) e->uses[e->terms[i].label[k]]++;
    for (int i = 0; i < e->n_terms; i++) {
        sum_own(e, &e->terms[i]);
        if (!e->terms[i].node) return NULL;
    }
    if (!contract_all(e)) return NULL;
    return in_order(&e->terms[0], e->out, e->n_out);
}

heed_node *heed_einsum_of(const char *equation, heed_node *const *operands, int n)
{
    einsum e = { .equation = equation, .n_terms = n };
    if (n < 1 || !equation) return NULL;
    for (int i = 0; i < n; i++)
        if (!operands[i]) return NULL;
    e.graph = operands[0]->graph;
    e.terms = heed_graph_memory(e.graph, (size_t)n * sizeof *e.terms);
    if (!e.terms) return NULL;
    for (int i = 0; i < n; i++) e.terms[i].node = operands[i];
    return solve(&e);
}

/* gradient.c - reverse mode as a transformation of the graph.
 *
 * Ids are a topological order, so one walk from y's id downwards visits every node after all its
 * consumers: sum what they contributed, ask the op's reverse rule for the inputs' contributions,
 * undo broadcasting, check shapes. All of it appends ordinary nodes. */
#include <string.h>

#include "graph/internal.h"

typedef struct term {
    heed_node *node;
    struct term *next;
} term;

typedef struct reverse {
    heed_graph *graph;
    heed_arena arena;
    int top;           /* ids above y's play no part */
    bool *needs;       /* needs[id]: depends on some x */
    term **terms;      /* contributions to dL/d node, newest first */
    heed_node **total; /* dL/d node once summed */
    bool *want;        /* of the node at hand */
    heed_node **dx;
} reverse;

static bool no_memory(heed_graph *graph)
{
    heed_graph_fail(graph, "no memory for the gradient");
    return false;
}

static bool prepare(reverse *r, heed_node *const *x, int n)
{
    int most = 1;
    size_t count = (size_t)r->top + 1;
    for (int id = 0; id <= r->top; id++)
        if (r->graph->nodes[id]->n_in > most) most = r->graph->nodes[id]->n_in;
    r->needs = heed_arena_alloc(&r->arena, count * sizeof *r->needs);
    r->terms = heed_arena_alloc(&r->arena, count * sizeof *r->terms);
    r->total = heed_arena_alloc(&r->arena, count * sizeof(heed_node *));
    r->want = heed_arena_alloc(&r->arena, (size_t)most * sizeof *r->want);
    r->dx = heed_arena_alloc(&r->arena, (size_t)most * sizeof(heed_node *));
    if (!r->needs || !r->terms || !r->total || !r->want || !r->dx) return no_memory(r->graph);
    for (int i = 0; i < n; i++)
        if (x[i]->id <= r->top) r->needs[x[i]->id] = true;
    for (int id = 0; id <= r->top; id++) {
        const heed_node *node = r->graph->nodes[id];
        if (node->op->flags & HEED_STOPS) continue;
        for (int i = 0; i < node->n_in && !r->needs[id]; i++)
            r->needs[id] = r->needs[node->in[i]->id];
    }
    return true;
}

static bool add_term(reverse *r, const heed_node *to, heed_node *contribution)
{
    term *t = heed_arena_alloc(&r->arena, sizeof *t);
    if (!t) return no_memory(r->graph);
    *t = (term){ contribution, r->terms[to->id] };
    r->terms[to->id] = t;
    return true;
}

/* dL/d node: the sum of its terms, in the order in which they were found. */
static heed_node *sum_terms(reverse *r, const heed_node *node)
{
    int n = 0;
    for (term *t = r->terms[node->id]; t; t = t->next) n++;
    if (n == 1) return r->terms[node->id]->node;
    heed_node **list = heed_alloc_array((size_t)n, sizeof *list);
    if (!list) return heed_graph_fail(r->graph, "no memory for the gradient");
    int at = n;
    for (term *t = r->terms[node->id]; t; t = t->next) list[--at] = t->node;
    heed_node *sum = heed_accumulate(list, n);
    heed_free(list);
    return sum;
}

static bool check_contribution(reverse *r, const heed_node *node, int i)
{
    const heed_node *input = node->in[i];
    if (!r->dx[i]) {
        heed_graph_fail(r->graph, "%s: the reverse rule gave no gradient for input %d",
                        node->op->name, i);
        return false;
    }
    if (r->dx[i]->dtype != input->dtype) {
        heed_graph_fail(r->graph, "%s: the gradient of input %d is %s, the input is %s",
                        node->op->name, i, heed_dtype_name(r->dx[i]->dtype),
                        heed_dtype_name(input->dtype));
        return false;
    }
    heed_shape both;
    if (!heed_broadcast(&r->dx[i]->shape, &input->shape, &both) ||
        !heed_shape_equal(&both, &r->dx[i]->shape)) {
        char a[HEED_SHAPE_TEXT], b[HEED_SHAPE_TEXT];
        heed_graph_fail(r->graph, "%s: the gradient of input %d has shape %s, the input has %s",
                        node->op->name, i, heed_shape_print(&r->dx[i]->shape, a, sizeof a),
                        heed_shape_print(&input->shape, b, sizeof b));
        return false;
    }
    return true;
}

/* Nodes from `first` on were made because of `node`: by the line that made it. */
static void note_lines(reverse *r, int first, const heed_node *node)
{
    for (int id = first; id < r->graph->n_nodes; id++) {
        if (r->graph->nodes[id]->file) continue;
        r->graph->nodes[id]->file = node->file;
        r->graph->nodes[id]->line = node->line;
    }
}

/* Pass dL/d node on to the node's inputs. */
static bool pass_on(reverse *r, heed_node *node, heed_node *dy)
{
    bool any = false;
    for (int i = 0; i < node->n_in; i++) {
        r->want[i] = r->needs[node->in[i]->id] && !heed_bit(node->op->accounts, i);
        r->dx[i] = NULL;
        any |= r->want[i];
        if (!r->want[i] || (node->op->vjp && heed_bit(node->op->diff, i))) continue;
        char text[300], from[300];
        heed_graph_fail(r->graph,
                        "%s: input %d (%s) has no gradient, and one is asked for through it "
                        "(heed_stop_gradient cuts the path on purpose)",
                        heed_describe(node, text, sizeof text), i,
                        heed_describe(node->in[i], from, sizeof from));
        return false;
    }
    if (!any) return true;
    heed_vjp vjp = { .y = node,
                     .dy = dy,
                     .in = node->in,
                     .n_in = node->n_in,
                     .attr = node->attr,
                     .want = r->want,
                     .dx = r->dx };
    int first = r->graph->n_nodes;
    node->op->vjp(&vjp);
    if (r->graph->error.set) return false;
    for (int i = 0; i < node->n_in; i++) {
        if (!r->want[i]) continue;
        if (!check_contribution(r, node, i)) return false;
        heed_node *dx = r->dx[i];
        if (!heed_shape_equal(&dx->shape, &node->in[i]->shape))
            dx = heed_sum_to(dx, &node->in[i]->shape);
        if (!dx || !add_term(r, node->in[i], dx)) return false;
    }
    note_lines(r, first, node);
    return true;
}

static bool walk(reverse *r, int lowest)
{
    for (int id = r->top; id >= lowest; id--) {
        if (!r->terms[id] || !r->needs[id]) continue;
        heed_node *node = r->graph->nodes[id];
        int first = r->graph->n_nodes;
        heed_node *dy = r->total[id] = sum_terms(r, node);
        if (!dy) return false;
        note_lines(r, first, node);
        if (*node->name && !*dy->name && dy->id > r->top)
            dy->name = heed_arena_print(&r->graph->arena, "d %s", node->name);
        if (!dy->name) return no_memory(r->graph);
        if (node->n_in && !(node->op->flags & HEED_STOPS) && !pass_on(r, node, dy)) return false;
    }
    return true;
}

static bool arguments_fit(heed_node *y, heed_node *dy, heed_node *const *x, int n)
{
    heed_graph *graph = y ? y->graph : NULL;
    if (!graph || graph->error.set) return false;
    char text[300];
    heed_describe(y, text, sizeof text);
    if (!heed_is_real(y->dtype))
        return heed_graph_fail(graph, "gradient: %s is not f32 or f64", text);
    if (!dy && heed_count(&y->shape) != 1)
        return heed_graph_fail(graph, "gradient: %s is not one number, so dy is needed", text);
    if (dy &&
        (dy->graph != graph || dy->dtype != y->dtype || !heed_shape_equal(&dy->shape, &y->shape)))
        return heed_graph_fail(graph, "gradient: dy must have the graph, dtype and shape of %s",
                               text);
    for (int i = 0; i < n; i++) {
        if (!x[i] || x[i]->graph != graph)
            return heed_graph_fail(graph, "gradient: x[%d] is %s", i,
                                   x[i] ? "a node of another graph" : "NULL");
        if (!heed_is_real(x[i]->dtype))
            return heed_graph_fail(graph, "gradient: x[%d], %s, is not f32 or f64", i,
                                   heed_describe(x[i], text, sizeof text));
    }
    return true;
}

bool heed_gradient_of_all(heed_node *const *y, heed_node *const *dy, int n_y, heed_node *const *x,
                          int n, heed_node **dx)
{
    for (int i = 0; i < n; i++) dx[i] = NULL;
    if (n_y < 1) return true;
    for (int i = 0; i < n_y; i++) {
        if (!arguments_fit(y[i], dy[i], x, n)) return false;
        if (y[i]->graph != y[0]->graph)
            return heed_graph_fail(y[0]->graph, "gradient: y[%d] is a node of another graph", i);
    }
    reverse r = { .graph = y[0]->graph };
    int lowest = y[0]->id;
    for (int i = 0; i < n_y; i++) {
        if (y[i]->id > r.top) r.top = y[i]->id;
        if (y[i]->id < lowest) lowest = y[i]->id;
    }
    for (int i = 0; i < n; i++)
        if (x[i]->id < lowest) lowest = x[i]->id;
    bool done = prepare(&r, x, n);
    for (int i = 0; done && i < n_y; i++) {
        heed_node *seed = dy[i] ? dy[i] : heed_ones_like(y[i]);
        done = seed && add_term(&r, y[i], seed);
    }
    done = done && walk(&r, lowest);
    for (int i = 0; done && i < n; i++) dx[i] = x[i]->id <= r.top ? r.total[x[i]->id] : NULL;
    heed_arena_free(&r.arena);
    return done;
}

bool heed_gradient_partial(heed_node *y, heed_node *dy, heed_node *const *x, int n, heed_node **dx)
{
    return heed_gradient_of_all(&y, &dy, 1, x, n, dx);
}

bool heed_gradient(heed_node *y, heed_node *dy, heed_node *const *x, int n, heed_node **dx)
{
    if (!heed_gradient_partial(y, dy, x, n, dx)) return false;
    char from[300], to[300];
    for (int i = 0; i < n; i++)
        if (!dx[i])
            return heed_graph_fail(y->graph, "gradient: %s does not depend on %s",
                                   heed_describe(y, from, sizeof from),
                                   heed_describe(x[i], to, sizeof to));
    return true;
}

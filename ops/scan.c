/* scan.c - a loop: one step's graph, run for every part of some sequences, with carried states
 *
 * A step is built like any other part of the graph, once, on leaves that stand for the states and
 * the parts; what depends on those leaves is then taken out, as the node's body. */
#include <limits.h>
#include <stdio.h>

#include "ops/common.h"
#include "ops/scan.h"

static heed_body **scan_body(const heed_node *node)
{
    return &((heed_scan_attr *)node->attr)->body;
}

heed_body *heed_scan_body_of(const heed_node *scan)
{
    return *scan_body(scan);
}

static bool scan_infer(heed_infer *infer)
{
    const heed_body *body = ((const heed_scan_attr *)infer->attr)->body;
    infer->dtype = body->dtype;
    infer->shape = HEED_SHAPE(body->numbers);
    return true;
}

static double scan_flops(const heed_node *node)
{
    return heed_body_flops(heed_scan_body_of(node));
}

const heed_op heed_op_scan = {
    .name = "scan",
    .doc = "states(t + 1), y(t) = step(states(t), x(t)); all results side by side, as numbers.",
    .n_in = 1,
    .max_in = INT_MAX,
    .diff = HEED_ALL_INPUTS,
    .attr_size = sizeof(heed_scan_attr),
    .infer = scan_infer,
    .body = scan_body,
    .vjp = heed_scan_vjp,
    .flops = scan_flops,
};

/* ---- results ---- */

/* Of result `kind` of state or value; -1: there is none. */
static int find(const heed_body *body, heed_result_kind kind, int state, const heed_node *value)
{
    for (int r = 0; r < body->n_results; r++) {
        const heed_result *result = &body->results[r];
        if (result->kind != kind) continue;
        if (kind == HEED_RESULT_STEP ? result->value == value : result->state == state) return r;
    }
    return -1;
}

heed_shape heed_scan_shape(const heed_body *body, const heed_result *result)
{
    heed_shape shape = result->value->shape;
    if (result->kind == HEED_RESULT_FINAL) return shape;
    for (int d = shape.rank++; d > 0; d--) shape.dim[d] = shape.dim[d - 1];
    shape.dim[0] = heed_result_rows(body, result);
    return shape;
}

heed_node *heed_scan_result(heed_node *scan, heed_result_kind kind, int state, heed_node *value)
{
    heed_body *body = heed_scan_body_of(scan);
    int r = find(body, kind, state, value);
    if (r < 0) {
        if (!heed_body_add(body, scan->graph, (heed_result){ kind, state, value, 0 })) return NULL;
        scan->shape = HEED_SHAPE(body->numbers);
        r = body->n_results - 1;
    }
    const heed_result *result = &body->results[r];
    if (kind != HEED_RESULT_FINAL && result->value->shape.rank == HEED_MAX_RANK)
        return heed_graph_fail(scan->graph, "scan: a step's value has rank %d already",
                               HEED_MAX_RANK);
    const heed_shape shape = heed_scan_shape(body, result);
    heed_node *part = heed_slice(scan, 0, result->offset, result->offset + heed_count(&shape));
    return heed_reshape_to(part, shape);
}

heed_node *heed_scan_states(heed_node *scan, int state, bool after)
{
    const heed_body *body = heed_scan_body_of(scan);
    heed_node *all = heed_scan_result(scan, HEED_RESULT_HISTORY, state, body->next[state]);
    int64_t from = after != body->backwards;
    return heed_slice(all, 0, from, from + body->steps);
}

/* ---- building ---- */

typedef struct scanning {
    heed_graph *graph;
    const heed_scan_options *o;
    heed_body body;
    heed_dtype dtype; /* of real states and outputs */
    int first;        /* node of the step */
    heed_node **in;   /* the step's states and parts */
    heed_node **root; /* its next states and outputs */
    bool *index;      /* which of them are i32 */
    heed_node **operand;
} scanning;

static bool fail(heed_graph *graph, const char *what, int i, const heed_node *node,
                 const char *expected)
{
    char text[300] = "NULL";
    if (node) heed_describe(node, text, sizeof text);
    heed_graph_fail(graph, "scan: %s %d is %s; expected %s", what, i, text, expected);
    return false;
}

/* A part of each sequence is a step's: they must be equally long. */
static bool count_steps(scanning *s)
{
    const heed_scan_options *o = s->o;
    s->body.steps = o->steps;
    for (int i = 0; i < o->n_over; i++) {
        const heed_node *x = o->over[i];
        if (!x && heed_graph_failed(s->graph)) return false;
        if (!x || x->shape.rank < 1) return fail(s->graph, "sequence", i, x, "[steps, ..]");
        if (s->body.steps == 0) s->body.steps = x->shape.dim[0];
        if (x->shape.dim[0] != s->body.steps) {
            char expected[100];
            snprintf(expected, sizeof expected, "%lld steps along axis 0",
                     (long long)s->body.steps);
            return fail(s->graph, "sequence", i, x, expected);
        }
    }
    if (s->body.steps > 0) return true;
    heed_graph_fail(s->graph, "scan: %lld steps; at least one is needed", (long long)s->body.steps);
    return false;
}

static bool check_states(scanning *s)
{
    const heed_scan_options *o = s->o;
    s->dtype = heed_graph_dtype(s->graph);
    for (int k = o->n_states - 1; k >= 0; k--) {
        const heed_node *x = o->initial[k];
        if (!x && heed_graph_failed(s->graph)) return false;
        if (!x || x->graph != s->graph) return fail(s->graph, "state", k, x, "a node of the graph");
        if (heed_is_real(x->dtype)) s->dtype = x->dtype;
    }
    const heed_node *count = o->count;
    if (count && (count->dtype != HEED_I32 || count->shape.rank != 0))
        return fail(s->graph, "the count, operand", o->n_states + o->n_over, count, "i32 []");
    return true;
}

/* The leaf of slot i, as the step sees it. */
static heed_node *make_leaf(scanning *s, int i, const heed_node *from)
{
    bool state = i < s->o->n_states;
    heed_shape shape = from->shape;
    if (!state) {
        shape.rank--;
        for (int d = 0; d < shape.rank; d++) shape.dim[d] = shape.dim[d + 1];
    }
    bool real = heed_is_real(from->dtype);
    heed_node *leaf = heed_slot_leaf(s->graph, i, state && !real ? s->dtype : from->dtype, &shape);
    s->body.slots[i] =
        (heed_slot){ .kind = state ? HEED_SLOT_STATE : HEED_SLOT_STEP, .state = i, .leaf = leaf };
    return state && !real ? heed_cast(heed_stop_gradient(leaf), HEED_I32) : leaf;
}

/* A next state or an output, in the dtype of results. */
static bool take_root(scanning *s, int i, const heed_node *like)
{
    heed_node **root = &s->root[i];
    const char *what = i < s->o->n_states ? "the next state" : "output";
    if (heed_graph_failed(s->graph)) return false;
    if (!*root || (*root)->graph != s->graph) {
        return fail(s->graph, what, i < s->o->n_states ? i : i - s->o->n_states, *root,
                    "a node of the graph that the loop is built in");
    }
    if (like &&
        (like->dtype != (*root)->dtype || !heed_shape_equal(&like->shape, &(*root)->shape))) {
        char expected[300];
        return fail(s->graph, what, i, *root, heed_describe(like, expected, sizeof expected));
    }
    s->index[i] = !heed_is_real((*root)->dtype);
    if (s->index[i]) *root = heed_stop_gradient(heed_cast(*root, s->dtype));
    if (*root && (*root)->dtype != s->dtype)
        return fail(s->graph, what, i, *root, heed_dtype_name(s->dtype));
    return *root != NULL;
}

static bool build_step(scanning *s, heed_scan_step *step, void *context)
{
    const heed_scan_options *o = s->o;
    int n_in = o->n_states + o->n_over, n_out = o->n_states + o->n_out;
    s->body.n_slots = n_in;
    s->body.slots = heed_graph_memory(s->graph, (size_t)(n_in + 1) * sizeof *s->body.slots);
    s->in = heed_graph_memory(s->graph, (size_t)(n_in + 1) * sizeof(heed_node *));
    s->root = heed_graph_memory(s->graph, (size_t)(n_out + 1) * sizeof(heed_node *));
    s->index = heed_graph_memory(s->graph, (size_t)(n_out + 1));
    if (!s->body.slots || !s->in || !s->root || !s->index) return false;
    s->first = heed_graph_size(s->graph);
    for (int i = 0; i < n_in; i++) {
        s->in[i] = make_leaf(s, i, i < o->n_states ? o->initial[i] : o->over[i - o->n_states]);
        if (!s->in[i]) return false;
    }
    heed_node **put = o->n_out ? s->root + o->n_states : NULL;
    if (!step(context, s->in, s->in + o->n_states, s->root, put))
        return heed_graph_fail(s->graph, "scan: the step gave up") != NULL;
    for (int i = 0; i < n_out; i++)
        if (!take_root(s, i, i < o->n_states ? s->in[i] : NULL)) return false;
    return heed_body_extract(&s->body, s->graph, s->first, s->root, n_out, &s->operand);
}

static heed_node *make_node(scanning *s)
{
    const heed_scan_options *o = s->o;
    heed_body *body = heed_graph_memory(s->graph, sizeof *body);
    int given = o->n_states + o->n_over, n = s->body.n_slots + (o->count != NULL);
    heed_node **in = heed_graph_memory(s->graph, (size_t)(n + 1) * sizeof(heed_node *));
    if (!body || !in) return NULL;
    for (int k = 0; k < o->n_states; k++) {
        bool real = heed_is_real(o->initial[k]->dtype);
        in[k] = real ? o->initial[k] : heed_stop_gradient(heed_cast(o->initial[k], s->dtype));
    }
    for (int i = 0; i < o->n_over; i++) in[o->n_states + i] = o->over[i];
    for (int i = given; i < s->body.n_slots; i++) in[i] = s->operand[i - given];
    if (o->count) in[n - 1] = o->count;
    s->body.dtype = s->dtype;
    s->body.next = s->root;
    s->body.n_states = o->n_states;
    s->body.counted = o->count != NULL;
    s->body.backwards = o->backwards;
    s->body.recompute = o->recompute;
    *body = s->body;
    for (int k = 0; k < o->n_states; k++)
        if (!heed_body_add(body, s->graph, (heed_result){ HEED_RESULT_FINAL, k, s->root[k], 0 }))
            return NULL;
    heed_scan_attr attr = { .body = body };
    return heed_apply(&heed_op_scan, &attr, n, in);
}

/* Output j. A state's next value is in its history, which a reverse pass will want anyway. */
static heed_node *take_output(scanning *s, heed_node *scan, int j)
{
    const heed_body *body = heed_scan_body_of(scan);
    heed_node *value = s->root[s->o->n_states + j];
    int state = -1;
    /* Backwards, the initial state lies where the first step that does not count would put its
     * own. */
    bool in_history = !(body->backwards && body->counted);
    for (int k = 0; in_history && k < body->n_states && state < 0; k++)
        if (body->next[k] == value) state = k;
    heed_node *y = state >= 0 ? heed_scan_states(scan, state, true)
                              : heed_scan_result(scan, HEED_RESULT_STEP, -1, value);
    return s->index[s->o->n_states + j] ? heed_cast(y, HEED_I32) : y;
}

static bool build(heed_graph *graph, heed_scan_step *step, void *context,
                  heed_scan_options *options, heed_node **final, heed_node **y)
{
    scanning s = { .graph = graph, .o = options };
    if (heed_graph_failed(graph) || !count_steps(&s) || !check_states(&s)) return false;
    if (options->every > 0 && options->every < s.body.steps)
        return heed_scan_segments(graph, step, context, *options, final, y);
    options->recompute |= options->every > 0;
    if (options->n_states + options->n_over + (options->count != NULL) < 1) {
        heed_graph_fail(graph, "scan: there is neither a state nor a sequence");
        return false;
    }
    if (!build_step(&s, step, context)) return false;
    heed_node *scan = make_node(&s);
    if (!scan) return false;
    for (int j = 0; y && j < options->n_out; j++) {
        y[j] = take_output(&s, scan, j);
        if (!y[j]) return false;
    }
    for (int k = 0; final && k < options->n_states; k++) {
        final[k] = heed_scan_result(scan, HEED_RESULT_FINAL, k, s.root[k]);
        if (final[k] && s.index[k]) final[k] = heed_cast(final[k], HEED_I32);
        if (!final[k]) return false;
    }
    return true;
}

/* `final` may be the array that the initial states come in. */
bool heed_scan_with(heed_graph *graph, heed_scan_step *step, void *context,
                    heed_scan_options options, heed_node **final, heed_node **y)
{
    if (build(graph, step, context, &options, final, y)) return true;
    for (int k = 0; final && k < options.n_states; k++) final[k] = NULL;
    for (int j = 0; y && j < options.n_out; j++) y[j] = NULL;
    return false;
}

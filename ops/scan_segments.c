/* scan_segments.c - loops that keep every k-th state only: a loop over segments, each a loop of k
 * steps, whose values the reverse pass computes anew, segment by segment */
#include "ops/common.h"
#include "ops/scan.h"

typedef struct segments {
    heed_graph *graph;
    heed_scan_step *step;
    void *context;
    heed_scan_options options; /* of a segment */
    int n_over;                /* sequences of the loop as a whole */
    bool counted;
} segments;

/* One segment: a loop over its own parts. Its last sequence says how many of its steps count. */
static bool run_segment(void *context, heed_node *const *state, heed_node *const *x,
                        heed_node **next, heed_node **y)
{
    const segments *s = context;
    heed_scan_options o = s->options;
    o.initial = state;
    o.over = x;
    o.count = s->counted ? x[s->n_over] : NULL;
    return heed_scan_with(s->graph, s->step, s->context, o, next, y);
}

/* Steps begin .. of x as [segments, steps, ..]. */
static heed_node *divided(heed_node *x, int64_t begin, int64_t n, int64_t every)
{
    if (!x) return NULL;
    heed_shape shape = { .rank = x->shape.rank + 1, .dim = { n, every } };
    if (shape.rank > HEED_MAX_RANK)
        return heed_graph_fail(x->graph, "scan: a sequence has rank %d already", x->shape.rank);
    for (int d = 1; d < x->shape.rank; d++) shape.dim[d + 1] = x->shape.dim[d];
    return heed_reshape_to(heed_slice(x, 0, begin, begin + n * every), shape);
}

static heed_node *joined(heed_node *y)
{
    if (!y) return NULL;
    heed_shape shape = { .rank = y->shape.rank - 1, .dim = { y->shape.dim[0] * y->shape.dim[1] } };
    for (int d = 1; d < shape.rank; d++) shape.dim[d] = y->shape.dim[d + 1];
    return heed_reshape_to(y, shape);
}

/* How many steps of each segment count: i32 [n]; of segments that start at `begin`. */
static heed_node *counts(heed_node *count, int64_t begin, int64_t n, int64_t every)
{
    heed_graph *graph = count->graph;
    const heed_shape shape = HEED_SHAPE(n);
    float *number = heed_graph_memory(graph, (size_t)n * sizeof *number);
    if (!number) return NULL;
    for (int64_t i = 0; i < n; i++) number[i] = (float)(begin + i * every);
    heed_view view = heed_view_of(number, HEED_F32, &shape);
    heed_node *starts = heed_cast(heed_constant_of(graph, &view), HEED_F64);
    heed_node *left = heed_sub(heed_cast(count, HEED_F64), starts);
    heed_node *least = heed_full_shaped(graph, HEED_F64, heed_scalar(), 0);
    heed_node *most = heed_full_shaped(graph, HEED_F64, heed_scalar(), (double)every);
    return heed_cast(heed_minimum(heed_maximum(left, least), most), HEED_I32);
}

/* Segments of `every` steps from step `begin` on. */
static bool run_part(segments *s, heed_scan_options whole, int64_t begin, int64_t n, int64_t every,
                     heed_node **state, heed_node **y)
{
    heed_node **over =
        heed_graph_memory(s->graph, (size_t)(whole.n_over + 1) * sizeof(heed_node *));
    if (!over) return false;
    for (int i = 0; i < whole.n_over; i++) over[i] = divided(whole.over[i], begin, n, every);
    if (whole.count) over[whole.n_over] = counts(whole.count, begin, n, every);
    s->options.steps = every;
    heed_scan_options o = { .initial = state,
                            .n_states = whole.n_states,
                            .over = over,
                            .n_over = whole.n_over + (whole.count != NULL),
                            .n_out = whole.n_out,
                            .steps = n,
                            .backwards = whole.backwards,
                            .recompute = true };
    if (!heed_scan_with(s->graph, run_segment, s, o, state, y)) return false;
    for (int j = 0; j < whole.n_out; j++) y[j] = joined(y[j]);
    return true;
}

bool heed_scan_segments(heed_graph *graph, heed_scan_step *step, void *context,
                        heed_scan_options options, heed_node **final, heed_node **y)
{
    const int64_t steps = options.n_over ? options.over[0]->shape.dim[0] : options.steps;
    const int64_t every = options.every, n = steps / every, rest = steps % every;
    segments s = { .graph = graph, .step = step, .context = context, .options = options };
    s.n_over = options.n_over;
    s.counted = options.count != NULL;
    s.options.every = 0;
    s.options.recompute = false;
    heed_node **state = heed_graph_memory(graph, (size_t)(options.n_states + 1) * sizeof *state);
    heed_node **part[2] = { NULL, NULL };
    for (int i = 0; i < 2; i++)
        part[i] = heed_graph_memory(graph, (size_t)(options.n_out + 1) * sizeof(heed_node *));
    if (!state || !part[0] || !part[1]) return false;
    for (int k = 0; k < options.n_states; k++) state[k] = options.initial[k];
    for (int i = 0; i < 2; i++) { /* whole segments and the rest, in the loop's order */
        bool is_rest = (i == 1) != options.backwards;
        if (is_rest && rest == 0) continue;
        if (!run_part(&s, options, is_rest ? n * every : 0, is_rest ? 1 : n, is_rest ? rest : every,
                      state, part[is_rest]))
            return false;
    }
    for (int k = 0; final && k < options.n_states; k++) final[k] = state[k];
    for (int j = 0; y && j < options.n_out; j++) {
        y[j] = part[0][j];
        if (rest) y[j] = heed_concat(HEED_NODES(part[0][j], part[1][j]), 0);
        if (!y[j]) return false;
    }
    return true;
}

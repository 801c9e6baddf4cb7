/* Graphs for other tests: each exercises one kind of pattern that passes and planner work on. */
#include "tests/graph_examples.h"

/* outputs: loss, then d loss / d each of x that it depends on. */
static int with_gradients(heed_node *loss, heed_node *const *x, int n, heed_node **outputs)
{
    int count = 1;
    heed_node *dx[EXAMPLE_OUTPUTS];
    outputs[0] = loss;
    if (!loss || !heed_gradient_partial(loss, NULL, x, n, dx)) return 0;
    for (int i = 0; i < n; i++)
        if (dx[i]) outputs[count++] = dx[i];
    return count;
}

static int with_parameter_gradients(heed_node *loss, heed_node **outputs)
{
    heed_node *params[EXAMPLE_OUTPUTS];
    if (!loss) return 0;
    int n = heed_graph_params(loss->graph, params, EXAMPLE_OUTPUTS - 1);
    return with_gradients(loss, params, n, outputs);
}

/* A weighted sum that tells every element from every other. */
static heed_node *weighted(heed_node *x)
{
    return heed_sum_all(heed_mul(x, heed_tanh(heed_affine(x, 0.7, 0.3))));
}

static int lstm(heed_graph *g, heed_node **outputs)
{
    enum { T = 5, B = 4, I = 3, H = 6 };
    heed_node *x = heed_input(g, "x", heed_graph_dtype(g), T, B, I);
    heed_lstm cell = heed_lstm_cell(heed_root(g), "cell", I, H);
    heed_state_pair state = { NULL, NULL };
    heed_node *h = heed_lstm_run(&cell, heed_lstm_project(&cell, x), &state);
    heed_node *loss = heed_add(weighted(h), weighted(state.c));
    return with_parameter_gradients(loss, outputs);
}

static int attention(heed_graph *g, heed_node **outputs)
{
    enum { B = 2, N = 5, HEADS = 2, D = 4, W = HEADS * D };
    heed_scope *s = heed_root(g);
    heed_node *x = heed_input(g, "x", heed_graph_dtype(g), B, N, W);
    heed_node *target = heed_input(g, "target", HEED_I32, B, N);
    heed_node *part[3];
    static const char *const names[3] = { "query", "key", "value" };
    for (int i = 0; i < 3; i++) {
        heed_node *y = heed_reshape(heed_linear(s, names[i], x, W), B, N, HEADS, D);
        part[i] = heed_permute(y, 0, 2, 1, 3); /* [B, HEADS, N, D] */
    }
    heed_node *u = heed_scale(heed_matmul(part[0], heed_transpose(part[1], 2, 3)), 0.5);
    heed_node *a = heed_matmul(heed_softmax(u, -1), part[2]);
    a = heed_reshape(heed_permute(a, 0, 2, 1, 3), B, N, W);
    heed_node *gain = heed_param(s, "gain", HEED_ONES, W),
              *bias = heed_param(s, "bias", HEED_ZEROS, W);
    heed_node *h = heed_layer_norm(heed_add(x, a), gain, bias, 0);
    h = heed_add(h, heed_mlp(s, "mlp", h, HEED_WIDTHS(2 * W, W), .activation = heed_gelu));
    return with_parameter_gradients(heed_cross_entropy(h, target), outputs);
}

static int broadcasting(heed_graph *g, heed_node **outputs)
{
    heed_dtype dtype = heed_graph_dtype(g);
    heed_node *a = heed_input(g, "a", dtype, 3, 1, 5), *b = heed_input(g, "b", dtype, 4, 1);
    heed_node *c = heed_input(g, "c", dtype, 5), *d = heed_input(g, "d", dtype, 2, 1, 4, 5);
    heed_node *e = heed_full(g, 1.5, 1, 1), *zero = heed_number(g, 0);
    heed_node *y = heed_add(heed_mul(a, b), heed_div(c, heed_add(e, heed_square(b))));
    y = heed_where(heed_stop_gradient(heed_greater(y, zero)), heed_sub(y, d),
                   heed_maximum(d, heed_exp(c)));
    y = heed_add(heed_mul(y, heed_number(g, 1)), zero);
    heed_node *row = heed_mean(y, -1, true), *more = heed_sum_axes(y, (int[]){ 0, 2 }, 2, false);
    heed_node *loss = heed_add(weighted(heed_sub(y, row)), weighted(more));
    int n = with_gradients(loss, (heed_node *[]){ a, b, c, d }, 4, outputs);
    if (n) outputs[n++] = more;
    return n;
}

static int slices(heed_graph *g, heed_node **outputs)
{
    heed_node *x = heed_input(g, "x", heed_graph_dtype(g), 6, 8), *part[5], *step[3];
    for (int i = 0; i < 4; i++) part[i] = heed_tanh(heed_slice(x, 1, i, i + 2 + i));
    part[4] = heed_slice(x, 1, -3, 8);
    heed_node *wide = heed_concat(part, 5, 1); /* [6, 17] */
    for (int i = 0; i < 3; i++) step[i] = heed_slice_step(wide, 1, i, 15 + i, 3);
    heed_node *stacked = heed_stack(step, 3, 1); /* [6, 3, 5] */
    heed_node *again = heed_concat(HEED_NODES(stacked, heed_neg(stacked), stacked), 1);
    heed_node *padded = heed_pad(heed_index(again, 1, 4), 0, 1, 2, 0.25);
    heed_node *tall = heed_concat(HEED_NODES(heed_exp(part[0]), heed_sigmoid(part[0])), 0);
    heed_node *loss = heed_add(weighted(again), heed_add(weighted(padded), weighted(tall)));
    int n = with_gradients(loss, &x, 1, outputs);
    if (!n) return 0;
    outputs[n++] = wide;
    outputs[n++] = part[1];
    outputs[n++] = tall;
    return n;
}

static int permuted(heed_graph *g, heed_node **outputs)
{
    heed_node *x = heed_input(g, "x", heed_graph_dtype(g), 3, 4, 5);
    heed_node *y = heed_input(g, "y", heed_graph_dtype(g), 5, 4);
    heed_node *turned = heed_permute(x, 2, 0, 1);                       /* [5, 3, 4] */
    heed_node *sum = heed_add(turned, heed_unsqueeze(y, 1));            /* [5, 3, 4] */
    heed_node *flat = heed_reshape(heed_permute(sum, 1, 2, 0), 12, -1); /* [12, 5] */
    heed_node *soft = heed_softmax(turned, 1);
    heed_node *square = heed_matmul(heed_transpose(flat, 0, 1), flat); /* [5, 5] */
    heed_node *most = heed_max(heed_transpose(soft, 0, 2), 1, false);
    heed_node *rows =
        heed_reshape(heed_mul(heed_transpose(x, 1, 2), heed_permute(soft, 1, 0, 2)), 60);
    heed_node *loss = heed_add(weighted(square), heed_add(weighted(most), weighted(rows)));
    int n = with_gradients(loss, HEED_NODES(x, y), outputs);
    if (!n) return 0;
    outputs[n++] = turned;
    outputs[n++] = soft;
    return n;
}

/* Results that could take over their inputs' memory, some of which are still needed. */
static int chains(heed_graph *g, heed_node **outputs)
{
    heed_node *x = heed_input(g, "x", heed_graph_dtype(g), 7, 9);
    heed_node *w = heed_param(heed_root(g), "w", ((heed_init){ .fan_in = 9 }), 9, 9);
    heed_node *a = heed_exp(x), *b = heed_neg(a), *c = heed_add(b, a);
    heed_node *kept = heed_sigmoid(heed_sub(b, x)), *d = heed_softmax(heed_add(c, kept), -1);
    heed_node *e = heed_matmul(d, w), *f = heed_matmul(heed_add(e, kept), w);
    for (int i = 0; i < 6; i++) f = heed_tanh(heed_add(heed_softmax(f, -1), i % 2 ? e : f));
    int n = with_parameter_gradients(heed_add(weighted(f), weighted(c)), outputs);
    if (!n) return 0;
    heed_node *more[] = { kept, kept, e, x, w, heed_transpose(f, 0, 1), heed_full(g, 2, 3), d };
    for (int i = 0; i < (int)(sizeof more / sizeof more[0]); i++) outputs[n++] = more[i];
    return n;
}

static int indices(heed_graph *g, heed_node **outputs)
{
    heed_node *index = heed_input(g, "index", HEED_I32, 4, 6);
    heed_node *x = heed_embedding_table(heed_root(g), "words", index, 3, 5); /* [4, 6, 5] */
    heed_node *best = heed_argmax(x, -1);
    heed_node *hot = heed_one_hot(best, 5);
    heed_node *picked = heed_gather(x, index, 1, 1); /* [4, 6, 5] */
    heed_node *y = heed_dropout(heed_add(heed_mul(x, hot), picked), 0.25);
    heed_node *loss = heed_add(weighted(y), heed_cross_entropy(y, best));
    int n = with_parameter_gradients(loss, outputs);
    if (!n) return 0;
    outputs[n++] = best;
    outputs[n++] = heed_cast(best, heed_graph_dtype(g));
    return n;
}

static int convolution(heed_graph *g, heed_node **outputs)
{
    heed_scope *s = heed_root(g);
    heed_node *x = heed_input(g, "x", heed_graph_dtype(g), 2, 4, 9);
    heed_node *w = heed_param(s, "w", ((heed_init){ .fan_in = 6 }), 6, 2, 3);
    heed_node *bias = heed_param(s, "bias", HEED_ONES, 6, 1);
    heed_node *y = heed_conv1d(x, w, .groups = 2, .pad_left = 2, .dilation = 2);
    y = heed_relu(heed_add(y, bias));
    heed_node *z = heed_log_softmax(heed_max(y, 2, false), -1);
    return with_parameter_gradients(weighted(z), outputs);
}

/* Additive attention, two reads: a product with one column, sums over other axes in reverse. */
static int additive(heed_graph *g, heed_node **outputs)
{
    enum { B = 3, T = 4, N = 5, H = 6 };
    heed_scope *s = heed_root(g);
    heed_node *x = heed_input(g, "x", heed_graph_dtype(g), B, N, H);
    heed_node *q = heed_input(g, "q", heed_graph_dtype(g), B, T, H);
    heed_node *keys = heed_unsqueeze(heed_linear(s, "keys", x, H), 1); /* [B, 1, N, H] */
    for (int i = 0; i < 2; i++) {
        heed_node *to = heed_unsqueeze(heed_linear(s, i ? "second" : "first", q, H), 2);
        heed_node *u = heed_linear(s, i ? "v2" : "v1", heed_tanh(heed_add(keys, to)), 1);
        q = heed_matmul(heed_softmax(heed_squeeze(u, -1), -1), x); /* [B, T, H] */
    }
    return with_parameter_gradients(weighted(q), outputs);
}

/* A step with a weight from outside, a mask of its own, a region that is computed again, and a
 * counter; the state is kept at every second step. */
static bool inner_region(void *context, heed_node *const *x, heed_node **y)
{
    y[0] = heed_tanh(heed_matmul(x[0], context));
    return true;
}

static bool loop_step(void *context, heed_node *const *state, heed_node *const *x, heed_node **next,
                      heed_node **y)
{
    heed_node *sum = heed_add(state[0], x[0]);
    if (!heed_checkpoint(x[0]->graph, inner_region, context, &sum, 1, &y[0], 1)) return false;
    next[0] = heed_dropout(y[0], 0.25);
    heed_node *steps = heed_cast(heed_stop_gradient(state[1]), heed_graph_dtype(x[0]->graph));
    next[1] = heed_cast(heed_stop_gradient(heed_affine(steps, 1, 1)), HEED_I32);
    return next[0] && next[1];
}

static int loops(heed_graph *g, heed_node **outputs)
{
    enum { T = 5, B = 3, H = 4 };
    heed_scope *s = heed_root(g);
    heed_node *x = heed_input(g, "x", heed_graph_dtype(g), T, B, H);
    heed_node *w = heed_param(s, "w", (heed_init){ .rule = HEED_INIT_ORTHOGONAL }, H, H);
    heed_node *first = heed_param(s, "first", HEED_ONES, B, H);
    heed_node *initial[] = { first, heed_cast(heed_full(g, 0, 1), HEED_I32) }, *last[2], *y;
    if (!heed_scan(g, loop_step, w, last, &y, .initial = initial, .n_states = 2, .over = &x,
                   .n_over = 1, .n_out = 1, .every = 2))
        return 0;
    heed_lstm cell = heed_lstm_cell(s, "cell", H, H);
    heed_state_pair state = { NULL, NULL };
    heed_node *h = heed_lstm_scan(&cell, heed_lstm_project(&cell, y), &state, .backwards = true);
    heed_node *loss = heed_add(heed_add(weighted(h), weighted(last[0])), weighted(state.c));
    int n = with_parameter_gradients(loss, outputs);
    if (n) outputs[n++] = last[1];
    return n;
}

static const graph_example examples[] = {
    { "lstm", lstm },       { "attention", attention },     { "broadcasting", broadcasting },
    { "slices", slices },   { "permuted", permuted },       { "chains", chains },
    { "indices", indices }, { "convolution", convolution }, { "additive", additive },
    { "loops", loops },
};

const graph_example *graph_example_at(int index)
{
    int n = (int)(sizeof examples / sizeof examples[0]);
    return index >= 0 && index < n ? &examples[index] : NULL;
}

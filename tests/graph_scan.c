/* Loops: equal to the unrolled graph, in values and gradients, for every way to make them. */
#include "tests/graph_kit.h"

enum { B = 3, F = 2, H = 4 };

/* ---- an LSTM, as a loop's step and unrolled ---- */

typedef struct cell {
    heed_node *input, *recurrent, *bias;
} cell;

static cell make_cell(heed_scope *scope)
{
    const heed_init init = { .rule = HEED_INIT_UNIFORM, .a = -0.7, .b = 0.7 };
    return (cell){ heed_param(scope, "input", init, F, 4 * H),
                   heed_param(scope, "recurrent", init, H, 4 * H),
                   heed_param(scope, "bias", init, 4 * H) };
}

static bool lstm(void *context, heed_node *const *state, heed_node *const *x, heed_node **next,
                 heed_node **y)
{
    const cell *c = context;
    heed_node *gates = heed_add(heed_add(heed_matmul(x[0], c->input), c->bias),
                                heed_matmul(state[0], c->recurrent));
    heed_node *part[4];
    for (int k = 0; k < 4; k++) part[k] = heed_slice(gates, -1, k * H, (k + 1) * H);
    next[1] = heed_add(heed_mul(heed_sigmoid(part[1]), state[1]),
                       heed_mul(heed_sigmoid(part[0]), heed_tanh(part[2])));
    next[0] = heed_mul(heed_sigmoid(part[3]), heed_tanh(next[1]));
    y[0] = next[0];
    y[1] = heed_sum(next[1], -1, false); /* a value that is no state */
    return true;
}

typedef struct way {
    bool unrolled, backwards, recompute;
    int64_t every;
    int count; /* 0: all */
} way;

static bool run_unrolled(cell *c, heed_node *x, int64_t steps, way how, heed_node **state,
                         heed_node **y)
{
    enum { MOST = 1000 };
    static heed_node *out[2][MOST];
    cr_assert(steps <= MOST);
    int64_t last = how.count ? how.count : steps;
    for (int64_t i = 0; i < steps; i++) {
        int64_t t = how.backwards ? steps - 1 - i : i;
        if (t >= last) {
            out[0][t] = heed_full_shaped(x->graph, x->dtype, HEED_SHAPE(B, H), 0);
            out[1][t] = heed_full_shaped(x->graph, x->dtype, HEED_SHAPE(B), 0);
            continue;
        }
        heed_node *part = heed_index(x, 0, t), *next[2], *put[2];
        cr_assert(lstm(c, state, &part, next, put));
        for (int k = 0; k < 2; k++) {
            state[k] = next[k];
            out[k][t] = put[k];
        }
    }
    for (int k = 0; k < 2; k++) y[k] = heed_stack(out[k], (int)steps, 0);
    return true;
}

/* All that depends on the loop: outputs, last states, the gradient of a mixture of them with
 * respect to the sequence, the first states and the weights; and, if `second`, the gradient of
 * that. */
static kit_values run(int64_t steps, way how, bool second, heed_dtype dtype,
                      heed_compile_options options)
{
    heed_store *store = heed_store_new(7);
    heed_graph *g = heed_graph_new(.store = store, .dtype = dtype);
    cell c = make_cell(heed_root(g));
    heed_node *x = heed_input(g, "x", dtype, steps, B, F);
    heed_node *first[2] = { heed_input(g, "h", dtype, B, H), heed_input(g, "c", dtype, B, H) };
    heed_node *state[2] = { first[0], first[1] }, *y[2], *out[32];
    heed_node *r = heed_input(g, "r", dtype, steps, B, H), *q = heed_input(g, "q", dtype, B, H);
    int32_t number = how.count;
    const heed_shape scalar = heed_scalar();
    heed_view view = heed_view_of(&number, HEED_I32, &scalar);
    heed_node *count = how.count ? heed_constant(g, &view) : NULL;
    bool built = how.unrolled ? run_unrolled(&c, x, steps, how, state, y)
                              : heed_scan(g, lstm, &c, state, y, .initial = first, .n_states = 2,
                                          .over = &x, .n_over = 1, .n_out = 2, .count = count,
                                          .backwards = how.backwards, .recompute = how.recompute,
                                          .every = how.every);
    cr_assert(built, "%s", heed_why(g));
    heed_node *mix = heed_add(heed_sum_all(heed_mul(y[0], r)), heed_sum_all(heed_square(y[1])));
    mix = heed_add(mix, heed_sum_all(heed_mul(heed_mul(state[0], q), state[1])));
    heed_node *wrt[6] = { x, first[0], first[1], c.input, c.recurrent, c.bias }, *dx[6], *ddx[6];
    cr_assert(heed_gradient(mix, NULL, wrt, 6, dx), "%s", heed_why(g));
    int n = 0;
    out[n++] = y[0];
    out[n++] = y[1];
    out[n++] = state[0];
    out[n++] = state[1];
    for (int i = 0; i < 6; i++) out[n++] = dx[i];
    if (second) {
        heed_node *norm = NULL;
        for (int i = 0; i < 6; i++) {
            heed_node *one = heed_sum_all(heed_square(dx[i]));
            norm = norm ? heed_add(norm, one) : one;
        }
        cr_assert(heed_gradient(norm, NULL, wrt, 6, ddx), "%s", heed_why(g));
        for (int i = 0; i < 6; i++) out[n++] = ddx[i];
    }
    kit_values all = kit_run(g, out, n, options);
    heed_graph_free(g);
    heed_store_free(store);
    return all;
}

static void agree(int64_t steps, way how, bool second, double tolerance)
{
    const heed_compile_options one = { .threads = 1 }, two = { .threads = 3 };
    way unrolled = how;
    unrolled.unrolled = true;
    kit_values expected = run(steps, unrolled, second, HEED_F64, one);
    kit_values got = run(steps, how, second, HEED_F64, one);
    int64_t at = kit_difference(expected, got, tolerance);
    cr_assert_eq(at, -1,
                 "%lld steps, backwards %d, recompute %d, every %lld, count %d: number %lld "
                 "is %.17g, expected %.17g",
                 (long long)steps, how.backwards, how.recompute, (long long)how.every, how.count,
                 (long long)at, got.value[at], expected.value[at]);
    kit_values again = run(steps, how, second, HEED_F64, two);
    cr_assert(kit_same_bits(got, again), "threads change bits");
    heed_free(expected.value);
    heed_free(got.value);
    heed_free(again.value);
}

Test(graph_scan, equals_the_unrolled_graph)
{
    for (int64_t steps = 1; steps <= 9; steps += 2)
        for (int backwards = 0; backwards < 2; backwards++) {
            agree(steps, (way){ .backwards = backwards }, false, 1e-12);
            agree(steps, (way){ .backwards = backwards, .recompute = true }, false, 1e-12);
        }
    cr_assert_eq(heed_memory_live_blocks(), 0);
}

Test(graph_scan, equals_the_unrolled_graph_at_length)
{
    static const int64_t steps[] = { 1, 7, 100, 1000 };
    for (int i = 0; i < 4; i++) {
        agree(steps[i], (way){ .every = i % 2 ? 10 : 0 }, false, 1e-12);
        agree(steps[i], (way){ .backwards = i == 2 }, false, 1e-12);
    }
}

Test(graph_scan, second_order)
{
    for (int backwards = 0; backwards < 2; backwards++) {
        agree(5, (way){ .backwards = backwards }, true, 1e-11);
        agree(5, (way){ .backwards = backwards, .recompute = true }, true, 1e-11);
        agree(6, (way){ .backwards = backwards, .every = 2 }, true, 1e-11);
    }
}

Test(graph_scan, segments)
{
    for (int64_t every = 1; every <= 8; every++)
        for (int backwards = 0; backwards < 2; backwards++)
            agree(7, (way){ .backwards = backwards, .every = every }, false, 1e-12);
}

Test(graph_scan, count)
{
    for (int count = 1; count <= 7; count += 3)
        for (int backwards = 0; backwards < 2; backwards++) {
            agree(7, (way){ .backwards = backwards, .count = count }, false, 1e-12);
            agree(7, (way){ .backwards = backwards, .count = count, .recompute = true }, false,
                  1e-12);
            agree(7, (way){ .backwards = backwards, .count = count, .every = 3 }, false, 1e-12);
        }
}

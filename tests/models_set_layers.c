/* LSTMs in both directions, blocks of self-attention, pointers: against their formulas, computed
 * here one number at a time. */
#include "models_layers_kit.h"

enum { N = 4, B = 2, H = 4, HEADS = 2, D = H / HEADS, INNER = 3, STEPS = 3 };

static kit kit_new(void)
{
    return kit_of(HEED_SHAPE(N, B, H));
}

/* y = x W + b, or without b */
static void linear(const kit *k, const char *name, const double *x, int in, double *y, int width,
                   bool bias)
{
    char text[100];
    for (int j = 0; j < width; j++) {
        snprintf(text, sizeof text, "%s/bias", name);
        y[j] = bias ? value_at(k->store, text, j) : 0;
        snprintf(text, sizeof text, "%s/weight", name);
        for (int i = 0; i < in; i++) y[j] += x[i] * value_at(k->store, text, i * width + j);
    }
}

/* ---- both directions ---- */

/* One step of "both/DIRECTION" on x[t, b], in place. */
static void lstm_step(const kit *k, const char *direction, int t, int b, double *h, double *c)
{
    char name[3][60];
    double gate[4 * H], before[H];
    snprintf(name[0], sizeof name[0], "both/%s/input", direction);
    snprintf(name[1], sizeof name[1], "both/%s/recurrent", direction);
    snprintf(name[2], sizeof name[2], "both/%s/bias", direction);
    for (int j = 0; j < H; j++) before[j] = h[j];
    for (int j = 0; j < 4 * H; j++) {
        gate[j] = value_at(k->store, name[2], j);
        for (int i = 0; i < H; i++)
            gate[j] +=
                heed_get(&k->in, (t * B + b) * H + i) * value_at(k->store, name[0], i * 4 * H + j) +
                before[i] * value_at(k->store, name[1], i * 4 * H + j);
    }
    for (int j = 0; j < H; j++) {
        c[j] = sigmoid(gate[H + j]) * c[j] + sigmoid(gate[j]) * tanh(gate[2 * H + j]);
        h[j] = sigmoid(gate[3 * H + j]) * tanh(c[j]);
    }
}

/* Outputs 0: h [N, B, 2H], 1: last h, 2: last c, [B, 2H], where example b has lengths[b] steps. */
static void expect_both(const kit *k, const int *lengths)
{
    const heed_view all = heed_program_output(k->program, 0);
    const heed_view last_h = heed_program_output(k->program, 1);
    const heed_view last_c = heed_program_output(k->program, 2);
    for (int b = 0; b < B; b++)
        for (int back = 0; back < 2; back++) {
            double h[H] = { 0 }, c[H] = { 0 };
            for (int step = 0; step < lengths[b]; step++) {
                const int t = back ? lengths[b] - 1 - step : step;
                lstm_step(k, back ? "backward" : "forward", t, b, h, c);
                for (int j = 0; j < H; j++)
                    cr_assert_float_eq(heed_get(&all, (t * B + b) * 2 * H + back * H + j), h[j],
                                       1e-12);
            }
            for (int j = 0; j < H; j++) {
                const int at = b * 2 * H + back * H + j;
                cr_expect_float_eq(heed_get(&last_c, at), c[j], 1e-12);
                if (lengths[b] == N || back) cr_expect_float_eq(heed_get(&last_h, at), h[j], 1e-12);
            }
        }
}

Test(models_set_layers, both_directions)
{
    static const int lengths[B] = { N, N };
    for (int recompute = 0; recompute < 2; recompute++) {
        kit k = kit_new();
        heed_state_pair last;
        heed_node *y = heed_lstm_both(k.scope, "both", k.x, H, &last, .recompute = recompute);
        shake(&k);
        run(&k, (heed_node *[]){ y, last.h, last.c }, 3);
        expect_both(&k, lengths);
        check_gradient(&k, y);
        kit_free(&k);
    }
}

Test(models_set_layers, absent_steps_leave_the_cell_alone)
{
    static const int lengths[B] = { 2, N };
    static const double values[N * B] = { 0, 0, 0, 0, 1, 0, 1, 0 };
    const heed_shape shape = HEED_SHAPE(N, B);
    kit k = kit_new();
    heed_state_pair last;
    double copy[N * B];
    memcpy(copy, values, sizeof copy);
    const heed_view view = heed_view_of(copy, HEED_F64, &shape);
    heed_node *absent = heed_constant(k.graph, &view);
    heed_node *y = heed_lstm_both(k.scope, "both", k.x, H, &last, .absent = absent);
    shake(&k);
    run(&k, (heed_node *[]){ y, last.h, last.c }, 3);
    expect_both(&k, lengths);
    kit_free(&k);
}

/* ---- a block of self-attention ---- */

static void layer_norm(const kit *k, const char *name, const double *x, double *y)
{
    char text[100];
    double mean = 0, variance = 0;
    for (int i = 0; i < H; i++) mean += x[i] / H;
    for (int i = 0; i < H; i++) variance += (x[i] - mean) * (x[i] - mean) / H;
    for (int i = 0; i < H; i++) {
        snprintf(text, sizeof text, "%s/gain", name);
        y[i] = (x[i] - mean) / sqrt(variance + 1e-5) * value_at(k->store, text, i);
        snprintf(text, sizeof text, "%s/bias", name);
        y[i] += value_at(k->store, text, i);
    }
}

/* Query i's sum over the first `count` elements, head by head. */
static void attend(double qkv[N][3 * H], int i, int count, double *y)
{
    for (int head = 0; head < HEADS; head++) {
        double sum = 0, value[D] = { 0 };
        for (int j = 0; j < count; j++) {
            double score = 0;
            for (int c = 0; c < D; c++)
                score += qkv[i][head * D + c] * qkv[j][H + head * D + c] / sqrt(D);
            sum += exp(score);
            for (int c = 0; c < D; c++) value[c] += exp(score) * qkv[j][2 * H + head * D + c];
        }
        for (int c = 0; c < D; c++) y[head * D + c] = value[c] / sum;
    }
}

/* y [B, N, H] of the block on the first counts[b] elements. */
static void expect_block(const kit *k, const int *counts)
{
    const heed_view out = heed_program_output(k->program, 0);
    for (int b = 0; b < B; b++) {
        double x[N][H], qkv[N][3 * H], seen[H], mixed[H], inner[INNER], normed[H];
        for (int i = 0; i < N; i++) {
            for (int c = 0; c < H; c++) x[i][c] = heed_get(&k->in, (i * B + b) * H + c);
            layer_norm(k, "block/before_attention", x[i], normed);
            linear(k, "block/qkv", normed, H, qkv[i], 3 * H, false);
        }
        for (int i = 0; i < counts[b]; i++) {
            attend(qkv, i, counts[b], seen);
            linear(k, "block/out", seen, H, mixed, H, true);
            for (int c = 0; c < H; c++) x[i][c] += mixed[c];
            layer_norm(k, "block/before_mlp", x[i], normed);
            linear(k, "block/mlp/0", normed, H, inner, INNER, true);
            for (int c = 0; c < INNER; c++) inner[c] = fmax(inner[c], 0);
            linear(k, "block/mlp/1", inner, INNER, mixed, H, true);
            for (int c = 0; c < H; c++)
                cr_expect_float_eq(heed_get(&out, (b * N + i) * H + c), x[i][c] + mixed[c], 1e-12);
        }
    }
}

Test(models_set_layers, block_of_self_attention)
{
    static const int counts[B] = { N, N };
    kit k = kit_new();
    heed_node *y =
        heed_set_block(k.scope, "block", heed_transpose(k.x, 0, 1), .heads = HEADS, .inner = INNER);
    shake(&k);
    run(&k, &y, 1);
    expect_block(&k, counts);
    check_gradient(&k, y);
    kit_free(&k);
}

Test(models_set_layers, block_with_hidden_elements)
{
    static const int counts[B] = { 3, 2 };
    double values[B * N] = { 1, 1, 1, 0, 1, 1, 0, 0 };
    const heed_shape shape = HEED_SHAPE(B, 1, 1, N);
    const heed_view view = heed_view_of(values, HEED_F64, &shape);
    kit k = kit_new();
    heed_node *y = heed_set_block(k.scope, "block", heed_transpose(k.x, 0, 1), .heads = HEADS,
                                  .inner = INNER, .keep = heed_constant(k.graph, &view));
    shake(&k);
    run(&k, &y, 1);
    expect_block(&k, counts);
    kit_free(&k);
}

Test(models_set_layers, block_refuses_heads_that_do_not_divide)
{
    kit k = kit_new();
    cr_expect_null(heed_set_block(k.scope, "block", k.x, .heads = 3));
    cr_expect(strstr(heed_why(k.graph), "a multiple of 3 heads"), "%s", heed_why(k.graph));
    kit_free(&k);
}

/* ---- pointers ---- */

static const bool never[N] = { false, false, true, false };

static heed_node *blocked(const kit *k)
{
    double values[N];
    const heed_shape shape = HEED_SHAPE(N, 1);
    const heed_view view = heed_view_of(values, HEED_F64, &shape);
    for (int i = 0; i < N; i++) values[i] = never[i];
    return heed_constant(k->graph, &view);
}

Test(models_set_layers, pointer_and_glimpse)
{
    enum { WIDTH = 3, QUERY = 2 };
    kit k = kit_new();
    heed_node *d = heed_input(k.graph, "d", HEED_F64, STEPS, B, QUERY), *weights;
    heed_pointer p = heed_pointer_over(k.scope, "point", k.x, WIDTH);
    heed_node *u = heed_pointer_scores(&p, d, blocked(&k));
    heed_node *g = heed_pointer_glimpse(&p, d, blocked(&k), &weights);
    shake(&k);
    run(&k, (heed_node *[]){ u, weights, g }, 3);
    const heed_view query = heed_program_input(k.program, "d");
    const heed_view scores = heed_program_output(k.program, 0);
    const heed_view a = heed_program_output(k.program, 1), sum = heed_program_output(k.program, 2);
    for (int t = 0; t < STEPS; t++)
        for (int b = 0; b < B; b++) {
            double e[N][H], q[QUERY], own[WIDTH], key[WIDTH], score[N], total = 0;
            for (int c = 0; c < QUERY; c++) q[c] = heed_get(&query, (t * B + b) * QUERY + c);
            linear(&k, "point/W2", q, QUERY, own, WIDTH, false);
            for (int i = 0; i < N; i++) {
                for (int c = 0; c < H; c++) e[i][c] = heed_get(&k.in, (i * B + b) * H + c);
                linear(&k, "point/W1", e[i], H, key, WIDTH, false);
                for (int c = 0; c < WIDTH; c++) key[c] = tanh(key[c] + own[c]);
                linear(&k, "point/v", key, WIDTH, &score[i], 1, false);
                total += never[i] ? 0 : exp(score[i]);
                cr_expect_float_eq(heed_get(&scores, (t * N + i) * B + b),
                                   never[i] ? HEED_POINTER_BLOCKED : score[i], 1e-12);
            }
            double seen[H] = { 0 };
            for (int i = 0; i < N; i++) {
                const double share = never[i] ? 0 : exp(score[i]) / total;
                cr_expect_float_eq(heed_get(&a, (t * N + i) * B + b), share, 1e-12);
                for (int c = 0; c < H; c++) seen[c] += share * e[i][c];
            }
            for (int c = 0; c < H; c++)
                cr_expect_float_eq(heed_get(&sum, (t * B + b) * H + c), seen[c], 1e-12);
        }
    check_gradient(&k, g);
    kit_free(&k);
}

/* Layers against their formulas, computed here one number at a time, and their refusals. */
#include "models_layers_kit.h"

enum { T = 3, B = 2, IN = 3, H = 4 };

static kit kit_new(void)
{
    return kit_of(HEED_SHAPE(T, B, IN));
}

/* (x_t W + b)_j + (h U)_j, each part where asked for */
static double from_input(const kit *k, const char *cell, int t, int b, int j, int width)
{
    char name[100];
    snprintf(name, sizeof name, "%s/bias", cell);
    double sum = value_at(k->store, name, j);
    snprintf(name, sizeof name, "%s/input", cell);
    for (int i = 0; i < IN; i++)
        sum += heed_get(&k->in, (t * B + b) * IN + i) * value_at(k->store, name, i * width + j);
    return sum;
}

static double from_state(const kit *k, const char *cell, const double *h, int j, int width)
{
    char name[100];
    double sum = 0;
    snprintf(name, sizeof name, "%s/recurrent", cell);
    for (int i = 0; i < H; i++) sum += h[i] * value_at(k->store, name, i * width + j);
    return sum;
}

Test(models_layers, linear)
{
    kit k = kit_new();
    heed_node *y = heed_linear(k.scope, "query", k.x, 5);
    cr_assert_not_null(y, "%s", heed_why(k.graph));
    const heed_shape expected = HEED_SHAPE(T, B, 5);
    cr_expect(heed_shape_equal(&y->shape, &expected));
    run(&k, &y, 1);
    heed_view out = heed_program_output(k.program, 0);
    for (int row = 0; row < T * B; row++)
        for (int j = 0; j < 5; j++) {
            double sum = value_at(k.store, "query/bias", j);
            for (int i = 0; i < IN; i++)
                sum += heed_get(&k.in, row * IN + i) * value_at(k.store, "query/weight", i * 5 + j);
            cr_expect_float_eq(heed_get(&out, row * 5 + j), sum, 1e-12);
        }
    check_gradient(&k, y);
    kit_free(&k);
}

Test(models_layers, linear_without_bias_and_with_given_starts)
{
    kit k = kit_new();
    heed_linear(k.scope, "a", k.x, 2, .no_bias = true);
    heed_linear(k.scope, "b", k.x, 2, .weight = HEED_ONES, .bias = HEED_ZEROS);
    cr_expect_null(heed_store_find(k.store, "a/bias"));
    cr_expect_eq(value_at(k.store, "b/weight", 3), 1);
    cr_expect_eq(value_at(k.store, "b/bias", 1), 0);
    for (int i = 0; i < IN * 2; i++)
        cr_expect_leq(fabs(value_at(k.store, "a/weight", i)), 1 / sqrt(IN));
    kit_free(&k);
}

Test(models_layers, graphs_share_parameters_and_refuse_other_sizes)
{
    kit k = kit_new();
    heed_linear(k.scope, "query", k.x, 5);
    const int count = heed_store_count(k.store);
    heed_graph *other = heed_graph_new(.store = k.store, .dtype = HEED_F64);
    heed_node *x = heed_input(other, "x", HEED_F64, 9, IN);
    cr_expect_not_null(heed_linear(heed_root(other), "query", x, 5));
    cr_expect_eq(heed_store_count(k.store), count);
    cr_expect_null(heed_linear(heed_root(other), "query", x, 6));
    cr_expect(strstr(heed_why(other), "query/weight"), "%s", heed_why(other));
    heed_graph_free(other);
    kit_free(&k);
}

Test(models_layers, refusals_name_the_layer)
{
    kit k = kit_new();
    cr_expect_null(heed_linear(heed_enter(k.scope, "decoder"), "query", k.x, 0));
    cr_expect(strstr(heed_why(k.graph), "decoder/query"), "%s", heed_why(k.graph));
    cr_expect_null(heed_linear(k.scope, "later", k.x, 3), "a failed graph stays failed");
    kit_free(&k);

    k = kit_new();
    heed_lstm cell = heed_lstm_cell(k.scope, "cell", IN, -1);
    heed_state_pair state = { .h = NULL };
    cr_expect_null(heed_lstm_run(&cell, heed_lstm_project(&cell, k.x), &state));
    cr_expect(strstr(heed_why(k.graph), "cell"), "%s", heed_why(k.graph));
    kit_free(&k);

    k = kit_new();
    cell = heed_lstm_cell(k.scope, "cell", IN, H);
    cr_expect_null(heed_lstm_run(&cell, heed_index(heed_lstm_project(&cell, k.x), 0, 0), &state));
    cr_expect(strstr(heed_why(k.graph), "[T, B, width]"), "%s", heed_why(k.graph));
    kit_free(&k);
}

Test(models_layers, embedding_table)
{
    kit k = kit_new();
    heed_node *index = heed_input(k.graph, "index", HEED_I32, 2);
    heed_node *y = heed_embedding_table(k.scope, "words", index, 6, 3);
    heed_program *program = heed_compile(k.graph, &y, 1, .threads = 1);
    cr_assert_not_null(program, "%s", heed_why(k.graph));
    heed_view at = heed_program_input(program, "index");
    heed_set(&at, 0, 5);
    heed_set(&at, 1, 2);
    cr_assert(heed_program_run(program));
    heed_view out = heed_program_output(program, 0);
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(heed_get(&out, i), value_at(k.store, "words/table", 15 + i));
        cr_expect_eq(heed_get(&out, 3 + i), value_at(k.store, "words/table", 6 + i));
    }
    heed_program_free(program);
    kit_free(&k);
}

Test(models_layers, mlp)
{
    kit k = kit_new();
    heed_node *y = heed_mlp(k.scope, "read", k.x, HEED_WIDTHS(5, 2), .activation = heed_tanh);
    cr_assert_not_null(y, "%s", heed_why(k.graph));
    const heed_shape expected = HEED_SHAPE(T, B, 2);
    cr_expect(heed_shape_equal(&y->shape, &expected));
    cr_expect_not_null(heed_store_find(k.store, "read/0/weight"));
    cr_expect_not_null(heed_store_find(k.store, "read/1/bias"));
    check_gradient(&k, y);
    kit_free(&k);
}

static void lstm_is_its_formula(bool loop)
{
    kit k = kit_new();
    heed_lstm cell = heed_lstm_cell(k.scope, "cell", IN, H);
    for (int j = 0; j < 4 * H; j++)
        cr_expect_eq(value_at(k.store, "cell/bias", j), j / H == 1 ? 1 : 0,
                     "the forget gate is open");
    shake(&k);
    heed_state_pair state = { .h = NULL };
    heed_node *projected = heed_lstm_project(&cell, k.x);
    heed_node *y =
        loop ? heed_lstm_scan(&cell, projected, &state) : heed_lstm_run(&cell, projected, &state);
    heed_node *outputs[] = { y, state.h, state.c };
    run(&k, outputs, 3);
    heed_view out = heed_program_output(k.program, 0);
    heed_view last_h = heed_program_output(k.program, 1);
    heed_view last_c = heed_program_output(k.program, 2);
    for (int b = 0; b < B; b++) {
        double h[H] = { 0 }, c[H] = { 0 };
        for (int t = 0; t < T; t++) {
            double next[H], gate[4];
            for (int j = 0; j < H; j++) {
                for (int q = 0; q < 4; q++)
                    gate[q] = from_input(&k, "cell", t, b, q * H + j, 4 * H) +
                              from_state(&k, "cell", h, q * H + j, 4 * H);
                c[j] = sigmoid(gate[1]) * c[j] + sigmoid(gate[0]) * tanh(gate[2]);
                next[j] = sigmoid(gate[3]) * tanh(c[j]);
                cr_expect_float_eq(heed_get(&out, (t * B + b) * H + j), next[j], 1e-12);
            }
            memcpy(h, next, sizeof h);
        }
        for (int j = 0; j < H; j++) {
            cr_expect_float_eq(heed_get(&last_h, b * H + j), h[j], 1e-12);
            cr_expect_float_eq(heed_get(&last_c, b * H + j), c[j], 1e-12);
        }
    }
    check_gradient(&k, y);
    kit_free(&k);
}

static void gru_is_its_formula(bool loop)
{
    kit k = kit_new();
    heed_gru cell = heed_gru_cell(k.scope, "cell", IN, H);
    shake(&k);
    heed_state_pair state = { .h = NULL };
    heed_node *projected = heed_gru_project(&cell, k.x);
    heed_node *y =
        loop ? heed_gru_scan(&cell, projected, &state) : heed_gru_run(&cell, projected, &state);
    run(&k, &y, 1);
    heed_view out = heed_program_output(k.program, 0);
    for (int b = 0; b < B; b++) {
        double h[H] = { 0 };
        for (int t = 0; t < T; t++) {
            double next[H], in[3], own[3];
            for (int j = 0; j < H; j++) {
                for (int q = 0; q < 3; q++) {
                    in[q] = from_input(&k, "cell", t, b, q * H + j, 3 * H);
                    own[q] = from_state(&k, "cell", h, q * H + j, 3 * H) +
                             value_at(k.store, "cell/recurrent_bias", q * H + j);
                }
                double r = sigmoid(in[0] + own[0]), z = sigmoid(in[1] + own[1]);
                double n = tanh(in[2] + r * own[2]);
                next[j] = (1 - z) * n + z * h[j];
                cr_expect_float_eq(heed_get(&out, (t * B + b) * H + j), next[j], 1e-12);
            }
            memcpy(h, next, sizeof h);
        }
    }
    check_gradient(&k, y);
    kit_free(&k);
}

Test(models_layers, recurrent_cells_are_their_formulas)
{
    for (int loop = 0; loop < 2; loop++) {
        lstm_is_its_formula(loop);
        gru_is_its_formula(loop);
    }
}

/* ---- memory ---- */

/* Before the first step: every slot alike, each head at the middle of its share of the slots. */
Test(models_layers, a_memory_before_its_first_step)
{
    enum { SLOTS = 12, WIDTH = 3, HEADS = 4 }; /* two that read, two that write */
    kit k = kit_new();
    heed_memory memory =
        heed_memory_of(k.scope, "m", H, .slots = SLOTS, .width = WIDTH, .reads = 2, .writes = 2);
    heed_memory_state state = heed_memory_begin(&memory, B);
    heed_node *nodes[] = { state.memory, state.weighting };
    heed_program *program = heed_compile(k.graph, nodes, 2, .threads = 1);
    cr_assert_not_null(program, "%s", heed_why(k.graph));
    cr_assert(heed_program_run(program));
    heed_view cells = heed_program_output(program, 0), look = heed_program_output(program, 1);
    for (int i = 0; i < B * WIDTH * SLOTS; i++)
        cr_expect_float_eq(heed_get(&cells, i), 1e-6, 1e-18);
    for (int i = 0; i < B * HEADS; i++) {
        const int middle = i % 2 ? 9 : 3;
        double sum = 0;
        for (int n = 0; n < SLOTS; n++) sum += heed_get(&look, i * SLOTS + n);
        cr_expect_float_eq(sum, 1, 1e-12);
        cr_expect_gt(heed_get(&look, i * SLOTS + middle), 0.99, "head %d", i);
    }
    heed_program_free(program);
    kit_free(&k);
}

/* .alike: the key of read head r is, at first, what write head r modulo their number adds. */
Test(models_layers, a_memory_that_looks_for_what_is_alike)
{
    enum { SLOTS = 6, WIDTH = 3, NUMBERS = WIDTH + 3 + 3, HEADS = 5, ALL = HEADS * NUMBERS + 12 };
    kit k = kit_new();
    heed_memory memory =
        heed_memory_of(k.scope, "m", H, .slots = SLOTS, .width = WIDTH, .reads = 3, .writes = 2,
                       .strength = 7, .gate = -2, .alike = true, .together = true);
    heed_memory_state state = heed_memory_begin(&memory, B);
    cr_assert_not_null(state.weighting, "%s", heed_why(k.graph));
    const heed_view *weight = &memory.weight->entry->tensor->view;
    const heed_view *bias = &memory.bias->entry->tensor->view;
    for (int row = 0; row < H; row++)
        for (int j = 0; j < WIDTH; j++)
            for (int r = 0; r < HEADS; r++) {
                const int64_t added = HEADS * NUMBERS + 2 * WIDTH + r % 2 * WIDTH + j;
                const double key = heed_get(weight, row * ALL + r * NUMBERS + j);
                cr_expect_eq(key == heed_get(weight, row * ALL + added), r < 3, "head %d", r);
            }
    for (int i = 0; i < ALL; i++) {
        const int at = i < HEADS * NUMBERS ? i % NUMBERS : 0;
        cr_expect_eq(heed_get(bias, i), at == WIDTH ? 7 : at == WIDTH + 1 ? -2 : 0);
    }
    heed_program *program = heed_compile(k.graph, &state.weighting, 1, .threads = 1);
    cr_assert(program && heed_program_run(program));
    const heed_view look = heed_program_output(program, 0);
    for (int i = 0; i < B * HEADS; i++) cr_expect_gt(heed_get(&look, i * SLOTS), 0.99);
    heed_program_free(program);
    kit_free(&k);
}

/* A step, from the operations it is made of and the parameters in the store. */
Test(models_layers, a_step_of_a_memory)
{
    enum { SLOTS = 5, WIDTH = 2, NUMBERS = WIDTH + 3 + 3 };
    kit k = kit_new();
    heed_memory memory =
        heed_memory_of(k.scope, "m", IN, .slots = SLOTS, .width = WIDTH, .size = 1);
    heed_memory_state first = heed_memory_begin(&memory, B), second;
    heed_node *h = heed_index(k.x, 0, 0), *found;
    second = heed_memory_step(&memory, h, first);
    heed_node *all = heed_linear(heed_enter(k.scope, "m"), "heads", h, 2 * NUMBERS + 2 * WIDTH);
    heed_node *heads = heed_reshape(heed_slice(all, 1, 0, 2 * NUMBERS), B, 2, NUMBERS);
    heed_node *e = heed_sigmoid(heed_slice(all, 1, 2 * NUMBERS, 2 * NUMBERS + WIDTH));
    heed_node *a = heed_tanh(heed_slice(all, 1, 2 * NUMBERS + WIDTH, 2 * NUMBERS + 2 * WIDTH));
    heed_node *w = heed_memory_look(first.memory, first.weighting, heads, 1, &found);
    heed_node *write = heed_unsqueeze(heed_index(w, 1, 1), 1); /* [B, 1, N] */
    heed_node *kept = heed_mul(heed_unsqueeze(e, -1), write);
    heed_node *after = heed_add(heed_mul(first.memory, heed_affine(kept, -1, 1)),
                                heed_mul(heed_unsqueeze(a, -1), write));
    heed_node *apart[] = { heed_sub(second.memory, after), heed_sub(second.weighting, w),
                           heed_sub(second.read, found),
                           heed_sub(second.written, heed_concat(HEED_NODES(e, a), 1)),
                           second.memory };
    run(&k, apart, 5);
    for (int i = 0; i < 4; i++) {
        heed_view zero = heed_program_output(k.program, i);
        for (int64_t n = 0; n < heed_count(&zero.shape); n++)
            cr_expect_float_eq(heed_get(&zero, n), 0, 1e-12);
    }
    heed_view changed = heed_program_output(k.program, 4);
    cr_expect_gt(fabs(heed_get(&changed, 2) - 1), 1e-3, "slot 2 was written");
    kit_free(&k);
}

Test(models_layers, a_memory_of_no_size_is_refused)
{
    kit k = kit_new();
    heed_memory memory = heed_memory_of(k.scope, "m", H, .slots = -3);
    heed_memory_state state = heed_memory_begin(&memory, B);
    cr_expect_null(state.memory);
    cr_expect_null(heed_memory_step(&memory, k.x, state).memory);
    cr_expect(strstr(heed_why(k.graph), "must be positive"), "%s", heed_why(k.graph));
    kit_free(&k);
}

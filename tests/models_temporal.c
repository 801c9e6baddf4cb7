/* Temporal blocks: a whole sequence against its steps one by one, against formulas, and causal. */
#include "models_layers_kit.h"

enum { B = 2, T = 7, C = 3, D = 2 };

static kit kit_new(void)
{
    return kit_of(HEED_SHAPE(B, T, C));
}

/* On x whose values at step `changed` of the first sequence are 9; -1: at none. */
static heed_program *run_changed(kit *k, heed_node *const *y, int n, int64_t changed)
{
    heed_program *program = heed_compile(k->graph, y, n, .threads = 1);
    cr_assert_not_null(program, "%s", heed_why(k->graph));
    fill(NULL, program);
    heed_view x = heed_program_input(program, "x");
    for (int64_t c = 0; changed >= 0 && c < C; c++) heed_set(&x, changed * C + c, 9);
    cr_assert(heed_program_run(program));
    return program;
}

/* One of each block, attention between and after convolutions. */
static heed_node *network(heed_scope *s, heed_node *x, heed_past *past)
{
    x = heed_temporal_block(s, "convolutions", x, past, T, D);
    x = heed_causal_attention(s, "look", x, past, 4, 3, NULL);
    x = heed_dense_block(s, "far", x, past, 5, D);
    return heed_causal_attention(s, "again", x, past, 2, 2, NULL);
}

typedef struct walk {
    heed_scope *scope;
    heed_past first;
} walk;

static bool step(void *context, heed_node *const *state, heed_node *const *x, heed_node **next,
                 heed_node **y)
{
    const walk *w = context;
    heed_past past = heed_past_at(&w->first, state, x[1], x[2]);
    y[0] = heed_index(network(w->scope, heed_unsqueeze(x[0], 1), &past), 1, 0);
    for (int i = 0; i < past.n; i++) next[i] = past.next[i];
    return past.n == w->first.n;
}

Test(models_temporal, step_by_step_is_the_whole_sequence)
{
    kit k = kit_new();
    walk w = { k.scope, heed_past_first(k.graph, T) };
    heed_node *final[HEED_PAST_MOST], *y[2];
    network(k.scope, heed_full(k.graph, 0, B, 1, C), &w.first);
    cr_assert_eq(w.first.n, 3 + 2 + 1 + 2, "%d states", w.first.n);
    heed_node *over[3] = { heed_transpose(k.x, 0, 1), heed_past_steps(k.graph, T),
                           heed_causal_mask(k.graph, T, T) };
    cr_assert(heed_scan(k.graph, step, &w, final, &y[0], .initial = w.first.state,
                        .n_states = w.first.n, .over = over, .n_over = 3, .n_out = 1),
              "%s", heed_why(k.graph));
    y[0] = heed_transpose(y[0], 0, 1);
    y[1] = network(k.scope, k.x, NULL);
    run(&k, y, 2);
    heed_view steps = heed_program_output(k.program, 0), whole = heed_program_output(k.program, 1);
    const int64_t n = heed_count(&whole.shape);
    cr_assert_eq(n, B * T * (C + 3 * D + 3 + D + 2));
    for (int64_t i = 0; i < n; i++)
        cr_expect_float_eq(heed_get(&steps, i), heed_get(&whole, i), 1e-13, "%lld", (long long)i);
    kit_free(&k);
}

/* A later x changes nothing before it, and something at every step from it on. */
Test(models_temporal, no_step_sees_what_comes)
{
    kit k = kit_new();
    heed_node *y = network(k.scope, k.x, NULL);
    const int64_t width = y->shape.dim[2];
    heed_program *base = run_changed(&k, &y, 1, -1);
    for (int64_t changed = 0; changed < T; changed++) {
        heed_program *other = run_changed(&k, &y, 1, changed);
        heed_view a = heed_program_output(base, 0), b = heed_program_output(other, 0);
        for (int64_t t = 0; t < B * T; t++) {
            bool same = true;
            for (int64_t c = 0; c < width; c++)
                same &= heed_get(&a, t * width + c) == heed_get(&b, t * width + c);
            cr_expect_eq(same, t < changed || t >= T, "step %d, changed %d", (int)t, (int)changed);
        }
        heed_program_free(other);
    }
    heed_program_free(base);
    kit_free(&k);
}

/* h = x[t] W1 + x[t - 2] W2 + b for one column of W1, W2. */
static double tap(const kit *k, int64_t row, int64_t t, int64_t column)
{
    double h = value_at(k->store, "dense/bias", column);
    for (int64_t c = 0; c < C; c++) {
        h += heed_get(&k->in, (row * T + t) * C + c) *
             value_at(k->store, "dense/weight", c * 4 * D + column);
        if (t >= 2)
            h += heed_get(&k->in, (row * T + t - 2) * C + c) *
                 value_at(k->store, "dense/weight", c * 4 * D + 2 * D + column);
    }
    return h;
}

Test(models_temporal, dense_block_by_its_formula)
{
    kit k = kit_new();
    heed_node *y = heed_dense_block(k.scope, "dense", k.x, NULL, 2, D);
    run(&k, &y, 1);
    heed_view out = heed_program_output(k.program, 0);
    for (int64_t at = 0; at < B * T; at++) {
        for (int64_t c = 0; c < C; c++)
            cr_expect_eq(heed_get(&out, at * (C + D) + c), heed_get(&k.in, at * C + c));
        for (int64_t d = 0; d < D; d++) {
            const double f = tap(&k, at / T, at % T, d);
            const double g = tap(&k, at / T, at % T, D + d);
            cr_expect_float_eq(heed_get(&out, at * (C + D) + C + d), tanh(f) / (1 + exp(-g)),
                               1e-12);
        }
    }
    kit_free(&k);
}

/* Weights are a distribution over what came before, and what is read is the mean that they say. */
Test(models_temporal, attention_weights_are_what_is_read)
{
    enum { K = 4, V = 3 };
    kit k = kit_new();
    heed_node *y[2];
    y[0] = heed_causal_attention(k.scope, "look", k.x, NULL, K, V, &y[1]);
    for (int i = 0; i < K * C; i++)
        cr_expect_eq(value_at(k.store, "look/key/weight", i),
                     value_at(k.store, "look/query/weight", i), "keys start as queries");
    for (int i = 0; i < K; i++)
        cr_expect_eq(value_at(k.store, "look/key/bias", i),
                     value_at(k.store, "look/query/bias", i));
    run(&k, y, 2);
    heed_view out = heed_program_output(k.program, 0);
    heed_view weights = heed_program_output(k.program, 1);
    for (int64_t at = 0; at < B * T; at++) {
        double sum = 0, read[V] = { 0 };
        for (int64_t j = 0; j < T; j++) {
            const double w = heed_get(&weights, at * T + j);
            sum += w;
            cr_expect(j <= at % T ? w > 0 : w == 0, "step %d looks at %d", (int)at, (int)j);
            for (int64_t v = 0; v < V; v++) {
                double value = value_at(k.store, "look/value/bias", v);
                for (int64_t c = 0; c < C; c++)
                    value += heed_get(&k.in, (at / T * T + j) * C + c) *
                             value_at(k.store, "look/value/weight", c * V + v);
                read[v] += w * value;
            }
        }
        cr_expect_float_eq(sum, 1, 1e-12);
        for (int64_t v = 0; v < V; v++)
            cr_expect_float_eq(heed_get(&out, at * (C + V) + C + v), read[v], 1e-12);
    }
    kit_free(&k);
}

Test(models_temporal, refusals_name_the_block)
{
    kit k = kit_new();
    cr_expect_null(heed_dense_block(k.scope, "dense", heed_flatten(k.x), NULL, 1, 2));
    cr_expect(strstr(heed_why(k.graph), "dense block 'dense'"), "%s", heed_why(k.graph));
    kit_free(&k);
    k = kit_new();
    cr_expect_null(heed_conv_block(k.scope, "conv", k.x, 4));
    cr_expect(strstr(heed_why(k.graph), "conv block 'conv'"), "%s", heed_why(k.graph));
    kit_free(&k);
}

/* A batch for training: value, gradients, running statistics of a conv block are those of its
 * parts in a row, also where gains are negative; and so it is in evaluation. */
typedef struct parts {
    heed_store *store;
    heed_graph *graph;
    heed_program *program;
} parts;

enum { N = 3, SIDE = 6, FILTERS = 4, OUTPUTS = 6 };

static heed_node *in_a_row(heed_scope *scope, heed_node *image, int variant)
{
    heed_scope *own = heed_enter(scope, "conv");
    const heed_init init = { .rule = HEED_INIT_DEFAULT, .fan_in = 2 * 9 };
    heed_node *y = heed_conv2d(image, heed_param(own, "weight", init, FILTERS, 2, 3, 3), .pad = 1);
    y = heed_batch_norm_layer(own, "norm", y);
    y = variant == 0 || variant == 3 ? heed_relu(y) : heed_gelu(y);
    return variant == 2 ? heed_avg_pool2d(y, 2, 2) : heed_max_pool2d(y, 2, 2);
}

static heed_node *at_once(heed_scope *scope, heed_node *image, int variant)
{
    if (variant == 0) return heed_conv_block(scope, "conv", image, FILTERS);
    if (variant == 3) return heed_conv_block(scope, "conv", image, FILTERS, .recompute = true);
    return heed_conv_block(scope, "conv", image, FILTERS, .activation = heed_gelu,
                           .mean_pool = variant == 2);
}

static parts parts_of(bool once, int variant, bool training)
{
    parts p = { .store = heed_store_new(4) };
    heed_node *y[OUTPUTS], *x[4], *dx[4], *moves[4];
    p.graph = heed_graph_new(.store = p.store, .dtype = HEED_F64, .training = training);
    heed_scope *scope = heed_root(p.graph);
    x[0] = heed_input(p.graph, "x", HEED_F64, N, 2, SIDE, SIDE);
    y[0] = once ? at_once(scope, x[0], variant) : in_a_row(scope, x[0], variant);
    heed_set(&heed_store_find(p.store, "conv/norm/gain")->tensor->view, 1, -0.7);
    heed_set(&heed_store_find(p.store, "conv/norm/bias")->tensor->view, 1, 0.3);
    heed_set(&heed_store_find(p.store, "conv/norm/mean")->tensor->view, 1, 0.2);
    cr_assert_eq(heed_graph_params_under(p.graph, "conv/", x + 1, 3), 3);
    cr_assert(heed_gradient(heed_mean_all(heed_mul(y[0], heed_sin(y[0]))), NULL, x, 4, dx), "%s",
              heed_why(p.graph));
    for (int i = 0; i < 4; i++) y[1 + i] = dx[i];
    const int n = heed_graph_assignments(p.graph, moves, 4);
    cr_assert_eq(n, training ? 2 : 0);
    heed_node *all[OUTPUTS + 1] = { y[0], y[1], y[2], y[3], y[4], moves[0], moves[1] };
    p.program = heed_compile(p.graph, all, 5 + n, .threads = 1);
    cr_assert_not_null(p.program, "%s", heed_why(p.graph));
    heed_rng rng = heed_rng_new(6, 0);
    heed_view image = heed_program_input(p.program, "x");
    heed_fill_normal(&rng, &image, 0, 1);
    cr_assert(heed_program_run(p.program));
    return p;
}

static void expect_near(const heed_view *a, const heed_view *b, const char *what)
{
    cr_assert(heed_shape_equal(&a->shape, &b->shape), "%s", what);
    for (int64_t i = 0; i < heed_count(&a->shape); i++)
        cr_expect_float_eq(heed_get(a, i), heed_get(b, i), 1e-11, "%s [%d]", what, (int)i);
}

/* Outputs 2 .. 4 are the gradients of the graph's parameters, in its own order. */
static void expect_same_gradients(const parts *a, const parts *b)
{
    heed_node *x[3], *y[3];
    heed_graph_params_under(a->graph, "conv/", x, 3);
    heed_graph_params_under(b->graph, "conv/", y, 3);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            if (strcmp(x[i]->entry->name, y[j]->entry->name) != 0) continue;
            heed_view once = heed_program_output(a->program, 2 + i);
            heed_view row = heed_program_output(b->program, 2 + j);
            expect_near(&once, &row, x[i]->entry->name);
        }
}

static void parts_free(parts *p)
{
    heed_program_free(p->program);
    heed_graph_free(p->graph);
    heed_store_free(p->store);
}

Test(models_temporal, conv_block_is_its_parts)
{
    for (int variant = 0; variant < 4; variant++)
        for (int training = 0; training < 2; training++) {
            parts a = parts_of(true, variant, training), b = parts_of(false, variant, training);
            cr_assert_eq(heed_store_count(a.store), heed_store_count(b.store));
            for (int i = 0; i < 2; i++) { /* y, dx; those of parameters by name */
                heed_view once = heed_program_output(a.program, i);
                heed_view row = heed_program_output(b.program, i);
                expect_near(&once, &row, i ? "dx" : "y");
            }
            expect_same_gradients(&a, &b);
            for (int i = 0; i < heed_store_count(b.store); i++) {
                const heed_entry *row = heed_store_at(b.store, i);
                const heed_entry *once = heed_store_find(a.store, row->name);
                cr_assert_not_null(once, "%s", row->name);
                expect_near(&once->tensor->view, &row->tensor->view, row->name);
            }
            parts_free(&a);
            parts_free(&b);
        }
}

/* Additive attention: large values that broadcasting makes are computed where they are read, never
 * stored; numbers, bits, gradients and the order of reads and writes stay. */
#include "graph/gradcheck.h"
#include "tests/graph_fuse_kit.h"

/* ---- additive attention ---- */

typedef struct additive {
    heed_graph *graph;
    heed_node *outputs[4];
    size_t whole; /* bytes of tanh(keys + queries) */
} additive;

/* u = softmax(v . tanh(keys + queries)) and the gradients of <u, r>. */
static additive additive_of(heed_dtype dtype, int64_t batch, int64_t queries, int64_t keys,
                            int64_t width)
{
    additive a = { .graph = heed_graph_new(.dtype = dtype) };
    heed_node *x[3] = { heed_input(a.graph, "keys", dtype, batch, 1, keys, width),
                        heed_input(a.graph, "queries", dtype, batch, queries, 1, width),
                        heed_input(a.graph, "v", dtype, width, 1) };
    heed_node *t = heed_tanh(heed_add(x[0], x[1]));
    heed_node *u = heed_softmax(heed_squeeze(heed_matmul(t, x[2]), -1), -1);
    heed_node *r = heed_input(a.graph, "r", dtype, batch, queries, keys);
    a.outputs[0] = u;
    cr_assert(heed_gradient(u, r, x, 3, a.outputs + 1), "%s", heed_why(a.graph));
    a.whole = (size_t)heed_count(&t->shape) * heed_dtype_size(dtype);
    return a;
}

/* Queries enough for the scores' operand to outgrow what is stored for speed, 8 MB. */
static int64_t many_queries(heed_dtype dtype, int64_t rest)
{
    return (int64_t)((8 << 20) / heed_dtype_size(dtype)) / rest + 3;
}

Test(graph_recompute, additive_scores_are_not_stored)
{
    for (int i = 0; i < 2; i++) {
        heed_dtype dtype = i ? HEED_F64 : HEED_F32;
        additive a = additive_of(dtype, 9, many_queries(dtype, 9 * 33 * 70), 33, 70);
        heed_program_facts on = facts_of(a.outputs, 4, "all");
        heed_program_facts off = facts_of(a.outputs, 4, "-fuse");
        heed_program_facts stored = facts_of(a.outputs, 4, "-recompute");
        cr_expect_lt(on.planned_bytes, a.whole / 4, "%zu bytes", on.planned_bytes);
        cr_expect_geq(stored.planned_bytes, a.whole, "%zu bytes", stored.planned_bytes);
        cr_expect_geq(off.planned_bytes, 2 * a.whole, "%zu bytes", off.planned_bytes);
        expect_same(a.outputs, 4, "additive scores");
        heed_graph_free(a.graph);
    }
}

/* One reader is early, one waits for a product that depends on the first: neither runs too soon. */
Test(graph_recompute, a_recomputed_value_has_early_and_late_readers)
{
    heed_graph *g = heed_graph_new();
    heed_node *k = heed_input(g, "k", HEED_F32, 1, 40, 70);
    heed_node *q = heed_input(g, "q", HEED_F32, 30, 1, 70);
    heed_node *w = heed_input(g, "w", HEED_F32, 40, 70), *y = NULL;
    heed_node *t = heed_tanh(heed_add(k, q)), *row = heed_input(g, "row", HEED_F32, 70);
    for (int i = 0; i < 3; i++) {
        y = heed_sum(heed_mul(t, row), 2, false); /* [30, 40] */
        y = heed_matmul(heed_softmax(y, -1), w);  /* [30, 70] */
        row = heed_unsqueeze(y, 1);
    }
    heed_program *p = heed_compile(g, &y, 1, .threads = 1, .recompute_above = 1);
    cr_expect_lt(heed_program_describe(p).planned_bytes, 30 * 40 * 70 * sizeof(float) / 2);
    heed_program_free(p);
    expect_same(&y, 1, "early and late");
    heed_graph_free(g);
}

/* Small ones are stored, and are right as well; so is a batch of one. */
Test(graph_recompute, small_additive_scores)
{
    static const int sizes[][4] = { { 1, 1, 1, 1 },  { 1, 3, 2, 7 },   { 2, 7, 13, 33 },
                                    { 3, 5, 1, 64 }, { 1, 40, 3, 70 }, { 5, 1, 9, 130 } };
    for (int i = 0; i < 6; i++) {
        const int *n = sizes[i];
        for (int d = 0; d < 2; d++) {
            additive a = additive_of(d ? HEED_F64 : HEED_F32, n[0], n[1], n[2], n[3]);
            expect_same(a.outputs, 4, "small additive scores");
            heed_graph_free(a.graph);
        }
    }
}

/* All of it from parameters, as a training step has it. */
static heed_node *additive_loss(heed_graph *g, int64_t queries, int64_t keys, int64_t width)
{
    heed_scope *s = heed_root(g);
    heed_init small = { .rule = HEED_INIT_UNIFORM, .a = -0.5, .b = 0.5 };
    heed_node *k = heed_param(s, "keys", small, 2, 1, keys, width);
    heed_node *q = heed_param(s, "queries", small, 2, queries, 1, width);
    heed_node *t = heed_tanh(heed_add(k, q));
    heed_node *u = heed_squeeze(heed_linear(s, "v", t, 1), -1); /* [2, T, S] */
    heed_node *target = heed_full(g, 0.25, 2, queries, keys);
    return heed_mean_squared_error(heed_softmax(u, -1), target);
}

Test(graph_recompute, gradients_of_additive_scores)
{
    heed_store *store = heed_store_new(5);
    heed_graph *g = heed_graph_new(.store = store, .dtype = HEED_F64);
    heed_gradcheck_options options = { .seed = 1 };
    heed_gradcheck_result result =
        heed_gradcheck_loss(additive_loss(g, 3, 5, 7), 0, NULL, NULL, options);
    cr_expect(result.passed, "%s", result.why);
    cr_expect(strcmp(result.second, "") == 0 && result.compared > 100, "%s", result.second);
    heed_graph_free(g);
    heed_store_free(store);
}

/* Overwrites its input, a parameter, with zeros. */
static void clear_f32(const heed_call *call, int64_t begin, int64_t end)
{
    (void)begin, (void)end;
    memset(call->in[0].data, 0, (size_t)heed_count(&call->in[0].shape) * sizeof(float));
    *(float *)call->out.data = 1;
}

static bool clear_infer(heed_infer *infer)
{
    infer->shape = heed_scalar();
    return true;
}

static const heed_kernel clear_kernel = HEED_PLAIN_KERNEL(clear_f32, NULL);
static const heed_op clear_op = {
    .name = "clear", .n_in = 1, .writes = 1, .infer = clear_infer, .kernel = &clear_kernel
};

/* Who computes a value anew reads its operands late, and yet before a parameter is overwritten. */
Test(graph_recompute, recomputed_values_read_parameters_in_time)
{
    heed_store *store = heed_store_new(5);
    heed_graph *g = heed_graph_new(.store = store);
    heed_node *keys = heed_param(heed_root(g), "keys", HEED_ONES, 1, 33, 70), *y[2];
    y[0] = heed_apply(&clear_op, NULL, 1, &keys);
    heed_node *row = heed_input(g, "row", HEED_F32, 1, 70),
              *w = heed_input(g, "w", HEED_F32, 70, 70);
    for (int i = 0; i < 5; i++) row = heed_softmax(heed_matmul(row, w), -1);
    heed_node *grown = heed_mul(keys, heed_affine(heed_input(g, "x", HEED_F32, 20, 1, 70), 0.1, 1));
    y[1] = heed_sum_all(heed_mul(grown, row)); /* about the number of rows: those of w are shares */
    heed_program *p = heed_compile(g, y, 2, .threads = 1, .recompute_above = 1);
    cr_assert_not_null(p, "%s", heed_why(g));
    kit_fill(p, g, 1);
    cr_assert(heed_program_run(p));
    heed_view sum = heed_program_output(p, 1);
    cr_expect_float_eq(heed_get(&sum, 0), 20 * 33, 50);
    cr_assert(heed_program_run(p));
    cr_expect_eq(heed_get(&sum, 0), 0, "now it is overwritten");
    heed_program_free(p);
    heed_graph_free(g);
    heed_store_free(store);
}

static kit_values trained(const char *passes, int threads)
{
    heed_store *store = heed_store_new(5);
    heed_graph *g = heed_graph_new(.store = store);
    heed_node *loss = additive_loss(g, many_queries(HEED_F32, 2 * 33 * 70), 33, 70);
    heed_trainer *t =
        heed_trainer_new(loss, heed_sgd(.lr = 50), .threads = threads, .passes = passes);
    cr_assert_not_null(t, "%s", heed_why(g));
    kit_values all = { heed_alloc_array(4, sizeof(double)), 4 };
    for (int i = 0; i < 4; i++) {
        cr_assert(heed_trainer_step(t));
        all.value[i] = heed_trainer_loss(t);
    }
    heed_trainer_free(t);
    heed_graph_free(g);
    heed_store_free(store);
    return all;
}

Test(graph_recompute, training_steps_recompute)
{
    kit_values all = trained("all", 1), stored = trained("-recompute", 1), more = trained("all", 3);
    cr_expect_neq(all.value[0], all.value[3], "the parameters move");
    cr_expect(kit_difference(all, stored, 1e-6) < 0);
    cr_expect(kit_same_bits(all, more));
    heed_free(all.value);
    heed_free(stored.value);
    heed_free(more.value);
}

/* Building nodes: what they hold, and errors that stick and say where. */
#include "tests/graph_kit.h"

static void expect_why(const heed_graph *g, const char *part)
{
    const char *why = heed_why(g);
    cr_assert_not_null(why, "no error; expected one with \"%s\"", part);
    cr_expect_not_null(strstr(why, part), "\"%s\" is not in: %s", part, why);
}

Test(graph_build, node_holds_what_was_asked)
{
    heed_graph *g = heed_graph_new(.dtype = HEED_F64);
    heed_node *x = heed_input(g, "x", HEED_F64, 2, 3), *w = heed_full(g, 0.5, 3, 4);
    heed_node *y = heed_name(heed_matmul(x, w), "scores");
    int line = __LINE__ - 1;
    char text[200];
    cr_assert_not_null(y, "%s", heed_why(g));
    cr_expect_eq(y->n_in, 2);
    cr_expect(y->in[0] == x && y->in[1] == w);
    cr_expect(x->id < y->id && w->id < y->id);
    cr_expect_eq(heed_graph_node(g, y->id), y);
    cr_expect_str_eq(heed_describe(y, text, sizeof text), "matmul 'scores' [2, 4] f64");
    cr_expect_eq(y->line, line);
    cr_expect_not_null(strstr(y->file, "graph_build.c"));
    cr_expect_null(heed_why(g));
    heed_graph_free(g);
    cr_expect_eq(heed_memory_live_blocks(), 0);
}

Test(graph_build, error_names_op_inputs_shapes_and_line)
{
    heed_graph *g = heed_graph_new();
    heed_node *x = heed_input(g, "x", HEED_F32, 2, 3);
    heed_node *w = heed_name(heed_full(g, 1, 4, 5), "weights");
    char line[40];
    snprintf(line, sizeof line, "graph_build.c:%d)", __LINE__ + 1);
    cr_expect_null(heed_matmul(x, w));
    expect_why(g, "matmul: ");
    expect_why(g, "'x' [2, 3] f32");
    expect_why(g, "'weights' [4, 5] f32");
    expect_why(g, line);
    heed_graph_free(g);
}

Test(graph_build, first_error_stays)
{
    heed_graph *g = heed_graph_new();
    heed_node *x = heed_input(g, "x", HEED_F32, 2, 3);
    heed_node *bad = heed_add(x, heed_full(g, 1, 7));
    char first[1000];
    cr_assert_null(bad);
    cr_expect(heed_graph_failed(g));
    snprintf(first, sizeof first, "%s", heed_why(g));
    int size = heed_graph_size(g);
    cr_expect_null(heed_softmax(bad, -1), "NULL passes through");
    cr_expect_null(heed_softmax(x, 9));
    cr_expect_null(heed_reshape(x, 7));
    cr_expect_null(heed_neg(x), "a failed graph grows no more");
    cr_expect_null(heed_input(g, "y", HEED_F32, 1));
    cr_expect_null(heed_compile(g, &x, 1));
    cr_expect_str_eq(heed_why(g), first);
    cr_expect_eq(heed_graph_size(g), size);
    heed_graph_free(g);
}

/* Every builder of one and of two values takes NULL without complaint of its own. */
Test(graph_build, null_passes_through_builders)
{
    heed_graph *g = heed_graph_new();
    heed_node *x = heed_input(g, "x", HEED_F32, 3, 3), *none = NULL;
    cr_expect_null(heed_exp(none));
    cr_expect_null(heed_softmax(none, 0));
    cr_expect_null(heed_sum(none, 0, false));
    cr_expect_null(heed_mean_all(none));
    cr_expect_null(heed_reshape(none, 3, 3));
    cr_expect_null(heed_permute(none, 1, 0));
    cr_expect_null(heed_transpose(none, 0, 1));
    cr_expect_null(heed_slice(none, 0, 0, 1));
    cr_expect_null(heed_index(none, 0, 0));
    cr_expect_null(heed_squeeze(none, 0));
    cr_expect_null(heed_unsqueeze(none, 0));
    cr_expect_null(heed_flatten(none));
    cr_expect_null(heed_expand(none, 3, 3));
    cr_expect_null(heed_pad(none, 0, 1, 1, 0));
    cr_expect_null(heed_one_hot(none, 3));
    cr_expect_null(heed_dropout(none, 0.5));
    cr_expect_null(heed_layer_norm(none, NULL, NULL, 0));
    cr_expect_null(heed_cast(none, HEED_F64));
    cr_expect_null(heed_name(none, "n"));
    cr_expect_null(heed_zeros_like(none));
    cr_expect_null(heed_aux(none));
    cr_expect_null(heed_why(g), "calls without any graph can't fail one");
    cr_expect_null(heed_add(x, none));
    cr_expect_null(heed_matmul(none, x));
    cr_expect_null(heed_concat(HEED_NODES(x, none), 0));
    cr_expect_null(heed_where(x, none, x));
    expect_why(g, "add: input 1 is NULL");
    heed_graph_free(g);
}

Test(graph_build, null_graph_is_reported)
{
    cr_expect(heed_graph_failed(NULL));
    cr_expect_str_eq(heed_why(NULL), "no memory for a graph");
    cr_expect_null(heed_input(NULL, "x", HEED_F32, 1));
    cr_expect_null(heed_number(NULL, 1));
    cr_expect_null(heed_root(NULL));
    cr_expect_null(heed_compile(NULL, NULL, 0));
    heed_graph_free(NULL);
    heed_program_free(NULL);
    heed_store_free(NULL);
}

Test(graph_build, graphs_do_not_mix)
{
    heed_graph *a = heed_graph_new(), *b = heed_graph_new();
    heed_node *x = heed_input(a, "x", HEED_F32, 2), *y = heed_input(b, "y", HEED_F32, 2);
    cr_expect_null(heed_add(x, y));
    expect_why(a, "another graph");
    cr_expect_null(heed_compile(b, &x, 1));
    expect_why(b, "another graph");
    heed_graph_free(a);
    heed_graph_free(b);
}

Test(graph_build, dtypes_do_not_mix)
{
    heed_graph *g = heed_graph_new();
    heed_node *x = heed_input(g, "x", HEED_F32, 2), *y = heed_input(g, "y", HEED_F64, 2);
    cr_expect_null(heed_mul(x, y));
    expect_why(g, "f32 and f64");
    heed_graph_free(g);
    g = heed_graph_new();
    cr_expect_null(heed_exp(heed_input(g, "i", HEED_I32, 2)));
    expect_why(g, "must be f32 or f64, not i32");
    heed_graph_free(g);
}

/* Each refusal has a graph of its own. */
Test(graph_build, leaves_are_checked)
{
    heed_graph *g = heed_graph_new();
    cr_expect_null(heed_input(g, "x", HEED_F32, 2, -3));
    expect_why(g, "negative");
    heed_graph_free(g);
    g = heed_graph_new();
    cr_expect_null(heed_input(g, "x", HEED_F32, 1, 1, 1, 1, 1, 1, 1, 1, 1));
    expect_why(g, "rank");
    heed_graph_free(g);
    g = heed_graph_new();
    cr_expect_null(heed_input(g, "x", HEED_F32, INT64_MAX / 2, INT64_MAX / 2));
    expect_why(g, "larger than memory");
    heed_graph_free(g);
    g = heed_graph_new();
    cr_expect_not_null(heed_input(g, "x", HEED_F32, 1));
    cr_expect_null(heed_input(g, "x", HEED_F32, 1));
    expect_why(g, "'x' is taken");
    heed_graph_free(g);
    g = heed_graph_new();
    cr_expect_null(heed_input(g, "", HEED_F32, 1));
    expect_why(g, "name");
    heed_graph_free(g);
}

Test(graph_build, results_too_large_are_refused)
{
    heed_graph *g = heed_graph_new();
    heed_node *x = heed_full(g, 1, INT64_C(1) << 40, 1), *y = heed_full(g, 1, 1, INT64_C(1) << 40);
    cr_expect_null(heed_add(x, y));
    expect_why(g, "larger than memory");
    heed_graph_free(g);
}

/* A sentence longer than its room is cut, not written past the end. */
Test(graph_build, long_names_fit)
{
    heed_graph *g = heed_graph_new();
    char name[4000];
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    heed_node *x = heed_name(heed_full(g, 1, 2, 3), name), *y = heed_full(g, 1, 4);
    cr_expect_null(heed_add(x, y));
    cr_expect_lt(strlen(heed_why(g)), 1000);
    expect_why(g, "add: ");
    heed_graph_free(g);
}

Test(graph_build, constants_keep_their_data)
{
    heed_graph *g = heed_graph_new();
    float numbers[6] = { 1, 2, 3, 4, 5, 6 };
    heed_shape shape = HEED_SHAPE(2, 3);
    heed_view view = heed_view_of(numbers, HEED_F32, &shape);
    heed_view turned = heed_view_permute(&view, (int[]){ 1, 0 });
    heed_node *x = heed_constant(g, &turned), *y = heed_neg(x);
    memset(numbers, 0, sizeof numbers);
    kit_values v = kit_run(g, HEED_NODES(x, y), (heed_compile_options){ .threads = 1 });
    double expected[12] = { 1, 4, 2, 5, 3, 6, -1, -4, -2, -5, -3, -6 };
    cr_expect_arr_eq(v.value, expected, sizeof expected);
    heed_free(v.value);
    heed_graph_free(g);
}

Test(graph_build, outputs_may_be_anything)
{
    heed_store *store = heed_store_new(1);
    heed_graph *g = heed_graph_new(.store = store);
    heed_node *x = heed_input(g, "x", HEED_F32, 2, 3), *two = heed_number(g, 2);
    heed_node *w = heed_param(heed_root(g), "w", HEED_ONES, 2), *t = heed_transpose(x, 0, 1);
    heed_node *outputs[] = { x, x, t, w, two, heed_expand(two, 2, 2), heed_index(x, 0, 1) };
    kit_values v = kit_run(g, outputs, 7, (heed_compile_options){ .threads = 1 });
    cr_expect_eq(v.n, 6 + 6 + 6 + 2 + 1 + 4 + 3);
    for (int i = 0; i < 6; i++) {
        cr_expect_eq(v.value[i], v.value[6 + i]);
        cr_expect_eq(v.value[i], v.value[12 + i % 3 * 2 + i / 3], "transposed");
    }
    cr_expect(v.value[18] == 1 && v.value[20] == 2 && v.value[24] == 2);
    cr_expect_eq(v.value[25], v.value[3]);
    heed_free(v.value);
    cr_expect_null(heed_compile(g, outputs, 0));
    expect_why(g, "no outputs");
    heed_graph_free(g);
    heed_store_free(store);
}

Test(graph_build, inputs_of_a_program)
{
    heed_graph *g = heed_graph_new();
    heed_node *x = heed_input(g, "x", HEED_F32, 2), *y = heed_neg(x);
    cr_assert_not_null(heed_input(g, "unused", HEED_I32, 3));
    heed_program *p = heed_compile(g, &y, 1, .threads = 1);
    cr_assert_not_null(p, "%s", heed_why(g));
    heed_view unused = heed_program_input(p, "unused");
    cr_assert_not_null(unused.data, "known, and ignored");
    cr_expect(unused.dtype == HEED_I32 && unused.shape.dim[0] == 3);
    heed_view_fill(&unused, 7);
    cr_expect_null(heed_program_input(p, "missing").data);
    heed_program_free(p);
    heed_graph_free(g);
}

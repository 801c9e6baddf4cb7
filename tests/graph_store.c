/* Parameters: scopes name them, stores keep them, files carry them. */
#include <unistd.h>

#include "tests/graph_kit.h"

static char path[100];

static void make_path(void)
{
    snprintf(path, sizeof path, "/tmp/heed_store_%d.safetensors", (int)getpid());
}

static void drop_path(void)
{
    unlink(path);
}

TestSuite(graph_store, .init = make_path, .fini = drop_path);

static bool same(const heed_entry *a, const heed_entry *b)
{
    const heed_view *x = &a->tensor->view, *y = &b->tensor->view;
    return x->dtype == y->dtype && heed_shape_equal(&x->shape, &y->shape) &&
           memcmp(x->data, y->data, (size_t)heed_count(&x->shape) * heed_dtype_size(x->dtype)) == 0;
}

static const heed_init normal = { .rule = HEED_INIT_NORMAL, .b = 1 };

static heed_graph *two_parameters(heed_store *store, bool reverse)
{
    heed_graph *g = heed_graph_new(.store = store);
    heed_scope *s = heed_enter(heed_root(g), "net");
    if (reverse) cr_assert_not_null(heed_param(s, "b", normal, 5));
    cr_assert_not_null(heed_param(s, "a", normal, 3, 4));
    if (!reverse) cr_assert_not_null(heed_param(s, "b", normal, 5));
    return g;
}

Test(graph_store, scopes_name_parameters)
{
    heed_store *store = heed_store_new(1);
    heed_graph *g = heed_graph_new(.store = store);
    heed_scope *layer = heed_enter_at(heed_enter(heed_root(g), "encoder"), "layer", 3);
    cr_expect_str_eq(heed_scope_prefix(layer), "encoder/layer3/");
    cr_expect_eq(heed_scope_graph(layer), g);
    heed_node *w = heed_param(layer, "weight", normal, 2, 3);
    cr_assert_not_null(w, "%s", heed_why(g));
    cr_expect_str_eq(w->name, "encoder/layer3/weight");
    cr_expect_eq(heed_store_find(store, "encoder/layer3/weight"), w->entry);
    cr_expect_null(heed_store_find(store, "encoder/layer3/weights"));
    cr_expect_eq(heed_param(layer, "weight", normal, 2, 3), w, "one node per entry and graph");
    cr_expect_not_null(heed_state(layer, "mean", HEED_ZEROS, 7));
    cr_expect_eq(heed_store_count(store), 2);
    cr_expect_eq(heed_store_parameters(store), 6, "states are not parameters");
    cr_expect_eq(heed_graph_params(g, NULL, 0), 1);
    heed_graph_free(g);
    heed_store_free(store);
    cr_expect_eq(heed_memory_live_blocks(), 0);
}

Test(graph_store, null_scopes_pass_through)
{
    cr_expect_null(heed_enter(NULL, "a"));
    cr_expect_null(heed_enter_at(NULL, "a", 1));
    cr_expect_null(heed_param(NULL, "a", HEED_ZEROS, 1));
    cr_expect_null(heed_scope_graph(NULL));
}

Test(graph_store, first_values_do_not_depend_on_order)
{
    heed_store *one = heed_store_new(7), *two = heed_store_new(7), *other = heed_store_new(8);
    heed_graph *g[] = { two_parameters(one, false), two_parameters(two, true),
                        two_parameters(other, false) };
    cr_expect(same(heed_store_find(one, "net/a"), heed_store_find(two, "net/a")));
    cr_expect(same(heed_store_find(one, "net/b"), heed_store_find(two, "net/b")));
    cr_expect_not(same(heed_store_find(one, "net/a"), heed_store_find(other, "net/a")));
    for (int i = 0; i < 3; i++) heed_graph_free(g[i]);
    heed_store_free(one);
    heed_store_free(two);
    heed_store_free(other);
}

Test(graph_store, graphs_share_weights)
{
    heed_store *store = heed_store_new(1);
    heed_graph *a = two_parameters(store, false), *b = two_parameters(store, true);
    cr_expect_eq(heed_store_count(store), 2);
    heed_node *x = heed_param(heed_enter(heed_root(b), "net"), "b", HEED_ZEROS, 5);
    heed_view_fill(&heed_store_find(store, "net/b")->tensor->view, 3);
    cr_expect_eq(kit_number(heed_sum_all(x)), 15, "a program reads the store's own memory");
    heed_graph_free(a);
    heed_graph_free(b);
    heed_store_free(store);
}

Test(graph_store, mismatches_are_named)
{
    heed_store *store = heed_store_new(1);
    heed_graph *g = two_parameters(store, false);
    cr_expect_null(heed_param(heed_root(g), "net/a", normal, 4, 3));
    cr_expect_not_null(strstr(heed_why(g), "'net/a' has shape [3, 4]"), "%s", heed_why(g));
    cr_expect_not_null(strstr(heed_why(g), "[4, 3]"), "%s", heed_why(g));
    cr_expect_not_null(strstr(heed_why(g), "graph_store.c"), "%s", heed_why(g));
    heed_graph_free(g);
    g = heed_graph_new(.store = store, .dtype = HEED_F64);
    cr_expect_null(heed_param(heed_root(g), "net/b", normal, 5));
    cr_expect_not_null(strstr(heed_why(g), "f32"), "%s", heed_why(g));
    heed_graph_free(g);
    g = heed_graph_new();
    cr_expect_null(heed_param(heed_root(g), "w", normal, 5));
    cr_expect_not_null(strstr(heed_why(g), "no store"), "%s", heed_why(g));
    heed_graph_free(g);
    heed_store_free(store);
}

static const double *row_of(const heed_entry *entry)
{
    return entry->tensor->view.data;
}

Test(graph_store, first_values_follow_their_rules)
{
    heed_store *store = heed_store_new(5);
    heed_graph *g = heed_graph_new(.store = store, .dtype = HEED_F64);
    heed_scope *s = heed_root(g);
    heed_init uniform = { .rule = HEED_INIT_UNIFORM, .a = 2, .b = 3 };
    heed_init glorot = { .rule = HEED_INIT_GLOROT }, orthogonal = { .rule = HEED_INIT_ORTHOGONAL };
    heed_node *u = heed_param(s, "u", uniform, 400), *n = heed_param(s, "n", normal, 4000);
    heed_node *x = heed_param(s, "x", glorot, 30, 20), *q = heed_param(s, "q", orthogonal, 8, 5);
    heed_node *d = heed_param(s, "d", ((heed_init){ .rule = HEED_INIT_DEFAULT }), 16, 9);
    cr_assert(u && n && x && q && d, "%s", heed_why(g));
    for (int i = 0; i < 400; i++) cr_assert(row_of(u->entry)[i] >= 2 && row_of(u->entry)[i] < 3);
    double sum = 0, squares = 0, limit = sqrt(6.0 / 50);
    for (int i = 0; i < 4000; i++) sum += row_of(n->entry)[i];
    for (int i = 0; i < 4000; i++) squares += row_of(n->entry)[i] * row_of(n->entry)[i];
    cr_expect(fabs(sum / 4000) < 0.08 && fabs(squares / 4000 - 1) < 0.12, "%g %g", sum, squares);
    for (int i = 0; i < 600; i++) cr_assert(fabs(row_of(x->entry)[i]) <= limit);
    for (int i = 0; i < 144; i++) cr_assert(fabs(row_of(d->entry)[i]) <= 0.25);
    for (int a = 0; a < 5; a++) /* columns of q are orthonormal */
        for (int b = 0; b < 5; b++) {
            double dot = 0;
            for (int i = 0; i < 8; i++)
                dot += row_of(q->entry)[i * 5 + a] * row_of(q->entry)[i * 5 + b];
            cr_expect(fabs(dot - (a == b)) < 1e-12, "q%d . q%d = %g", a, b, dot);
        }
    heed_graph_free(g);
    heed_store_free(store);
}

/* Under another's name a parameter starts as that one does, made before it, after it or never. */
Test(graph_store, first_values_of_another_name)
{
    heed_store *store = heed_store_new(5);
    heed_graph *g = heed_graph_new(.store = store);
    heed_scope *s = heed_enter(heed_root(g), "net");
    heed_init as_query = normal;
    as_query.as = heed_full_name(s, "query");
    cr_expect_str_eq(as_query.as, "net/query");
    heed_node *before = heed_param(s, "before", as_query, 50);
    heed_node *query = heed_param(s, "query", normal, 50);
    heed_node *after = heed_param(s, "after", as_query, 50);
    heed_node *other = heed_param(s, "other", normal, 50);
    cr_assert(before && query && after && other, "%s", heed_why(g));
    cr_expect(same(before->entry, query->entry));
    cr_expect(same(after->entry, query->entry));
    cr_expect_not(same(other->entry, query->entry));
    cr_expect_null(heed_full_name(NULL, "query"));
    heed_graph_free(g);
    heed_store_free(store);
}

static int fills; /* how often fill_squares() ran */

static void fill_squares(const heed_view *value, const void *context)
{
    const double *factor = context;
    fills++;
    for (int64_t i = 2; i < heed_count(&value->shape); i++)
        heed_set(value, i, *factor * (double)(i * i));
}

Test(graph_store, first_values_by_a_function)
{
    const double factor = 0.5, expected[] = { 7, 7, 2, 4.5, 8 };
    const heed_init squares = {
        .rule = HEED_INIT_CONSTANT, .a = 7, .fill = fill_squares, .context = &factor
    };
    heed_store *store = heed_store_new(5);
    for (int again = 0; again < 2; again++) {
        heed_graph *g = heed_graph_new(.store = store);
        heed_node *x = heed_param(heed_root(g), "x", squares, 5);
        cr_assert_not_null(x, "%s", heed_why(g));
        for (int i = 0; i < 5; i++) cr_expect_eq(heed_get(&x->entry->tensor->view, i), expected[i]);
        heed_graph_free(g);
    }
    cr_expect_eq(fills, 1, "the second graph found it");
    heed_store_free(store);
}

Test(graph_store, a_parameter_that_could_not_start_is_not_there)
{
    heed_store *store = heed_store_new(5);
    const heed_init wrong = { .rule = (heed_init_rule)99 };
    heed_graph *g = heed_graph_new(.store = store);
    cr_expect_not_null(heed_param(heed_root(g), "a", HEED_ONES, 2));
    cr_expect_null(heed_param(heed_root(g), "b", wrong, 2));
    cr_expect(strstr(heed_why(g), "parameter 'b': unknown init rule 99"), "%s", heed_why(g));
    heed_graph_free(g);
    cr_expect_eq(heed_store_count(store), 1);
    g = heed_graph_new(.store = store);
    heed_node *b = heed_param(heed_root(g), "b", HEED_ONES, 2);
    cr_assert_not_null(b, "%s", heed_why(g));
    cr_expect_eq(heed_get(&b->entry->tensor->view, 1), 1);
    cr_expect_not_null(heed_store_find(store, "a"));
    heed_graph_free(g);
    heed_store_free(store);
}

/* ---- files ---- */

Test(graph_store, saves_and_loads_bit_for_bit)
{
    heed_error error = { .set = false };
    heed_store *store = heed_store_new(1), *empty = heed_store_new(2), *full = heed_store_new(3);
    heed_graph *g = two_parameters(store, false), *h = two_parameters(full, true);
    cr_assert_not_null(heed_state(heed_root(g), "running", HEED_ONES, 4));
    cr_assert_not_null(heed_moment_shaped(heed_root(g), "m", HEED_ONES, HEED_SHAPE(4)));
    heed_metadata note = { "who", "me" };
    cr_assert(heed_store_save(store, path, &note, 1, &error), "%s", error.text);
    cr_assert(heed_store_load(empty, path, &error), "%s", error.text);
    cr_assert(heed_store_load(full, path, &error), "%s", error.text);
    for (int i = 0; i < heed_store_count(store); i++) {
        const heed_entry *entry = heed_store_at(store, i);
        const heed_entry *made = heed_store_find(empty, entry->name);
        cr_assert(made && same(entry, made), "%s", entry->name);
        cr_assert(same(entry, heed_store_find(full, entry->name)), "%s", entry->name);
        cr_expect_eq(made->kind, entry->kind, "%s", entry->name);
    }
    heed_graph_free(g);
    heed_graph_free(h);
    heed_store_free(store);
    heed_store_free(empty);
    heed_store_free(full);
}

/* What the optimizer remembers is no part of the model; running statistics are. */
Test(graph_store, saves_the_model_alone)
{
    heed_error error = { .set = false };
    heed_store *store = heed_store_new(1), *empty = heed_store_new(2);
    heed_graph *g = two_parameters(store, false);
    cr_assert_not_null(heed_state(heed_root(g), "running", HEED_ONES, 4));
    cr_assert_not_null(heed_moment_shaped(heed_root(g), "m", HEED_ONES, HEED_SHAPE(4)));
    cr_assert(heed_store_save_parameters(store, path, NULL, 0, &error), "%s", error.text);
    cr_assert(heed_store_load(empty, path, &error), "%s", error.text);
    cr_expect_eq(heed_store_count(empty), 3);
    cr_assert_not_null(heed_store_find(empty, "running"));
    cr_expect_eq(heed_store_find(empty, "running")->kind, HEED_STATE);
    cr_expect_null(heed_store_find(empty, "m"));
    heed_graph_free(g);
    heed_store_free(store);
    heed_store_free(empty);
}

Test(graph_store, loads_f32_into_f64)
{
    heed_error error = { .set = false };
    heed_store *store = heed_store_new(1), *wide = heed_store_new(2);
    heed_graph *g = two_parameters(store, false);
    heed_graph *h = heed_graph_new(.store = wide, .dtype = HEED_F64);
    heed_node *b = heed_param(heed_root(h), "net/b", HEED_ZEROS, 5);
    cr_assert(heed_store_save(store, path, NULL, 0, &error), "%s", error.text);
    cr_assert(heed_store_load(wide, path, &error), "%s", error.text);
    for (int i = 0; i < 5; i++)
        cr_expect_eq(heed_get(&b->entry->tensor->view, i),
                     heed_get(&heed_store_find(store, "net/b")->tensor->view, i));
    heed_graph_free(g);
    heed_graph_free(h);
    heed_store_free(store);
    heed_store_free(wide);
}

Test(graph_store, unfit_file_changes_nothing)
{
    heed_error error = { .set = false };
    heed_store *store = heed_store_new(1), *other = heed_store_new(2);
    heed_graph *g = two_parameters(store, false), *h = heed_graph_new(.store = other);
    heed_node *a = heed_param(heed_root(h), "net/a", HEED_ONES, 3, 4);
    cr_assert_not_null(heed_param(heed_root(h), "net/b", HEED_ONES, 6), "the misfit");
    cr_assert(heed_store_save(store, path, NULL, 0, &error), "%s", error.text);
    cr_expect_not(heed_store_load(other, path, &error));
    cr_expect_not_null(strstr(error.text, "'net/b' has shape [5]"), "%s", error.text);
    cr_expect_not_null(strstr(error.text, path), "%s", error.text);
    for (int i = 0; i < 12; i++) cr_expect_eq(heed_get(&a->entry->tensor->view, i), 1);
    cr_expect_eq(heed_store_count(other), 2);
    error.set = false;
    cr_expect_not(heed_store_load(other, "/nowhere/at.all", &error));
    cr_expect_not_null(strstr(error.text, "/nowhere/at.all"), "%s", error.text);
    heed_graph_free(g);
    heed_graph_free(h);
    heed_store_free(store);
    heed_store_free(other);
    cr_expect_eq(heed_memory_live_blocks(), 0);
}

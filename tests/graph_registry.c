/* The registry: every operation is complete, every file is listed, users' operations join in. */
#include <dirent.h>
#include <limits.h>

#include "tests/graph_kit.h"

Test(graph_registry, names_are_unique_and_found)
{
    const heed_op *op;
    int n = 0;
    for (; (op = heed_op_at(n)); n++) {
        cr_expect_eq(heed_find_op(op->name), op, "%s is found by its name", op->name);
        for (int j = 0; j < n; j++) cr_expect_str_neq(op->name, heed_op_at(j)->name);
    }
    cr_expect(n >= 60, "%d operations", n);
    cr_expect_null(heed_op_at(-1));
    cr_expect_null(heed_find_op("no such operation"));
    cr_expect_null(heed_find_op(NULL));
}

Test(graph_registry, descriptors_are_complete)
{
    const heed_op *op;
    for (int i = 0; (op = heed_op_at(i)); i++) {
        heed_error error = { .set = false };
        heed_sample sample = { .n_in = 0 };
        cr_expect(heed_op_check(op, &error), "%s", error.text);
        cr_expect(op->doc && *op->doc, "%s has a doc", op->name);
        cr_expect_eq(op->diff != 0, op->vjp != NULL, "%s: a diff bit has a reverse rule", op->name);
        if (op->flags & HEED_LEAF) continue;
        if (op->body) continue; /* what it computes is a graph of its own */
        cr_expect(op->sample && op->sample(0, &sample), "%s has a sample", op->name);
        int most = op->max_in ? op->max_in : op->n_in;
        cr_expect(sample.n_in >= op->n_in && sample.n_in <= most, "%s takes its sample", op->name);
        if (most < 31) cr_expect_eq(op->diff >> most, 0, "%s: diff within its inputs", op->name);
    }
}

/* What `heed bench ops` runs: it fits, and is large. */
Test(graph_registry, large_cases_fit)
{
    const heed_op *op;
    int n = 0;
    for (int i = 0; (op = heed_op_at(i)); i++) {
        heed_sample sample = { .n_in = 0 };
        heed_node *in[HEED_SAMPLE_INPUTS];
        char name[16];
        if (!op->large) continue;
        cr_assert(op->large(&sample), "%s", op->name);
        heed_graph *g = heed_graph_new();
        int64_t most = 0;
        for (int k = 0; k < sample.n_in; k++) {
            const heed_sample_input *spec = &sample.in[k];
            snprintf(name, sizeof name, "x%d", k);
            if (spec->plan_of) {
                in[k] = heed_csr(in[spec->plan_of - 1], spec->below);
                cr_assert_not_null(in[k], "%s: %s", op->name, heed_why(g));
                cr_expect(heed_shape_equal(&in[k]->shape, &spec->shape), "%s: its plan", op->name);
                continue;
            }
            in[k] = heed_input_shaped(g, name, spec->index ? HEED_I32 : HEED_F32, spec->shape);
            cr_expect(!spec->index || spec->below > 1, "%s: input %d has a range", op->name, k);
        }
        heed_node *y = heed_apply(op, sample.attr, sample.n_in, in);
        cr_expect_not_null(y, "%s: %s", op->name, heed_why(g));
        for (int k = 0; k < sample.n_in; k++)
            if (in[k]) most = most > heed_count(&in[k]->shape) ? most : heed_count(&in[k]->shape);
        if (y && heed_count(&y->shape) > most) most = heed_count(&y->shape);
        cr_expect(most >= 1 << 20, "%s: its largest value has %lld numbers", op->name,
                  (long long)most);
        heed_graph_free(g);
        n++;
    }
    cr_expect(n > 10, "%d operations with a large case", n);
}

/* ---- every descriptor in ops/ is in the list ---- */

enum { MOST_TEXT = 200000 };
static char text[MOST_TEXT];

static void read_text(const char *path)
{
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s", path);
    text[fread(text, 1, MOST_TEXT - 1, file)] = '\0';
    fclose(file);
}

/* Each "const heed_op heed_op_NAME = {" at the start of a line of `text`. */
static int check_listed(const char *path)
{
    static const char start[] = "\nconst heed_op heed_op_";
    int found = 0;
    for (const char *at = text; (at = strstr(at, start)); found++) {
        char name[80];
        int length = 0;
        at += strlen(start);
        while (length < 79 && (at[length] == '_' || (at[length] >= 'a' && at[length] <= 'z') ||
                               (at[length] >= '0' && at[length] <= '9')))
            length++;
        snprintf(name, sizeof name, "%.*s", length, at);
        const heed_op *op = heed_find_op(name);
        cr_expect_not_null(op, "%s defines heed_op_%s, which HEED_OPS does not list", path, name);
        if (op) cr_expect_str_eq(op->name, name);
    }
    return found;
}

Test(graph_registry, every_file_is_listed)
{
    DIR *folder = opendir("ops");
    int found = 0;
    if (!folder) cr_skip("ops/ is not below the working directory");
    for (struct dirent *entry; (entry = readdir(folder));) {
        char path[300];
        size_t length = strlen(entry->d_name);
        if (length < 3 || strcmp(entry->d_name + length - 2, ".c") != 0) continue;
        snprintf(path, sizeof path, "ops/%s", entry->d_name);
        read_text(path);
        found += check_listed(path);
    }
    closedir(folder);
    int listed = 0;
    while (heed_op_at(listed)) listed++;
    cr_expect_eq(found + 5, listed, "%d descriptors in ops/ and 5 leaves; %d are listed", found,
                 listed);
}

/* ---- operations of a user ---- */

static void half_f32(int64_t n, const void *const *in, void *y, const void *attr)
{
    (void)attr;
    for (int64_t i = 0; i < n; i++) ((float *)y)[i] = ((const float *)in[0])[i] / 2;
}

static void half_f64(int64_t n, const void *const *in, void *y, const void *attr)
{
    (void)attr;
    for (int64_t i = 0; i < n; i++) ((double *)y)[i] = ((const double *)in[0])[i] / 2;
}

static void half_vjp(heed_vjp *v)
{
    v->dx[0] = heed_scale(v->dy, 0.5);
}

static bool half_sample(int k, heed_sample *sample)
{
    sample->n_in = 1;
    sample->in[0].shape = HEED_SHAPE(2, 3);
    return k < 1;
}

static const heed_tile half_tile = HEED_PLAIN_KERNEL(half_f32, half_f64);
static const heed_op half = {
    .name = "half",
    .doc = "y = x / 2.",
    .n_in = 1,
    .diff = 1,
    .tile = &half_tile,
    .vjp = half_vjp,
    .sample = half_sample,
};

Test(graph_registry, users_operations_join_in)
{
    heed_error error = { .set = false };
    int n = 0;
    while (heed_op_at(n)) n++;
    cr_assert(heed_register(&half, &error), "%s", error.text);
    cr_expect_eq(heed_op_at(n), &half);
    cr_expect_null(heed_op_at(n + 1));
    cr_expect_eq(heed_find_op("half"), &half);
    cr_expect(heed_register(&half, &error), "twice is harmless");
    cr_expect_null(heed_op_at(n + 1), "and adds nothing");
    cr_expect(heed_gradcheck_op(&half, (heed_gradcheck_options){ .order = 0 }).passed);

    heed_graph *g = heed_graph_new();
    heed_node *x = heed_input(g, "x", HEED_F32, 8), *y = heed_exp(x);
    y = heed_neg(heed_apply(&half, NULL, 1, &y));
    heed_program *p = heed_compile(g, &y, 1, .threads = 1);
    cr_assert_not_null(p, "%s", heed_why(g));
    cr_expect_eq(heed_program_describe(p).instructions, 1, "it is fused with its neighbours");
    heed_program_run(p);
    heed_view view = heed_program_output(p, 0);
    cr_expect_eq(heed_get(&view, 0), -0.5, "-exp(0) / 2");
    heed_program_free(p);
    heed_graph_free(g);
}

static void expect_refused(const heed_op *op, const char *part)
{
    heed_error error = { .set = false };
    cr_expect_not(heed_register(op, &error), "%s", part);
    cr_expect_not_null(strstr(error.text, part), "\"%s\" is not in: %s", part, error.text);
    if (op && op->name && strcmp(op->name, "add") != 0) cr_expect_null(heed_find_op(op->name));
}

static bool accept(heed_infer *infer)
{
    (void)infer;
    return true;
}

Test(graph_registry, incomplete_descriptors_are_refused)
{
    static const heed_tile no_f64 = HEED_PLAIN_KERNEL(half_f32, NULL);
    static const heed_tile no_f32 = HEED_PLAIN_KERNEL(NULL, half_f64);
    static const heed_kernel no_kernel = HEED_PLAIN_KERNEL(NULL, NULL);
    heed_op op;
    expect_refused(NULL, "no operation");
    op = half, op.name = NULL, expect_refused(&op, "no name");
    op = half, op.name = "", expect_refused(&op, "no name");
    op = half, op.doc = NULL, expect_refused(&op, "half has no description");
    op = half, op.vjp = NULL, expect_refused(&op, "no reverse rule");
    op = half, op.diff = 0, expect_refused(&op, "no input in diff");
    op = half, op.sample = NULL, expect_refused(&op, "no test sample");
    op = half, op.tile = NULL, expect_refused(&op, "exactly one");
    op = half, op.kernel = &no_kernel, expect_refused(&op, "exactly one");
    op = half, op.tile = &no_f64, expect_refused(&op, "f64");
    op = half, op.tile = &no_f32, expect_refused(&op, "f32");
    op = half, op.tile = NULL, op.kernel = &no_kernel, expect_refused(&op, "no shape rule");
    op.infer = accept, expect_refused(&op, "no portable variant");
    op = half, op.n_in = 3, op.max_in = 2, expect_refused(&op, "3 to 2");
    op = half, op.attr_size = 10000, expect_refused(&op, "10000");
    op = half, op.flags = HEED_LEAF, expect_refused(&op, "leaf");
}

Test(graph_registry, taken_names_are_refused)
{
    heed_error error = { .set = false };
    heed_op op = half;
    op.name = "add";
    expect_refused(&op, "operation named add already");
    static heed_op other;
    other = half;
    cr_assert(heed_register(&half, &error), "%s", error.text);
    cr_expect_not(heed_register(&other, &error), "another descriptor of the same name");
    cr_expect_eq(heed_find_op("half"), &half);
}

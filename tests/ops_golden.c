/* Golden vectors cover the catalogue: every builder of the headers has a case, every operation of
 * the registry is in some case's graph, every file of cases has its family. */
#include "tests/golden.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <string.h>

#define LIST_FAMILY(family) &golden_family_##family,
static const golden_family *const families[] = { GOLDEN_FAMILIES(LIST_FAMILY) };
#undef LIST_FAMILY
enum { N_FAMILIES = sizeof families / sizeof families[0] };

typedef struct exception {
    const char *name, *why;
} exception;

static const exception builders_without_case[] = {
    { "uniform", "its numbers are Heed's own" },
    { "normal", "its numbers are Heed's own" },
    { "gumbel", "its numbers are Heed's own" },
    { "bernoulli", "its numbers are Heed's own" },
    { "categorical", "its numbers are Heed's own" },
    { "gumbel_softmax", "its numbers are Heed's own" },
    { "dropout", "its mask comes from Heed's own random numbers" },
    { "scan", "compared with unrolled graphs in graph_scan.c" },
    { "dropout_axes", "as dropout's" },
    { "drop_path", "as dropout's" },
    { "assign", "it has no value; tests/ops_state.c" },
    { "moving_average", "it is an assignment" },
    { NULL, NULL },
};

static const exception ops_without_case[] = {
    { "uniform", "its numbers are Heed's own" },
    { "normal", "its numbers are Heed's own" },
    { "gumbel", "its numbers are Heed's own" },
    { "categorical", "its numbers are Heed's own" },
    { "dropout", "its mask comes from Heed's own random numbers" },
    { "assign", "it has no value; tests/ops_state.c" },
    { "parameter", "a leaf, as input" },
    { "scan", "compared with unrolled graphs in graph_scan.c" },
    { "copy", "the compiler puts it in" },
    { "matmul_pack", "the compiler puts it in" },
    { "matmul_packed", "the compiler puts it in" },
    { NULL, NULL },
};

static bool excepted(const exception *list, const char *name)
{
    while (list->name && strcmp(list->name, name) != 0) list++;
    return list->name != NULL;
}

/* "#define heed_NAME(" in a header. */
static int check_builders(const char *path)
{
    FILE *file = fopen(path, "r");
    char line[400], name[60];
    int n = 0;
    cr_assert_not_null(file, "%s", path);
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "#define heed_%59[a-z0-9_](", name) != 1) continue;
        bool found = excepted(builders_without_case, name);
        for (int i = 0; i < N_FAMILIES && !found; i++) found = golden_has_case(families[i], name);
        cr_expect(found, "%s: heed_%s has no golden case (tools/golden.py says how to add one)",
                  path, name);
        n++;
    }
    fclose(file);
    return n;
}

Test(ops_golden, every_builder_has_a_case)
{
    static const char *const headers[] = { "elementwise", "located",    "loops",
                                           "losses",      "networks",   "products",
                                           "random",      "reductions", "shapes" };
    int n = 0;
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        char path[40];
        snprintf(path, sizeof path, "ops/%s.h", headers[i]);
        n += check_builders(path);
    }
    cr_expect(n >= 75, "%d builders found", n);
}

static void mark_ops(void *context, const golden *c)
{
    bool *seen = context;
    for (int id = 0; id < heed_graph_size(c->graph); id++)
        for (int i = 0; heed_op_at(i); i++)
            if (heed_op_at(i) == heed_graph_node(c->graph, id)->op) seen[i] = true;
}

Test(ops_golden, every_operation_is_in_a_case)
{
    bool seen[1000] = { false };
    for (int i = 0; i < N_FAMILIES; i++) golden_each_graph(families[i], mark_ops, seen);
    for (int i = 0; heed_op_at(i); i++)
        cr_expect(seen[i] != excepted(ops_without_case, heed_op_at(i)->name),
                  "%s is in %s golden case's graph", heed_op_at(i)->name,
                  seen[i] ? "an exception, and in a" : "no");
}

Test(ops_golden, every_file_has_a_family)
{
    DIR *folder = opendir("tests/data");
    cr_assert_not_null(folder);
    for (struct dirent *entry; (entry = readdir(folder));) {
        char name[60];
        bool found = false;
        if (sscanf(entry->d_name, "golden_%59[a-z0-9_].safetensors", name) != 1) continue;
        for (int i = 0; i < N_FAMILIES; i++) found |= strcmp(families[i]->name, name) == 0;
        cr_expect(found, "tests/data/%s: no family %s in tests/golden.h", entry->d_name, name);
    }
    closedir(folder);
}

/* golden.c - read a golden case, build it in Heed, compare all numbers. */
#include "tests/golden.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- attributes: "axis=0 eps=1e-05 axes=0,2" ---- */

static void read_attributes(golden *c, const char *text)
{
    int length = 0;
    for (; sscanf(text, " %23[^= ]=%n", c->attribute[c->n_attributes].name, &length) == 1;) {
        size_t size = strcspn(text += length, " ");
        char *value = c->attribute[c->n_attributes].value;
        cr_assert(size < sizeof c->attribute->value, "%s: %s is too long", c->name, text);
        memcpy(value, text, size);
        value[size] = '\0';
        text += size;
        c->n_attributes++;
        cr_assert(c->n_attributes < GOLDEN_ATTRIBUTES, "%s: too many attributes", c->name);
    }
}

static const char *find_attribute(golden *c, const char *name)
{
    for (int i = 0; i < c->n_attributes; i++) {
        if (strcmp(c->attribute[i].name, name) != 0) continue;
        c->attribute[i].asked = true;
        return c->attribute[i].value;
    }
    return NULL;
}

static const char *need_attribute(golden *c, const char *name)
{
    const char *text = find_attribute(c, name);
    cr_assert_not_null(text, "%s has no attribute %s", c->name, name);
    return text;
}

double golden_number(golden *c, const char *name)
{
    return strtod(need_attribute(c, name), NULL);
}

double golden_number_or(golden *c, const char *name, double otherwise)
{
    const char *text = find_attribute(c, name);
    return text ? strtod(text, NULL) : otherwise;
}

const char *golden_text(golden *c, const char *name)
{
    return need_attribute(c, name);
}

bool golden_is(golden *c, const char *name, const char *value)
{
    return strcmp(need_attribute(c, name), value) == 0;
}

int golden_list(golden *c, const char *name, int *values)
{
    const char *text = need_attribute(c, name);
    int n = 0, length = 0;
    while (n < HEED_MAX_RANK && sscanf(text, "%d%n", &values[n], &length) == 1) {
        n++;
        text += length;
        text += *text == ',';
    }
    cr_assert(*text == '\0', "%s: %s is no list of whole numbers", c->name, name);
    return n;
}

heed_shape golden_shape(golden *c, const char *name)
{
    int values[HEED_MAX_RANK];
    heed_shape shape = { .rank = golden_list(c, name, values) };
    for (int i = 0; i < shape.rank; i++) shape.dim[i] = values[i];
    return shape;
}

/* ---- a case: its graph and what is compared ---- */

enum { MOST_OUTPUTS = 40 };

typedef struct golden_case {
    golden c;
    heed_file *file;
    int n_y, n;                    /* compared: */
    char what[MOST_OUTPUTS][12];   /* tensor of the file: "y0", "dx2" ... */
    heed_node *node[MOST_OUTPUTS]; /* and who should compute it */
    heed_node *x[GOLDEN_INPUTS], *dx[GOLDEN_INPUTS];
    int where[GOLDEN_INPUTS], n_x;
} golden_case;

static const heed_file_entry *entry_of(const golden_case *k, const char *what, int i)
{
    char name[120];
    snprintf(name, sizeof name, "%s:%s%d", k->c.name, what, i);
    return heed_file_find(k->file, name);
}

static heed_node *input_of(golden_case *k, const char *what, int i)
{
    const heed_file_entry *entry = entry_of(k, what, i);
    char name[24];
    if (!entry) return NULL;
    snprintf(name, sizeof name, "%s%d", what, i);
    heed_dtype dtype = heed_is_real(entry->dtype) ? heed_graph_dtype(k->c.graph) : HEED_I32;
    return heed_input_shaped(k->c.graph, name, dtype, entry->shape);
}

/* The file has `what`i: node is compared with it, and must be there. */
static void expect(golden_case *k, const char *what, int i, heed_node *node)
{
    if (!entry_of(k, what, i)) return;
    cr_assert_not_null(node, "%s: no %s%d: %s", k->c.name, what, i,
                       heed_why(k->c.graph) ? heed_why(k->c.graph) : "it depends on nothing");
    snprintf(k->what[k->n], sizeof k->what[k->n], "%s%d", what, i);
    k->node[k->n++] = node;
}

static void build_value(golden_case *k, const golden_builder *builder)
{
    golden *c = &k->c;
    while (c->n_in < GOLDEN_INPUTS && (c->in[c->n_in] = input_of(k, "x", c->n_in))) c->n_in++;
    if (builder->unary) c->y[0] = builder->unary(c->in[0]);
    if (builder->binary) c->y[0] = builder->binary(c->in[0], c->in[1]);
    if (builder->with_axis) c->y[0] = builder->with_axis(c->in[0], (int)golden_number(c, "axis"));
    if (builder->build) c->y[0] = builder->build(c);
    for (int i = 0; i < GOLDEN_OUTPUTS; i++) {
        if (!c->y[i]) cr_assert(i > 0, "%s: %s", c->name, heed_why(c->graph));
        if (c->y[i]) cr_assert(entry_of(k, "y", i), "%s: the file has no y%d", c->name, i);
        expect(k, "y", i, c->y[i]);
    }
}

/* Of second order: jvp is the derivative of y along q, h the gradient of <dx, q>. */
static void build_second(golden_case *k)
{
    golden *c = &k->c;
    heed_node *q[GOLDEN_INPUTS], *h[GOLDEN_INPUTS];
    for (int i = 0; i < k->n_x; i++)
        if (!(q[i] = input_of(k, "q", k->where[i]))) return;
    for (int i = 0; i < GOLDEN_OUTPUTS; i++)
        if (entry_of(k, "jvp", i)) expect(k, "jvp", i, heed_jvp(c->y[i], k->x, q, k->n_x));
    heed_gradient_of_all(k->dx, q, k->n_x, k->x, k->n_x, h);
    for (int i = 0; i < k->n_x; i++) expect(k, "h", k->where[i], h[i]);
}

static void build_gradients(golden_case *k)
{
    golden *c = &k->c;
    heed_node *y[GOLDEN_OUTPUTS], *r[GOLDEN_OUTPUTS];
    int n = 0;
    for (int i = 0; i < GOLDEN_OUTPUTS; i++) {
        if (!(r[n] = input_of(k, "r", i))) continue;
        y[n++] = c->y[i];
    }
    for (int i = 0; i < c->n_in; i++) {
        if (!entry_of(k, "dx", i)) continue;
        k->where[k->n_x] = i;
        k->x[k->n_x++] = c->in[i];
    }
    if (!k->n_x) return;
    heed_gradient_of_all(y, r, n, k->x, k->n_x, k->dx);
    for (int i = 0; i < k->n_x; i++) expect(k, "dx", k->where[i], k->dx[i]);
    build_second(k);
}

static const golden_builder *builder_of(const golden_family *family, const char *name)
{
    size_t length = strcspn(name, "/");
    for (const golden_builder *b = family->builders; b->name; b++)
        if (strlen(b->name) == length && memcmp(b->name, name, length) == 0) return b;
    return NULL;
}

static void build_case(golden_case *k, const golden_family *family, heed_file *file,
                       const char *name, heed_dtype dtype)
{
    const golden_builder *builder = builder_of(family, name);
    cr_assert_not_null(builder, "%s: no builder in tests/ops_golden_%s.c", name, family->name);
    memset(k, 0, sizeof *k);
    k->file = file;
    k->c.name = name;
    k->c.graph = heed_graph_new(.dtype = dtype);
    read_attributes(&k->c, heed_file_metadata(file, name));
    build_value(k, builder);
    build_gradients(k);
    cr_assert(!heed_graph_failed(k->c.graph), "%s: %s", name, heed_why(k->c.graph));
}

/* ---- comparing ---- */

static heed_tensor *read_tensor(heed_file *file, const heed_file_entry *entry)
{
    heed_error error = { .set = false };
    heed_tensor *tensor = heed_tensor_new(entry->dtype, &entry->shape, &error);
    cr_assert(tensor && heed_file_read(file, entry, &tensor->view, &error), "%s", error.text);
    return tensor;
}

static void fill_inputs(const golden_case *k, heed_program *p)
{
    char name[160];
    for (int id = 0; id < heed_graph_size(k->c.graph); id++) {
        const heed_node *node = heed_graph_node(k->c.graph, id);
        if (!heed_is_input(node)) continue;
        snprintf(name, sizeof name, "%s:%s", k->c.name, node->name);
        heed_tensor *tensor = read_tensor(k->file, heed_file_find(k->file, name));
        heed_view to = heed_program_input(p, node->name);
        heed_view_copy(&to, &tensor->view);
        heed_tensor_free(tensor);
    }
}

/* |a - b| <= bound * (the largest finite |b|, or 1 when all are 0), and the same infinities. */
static void compare(const golden_case *k, const char *what, const heed_view *a, double bound)
{
    char name[120];
    snprintf(name, sizeof name, "%s:%s", k->c.name, what);
    heed_tensor *expected = read_tensor(k->file, heed_file_find(k->file, name));
    const heed_view *b = &expected->view;
    cr_assert(heed_shape_equal(&a->shape, &b->shape), "%s has another shape", name);
    cr_assert_eq(heed_is_real(a->dtype), heed_is_real(b->dtype), "%s has another dtype", name);
    double largest = 0;
    int64_t n = heed_count(&b->shape);
    for (int64_t i = 0; i < n; i++)
        if (isfinite(heed_get(b, i))) largest = fmax(largest, fabs(heed_get(b, i)));
    if (largest == 0) largest = 1;
    for (int64_t i = 0; i < n; i++) {
        double x = heed_get(a, i), y = heed_get(b, i);
        bool same = x == y || (isnan(x) && isnan(y)) || fabs(x - y) <= bound * largest;
        cr_expect(same, "%s, %s: number %lld is %.17g, PyTorch has %.17g (difference %.2g of %.2g)",
                  name, heed_dtype_name(heed_graph_dtype(k->c.graph)), (long long)i, x, y,
                  fabs(x - y) / largest, bound);
        if (!same) break;
    }
    heed_tensor_free(expected);
}

static void check_case(const golden_family *family, heed_file *file, const char *name,
                       heed_dtype dtype)
{
    golden_case k;
    build_case(&k, family, file, name, dtype);
    double f32 = golden_number(&k.c, "f32");
    for (int i = 0; i < k.c.n_attributes; i++)
        cr_expect(k.c.attribute[i].asked, "%s: nobody asks for %s", name, k.c.attribute[i].name);
    heed_program *p = heed_compile(k.c.graph, k.node, k.n, .threads = 1, .fill_nan = true);
    cr_assert_not_null(p, "%s: %s", name, heed_why(k.c.graph));
    fill_inputs(&k, p);
    heed_program_run(p);
    for (int i = 0; i < k.n; i++) {
        heed_view view = heed_program_output(p, i);
        compare(&k, k.what[i], &view, dtype == HEED_F64 ? 1e-10 : f32);
    }
    heed_program_free(p);
    heed_graph_free(k.c.graph);
}

/* ---- a whole family ---- */

static heed_file *open_family(const golden_family *family)
{
    char path[120];
    heed_error error = { .set = false };
    snprintf(path, sizeof path, "tests/data/golden_%s.safetensors", family->name);
    heed_file *file = heed_file_open(path, &error);
    cr_assert_not_null(file, "%s", error.text);
    return file;
}

bool golden_has_case(const golden_family *family, const char *name)
{
    heed_file *file = open_family(family);
    size_t length = strlen(name);
    bool found = false;
    for (int i = 0; i < heed_file_metadata_count(file); i++) {
        const char *key = heed_file_metadata_key(file, i);
        found |= strncmp(key, name, length) == 0 && key[length] == '/';
    }
    heed_file_close(file);
    return found;
}

void golden_each_graph(const golden_family *family, void (*see)(void *context, const golden *c),
                       void *context)
{
    heed_file *file = open_family(family);
    for (int i = 0; i < heed_file_metadata_count(file); i++) {
        golden_case k;
        build_case(&k, family, file, heed_file_metadata_key(file, i), HEED_F64);
        see(context, &k.c);
        heed_graph_free(k.c.graph);
    }
    heed_file_close(file);
}

void golden_check(const golden_family *family)
{
    heed_file *file = open_family(family);
    for (int i = 0; i < heed_file_metadata_count(file); i++) {
        check_case(family, file, heed_file_metadata_key(file, i), HEED_F64);
        check_case(family, file, heed_file_metadata_key(file, i), HEED_F32);
    }
    heed_file_close(file);
    for (const golden_builder *b = family->builders; b->name; b++)
        cr_expect(golden_has_case(family, b->name), "%s: no case in golden_%s.safetensors", b->name,
                  family->name);
    cr_expect_eq(heed_memory_live_blocks(), 0, "nothing leaks");
}

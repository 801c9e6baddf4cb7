/* Looking inside: HEED_CHECK=nan, Graphviz text, the profile's table and trace. */
#include <ctype.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/graph_examples.h"
#include "tests/graph_kit.h"

static heed_graph *g;

static void open_graph(void)
{
    g = heed_graph_new();
}

static void close_graph(void)
{
    heed_graph_free(g);
    cr_expect_eq(heed_memory_live_blocks(), 0, "nothing leaks");
}

TestSuite(graph_inspect, .init = open_graph, .fini = close_graph);

/* ---- HEED_CHECK=nan ---- */

Test(graph_inspect, check_names_the_first_bad_node)
{
    setenv("HEED_CHECK", "nan", 1);
    heed_node *x = heed_input(g, "x", HEED_F32, 4);
    heed_node *good = heed_softmax(x, -1);
    heed_node *product = heed_matmul(heed_full(g, -1, 1, 4), heed_unsqueeze(good, 1));
    heed_node *bad = heed_name(heed_log(product), "culprit");
    int line = __LINE__ - 1;
    heed_node *later = heed_exp(heed_sum_all(bad));
    heed_program *p = heed_compile(g, &later, 1, .threads = 2, .passes = "-fuse");
    cr_assert_not_null(p, "%s", heed_why(g));
    cr_expect_null(heed_program_why(p));
    cr_expect_not(heed_program_run(p));
    const char *why = heed_program_why(p);
    char where[60];
    snprintf(where, sizeof where, "graph_inspect.c:%d", line);
    cr_assert_not_null(why);
    cr_expect_not_null(strstr(why, "log 'culprit' [1, 1] f32"), "%s", why);
    cr_expect_not_null(strstr(why, "nan"), "%s", why);
    cr_expect_not_null(strstr(why, where), "%s", why);
    cr_expect_not_null(strstr(why, "matmul [1, 1] f32 in -1 .. -1"), "%s", why);
    heed_program_free(p);
}

Test(graph_inspect, check_lets_finite_values_pass)
{
    setenv("HEED_CHECK", "nan", 1);
    heed_node *x = heed_input(g, "x", HEED_F32, 4), *y = heed_log(heed_exp(x));
    heed_program *p = heed_compile(g, &y, 1);
    cr_assert_not_null(p);
    cr_expect(heed_program_run(p));
    cr_expect_null(heed_program_why(p));
    heed_view in = heed_program_input(p, "x");
    heed_set(&in, 2, INFINITY);
    cr_expect_not(heed_program_run(p), "an input may be bad from one run to the next");
    heed_program_free(p);
}

Test(graph_inspect, check_finds_bad_values_inside_a_fused_instruction)
{
    setenv("HEED_CHECK", "nan", 1);
    heed_node *x = heed_input(g, "x", HEED_F32, 4);
    heed_node *y = heed_mul(heed_relu(heed_log(heed_affine(x, 1, -1))), x); /* log(-1) */
    heed_node *z = heed_where(heed_less(x, heed_number(g, 5)), x, y);       /* y is not selected */
    heed_program *p = heed_compile(g, &z, 1, .threads = 1);
    heed_program_run(p);
    const char *why = heed_program_why(p);
    cr_expect(why && strstr(why, "log"), "the first bad value is log's: %s",
              why ? why : "no error");
    heed_program_free(p);
}

/* What a run of `y` on x complains of, in g's graph; x = number[0 .. 3]. */
static void expect_complaint(heed_node *y, const double *numbers, const char *const *parts)
{
    setenv("HEED_CHECK", "nan", 1);
    heed_program *p = heed_compile(g, &y, 1, .threads = 2);
    cr_assert_not_null(p, "%s", heed_why(g));
    heed_view x = heed_program_input(p, "x");
    for (int i = 0; i < 4; i++) heed_set(&x, i, numbers[i]);
    bool fine = heed_program_run(p);
    const char *why = heed_program_why(p);
    cr_expect_eq(fine, !parts[0], "%s", why ? why : "no complaint");
    for (; why && *parts; parts++) cr_expect_not_null(strstr(why, *parts), "%s: %s", *parts, why);
    heed_program_free(p);
}

Test(graph_inspect, check_counts_what_operands_hold)
{
    heed_node *x = heed_input(g, "x", HEED_F32, 4), *half = heed_scale(x, 0.5);
    heed_node *y = heed_mul(heed_tanh(half), heed_rsqrt(heed_name(half, "half"))); /* one line */
    expect_complaint(heed_sum_all(y), (double[]){ 4, -2, -4, 0 },
                     (const char *[]){ "rsqrt [4] f32: element 1 is", "nan, 3 of 4 numbers",
                                       "graph_inspect.c:", "'half' [4] f32 in -2 .. 2", NULL });
    expect_complaint(heed_exp(half), (double[]){ 1, INFINITY, 3, NAN },
                     (const char *[]){ "affine 'half' [4] f32: element 3", "2 of 4 numbers",
                                       "input 'x' [4] f32 in 1 .. 3, 1 NaN and 1 infinite of 4",
                                       NULL });
}

Test(graph_inspect, check_lets_masks_of_infinity_pass)
{
    heed_node *x = heed_input(g, "x", HEED_F32, 4), *none = heed_number(g, 0), *dx;
    heed_node *mask = heed_stop_gradient(heed_less(x, none));
    heed_node *masked = heed_masked_fill(x, mask, -INFINITY);
    heed_node *loss = heed_sum_all(heed_square(heed_softmax(heed_scale(masked, 2), -1)));
    cr_assert(heed_gradient(loss, NULL, &x, 1, &dx));
    const double some[] = { 1, -1, -2, 3 }, none_left[] = { -1, -1, -2, -3 };
    expect_complaint(heed_add(dx, loss), some, (const char *[]){ NULL });
    expect_complaint(heed_sub(masked, masked), some,
                     (const char *[]){ "sub [4] f32: element 1", NULL });
    expect_complaint(heed_softmax(masked, -1), none_left, (const char *[]){ NULL }); /* 0 */
}

Test(graph_inspect, check_names_infinities_that_are_made)
{
    heed_node *x = heed_input(g, "x", HEED_F32, 4);
    heed_node *y = heed_exp(x), *z = heed_div(heed_number(g, 1), y); /* 1 / inf is 0 */
    expect_complaint(z, (double[]){ 1, 2, 100, 4 },
                     (const char *[]){ "exp [4] f32: element 2 is inf, 1 of 4", "in 1 .. 100",
                                       NULL });
    expect_complaint(z, (double[]){ 1, 2, 3, 4 }, (const char *[]){ NULL });
}

Test(graph_inspect, unknown_check_is_refused)
{
    setenv("HEED_CHECK", "nans", 1);
    heed_node *y = heed_number(g, 1);
    cr_expect_null(heed_compile(g, &y, 1));
    cr_expect_not_null(strstr(heed_why(g), "'nans'"), "%s", heed_why(g));
}

/* ---- text that is written to a file ---- */

static char *text_of(FILE *file)
{
    long size = ftell(file);
    char *text = malloc((size_t)size + 1);
    rewind(file);
    cr_assert(text && fread(text, 1, (size_t)size, file) == (size_t)size);
    text[size] = '\0';
    fclose(file);
    return text;
}

static int count_of(const char *text, const char *part)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part)) n++;
    return n;
}

/* Every quote is closed on its line, and braces and brackets outside quotes balance. */
static bool is_balanced(const char *text)
{
    int open = 0;
    bool quoted = false;
    for (; *text; text++) {
        if (*text == '\\' && quoted && text[1])
            text++;
        else if (*text == '"')
            quoted = !quoted;
        else if (*text == '\n' && quoted)
            return false;
        else if (!quoted)
            open += (strchr("{[", *text) != NULL) - (strchr("}]", *text) != NULL);
        if (open < 0) return false;
    }
    return open == 0 && !quoted;
}

Test(graph_inspect, dot_has_every_node_and_edge)
{
    heed_node *x = heed_name(heed_full(g, 1, 2, 3), "a \"quoted\\\n name");
    heed_node *y = heed_matmul(x, heed_transpose(heed_input(g, "in", HEED_F32, 2, 3), 0, 1));
    heed_sum_all(heed_add(y, y));
    FILE *file = tmpfile();
    cr_assert(file && heed_graph_dot(g, file));
    char *text = text_of(file);
    int edges = 0;
    for (int id = 0; id < heed_graph_size(g); id++) edges += heed_graph_node(g, id)->n_in;
    cr_expect_eq(strncmp(text, "digraph ", 8), 0);
    cr_expect_eq(count_of(text, " -> "), edges);
    cr_expect_eq(count_of(text, "label="), heed_graph_size(g));
    cr_expect(is_balanced(text), "%s", text);
    cr_expect_not_null(strstr(text, "a \\\"quoted\\\\  name"), "%s", text);
    cr_expect_not_null(strstr(text, "matmul\\n[2, 2] f32"), "%s", text);
    cr_expect_not_null(strstr(text, "graph_inspect.c:"), "%s", text);
    free(text);
}

static heed_program *profiled(int threads, int runs)
{
    heed_node *x = heed_input(g, "x", HEED_F32, 64, 64), *y = x;
    for (int i = 0; i < 4; i++) y = heed_softmax(heed_tanh(heed_matmul(y, x)), -1);
    heed_program *p = heed_compile(g, &y, 1, .threads = threads);
    cr_assert(p && heed_profile_start(p), "%s", heed_why(g));
    for (int i = 0; i < runs; i++) cr_assert(heed_program_run(p));
    return p;
}

Test(graph_inspect, profile_lists_operations)
{
    heed_program *p = profiled(2, 5);
    FILE *file = tmpfile();
    heed_profile_print(p, file);
    char *text = text_of(file);
    cr_expect_eq(count_of(text, "matmul_packed"), 1, "one line for each operation: %s", text);
    cr_expect_eq(count_of(text, "softmax"), 1, "%s", text);
    cr_expect_not_null(strstr(text, "GFLOP/s"), "%s", text);
    cr_expect_not_null(strstr(text, " 5 runs"), "%s", text);
    double share, sum = 0;
    for (const char *at = text; (at = strchr(at, '%')); at++) {
        const char *start = at;
        while (start > text && (isdigit((unsigned char)start[-1]) || start[-1] == '.')) start--;
        if (sscanf(start, "%lf", &share) == 1 && start != at) sum += share;
    }
    cr_expect(fabs(sum - 200) < 1, "shares add up to 100 %%, and the total is 100 %%: %g", sum);
    free(text);
    heed_program_free(p);
}

Test(graph_inspect, trace_is_json_with_every_instruction)
{
    heed_program *p = profiled(2, 3);
    char path[100];
    heed_error error = { .set = false };
    snprintf(path, sizeof path, "/tmp/heed_trace_%d.json", (int)getpid());
    cr_assert(heed_profile_trace(p, path, &error), "%s", error.text);
    FILE *file = fopen(path, "r");
    fseek(file, 0, SEEK_END);
    char *text = text_of(file);
    cr_expect(is_balanced(text));
    cr_expect_null(strstr(text, ",\n]"), "no comma before the end");
    cr_expect(count_of(text, "\"ph\":\"X\"") >= heed_program_describe(p).instructions);
    cr_expect(count_of(text, "\"name\":\"matmul_packed") >= 4);
    cr_expect_null(strstr(text, "\"dur\":-"));
    free(text);
    unlink(path);
    cr_expect_not(heed_profile_trace(p, "/nowhere/trace.json", &error));
    cr_expect_not_null(strstr(error.text, "/nowhere/trace.json"));
    heed_program_free(p);
}

Test(graph_inspect, no_profile_without_start)
{
    heed_error error = { .set = false };
    heed_node *y = heed_number(g, 1);
    heed_program *p = heed_compile(g, &y, 1, .threads = 1);
    heed_program_run(p);
    cr_expect_not(heed_profile_trace(p, "/tmp/heed_no_trace.json", &error));
    cr_expect_not_null(strstr(error.text, "heed_profile_start"), "%s", error.text);
    heed_program_free(p);
}

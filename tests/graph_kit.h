/* graph_kit.h - for tests of graphs: fill the inputs, run, keep the outputs, compare. */
#ifndef HEED_TESTS_GRAPH_KIT_H
#define HEED_TESTS_GRAPH_KIT_H

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "heed.h"

/* All outputs of a run, one after another. Converting f32 to double loses no bit. */
typedef struct kit_values {
    double *value;
    int64_t n;
} kit_values;

/* Every input of `graph` from a stream of its own: the same numbers in f32 and f64, in -1 .. 1;
 * indices in 0 .. 2. */
static inline void kit_fill(heed_program *p, const heed_graph *graph, uint64_t seed)
{
    for (int id = 0; id < heed_graph_size(graph); id++) {
        const heed_node *node = heed_graph_node(graph, id);
        if (!heed_is_input(node)) continue;
        heed_view view = heed_program_input(p, node->name);
        heed_rng rng = heed_rng_new(seed, heed_hash(node->name, strlen(node->name), 0));
        int64_t count = heed_count(&view.shape);
        cr_assert_not_null(view.data, "input %s has memory", node->name);
        for (int64_t i = 0; i < count; i++) {
            float value = (float)(2 * heed_random_uniform(&rng) - 1);
            heed_set(&view, i,
                     heed_is_real(view.dtype) ? value : (double)(int)(value * 1.5f + 1.5f));
        }
    }
}

static inline kit_values kit_take(const heed_program *p, int n)
{
    kit_values all = { NULL, 0 };
    for (int k = 0; k < n; k++) {
        heed_view view = heed_program_output(p, k);
        all.n += heed_count(&view.shape);
    }
    all.value = heed_alloc_array((size_t)all.n + 1, sizeof *all.value);
    cr_assert_not_null(all.value);
    int64_t at = 0;
    for (int k = 0; k < n; k++) {
        heed_view view = heed_program_output(p, k);
        for (int64_t i = 0; i < heed_count(&view.shape); i++) all.value[at++] = heed_get(&view, i);
    }
    return all;
}

static inline bool kit_same_bits(kit_values a, kit_values b)
{
    return a.n == b.n && memcmp(a.value, b.value, (size_t)a.n * sizeof *a.value) == 0;
}

/* Two runs of a new program, which must agree to the bit; then everything is freed. */
static inline kit_values kit_run(heed_graph *graph, heed_node *const *outputs, int n,
                                 heed_compile_options options)
{
    options.fill_nan = true;
    heed_program *p = heed_compile_with(graph, outputs, n, options);
    cr_assert_not_null(p, "passes %s: %s", options.passes ? options.passes : "all",
                       heed_why(graph));
    kit_fill(p, graph, 1);
    cr_assert(heed_program_run(p), "%s", heed_program_why(p));
    kit_values first = kit_take(p, n);
    heed_program_set_step(p, 0);
    cr_assert(heed_program_run(p));
    kit_values second = kit_take(p, n);
    cr_assert(kit_same_bits(first, second), "a second run gives other numbers");
    heed_program_free(p);
    heed_free(second.value);
    return first;
}

/* Index of the first pair with |a - b| > tolerance max(1, |a|, |b|), or -1. Non-finite values must
 * be the same on both sides. */
static inline int64_t kit_difference(kit_values a, kit_values b, double tolerance)
{
    if (a.n != b.n) return 0;
    for (int64_t i = 0; i < a.n; i++) {
        double x = a.value[i], y = b.value[i];
        if (x == y || (isnan(x) && isnan(y))) continue;
        if (!(fabs(x - y) <= tolerance * fmax(1, fmax(fabs(x), fabs(y))))) return i;
    }
    return -1;
}

static inline bool kit_finite(kit_values a)
{
    for (int64_t i = 0; i < a.n; i++)
        if (!isfinite(a.value[i])) return false;
    return true;
}

/* y was refused, with a sentence that has `part` in it; the graph is freed. */
static inline void kit_refused(heed_graph *graph, const heed_node *y, const char *part)
{
    cr_assert_null(y);
    cr_assert(heed_why(graph) && strstr(heed_why(graph), part), "%s", heed_why(graph));
    heed_graph_free(graph);
}

/* A one-output program's only number. */
static inline double kit_number(heed_node *y)
{
    cr_assert_not_null(y);
    kit_values all = kit_run(y->graph, &y, 1, (heed_compile_options){ .threads = 1 });
    double value = all.value[0];
    cr_assert_eq(all.n, 1);
    heed_free(all.value);
    return value;
}

#endif

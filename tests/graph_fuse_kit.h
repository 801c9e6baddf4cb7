/* graph_fuse_kit.h - for tests of fused programs: the same with and without. */
#ifndef HEED_TESTS_GRAPH_FUSE_KIT_H
#define HEED_TESTS_GRAPH_FUSE_KIT_H

#include "tests/graph_kit.h"

static inline heed_program_facts facts_of(heed_node *const *y, int n, const char *passes)
{
    heed_program *p = heed_compile(y[0]->graph, y, n, .threads = 1, .passes = passes);
    cr_assert_not_null(p, "%s", heed_why(y[0]->graph));
    heed_program_facts facts = heed_program_describe(p);
    heed_program_free(p);
    return facts;
}

static inline double tolerance_of(heed_dtype dtype)
{
    return dtype == HEED_F64 ? 1e-12 : 1e-5;
}

/* With and without fusion within rounding; 1, 2, 3 and 8 threads to the bit. */
static inline void expect_same(heed_node *const *y, int n, const char *what)
{
    heed_graph *g = y[0]->graph;
    kit_values fused = kit_run(g, y, n, (heed_compile_options){ .threads = 1 });
    static const char *const others[] = { "-fuse", "-recompute", "-place,-inplace", "none,+fuse" };
    for (int i = 0; i < 4; i++) {
        kit_values alone =
            kit_run(g, y, n, (heed_compile_options){ .threads = 1, .passes = others[i] });
        int64_t at = kit_difference(fused, alone, tolerance_of(y[0]->dtype));
        cr_expect(at < 0, "%s: number %lld is %.17g, with passes '%s' %.17g", what, (long long)at,
                  at < 0 ? 0 : fused.value[at], others[i], at < 0 ? 0 : alone.value[at]);
        heed_free(alone.value);
    }
    heed_compile_options recompute = { .threads = 1, .recompute_above = 1 };
    kit_values anew = kit_run(g, y, n, recompute);
    cr_expect(kit_difference(fused, anew, tolerance_of(y[0]->dtype)) < 0, "%s: recomputed", what);
    heed_free(anew.value);
    static const int threads[] = { 2, 3, 8 };
    for (int i = 0; i < 3; i++) {
        kit_values more = kit_run(g, y, n, (heed_compile_options){ .threads = threads[i] });
        cr_expect(kit_same_bits(fused, more), "%s: %d threads, other bits", what, threads[i]);
        heed_free(more.value);
    }
    heed_free(fused.value);
}

#endif

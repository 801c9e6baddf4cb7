/* Random graphs agree: node by node and compiled, each setting of the passes, any thread count.
 *
 * A failure names its seed; HEED_RANDOM_SEED=N runs that graph alone, HEED_RANDOM_GRAPHS=N more of
 * them than usual. */
#include "tests/graph_kit.h"
#include "tests/graph_naive.h"
#include "tests/graph_random_make.h"

#ifdef HEED_SANITIZED
enum { GRAPHS = 600, SHARES = 4 };
#else
enum { GRAPHS = 10000, SHARES = 4 };
#endif

typedef struct random_case {
    uint64_t seed;
    heed_store *store;
    heed_graph *graph;
    heed_node *outputs[RANDOM_OUTPUTS];
    int n;
} random_case;

static random_case make_case(uint64_t seed, heed_dtype dtype)
{
    random_case c = { .seed = seed, .store = heed_store_new(seed) };
    c.graph = heed_graph_new(.store = c.store, .dtype = dtype, .training = true);
    c.n = random_graph_make(c.graph, seed, c.outputs);
    cr_assert(c.n > 0, "seed %llu: %s", (unsigned long long)seed, heed_why(c.graph));
    return c;
}

static void free_case(random_case *c)
{
    heed_graph_free(c->graph);
    heed_store_free(c->store);
}

static void expect_same(const random_case *c, kit_values a, kit_values b, double tolerance,
                        const char *what)
{
    int64_t at = kit_difference(a, b, tolerance);
    cr_expect(at < 0, "HEED_RANDOM_SEED=%llu, %s %s: number %lld is %.17g and %.17g",
              (unsigned long long)c->seed, heed_dtype_name(heed_graph_dtype(c->graph)), what,
              (long long)at, at < 0 ? 0 : a.value[at], at < 0 ? 0 : b.value[at]);
}

/* Every value that broadcasting made, computed anew wherever it is read. */
static void check_recomputed(const random_case *c, kit_values naive, double tolerance)
{
    heed_compile_options options = { .threads = 1, .recompute_above = 1 };
    kit_values one = kit_run(c->graph, c->outputs, c->n, options);
    options.threads = 3;
    kit_values three = kit_run(c->graph, c->outputs, c->n, options);
    expect_same(c, naive, one, tolerance, "recomputed");
    expect_same(c, one, three, 0, "recomputed, threads");
    heed_free(one.value);
    heed_free(three.value);
}

static void check_case(uint64_t seed, heed_dtype dtype, double tolerance)
{
    static const char *const settings[] = { "none",      "none,+fuse",    "none,+place", "-fuse",
                                            "-simplify", "none,+inplace", "-inplace",    "-reuse" };
    enum { N_SETTINGS = sizeof settings / sizeof settings[0] };
    random_case c = make_case(seed, dtype);
    kit_values all = kit_run(c.graph, c.outputs, c.n, (heed_compile_options){ .threads = 1 });
    kit_values naive = naive_run(c.graph, c.outputs, c.n);
    expect_same(&c, all, naive, tolerance, "compiled and node by node");
    for (int i = 0; i < 3; i++) { /* "none" always, two others in turn */
        const char *passes = settings[i ? 1 + (seed * 2 + (uint64_t)i) % (N_SETTINGS - 1) : 0];
        kit_values some = kit_run(c.graph, c.outputs, c.n,
                                  (heed_compile_options){ .threads = 1, .passes = passes });
        expect_same(&c, all, some, tolerance, passes);
        heed_free(some.value);
    }
    static const int threads[] = { 2, 3, 8 };
    for (int i = 0; i < 3; i++) {
        kit_values some =
            kit_run(c.graph, c.outputs, c.n, (heed_compile_options){ .threads = threads[i] });
        cr_expect(kit_same_bits(all, some), "HEED_RANDOM_SEED=%llu, %s: %d threads, other bits",
                  (unsigned long long)seed, heed_dtype_name(dtype), threads[i]);
        heed_free(some.value);
    }
    heed_free(all.value);
    check_recomputed(&c, naive, tolerance);
    heed_free(naive.value);
    free_case(&c);
}

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

static void check_dtype(uint64_t seed, heed_dtype dtype)
{
    check_case(seed, dtype, dtype == HEED_F64 ? 1e-12 : 1e-5);
}

/* Every SHARES-th graph from `first` on, for the runner has several processors. They are f64 and
 * f32 in turn; a replayed one is both. */
static void check_share(uint64_t first)
{
    uint64_t n = number_from("HEED_RANDOM_GRAPHS", GRAPHS),
             seed = number_from("HEED_RANDOM_SEED", 0);
    for (uint64_t k = first; !seed && k <= n; k += SHARES)
        check_dtype(k, k / SHARES % 2 ? HEED_F32 : HEED_F64);
    if (seed && first == 1) {
        check_dtype(seed, HEED_F64);
        check_dtype(seed, HEED_F32);
    }
    cr_expect_eq(heed_memory_live_blocks(), 0, "nothing leaks");
}

Test(graph_random, agree_1)
{
    check_share(1);
}

Test(graph_random, agree_2)
{
    check_share(2);
}

Test(graph_random, agree_3)
{
    check_share(3);
}

Test(graph_random, agree_4)
{
    check_share(4);
}

/* The generator is worth its name: all of the registry turns up (but assignments, after which a
 * second run differs), and the values are sane. */
Test(graph_random, draws_the_whole_catalogue)
{
    bool seen[1000] = { false };
    int finite = 0;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        random_case c = make_case(seed, HEED_F64);
        for (int id = 0; id < heed_graph_size(c.graph); id++)
            for (int i = 0; heed_op_at(i); i++)
                if (heed_graph_node(c.graph, id)->op == heed_op_at(i)) seen[i] = true;
        kit_values v = kit_run(c.graph, c.outputs, c.n, (heed_compile_options){ .threads = 1 });
        finite += kit_finite(v);
        heed_free(v.value);
        free_case(&c);
    }
    for (int i = 0; heed_op_at(i); i++)
        cr_expect(seen[i] || heed_op_at(i)->flags & HEED_LEAF || heed_op_at(i)->body ||
                      heed_op_at(i)->writes,
                  "%s is in no random graph", heed_op_at(i)->name);
    cr_expect(finite >= 360, "%d of 400 graphs have only finite values", finite);
}

/* States of loops that are written in place, a row in each step: against unrolled graphs, whoever
 * reads the state and when, with gradients, for any number of threads and without passes. */
#include "tests/graph_kit.h"

enum { T = 5, ROWS = 4, B = 3 };

/* Who else reads the memory that a step writes x into. */
typedef enum variant {
    NOBODY,
    READ_BEFORE, /* all of it, elementwise */
    READ_AFTER,  /* as it was, by what is built after the write */
    READ_NEXT,   /* as it will be */
    CROSSED,     /* the other state, after the write */
    OVERLAP,     /* the row that is written is one of the memory itself */
    HISTORY,     /* it is an output, too */
    N_VARIANTS
} variant;

/* memory and other [ROWS, B, B], x [B, B]; a row of memory, a column of other. */
static bool step(void *context, heed_node *const *state, heed_node *const *x, heed_node **next,
                 heed_node **y)
{
    const variant v = *(const variant *)context;
    heed_node *memory = state[0], *other = state[1], *at = x[1];
    y[0] = heed_add(heed_gather(memory, at, 0, 0), heed_sum(other, 0, false));
    if (v == READ_BEFORE) y[0] = heed_add(y[0], heed_sum(heed_square(memory), 0, false));
    heed_node *row = heed_tanh(heed_add(x[0], y[0]));
    next[0] = heed_replace_row(memory, v == OVERLAP ? heed_index(memory, 0, 1) : row, at, 0);
    next[1] = heed_replace_row(other, heed_expand(heed_slice(row, 0, 0, 1), ROWS, B), at, 1);
    if (v == READ_AFTER) y[0] = heed_add(y[0], heed_sum(heed_sin(memory), 0, false));
    if (v == READ_NEXT) y[0] = heed_add(y[0], heed_sum(heed_sin(next[0]), 0, false));
    if (v == CROSSED) next[1] = heed_add(next[1], heed_sum(memory, 0, false));
    y[1] = v == HISTORY ? next[0] : y[0];
    return true;
}

static bool unroll(variant *v, heed_node **state, heed_node *const *over, heed_node **y)
{
    heed_node *all[2][T];
    for (int t = 0; t < T; t++) {
        heed_node *x[2] = { heed_index(over[0], 0, t), heed_index(over[1], 0, t) };
        heed_node *next[2], *out[2];
        if (!step(v, state, x, next, out)) return false;
        for (int i = 0; i < 2; i++) {
            state[i] = next[i];
            all[i][t] = out[i];
        }
    }
    for (int i = 0; i < 2; i++) y[i] = heed_stack(all[i], T, 0);
    return true;
}

typedef struct way {
    variant v;
    bool unrolled, recompute;
    int outputs; /* 4; with gradients 7 */
} way;

/* The index is 0, 1, .. and in the last step out of range. */
static heed_graph *build(way how, heed_store **store, heed_node **out)
{
    *store = heed_store_new(3);
    heed_graph *g = heed_graph_new(.store = *store, .dtype = HEED_F64);
    heed_node *x = heed_input(g, "x", HEED_F64, T, B, B);
    heed_node *first[2] = { heed_input(g, "memory", HEED_F64, ROWS, B, B),
                            heed_input(g, "other", HEED_F64, ROWS, B, B) };
    heed_node *over[2] = { x, heed_cast(heed_arange(g, 0, T, 1), HEED_I32) };
    out[0] = first[0];
    out[1] = first[1];
    bool built = how.unrolled
                     ? unroll(&how.v, out, over, out + 2)
                     : heed_scan(g, step, &how.v, out, out + 2, .initial = first, .n_states = 2,
                                 .over = over, .n_over = 2, .n_out = 2, .recompute = how.recompute);
    cr_assert(built, "%s", heed_why(g));
    heed_node *mix = NULL, *wrt[] = { x, first[0], first[1] };
    for (int i = 0; i < 4; i++) {
        heed_node *sum = heed_sum_all(heed_sin(heed_affine(out[i], 1 + i, 0.3)));
        mix = mix ? heed_add(mix, sum) : sum;
    }
    cr_assert(heed_gradient(mix, NULL, wrt, 3, out + 4), "%s", heed_why(g));
    return g;
}

static kit_values run(way how, heed_compile_options options)
{
    heed_store *store;
    heed_node *out[7];
    heed_graph *g = build(how, &store, out);
    kit_values all = kit_run(g, out, how.outputs, options);
    heed_graph_free(g);
    heed_store_free(store);
    return all;
}

Test(graph_states, equal_the_unrolled_graph)
{
    static const heed_compile_options options[] = {
        { .threads = 1 },
        { .threads = 2 },
        { .threads = 1, .passes = "-inplace" },
        { .threads = 1, .passes = "none" },
        { .threads = 1, .passes = "none,+inplace,+reuse" },
        { .threads = 1, .recompute_above = 1 },
    };
    for (int v = 0; v < N_VARIANTS; v++)
        for (int outputs = 4; outputs <= 7; outputs += 3) {
            way how = { .v = (variant)v, .unrolled = true, .outputs = outputs };
            kit_values expected = run(how, (heed_compile_options){ .threads = 1 });
            how.unrolled = false;
            for (size_t i = 0; i < 2 * sizeof options / sizeof options[0]; i++) {
                how.recompute = i % 2 != 0;
                kit_values got = run(how, options[i / 2]);
                int64_t at = kit_difference(expected, got, 1e-12);
                cr_expect_eq(at, -1, "variant %d, %d outputs, options %zu: number %lld of %lld", v,
                             outputs, i, (long long)at, (long long)got.n);
                heed_free(got.value);
            }
            heed_free(expected.value);
        }
    cr_expect_eq(heed_memory_live_blocks(), 0);
}

/* ---- where they lie: one place instead of two ---- */

static bool note(void *context, heed_node *const *state, heed_node *const *x, heed_node **next,
                 heed_node **y)
{
    if (context) y[0] = heed_sum_all(state[0]); /* a reader, built before */
    next[0] = heed_replace_row(state[0], x[0], x[1], 1);
    if (!context) y[0] = heed_sum_all(state[0]); /* .. and after */
    return true;
}

static size_t planned(bool read_before, const char *passes)
{
    enum { STEPS = 50, WIDTH = 64 };
    heed_graph *g = heed_graph_new(.dtype = HEED_F32);
    heed_node *over[2] = { heed_input(g, "x", HEED_F32, STEPS, B, WIDTH),
                           heed_cast(heed_arange(g, 0, STEPS, 1), HEED_I32) };
    heed_node *memory = heed_input(g, "memory", HEED_F32, B, STEPS, WIDTH), *out[2];
    cr_assert(heed_scan(g, note, read_before ? g : NULL, out, out + 1, .initial = &memory,
                        .n_states = 1, .over = over, .n_over = 2, .n_out = 1),
              "%s", heed_why(g));
    heed_program *p = heed_compile(g, out, 2, .threads = 1, .passes = passes);
    cr_assert_not_null(p, "%s", heed_why(g));
    const size_t bytes = heed_program_describe(p).planned_bytes;
    heed_program_free(p);
    heed_graph_free(g);
    return bytes / (B * STEPS * WIDTH * sizeof(float));
}

Test(graph_states, have_one_place_where_they_may)
{
    cr_expect_eq(planned(true, NULL), 1);
    cr_expect_eq(planned(true, "-inplace"), 3);
    cr_expect_eq(planned(false, NULL), 3);
    cr_expect_eq(heed_memory_live_blocks(), 0);
}

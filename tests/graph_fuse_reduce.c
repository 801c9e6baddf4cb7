/* Reductions that end an elementwise program: the same numbers as on their own, the same bits for
 * any number of threads, and no memory for what they reduce. */
#include "tests/graph_fuse_kit.h"

/* ---- every set of axes, odd sizes, both dtypes, every instruction set ---- */

/* An elementwise value of `shape`, of a whole operand and of one that is broadcast along the axes
 * in `stretched`. */
static heed_node *value_of(heed_graph *g, heed_shape shape, unsigned stretched)
{
    heed_shape small = shape;
    for (int d = 0; d < shape.rank; d++)
        if (stretched >> d & 1) small.dim[d] = 1;
    heed_node *a = heed_input_shaped(g, "a", heed_graph_dtype(g), shape);
    heed_node *b = heed_input_shaped(g, "b", heed_graph_dtype(g), small);
    return heed_tanh(heed_add(heed_mul(a, b), b));
}

static void check_axes(heed_shape shape, heed_dtype dtype)
{
    for (unsigned mask = 1; mask < 1u << shape.rank; mask++) {
        char what[300], text[HEED_SHAPE_TEXT];
        int axes[HEED_MAX_RANK], n = 0;
        for (int d = 0; d < shape.rank; d++)
            if (mask >> d & 1) axes[n++] = d;
        heed_graph *g = heed_graph_new(.dtype = dtype);
        heed_node *x = value_of(g, shape, mask * 5 % (1u << shape.rank)), *y[4];
        bool keep = mask & 1;
        y[0] = heed_sum_axes(x, axes, n, keep);
        y[1] = heed_mean_axes(heed_square(x), axes, n, !keep);
        y[2] = heed_count(&shape) ? heed_max_axes(heed_neg(x), axes, n, keep) : y[0];
        y[3] = heed_count(&shape) ? heed_min_axes(x, axes, n, keep) : y[0];
        snprintf(what, sizeof what, "%s %s, axes %#x", heed_shape_print(&shape, text, sizeof text),
                 heed_dtype_name(dtype), mask);
        for (int k = 0; k < 4; k++) expect_same(&y[k], 1, what);
        if (heed_count(&shape)) expect_same(y, 4, what);
        heed_graph_free(g);
    }
}

static void check_all_axes(void)
{
    static const heed_shape shapes[] = {
        { 1, { 1 } },           { 1, { 7 } },           { 1, { 5000 } },
        { 2, { 33, 13 } },      { 2, { 7, 1000 } },     { 2, { 5000, 3 } },
        { 2, { 1, 33 } },       { 3, { 13, 7, 33 } },   { 3, { 3, 70, 65 } },
        { 3, { 0, 3, 4 } },     { 3, { 4, 0, 70 } },    { 4, { 3, 5, 2, 100 } },
        { 4, { 2, 33, 3, 7 } }, { 4, { 7, 1, 13, 1 } }, { 3, { 2, 3, 1500 } },
    };
    for (int i = 0; i < (int)(sizeof shapes / sizeof shapes[0]); i++) {
        check_axes(shapes[i], HEED_F32);
        check_axes(shapes[i], HEED_F64);
    }
    cr_expect_eq(heed_memory_live_blocks(), 0, "nothing leaks");
}

Test(graph_fuse_reduce, any_axes)
{
    check_all_axes();
}

static void check_with(const char *isa)
{
    if (strcmp(isa, "avx2") == 0 && !heed_isa_supported(HEED_AVX2)) return;
    setenv("HEED_ISA", isa, 1); /* each test is a process of its own */
    check_all_axes();
}

Test(graph_fuse_reduce, any_axes_portable)
{
    check_with("portable");
}

Test(graph_fuse_reduce, any_axes_avx2)
{
    check_with("avx2");
}

/* ---- random programs: several reductions, reshapes, transposed and broadcast operands ---- */

static int below(heed_rng *rng, int n)
{
    return (int)heed_random_below(rng, (uint32_t)n);
}

static heed_shape random_shape(heed_rng *rng)
{
    static const int sizes[] = { 1, 2, 3, 5, 7, 13, 16, 33, 64, 65, 100, 130 };
    heed_shape shape = { .rank = 1 + below(rng, 5) };
    int64_t count = 1;
    for (int d = shape.rank - 1; d >= 0; d--) {
        int64_t dim = sizes[below(rng, 12)];
        shape.dim[d] = count * dim <= 60000 ? dim : 1;
        count *= shape.dim[d];
    }
    return shape;
}

static heed_node *random_operand(heed_graph *g, heed_rng *rng, heed_shape shape, int number)
{
    char name[16];
    int order[HEED_MAX_RANK];
    snprintf(name, sizeof name, "x%d", number);
    for (int d = 0; d < shape.rank; d++) {
        if (below(rng, 3) == 0) shape.dim[d] = 1;
        order[d] = d;
    }
    if (shape.rank < 2 || below(rng, 2))
        return heed_input_shaped(g, name, heed_graph_dtype(g), shape);
    int at = below(rng, shape.rank - 1); /* as a transposed view */
    int64_t dim = shape.dim[at];
    shape.dim[at] = shape.dim[at + 1];
    shape.dim[at + 1] = dim;
    order[at] = at + 1;
    order[at + 1] = at;
    heed_node *x = heed_input_shaped(g, name, heed_graph_dtype(g), shape);
    return heed_permute_axes(x, order, shape.rank);
}

/* The same elements under a shape with one axis more or less. */
static heed_node *reshaped(heed_rng *rng, heed_node *x)
{
    heed_shape shape = x->shape;
    int d = below(rng, shape.rank);
    if (d + 1 < shape.rank && below(rng, 2)) {
        shape.dim[d] *= shape.dim[d + 1];
        for (int i = d + 1; i + 1 < shape.rank; i++) shape.dim[i] = shape.dim[i + 1];
        shape.rank--;
        return heed_reshape_to(x, shape);
    }
    return heed_unsqueeze(x, d);
}

static heed_node *random_reduction(heed_rng *rng, heed_node *x)
{
    int axes[HEED_MAX_RANK], n = 0;
    for (int d = 0; d < x->shape.rank; d++)
        if (below(rng, 2)) axes[n++] = d;
    if (n == 0) axes[n++] = below(rng, x->shape.rank);
    bool keep = below(rng, 2);
    return below(rng, 4) ? heed_sum_axes(x, axes, n, keep) : heed_max_axes(x, axes, n, keep);
}

Test(graph_fuse_reduce, random_programs)
{
    for (int seed = 1; seed <= 250; seed++) {
        heed_rng rng = heed_rng_new((uint64_t)seed, 0);
        heed_graph *g = heed_graph_new(.dtype = seed % 2 ? HEED_F64 : HEED_F32);
        heed_shape shape = random_shape(&rng);
        heed_node *x = heed_input_shaped(g, "x", heed_graph_dtype(g), shape), *outputs[8];
        int n = 0, reductions = 1 + below(&rng, 4);
        for (int i = 0; i < reductions; i++) {
            heed_node *other = random_operand(g, &rng, x->shape, i);
            x = below(&rng, 2) ? heed_add(x, other) : heed_mul(x, other);
            if (below(&rng, 2)) x = heed_tanh(x);
            outputs[n++] = random_reduction(&rng, x);
            if (below(&rng, 3) == 0) outputs[n++] = x;
            if (below(&rng, 2)) x = reshaped(&rng, x);
        }
        char what[40];
        snprintf(what, sizeof what, "seed %d", seed);
        cr_assert_not(heed_graph_failed(g), "%s: %s", what, heed_why(g));
        expect_same(outputs, n, what);
        heed_graph_free(g);
    }
}

/* Infinities and NaN go where they belong. */
Test(graph_fuse_reduce, infinities_and_nan)
{
    heed_graph *g = heed_graph_new();
    heed_node *x = heed_input(g, "x", HEED_F32, 3, 70), *y[3];
    heed_node *big = heed_exp(heed_scale(x, 1000)); /* 0 .. inf */
    y[0] = heed_sum(big, 1, false);
    y[1] = heed_max(heed_sub(big, big), 0, false);
    y[2] = heed_min(heed_neg(big), 1, false);
    expect_same(y, 3, "inf and NaN");
    kit_values all = kit_run(g, y, 3, (heed_compile_options){ .threads = 1 });
    int nan = 0;
    cr_expect(isinf(all.value[0]) && all.value[0] > 0);
    for (int i = 0; i < 70; i++) nan += isnan(all.value[3 + i]) != 0;
    cr_expect_gt(nan, 10, "max passes NaN on");
    cr_expect(isinf(all.value[73]) && all.value[73] < 0);
    heed_free(all.value);
    heed_graph_free(g);
}

/* Four million numbers around 1: f32 chains would lose digits. */
Test(graph_fuse_reduce, long_sums_are_accurate)
{
    heed_graph *g = heed_graph_new();
    heed_node *x = heed_input(g, "x", HEED_F32, 4096, 1024), *y[3];
    heed_node *near = heed_affine(heed_mul(x, heed_number(g, 1e-3)), 1, 1);
    y[0] = heed_sum_all(near);
    y[1] = heed_sum(near, 0, false);
    y[2] = heed_sum(near, 1, false);
    kit_values all = kit_run(g, y, 3, (heed_compile_options){ .threads = 2 });
    double columns = 0, rows = 0;
    for (int i = 0; i < 1024; i++) columns += all.value[1 + i];
    for (int i = 0; i < 4096; i++) rows += all.value[1025 + i];
    cr_expect_float_eq(columns / all.value[0], 1, 2e-7);
    cr_expect_float_eq(rows / all.value[0], 1, 2e-7);
    heed_free(all.value);
    heed_graph_free(g);
}

/* ---- what is gone ---- */

Test(graph_fuse_reduce, the_reduced_value_takes_no_memory)
{
    heed_graph *g = heed_graph_new();
    heed_node *x = heed_input(g, "x", HEED_F32, 300, 200), *w = heed_input(g, "w", HEED_F32, 200);
    heed_node *y[4] = { heed_sum(heed_mul(x, w), 1, false), heed_sum(heed_square(x), 0, false),
                        heed_mean_all(heed_square(heed_sub(x, w))),
                        heed_max(heed_tanh(x), 1, true) };
    size_t whole = 300 * 200 * sizeof(float);
    for (int k = 0; k < 4; k++) {
        heed_program_facts on = facts_of(&y[k], 1, "all"), off = facts_of(&y[k], 1, "-fuse");
        cr_expect_eq(on.instructions, 1, "output %d: %d instructions", k, on.instructions);
        cr_expect_lt(on.planned_bytes, whole / 2, "output %d: %zu bytes", k, on.planned_bytes);
        cr_expect_geq(off.planned_bytes, whole, "output %d without: %zu", k, off.planned_bytes);
    }
    heed_graph_free(g);
}

/* A value that is read elsewhere is stored once, in the same pass. */
Test(graph_fuse_reduce, a_value_may_be_stored_and_reduced)
{
    heed_graph *g = heed_graph_new();
    heed_node *x = heed_input(g, "x", HEED_F32, 128, 96), *t = heed_tanh(x);
    heed_node *y[3] = { t, heed_sum(t, 0, false), heed_sum(heed_square(t), 0, true) };
    cr_expect_eq(facts_of(y, 3, "all").instructions, 1);
    expect_same(y, 3, "stored and reduced");
    heed_graph_free(g);
}

Test(graph_fuse_reduce, a_reduction_is_complete_before_it_is_read)
{
    heed_graph *g = heed_graph_new();
    heed_node *x = heed_input(g, "x", HEED_F32, 50, 80), *t = heed_tanh(x);
    heed_node *y = heed_mul(t, heed_exp(heed_neg(heed_sum(heed_square(t), 1, true))));
    cr_expect_eq(facts_of(&y, 1, "all").instructions, 3, "rows; exp(-row); all");
    expect_same(&y, 1, "normalised rows");
    heed_graph_free(g);
}

Test(graph_fuse_reduce, reshapes_do_not_split_a_program)
{
    heed_graph *g = heed_graph_new();
    heed_node *x = heed_input(g, "x", HEED_F32, 6, 20, 80), *b = heed_input(g, "b", HEED_F32, 80);
    heed_node *y = heed_add(heed_reshape(heed_tanh(x), 120, 80), b);
    y = heed_sub(heed_unsqueeze(y, 0), heed_number(g, 0.5));
    y = heed_exp(heed_reshape(y, 2, 60, 80));
    cr_expect_eq(facts_of(&y, 1, "all").instructions, 1);
    cr_expect_lt(facts_of(&y, 1, "all").planned_bytes, 2 * 6 * 20 * 80 * sizeof(float));
    expect_same(&y, 1, "reshapes");
    heed_node *turned = heed_exp(heed_transpose(heed_tanh(x), 1, 2));
    cr_expect_eq(facts_of(&turned, 1, "all").instructions, 2, "another order is another pass");
    expect_same(&turned, 1, "transposed");
    heed_graph_free(g);
}

/* x read twice under different shapes is two operands. */
Test(graph_fuse_reduce, one_operand_may_be_broadcast_in_two_ways)
{
    heed_graph *g = heed_graph_new();
    heed_node *x = heed_input(g, "x", HEED_F32, 4, 4, 70), *b = heed_input(g, "b", HEED_F32, 4, 1);
    heed_node *y = heed_reshape(heed_add(x, b), 4, 280);
    y = heed_sum(heed_mul(y, b), 0, false);
    cr_expect_eq(facts_of(&y, 1, "all").instructions, 1);
    expect_same(&y, 1, "two broadcasts");
    heed_graph_free(g);
}

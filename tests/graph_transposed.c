/* Large transposed operands: tiles that go down a few columns of all rows. */
#include "tests/graph_kit.h"

/* y = 2 permute(x) + b, b of the last axis, which no tile divides evenly. */
static void check_permuted(heed_dtype dtype, heed_shape shape, const int *axes, int threads)
{
    heed_graph *g = heed_graph_new(.dtype = dtype);
    heed_node *x = heed_input_shaped(g, "x", dtype, shape);
    heed_node *turned = heed_permute_axes(x, axes, shape.rank);
    heed_node *b = heed_input(g, "b", dtype, turned->shape.dim[shape.rank - 1]);
    heed_node *y = heed_add(heed_scale(turned, 2), b);
    heed_program *p = heed_compile(g, &y, 1, .threads = threads, .fill_nan = true);
    cr_assert_not_null(p, "%s", heed_why(g));
    heed_view in = heed_program_input(p, "x"), bias = heed_program_input(p, "b");
    int64_t count = heed_count(&shape), row = heed_count(&bias.shape), wrong = 0;
    for (int64_t i = 0; i < count; i++) heed_set(&in, i, (double)(i % 100003));
    for (int64_t i = 0; i < row; i++) heed_set(&bias, i, (double)i);
    heed_program_run(p);
    heed_view out = heed_program_output(p, 0), expected = heed_view_permute(&in, axes);
    for (int64_t i = 0; i < count; i++)
        wrong += heed_get(&out, i) != 2 * heed_get(&expected, i) + (double)(i % row);
    cr_expect_eq(wrong, 0, "%lld numbers are wrong, %s, %d threads", (long long)wrong,
                 heed_dtype_name(dtype), threads);
    heed_program_free(p);
    heed_graph_free(g);
}

Test(graph_transposed, every_element_arrives)
{
    for (int threads = 1; threads <= 3; threads += 2) {
        check_permuted(HEED_F32, HEED_SHAPE(1501, 733), (int[]){ 1, 0 }, threads);
        check_permuted(HEED_F64, HEED_SHAPE(701, 1000), (int[]){ 1, 0 }, threads);
        check_permuted(HEED_F32, HEED_SHAPE(3, 641, 577), (int[]){ 0, 2, 1 }, threads);
        check_permuted(HEED_F32, HEED_SHAPE(641, 3, 577), (int[]){ 2, 1, 0 }, threads);
        check_permuted(HEED_F64, HEED_SHAPE(13, 33, 1501), (int[]){ 2, 0, 1 }, threads);
    }
    cr_expect_eq(heed_memory_live_blocks(), 0, "nothing leaks");
}

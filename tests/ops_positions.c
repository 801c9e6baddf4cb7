/* ops_positions.c - rotary positions, sinusoids, ALiBi, circular convolution, pixel shuffle, causal
 * convolution, dropout along axes: each against its formula. */
#include "tests/graph_kit.h"

static double tolerance(heed_dtype dtype)
{
    return dtype == HEED_F64 ? 1e-12 : 3e-6;
}

/* ---- rotary positions ---- */

static void check_rotary(heed_dtype dtype, heed_rotary_options o, bool strided)
{
    enum { T = 7, D = 10 };
    heed_graph *g = heed_graph_new(.dtype = dtype);
    heed_node *x = strided
                       ? heed_transpose(heed_input_shaped(g, "x", dtype, HEED_SHAPE(3, D, T)), 1, 2)
                       : heed_input_shaped(g, "x", dtype, HEED_SHAPE(3, T, D));
    heed_node *y = heed_rotary_with(x, o);
    cr_assert_not_null(y, "%s", heed_why(g));
    kit_values all = kit_run(g, (heed_node *[]){ x, y }, 2, (heed_compile_options){ .threads = 1 });
    const double *out = all.value + 3 * T * D, base = o.base == 0 ? 10000 : o.base;
    const int64_t width = o.width ? o.width : D;
    for (int64_t i = 0; i < 3 * T * D; i++) {
        const int64_t t = i / D % T, j = i % D, half = width / 2;
        const int64_t k = o.interleaved ? j / 2 : j % half;
        const bool second = o.interleaved ? j % 2 : j >= half;
        const int64_t other =
            o.interleaved ? (second ? i - 1 : i + 1) : (second ? i - half : i + half);
        double exact = all.value[i];
        if (j < width) {
            const double angle =
                (double)(t + o.offset) / pow(base, 2.0 * (double)k / (double)width);
            exact = all.value[i] * cos(angle) + (second ? 1 : -1) * all.value[other] * sin(angle);
        }
        cr_assert(fabs(out[i] - exact) <= tolerance(dtype), "[%lld] is %.9g, not %.9g",
                  (long long)i, out[i], exact);
    }
    heed_free(all.value);
    heed_graph_free(g);
}

Test(ops_positions, rotary)
{
    for (int k = 0; k < 16; k++) {
        const heed_rotary_options o = { .interleaved = k & 1,
                                        .offset = k & 2 ? 100 : 0,
                                        .width = k & 4 ? 6 : 0,
                                        .base = k & 4 ? 500 : 0 };
        check_rotary(k & 1 ? HEED_F32 : HEED_F64, o, k & 8);
        check_rotary(k & 1 ? HEED_F64 : HEED_F32, o, k & 8);
    }
}

/* Positions as an input give what the constant table gives. */
Test(ops_positions, rotary_by_given_positions)
{
    heed_graph *g = heed_graph_new(.dtype = HEED_F64);
    heed_node *x = heed_input(g, "x", HEED_F64, 2, 3, 5, 4);
    heed_node *at = heed_input(g, "at", HEED_I32, 2, 1, 5);
    heed_node *y[2] = { heed_rotary(x, .positions = at, .offset = 3),
                        heed_rotary(x, .offset = 10) };
    heed_program *p = heed_compile(g, y, 2, .threads = 1);
    cr_assert_not_null(p, "%s", heed_why(g));
    kit_fill(p, g, 1);
    heed_view positions = heed_program_input(p, "at");
    for (int i = 0; i < 10; i++) heed_set(&positions, i, i % 5 + (i < 5 ? 7 : 0));
    cr_assert(heed_program_run(p));
    heed_view a = heed_program_output(p, 0), b = heed_program_output(p, 1);
    for (int i = 0; i < 60; i++) cr_assert_float_eq(heed_get(&a, i), heed_get(&b, i), 1e-12);
    double difference = 0;
    for (int i = 60; i < 120; i++) difference += fabs(heed_get(&a, i) - heed_get(&b, i));
    cr_expect(difference > 1, "the second example stands elsewhere");
    heed_program_free(p);
    heed_graph_free(g);
}

Test(ops_positions, tables)
{
    heed_graph *g = heed_graph_new(.dtype = HEED_F64);
    heed_node *y[3] = { heed_sinusoids(g, 6, 5, 2), heed_alibi_slopes(g, 12),
                        heed_alibi_bias(g, 2, 3, 5) };
    kit_values all = kit_run(g, y, 3, (heed_compile_options){ .threads = 1 });
    for (int i = 0; i < 30; i++) {
        const double angle = (i / 5 + 2) / pow(10000, 2 * (i % 5 / 2) / 5.0);
        cr_assert_float_eq(all.value[i], i % 5 % 2 ? cos(angle) : sin(angle), 1e-14);
    }
    for (int i = 0; i < 8; i++) cr_expect_eq(all.value[30 + i], pow(2, -(i + 1)));
    for (int i = 0; i < 4; i++) cr_expect_float_eq(all.value[38 + i], pow(2, -0.5 - i), 1e-15);
    for (int i = 0; i < 30; i++) {
        const int head = i / 15, query = i / 5 % 3, key = i % 5;
        cr_expect_eq(all.value[42 + i], -abs(query + 2 - key) * (head ? 1.0 / 256 : 1.0 / 16));
    }
    heed_free(all.value);
    heed_graph_free(g);
}

/* ---- circular convolution ---- */

Test(ops_positions, circular_conv)
{
    static const int sizes[] = { 1, 2, 7, 33, 130 };
    for (int k = 0; k < 60; k++) {
        const int n = sizes[k % 5], shifts = 1 + k % 4 * 3, first = k % 9 * 5 - 20;
        const heed_dtype dtype = k & 1 ? HEED_F32 : HEED_F64;
        heed_graph *g = heed_graph_new(.dtype = dtype);
        heed_node *x = heed_input_shaped(g, "x", dtype, HEED_SHAPE(n, 3)); /* transposed below */
        heed_node *s = heed_input_shaped(g, "s", dtype, HEED_SHAPE(2, 1, shifts)), *y, *back[2];
        heed_node *rows = heed_transpose(x, 0, 1);
        y = heed_circular_conv(rows, s, first);
        heed_node *dy = heed_input_shaped(g, "dy", dtype, HEED_SHAPE(2, 3, n));
        cr_assert(heed_gradient(y, dy, (heed_node *[]){ rows, s }, 2, back), "%s", heed_why(g));
        kit_values all = kit_run(g, (heed_node *[]){ rows, s, dy, y, back[0], back[1] }, 6,
                                 (heed_compile_options){ .threads = 1 });
        const double *w = all.value, *weight = w + 3 * n, *r = weight + 2 * shifts,
                     *out = r + 6 * n, *dx = out + 6 * n, *ds = dx + 3 * n;
        double *sums = heed_alloc_array((size_t)(3 * n + 2 * shifts), sizeof *sums);
        for (int b = 0; b < 2; b++)
            for (int row = 0; row < 3; row++)
                for (int i = 0; i < n; i++) {
                    double exact = 0;
                    const double cotangent = r[(b * 3 + row) * n + i];
                    for (int j = 0; j < shifts; j++) {
                        const int from = ((i - first - j) % n + n) % n;
                        exact += weight[b * shifts + j] * w[row * n + from];
                        sums[row * n + from] += weight[b * shifts + j] * cotangent;
                        sums[3 * n + b * shifts + j] += w[row * n + from] * cotangent;
                    }
                    cr_assert(fabs(exact - out[(b * 3 + row) * n + i]) <= 4 * tolerance(dtype));
                }
        for (int i = 0; i < 3 * n; i++)
            cr_assert(fabs(sums[i] - dx[i]) <= 10 * tolerance(dtype), "n %d K %d", n, shifts);
        for (int i = 0; i < 2 * shifts; i++)
            cr_assert(fabs(sums[3 * n + i] - ds[i]) <= 40 * tolerance(dtype), "n %d K %d", n,
                      shifts);
        heed_free(sums);
        heed_free(all.value);
        heed_graph_free(g);
    }
}

/* ---- reorderings and causality ---- */

Test(ops_positions, pixel_shuffle)
{
    enum { R = 3, C = 2, H = 4, W = 5 };
    heed_graph *g = heed_graph_new(.dtype = HEED_F32);
    heed_node *x = heed_input(g, "x", HEED_F32, 2, C * R * R, H, W);
    heed_node *y = heed_pixel_shuffle(x, R);
    kit_values all = kit_run(g, (heed_node *[]){ x, y, heed_pixel_unshuffle(y, R) }, 3,
                             (heed_compile_options){ .threads = 1 });
    const int count = 2 * C * R * R * H * W;
    for (int i = 0; i < count; i++) {
        const int w = i % (W * R), h = i / (W * R) % (H * R), c = i / (W * R * H * R);
        const int from = ((c * R * R + h % R * R + w % R) * H + h / R) * W + w / R;
        cr_assert_eq(all.value[count + i], all.value[from]);
        cr_assert_eq(all.value[2 * count + i], all.value[i]);
    }
    heed_free(all.value);
    heed_graph_free(g);
}

/* y as long as x; y[l] does not move with x behind l. */
Test(ops_positions, causal_convolution)
{
    enum { L = 11 };
    heed_graph *g = heed_graph_new(.dtype = HEED_F64);
    heed_node *x = heed_input(g, "x", HEED_F64, 1, 2, L),
              *w = heed_input(g, "w", HEED_F64, 3, 2, 4);
    heed_node *y = heed_conv1d(x, w, .causal = true, .dilation = 2), *dx;
    cr_assert_not_null(y, "%s", heed_why(g));
    cr_assert_eq(y->shape.dim[2], L);
    heed_node *at = heed_sum_all(heed_index(y, 2, 6));
    cr_assert(heed_gradient(at, NULL, &x, 1, &dx));
    kit_values all = kit_run(g, &dx, 1, (heed_compile_options){ .threads = 1 });
    for (int i = 0; i < 2 * L; i++)
        cr_expect((all.value[i] != 0) == (i % L <= 6 && i % L % 2 == 0), "d/dx[%d]", i);
    heed_free(all.value);
    cr_expect_null(heed_conv1d(x, w, .causal = true, .pad = 1));
    cr_expect(strstr(heed_why(g), "causal says what the padding is"), "%s", heed_why(g));
    heed_graph_free(g);
}

/* ---- dropout along axes ---- */

static heed_node *dropped(heed_graph *g, bool path)
{
    heed_node *ones = heed_full(g, 1, 40, 25, 6);
    return path ? heed_drop_path(ones, 0.25) : heed_dropout_axes(ones, 0.25, (int[]){ -1 }, 1);
}

Test(ops_positions, dropout_along_axes)
{
    for (int path = 0; path < 2; path++) {
        heed_graph *g = heed_graph_new(.dtype = HEED_F64, .training = true);
        heed_node *y = dropped(g, path);
        kit_values all = kit_run(g, &y, 1, (heed_compile_options){ .threads = 2 });
        const int row = path ? 25 * 6 : 6, rows = 40 * 25 * 6 / row;
        int kept = 0;
        for (int i = 0; i < rows; i++) {
            const double first = all.value[i * row];
            cr_assert(first == 0 || first == 1 / 0.75, "%g", first);
            for (int k = 1; k < row; k++) cr_assert_eq(all.value[i * row + k], first);
            kept += first != 0;
        }
        const double share = (double)kept / rows;
        cr_expect(fabs(share - 0.75) < 4 * sqrt(0.1875 / rows), "%g are kept", share);
        heed_free(all.value);
        heed_graph_free(g);
        g = heed_graph_new(.dtype = HEED_F64);
        y = dropped(g, path);
        cr_expect(heed_is_constant(y), "in evaluation it is x itself");
        heed_graph_free(g);
    }
}

static void expect_why(heed_graph *g, const char *part)
{
    const char *why = heed_why(g);
    cr_expect(why && strstr(why, part), "\"%s\" is not in: %s", part, why ? why : "(no error)");
    heed_graph_free(g);
}

static heed_graph *fresh(heed_node **x)
{
    heed_graph *g = heed_graph_new(.training = true);
    *x = heed_input(g, "x", HEED_F32, 4, 7);
    return g;
}

Test(ops_positions, refusals)
{
    heed_node *x;
    heed_graph *g = fresh(&x);
    cr_expect_null(heed_rotary(x));
    expect_why(g, "width 7");
    g = fresh(&x);
    cr_expect_null(heed_rotary(x, .width = 4, .base = -1));
    expect_why(g, "base -1");
    g = fresh(&x);
    cr_expect_null(heed_rotary(heed_flatten(x)));
    expect_why(g, "is not [.., T, d]");
    g = fresh(&x);
    cr_expect_null(heed_circular_conv(x, heed_full(g, 1, 3, 3), 0));
    expect_why(g, "don't broadcast");
    g = fresh(&x);
    cr_expect_null(heed_dropout_axes(x, 1.5, (int[]){ 0 }, 1));
    expect_why(g, "rate 1.5");
    g = fresh(&x);
    cr_expect_null(heed_dropout_axes(x, 0.5, (int[]){ 2 }, 1));
    expect_why(g, "axis 2");
    g = fresh(&x);
    cr_expect_null(heed_alibi_slopes(g, 0));
    expect_why(g, "0 heads");
    g = fresh(&x);
    cr_expect_null(heed_sinusoids(g, 4, 0, 0));
    expect_why(g, "[4, 0]");
    g = fresh(&x);
    cr_expect_null(
        heed_conv_transpose1d(heed_unsqueeze(x, 0), heed_full(g, 1, 4, 2, 3), .causal = true));
    expect_why(g, "belongs to conv1d");
    cr_expect_null(heed_rotary(NULL));
    cr_expect_null(heed_circular_conv(NULL, NULL, 0));
    cr_expect_null(heed_drop_path(NULL, 0.5));
}

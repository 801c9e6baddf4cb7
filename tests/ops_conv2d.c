/* ops_conv2d.c - convolutions as a user builds them: options, shapes, the transposed ones against a
 * scattering loop and as adjoints, refusals, the same bits on any number of threads. */
#include "graph_kit.h"

static heed_node *input(heed_graph *g, const char *name, heed_shape shape)
{
    return heed_input_shaped(g, name, HEED_F64, shape);
}

static void expect_shape(const heed_node *y, heed_shape shape)
{
    char is[HEED_SHAPE_TEXT], wanted[HEED_SHAPE_TEXT];
    cr_assert_not_null(y);
    cr_assert(heed_shape_equal(&y->shape, &shape), "%s instead of %s",
              heed_shape_print(&y->shape, is, sizeof is),
              heed_shape_print(&shape, wanted, sizeof wanted));
}

Test(conv2d, shapes_are_pytorchs)
{
    heed_graph *g = heed_graph_new(.dtype = HEED_F64);
    heed_node *x = input(g, "x", HEED_SHAPE(2, 6, 11, 14));
    heed_node *w = input(g, "w", HEED_SHAPE(4, 6, 3, 5)),
              *v = input(g, "v", HEED_SHAPE(9, 2, 3, 5));
    heed_node *u = input(g, "u", HEED_SHAPE(6, 4, 3, 5));
    expect_shape(heed_conv2d(x, w), HEED_SHAPE(2, 4, 9, 10));
    expect_shape(heed_conv2d(x, w, .pad = 2), HEED_SHAPE(2, 4, 13, 14));
    expect_shape(heed_conv2d(x, w, .stride = 2, .pad = 1), HEED_SHAPE(2, 4, 6, 6));
    expect_shape(heed_conv2d(x, w, .stride = 2, .stride_w = 3, .dilation_h = 4),
                 HEED_SHAPE(2, 4, 2, 4));
    expect_shape(heed_conv2d(x, w, .pad_top = 1, .pad_right = 3), HEED_SHAPE(2, 4, 10, 13));
    expect_shape(heed_conv2d(x, v, .groups = 3), HEED_SHAPE(2, 9, 9, 10));
    expect_shape(heed_conv_transpose2d(x, u), HEED_SHAPE(2, 4, 13, 18));
    expect_shape(heed_conv_transpose2d(x, u, .stride = 2, .pad = 1, .output_pad = 1),
                 HEED_SHAPE(2, 4, 22, 30));
    expect_shape(heed_conv_transpose2d(x, u, .stride = 3, .stride_h = 2, .dilation_w = 2,
                                       .pad_left = 4, .output_pad_w = 2, .groups = 2),
                 HEED_SHAPE(2, 8, 23, 46));
    heed_node *line = input(g, "line", HEED_SHAPE(2, 6, 11));
    expect_shape(heed_conv_transpose1d(line, input(g, "t", HEED_SHAPE(6, 1, 4)), .stride = 3,
                                       .pad = 1, .output_pad = 2, .groups = 6),
                 HEED_SHAPE(2, 6, 34));
    heed_graph_free(g);
}

/* ---- transposed convolution by scattering: y[o, q stride + t dilation - pad] += w x ---- */

typedef struct window {
    int64_t x, taps, stride, dilation, pad, y;
} window;

static double *scatter(const double *x, const double *w, int64_t batch, int64_t in, int64_t out,
                       int64_t groups, window h, window v)
{
    const int64_t each = out / groups; /* w [in, each, h.taps, v.taps] */
    double *y = heed_alloc_array((size_t)(batch * out * h.y * v.y), sizeof *y);
    cr_assert_not_null(y);
    for (int64_t i = 0; i < batch * out * h.y * v.y; i++) y[i] = 0;
    for (int64_t b = 0; b < batch; b++)
        for (int64_t c = 0; c < in; c++)
            for (int64_t o = 0; o < each; o++)
                for (int64_t q = 0; q < h.x * v.x; q++)
                    for (int64_t t = 0; t < h.taps * v.taps; t++) {
                        const int64_t i = q / v.x * h.stride + t / v.taps * h.dilation - h.pad;
                        const int64_t j = q % v.x * v.stride + t % v.taps * v.dilation - v.pad;
                        if (i < 0 || i >= h.y || j < 0 || j >= v.y) continue;
                        const int64_t channel = b * out + c / (in / groups) * each + o;
                        y[(channel * h.y + i) * v.y + j] += x[(b * in + c) * h.x * v.x + q] *
                                                            w[(c * each + o) * h.taps * v.taps + t];
                    }
    return y;
}

/* Inputs, and what the graph makes of them, one after another. */
static void check_scatter(heed_graph *g, heed_node *x, heed_node *w, heed_node *y, int64_t groups,
                          window h, window v)
{
    cr_assert_not_null(y, "%s", heed_why(g));
    heed_node *all[] = { x, w, y };
    kit_values got = kit_run(g, all, 3, (heed_compile_options){ .threads = 2 });
    const int64_t n_x = heed_count(&x->shape), n_w = heed_count(&w->shape);
    double *wanted = scatter(got.value, got.value + n_x, x->shape.dim[0], x->shape.dim[1],
                             y->shape.dim[1], groups, h, v);
    cr_assert_eq(heed_count(&y->shape), x->shape.dim[0] * y->shape.dim[1] * h.y * v.y);
    for (int64_t i = 0; i < heed_count(&y->shape); i++)
        cr_assert_float_eq(got.value[n_x + n_w + i], wanted[i], 1e-11, "[%lld]", (long long)i);
    heed_free(wanted);
    heed_free(got.value);
}

Test(conv2d, transposed_scatters)
{
    heed_graph *g = heed_graph_new(.dtype = HEED_F64);
    heed_node *x = input(g, "x", HEED_SHAPE(2, 6, 4, 7));
    heed_node *w = input(g, "w", HEED_SHAPE(6, 5, 3, 2));
    check_scatter(g, x, w,
                  heed_conv_transpose2d(x, w, .stride_h = 2, .stride_w = 3, .dilation_w = 2,
                                        .pad_top = 1, .pad_right = 2, .output_pad_h = 1),
                  1, (window){ 4, 3, 2, 1, 1, 9 }, (window){ 7, 2, 3, 2, 0, 19 });
    check_scatter(g, x, w, heed_conv_transpose2d(x, w, .groups = 3, .pad = 1), 3,
                  (window){ 4, 3, 1, 1, 1, 4 }, (window){ 7, 2, 1, 1, 1, 6 });
    heed_node *line = input(g, "line", HEED_SHAPE(3, 4, 9));
    heed_node *taps = input(g, "taps", HEED_SHAPE(4, 2, 5));
    check_scatter(g, line, taps,
                  heed_conv_transpose1d(line, taps, .stride = 4, .pad = 2, .output_pad = 3,
                                        .groups = 2),
                  2, (window){ 1, 1, 1, 1, 0, 1 }, (window){ 9, 5, 4, 1, 2, 36 });
    heed_graph_free(g);
}

/* <conv(x, w), y> = <x, conv_transpose(y, w)>, with output padding for what the stride left out. */
Test(conv2d, transposed_is_the_adjoint)
{
    for (int64_t stride = 1; stride < 4; stride++) {
        heed_graph *g = heed_graph_new(.dtype = HEED_F64);
        heed_node *x = input(g, "x", HEED_SHAPE(2, 4, 13, 10));
        heed_node *w = input(g, "w", HEED_SHAPE(6, 2, 3, 4));
        heed_node *y = heed_conv2d(x, w, .stride = stride, .pad = 1, .pad_left = 2, .groups = 2);
        cr_assert_not_null(y);
        heed_node *z = input(g, "z", y->shape);
        heed_node *back = heed_conv_transpose2d(z, w, .stride = stride, .pad = 1, .pad_left = 2,
                                                .output_pad_h = (13 + 2 - 3) % stride,
                                                .output_pad_w = (10 + 3 - 4) % stride, .groups = 2);
        expect_shape(back, x->shape);
        const double left = kit_number(heed_sum_all(heed_mul(y, z)));
        const double right = kit_number(heed_sum_all(heed_mul(x, back)));
        cr_assert(fabs(left) > 1e-3);
        cr_assert_float_eq(left, right, 1e-10);
        heed_graph_free(g);
    }
}

/* conv1d is conv2d of height one. */
Test(conv2d, one_axis_is_a_height_of_one)
{
    heed_graph *g = heed_graph_new();
    heed_node *x = heed_input(g, "x", HEED_F32, 3, 8, 37),
              *w = heed_input(g, "w", HEED_F32, 6, 4, 5);
    heed_node *tall = heed_conv2d(heed_unsqueeze(x, 2), heed_unsqueeze(w, 2), .stride_w = 2,
                                  .dilation_w = 2, .pad_left = 3, .pad_right = 1, .groups = 2);
    heed_node *y =
        heed_conv1d(x, w, .stride = 2, .dilation = 2, .pad = 3, .pad_right = 1, .groups = 2);
    heed_node *both[] = { heed_squeeze(tall, 2), y };
    cr_assert(both[0] && both[1], "%s", heed_why(g));
    kit_values all = kit_run(g, both, 2, (heed_compile_options){ .threads = 1 });
    cr_assert_arr_eq(all.value, all.value + all.n / 2, (size_t)(all.n / 2) * sizeof *all.value);
    heed_free(all.value);
    heed_graph_free(g);
}

/* A convolution's three results, in f32 and large enough to be cut. */
static kit_values forward_and_reverse(heed_shape x, heed_shape w, heed_conv2d_options o,
                                      int threads)
{
    heed_graph *g = heed_graph_new();
    heed_node *in[2] = { heed_input_shaped(g, "x", HEED_F32, x),
                         heed_input_shaped(g, "w", HEED_F32, w) };
    heed_node *out[3] = { heed_conv2d_with(in[0], in[1], o), NULL, NULL };
    cr_assert_not_null(out[0], "%s", heed_why(g));
    heed_node *dy = heed_input_shaped(g, "dy", HEED_F32, out[0]->shape);
    cr_assert(heed_gradient(out[0], dy, in, 2, out + 1), "%s", heed_why(g));
    kit_values all = kit_run(g, out, 3, (heed_compile_options){ .threads = threads });
    heed_graph_free(g);
    return all;
}

Test(conv2d, bits_do_not_depend_on_threads)
{
    static const int threads[] = { 2, 3, 8 };
    const struct {
        heed_shape x, w;
        heed_conv2d_options o;
    } cases[] = {
        { HEED_SHAPE(3, 40, 19, 21), HEED_SHAPE(70, 40, 3, 3), { .pad = 1 } },
        { HEED_SHAPE(9, 24, 16, 15), HEED_SHAPE(48, 12, 3, 4), { .stride = 2, .groups = 2 } },
        { HEED_SHAPE(2, 33, 17, 30), HEED_SHAPE(33, 1, 5, 3), { .pad = 1, .groups = 33 } },
        { HEED_SHAPE(0, 4, 9, 9), HEED_SHAPE(4, 4, 3, 3), { .pad = 1 } },
        { HEED_SHAPE(40, 64, 14, 14), HEED_SHAPE(64, 64, 3, 3), { .pad = 1 } },
        { HEED_SHAPE(40, 32, 8, 8), HEED_SHAPE(64, 32, 4, 4), { .stride = 2, .pad = 1 } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        kit_values one = forward_and_reverse(cases[i].x, cases[i].w, cases[i].o, 1);
        cr_assert(kit_finite(one));
        for (size_t t = 0; t < sizeof threads / sizeof threads[0]; t++) {
            kit_values some = forward_and_reverse(cases[i].x, cases[i].w, cases[i].o, threads[t]);
            cr_expect(kit_same_bits(one, some), "case %zu, %d threads", i, threads[t]);
            heed_free(some.value);
        }
        heed_free(one.value);
    }
}

/* Into memory of its own, or into a part of each row of a concat. */
Test(conv2d, bits_do_not_depend_on_where_results_go)
{
    for (int64_t channels = 8; channels <= 32; channels *= 4) {
        heed_graph *g = heed_graph_new();
        heed_node *x = heed_input(g, "x", HEED_F32, 16, channels, 8, 16);
        heed_node *w = heed_input(g, "w", HEED_F32, channels, channels, 3, 3);
        heed_node *y = heed_concat(HEED_NODES(heed_conv2d(x, w, .pad = 1), x), -1);
        kit_values in = kit_run(g, &y, 1, (heed_compile_options){ .threads = 1 });
        kit_values apart =
            kit_run(g, &y, 1, (heed_compile_options){ .threads = 1, .passes = "-place" });
        cr_expect(kit_finite(in) && kit_same_bits(in, apart), "%d channels", (int)channels);
        heed_free(in.value);
        heed_free(apart.value);
        heed_graph_free(g);
    }
}

/* ---- refusals: each names the axis and the sizes ---- */

static heed_node *image(heed_graph *g)
{
    return heed_input(g, "image", HEED_F32, 2, 6, 5, 4);
}

static heed_node *taps(heed_graph *g, int64_t out, int64_t in, int64_t height, int64_t width)
{
    return heed_input(g, "taps", HEED_F32, out, in, height, width);
}

static void refused(heed_graph *g, heed_node *y, const char *part)
{
    cr_expect_null(y);
    const char *why = heed_why(g);
    cr_assert_not_null(why, "not refused: %s", part);
    cr_expect_not_null(strstr(why, part), "\"%s\" is not in: %s", part, why);
    cr_expect_not_null(strstr(why, "ops_conv2d.c"), "no line of the caller's: %s", why);
    heed_graph_free(g);
}

#define REFUSED(call, part)               \
    do {                                  \
        heed_graph *g = heed_graph_new(); \
        heed_node *y = call;              \
        refused(g, y, part);              \
    } while (0)

Test(conv2d, refusals_name_the_axis_and_the_sizes)
{
    REFUSED(heed_conv2d(image(g), taps(g, 3, 5, 3, 3)),
            "conv: 6 channels and 3 output channels do not fit weights for 5 channels");
    REFUSED(heed_conv2d(image(g), taps(g, 3, 3, 3, 3), .groups = 2), "in each of 2 groups");
    REFUSED(heed_conv2d(image(g), taps(g, 3, 6, 6, 3)),
            "along height, 6 taps with dilation 1 do not fit into x with its padding, 5");
    REFUSED(heed_conv2d(image(g), taps(g, 3, 6, 3, 3), .dilation_w = 4, .pad = 2),
            "along width, 3 taps with dilation 4 do not fit into x with its padding, 8");
    REFUSED(heed_conv2d(image(g), taps(g, 3, 6, 3, 3), .stride_h = -1), "stride -1");
    REFUSED(heed_conv2d(image(g), taps(g, 3, 6, 3, 3), .pad_bottom = -2),
            "padding 0, -2 along height must not be negative");
    REFUSED(heed_conv2d(image(g), taps(g, 3, 6, 3, 3), .groups = -1), "groups -1");
    REFUSED(heed_conv2d(image(g), taps(g, 3, 6, 3, 3), .output_pad = 1), "output padding");
    REFUSED(heed_conv2d(image(g), heed_input(g, "w", HEED_F32, 3, 6, 3)), "rank 4 and 3");
    REFUSED(heed_conv1d(image(g), taps(g, 3, 6, 3, 3)), "rank 4 and 4 instead of 3");
    REFUSED(heed_conv2d(image(g), heed_input(g, "w", HEED_F64, 3, 6, 3, 3)), "dtypes");
}

Test(conv2d, refusals_of_transposed_convolutions)
{
    REFUSED(heed_conv_transpose2d(image(g), taps(g, 3, 6, 3, 3)),
            "conv_transpose: 6 channels do not fit weights for 3");
    REFUSED(heed_conv_transpose2d(image(g), taps(g, 6, 2, 3, 3), .groups = 4), "4 groups");
    REFUSED(heed_conv_transpose2d(image(g), taps(g, 6, 2, 3, 3), .stride = 2, .output_pad_h = 2),
            "output padding 2 along height must be below the stride, 2");
    REFUSED(heed_conv_transpose2d(image(g), taps(g, 6, 2, 3, 3), .output_pad = -1),
            "output padding -1");
    REFUSED(heed_conv_transpose2d(image(g), taps(g, 6, 2, 3, 3), .pad_left = 4, .pad_right = 2),
            "padding 4, 2 along width leaves nothing of 6 elements");
    REFUSED(heed_conv_transpose1d(heed_input(g, "x", HEED_F32, 2, 6, 0),
                                  heed_input(g, "w", HEED_F32, 6, 2, 3)),
            "0 elements and 3 taps along length");
    REFUSED(heed_conv_transpose1d(image(g), taps(g, 6, 2, 3, 3)), "rank 4 and 4 instead of 3");
}

/* ops_pool.c - pooling and upsampling against plain loops over each window: odd sizes, every
 * option, strided input, long rows and many planes, NaN and infinities, refusals. */
#include "tests/graph_kit.h"

typedef struct plane {
    int64_t h, w;
} plane;

typedef struct window {
    int64_t kernel, stride, pad, dilation;
} window;

/* The formula of PyTorch's documentation. */
static int64_t outputs_of(int64_t n, window k, bool ceil_mode)
{
    const int64_t room = n + 2 * k.pad - k.dilation * (k.kernel - 1) - 1;
    int64_t out = (room + (ceil_mode ? k.stride - 1 : 0)) / k.stride + 1;
    if (ceil_mode && (out - 1) * k.stride >= n + k.pad) out--;
    return room + (ceil_mode ? k.stride - 1 : 0) < 0 ? 0 : out;
}

static double naive_max(const double *x, plane p, window a, window b, int64_t oh, int64_t ow,
                        int64_t *at)
{
    double best = -INFINITY;
    *at = -1;
    for (int64_t s = 0; s < a.kernel; s++)
        for (int64_t t = 0; t < b.kernel; t++) {
            const int64_t i = oh * a.stride - a.pad + s * a.dilation;
            const int64_t j = ow * b.stride - b.pad + t * b.dilation;
            if (i < 0 || j < 0 || i >= p.h || j >= p.w) continue;
            const double v = x[i * p.w + j];
            if (*at >= 0 && !(v > best) && !isnan(v)) continue;
            best = v;
            *at = i * p.w + j;
        }
    return best;
}

/* The weight of element (i, j) in output (oh, ow) along one axis. */
static double mean_weight(int64_t i, int64_t o, int64_t n, window k, bool leave_out_pad)
{
    const int64_t begin = o * k.stride - k.pad;
    int64_t end = begin + k.kernel, inside = 0;
    if (end > n + k.pad) end = n + k.pad;
    for (int64_t e = begin; e < end; e++) inside += e >= 0 && e < n;
    if (i < begin || i >= end) return 0;
    return 1.0 / (double)(leave_out_pad ? inside : end - begin);
}

typedef double weight_of(int64_t i, int64_t o, int64_t n, int64_t m, window k, int64_t option);

static double pooled(int64_t i, int64_t o, int64_t n, int64_t m, window k, int64_t option)
{
    (void)m;
    return mean_weight(i, o, n, k, option != 0);
}

static double adaptive(int64_t i, int64_t o, int64_t n, int64_t m, window k, int64_t option)
{
    (void)k, (void)option;
    const int64_t begin = o * n / m, end = (int64_t)ceil((double)((o + 1) * n) / (double)m);
    return i >= begin && i < end ? 1.0 / (double)(end - begin) : 0;
}

static double resized(int64_t i, int64_t o, int64_t n, int64_t m, window k, int64_t mode)
{
    (void)k;
    if (mode == HEED_UPSAMPLE_NEAREST) return i == o * n / m;
    double at = m > 1 ? (double)o * (double)(n - 1) / (double)(m - 1) : 0;
    if (mode == HEED_UPSAMPLE_LINEAR) at = fmax(((double)o + 0.5) * (double)n / (double)m - 0.5, 0);
    at = fmin(at, (double)(n - 1));
    return fmax(0, 1 - fabs(at - (double)i));
}

static double tolerance(heed_dtype dtype)
{
    return dtype == HEED_F64 ? 1e-13 : 2e-6;
}

/* x [3, h, w], as an input or as a view of one with its axes in the reverse order. */
static heed_node *image(heed_graph *g, plane p, bool strided)
{
    const heed_dtype dtype = heed_graph_dtype(g);
    if (!strided) return heed_input_shaped(g, "x", dtype, HEED_SHAPE(3, p.h, p.w));
    return heed_permute(heed_input_shaped(g, "x", dtype, HEED_SHAPE(p.w, p.h, 3)), 2, 1, 0);
}

/* A run of x [3, h, w] -> y [3, H, W] and its reverse pass. */
typedef struct pass {
    plane p, q; /* of x, of y */
    kit_values all;
    const double *in, *out, *r, *back; /* x, y, dy, dx */
    double *expected;                  /* dx, to be summed up; zeros */
} pass;

static pass pass_of(heed_node *x, heed_node *y, const char *what)
{
    heed_graph *g = x->graph;
    cr_assert_not_null(y, "%s: %s", what, heed_why(g));
    pass m = { .p = { x->shape.dim[1], x->shape.dim[2] },
               .q = { y->shape.dim[1], y->shape.dim[2] } };
    heed_node *dy = heed_input_shaped(g, "dy", y->dtype, y->shape), *dx;
    cr_assert(heed_gradient(y, dy, &x, 1, &dx), "%s: %s", what, heed_why(g));
    m.all = kit_run(g, (heed_node *[]){ x, y, dy, dx }, 4, (heed_compile_options){ .threads = 1 });
    m.in = m.all.value;
    m.out = m.in + 3 * m.p.h * m.p.w;
    m.r = m.out + 3 * m.q.h * m.q.w;
    m.back = m.r + 3 * m.q.h * m.q.w;
    m.expected = heed_alloc_array((size_t)(3 * m.p.h * m.p.w), sizeof *m.expected);
    return m;
}

static void end_pass(pass *m, double most, const char *what)
{
    for (int64_t i = 0; i < 3 * m->p.h * m->p.w; i++)
        cr_assert(fabs(m->expected[i] - m->back[i]) <= most, "%s: dx[%lld] is %.9g, not %.9g", what,
                  (long long)i, m->back[i], m->expected[i]);
    heed_free(m->expected);
    heed_free(m->all.value);
}

/* y and dx of <y, dy>, against sums over all elements and outputs with `weight`. */
static void check_linear(heed_node *x, heed_node *y, weight_of *weight, window a, window b,
                         int64_t option, const char *what)
{
    pass m = pass_of(x, y, what);
    const plane p = m.p, q = m.q;
    for (int64_t o = 0; o < 3 * q.h * q.w; o++) {
        const int64_t image_at = o / (q.h * q.w), oh = o / q.w % q.h, ow = o % q.w;
        double sum = 0;
        for (int64_t i = 0; i < p.h; i++) {
            const double row = weight(i, oh, p.h, q.h, a, option);
            for (int64_t j = 0; row != 0 && j < p.w; j++) {
                const double w = row * weight(j, ow, p.w, q.w, b, option);
                sum += w * m.in[(image_at * p.h + i) * p.w + j];
                m.expected[(image_at * p.h + i) * p.w + j] += w * m.r[o];
            }
        }
        cr_assert(fabs(sum - m.out[o]) <= tolerance(y->dtype), "%s: y[%lld] is %.9g, not %.9g",
                  what, (long long)o, m.out[o], sum);
    }
    end_pass(&m, 8 * tolerance(y->dtype), what);
}

static void check_max(heed_node *x, heed_node *y, window a, window b, const char *what)
{
    pass m = pass_of(x, y, what);
    const plane p = m.p, q = m.q;
    for (int64_t o = 0; o < 3 * q.h * q.w; o++) {
        const int64_t first = o / (q.h * q.w) * p.h * p.w;
        int64_t at;
        const double most = naive_max(m.in + first, p, a, b, o / q.w % q.h, o % q.w, &at);
        cr_assert(most == m.out[o], "%s: y[%lld] is %g, not %g", what, (long long)o, m.out[o],
                  most);
        if (at >= 0) m.expected[first + at] += m.r[o];
    }
    end_pass(&m, 4 * tolerance(y->dtype), what);
}

static const plane planes[] = { { 1, 1 }, { 1, 7 }, { 7, 1 }, { 13, 33 }, { 6, 8 }, { 33, 13 } };
enum { N_PLANES = sizeof planes / sizeof planes[0] };

/* One set of windows on one plane: the largest and both means. */
static int check_windows(plane p, window a, window b, bool ceil_mode, heed_dtype dtype,
                         bool strided)
{
    char what[200];
    if (!outputs_of(p.h, a, ceil_mode) || !outputs_of(p.w, b, ceil_mode)) return 0;
    const heed_pool_options o = { .stride_h = a.stride,
                                  .stride_w = b.stride,
                                  .pad_h = a.pad,
                                  .pad_w = b.pad,
                                  .dilation_h = a.dilation,
                                  .dilation_w = b.dilation,
                                  .ceil_mode = ceil_mode };
    snprintf(what, sizeof what,
             "%lld x %lld, kernel %lld %lld, stride %lld %lld, pad %lld %lld, "
             "dilation %lld %lld, ceil %d, %s%s",
             (long long)p.h, (long long)p.w, (long long)a.kernel, (long long)b.kernel,
             (long long)a.stride, (long long)b.stride, (long long)a.pad, (long long)b.pad,
             (long long)a.dilation, (long long)b.dilation, ceil_mode, heed_dtype_name(dtype),
             strided ? ", strided" : "");
    for (int kind = 0; kind < 3; kind++) {
        heed_graph *g = heed_graph_new(.dtype = dtype);
        heed_node *x = image(g, p, strided);
        if (kind == 0) {
            heed_node *y = heed_max_pool2d_with(x, a.kernel, b.kernel, o);
            check_max(x, y, a, b, what);
        } else if (a.dilation == 1 && b.dilation == 1) {
            heed_pool_options mean = o;
            mean.leave_out_pad = kind == 2;
            heed_node *y = heed_avg_pool2d_with(x, a.kernel, b.kernel, mean);
            check_linear(x, y, pooled, a, b, kind == 2, what);
        }
        heed_graph_free(g);
    }
    return 1;
}

static window draw_window(heed_rng *rng)
{
    window k = { .kernel = 1 + heed_random_below(rng, 5), .stride = 1 + heed_random_below(rng, 4) };
    k.dilation = heed_random_below(rng, 3) ? 1 : 2;
    k.pad = heed_random_below(rng, (uint32_t)(k.dilation * (k.kernel - 1) + 1) / 2 + 1);
    return k;
}

Test(ops_pool, windows)
{
    heed_rng rng = heed_rng_new(3, 0);
    int checked = 0;
    for (int i = 0; i < 400; i++) {
        const window a = draw_window(&rng), b = draw_window(&rng);
        checked += check_windows(planes[i % N_PLANES], a, b, heed_random_below(&rng, 2),
                                 i % 3 ? HEED_F32 : HEED_F64, i % 5 == 0);
    }
    cr_expect(checked > 200, "%d fitted", checked);
}

Test(ops_pool, sizes)
{
    const window none = { 1, 1, 0, 1 };
    heed_rng rng = heed_rng_new(4, 0);
    char what[100];
    for (int i = 0; i < 240; i++) {
        const plane p = planes[i % N_PLANES];
        const int64_t h = 1 + heed_random_below(&rng, 40), w = 1 + heed_random_below(&rng, 70);
        const int mode = i / N_PLANES % 4; /* the last: adaptive */
        heed_graph *g = heed_graph_new(.dtype = i % 2 ? HEED_F32 : HEED_F64);
        heed_node *x = image(g, p, i % 5 == 0);
        snprintf(what, sizeof what, "%lld x %lld to %lld x %lld, mode %d", (long long)p.h,
                 (long long)p.w, (long long)h, (long long)w, mode);
        heed_node *y = mode == 3 ? heed_adaptive_avg_pool2d(x, h, w)
                                 : heed_upsample2d(x, h, w, (heed_upsample_mode)mode);
        check_linear(x, y, mode == 3 ? adaptive : resized, none, none, mode, what);
        heed_graph_free(g);
    }
}

/* Whole factors, by which columns fall into regular runs. */
Test(ops_pool, factors)
{
    const window none = { 1, 1, 0, 1 };
    for (int factor = 1; factor <= 5; factor++)
        for (int mode = 0; mode < 3; mode++) {
            heed_graph *g = heed_graph_new(.dtype = HEED_F32);
            heed_node *x = image(g, (plane){ 5, 37 }, false);
            heed_node *y = heed_upsample2d(x, 5 * factor, 37 * factor, (heed_upsample_mode)mode);
            check_linear(x, y, resized, none, none, mode, "factor");
            heed_graph_free(g);
        }
}

/* Rows longer than a block of columns, and more planes than fit a unit: units and threads. */
Test(ops_pool, long_rows_and_many_planes)
{
    static const heed_shape shapes[] = { { 2, { 3, 20001 } },
                                         { 4, { 70, 3, 31, 17 } },
                                         { 3, { 1, 700, 300 } } };
    for (int s = 0; s < 3; s++) {
        heed_graph *g = heed_graph_new(.dtype = HEED_F32);
        heed_node *x = heed_input_shaped(g, "x", HEED_F32, shapes[s]), *y[8], *in[1] = { x };
        const int64_t *size = shapes[s].dim + shapes[s].rank - 2;
        y[0] = heed_max_pool1d(x, 3, .stride = 2, .pad = 1);
        y[1] = heed_avg_pool1d(x, 4, .pad = 2);
        y[2] = heed_max_pool2d(x, 1, 3, .stride = 1, .pad_w = 1);
        y[3] = heed_upsample2d(x, size[0] * 2, size[1] * 2, HEED_UPSAMPLE_LINEAR);
        for (int i = 0; i < 4; i++) cr_assert(heed_gradient(y[i], y[i], in, 1, &y[4 + i]));
        kit_values one = kit_run(g, y, 8, (heed_compile_options){ .threads = 1 });
        for (int threads = 2; threads <= 3; threads++) {
            kit_values more = kit_run(g, y, 8, (heed_compile_options){ .threads = threads });
            cr_expect(kit_same_bits(one, more), "shape %d, %d threads", s, threads);
            heed_free(more.value);
        }
        heed_free(one.value);
        heed_graph_free(g);
    }
    for (int strided = 0; strided < 2; strided++) { /* the numbers of two blocks */
        heed_graph *g = heed_graph_new(.dtype = HEED_F32);
        const window row = { 1, 1, 0, 1 }, three = { 3, 2, 1, 1 };
        heed_node *x = image(g, (plane){ 1, 9001 }, strided);
        check_max(x, heed_max_pool2d(x, 1, 3, .stride_w = 2, .pad_w = 1), row, three, "long");
        heed_graph_free(g);
    }
}

/* A large plane's reverse is several bands. */
Test(ops_pool, bands)
{
    const window k = { 3, 2, 1, 2 };
    heed_graph *g = heed_graph_new(.dtype = HEED_F32);
    heed_node *x = image(g, (plane){ 301, 307 }, false);
    check_max(x, heed_max_pool2d(x, 3, 3, .stride = 2, .pad = 1, .dilation = 2), k, k, "bands");
    heed_graph_free(g);
}

/* A row of numbers through a builder's graph; y has as many. */
static void run_row(heed_node *y, const double *x, double *out)
{
    heed_program *p = heed_compile(y->graph, &y, 1, .threads = 1);
    cr_assert_not_null(p, "%s", heed_why(y->graph));
    heed_view in = heed_program_input(p, "x"), view;
    for (int64_t i = 0; i < heed_count(&in.shape); i++) heed_set(&in, i, x[i]);
    cr_assert(heed_program_run(p));
    view = heed_program_output(p, 0);
    for (int64_t i = 0; i < heed_count(&view.shape); i++) out[i] = heed_get(&view, i);
    heed_program_free(p);
}

Test(ops_pool, special_values)
{
    const double row[9] = { 1, NAN, 2, 3, -INFINITY, -INFINITY, INFINITY, 4, 5 };
    double y[9];
    heed_graph *g = heed_graph_new(.dtype = HEED_F32);
    heed_node *x = heed_input(g, "x", HEED_F32, 1, 9);
    run_row(heed_max_pool1d(x, 2), row, y);
    cr_expect(isnan(y[0]) && y[1] == 3 && y[2] == -INFINITY && y[3] == INFINITY);
    run_row(heed_avg_pool1d(x, 3), row, y);
    cr_expect(isnan(y[0]) && y[1] == -INFINITY && y[2] == INFINITY);
    run_row(heed_avg_pool1d(x, 3, .stride = 1, .pad = 1), row, y); /* no zero times infinity */
    cr_expect(y[8] == 3 && y[7] == INFINITY && isnan(y[2]) && isnan(y[5]));
    run_row(heed_upsample1d(x, 9, HEED_UPSAMPLE_LINEAR), row, y);
    cr_expect(y[0] == 1 && isnan(y[1]) && y[2] == 2 && y[6] == INFINITY && y[7] == 4);
    heed_graph_free(g);
}

/* The gradient of a window of equals goes to the first; of NaN to the last NaN. */
Test(ops_pool, ties)
{
    const double equal[6] = { 2, 2, 2, 1, NAN, NAN };
    double dx[6];
    heed_graph *g = heed_graph_new(.dtype = HEED_F32);
    heed_node *x = heed_input(g, "x", HEED_F32, 6), *one;
    heed_node *y = heed_max_pool1d(x, 3);
    cr_assert(heed_gradient(y, heed_ones_like(y), &x, 1, &one));
    run_row(one, equal, dx);
    cr_expect(dx[0] == 1 && dx[1] == 0 && dx[2] == 0 && dx[3] == 0 && dx[4] == 0 && dx[5] == 1);
    heed_graph_free(g);
}

static void expect_refused(heed_node *(*build)(heed_node *x), const char *part)
{
    heed_graph *g = heed_graph_new(.dtype = HEED_F32);
    cr_expect_null(build(heed_input(g, "x", HEED_F32, 2, 5, 7)));
    cr_expect(heed_why(g) && strstr(heed_why(g), part), "\"%s\" is not in: %s", part, heed_why(g));
    heed_graph_free(g);
}

static heed_node *no_kernel(heed_node *x)
{
    return heed_max_pool2d(x, 0, 2);
}
static heed_node *much_pad(heed_node *x)
{
    return heed_avg_pool1d(x, 3, .pad = 2);
}
static heed_node *too_wide(heed_node *x)
{
    return heed_max_pool2d(x, 3, 8);
}
static heed_node *dilated_mean(heed_node *x)
{
    return heed_avg_pool2d(x, 2, 2, .dilation = 2);
}
static heed_node *left_out(heed_node *x)
{
    return heed_max_pool1d(x, 2, .leave_out_pad = true);
}
static heed_node *one_axis(heed_node *x)
{
    return heed_max_pool2d(heed_flatten(x), 2, 2);
}
static heed_node *whole_numbers(heed_node *x)
{
    return heed_avg_pool1d(heed_cast(x, HEED_I32), 2);
}
static heed_node *to_nothing(heed_node *x)
{
    return heed_upsample2d(x, 4, 0, HEED_UPSAMPLE_LINEAR);
}
static heed_node *no_mode(heed_node *x)
{
    return heed_upsample1d(x, 4, (heed_upsample_mode)7);
}
static heed_node *odd_channels(heed_node *x)
{
    return heed_pixel_shuffle(x, 2);
}
static heed_node *odd_places(heed_node *x)
{
    return heed_pixel_unshuffle(x, 2);
}

Test(ops_pool, refusals)
{
    expect_refused(no_kernel, "kernel 0");
    expect_refused(much_pad, "padding 2 along length must be 0 .. 1");
    expect_refused(too_wide, "along width, windows of 8 do not fit");
    expect_refused(dilated_mean, "dilation belongs to max_pool");
    expect_refused(left_out, "leave_out_pad belongs to avg_pool");
    expect_refused(one_axis, "at least 2 axes");
    expect_refused(whole_numbers, "i32");
    expect_refused(to_nothing, "0 elements of 7 along width");
    expect_refused(no_mode, "mode 7");
    expect_refused(odd_channels, "no multiple of 4");
    expect_refused(odd_places, "no multiples of 2");
    cr_expect_null(heed_max_pool1d(NULL, 2));
    cr_expect_null(heed_upsample1d(NULL, 2, HEED_UPSAMPLE_LINEAR));
    cr_expect_null(heed_pixel_shuffle(NULL, 2));
}

/* ops_conv.c - the kernels of convolutions, of every instruction set, against the one loop that
 * defines all three: y and the gradients for x and w. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "ops/conv.h"
#include "tensor/memory.h"
#include "tensor/rng.h"

/* ---- operands: numbers in double, and the same in memory of some layout ---- */

typedef enum layout { DENSE, GAPS, CHANNELS_LAST, N_LAYOUTS } layout;

typedef struct operand {
    heed_shape shape;
    int64_t count;
    double *value; /* row by row */
    heed_view view;
    void *memory;
} operand;

static heed_view lay_out(const operand *x, heed_dtype dtype, layout form)
{
    heed_view view = { .dtype = dtype, .shape = x->shape };
    int64_t step = form == GAPS ? 2 : 1;
    int order[4] = { 0, 1, 2, 3 };
    const int rank = x->shape.rank;
    for (int i = 1; form == CHANNELS_LAST && i < rank; i++) order[i] = i + 1 < rank ? i + 1 : 1;
    for (int i = rank - 1; i >= 0; i--) {
        view.stride[order[i]] = step;
        step *= x->shape.dim[order[i]];
        if (form == GAPS) step += 3;
    }
    return view;
}

/* Uniform in -1 .. 1, rounded to dtype; NaN where it is to be computed. */
static operand operand_new(heed_shape shape, heed_dtype dtype, layout form, uint64_t stream)
{
    operand x = { .shape = shape, .count = heed_count(&shape) };
    heed_rng rng = heed_rng_new(7, stream);
    x.value = heed_alloc_array((size_t)x.count + 1, sizeof *x.value);
    x.view = lay_out(&x, dtype, form);
    x.memory = heed_alloc_array((size_t)(2 * x.view.stride[0] * shape.dim[0]) + 64, 8);
    cr_assert(x.value && x.memory);
    x.view.data = x.memory;
    for (int64_t i = 0; i < x.count; i++) {
        x.value[i] = stream ? (double)(float)(2 * heed_random_uniform(&rng) - 1) : 0;
        heed_set(&x.view, i, stream ? x.value[i] : NAN);
    }
    return x;
}

static void operand_free(operand *x)
{
    heed_free(x->value);
    heed_free(x->memory);
}

/* ---- the definition ---- */

typedef struct conv_case {
    heed_shape x, w, y;
    conv_attr attr;
} conv_case;

static int64_t size_of(const heed_shape *s, int axis)
{
    return s->rank == 4 ? s->dim[2 + axis] : axis == 1 ? s->dim[2] : 1;
}

/* The element that tap t of position q meets along one axis; -1: padding. */
static int64_t met(const conv_case *c, int axis, int64_t q, int64_t t)
{
    const heed_conv_window *o = &c->attr.window;
    const int64_t at = q * o->stride[axis] + t * o->dilation[axis] - o->pad[axis];
    return at < size_of(&c->x, axis) ? at : -1;
}

/* y from x and w, dx from dy and w, dw from dy and x, for one pair of channels. */
static void define_pair(const conv_case *c, int64_t batch, int64_t out, int64_t in,
                        operand *const *a)
{
    operand *x = a[0], *w = a[1], *dy = a[2], *y = a[3], *dx = a[4], *dw = a[5];
    const int64_t kh = size_of(&c->w, 0), kw = size_of(&c->w, 1), oh = size_of(&c->y, 0);
    const int64_t ow = size_of(&c->y, 1), h = size_of(&c->x, 0), width = size_of(&c->x, 1);
    const int64_t group = out / (c->w.dim[0] / c->attr.window.groups);
    for (int64_t q = 0; q < oh * ow; q++)
        for (int64_t t = 0; t < kh * kw; t++) {
            const int64_t row = met(c, 0, q / ow, t / kw), column = met(c, 1, q % ow, t % kw);
            if (row < 0 || column < 0) continue;
            const int64_t channel = batch * c->x.dim[1] + group * c->w.dim[1] + in;
            const int64_t i = (channel * h + row) * width + column;
            const int64_t j = (batch * c->y.dim[1] + out) * oh * ow + q;
            const int64_t k = (out * c->w.dim[1] + in) * kh * kw + t;
            y->value[j] += w->value[k] * x->value[i];
            dx->value[i] += w->value[k] * dy->value[j];
            dw->value[k] += dy->value[j] * x->value[i];
        }
}

static void define(const conv_case *c, operand *const *a)
{
    for (int64_t batch = 0; batch < c->y.dim[0]; batch++)
        for (int64_t out = 0; out < c->w.dim[0]; out++)
            for (int64_t in = 0; in < c->w.dim[1]; in++) define_pair(c, batch, out, in, a);
}

/* ---- the kernels ---- */

/* All units at once, then again one by one from the last: the same bits. */
static void run(const heed_op *op, const operand *a, const operand *b, const operand *y,
                const conv_attr *attr, heed_isa isa)
{
    const heed_view in[2] = { a->view, b->view };
    heed_call call = { .n_in = 2, .in = in, .out = y->view, .attr = attr };
    void *plan = heed_alloc(op->plan_size);
    op->prepare(&call, plan);
    call.plan = plan;
    const size_t scratch = op->scratch(&call);
    call.scratch = heed_alloc(scratch + 64);
    memset(call.scratch, 0xff, scratch + 64); /* NaN: what is not copied must not be used */
    const int64_t units = op->units(&call);
    op->kernel->fn[y->view.dtype][isa](&call, 0, units);
    double *first = heed_alloc_array((size_t)y->count + 1, sizeof *first);
    for (int64_t i = 0; i < y->count; i++) first[i] = heed_get(&y->view, i);
    for (int64_t u = units - 1; u >= 0; u--) op->kernel->fn[y->view.dtype][isa](&call, u, u + 1);
    for (int64_t i = 0; i < y->count; i++)
        cr_assert_eq(first[i], heed_get(&y->view, i), "%s: unit by unit, [%lld] differs", op->name,
                     (long long)i);
    for (size_t i = 0; i < 64; i++)
        cr_assert_eq(((unsigned char *)call.scratch)[scratch + i], 0xff, "%s: past scratch",
                     op->name);
    heed_free(first);
    heed_free(call.scratch);
    heed_free(plan);
}

static void compare(const char *what, const operand *y, heed_isa isa, double terms)
{
    const double tolerance = (y->view.dtype == HEED_F32 ? 1e-6 : 1e-14) * (4 + terms);
    for (int64_t i = 0; i < y->count; i++)
        cr_assert(fabs(heed_get(&y->view, i) - y->value[i]) <= tolerance,
                  "%s %s %s: [%lld] is %.9g, not %.9g", what, heed_dtype_name(y->view.dtype),
                  heed_isa_name(isa), (long long)i, heed_get(&y->view, i), y->value[i]);
}

static void check(const conv_case *c, heed_dtype dtype, heed_isa isa, layout form)
{
    operand x = operand_new(c->x, dtype, form, 1), w = operand_new(c->w, dtype, form, 2);
    operand dy = operand_new(c->y, dtype, form, 3), y = operand_new(c->y, dtype, form, 0);
    operand dx = operand_new(c->x, dtype, form, 0), dw = operand_new(c->w, dtype, form, 0);
    operand *all[] = { &x, &w, &dy, &y, &dx, &dw };
    define(c, all);
    run(&heed_op_conv, &x, &w, &y, &c->attr, isa);
    run(&heed_op_conv_transpose, &dy, &w, &dx, &c->attr, isa);
    run(&heed_op_conv_dw, &dy, &x, &dw, &c->attr, isa);
    const double taps = (double)(size_of(&c->w, 0) * size_of(&c->w, 1));
    /* Sums by tiles (winograd.h) round as if they had more terms. */
    const bool by_tiles =
        heed_conv_plan_sum(&x.view, &w.view, &y.view, &c->attr.window, false).by_tiles;
    const double more = by_tiles ? 2.5 : 1;
    const double positions = (double)(c->y.dim[0] * size_of(&c->y, 0) * size_of(&c->y, 1));
    compare("y", &y, isa, more * sqrt(taps * (double)c->w.dim[1]));
    compare("dx", &dx, isa, more * sqrt(taps * (double)c->w.dim[0]));
    compare("dw", &dw, isa, more * sqrt(positions));
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) operand_free(all[i]);
}

static void check_everywhere(const conv_case *c)
{
    int checked = 0;
    for (int dtype = HEED_F32; dtype <= HEED_F64; dtype++)
        for (int isa = 0; isa < HEED_N_ISA; isa++)
            for (int form = 0; form < N_LAYOUTS; form++)
                if (heed_isa_supported((heed_isa)isa) &&
                    heed_conv_sum_kernel.fn[dtype][isa] != NULL) {
                    check(c, (heed_dtype)dtype, (heed_isa)isa, (layout)form);
                    checked++;
                }
    cr_assert_gt(checked, 0);
}

/* ---- cases ---- */

typedef struct axis_case {
    int64_t size, taps, stride, dilation, before, after;
} axis_case;

static conv_case case_of(int64_t batch, int64_t in, int64_t out, int64_t groups, axis_case height,
                         axis_case width)
{
    conv_case c = { .attr = { .window = { .groups = groups }, .axes = height.size > 0 ? 2 : 1 } };
    const axis_case flat = { 1, 1, 1, 1, 0, 0 };
    int64_t size[2], taps[2], result[2];
    for (int i = 0; i < 2; i++) {
        const axis_case a = i == 1 ? width : height.size > 0 ? height : flat;
        c.attr.window.stride[i] = a.stride;
        c.attr.window.dilation[i] = a.dilation;
        c.attr.window.pad[i] = a.before;
        c.attr.pad_after[i] = a.after;
        size[i] = a.size;
        taps[i] = a.taps;
        result[i] = (a.size + a.before + a.after - a.dilation * (a.taps - 1) - 1) / a.stride + 1;
    }
    c.x = heed_conv_shape(&c.attr, batch, in, size);
    c.w = heed_conv_shape(&c.attr, out, in / groups, taps);
    c.y = heed_conv_shape(&c.attr, batch, out, result);
    return c;
}

static const axis_case one_axis = { 0 };

Test(conv, one_axis_agrees_with_its_definition)
{
    for (int64_t stride = 1; stride < 4; stride++)
        for (int64_t dilation = 1; dilation < 4; dilation++)
            for (int64_t groups = 1; groups < 4; groups++)
                for (int64_t pad = 0; pad < 5; pad += 2) {
                    const axis_case length = { 21, 3, stride, dilation, pad, 4 - pad };
                    const conv_case c = case_of(2, 6, 12, groups, one_axis, length);
                    check_everywhere(&c);
                }
}

Test(conv, two_axes_agree_with_their_definition)
{
    static const axis_case sides[] = {
        { 7, 3, 1, 1, 1, 1 }, { 13, 1, 1, 1, 0, 0 }, { 9, 4, 2, 1, 0, 3 },
        { 8, 2, 3, 2, 2, 1 }, { 1, 3, 1, 1, 2, 0 },  { 5, 3, 4, 3, 7, 6 },
        { 6, 5, 6, 4, 9, 9 }, { 33, 3, 1, 1, 1, 1 }, { 10, 2, 4, 6, 0, 1 },
    };
    const int n = (int)(sizeof sides / sizeof sides[0]);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            const int64_t groups = 1 + (i + j) % 3;
            const conv_case c = case_of(1 + j % 2, 6, 12, groups, sides[i], sides[j]);
            check_everywhere(&c);
        }
}

Test(conv, depthwise_and_single_channels)
{
    const axis_case same = { 11, 3, 1, 1, 1, 1 }, halved = { 11, 3, 2, 1, 1, 1 };
    const conv_case cases[] = {
        case_of(2, 5, 5, 5, same, same),     case_of(2, 5, 10, 5, halved, same),
        case_of(1, 1, 40, 1, same, same),    case_of(1, 40, 1, 1, same, halved),
        case_of(2, 3, 3, 3, one_axis, same), case_of(1, 1, 1, 1, same, same),
        case_of(3, 2, 2, 1, halved, halved),
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) check_everywhere(&cases[i]);
}

/* Large enough to be cut along the batch, rows, columns, channels and taps. */
Test(conv, sizes_that_are_cut_into_units)
{
    const conv_case cases[] = {
        case_of(1, 40, 70, 1, one_axis, (axis_case){ 700, 5, 1, 1, 2, 2 }),
        case_of(2, 70, 40, 1, one_axis, (axis_case){ 301, 3, 2, 1, 1, 0 }),
        case_of(1, 70, 60, 1, (axis_case){ 19, 3, 1, 1, 1, 1 }, (axis_case){ 35, 3, 1, 1, 1, 1 }),
        case_of(40, 35, 33, 1, (axis_case){ 4, 3, 1, 1, 1, 1 }, (axis_case){ 3, 3, 1, 1, 1, 1 }),
        case_of(1, 300, 140, 1, (axis_case){ 5, 1, 1, 1, 0, 0 }, (axis_case){ 5, 1, 1, 1, 0, 0 }),
        case_of(1, 20, 30, 1, one_axis, (axis_case){ 1100, 4, 2, 1, 1, 2 }),
        case_of(2, 2, 6, 2, (axis_case){ 67, 3, 1, 1, 1, 1 }, (axis_case){ 70, 5, 1, 1, 2, 2 }),
        case_of(1, 2, 3, 1, (axis_case){ 3, 2, 1, 1, 0, 0 }, (axis_case){ 700, 9, 1, 1, 4, 4 }),
        case_of(2, 3, 40, 1, (axis_case){ 32, 4, 4, 1, 0, 0 }, (axis_case){ 32, 4, 4, 1, 0, 0 }),
        case_of(1, 2, 1, 1, (axis_case){ 40, 19, 1, 1, 9, 9 }, (axis_case){ 30, 17, 1, 1, 8, 8 }),
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) check_everywhere(&cases[i]);
}

/* Rows shorter than a panel, of several images: copied for each shift, phases zipped together. */
Test(conv, short_rows_of_many_channels)
{
    const axis_case same = { 7, 3, 1, 1, 1, 1 }, halved = { 8, 4, 2, 1, 1, 1 };
    const axis_case wide = { 14, 3, 1, 1, 1, 1 }, dilated = { 9, 3, 2, 2, 3, 1 };
    const axis_case third = { 10, 5, 3, 1, 1, 2 };
    const conv_case cases[] = {
        case_of(5, 20, 40, 1, same, same),   case_of(9, 36, 40, 1, halved, halved),
        case_of(7, 18, 64, 2, wide, same),   case_of(3, 1, 30, 1, wide, wide),
        case_of(2, 3, 20, 1, halved, wide),  case_of(3, 17, 20, 1, dilated, dilated),
        case_of(4, 20, 33, 1, third, third), case_of(6, 12, 30, 1, one_axis, same),
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) check_everywhere(&cases[i]);
}

/* 3 x 3 taps, 2 x 2, 4 x 4 and 6 x 6 with stride 2: with enough channels and positions by tiles, of
 * which the last have a row or a column less; blocks of several images, and of some lines. */
Test(conv, tiles_of_two_by_two_results)
{
    const axis_case odd = { 9, 3, 1, 1, 0, 1 }, even = { 12, 3, 1, 1, 2, 1 };
    const axis_case same = { 7, 3, 1, 1, 1, 1 }, wide = { 15, 3, 1, 1, 2, 2 };
    const axis_case long_row = { 200, 3, 1, 1, 1, 0 }, pair = { 10, 2, 1, 1, 1, 0 };
    const axis_case sixth = { 14, 6, 2, 1, 2, 2 };
    const axis_case halved = { 8, 4, 2, 1, 1, 1 }, late = { 18, 4, 2, 1, 2, 0 };
    const axis_case early = { 15, 4, 2, 1, 0, 3 }, long_half = { 130, 4, 2, 1, 3, 1 };
    const conv_case cases[] = {
        case_of(9, 17, 33, 1, odd, even),      case_of(5, 40, 36, 2, wide, odd),
        case_of(1, 16, 20, 1, even, long_row), case_of(11, 70, 66, 1, same, same),
        case_of(2, 16, 16, 1, long_row, wide), case_of(35, 32, 48, 1, halved, halved),
        case_of(9, 96, 64, 2, late, early),    case_of(3, 16, 80, 1, halved, long_half),
        case_of(7, 19, 18, 1, pair, pair),     case_of(11, 16, 32, 1, sixth, sixth),
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const conv_case *c = &cases[i];
        operand x = operand_new(c->x, HEED_F32, DENSE, 1),
                w = operand_new(c->w, HEED_F32, DENSE, 2);
        operand y = operand_new(c->y, HEED_F32, DENSE, 0);
        cr_assert(heed_conv_plan_sum(&x.view, &w.view, &y.view, &c->attr.window, false).by_tiles);
        cr_assert(heed_conv_plan_sum(&y.view, &w.view, &x.view, &c->attr.window, true).by_tiles);
        cr_assert(heed_conv_plan_weights(&y.view, &x.view, &w.view, &c->attr.window).by_tiles);
        operand_free(&x);
        operand_free(&w);
        operand_free(&y);
        check_everywhere(c);
    }
}

/* Taps that meet padding alone have a gradient of 0. */
Test(conv, small_windows_that_hardly_meet_an_image)
{
    const conv_case cases[] = {
        case_of(64, 32, 16, 1, (axis_case){ 2, 5, 1, 1, 1, 7 }, (axis_case){ 8, 3, 1, 1, 1, 1 }),
        case_of(40, 16, 16, 1, (axis_case){ 2, 3, 1, 1, 4, 4 }, (axis_case){ 9, 3, 1, 1, 2, 2 }),
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) check_everywhere(&cases[i]);
}

Test(conv, empty_batches_and_channels)
{
    const axis_case side = { 5, 3, 1, 1, 1, 1 }, bare = { 0, 1, 1, 1, 1, 1 };
    const conv_case cases[] = {
        case_of(0, 4, 4, 1, side, side),     case_of(2, 0, 3, 1, side, side),
        case_of(2, 3, 0, 1, side, side),     case_of(0, 4, 9, 1, one_axis, side),
        case_of(2, 3, 2, 1, one_axis, bare),
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) check_everywhere(&cases[i]);
}

/* Where padding alone is read, distances of any size must cost nothing. */
Test(conv, strides_and_paddings_far_larger_than_images)
{
    const int64_t far = INT32_MAX / 4;
    const axis_case dilated = { 4, 3, 1, far, far, far }, strided = { 4, 2, far, 3, 5, far };
    const conv_case cases[] = {
        case_of(1, 2, 2, 1, dilated, (axis_case){ 3, 1, 1, 1, 0, 0 }),
        case_of(1, 2, 2, 1, one_axis, dilated),
        case_of(1, 2, 2, 1, strided, strided),
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) check_everywhere(&cases[i]);
}

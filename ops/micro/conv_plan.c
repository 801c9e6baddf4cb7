/* conv_plan.c - how convolutions are cut into blocks and units, and what their scratch memory
 * holds. Sums are in an order that follows from shapes; cache sizes only decide about blocks. */
#include "ops/micro/winograd.h"

#define MOST_DEPTH 256       /* channels times taps that are summed before the output is written */
#define MOST_POSITIONS 256   /* likewise of conv_weights, in registers */
#define MOST_DOTS 8192       /* likewise of one channel, by dot products */
#define FEW_POSITIONS 1024   /* images are put together until they have so many */
#define WANTED_UNITS 8       /* of one operation, if it has the work for them */
#define LEAST_WORK 5e5       /* of a unit, in flops */
#define LEAST_ROWS 56        /* to be cut in two */
#define LEAST_POSITIONS 64   /* likewise */
#define COPY_COST 4          /* of a vector, in multiplications of one */
#define MOST_COPIES 8        /* of a plane: of longer windows, rows are longer, too */
#define COLUMNS 32           /* input channels of a unit of conv_weights: two vectors */
#define MOST_ROWS 128        /* output channels of it */
#define PANEL_BYTES (8 * 64) /* widest row of a panel; so much may be read past the last place */
#define ANY_PLACES (INT64_MAX / 2)

static int64_t divide_down(int64_t a, int64_t b)
{
    return -heed_conv_up(-a, b);
}

static int64_t common_divisor(int64_t a, int64_t b)
{
    while (b != 0) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* x with a x = 1 modulo n, for a and n without a common divisor: Euclid. */
static int64_t inverse_modulo(int64_t a, int64_t n)
{
    int64_t rest = n, next_rest = a % n, x = 0, next_x = 1;
    while (next_rest > 0) {
        const int64_t times = rest / next_rest, new_rest = rest - times * next_rest;
        const int64_t new_x = x - times * next_x;
        rest = next_rest;
        next_rest = new_rest;
        x = next_x;
        next_x = new_x;
    }
    return n == 1 ? 0 : (x % n + n) % n;
}

/* x, y: elements of the convolution's input and output. */
static heed_conv_axis axis_of(int64_t x, int64_t y, int64_t taps, int64_t stride, int64_t dilation,
                              int64_t pad, bool reverse)
{
    heed_conv_axis a = { .in = x, .out = y, .stride = stride, .dilation = dilation, .pad = pad };
    a.first = heed_conv_up(pad - (y - 1) * stride, dilation);
    if (a.first < 0) a.first = 0;
    const int64_t last = divide_down(x - 1 + pad, dilation);
    a.taps = (last < taps ? last + 1 : taps) - a.first;
    if (a.taps < 0 || x == 0 || y == 0) a.taps = 0;
    a.cycle = stride / common_divisor(stride, dilation);
    a.jump = dilation / (stride / a.cycle);
    a.inverse = inverse_modulo(a.jump, a.cycle);
    a.planes = a.taps < a.cycle ? a.taps : a.cycle;
    a.phases = 1;
    a.positions = y;
    a.halo = a.taps > 0 ? (a.taps - 1) / a.cycle * a.jump : 0;
    if (!reverse) return a;
    a.in = y;
    a.out = x;
    a.planes = 1;
    a.phases = x < stride ? x : stride;
    a.positions = heed_conv_up(x, stride);
    if (a.taps == 0) return a;
    a.origin = heed_conv_up(pad - (a.first + a.taps - 1) * dilation, stride);
    a.halo = divide_down(a.phases - 1 + pad - a.first * dilation, stride) - a.origin;
    if (a.halo < 0) a.halo = 0; /* no phase meets a tap */
    return a;
}

static int64_t size_along(const heed_view *v, int axis)
{
    return v->shape.rank == 4 ? v->shape.dim[2 + axis] : axis == 1 ? v->shape.dim[2] : 1;
}

static int64_t stride_along(const heed_view *v, int axis)
{
    return v->shape.rank == 4 ? v->stride[2 + axis] : axis == 1 ? v->stride[2] : 0;
}

static heed_conv_problem problem_of(const heed_view *x, const heed_view *w, const heed_view *y,
                                    const heed_conv_window *window, bool reverse)
{
    const int64_t in = w->shape.dim[1], out = w->shape.dim[0] / window->groups;
    heed_conv_problem p = { .reverse = reverse,
                            .batch = x->shape.dim[0],
                            .groups = window->groups,
                            .in = reverse ? out : in,
                            .out = reverse ? in : out };
    for (int i = 0; i < 2; i++)
        p.axis[i] = axis_of(size_along(x, i), size_along(y, i), size_along(w, i), window->stride[i],
                            window->dilation[i], window->pad[i], reverse);
    return p;
}

static heed_conv_images images_of(const heed_view *images, int64_t channels)
{
    return (heed_conv_images){ .batch = images->stride[0],
                               .group = channels * images->stride[1],
                               .channel = images->stride[1],
                               .axis = { stride_along(images, 0), stride_along(images, 1) } };
}

static heed_conv_taps taps_of(const heed_view *w, const heed_conv_problem *p)
{
    const int64_t out = p->reverse ? p->in : p->out;
    const bool back = p->reverse;
    return (heed_conv_taps){ .group = out * w->stride[0],
                             .row = w->stride[back ? 1 : 0],
                             .column = w->stride[back ? 0 : 1],
                             .axis = { stride_along(w, 0), stride_along(w, 1) } };
}

/* ---- blocks ---- */

/* How many nearly equal parts of at most *size, a multiple of `multiple`, make up the whole. */
static int64_t parts(int64_t *size, int64_t whole, int64_t multiple)
{
    if (whole < 1) whole = 1;
    if (*size < 1) *size = 1;
    const int64_t count = heed_conv_up(whole, *size);
    *size = heed_round_up(heed_conv_up(whole, count), multiple);
    if (*size > whole) *size = whole;
    return heed_conv_up(whole, *size);
}

static void set_places(heed_conv_problem *p)
{
    heed_conv_blocks *b = &p->blocks;
    b->along_batch = parts(&b->images, p->batch, 1);
    b->down = parts(&b->rows, p->axis[0].positions, 1);
    b->across = parts(&b->columns, p->axis[1].positions, 1);
    p->place_rows = b->rows + p->axis[0].halo;
    p->place_columns = b->columns + p->axis[1].halo;
}

static int64_t halve(int64_t *size, int64_t whole)
{
    *size = (*size + 1) / 2;
    return parts(size, whole, 1);
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Cut so that a block has about `positions` of them and copies at most `places` of a channel, but
 * is as large as its halo at least: with less, copies would take all the time. */
static void cut_positions(heed_conv_problem *p, int64_t positions, int64_t places)
{
    const heed_conv_axis *height = &p->axis[0], *width = &p->axis[1];
    heed_conv_blocks *b = &p->blocks;
    b->columns = larger(places / (1 + height->halo) - width->halo, 1 + width->halo);
    b->columns = larger(heed_smaller(heed_smaller(b->columns, positions), width->positions), 1);
    b->rows = larger(places / (b->columns + width->halo) - height->halo, 1 + height->halo);
    b->rows =
        larger(heed_smaller(heed_smaller(b->rows, positions / b->columns), height->positions), 1);
    if (b->columns < width->positions) b->rows = 1;
    b->images = 1;
    if (b->rows == height->positions) {
        const int64_t room = (b->rows + height->halo) * (b->columns + width->halo);
        b->images = heed_smaller(positions / larger(b->rows * b->columns, 1), places / room);
        b->images = larger(heed_smaller(b->images, p->batch), 1);
    }
    set_places(p);
}

static size_t round_up(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

/* ---- conv_sum ---- */

static int64_t sum_units(const heed_conv_sum_plan *plan)
{
    const heed_conv_blocks *b = &plan->problem.blocks;
    return plan->problem.groups * b->along_batch * b->down * b->across * plan->row_blocks;
}

/* Cut further while there are few units that are large. Cutting rows copies images once more, and
 * cutting positions copies weights once more, which takes twice as long where it gathers them. */
static void cut_sum(heed_conv_sum_plan *plan)
{
    heed_conv_problem *p = &plan->problem;
    heed_conv_blocks *b = &p->blocks;
    const double taps = (double)(p->axis[0].taps * p->axis[1].taps), out = (double)p->out;
    const double positions = (double)(p->reverse ? p->axis[0].in : p->axis[0].out) *
                             (double)(p->reverse ? p->axis[1].in : p->axis[1].out);
    const double work = 2 * (double)(p->batch * p->groups * p->in) * out * positions * taps;
    const double weights = p->reverse ? 2 * taps * out : taps * out;
    const int64_t copies = p->axis[0].planes * plan->copies;
    for (;;) {
        const int64_t units = sum_units(plan), area = b->images * b->rows * b->columns;
        const int64_t pitch = plan->shifted ? b->columns : p->place_columns;
        const double places = (double)(copies * b->images * p->place_rows * pitch);
        const bool rows = plan->rows >= LEAST_ROWS, columns = area >= LEAST_POSITIONS;
        if (units >= WANTED_UNITS || work < 2 * LEAST_WORK * (double)units) return;
        if (rows && (!columns || (double)plan->row_blocks * places < weights)) {
            plan->row_blocks = halve(&plan->rows, p->out);
        } else if (columns) {
            int64_t *longest = b->images > 1 ? &b->images : b->rows > 1 ? &b->rows : &b->columns;
            *longest = (*longest + 1) / 2;
            set_places(p);
        } else {
            return;
        }
    }
}

/* At most, and at least one. */
static int64_t taps_of_phase(const heed_conv_axis *a, bool reverse)
{
    return a->taps == 0 ? 1 : reverse ? heed_conv_up(a->taps, a->cycle) : a->taps;
}

/* More copies, or more multiplications? Of each row. */
static bool prefer_shifted(const heed_conv_problem *p, int64_t taps, int64_t copies)
{
    const heed_conv_axis *width = &p->axis[1];
    return copies <= MOST_COPIES &&
           p->out * taps * width->halo > COPY_COST * (copies - width->planes) * width->positions;
}

static void set_sum_scratch(heed_conv_sum_plan *plan, int64_t taps, size_t size)
{
    const heed_conv_problem *p = &plan->problem;
    const heed_conv_blocks *b = &p->blocks;
    const int64_t pitch = plan->shifted ? b->columns : p->place_columns;
    const int64_t copies = p->axis[0].planes * plan->copies;
    const int64_t places = copies * b->images * p->place_rows * pitch;
    const size_t depth = (size_t)(plan->depth * taps);
    plan->list_size = (int64_t)depth;
    /* Odd numbers of vectors spread over the cache. What the last panel reads past the last place
     * belongs to the channel, too. */
    plan->channel_step = (heed_conv_up(places, HEED_CONV_WIDEST) / 2 * 2 + 3) * HEED_CONV_WIDEST;
    plan->sums_step =
        (heed_conv_up(b->images * b->rows * pitch, HEED_CONV_WIDEST) | 1) * HEED_CONV_WIDEST;
    plan->weights_step = (heed_conv_up((int64_t)depth, HEED_CONV_WIDEST) | 1) * HEED_CONV_WIDEST;
    plan->weights_at = round_up((depth + (size_t)taps) * sizeof(int64_t));
    const int64_t rows = plan->phases * plan->rows;
    plan->sums_at = round_up(plan->weights_at + (size_t)(rows * plan->weights_step) * size);
    plan->images_at = plan->sums_at + (size_t)(rows * plan->sums_step) * size;
    plan->bytes = plan->images_at + (size_t)(plan->depth * plan->channel_step) * size + PANEL_BYTES;
}

heed_conv_sum_plan heed_conv_plan_sum(const heed_view *read, const heed_view *w,
                                      const heed_view *written, const heed_conv_window *window,
                                      bool reverse)
{
    const size_t size = heed_dtype_size(written->dtype), cache = heed_cache_size(2) / 4;
    heed_conv_sum_plan plan = { 0 };
    heed_conv_problem *p = &plan.problem;
    *p = problem_of(reverse ? written : read, w, reverse ? read : written, window, reverse);
    const heed_conv_axis *height = &p->axis[0], *width = &p->axis[1];
    plan.read = images_of(read, p->in);
    plan.written = images_of(written, p->out);
    plan.taps = taps_of(w, p);
    const int64_t taps = taps_of_phase(height, reverse) * taps_of_phase(width, reverse);
    const int64_t divided = reverse ? height->cycle * width->cycle : 1;
    const int64_t mean = height->taps * width->taps / divided;
    plan.depth = mean < 1 ? MOST_DEPTH : mean < MOST_DEPTH ? MOST_DEPTH / mean : 1;
    plan.depths = parts(&plan.depth, p->in, 1);
    plan.copies = width->taps == 0 ? 0 : reverse ? width->halo + 1 : width->taps;
    plan.shifted = prefer_shifted(p, taps, plan.copies);
    if (!plan.shifted) plan.copies = width->planes;
    plan.phases = height->phases * width->phases;
    plan.rows = (int64_t)(cache / size) / (plan.depth * taps * (reverse ? divided : 1));
    plan.row_blocks = parts(&plan.rows, p->out, 1);
    const int64_t whole = height->positions * width->positions;
    const int64_t copied = plan.depth * larger(height->planes * plan.copies, 1);
    const int64_t summed = larger(plan.rows * plan.phases / 2, 1); /* half of the cache */
    cut_positions(p, whole > FEW_POSITIONS ? whole : FEW_POSITIONS,
                  (int64_t)(cache / size) / larger(copied, summed));
    cut_sum(&plan);
    set_sum_scratch(&plan, taps, size);
    const bool empty = p->batch == 0 || p->out == 0 || height->out == 0 || width->out == 0;
    plan.units = empty ? 0 : sum_units(&plan);
    heed_winograd_plan_sum(&plan, size);
    return plan;
}

int64_t heed_conv_sum_units(const heed_call *call)
{
    const heed_conv_sum_plan *plan = call->plan;
    return plan->units;
}

size_t heed_conv_sum_scratch(const heed_call *call)
{
    const heed_conv_sum_plan *plan = call->plan;
    return plan->bytes;
}

/* ---- conv_weights ---- */

static int64_t weights_units(const heed_conv_weights_plan *plan)
{
    return plan->problem.groups * plan->row_blocks * plan->column_blocks * plan->window_blocks;
}

/* The same; but each unit reads the whole batch, so fewer are wanted. */
static void cut_weights(heed_conv_weights_plan *plan)
{
    const heed_conv_problem *p = &plan->problem;
    const double positions = (double)p->axis[0].out * (double)p->axis[1].out * (double)p->batch;
    const double work = 2.0 * (double)(p->groups * p->in * p->out) * positions *
                        (double)(plan->all_taps[0] * plan->all_taps[1]);
    for (;;) {
        const int64_t units = weights_units(plan);
        if (units >= WANTED_UNITS / 2 || work < 2 * LEAST_WORK * (double)units) return;
        if (plan->rows >= LEAST_ROWS) {
            plan->row_blocks = halve(&plan->rows, p->out);
        } else if (plan->windows > 1 && !plan->folded) {
            plan->window_blocks = halve(&plan->windows, plan->all_taps[0]);
        } else {
            return;
        }
    }
}

static void set_weights_scratch(heed_conv_weights_plan *plan, size_t size)
{
    const heed_conv_problem *p = &plan->problem;
    const int64_t positions = p->blocks.images * p->blocks.rows * p->blocks.columns;
    const int64_t places = p->blocks.images * p->place_rows * p->place_columns;
    plan->depth_step = heed_round_up(positions, HEED_CONV_WIDEST) + HEED_CONV_WIDEST;
    const int64_t windows = plan->folded ? 1 : plan->windows;
    plan->run_step =
        heed_round_up(plan->run_taps * plan->columns * (plan->windows / windows), HEED_CONV_WIDEST);
    plan->dy_at = round_up((size_t)positions * sizeof(int64_t));
    plan->x_at = round_up(plan->dy_at + (size_t)(plan->rows * plan->depth_step) * size);
    plan->sums_at = plan->x_at + PANEL_BYTES +
                    (size_t)(places * p->axis[0].planes * p->axis[1].planes * plan->columns *
                             (plan->windows / windows)) *
                        size;
    plan->sums_at = round_up(plan->sums_at);
    const int64_t sums =
        plan->dots ? p->axis[1].taps * HEED_CONV_WIDEST : plan->runs * plan->run_step;
    plan->bytes = plan->sums_at + PANEL_BYTES + (size_t)(plan->rows * windows * sums) * size;
}

/* Which takes fewer multiplications of vectors for each position? A tile has eight at least. */
static bool prefer_dots(const heed_conv_weights_plan *plan)
{
    const heed_conv_problem *p = &plan->problem;
    const int64_t windows = plan->folded ? plan->windows : 1; /* of a tile */
    const int64_t vectors =
        heed_conv_up(plan->run_taps * p->in * windows, HEED_CONV_WIDEST) * p->out;
    const int64_t tile = plan->runs * (vectors > 8 ? vectors : 8);
    return 4 * p->in * p->out * p->axis[1].taps * windows < tile * HEED_CONV_WIDEST;
}

heed_conv_weights_plan heed_conv_plan_weights(const heed_view *dy, const heed_view *x,
                                              const heed_view *dw, const heed_conv_window *window)
{
    heed_conv_weights_plan plan = { .rows = MOST_ROWS, .columns = COLUMNS };
    heed_conv_problem *p = &plan.problem;
    *p = problem_of(x, dw, dy, window, false);
    plan.x = images_of(x, p->in);
    plan.dy = images_of(dy, p->out);
    plan.taps = taps_of(dw, p);
    for (int i = 0; i < 2; i++) plan.all_taps[i] = size_along(dw, i);
    const heed_conv_axis *width = &p->axis[1];
    const bool adjacent = width->dilation == 1;
    plan.run_taps = adjacent ? width->taps : 1;
    plan.runs = adjacent ? 1 : width->taps;
    plan.windows = plan.all_taps[0];
    plan.folded = plan.windows > 1 && plan.windows * p->in <= HEED_CONV_WIDEST;
    plan.dots = prefer_dots(&plan);
    plan.folded = plan.folded && !plan.dots;
    if (plan.folded) { /* each place has what its taps along height meet */
        p->axis[0].planes = 1;
        p->axis[0].halo = 0;
    }
    plan.whole_rows = !plan.dots && adjacent && width->planes == width->stride;
    if (plan.dots) plan.columns = 1;
    const int64_t alone = MOST_DOTS / (1 + p->out);
    cut_positions(p, plan.dots && alone > MOST_POSITIONS ? alone : MOST_POSITIONS, ANY_PLACES);
    plan.plane_places = p->axis[0].planes * p->blocks.images * p->place_rows * p->place_columns;
    plan.row_blocks = parts(&plan.rows, p->out, 1);
    plan.column_blocks = parts(&plan.columns, p->in, plan.dots ? 1 : HEED_CONV_WIDEST);
    plan.window_blocks = 1;
    cut_weights(&plan);
    set_weights_scratch(&plan, heed_dtype_size(dw->dtype));
    plan.units = p->in == 0 || p->out == 0 ? 0 : weights_units(&plan);
    heed_winograd_plan_weights(&plan, heed_dtype_size(dw->dtype));
    return plan;
}

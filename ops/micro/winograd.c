/* winograd.c - convolutions by tiles; what is computed is in winograd.h. */
#include "ops/micro/winograd.h"

#ifdef HEED_STAMP
#include "ops/micro/conv_copy.h"
#include "ops/micro/panel.h"
#include "ops/micro/winograd_lines.h"

/* ---- a unit, and its block ---- */

typedef struct work {
    const heed_winograd_plan *w;
    int64_t x_channels, y_channels;
    int64_t image, images, line, lines; /* of the block */
    const real *zeros;
    real *filters, *x_copy, *y_copy, *x_points, *y_points;
} work;

static work work_of(const heed_winograd_plan *w, char *scratch, int64_t x_channels,
                    int64_t y_channels)
{
    work k = { .w = w,
               .x_channels = x_channels,
               .y_channels = y_channels,
               .filters = (real *)(void *)scratch,
               .zeros = (real *)(void *)(scratch + w->zeros_at),
               .x_copy = (real *)(void *)(scratch + w->x_copy_at),
               .y_copy = (real *)(void *)(scratch + w->y_copy_at),
               .x_points = (real *)(void *)(scratch + w->x_points_at),
               .y_points = (real *)(void *)(scratch + w->y_points_at) };
    /* What is behind the last channel of the copies stays 0, too. */
    fill_zero((real *)(void *)(scratch + w->zeros_at),
              (int64_t)(w->x_points_at - w->zeros_at) / (int64_t)sizeof(real));
    return k;
}

static void set_block(work *k, int64_t number, int64_t batch)
{
    const heed_winograd_plan *w = k->w;
    k->image = number / w->down * w->images;
    k->images = heed_conv_part(w->images, batch, k->image);
    k->line = number % w->down * w->lines;
    k->lines = heed_conv_part(w->lines, w->tiles[0], k->line);
}

static int64_t tiles_of_block(const work *k)
{
    return k->images * k->lines * k->w->tiles[1];
}

/* Rows of an image that the block's tiles meet, from `first` on: of x, and of y. */
typedef struct band {
    int64_t first, rows, columns;
} band;

static band band_of(int64_t first, int64_t end, const int64_t *size)
{
    band b = { .first = first > 0 ? first : 0, .columns = size[1] };
    b.rows = heed_smaller(end, size[0]) - b.first;
    if (b.rows < 0) b.rows = 0;
    return b;
}

static band x_band(const work *k)
{
    const heed_winograd_plan *w = k->w;
    const int64_t *origin = w->origin[0];
    int64_t low = origin[0], high = origin[0];
    for (int64_t i = 1; i < w->stride; i++) {
        if (origin[i] < low) low = origin[i];
        if (origin[i] > high) high = origin[i];
    }
    return band_of(2 * k->line * w->step + low,
                   (2 * (k->line + k->lines) + w->taps - 2) * w->step + high + 1, w->x_size);
}

static band y_band(const work *k)
{
    const int64_t each = 2 * k->w->spread;
    return band_of(each * k->line, each * (k->line + k->lines), k->w->y_size);
}

/* ---- images, and copies with their channels innermost ---- */

/* Rows that follow each other without gaps are one. */
typedef struct row_list {
    int64_t rows, n, step; /* positions of a row; from one row to the next in memory */
} row_list;

static row_list rows_of(band b, const heed_conv_images *images)
{
    if (images->axis[1] == 1 && images->axis[0] == b.columns)
        return (row_list){ 1, b.rows * b.columns, 0 };
    return (row_list){ b.rows, b.columns, images->axis[0] };
}

static void copy_images(const work *k, const real *from, const heed_conv_images *images, band b,
                        int64_t channels, int64_t width, real *to)
{
    const row_list list = rows_of(b, images);
    from += k->image * images->batch + b.first * images->axis[0];
    for (int64_t i = 0; i < k->images; i++)
        for (int64_t r = 0; r < list.rows; r++, to += list.n * width)
            interleave(from + i * images->batch + r * list.step, images->channel, images->axis[1],
                       list.n, channels, to, width);
}

/* n neighbours of up to LANES channels, to positions `apart`. */
static void write_square(const real *from, int64_t width, int64_t n, int64_t channels, real *to,
                         int64_t channel, int64_t apart)
{
    vec square[LANES];
    for (int64_t j = 0; j < LANES; j++)
        square[j] = j < n ? vec_load(from + j * width) : vec_fill(0);
    transpose_square(square);
    for (int64_t c = 0; c < channels; c++, to += channel)
        if (apart == 1)
            vec_store_part(to, square[c], n);
        else
            for (int64_t j = 0; j < n; j++) to[j * apart] = square[c][j];
}

static void write_results(const work *k, const heed_conv_images *images, real *to)
{
    const band b = y_band(k);
    const row_list list = rows_of(b, images);
    const int64_t width = k->w->y_width;
    const real *from = k->y_copy;
    to += k->image * images->batch + b.first * images->axis[0];
    for (int64_t i = 0; i < k->images; i++)
        for (int64_t r = 0; r < list.rows; r++, from += list.n * width)
            for (int64_t c = 0; c < k->y_channels; c += LANES)
                for (int64_t j = 0; j < list.n; j += LANES)
                    write_square(from + j * width + c, width, heed_smaller(LANES, list.n - j),
                                 heed_smaller(LANES, k->y_channels - c),
                                 to + i * images->batch + c * images->channel + r * list.step +
                                     j * images->axis[1],
                                 images->channel, images->axis[1]);
}

/* ---- tiles ---- */

/* Where the copy has the n x n elements of a tile, `step` apart, that begins at [row, column] of
 * image i, or zeros. */
static ALWAYS_INLINE void find_elements(const work *k, const int n, band b, int64_t i, int64_t row,
                                        int64_t column, int64_t step, const real *copy,
                                        int64_t width, const real **at)
{
    for (int y = 0; y < n; y++)
        for (int x = 0; x < n; x++) {
            const int64_t r = row + y * step - b.first, c = column + x * step;
            const bool inside = r >= 0 && r < b.rows && c >= 0 && c < b.columns;
            at[y * n + x] = inside ? copy + ((i * b.rows + r) * b.columns + c) * width : k->zeros;
        }
}

/* The points of one tile of n x n elements, all channels. */
static ALWAYS_INLINE void transform_tile(transformation *line, const int r, const int n,
                                         const real *const *at, int64_t width, real *points,
                                         int64_t step)
{
    for (int64_t c = 0; c < width; c += LANES) {
        vec from[MOST_POINTS], to[MOST_POINTS];
        GEMM_UNROLL
        for (int i = 0; i < n * n; i++) from[i] = vec_load(at[i] + c);
        both_axes(line, r, n, r + 1, from, to);
        GEMM_UNROLL
        for (int i = 0; i < (r + 1) * (r + 1); i++) vec_store(points + i * step + c, to[i]);
    }
}

/* One phase of x, or what one phase of y is made of. */
static ALWAYS_INLINE void transform_x(const int r, const work *k, int64_t phase)
{
    const heed_winograd_plan *w = k->w;
    const band b = x_band(k);
    const int64_t down = w->origin[0][phase / w->stride], across = w->origin[1][phase % w->stride];
    const real *at[MOST_POINTS];
    real *points = k->x_points + (w->turned ? 0 : phase * w->x_copied);
    for (int64_t i = 0; i < k->images; i++)
        for (int64_t y = 0; y < k->lines; y++)
            for (int64_t x = 0; x < w->tiles[1]; x++, points += w->x_width) {
                find_elements(k, r + 1, b, i, 2 * (k->line + y) * w->step + down,
                              2 * x * w->step + across, w->step, k->x_copy, w->x_copied, at);
                transform_tile(image_line, r, r + 1, at, w->x_copied, points, w->x_step);
            }
}

static ALWAYS_INLINE void transform_dy(const int r, const work *k)
{
    const heed_winograd_plan *w = k->w;
    const band b = y_band(k);
    const real *at[4];
    real *points = k->y_points;
    for (int64_t i = 0; i < k->images; i++)
        for (int64_t y = 0; y < k->lines; y++)
            for (int64_t x = 0; x < w->tiles[1]; x++, points += w->y_width) {
                find_elements(k, 2, b, i, 2 * (k->line + y), 2 * x, 1, k->y_copy, w->y_width, at);
                transform_tile(result_line_reverse, r, 2, at, w->y_width, points, w->y_step);
            }
}

/* The 2 x 2 results of a tile, as far as y has their rows and columns; to: where the copy has them,
 * or NULL. */
static ALWAYS_INLINE void write_tile(const int r, const work *k, const real *points,
                                     real *const *to)
{
    const heed_winograd_plan *w = k->w;
    for (int64_t c = 0; c < w->y_width; c += LANES) {
        vec from[MOST_POINTS], y[4];
        GEMM_UNROLL
        for (int i = 0; i < (r + 1) * (r + 1); i++) from[i] = vec_load(points + i * w->y_step + c);
        both_axes(result_line, r, r + 1, 2, from, y);
        GEMM_UNROLL
        for (int i = 0; i < 4; i++)
            if (to[i]) vec_store(to[i] + c, y[i]);
    }
}

static ALWAYS_INLINE void gather_results(const int r, const work *k, int64_t phase)
{
    const heed_winograd_plan *w = k->w;
    const band b = y_band(k);
    const int64_t down = w->offset[0][phase / w->stride], across = w->offset[1][phase % w->stride];
    const real *points = k->y_points;
    for (int64_t i = 0; i < k->images; i++)
        for (int64_t y = 0; y < k->lines; y++)
            for (int64_t x = 0; x < w->tiles[1]; x++, points += w->y_width) {
                real *to[4];
                for (int e = 0; e < 4; e++) {
                    const int64_t row = (2 * y + e / 2) * w->spread + down;
                    const int64_t column = (2 * x + e % 2) * w->spread + across;
                    real *one = k->y_copy + ((i * b.rows + row) * b.columns + column) * w->y_width;
                    to[e] = row < b.rows && column < b.columns ? one : NULL;
                }
                write_tile(r, k, points, to);
            }
}

/* ---- y = conv(x, w), or turned x = conv_transpose(y, w) ---- */

/* LANES filters of one channel of x, tap by tap. */
static void load_taps(const heed_conv_taps *t, int64_t side, const real *w, int64_t filters,
                      vec *taps)
{
    for (int64_t i = 0; i < side * side; i++) taps[i] = vec_fill(0);
    if (filters == LANES && t->axis[1] == 1 && t->axis[0] == side) {
        interleave(w, t->row, 1, side * side, LANES, (real *)taps, LANES);
        return;
    }
    for (int64_t i = 0; i < side * side; i++)
        for (int64_t l = 0; l < filters; l++)
            taps[i][l] = w[l * t->row + i / side * t->axis[0] + i % side * t->axis[1]];
}

/* [point][phase][channel of x][channel of y] */
static ALWAYS_INLINE void transform_filters(const int r, const work *k, const heed_conv_taps *t,
                                            const real *w)
{
    const heed_winograd_plan *plan = k->w;
    const int64_t side = r * plan->stride;
    vec all[ALL_TAPS];
    for (int64_t c = 0; c < k->x_channels; c++)
        for (int64_t o = 0; o < plan->y_width; o += LANES) {
            load_taps(t, side, w + c * t->column + o * t->row,
                      heed_smaller(LANES, k->y_channels - o), all);
            for (int64_t phase = 0; phase < plan->phases; phase++) {
                const int64_t down = phase / plan->stride, across = phase % plan->stride;
                real *to = k->filters + (phase * k->x_channels + c) * plan->y_width + o;
                vec from[MOST_TAPS], points[MOST_POINTS];
                for (int i = 0; i < r * r; i++) {
                    const int tap = plan->turned ? r * r - 1 - i : i;
                    from[i] = all[(tap / r * plan->stride + down) * side + tap % r * plan->stride +
                                  across];
                }
                both_axes(filter_line, r, r, r + 1, from, points);
                for (int i = 0; i < (r + 1) * (r + 1); i++)
                    vec_store(to + i * plan->filter_step, points[i]);
            }
        }
}

static void multiply_filters(const work *k, int64_t phase)
{
    const heed_winograd_plan *w = k->w;
    const int64_t first = w->turned ? phase * k->x_channels * w->y_width : 0;
    for (int64_t i = 0; i < w->points; i++) {
        const heed_panel product = { .m = tiles_of_block(k),
                                     .n = w->y_width,
                                     .k = w->turned ? k->x_channels : w->phases * k->x_channels,
                                     .first = -HEED_BAND_OPEN,
                                     .last = HEED_BAND_OPEN,
                                     .a = k->x_points + i * w->x_step,
                                     .a_row = w->x_width,
                                     .a_column = 1,
                                     .b = k->filters + i * w->filter_step + first,
                                     .b_row = w->y_width,
                                     .c = k->y_points + i * w->y_step,
                                     .c_row = w->y_width };
        HEED_FN(panel_multiply)(&product);
    }
}

/* Forward, phases are channels of one product; turned, there is a product for each. */
static ALWAYS_INLINE void sum_block(const int r, const work *k)
{
    for (int64_t phase = 0; phase < k->w->phases; phase++) {
        transform_x(r, k, phase);
        if (!k->w->turned && phase + 1 < k->w->phases) continue;
        multiply_filters(k, phase);
        gather_results(r, k, k->w->turned ? phase : 0);
    }
}

static ALWAYS_INLINE void sum_unit(const int r, const heed_call *call, int64_t unit)
{
    const heed_conv_sum_plan *plan = call->plan;
    const heed_conv_problem *p = &plan->problem;
    const heed_winograd_plan *w = &plan->winograd;
    const int64_t group = unit / w->shares / plan->row_blocks, share = unit % w->shares;
    const int64_t row = unit / w->shares % plan->row_blocks * plan->rows;
    const int64_t blocks = w->along_batch * w->down;
    const real *x = (const real *)call->in[0].data + group * plan->read.group;
    work k = work_of(w, call->scratch, p->in, heed_conv_part(plan->rows, p->out, row));
    transform_filters(r, &k, &plan->taps,
                      (const real *)call->in[1].data + group * plan->taps.group +
                          row * plan->taps.row);
    for (int64_t i = blocks * share / w->shares; i < blocks * (share + 1) / w->shares; i++) {
        set_block(&k, i, p->batch);
        copy_images(&k, x, &plan->read, x_band(&k), p->in, w->x_copied, k.x_copy);
        sum_block(r, &k);
        write_results(&k, &plan->written,
                      (real *)call->out.data + group * plan->written.group +
                          row * plan->written.channel);
    }
}

void HEED_FN(winograd_sum)(const heed_call *call, int64_t begin, int64_t end)
{
    const heed_conv_sum_plan *plan = call->plan;
    for (int64_t unit = begin; unit < end; unit++)
        if (plan->winograd.taps == 2)
            sum_unit(2, call, unit);
        else
            sum_unit(3, call, unit);
}

/* ---- dw ---- */

/* [point][channel of dy][phase][channel of x] */
static void multiply_points(const work *k, bool first)
{
    const heed_winograd_plan *w = k->w;
    for (int64_t i = 0; i < w->points; i++) {
        const heed_panel product = { .m = k->y_channels,
                                     .n = w->x_width,
                                     .k = tiles_of_block(k),
                                     .first = -HEED_BAND_OPEN,
                                     .last = HEED_BAND_OPEN,
                                     .a = k->y_points + i * w->y_step,
                                     .a_row = 1,
                                     .a_column = w->y_width,
                                     .b = k->x_points + i * w->x_step,
                                     .b_row = w->x_width,
                                     .c = k->filters + i * w->filter_step,
                                     .c_row = w->x_width,
                                     .accumulate = !first };
        HEED_FN(panel_multiply)(&product);
    }
}

static ALWAYS_INLINE void add_block(const int r, const work *k, bool first)
{
    for (int64_t phase = 0; phase < k->w->phases; phase++) transform_x(r, k, phase);
    transform_dy(r, k);
    multiply_points(k, first);
}

/* LANES filters of one phase. */
static void store_taps(const heed_conv_taps *t, const int r, int64_t stride, const vec *taps,
                       int64_t filters, real *dw)
{
    for (int64_t i = 0; i < r * r; i++)
        for (int64_t l = 0; l < filters; l++)
            dw[l * t->column + (i / r * t->axis[0] + i % r * t->axis[1]) * stride] = taps[i][l];
}

static ALWAYS_INLINE void write_filters(const int r, const work *k, const heed_conv_taps *t,
                                        real *dw)
{
    const heed_winograd_plan *w = k->w;
    for (int64_t o = 0; o < k->y_channels; o++)
        for (int64_t phase = 0; phase < w->phases; phase++)
            for (int64_t c = 0; c < k->x_channels; c += LANES) {
                const real *points = k->filters + o * w->x_width + phase * w->x_copied + c;
                real *to = dw + o * t->row + c * t->column + phase / w->stride * t->axis[0] +
                           phase % w->stride * t->axis[1];
                vec from[MOST_POINTS], taps[MOST_TAPS];
                for (int i = 0; i < (r + 1) * (r + 1); i++)
                    from[i] = vec_load(points + i * w->filter_step);
                both_axes(filter_line_reverse, r, r + 1, r, from, taps);
                store_taps(t, r, w->stride, taps, heed_smaller(LANES, k->x_channels - c), to);
            }
}

static ALWAYS_INLINE void weights_unit(const int r, const heed_call *call, int64_t unit)
{
    const heed_conv_weights_plan *plan = call->plan;
    const heed_conv_problem *p = &plan->problem;
    const heed_winograd_plan *w = &plan->winograd;
    const int64_t group = unit / plan->column_blocks / plan->row_blocks;
    const int64_t row = unit / plan->column_blocks % plan->row_blocks * plan->rows;
    const int64_t column = unit % plan->column_blocks * plan->columns;
    const real *dy = (const real *)call->in[0].data + group * plan->dy.group;
    const real *x = (const real *)call->in[1].data + group * plan->x.group;
    work k = work_of(w, call->scratch, heed_conv_part(plan->columns, p->in, column),
                     heed_conv_part(plan->rows, p->out, row));
    for (int64_t i = 0; i < w->along_batch * w->down; i++) {
        set_block(&k, i, p->batch);
        copy_images(&k, x + column * plan->x.channel, &plan->x, x_band(&k), k.x_channels,
                    w->x_copied, k.x_copy);
        copy_images(&k, dy + row * plan->dy.channel, &plan->dy, y_band(&k), k.y_channels,
                    w->y_width, k.y_copy);
        add_block(r, &k, i == 0);
    }
    write_filters(r, &k, &plan->taps,
                  (real *)call->out.data + group * plan->taps.group + row * plan->taps.row +
                      column * plan->taps.column);
}

void HEED_FN(winograd_weights)(const heed_call *call, int64_t begin, int64_t end)
{
    const heed_conv_weights_plan *plan = call->plan;
    for (int64_t unit = begin; unit < end; unit++)
        if (plan->winograd.taps == 2)
            weights_unit(2, call, unit);
        else
            weights_unit(3, call, unit);
}

#endif

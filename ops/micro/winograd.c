/* winograd.c - convolutions of 3 x 3 taps by tiles; what is computed is in winograd.h. */
#include "ops/micro/winograd.h"

#ifdef HEED_STAMP
#include "ops/micro/conv_copy.h"
#include "ops/micro/panel.h"

#define POINTS 16

/* ---- a line of elements of a tile, to its four points and back ---- */

typedef void transformation(const vec *from, int from_step, vec *to, int to_step);

static ALWAYS_INLINE void image_line(const vec *d, int s, vec *to, int t) /* B^T d */
{
    to[0] = d[0] - d[2 * s];
    to[t] = d[s] + d[2 * s];
    to[2 * t] = d[2 * s] - d[s];
    to[3 * t] = d[s] - d[3 * s];
}

static ALWAYS_INLINE void filter_line(const vec *w, int s, vec *to, int t) /* G w */
{
    const vec half = (w[0] + w[2 * s]) * (real)0.5, middle = w[s] * (real)0.5;
    to[0] = w[0];
    to[t] = half + middle;
    to[2 * t] = half - middle;
    to[3 * t] = w[2 * s];
}

static ALWAYS_INLINE void filter_line_reverse(const vec *u, int s, vec *to, int t) /* G^T u */
{
    const vec half = (u[s] + u[2 * s]) * (real)0.5;
    to[0] = u[0] + half;
    to[t] = (u[s] - u[2 * s]) * (real)0.5;
    to[2 * t] = half + u[3 * s];
}

static ALWAYS_INLINE void result_line(const vec *m, int s, vec *to, int t) /* A^T m */
{
    to[0] = m[0] + m[s] + m[2 * s];
    to[t] = m[s] - m[2 * s] - m[3 * s];
}

static ALWAYS_INLINE void result_line_reverse(const vec *y, int s, vec *to, int t) /* A y */
{
    to[0] = y[0];
    to[t] = y[0] + y[s];
    to[2 * t] = y[0] - y[s];
    to[3 * t] = -y[s];
}

/* [n, n] to [m, m], row by row. */
static ALWAYS_INLINE void both_axes(transformation *line, const int n, const int m, const vec *from,
                                    vec *to)
{
    vec half[POINTS];
    GEMM_UNROLL
    for (int i = 0; i < n; i++) line(from + i * n, 1, half + i * m, 1);
    GEMM_UNROLL
    for (int j = 0; j < m; j++) line(half + j, m, to + j, m);
}

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
    const int64_t first = 2 * k->line - k->w->pad[0];
    return band_of(first, first + 2 * k->lines + 2, k->w->x_size);
}

static band y_band(const work *k)
{
    return band_of(2 * k->line, 2 * (k->line + k->lines), k->w->y_size);
}

/* ---- images, and copies with their channels innermost ---- */

static void copy_images(const work *k, const real *from, const heed_conv_images *images, band b,
                        int64_t channels, int64_t width, real *to)
{
    const int64_t n = b.rows * b.columns;
    from += k->image * images->batch + b.first * b.columns;
    for (int64_t i = 0; i < k->images; i++)
        interleave(from + i * images->batch, images->channel, 1, n, channels, to + i * n * width,
                   width);
}

/* n neighbours of up to LANES channels. */
static void write_square(const real *from, int64_t width, int64_t n, int64_t channels, real *to,
                         int64_t channel)
{
    vec square[LANES];
    for (int64_t j = 0; j < LANES; j++)
        square[j] = j < n ? vec_load(from + j * width) : vec_fill(0);
    transpose_square(square);
    for (int64_t c = 0; c < channels; c++) vec_store_part(to + c * channel, square[c], n);
}

static void write_results(const work *k, const heed_conv_images *images, real *to)
{
    const band b = y_band(k);
    const int64_t n = b.rows * b.columns, width = k->w->y_width;
    to += k->image * images->batch + b.first * b.columns;
    for (int64_t i = 0; i < k->images; i++)
        for (int64_t c = 0; c < k->y_channels; c += LANES)
            for (int64_t j = 0; j < n; j += LANES)
                write_square(k->y_copy + (i * n + j) * width + c, width, heed_smaller(LANES, n - j),
                             heed_smaller(LANES, k->y_channels - c),
                             to + i * images->batch + c * images->channel + j, images->channel);
}

/* ---- tiles ---- */

/* Where the copy has the size x size elements of a tile that begins at [row, column] of image i, or
 * zeros. */
static void find_elements(const work *k, const int size, band b, int64_t i, int64_t row,
                          int64_t column, const real *copy, int64_t width, const real **at)
{
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            const int64_t r = row + y - b.first, c = column + x;
            const bool inside = r >= 0 && r < b.rows && c >= 0 && c < b.columns;
            at[y * size + x] =
                inside ? copy + ((i * b.rows + r) * b.columns + c) * width : k->zeros;
        }
}

/* The points of one tile, all channels. */
static ALWAYS_INLINE void transform_tile(transformation *line, const int size,
                                         const real *const *at, int64_t width, real *points,
                                         int64_t step)
{
    for (int64_t c = 0; c < width; c += LANES) {
        vec from[POINTS], to[POINTS];
        GEMM_UNROLL
        for (int i = 0; i < size * size; i++) from[i] = vec_load(at[i] + c);
        both_axes(line, size, 4, from, to);
        GEMM_UNROLL
        for (int i = 0; i < POINTS; i++) vec_store(points + i * step + c, to[i]);
    }
}

static void transform_x(const work *k)
{
    const heed_winograd_plan *w = k->w;
    const band b = x_band(k);
    const real *at[POINTS];
    real *points = k->x_points;
    for (int64_t i = 0; i < k->images; i++)
        for (int64_t y = 0; y < k->lines; y++)
            for (int64_t x = 0; x < w->tiles[1]; x++, points += w->x_width) {
                find_elements(k, 4, b, i, 2 * (k->line + y) - w->pad[0], 2 * x - w->pad[1],
                              k->x_copy, w->x_width, at);
                transform_tile(image_line, 4, at, w->x_width, points, w->x_step);
            }
}

static void transform_dy(const work *k)
{
    const heed_winograd_plan *w = k->w;
    const band b = y_band(k);
    const real *at[4];
    real *points = k->y_points;
    for (int64_t i = 0; i < k->images; i++)
        for (int64_t y = 0; y < k->lines; y++)
            for (int64_t x = 0; x < w->tiles[1]; x++, points += w->y_width) {
                find_elements(k, 2, b, i, 2 * (k->line + y), 2 * x, k->y_copy, w->y_width, at);
                transform_tile(result_line_reverse, 2, at, w->y_width, points, w->y_step);
            }
}

/* The 2 x 2 results of a tile, as far as y has their rows and columns. */
static void write_tile(const work *k, const real *points, real *to, int64_t rows, int64_t columns)
{
    const heed_winograd_plan *w = k->w;
    const int64_t row = w->y_size[1] * w->y_width;
    for (int64_t c = 0; c < w->y_width; c += LANES) {
        vec from[POINTS], y[4];
        GEMM_UNROLL
        for (int i = 0; i < POINTS; i++) from[i] = vec_load(points + i * w->y_step + c);
        both_axes(result_line, 4, 2, from, y);
        vec_store(to + c, y[0]);
        if (columns > 1) vec_store(to + w->y_width + c, y[1]);
        if (rows > 1) vec_store(to + row + c, y[2]);
        if (rows > 1 && columns > 1) vec_store(to + row + w->y_width + c, y[3]);
    }
}

static void gather_results(const work *k)
{
    const heed_winograd_plan *w = k->w;
    const band b = y_band(k);
    const real *points = k->y_points;
    for (int64_t i = 0; i < k->images; i++)
        for (int64_t y = 0; y < b.rows; y += 2)
            for (int64_t x = 0; x < b.columns; x += 2, points += w->y_width)
                write_tile(k, points, k->y_copy + ((i * b.rows + y) * b.columns + x) * w->y_width,
                           b.rows - y, b.columns - x);
}

/* ---- y = conv(x, w) ---- */

/* [point][channel of x][channel of y] */
static void transform_filters(const work *k, const heed_conv_taps *t, const real *w)
{
    real *to = k->filters;
    for (int64_t c = 0; c < k->x_channels; c++)
        for (int64_t o = 0; o < k->w->y_width; o += LANES, to += LANES) {
            vec from[9], points[POINTS];
            for (int64_t i = 0; i < 9; i++) {
                const int64_t tap = k->w->turned ? 8 - i : i;
                const real *one =
                    w + tap / 3 * t->axis[0] + tap % 3 * t->axis[1] + c * t->column + o * t->row;
                from[i] = vec_fill(0);
                for (int l = 0; l < LANES; l++)
                    if (o + l < k->y_channels) from[i][l] = one[l * t->row];
            }
            both_axes(filter_line, 3, 4, from, points);
            for (int i = 0; i < POINTS; i++) vec_store(to + i * k->w->filter_step, points[i]);
        }
}

static void multiply_filters(const work *k)
{
    const heed_winograd_plan *w = k->w;
    for (int64_t i = 0; i < POINTS; i++) {
        const heed_panel product = { .m = tiles_of_block(k),
                                     .n = w->y_width,
                                     .k = k->x_channels,
                                     .first = -HEED_BAND_OPEN,
                                     .last = HEED_BAND_OPEN,
                                     .a = k->x_points + i * w->x_step,
                                     .a_row = w->x_width,
                                     .a_column = 1,
                                     .b = k->filters + i * w->filter_step,
                                     .b_row = w->y_width,
                                     .c = k->y_points + i * w->y_step,
                                     .c_row = w->y_width };
        HEED_FN(panel_multiply)(&product);
    }
}

void HEED_FN(winograd_sum)(const heed_call *call, int64_t begin, int64_t end)
{
    const heed_conv_sum_plan *plan = call->plan;
    const heed_conv_problem *p = &plan->problem;
    const heed_winograd_plan *w = &plan->winograd;
    const int64_t blocks = w->along_batch * w->down;
    for (int64_t u = begin; u < end; u++) {
        const int64_t group = u / w->shares, share = u % w->shares;
        const real *x = (const real *)call->in[0].data + group * plan->read.group;
        work k = work_of(w, call->scratch, p->in, p->out);
        transform_filters(&k, &plan->taps,
                          (const real *)call->in[1].data + group * plan->taps.group);
        for (int64_t i = blocks * share / w->shares; i < blocks * (share + 1) / w->shares; i++) {
            set_block(&k, i, p->batch);
            copy_images(&k, x, &plan->read, x_band(&k), p->in, w->x_width, k.x_copy);
            transform_x(&k);
            multiply_filters(&k);
            gather_results(&k);
            write_results(&k, &plan->written, (real *)call->out.data + group * plan->written.group);
        }
    }
}

/* ---- dw ---- */

/* [point][channel of dy][channel of x] */
static void add_block(const work *k, bool first)
{
    const heed_winograd_plan *w = k->w;
    for (int64_t i = 0; i < POINTS; i++) {
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

static void write_filters(const work *k, const heed_conv_taps *t, real *dw)
{
    const real *points = k->filters;
    for (int64_t o = 0; o < k->y_channels; o++)
        for (int64_t c = 0; c < k->w->x_width; c += LANES, points += LANES) {
            vec from[POINTS], to[9];
            for (int i = 0; i < POINTS; i++) from[i] = vec_load(points + i * k->w->filter_step);
            both_axes(filter_line_reverse, 4, 3, from, to);
            for (int64_t i = 0; i < 9; i++)
                for (int l = 0; l < LANES && c + l < k->x_channels; l++)
                    dw[o * t->row + (c + l) * t->column + i / 3 * t->axis[0] + i % 3 * t->axis[1]] =
                        to[i][l];
        }
}

void HEED_FN(winograd_weights)(const heed_call *call, int64_t begin, int64_t end)
{
    const heed_conv_weights_plan *plan = call->plan;
    const heed_conv_problem *p = &plan->problem;
    const heed_winograd_plan *w = &plan->winograd;
    for (int64_t u = begin; u < end; u++) {
        const int64_t group = u / plan->column_blocks / plan->row_blocks;
        const int64_t row = u / plan->column_blocks % plan->row_blocks * plan->rows;
        const int64_t column = u % plan->column_blocks * plan->columns;
        const real *dy = (const real *)call->in[0].data + group * plan->dy.group;
        const real *x = (const real *)call->in[1].data + group * plan->x.group;
        work k = work_of(w, call->scratch, heed_conv_part(plan->columns, p->in, column),
                         heed_conv_part(plan->rows, p->out, row));
        for (int64_t i = 0; i < w->along_batch * w->down; i++) {
            set_block(&k, i, p->batch);
            copy_images(&k, x + column * plan->x.channel, &plan->x, x_band(&k), k.x_channels,
                        w->x_width, k.x_copy);
            copy_images(&k, dy + row * plan->dy.channel, &plan->dy, y_band(&k), k.y_channels,
                        w->y_width, k.y_copy);
            transform_x(&k);
            transform_dy(&k);
            add_block(&k, i == 0);
        }
        write_filters(&k, &plan->taps,
                      (real *)call->out.data + group * plan->taps.group + row * plan->taps.row +
                          column * plan->taps.column);
    }
}

#endif

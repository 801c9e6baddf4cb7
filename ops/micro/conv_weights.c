/* conv_weights.c - dw[o, c, t] = sum over batch and positions q of dy[o, q] x[c, place(q, t)].
 *
 * As a product, the copy of x has its channels innermost: for each tap, a position is a row of the
 * right factor. With few channels in a group, as dot products along rows of both images. */
#include "ops/micro/winograd.h"

#ifdef HEED_STAMP
#include "ops/micro/conv_copy.h"

/* A unit's part of dw, and the block of positions that is added to it. */
typedef struct part {
    const heed_conv_weights_plan *plan;
    heed_conv_block at;
    int64_t row, rows, column, columns; /* output channels, input channels */
    int64_t window, windows;            /* taps along height, counted from the first that matters */
    const real *dy, *x;                 /* of the group */
    int64_t width;                      /* channels in the copy of x, of one tap or all folded */
    int64_t place_step;                 /* there, from one place of a row to the next */
    int64_t plane_step;                 /* from one plane along width to the next */
    int64_t *list;
    real *dy_copy, *x_copy, *sums;
} part;

/* ---- copies ---- */

static void clear_places(real *to, int64_t n, int64_t columns, int64_t step)
{
    for (int64_t j = 0; j < n; j++)
        for (int64_t c = 0; c < columns; c++) to[j * step + c] = 0;
}

static void copy_place_row(const part *w, const heed_conv_span *s, const real *from, real *to,
                           int64_t n)
{
    const heed_conv_images *x = &w->plan->x;
    const int64_t step = w->place_step, element = s->step * x->axis[1];
    from += (s->element + s->begin * s->step) * x->axis[1];
    if (step == 1) {
        copy_places(s, to, from, element, n);
        return;
    }
    clear_places(to, s->begin, w->columns, step);
    interleave(from, x->channel, element, s->end - s->begin, w->columns, to + s->begin * step,
               step);
    clear_places(to + s->end * step, n - s->end, w->columns, step);
}

/* Planes along height; for each, [image][place row][place column], by place_step and plane_step.
 * Folded, taps along height in place of planes, side by side. */
static void copy_x(const part *w)
{
    const heed_conv_problem *p = &w->plan->problem;
    const heed_conv_images *x = &w->plan->x;
    heed_conv_axis width = p->axis[1];
    int64_t n = p->place_columns, place = w->at.column, row_step = n * w->place_step;
    part each = *w;
    if (w->plan->whole_rows) { /* all planes together are each element in its order */
        n *= width.planes;
        place *= width.stride;
        each.place_step = w->width;
        width.stride = width.planes = 1;
    }
    const bool folded = w->plan->folded;
    const int64_t first = folded ? w->window : 0, planes = folded ? w->windows : p->axis[0].planes;
    const int64_t step = folded ? w->columns : p->blocks.images * p->place_rows * row_step;
    for (int64_t plane = 0; plane < planes; plane++) {
        const heed_conv_span down =
            heed_conv_span_of(&p->axis[0], false, first + plane, w->at.row, p->place_rows);
        real *to = w->x_copy + plane * step;
        for (int64_t line = 0; line < w->at.images * p->place_rows; line++, to += row_step) {
            const int64_t b = line / p->place_rows, row = line % p->place_rows;
            const real *from = w->x + (w->at.image + b) * x->batch + w->column * x->channel +
                               (down.element + row * down.step) * x->axis[0];
            for (int64_t i = 0; i < width.planes; i++) {
                heed_conv_span across = heed_conv_span_of(&width, false, i, place, n);
                if (row < down.begin || row >= down.end) across.begin = across.end = 0;
                copy_place_row(&each, &across, from, to + i * w->plane_step, n);
            }
        }
    }
}

/* [output channel][position] */
static void copy_dy(const part *w)
{
    const heed_conv_images *dy = &w->plan->dy;
    const int64_t dim[] = { w->rows, w->at.images, w->at.rows, w->at.columns };
    const int64_t from[] = { dy->channel, dy->batch, dy->axis[0], dy->axis[1] };
    const int64_t to[] = { w->plan->depth_step, w->at.rows * w->at.columns, w->at.columns, 1 };
    const heed_walk walk = heed_walk_of(4, dim, from, to);
    heed_walk_copy(&walk, (ireal *)w->dy_copy,
                   (const ireal *)w->dy + w->row * dy->channel + w->at.image * dy->batch +
                       w->at.row * dy->axis[0] + w->at.column * dy->axis[1]);
}

/* Where the copy of x has the place of each position, without a shift. */
static void list_positions(const part *w)
{
    const heed_conv_problem *p = &w->plan->problem;
    const int64_t step = w->place_step;
    int64_t n = 0;
    for (int64_t b = 0; b < w->at.images; b++)
        for (int64_t row = 0; row < w->at.rows; row++)
            for (int64_t column = 0; column < w->at.columns; column++)
                w->list[n++] = ((b * p->place_rows + row) * p->place_columns + column) * step;
}

/* ---- products ---- */

/* What tap [i, j] adds to the place of a position. */
static int64_t tap_offset(const part *w, int64_t i, int64_t j)
{
    const heed_conv_problem *p = &w->plan->problem;
    const heed_conv_axis *height = &p->axis[0], *width = &p->axis[1];
    const int64_t plane = heed_conv_plane(height, i) * p->blocks.images * p->place_rows;
    const int64_t shift = plane + heed_conv_shift(height, false, 0, i);
    return (shift * p->place_columns + heed_conv_shift(width, false, 0, j)) * w->place_step +
           heed_conv_plane(width, j) * w->plane_step;
}

/* Windows of a unit that have sums of their own. */
static int64_t windows_apart(const part *w)
{
    return w->plan->folded ? 1 : w->windows;
}

/* The sums of one run of taps along width, which starts at tap [i, j]. */
static void add_run(const part *w, int64_t i, int64_t j, real *sums, bool first)
{
    const heed_conv_weights_plan *plan = w->plan;
    const int64_t n = plan->run_taps * w->width;
    const real *x = w->x_copy + tap_offset(w, i, j);
    const tiling tiles = tiles_of(w->rows);
    tile t = { .k = w->at.images * w->at.rows * w->at.columns,
               .a_row = plan->depth_step,
               .a_column = 1,
               .b_at = w->list,
               .c_row = plan->run_step * plan->runs * windows_apart(w) };
    t.d_row = t.c_row;
    for (int64_t column = 0, vectors; column < n; column += vectors * LANES) {
        vectors = tile_vectors(w->rows, n - column);
        t.b = x + column;
        for (int64_t row = 0, rows; row < w->rows; row += rows) {
            rows = tile_height(&tiles, row);
            t.a = w->dy_copy + row * t.a_row;
            t.c = sums + row * t.c_row + column;
            if (!first) t.d = t.c;
            multiply_tile_at((int)rows, (int)vectors, &t);
        }
    }
}

/* ---- dot products: each sum is a vector until the end ---- */

#define DOT_TAPS 8

/* rows x taps sums over all lines of the block; the compiler knows both. */
static ALWAYS_INLINE void dot_lines(const int rows, const int taps, const part *w,
                                    const real *const *dy, const int64_t *tap, vec *sum)
{
    const int64_t lines = w->at.images * w->at.rows, n = w->at.columns;
    for (int64_t line = 0; line < lines; line++) {
        const real *x = w->x_copy + w->list[line * n];
        for (int64_t j = 0; j < n; j += LANES) {
            const int64_t part_n = n - j < LANES ? n - j : LANES;
            vec left[2];
            GEMM_UNROLL
            for (int i = 0; i < rows; i++) left[i] = vec_load_part(dy[i] + line * n + j, part_n, 0);
            GEMM_UNROLL
            for (int t = 0; t < taps; t++) {
                const vec right = vec_load_part(x + tap[t] + j, part_n, 0);
                GEMM_UNROLL
                for (int i = 0; i < rows; i++) sum[i * taps + t] += left[i] * right;
            }
        }
    }
}

/* Taps first_tap .. + taps - 1 of output channels row, row + 1; past the last, that one again. */
static void add_dots(const part *w, int64_t row, int64_t first_tap, bool first)
{
    const int64_t columns = w->plan->problem.axis[1].taps, all = w->windows * columns;
    const int rows = w->rows == 1 ? 1 : 2, taps = DOT_TAPS / rows;
    const real *dy[2];
    int64_t tap[DOT_TAPS];
    vec sum[DOT_TAPS], *out[DOT_TAPS];
    for (int i = 0; i < rows; i++) {
        const int64_t r = row + i < w->rows ? row + i : w->rows - 1;
        dy[i] = w->dy_copy + r * w->plan->depth_step;
        for (int t = 0; t < taps; t++) {
            const int64_t k = first_tap + t < all ? first_tap + t : all - 1;
            tap[t] = tap_offset(w, w->window + k / columns, k % columns);
            out[i * taps + t] = (vec *)(void *)w->sums + r * all + k;
            sum[i * taps + t] = first ? vec_fill(0) : *out[i * taps + t];
        }
    }
    if (rows == 1)
        dot_lines(1, DOT_TAPS, w, dy, tap, sum);
    else
        dot_lines(2, DOT_TAPS / 2, w, dy, tap, sum);
    for (int i = 0; i < DOT_TAPS; i++) *out[i] = sum[i];
}

/* ---- a block of positions, and the result ---- */

static void add_positions(const part *w, bool first)
{
    const heed_conv_weights_plan *plan = w->plan;
    copy_x(w);
    copy_dy(w);
    list_positions(w);
    const int64_t taps = w->windows * plan->problem.axis[1].taps;
    if (plan->dots) {
        const int rows = w->rows == 1 ? 1 : 2;
        for (int64_t row = 0; row < w->rows; row += rows)
            for (int64_t t = 0; t < taps; t += DOT_TAPS / rows) add_dots(w, row, t, first);
        return;
    }
    for (int64_t i = 0; i < windows_apart(w); i++)
        for (int64_t j = 0; j < plan->runs; j++)
            add_run(w, plan->folded ? 0 : w->window + i, j * plan->run_taps,
                    w->sums + (i * plan->runs + j) * plan->run_step, first);
}

/* The sums for tap [y, x], counted from the first that matters, of all input channels. */
static const real *sums_of(const part *w, int64_t row, int64_t y, int64_t x)
{
    const heed_conv_weights_plan *plan = w->plan;
    const int64_t taps = plan->problem.axis[1].taps;
    if (plan->dots) return w->sums + ((row * w->windows + y) * taps + x) * LANES;
    const int64_t line = plan->folded ? row : row * w->windows + y;
    return w->sums + (line * plan->runs + x / plan->run_taps) * plan->run_step +
           x % plan->run_taps * w->width + (plan->folded ? y * w->columns : 0);
}

/* Zero for taps that meet padding alone. */
static void store(const part *w, int64_t from, int64_t to, real *dw)
{
    const heed_conv_weights_plan *plan = w->plan;
    const heed_conv_axis *axis = plan->problem.axis;
    const heed_conv_taps *s = &plan->taps;
    dw += w->row * s->row + w->column * s->column;
    for (int64_t i = 0; i < w->rows; i++)
        for (int64_t y = from; y < to; y++)
            for (int64_t x = 0; x < plan->all_taps[1]; x++) {
                const int64_t down = y - axis[0].first - w->window, t = x - axis[1].first;
                const bool met = down >= 0 && down < w->windows && t >= 0 && t < axis[1].taps;
                const real *sums = met ? sums_of(w, i, down, t) : NULL;
                real *out = dw + i * s->row + y * s->axis[0] + x * s->axis[1];
                if (met && plan->dots) *out = vec_sum_lanes(vec_load(sums));
                for (int64_t c = 0; c < w->columns && !(met && plan->dots); c++)
                    out[c * s->column] = met ? sums[c] : 0;
            }
}

HEED_KERNEL(conv_weights)
{
    const heed_conv_weights_plan *plan = call->plan;
    if (plan->by_tiles) {
        HEED_FN(winograd_weights)(call, begin, end);
        return;
    }
    const heed_conv_problem *p = &plan->problem;
    const heed_conv_axis *height = &p->axis[0];
    const int64_t blocks = p->blocks.along_batch * p->blocks.down * p->blocks.across;
    char *scratch = call->scratch;
    for (int64_t u = begin; u < end; u++) {
        const int64_t window = u % plan->window_blocks * plan->windows;
        const int64_t last = window + heed_conv_part(plan->windows, plan->all_taps[0], window);
        const int64_t rest = u / plan->window_blocks;
        const int64_t group = rest / plan->column_blocks / plan->row_blocks;
        part w = { .plan = plan,
                   .row = rest % plan->row_blocks * plan->rows,
                   .column = rest / plan->row_blocks % plan->column_blocks * plan->columns,
                   .window = window > height->first ? window - height->first : 0,
                   .dy = (const real *)call->in[0].data + group * plan->dy.group,
                   .x = (const real *)call->in[1].data + group * plan->x.group,
                   .list = call->scratch,
                   .dy_copy = (real *)(void *)(scratch + plan->dy_at),
                   .x_copy = (real *)(void *)(scratch + plan->x_at),
                   .sums = (real *)(void *)(scratch + plan->sums_at) };
        w.rows = heed_conv_part(plan->rows, p->out, w.row);
        w.columns = heed_conv_part(plan->columns, p->in, w.column);
        w.windows = heed_conv_part(last - height->first, height->taps, 0) - w.window;
        if (w.windows < 0 || p->axis[1].taps == 0 || p->batch == 0) w.windows = 0;
        w.width = plan->folded ? w.windows * w.columns : w.columns;
        w.place_step = plan->dots ? 1 : p->axis[1].planes * w.width;
        w.plane_step = plan->dots ? plan->plane_places : w.width;
        for (int64_t i = 0; i < blocks && w.windows > 0; i++) {
            w.at = heed_conv_block_at(p, i);
            add_positions(&w, i == 0);
        }
        store(&w, window, last, (real *)call->out.data + group * plan->taps.group);
    }
}

#else

HEED_DECLARE_KERNEL(conv_weights);
const heed_kernel heed_conv_weights_kernel = HEED_KERNEL_TABLE(conv_weights);
#endif

/* winograd_plan.c - which convolutions are computed by tiles, and how these are cut into blocks and
 * units. Whether and in which order sums are made follows from shapes alone; cache sizes only
 * decide about the blocks of a sum, of which its values do not depend. */
#include "ops/micro/winograd.h"

#define LEAST_CHANNELS 16      /* with fewer, products are not worth the transformations */
#define MOST_FILTERS (1 << 21) /* elements of all points of a group */
#define LEAST_TILES 128        /* of the batch */
#define BLOCK_TILES 64    /* of a block of weights, and at most of a sum; but a line at least */
#define UNITS 16          /* of a sum, about */
#define UNIT_TILES 64     /* of a share at least */
#define UNIT_CHANNELS 64  /* of weights, of y and of x; with phases, twice of x */
#define FEW_PAIRS 4096    /* of channels of y and of x with its phases: half as many are a unit's */
#define FEWEST_PAIRS 1024 /* and of y's half of these */

static int64_t tiles_of_image(const heed_winograd_plan *w)
{
    return w->tiles[0] * w->tiles[1];
}

/* Forward, phase p of x has element i of the padded image at i stride + p. Turned, phase p of y has
 * result u at u stride + p - pad, of which the first that exists is the first of a tile. */
static void set_phases(heed_winograd_plan *w, int axis, int64_t pad)
{
    for (int64_t p = 0; p < w->stride; p++) {
        const int64_t first = heed_conv_up(pad - p, w->stride);
        w->origin[axis][p] = w->turned ? first - (w->taps - 1) : p - pad;
        w->offset[axis][p] = w->turned ? first * w->stride + p - pad : 0;
    }
}

/* Taps that meet elements are the first ones, as many in each phase. */
static bool set_axis(heed_winograd_plan *w, int axis, const heed_conv_axis *a)
{
    const int64_t outputs = heed_conv_up(a->out, w->spread);
    if (a->taps != w->taps * w->stride || a->first != 0 || a->stride != w->stride ||
        a->dilation != 1 || a->pad >= a->taps)
        return false;
    w->x_size[axis] = a->in;
    w->y_size[axis] = a->out;
    w->tiles[axis] = (outputs + 1) / 2;
    set_phases(w, axis, a->pad);
    return true;
}

/* Multiplications for all points, with some more time for transformations, are fewer than those
 * for each pair of an element and a tap. */
static bool fits(const heed_conv_problem *p, heed_winograd_plan *w)
{
    const heed_conv_axis *width = &p->axis[1];
    w->turned = p->reverse;
    w->stride = width->stride;
    w->taps = width->taps / width->stride;
    if (w->stride > 2 || w->taps < 2 || w->taps > 3) return false;
    w->phases = w->stride * w->stride;
    w->points = (w->taps + 1) * (w->taps + 1);
    w->step = w->turned ? 1 : w->stride;
    w->spread = w->turned ? w->stride : 1;
    for (int i = 0; i < 2; i++)
        if (!set_axis(w, i, &p->axis[i])) return false;
    if (p->in < LEAST_CHANNELS || p->out < LEAST_CHANNELS ||
        p->in * p->out > MOST_FILTERS / (w->points * w->phases))
        return false;
    if (w->phases > 1 && (p->in % HEED_CONV_WIDEST != 0 || p->out % HEED_CONV_WIDEST != 0))
        return false;
    const int64_t tiles = tiles_of_image(w), *of_taps = w->turned ? w->x_size : w->y_size;
    return w->tiles[1] <= 2 * BLOCK_TILES && p->batch * tiles >= LEAST_TILES &&
           5 * w->points * w->phases * tiles <
               4 * width->taps * width->taps * of_taps[0] * of_taps[1];
}

static void cut(heed_winograd_plan *w, int64_t batch, int64_t most)
{
    const int64_t all = tiles_of_image(w);
    w->images = all <= most ? heed_smaller(most / all, batch) : 1;
    w->lines = all <= most ? w->tiles[0] : most < w->tiles[1] ? 1 : most / w->tiles[1];
    w->along_batch = heed_conv_up(batch, w->images);
    w->down = heed_conv_up(w->tiles[0], w->lines);
}

/* Scratch memory begins with `behind` bytes of filters. return: all its bytes */
static size_t set_scratch(heed_winograd_plan *w, size_t behind, size_t size)
{
    const int64_t tiles = w->images * w->lines * w->tiles[1];
    const int64_t x_rows = (2 * w->lines + w->taps) * w->step;
    const int64_t y_rows = 2 * w->lines * w->spread;
    const int64_t x_places = heed_smaller(x_rows, w->x_size[0]) * w->x_size[1];
    const int64_t y_places = heed_smaller(y_rows, w->y_size[0]) * w->y_size[1];
    /* A line more: else the points of one channel would compete for a place in the cache. */
    w->x_step = tiles * w->x_width + HEED_CONV_WIDEST;
    w->y_step = tiles * w->y_width + HEED_CONV_WIDEST;
    w->zeros_at = behind;
    const int64_t zeros = w->x_copied > w->y_width ? w->x_copied : w->y_width;
    w->x_copy_at = w->zeros_at + (size_t)zeros * size;
    w->y_copy_at = w->x_copy_at + (size_t)(w->images * x_places * w->x_copied) * size;
    w->x_points_at = w->y_copy_at + (size_t)(w->images * y_places * w->y_width) * size;
    w->y_points_at = w->x_points_at + (size_t)(w->points * w->x_step) * size;
    return w->y_points_at + (size_t)(w->points * w->y_step) * size;
}

static void set_widths(heed_winograd_plan *w, int64_t x_channels, int64_t y_channels)
{
    w->x_copied = heed_round_up(x_channels, HEED_CONV_WIDEST);
    w->y_width = heed_round_up(y_channels, HEED_CONV_WIDEST);
    w->x_width = w->turned ? w->x_copied : w->phases * w->x_copied;
}

void heed_winograd_plan_sum(heed_conv_sum_plan *plan, size_t size)
{
    const heed_conv_problem *p = &plan->problem;
    heed_winograd_plan *w = &plan->winograd;
    plan->by_tiles = plan->units > 0 && fits(p, w);
    if (!plan->by_tiles) return;
    const int64_t room = (int64_t)(heed_cache_size(2) / 4 / size);
    const int64_t rows = room / (w->points * w->phases * p->in); /* its filters fill the room */
    plan->rows =
        heed_smaller(heed_round_up(rows + 1, rows < HEED_CONV_WIDEST ? HEED_CONV_WIDEST
                                                                     : 2 * HEED_CONV_WIDEST),
                     p->out);
    plan->row_blocks = heed_conv_up(p->out, plan->rows);
    set_widths(w, p->in, plan->rows);
    w->filter_step = p->in * w->phases * w->y_width + HEED_CONV_WIDEST;
    cut(w, p->batch, heed_smaller(room / 2 / (w->points * (w->x_width + w->y_width)), BLOCK_TILES));
    const int64_t shares = heed_smaller(p->batch * tiles_of_image(w) / UNIT_TILES,
                                        heed_conv_up(UNITS, plan->row_blocks));
    w->shares = heed_smaller(shares, w->along_batch * w->down);
    plan->units = p->groups * plan->row_blocks * w->shares;
    plan->bytes = set_scratch(w, (size_t)(w->points * w->filter_step) * size, size);
}

/* None that meet padding alone: their gradient is 0, which no tile would write. */
static bool has_all_taps(const heed_conv_weights_plan *plan)
{
    const int64_t taps = plan->winograd.taps * plan->winograd.stride;
    return plan->all_taps[0] == taps && plan->all_taps[1] == taps;
}

void heed_winograd_plan_weights(heed_conv_weights_plan *plan, size_t size)
{
    const heed_conv_problem *p = &plan->problem;
    heed_winograd_plan *w = &plan->winograd;
    plan->by_tiles = plan->units > 0 && fits(p, w) && has_all_taps(plan);
    if (!plan->by_tiles) return;
    const int64_t pairs = p->in * w->phases * p->out;
    const int64_t most = pairs > FEW_PAIRS ? UNIT_CHANNELS : UNIT_CHANNELS / 2;
    plan->rows = heed_smaller(pairs > FEWEST_PAIRS ? most : most / 2, p->out);
    plan->columns = heed_smaller(w->phases > 1 ? 2 * most / w->phases : most, p->in);
    plan->row_blocks = heed_conv_up(p->out, plan->rows);
    plan->column_blocks = heed_conv_up(p->in, plan->columns);
    set_widths(w, plan->columns, plan->rows);
    w->filter_step = plan->rows * w->x_width + HEED_CONV_WIDEST;
    cut(w, p->batch, BLOCK_TILES);
    plan->units = p->groups * plan->row_blocks * plan->column_blocks;
    plan->bytes = set_scratch(w, (size_t)(w->points * w->filter_step) * size, size);
}

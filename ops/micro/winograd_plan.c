/* winograd_plan.c - which convolutions are computed by tiles, and how these are cut into blocks and
 * units. Whether and in which order sums are made follows from shapes and strides alone; cache
 * sizes only decide about the blocks of a sum, of which its values do not depend. */
#include "ops/micro/winograd.h"

#define POINTS 16
#define LEAST_CHANNELS 16    /* with fewer, products are not worth the transformations */
#define MOST_FILTERS 65536   /* pairs of channels: each unit transforms all of a group */
#define LEAST_TILES 128      /* of the batch */
#define BLOCK_TILES 64       /* of a block of weights, and at most of a sum; but a line at least */
#define SHARES 8             /* of a sum's blocks */
#define UNIT_TILES 64        /* of a share at least */
#define UNIT_CHANNELS 64     /* of weights, both of x and of y */
#define LEAST_UNIT_WORK 4096 /* pairs of channels, to be cut in four */
#define WIDEST 16            /* elements in a vector */

static bool is_dense(const heed_conv_images *images, int64_t columns)
{
    return images->axis[1] == 1 && images->axis[0] == columns;
}

static int64_t tiles_of_image(const heed_winograd_plan *w)
{
    return w->tiles[0] * w->tiles[1];
}

/* All nine taps meet elements, and 16 multiplications for each tile, with some more time for
 * transformations, are fewer than 9 for each element of y. */
static bool fits(const heed_conv_problem *p, heed_winograd_plan *w)
{
    if (p->in < LEAST_CHANNELS || p->out < LEAST_CHANNELS || p->in * p->out > MOST_FILTERS)
        return false;
    w->turned = p->reverse;
    for (int i = 0; i < 2; i++) {
        const heed_conv_axis *a = &p->axis[i];
        if (a->taps != 3 || a->first != 0 || a->stride != 1 || a->dilation != 1 || a->pad > 2)
            return false;
        w->x_size[i] = a->in;
        w->y_size[i] = a->out;
        w->pad[i] = p->reverse ? 2 - a->pad : a->pad;
        w->tiles[i] = (a->out + 1) / 2;
    }
    const int64_t tiles = tiles_of_image(w);
    return w->tiles[1] <= 2 * BLOCK_TILES && p->batch * tiles >= LEAST_TILES &&
           5 * POINTS * tiles < 4 * 9 * w->y_size[0] * w->y_size[1];
}

static void cut(heed_winograd_plan *w, int64_t batch, int64_t most)
{
    const int64_t all = tiles_of_image(w);
    w->images = all <= most ? heed_smaller(most / all, batch) : 1;
    w->lines = all <= most ? w->tiles[0] : most < w->tiles[1] ? 1 : most / w->tiles[1];
    w->along_batch = heed_conv_up(batch, w->images);
    w->down = heed_conv_up(w->tiles[0], w->lines);
}

/* `behind` begins the scratch memory. return: its bytes */
static size_t set_scratch(heed_winograd_plan *w, size_t behind, size_t size)
{
    const int64_t tiles = w->images * w->lines * w->tiles[1];
    const int64_t x_rows = heed_smaller(2 * w->lines + 2, w->x_size[0]);
    const int64_t y_rows = heed_smaller(2 * w->lines, w->y_size[0]);
    /* A line more, for otherwise the points of one channel would compete for a place in the cache. */
    w->x_step = tiles * w->x_width + WIDEST;
    w->y_step = tiles * w->y_width + WIDEST;
    w->zeros_at = behind;
    const int64_t zeros = w->x_width > w->y_width ? w->x_width : w->y_width;
    w->x_copy_at = w->zeros_at + (size_t)zeros * size;
    w->y_copy_at = w->x_copy_at + (size_t)(w->images * x_rows * w->x_size[1] * w->x_width) * size;
    w->x_points_at = w->y_copy_at + (size_t)(w->images * y_rows * w->y_size[1] * w->y_width) * size;
    w->y_points_at = w->x_points_at + (size_t)(POINTS * w->x_step) * size;
    return w->y_points_at + (size_t)(POINTS * w->y_step) * size;
}

void heed_winograd_plan_sum(heed_conv_sum_plan *plan, size_t size)
{
    const heed_conv_problem *p = &plan->problem;
    heed_winograd_plan *w = &plan->winograd;
    plan->by_tiles = plan->units > 0 && fits(p, w) && is_dense(&plan->read, w->x_size[1]) &&
                     is_dense(&plan->written, w->y_size[1]);
    if (!plan->by_tiles) return;
    w->x_width = heed_round_up(p->in, WIDEST);
    w->y_width = heed_round_up(p->out, WIDEST);
    w->filter_step = p->in * w->y_width + WIDEST;
    const int64_t room = (int64_t)(heed_cache_size(2) / 4 / size);
    cut(w, p->batch, heed_smaller(room / (POINTS * (w->x_width + w->y_width)), BLOCK_TILES));
    const int64_t shares = heed_smaller(p->batch * tiles_of_image(w) / UNIT_TILES, SHARES);
    w->shares = heed_smaller(shares, w->along_batch * w->down);
    plan->units = p->groups * w->shares;
    plan->bytes = set_scratch(w, (size_t)(POINTS * w->filter_step) * size, size);
}

void heed_winograd_plan_weights(heed_conv_weights_plan *plan, size_t size)
{
    const heed_conv_problem *p = &plan->problem;
    heed_winograd_plan *w = &plan->winograd;
    plan->by_tiles = plan->units > 0 && fits(p, w) && is_dense(&plan->x, w->x_size[1]) &&
                     is_dense(&plan->dy, w->y_size[1]);
    if (!plan->by_tiles) return;
    const bool cut_further = p->in * p->out <= LEAST_UNIT_WORK;
    const int64_t most = cut_further ? UNIT_CHANNELS / 2 : UNIT_CHANNELS;
    plan->rows = heed_smaller(most, p->out);
    plan->columns = heed_smaller(most, p->in);
    plan->row_blocks = heed_conv_up(p->out, plan->rows);
    plan->column_blocks = heed_conv_up(p->in, plan->columns);
    w->x_width = heed_round_up(plan->columns, WIDEST);
    w->y_width = heed_round_up(plan->rows, WIDEST);
    w->filter_step = plan->rows * w->x_width + WIDEST;
    cut(w, p->batch, BLOCK_TILES);
    plan->units = p->groups * plan->row_blocks * plan->column_blocks;
    plan->bytes = set_scratch(w, (size_t)(POINTS * w->filter_step) * size, size);
}

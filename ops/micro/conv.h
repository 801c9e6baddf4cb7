/* conv.h - convolutions over one or two axes, as products of matrices without a patch matrix.
 *
 *     y[b, o, q] = sum_c,t w[o, c, t] x[b, c, q stride + t dilation - pad]      (q, t: both axes)
 *
 * within each group of channels. One axis is the case of two with height 1. Small windows of enough
 * channels are computed by tiles (winograd.h). Otherwise the kernels copy a
 * block of images into scratch memory, with its padding. There, what neighbouring positions q
 * multiply by w[o, c, t] are neighbours: the right factor of a product is read in place, and a list
 * says where its row of each (c, t) begins.
 *
 *     conv_sum      y from x and w; reversed: x from y and w, the adjoint
 *     conv_weights  w from y and x
 *
 * Each element is summed in an order that follows from shapes alone: by blocks of channels or of
 * positions, never by units. Padding is zeros that are multiplied like other values: a weight that
 * is not finite makes NaN of them. */
#ifndef HEED_OPS_MICRO_CONV_H
#define HEED_OPS_MICRO_CONV_H

#include "ops/common.h"
#include "ops/kernel.h"

#define HEED_CONV_WIDEST 16 /* elements in a vector, at most */

/* [0] is height, [1] width. */
typedef struct heed_conv_window {
    int64_t stride[2], dilation[2], pad[2]; /* pad: zeros before the first element */
    int64_t groups;
} heed_conv_window;

/* One axis. What is copied are "places". Forward, position q reads element q stride + t dilation -
 * pad: taps with one remainder by the stride share a plane, which has every stride-th element, so
 * that neighbouring positions read neighbouring places of it. Reversed, positions with one
 * remainder by the stride are a phase; each phase has taps of its own, and its neighbours read
 * neighbouring elements. Either way position q reads place q + shift for tap t, and taps `cycle`
 * apart have shifts `jump` apart. */
typedef struct heed_conv_axis {
    int64_t in, out; /* elements read, elements written */
    int64_t stride, dilation, pad;
    int64_t first, taps; /* the taps that can meet an element at all; t counts from the first */
    int64_t cycle, jump; /* stride and dilation without their common divisor */
    int64_t inverse;     /* of jump, modulo cycle */
    int64_t planes;      /* reversed: 1 */
    int64_t phases;      /* forward: 1 */
    int64_t positions;   /* of a phase, at most */
    int64_t origin;      /* reversed: the element at place 0 */
    int64_t halo;        /* largest shift */
} heed_conv_axis;

/* How the positions of a batch are cut: into several whole images, or parts of one image. */
typedef struct heed_conv_blocks {
    int64_t images, rows, columns; /* of a block, at most */
    int64_t along_batch, down, across;
} heed_conv_blocks;

/* Strides of operands in elements; channels count within a group. */
typedef struct heed_conv_images {
    int64_t batch, group, channel, axis[2];
} heed_conv_images;
typedef struct heed_conv_taps {
    int64_t group, row, column, axis[2]; /* row: step to the next channel of what is computed */
} heed_conv_taps;

typedef struct heed_conv_problem {
    heed_conv_axis axis[2];
    bool reverse;
    int64_t batch, groups;
    int64_t in, out; /* channels of a group that are read, that are written */
    heed_conv_blocks blocks;
    int64_t place_rows, place_columns; /* of a plane of one image of a block */
} heed_conv_problem;

/* Of what winograd.h does. Channels are those of a group; "x" is what tiles are cut from, "y" has
 * two rows and two columns of a tile. Element a of a line of tile i is x's (2 i + a) step + origin,
 * result e is y's (2 i + e) spread + offset; origin and offset are those of the line's phase. */
typedef struct heed_winograd_plan {
    int64_t x_size[2], y_size[2], tiles[2];
    int64_t taps;                        /* of a phase, along an axis */
    int64_t stride;                      /* phases along an axis */
    int64_t points, phases;              /* along both axes */
    bool turned;                         /* the adjoint */
    int64_t step, spread;                /* the stride of one of them, 1 of the other */
    int64_t origin[2][2], offset[2][2];  /* [axis][phase] */
    int64_t images, lines;               /* of a block, at most */
    int64_t along_batch, down;           /* blocks */
    int64_t shares;                      /* of a sum: units of a group */
    int64_t x_copied;                    /* width of x's copies: channels, and what fills vectors */
    int64_t x_width, y_width;            /* of points: x's with all phases, if x has them */
    int64_t filter_step, x_step, y_step; /* from one point to the next */
    size_t x_copy_at, y_copy_at, x_points_at, y_points_at, zeros_at; /* behind filters */
} heed_winograd_plan;

/* Plans: filled once per program. A unit of conv_sum is one block of positions and `rows` output
 * channels of one group; `depth` input channels at a time are summed in registers.
 *
 * Positions are counted row by row, and in a row image by image, as they lie in a copy: so a tap
 * along height is a shift of the whole block. For one along width, rows need their halo between
 * them, which would be multiplied, too; or, when they are short, `shifted`: there is a copy for
 * each shift, and rows follow each other without a gap. */
typedef struct heed_conv_sum_plan {
    heed_conv_problem problem;
    heed_conv_images read, written;
    heed_conv_taps taps;
    int64_t rows, row_blocks, depth, depths;
    bool shifted;
    int64_t copies;                        /* of each plane along height */
    int64_t phases;                        /* along both axes */
    int64_t list_size;                     /* places of a list */
    int64_t channel_step;                  /* in the copies, from one channel to the next */
    int64_t weights_step, sums_step;       /* from one output channel to the next */
    size_t weights_at, sums_at, images_at; /* in scratch, behind the list */
    /* winograd.h: of the plan above, also problem, read, written, taps, rows and units */
    bool by_tiles;
    heed_winograd_plan winograd;
    size_t bytes;
    int64_t units;
} heed_conv_sum_plan;

/* A unit of conv_weights is `rows` output channels, `columns` input channels and `windows` taps
 * along height, summed over the whole batch, a block of positions at a time. */
typedef struct heed_conv_weights_plan {
    heed_conv_problem problem; /* in, out: channels of x, of dy */
    heed_conv_images x, dy;
    heed_conv_taps taps;
    int64_t rows, row_blocks, columns, column_blocks, windows, window_blocks;
    int64_t depth_step; /* from one channel's copy of dy to the next */
    int64_t all_taps[2];
    int64_t runs, run_taps; /* of each tap along height: runs of taps whose sums are adjacent */
    int64_t run_step;       /* from the sums of one run to those of the next */
    bool dots, whole_rows;
    bool folded;          /* few channels: those of each tap along height are copied side by side */
    int64_t plane_places; /* of all planes along height */
    size_t dy_at, x_at, sums_at;
    bool by_tiles; /* as above; and the blocks of rows and columns */
    heed_winograd_plan winograd;
    size_t bytes;
    int64_t units;
} heed_conv_weights_plan;

/* Images are [batch, channels, length] or [batch, channels, height, width], weights have a rank to
 * match. The calls of these kernels need the plan and its scratch bytes. */
heed_conv_sum_plan heed_conv_plan_sum(const heed_view *read, const heed_view *w,
                                      const heed_view *written, const heed_conv_window *window,
                                      bool reverse);
heed_conv_weights_plan heed_conv_plan_weights(const heed_view *dy, const heed_view *x,
                                              const heed_view *dw, const heed_conv_window *window);
extern const heed_kernel heed_conv_sum_kernel, heed_conv_weights_kernel;

/* heed_op.units and heed_op.scratch of what runs conv_sum. */
int64_t heed_conv_sum_units(const heed_call *call);
size_t heed_conv_sum_scratch(const heed_call *call);

/* ---- for both kernels ---- */

typedef struct heed_conv_block {
    int64_t image, images, row, rows, column, columns;
} heed_conv_block;

static inline int64_t heed_conv_up(int64_t a, int64_t b) /* a / b rounded up; b > 0 */
{
    return a > 0 ? (a + b - 1) / b : -(-a / b);
}

static inline int64_t heed_conv_part(int64_t size, int64_t whole, int64_t begin)
{
    return heed_smaller(size, whole - begin);
}

static inline heed_conv_block heed_conv_block_at(const heed_conv_problem *p, int64_t number)
{
    const heed_conv_blocks *b = &p->blocks;
    heed_conv_block block = { .image = number / (b->down * b->across) * b->images,
                              .row = number / b->across % b->down * b->rows,
                              .column = number % b->across * b->columns };
    block.images = heed_conv_part(b->images, p->batch, block.image);
    block.rows = heed_conv_part(b->rows, p->axis[0].positions, block.row);
    block.columns = heed_conv_part(b->columns, p->axis[1].positions, block.column);
    return block;
}

/* Places 0 .. n - 1 of a plane, of a block that begins at `position`: place j is element
 * element + j step, which exists for begin <= j < end. */
typedef struct heed_conv_span {
    int64_t element, step, begin, end;
} heed_conv_span;

static inline heed_conv_span heed_conv_span_of(const heed_conv_axis *a, bool reverse, int64_t plane,
                                               int64_t position, int64_t n)
{
    heed_conv_span s = { .element = position + a->origin, .step = 1 };
    if (!reverse) {
        s.element = position * a->stride + (a->first + plane) * a->dilation - a->pad;
        s.step = a->stride;
    }
    s.begin = heed_conv_up(-s.element, s.step);
    s.end = heed_conv_up(a->in - s.element, s.step);
    if (s.begin < 0) s.begin = 0;
    if (s.end > n) s.end = n;
    if (s.begin > s.end) s.begin = s.end = 0;
    return s;
}

/* The taps t of a phase: first, first + step, ... */
typedef struct heed_conv_phase {
    int64_t first, step, taps;
    int64_t positions;
} heed_conv_phase;

static inline heed_conv_phase heed_conv_phase_of(const heed_conv_axis *a, bool reverse,
                                                 int64_t phase)
{
    heed_conv_phase f = { .step = 1, .taps = a->taps, .positions = a->positions };
    if (!reverse) return f;
    const int64_t divisor = a->stride / a->cycle, rest = phase + a->pad - a->first * a->dilation;
    f.positions = heed_conv_up(a->out - phase, a->stride);
    f.step = a->cycle;
    f.taps = 0;
    if (rest % divisor != 0) return f;
    f.first = (rest / divisor % a->cycle + a->cycle) % a->cycle * a->inverse % a->cycle;
    if (f.first < a->taps) f.taps = (a->taps - 1 - f.first) / f.step + 1;
    return f;
}

/* Divisions are slow enough to be worth a question. */
static inline int64_t heed_conv_plane(const heed_conv_axis *a, int64_t tap)
{
    return a->planes == 1 ? 0 : tap % a->planes;
}

static inline int64_t heed_conv_shift(const heed_conv_axis *a, bool reverse, int64_t phase,
                                      int64_t tap)
{
    if (!reverse) return (a->cycle == 1 ? tap : tap / a->cycle) * a->jump;
    const int64_t distance = phase + a->pad - (a->first + tap) * a->dilation;
    return (a->stride == 1 ? distance : distance / a->stride) - a->origin;
}

#endif

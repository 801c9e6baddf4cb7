/* conv_sum.c - out[i, q] = sum over channels c and taps t of w[i, c, t] in[c, place(q, t)]:
 * register tiles over copies of images with their padding. */
#include "ops/micro/conv.h"

#ifdef HEED_STAMP
#include "ops/micro/conv_copy.h"
#include "ops/micro/gemm_pack.h"

#define COPY_COST 4 /* of one segment, in multiplications of a vector */

/* One block of one group, as far as it has been copied. */
typedef struct block {
    const heed_conv_sum_plan *plan;
    heed_conv_block at;
    int64_t row, rows;         /* output channels */
    int64_t channel, channels; /* input channels that are summed now */
    const real *in, *w;        /* of the group */
    real *out;
    int64_t *list;
    real *weights, *panel, *images;
} block;

/* What one phase of the output needs beyond it. */
typedef struct phase {
    int64_t number[2];
    heed_conv_phase axis[2];
    int64_t rows, columns; /* positions of the block in this phase */
    int64_t depth;
} phase;

/* ---- copies ---- */

/* A plane of one image: places [rows, columns], zero where there is no element. */
static void copy_plane(const block *x, const heed_conv_span *down, const heed_conv_span *across,
                       const real *from, real *to)
{
    const heed_conv_problem *p = &x->plan->problem;
    const int64_t *stride = x->plan->read.axis, pitch = p->place_columns;
    const int64_t row_step = down->step * stride[0], step = across->step * stride[1];
    const int64_t rows = down->end - down->begin, n = across->end - across->begin;
    from += (down->element + down->begin * down->step) * stride[0] +
            (across->element + across->begin * across->step) * stride[1];
    fill_zero(to, down->begin * pitch);
    to += down->begin * pitch;
    if (n == pitch && row_step == n * step)
        copy_row(to, from, step, rows * n);
    else
        for (int64_t j = 0; j < rows; j++, from += row_step)
            copy_places(across, to + j * pitch, from, step, pitch);
    fill_zero(to + rows * pitch, (p->place_rows - down->end) * pitch);
}

/* [channel][plane along height][plane along width][image][place row][place column] */
static void copy_images(const block *x)
{
    const heed_conv_problem *p = &x->plan->problem;
    const heed_conv_axis *height = &p->axis[0], *width = &p->axis[1];
    const int64_t image_step = p->place_rows * p->place_columns;
    for (int64_t row = 0; row < height->planes; row++)
        for (int64_t column = 0; column < width->planes; column++) {
            const heed_conv_span down =
                heed_conv_span_of(height, p->reverse, row, x->at.row, p->place_rows);
            const heed_conv_span across =
                heed_conv_span_of(width, p->reverse, column, x->at.column, p->place_columns);
            const int64_t plane = (row * width->planes + column) * p->blocks.images;
            for (int64_t c = 0; c < x->channels; c++)
                for (int64_t b = 0; b < x->at.images; b++)
                    copy_plane(x, &down, &across,
                               x->in + (x->at.image + b) * x->plan->read.batch +
                                   (x->channel + c) * x->plan->read.channel,
                               x->images + c * x->plan->channel_step + (plane + b) * image_step);
        }
}

/* Where position 0 finds the factor of each (channel, tap) of a phase. */
static void list_places(const block *x, const phase *f)
{
    const heed_conv_problem *p = &x->plan->problem;
    const heed_conv_axis *height = &p->axis[0], *width = &p->axis[1];
    const int64_t taps = f->axis[0].taps * f->axis[1].taps;
    int64_t n = 0;
    for (int64_t i = 0; i < f->axis[0].taps; i++) {
        const int64_t tap = f->axis[0].first + i * f->axis[0].step;
        const int64_t plane = heed_conv_plane(height, tap) * width->planes;
        const int64_t row = heed_conv_shift(height, p->reverse, f->number[0], tap);
        for (int64_t j = 0; j < f->axis[1].taps; j++, n++) {
            const int64_t t = f->axis[1].first + j * f->axis[1].step;
            x->list[n] =
                ((plane + heed_conv_plane(width, t)) * p->blocks.images * p->place_rows + row) *
                    p->place_columns +
                heed_conv_shift(width, p->reverse, f->number[1], t);
        }
    }
    for (; n < x->channels * taps; n++) x->list[n] = x->list[n - taps] + x->plan->channel_step;
}

static void copy_run(real *to, const real *from, int64_t n)
{
    for (int64_t j = 0; j < n; j += LANES) {
        const int64_t part = heed_conv_part(LANES, n, j);
        vec_store_part(to + j, vec_load_part(from + j, part, 0), part);
    }
}

/* Rows of the left factor: [output channel][channel][tap]. */
static void copy_weights(const block *x, const phase *f)
{
    const heed_conv_axis *axis = x->plan->problem.axis;
    const heed_conv_taps *t = &x->plan->taps;
    const int64_t rows = f->axis[0].taps, columns = f->axis[1].taps, taps = rows * columns;
    const int64_t step[2] = { t->axis[0] * f->axis[0].step, t->axis[1] * f->axis[1].step };
    const bool adjacent = (columns == 1 || step[1] == 1) && (rows == 1 || step[0] == columns);
    const int64_t run = adjacent && t->column == taps ? x->channels : 1; /* of channels */
    for (int64_t i = 0; i < x->rows; i++)
        for (int64_t c = 0; c < x->channels; c += run) {
            const real *from = x->w + (x->row + i) * t->row + (x->channel + c) * t->column +
                               (axis[0].first + f->axis[0].first) * t->axis[0] +
                               (axis[1].first + f->axis[1].first) * t->axis[1];
            real *to = x->weights + i * f->depth + c * taps;
            if (adjacent)
                copy_run(to, from, run * taps);
            else
                for (int64_t j = 0; j < rows; j++)
                    for (int64_t k = 0; k < columns; k++) *to++ = from[j * step[0] + k * step[1]];
        }
}

/* ---- products ---- */

/* Neighbours in a panel that are neighbours at `to`, too: in the copy, or in the output. */
typedef struct segment {
    int64_t from, to, n;
} segment;

/* Columns of the right factor: `vectors` wide, some of which are positions. */
typedef struct panel {
    int vectors, sources, targets;
    segment source[PANEL_VECTORS * LANES], target[PANEL_VECTORS * LANES];
} panel;

static void add_segment(segment *list, int *count, segment next, int64_t step)
{
    segment *last = &list[*count - 1];
    if (*count > 0 && last->from + last->n == next.from && last->to + last->n * step == next.to)
        last->n += next.n;
    else
        list[(*count)++] = next;
}

/* In the output, from one position to the next along width. */
static int64_t column_step(const heed_conv_sum_plan *plan)
{
    return plan->written.axis[1] * (plan->problem.reverse ? plan->problem.axis[1].stride : 1);
}

/* Walks through the positions of a block, or through the places of its copy. */
typedef struct cursor {
    int64_t columns, lines; /* of an image */
    int64_t image, row, column;
} cursor;

static int64_t place_of(const block *x, const cursor *c)
{
    const heed_conv_problem *p = &x->plan->problem;
    return (c->image * p->place_rows + c->row) * p->place_columns + c->column;
}

static int64_t target_of(const block *x, const phase *f, const cursor *c)
{
    const heed_conv_sum_plan *plan = x->plan;
    const int64_t down = plan->problem.reverse ? plan->problem.axis[0].stride : 1;
    return (x->at.image + c->image) * plan->written.batch +
           (f->number[0] + down * (x->at.row + c->row)) * plan->written.axis[0] +
           f->number[1] * plan->written.axis[1] + (x->at.column + c->column) * column_step(plan);
}

/* The next n of them make a panel. */
static void take(const block *x, const phase *f, cursor *c, int64_t n, panel *p)
{
    p->sources = p->targets = 0;
    for (int64_t from = 0, width; from < n; from += width) {
        width = heed_conv_part(c->columns - c->column, n, from);
        add_segment(p->source, &p->sources, (segment){ from, place_of(x, c), width }, 1);
        if (c->row < f->rows && c->column < f->columns)
            add_segment(p->target, &p->targets,
                        (segment){ from, target_of(x, f, c),
                                   heed_conv_part(width, f->columns, c->column) },
                        column_step(x->plan));
        c->column += width;
        if (c->column < c->columns) continue;
        c->column = 0;
        if (++c->row < c->lines) continue;
        c->row = 0;
        c->image++;
    }
}

/* Rows of the panel as they lie in the copy, one after the other. A store may reach into what
 * follows, which is stored later. */
static void pack_panel_at(const block *x, const phase *f, const panel *p)
{
    for (int64_t k = 0; k < f->depth; k++) {
        const real *from = x->images + x->list[k];
        real *to = x->panel + k * p->vectors * LANES;
        for (int s = 0; s < p->sources; s++)
            for (int64_t j = 0; j < p->source[s].n; j += LANES)
                vec_store(to + p->source[s].from + j, vec_load(from + p->source[s].to + j));
    }
}

/* Every second element of out. What lies between belongs to this unit, too. */
static void store_apart(const real *sum, int64_t n, bool add, real *out)
{
    ivec even = (vec_lane_numbers() & 1) == 0;
    for (int64_t j = 0; j < n; j += LANES / 2) {
        const int64_t part = heed_conv_part(LANES, 2 * n - 1, 2 * j);
        const vec low = vec_load_part(sum + j, heed_conv_part(LANES / 2, n, j), 0);
        const vec old = vec_load_part(out + 2 * j, part, 0);
        const vec next = __builtin_shufflevector(low, low, ZIP_LOW);
        vec_store_part(out + 2 * j, vec_select(even, add ? old + next : next, old), part);
    }
}

static void store_segment(const segment *s, const real *sums, int64_t step, bool add, real *out)
{
    const real *sum = sums + s->from;
    out += s->to;
    if (step == 2) {
        store_apart(sum, s->n, add, out);
        return;
    }
    if (step != 1) {
        for (int64_t j = 0; j < s->n; j++) out[j * step] = add ? out[j * step] + sum[j] : sum[j];
        return;
    }
    for (int64_t j = 0; j < s->n; j += LANES) {
        const int64_t n = heed_conv_part(LANES, s->n, j);
        vec y = vec_load_part(sum + j, n, 0);
        if (add) y += vec_load_part(out + j, n, 0);
        vec_store_part(out + j, y, n);
    }
}

static void multiply_panel(const block *x, const phase *f, const panel *p)
{
    vec sums[TILE_VECTORS];
    const int64_t step = column_step(x->plan), channel = x->plan->written.channel;
    const bool packed = p->sources > 1, add = x->channel > 0;
    const tiling tiles = tiles_of(x->rows);
    const bool direct = step == 1 && p->targets == 1 && p->target[0].n == p->vectors * LANES;
    tile t = { .k = f->depth,
               .a_row = f->depth,
               .a_column = 1,
               .b = packed ? x->panel : x->images + p->source[0].to,
               .b_row = p->vectors * LANES,
               .b_at = x->list,
               .c = (real *)sums,
               .c_row = direct ? channel : p->vectors * LANES,
               .d_row = channel };
    if (packed) pack_panel_at(x, f, p);
    for (int64_t row = 0, rows; row < x->rows; row += rows) {
        real *out = x->out + (x->row + row) * channel;
        rows = tile_height(&tiles, row);
        t.a = x->weights + row * f->depth;
        if (direct) t.c = out + p->target[0].to;
        if (direct && add) t.d = t.c;
        if (packed)
            multiply_tile((int)rows, p->vectors, &t);
        else
            multiply_tile_at((int)rows, p->vectors, &t);
        for (int64_t i = 0; i < rows && !direct; i++)
            for (int s = 0; s < p->targets; s++)
                store_segment(&p->target[s], (const real *)sums + i * t.c_row, step, add,
                              out + i * channel);
    }
}

/* How long panels for n columns take, in multiplications of a vector for each of k. A tile has at
 * least eight sums to wait for. */
static int64_t cost_of(int64_t rows, int64_t n)
{
    const int64_t wide = tile_vectors(rows, n) * LANES, each = rows * (wide / LANES);
    return (n + wide - 1) / wide * (each > 8 ? each : 8);
}

/* Position by position, which copies panels that are not neighbours in the images' copy; or place
 * by place, which multiplies by the padding between rows, too. */
static void multiply_phase(const block *x, const phase *f)
{
    const heed_conv_problem *problem = &x->plan->problem;
    const int64_t lines = x->at.images * f->rows, positions = lines * f->columns;
    const int64_t place_lines = (x->at.images - 1) * problem->place_rows + f->rows;
    const int64_t places = (place_lines - 1) * problem->place_columns + f->columns;
    const int64_t wide = tile_vectors(x->rows, positions) * LANES;
    const bool in_place = f->columns % wide == 0 || places == positions;
    const int64_t copies = in_place ? 0 : COPY_COST * (lines + positions / wide);
    const bool gaps = cost_of(x->rows, places) < cost_of(x->rows, positions) + copies;
    cursor c = { .columns = gaps ? problem->place_columns : f->columns,
                 .lines = gaps ? problem->place_rows : f->rows };
    const int64_t all = gaps ? places : positions;
    panel p;
    for (int64_t at = 0, width; at < all; at += width) {
        p.vectors = tile_vectors(x->rows, all - at);
        width = heed_conv_part(p.vectors * LANES, all, at);
        take(x, f, &c, width, &p);
        if (p.targets > 0) multiply_panel(x, f, &p);
    }
}

static void add_channels(const block *x)
{
    const heed_conv_problem *p = &x->plan->problem;
    phase f;
    copy_images(x);
    for (f.number[0] = 0; f.number[0] < p->axis[0].phases; f.number[0]++)
        for (f.number[1] = 0; f.number[1] < p->axis[1].phases; f.number[1]++) {
            for (int i = 0; i < 2; i++)
                f.axis[i] = heed_conv_phase_of(&p->axis[i], p->reverse, f.number[i]);
            f.rows = heed_conv_part(x->at.rows, f.axis[0].positions, x->at.row);
            f.columns = heed_conv_part(x->at.columns, f.axis[1].positions, x->at.column);
            f.depth = x->channels * f.axis[0].taps * f.axis[1].taps;
            if (f.rows <= 0 || f.columns <= 0 || (f.depth == 0 && x->channel > 0)) continue;
            if (f.depth > 0) list_places(x, &f);
            if (f.depth > 0) copy_weights(x, &f);
            multiply_phase(x, &f);
        }
}

HEED_KERNEL(conv_sum)
{
    const heed_conv_sum_plan *plan = call->plan;
    const heed_conv_problem *p = &plan->problem;
    const int64_t blocks = p->blocks.along_batch * p->blocks.down * p->blocks.across;
    char *scratch = call->scratch;
    for (int64_t u = begin; u < end; u++) {
        const int64_t group = u / plan->row_blocks / blocks;
        block x = { .plan = plan,
                    .at = heed_conv_block_at(p, u / plan->row_blocks % blocks),
                    .row = u % plan->row_blocks * plan->rows,
                    .in = (const real *)call->in[0].data + group * plan->read.group,
                    .w = (const real *)call->in[1].data + group * plan->taps.group,
                    .out = (real *)call->out.data + group * plan->written.group,
                    .list = call->scratch,
                    .weights = (real *)(void *)(scratch + plan->weights_at),
                    .panel = (real *)(void *)(scratch + plan->panel_at),
                    .images = (real *)(void *)(scratch + plan->images_at) };
        x.rows = heed_conv_part(plan->rows, p->out, x.row);
        for (int64_t i = 0; i < plan->depths; i++) {
            x.channel = p->in * i / plan->depths;
            x.channels = p->in * (i + 1) / plan->depths - x.channel;
            add_channels(&x);
        }
    }
}

#else

HEED_DECLARE_KERNEL(conv_sum);
const heed_kernel heed_conv_sum_kernel = HEED_KERNEL_TABLE(conv_sum);
#endif

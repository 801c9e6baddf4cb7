/* conv_sum.c - out[i, q] = sum over channels c and taps t of w[i, c, t] in[c, place(q, t)]:
 * register tiles over copies of images with their padding. Sums of a block gather in scratch memory
 * or, where its positions are neighbours in the output, there. */
#include "ops/micro/winograd.h"

#ifdef HEED_STAMP
#include "ops/micro/conv_copy.h"

#define WEIGHT_LINES 8 /* channels of w that are read at a time */

/* One block of one group, as far as it has been copied. */
typedef struct block {
    const heed_conv_sum_plan *plan;
    heed_conv_block at;
    int64_t pitch;                           /* places of a row of one image */
    int64_t row_step, image_step, copy_step; /* in a copy; from one copy to the next */
    int64_t positions;                       /* of a phase, with what lies between rows */
    int64_t row, rows;                       /* output channels */
    int64_t channel, channels;               /* input channels that are summed now */
    int64_t cleared;                         /* so many had places, whose padding is 0 */
    const real *in, *w;                      /* of the group */
    real *out;
    real *direct; /* of the first position, where neighbours are so in the output; or NULL */
    int64_t tail; /* from here on they go to `sums` all the same */
    int64_t *list;
    real *weights, *sums, *images;
} block;

/* What one phase of the output needs beyond it. */
typedef struct phase {
    int64_t number[2];
    heed_conv_phase axis[2];
    int64_t taps, depth;
    real *weights, *sums; /* its own */
} phase;

static phase phase_of(const block *x, int64_t k)
{
    const heed_conv_sum_plan *plan = x->plan;
    const heed_conv_problem *p = &plan->problem;
    phase f = { .number = { k / p->axis[1].phases, k % p->axis[1].phases },
                .weights = x->weights + k * plan->rows * plan->weights_step,
                .sums = x->sums + k * plan->rows * plan->sums_step };
    for (int i = 0; i < 2; i++)
        f.axis[i] = heed_conv_phase_of(&p->axis[i], p->reverse, f.number[i]);
    f.taps = f.axis[0].taps * f.axis[1].taps;
    f.depth = x->channels * f.taps;
    return f;
}

/* Rows of images follow each other when there are several to shift along height, images when there
 * are not. */
static void set_steps(block *x)
{
    const heed_conv_sum_plan *plan = x->plan;
    const heed_conv_axis *height = &plan->problem.axis[0], *width = &plan->problem.axis[1];
    const heed_conv_block *at = &x->at;
    const int64_t lines = at->images * at->rows;
    x->pitch = at->columns + (plan->shifted ? 0 : width->halo);
    x->row_step = height->halo > 0 ? at->images * x->pitch : x->pitch;
    x->image_step = height->halo > 0 ? x->pitch : at->rows * x->pitch;
    x->copy_step = at->images * (at->rows + height->halo) * x->pitch;
    x->positions = (lines - 1) * x->pitch + at->columns;
    const heed_conv_images *out = &plan->written;
    const bool rows_follow =
        at->images == 1 && x->pitch == at->columns && out->axis[0] == at->columns;
    if (plan->phases == 1 && out->axis[1] == 1 && (lines == 1 || rows_follow))
        x->direct = x->out + x->row * out->channel + at->image * out->batch +
                    at->row * out->axis[0] + at->column;
    x->tail = x->direct ? x->positions : 0;
}

/* ---- copies ---- */

/* Copy k of a channel: rows of all images, as far as there are elements. */
static void copy_channel(const block *x, int64_t k, const real *from, real *to)
{
    const heed_conv_sum_plan *plan = x->plan;
    const heed_conv_axis *height = &plan->problem.axis[0], *width = &plan->problem.axis[1];
    const bool reverse = plan->problem.reverse;
    const int64_t *stride = plan->read.axis, rows = x->at.rows + height->halo;
    const int64_t copy = k % plan->copies, column = x->at.column + (reverse ? copy : 0);
    const heed_conv_span down =
        heed_conv_span_of(height, reverse, k / plan->copies, x->at.row, rows);
    const heed_conv_span across = heed_conv_span_of(width, reverse, copy, column, x->pitch);
    row_set r = { .rows = down.end - down.begin,
                  .n = across.end - across.begin,
                  .to = x->row_step,
                  .from = down.step * stride[0],
                  .step = across.step * stride[1] };
    if (r.n == x->pitch && r.to == r.n && r.from == r.n * r.step) { /* without gaps: one row */
        r.n *= r.rows;
        r.rows = 1;
    }
    from += (down.element + down.begin * down.step) * stride[0] +
            (across.element + across.begin * across.step) * stride[1];
    to += down.begin * r.to + across.begin;
    for (int64_t b = 0; b < x->at.images; b++)
        copy_rows(&r, from + (x->at.image + b) * plan->read.batch, to + b * x->image_step);
}

/* [channel][plane along height][copy]. Places without an element are 0, and so is what the last
 * panel reads past them: any number could be slow to multiply. They are the same for all channels
 * that are copied to one place. */
static void copy_images(block *x)
{
    const heed_conv_sum_plan *plan = x->plan;
    const int64_t copies = plan->problem.axis[0].planes * plan->copies;
    for (int64_t c = 0; c < x->channels; c++) {
        real *to = x->images + c * plan->channel_step;
        if (c >= x->cleared) fill_zero(to, copies * x->copy_step + 2 * LANES);
        for (int64_t k = 0; k < copies; k++)
            copy_channel(x, k, x->in + (x->channel + c) * plan->read.channel,
                         to + k * x->copy_step);
    }
    if (x->cleared < x->channels) x->cleared = x->channels;
}

/* Where position 0 finds the factor of each (channel, tap) of a phase. */
static void list_places(const block *x, const phase *f)
{
    const heed_conv_problem *p = &x->plan->problem;
    const heed_conv_axis *height = &p->axis[0], *width = &p->axis[1];
    int64_t n = 0;
    for (int64_t i = 0; i < f->axis[0].taps; i++) {
        const int64_t tap = f->axis[0].first + i * f->axis[0].step;
        const int64_t plane = heed_conv_plane(height, tap) * x->plan->copies;
        const int64_t row = heed_conv_shift(height, p->reverse, f->number[0], tap) * x->row_step;
        for (int64_t j = 0; j < f->axis[1].taps; j++, n++) {
            const int64_t t = f->axis[1].first + j * f->axis[1].step;
            const int64_t shift = heed_conv_shift(width, p->reverse, f->number[1], t);
            const int64_t copy = !x->plan->shifted ? heed_conv_plane(width, t)
                                 : p->reverse      ? shift
                                                   : t;
            x->list[n] = (plane + copy) * x->copy_step + row + (x->plan->shifted ? 0 : shift);
        }
    }
    for (; n < f->depth; n++) x->list[n] = x->list[n - f->taps] + x->plan->channel_step;
}

/* to[n] = from[at[n]] for the taps of one filter, which lie in LANES neighbours: in a register. */
static inline void pick_taps(const ivec *at, int64_t taps, int64_t last, const real *from, real *to)
{
    vec_store_part(to, vec_pick(vec_load_part(from, last + 1, 0), *at), taps);
}

static inline void gather_taps(const int64_t *at, int64_t taps, const real *from, real *to)
{
    for (int64_t n = 0; n < taps; n++) to[n] = from[at[n]];
}

/* Channels (or rows, where w has these further apart) begin .. end - 1. */
static void gather_weights(const block *x, const phase *f, bool by_rows, int64_t begin, int64_t end)
{
    const heed_conv_axis *axis = x->plan->problem.axis;
    const heed_conv_taps *t = &x->plan->taps;
    const int64_t columns = f->axis[1].taps, taps = f->taps;
    const int64_t step[2] = { t->axis[0] * f->axis[0].step, t->axis[1] * f->axis[1].step };
    const real *from = x->w + x->row * t->row + x->channel * t->column +
                       (axis[0].first + f->axis[0].first) * t->axis[0] +
                       (axis[1].first + f->axis[1].first) * t->axis[1];
    int64_t *at = x->list + x->plan->list_size;
    ivec lanes = { 0 };
    for (int64_t n = 0; n < taps; n++) {
        at[n] = n / columns * step[0] + n % columns * step[1];
        if (n < LANES) lanes[n] = (ireal)at[n];
    }
    const int64_t last = at[taps - 1], inner = by_rows ? x->channels : x->rows;
    const bool pick = taps <= LANES && last < LANES && step[0] >= 0 && step[1] >= 0;
    for (int64_t i = begin; i < end; i++)
        for (int64_t j = 0; j < inner; j++) {
            const int64_t row = by_rows ? i : j, channel = by_rows ? j : i;
            const real *one = from + row * t->row + channel * t->column;
            real *to = f->weights + row * x->plan->weights_step + channel * taps;
            if (pick)
                pick_taps(&lanes, taps, last, one, to);
            else
                gather_taps(at, taps, one, to);
        }
}

/* There is one phase, and a row of the left factor, [channel][tap], is a row of w. */
static bool rows_are_of_weights(const block *x, const phase *f)
{
    const heed_conv_taps *t = &x->plan->taps;
    return x->plan->phases == 1 && (f->axis[1].taps == 1 || t->axis[1] * f->axis[1].step == 1) &&
           (f->axis[0].taps == 1 || t->axis[0] * f->axis[0].step == f->axis[1].taps) &&
           t->column == f->taps;
}

static void copy_rows_of_weights(const block *x, const phase *f)
{
    const heed_conv_axis *axis = x->plan->problem.axis;
    const heed_conv_taps *t = &x->plan->taps;
    const real *from = x->w + x->row * t->row + x->channel * t->column +
                       (axis[0].first + f->axis[0].first) * t->axis[0] +
                       (axis[1].first + f->axis[1].first) * t->axis[1];
    for (int64_t i = 0; i < x->rows; i++)
        copy_row(f->weights + i * x->plan->weights_step, from + i * t->row, 1, f->depth);
}

/* Rows of the left factor of each phase: [output channel][channel][tap]. Phases share the lines of
 * memory that w is read from, so it is read some lines at a time. */
static void copy_weights(const block *x)
{
    const bool by_rows = x->plan->taps.row > x->plan->taps.column;
    const int64_t outer = by_rows ? x->rows : x->channels;
    const phase first = phase_of(x, 0);
    if (rows_are_of_weights(x, &first)) {
        copy_rows_of_weights(x, &first);
        return;
    }
    for (int64_t i = 0; i < outer; i += WEIGHT_LINES)
        for (int64_t k = 0; k < x->plan->phases; k++) {
            const phase f = phase_of(x, k);
            if (f.depth > 0)
                gather_weights(x, &f, by_rows, i, heed_smaller(i + WEIGHT_LINES, outer));
        }
}

/* ---- products ---- */

static void multiply_phase(block *x, const phase *f)
{
    const heed_conv_sum_plan *plan = x->plan;
    const tiling tiles = tiles_of(x->rows);
    tile t = { .k = f->depth, .a_row = plan->weights_step, .a_column = 1, .b_at = x->list };
    for (int64_t at = 0, width; at < x->positions; at += width) {
        const int vectors = tile_vectors(x->rows, x->positions - at);
        width = vectors * LANES;
        const bool direct = x->direct && at + width <= x->positions;
        real *c = direct ? x->direct + at : f->sums + at;
        if (x->direct && !direct) x->tail = at;
        t.b = x->images + at;
        t.c_row = t.d_row = direct ? plan->written.channel : plan->sums_step;
        for (int64_t row = 0, rows; row < x->rows; row += rows) {
            rows = tile_height(&tiles, row);
            t.a = f->weights + row * plan->weights_step;
            t.c = c + row * t.c_row;
            t.d = x->channel > 0 ? t.c : NULL;
            multiply_tile_at((int)rows, vectors, &t);
        }
    }
}

static void add_channels(block *x)
{
    copy_images(x);
    copy_weights(x);
    for (int64_t k = 0; k < x->plan->phases; k++) {
        const phase f = phase_of(x, k);
        if (f.depth == 0 && x->channel > 0) continue;
        list_places(x, &f);
        multiply_phase(x, &f);
    }
}

/* ---- from sums to the output ---- */

/* n elements of two phases, which take turns. */
static void zip_row(real *to, const real *even, const real *odd, int64_t n)
{
    for (int64_t j = 0; j < n; j += 2 * LANES, even += LANES, odd += LANES) {
        const vec a = vec_load(even), b = vec_load(odd);
        const int64_t left = n - j < 2 * LANES ? n - j : 2 * LANES;
        vec_store_part(to + j, __builtin_shufflevector(a, b, ZIP_LOW), left < LANES ? left : LANES);
        if (left > LANES)
            vec_store_part(to + j + LANES, __builtin_shufflevector(a, b, ZIP_HIGH), left - LANES);
    }
}

/* Rows of the output of one phase along height; sums of phases along width are `step` apart. */
static void write_rows(const block *x, const row_set *r, const real *sums, int64_t step, real *out)
{
    const int64_t phases = x->plan->problem.axis[1].phases, apart = x->plan->written.axis[1];
    if (apart == 1 && phases == 1 && r->to == r->n && r->from == r->n) {
        copy_row(out, sums, 1, r->rows * r->n);
        return;
    }
    if (apart == 1 && phases == 1) {
        copy_rows(r, sums, out);
        return;
    }
    for (int64_t i = 0; i < r->rows; i++, sums += r->from, out += r->to)
        if (apart == 1 && phases == 2)
            zip_row(out, sums, sums + step, r->n);
        else
            for (int64_t j = 0; j < r->n; j++)
                out[j * apart] = sums[j % phases * step + j / phases];
}

/* One output channel of one image; sums of its first phase. */
static void write_plane(const block *x, const real *sums, real *out)
{
    const heed_conv_sum_plan *plan = x->plan;
    const heed_conv_axis *height = &plan->problem.axis[0], *width = &plan->problem.axis[1];
    const int64_t phase_step = plan->rows * plan->sums_step, phases = height->phases;
    const int64_t row = x->at.row * phases, column = x->at.column * width->phases;
    const int64_t all = heed_conv_part(x->at.rows * phases, height->out, row);
    row_set r = { .n = heed_conv_part(x->at.columns * width->phases, width->out, column),
                  .to = plan->written.axis[0] * phases,
                  .from = x->row_step,
                  .step = 1 };
    out += row * plan->written.axis[0] + column * plan->written.axis[1];
    for (int64_t k = 0; k < phases; k++, out += plan->written.axis[0]) {
        r.rows = (all - k + phases - 1) / phases;
        write_rows(x, &r, sums + k * width->phases * phase_step, phase_step, out);
    }
}

static void write_block(const block *x)
{
    const heed_conv_images *to = &x->plan->written;
    const int64_t step = x->plan->sums_step;
    if (x->direct) {
        for (int64_t i = 0; i < x->rows && x->tail < x->positions; i++)
            copy_row(x->direct + i * to->channel + x->tail, x->sums + i * step + x->tail, 1,
                     x->positions - x->tail);
        return;
    }
    for (int64_t b = 0; b < x->at.images; b++)
        for (int64_t i = 0; i < x->rows; i++)
            write_plane(x, x->sums + i * step + b * x->image_step,
                        x->out + (x->row + i) * to->channel + (x->at.image + b) * to->batch);
}

HEED_KERNEL(conv_sum)
{
    const heed_conv_sum_plan *plan = call->plan;
    if (plan->by_tiles) {
        HEED_FN(winograd_sum)(call, begin, end);
        return;
    }
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
                    .sums = (real *)(void *)(scratch + plan->sums_at),
                    .images = (real *)(void *)(scratch + plan->images_at) };
        x.rows = heed_conv_part(plan->rows, p->out, x.row);
        set_steps(&x);
        for (int64_t i = 0; i < plan->depths; i++) {
            x.channel = p->in * i / plan->depths;
            x.channels = p->in * (i + 1) / plan->depths - x.channel;
            add_channels(&x);
        }
        write_block(&x);
    }
}

#else

HEED_DECLARE_KERNEL(conv_sum);
const heed_kernel heed_conv_sum_kernel = HEED_KERNEL_TABLE(conv_sum);
#endif

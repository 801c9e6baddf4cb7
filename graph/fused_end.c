/* fused_end.c - reductions at the end of an elementwise program: plan and execution. */
#include <string.h>

#include "graph/fused_run.h"

/* ---- plan ---- */

static heed_join_fn pick(heed_join_fn const table[HEED_N_DTYPES][HEED_N_ISA], heed_dtype dtype)
{
    heed_join_fn fn = table[dtype][heed_isa_current()];
    return fn ? fn : table[dtype][HEED_PORTABLE];
}

static heed_finish_fn pick_finish(const heed_reduction *r, heed_dtype dtype)
{
    heed_finish_fn fn = r->finish[dtype][heed_isa_current()];
    return fn ? fn : r->finish[dtype][HEED_PORTABLE];
}

/* The output's strides over the space: those of its axes, with the reduced ones put back. */
static void strides_of_output(const heed_node *node, const heed_view *out, const heed_shape *space,
                              const heed_sweep *sweep, int64_t *stride)
{
    const heed_shape *in = &node->in[0]->shape;
    unsigned reduced = node->op->reduction->axes(node);
    int64_t of_axis[HEED_MAX_RANK], of_space[HEED_MAX_RANK];
    bool keep = node->shape.rank == in->rank;
    for (int d = 0, at = 0; d < in->rank; d++) {
        bool gone = reduced >> d & 1;
        of_axis[d] = gone ? 0 : out->stride[at];
        at += keep || !gone;
    }
    heed_space_strides(space, in, of_axis, of_space);
    for (int d = 0; d < space->rank; d++) stride[d] = of_space[sweep->order[d]];
}

bool heed_fused_ends(heed_fused *f, heed_program *p, const heed_instruction *it,
                     const heed_shape *space, const heed_sweep *sweep)
{
    f->ends = heed_arena_alloc(&p->arena, (size_t)f->n_ends * sizeof *f->ends);
    if (!f->ends) return heed_plan_no_memory(p);
    for (int e = 0; e < f->n_ends; e++) {
        const heed_node *node = it->nodes[f->n_steps + e];
        const heed_reduction *r = node->op->reduction;
        fused_end *end = &f->ends[e];
        heed_view out = heed_value_view(p, node);
        end->runs = pick(r->runs, node->dtype);
        end->columns = pick(r->columns, node->dtype);
        end->totals = pick(r->columns, HEED_F64);
        end->finish = pick_finish(r, node->dtype);
        end->start = r->start;
        end->scale = r->scale ? r->scale(node) : 1;
        end->crossing = sweep->crossing >> e & 1;
        end->base = out.data;
        strides_of_output(node, &out, space, sweep, end->out);
    }
    return true;
}

static bool keeps(const fused_end *end, int d)
{
    return !(end->reduced >> d & 1);
}

static void plan_output(const heed_fused *f, fused_end *end)
{
    end->kept = 0;
    for (int d = 0; d < f->rank; d++) {
        if (!keeps(end, d)) continue;
        end->dim[end->kept] = f->dim[d];
        end->stride[end->kept++] = end->out[d];
    }
}

/* Which results are under way at the same time: of a crossing end all; else not those of other
 * outer steps, nor of other indices of the axes that it keeps just inside them, nor of other
 * chunks. */
static void plan_block(const heed_fused *f, fused_end *end, int64_t outer)
{
    int last = f->rank - 1, first = 0;
    int64_t leading = 1;
    bool own_columns = f->chunked && !end->crossing;
    if (!end->crossing) {
        for (; outer > 1; first++) outer /= f->dim[first];
        for (; first < last && keeps(end, first); first++) leading *= f->dim[first];
    }
    end->block = 1;
    for (int d = last; d >= 0; d--) {
        bool in_block = keeps(end, d) && d >= first;
        end->step[d] = in_block && !(own_columns && d == last) ? end->block : 0;
        if (in_block) end->block *= own_columns && d == last ? f->tile : f->dim[d];
    }
    end->part = f->tile;
    end->period = (f->chunked ? f->rows : f->step_tiles) / leading;
}

/* Short rows, gathered: several to a tile. There is one set of reduced axes. */
static void plan_linear(const heed_fused *f, fused_end *end)
{
    int64_t inner = 1, reduced = 1;
    bool trailing = true;
    for (int d = f->rank - 1; d >= 0; d--) {
        bool gone = !keeps(end, d);
        trailing &= gone == end->rows;
        if (trailing) inner *= f->dim[d];
        if (gone) reduced *= f->dim[d];
    }
    memset(end->step, 0, sizeof end->step);
    if (end->rows) {
        bool several = !end->crossing && f->tile >= reduced;
        end->part = several ? reduced : f->tile;
        end->block = several ? f->tile / reduced : 1;
        end->period = several ? 1 : f->step_tiles;
    } else {
        end->part = f->row == inner ? f->tile : inner;
        end->block = f->chunked ? f->tile : inner;
    }
}

void heed_fused_plan_ends(heed_fused *f, const heed_sweep *sweep)
{
    for (int e = 0; e < f->n_ends; e++) {
        fused_end *end = &f->ends[e];
        end->rows = !keeps(end, f->rank - 1);
        plan_output(f, end);
        plan_block(f, end, sweep->outer);
        if (f->linear) plan_linear(f, end);
        end->offset = (size_t)f->block_size;
        f->block_size += end->block;
        end->partial = (size_t)f->partial_size;
        if (end->crossing) f->partial_size += end->block;
    }
}

/* ---- execution ---- */

static void start_block(const fused_end *end, double *block)
{
    for (int64_t i = 0; i < end->block; i++) block[i] = end->start;
}

static void write_run(const heed_fused *f, const fused_end *end, int64_t at, int64_t stride,
                      int64_t n, const double *total)
{
    char *y = end->base + at * (int64_t)f->size;
    if (stride == 1) {
        end->finish(n, total, end->scale, y);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        end->finish(1, total + i, end->scale, y + i * stride * (int64_t)f->size);
}

/* Results first .. first + n - 1 of the output, in the order of the space: runs of its last
 * axis. */
static void write_results(const heed_fused *f, const fused_end *end, int64_t first, int64_t n,
                          const double *total)
{
    int last = end->kept - 1;
    int64_t row = last >= 0 ? end->dim[last] : 1, stride = last >= 0 ? end->stride[last] : 1;
    for (int64_t done = 0, run; done < n; done += run) {
        int64_t column = (first + done) % row, rest = (first + done) / row, at = column * stride;
        run = n - done < row - column ? n - done : row - column;
        for (int d = last - 1; d >= 0; d--) {
            at += rest % end->dim[d] * end->stride[d];
            rest /= end->dim[d];
        }
        write_run(f, end, at, stride, run, total + done);
    }
}

static void finish_block(const heed_fused *f, const fused_end *end, const tile_position *at,
                         double *block)
{
    if (end->rows && end->part < f->tile) {
        write_results(f, end, at->flat / end->part, at->n / end->part, block);
        return;
    }
    int64_t tiles = f->chunked ? f->rows : f->step_tiles;
    int64_t in_step = f->chunked ? at->row : at->row * f->tiles_per_row + at->column / f->tile;
    int64_t step = at->outer * (tiles / end->period) + in_step / end->period;
    if (!f->chunked) {
        write_results(f, end, step * end->block, end->block, block);
        return;
    }
    int64_t strips = end->block / f->tile;
    for (int64_t k = 0; k < strips; k++)
        write_results(f, end, (step * strips + k) * f->row + at->column, at->n,
                      block + k * f->tile);
}

void heed_fused_start_unit(const heed_fused *f, double *blocks, int64_t *left)
{
    for (int e = 0; e < f->n_ends; e++) {
        left[e] = 0;
        if (f->ends[e].crossing) start_block(&f->ends[e], blocks + f->ends[e].offset);
    }
}

void heed_fused_join_tile(const heed_fused *f, double *blocks, int64_t *left,
                          const tile_position *at, char *const *pointer)
{
    for (int e = 0; e < f->n_ends; e++) {
        const fused_end *end = &f->ends[e];
        double *block = blocks + end->offset, *to = block;
        for (int d = 0; d < f->rank; d++) to += at->coordinate[d] * end->step[d];
        if (f->linear && end->crossing && f->row == end->block) to = block + at->column;
        if (!end->crossing && left[e] == 0) {
            start_block(end, block);
            left[e] = end->period;
        }
        int64_t part = end->part < at->n ? end->part : at->n;
        if (end->rows)
            end->runs(at->n / part, part, pointer[end->from], to);
        else
            end->columns(part, at->n / part, pointer[end->from], to);
        if (!end->crossing && --left[e] == 0) finish_block(f, end, at, block);
    }
}

void heed_fused_end_unit(const heed_fused *f, double *blocks, int64_t unit)
{
    for (int e = 0; e < f->n_ends; e++) {
        const fused_end *end = &f->ends[e];
        double *block = blocks + end->offset;
        if (!end->crossing) continue;
        memcpy(f->partial + unit * f->partial_size + (int64_t)end->partial, block,
               (size_t)end->block * sizeof *block);
    }
}

void heed_fused_join_units(const heed_fused *f)
{
    int64_t units = heed_fused_units(f);
    for (int e = 0; e < f->n_ends; e++) {
        const fused_end *end = &f->ends[e];
        if (!end->crossing) continue;
        double *total = f->partial + end->partial;
        for (int64_t u = 1; u < units; u++)
            end->totals(end->block, 1, total + u * f->partial_size, total);
        write_results(f, end, 0, end->block, total);
    }
}

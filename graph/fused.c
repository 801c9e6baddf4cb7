/* fused.c - compiling an elementwise instruction: registers, slots, tiles, work units. */
#include <string.h>

#include "graph/fused_run.h"

enum {
    GATHERED_ROW = 256, /* shorter rows are gathered if that is possible; also longer ones ... */
    DENSE_ROW = 512,    /* ... when they lie one after the other anyway */
    LEAST_TILE = 64,
    CACHE_SHARE = 24576, /* bytes of the first-level cache that slots may take */
    UNIT_WORK = 16384,   /* elements times operations in a unit, ... */
    END_WORK = 65536,    /* ... where reductions end the program */
    TURNED_TILE = 128,   /* of large transposed operands, of at least ... */
    TURNED_BYTES = 4 << 20
};

typedef struct builder {
    heed_program *p;
    const heed_instruction *it;
    heed_fused *f;
    heed_shape space;
    heed_sweep sweep;
    const heed_node **load_node;
} builder;

/* Strides over the iteration space of a value that is read or written under `shape`. */
static void iteration_strides(const builder *b, const heed_view *view, const heed_shape *shape,
                              int64_t *stride)
{
    int64_t of_space[HEED_MAX_RANK];
    heed_view wide = heed_view_expand(view, shape);
    heed_space_strides(&b->space, shape, wide.stride, of_space);
    for (int d = 0; d < b->space.rank; d++) stride[d] = of_space[b->sweep.order[d]];
}

/* The step that computes x, if one does. */
static int find_step(const builder *b, const heed_node *x)
{
    x = b->p->work->nodes[b->p->source[x->id]];
    for (int s = 0; s < b->f->n_steps; s++)
        if (b->it->nodes[s] == x) return s;
    return -1;
}

/* The register of x as step s reads it; a new one when there is none. Steps of other shapes may
 * broadcast the same x differently. */
static int load_of(builder *b, int s, const heed_node *x)
{
    heed_fused *f = b->f;
    operand *o = &f->registers[f->n_loads];
    heed_view view = heed_value_view(b->p, x);
    memset(o->stride, 0, sizeof o->stride);
    o->base = view.data;
    iteration_strides(b, &view, &b->it->nodes[s]->shape, o->stride);
    for (int r = 0; r < f->n_loads; r++)
        if (b->load_node[r] == x &&
            memcmp(f->registers[r].stride, o->stride, sizeof o->stride) == 0)
            return r;
    b->load_node[f->n_loads] = x;
    return f->n_loads++;
}

static bool make_registers(builder *b)
{
    heed_fused *f = b->f;
    const heed_instruction *it = b->it;
    int most = f->n_steps + 1;
    for (int s = 0; s < f->n_steps; s++) most += it->nodes[s]->n_in;
    f->registers = heed_arena_alloc(&b->p->arena, (size_t)most * sizeof *f->registers);
    f->steps = heed_arena_alloc(&b->p->arena, (size_t)f->n_steps * sizeof *f->steps);
    b->load_node = heed_alloc_array((size_t)most, sizeof *b->load_node);
    if (!f->registers || !f->steps || !b->load_node) return heed_plan_no_memory(b->p);
    for (int s = 0; s < f->n_steps; s++)
        for (int i = 0; i < it->nodes[s]->n_in; i++) {
            int made = find_step(b, it->nodes[s]->in[i]);
            f->steps[s].in[i] = made >= 0 ? -1 - made : load_of(b, s, it->nodes[s]->in[i]);
        }
    for (int s = 0; s < f->n_steps; s++) {
        const heed_node *node = it->nodes[s];
        operand *o = &f->registers[f->n_loads + s];
        heed_view view = heed_value_view(b->p, node);
        bool stored = b->p->values[node->id].buffer >= 0;
        o->base = stored ? view.data : NULL;
        if (stored) iteration_strides(b, &view, &node->shape, o->stride);
        for (int i = 0; i < node->n_in; i++)
            if (f->steps[s].in[i] < 0) f->steps[s].in[i] = f->n_loads - 1 - f->steps[s].in[i];
    }
    for (int e = 0; e < f->n_ends; e++)
        f->ends[e].from = f->n_loads + find_step(b, it->nodes[f->n_steps + e]->in[0]);
    return true;
}

/* Do axes `to` and `d`, neighbours, make one axis for every operand? */
static bool may_merge(const heed_fused *f, int to, int d, int64_t dim)
{
    for (int r = 0; r < f->n_loads + f->n_steps; r++) {
        const operand *o = &f->registers[r];
        bool load = r < f->n_loads;
        if ((load || o->base) && o->stride[to] != o->stride[d] * dim) return false;
    }
    for (int e = 0; e < f->n_ends; e++)
        if (f->ends[e].out[to] != f->ends[e].out[d] * dim) return false;
    return true;
}

/* Merge neighbouring axes that everything walks as one. */
static void collapse(heed_fused *f, const builder *b)
{
    int rank = 0;
    for (int d = 0; d < b->space.rank; d++) {
        int64_t dim = b->space.dim[b->sweep.order[d]];
        bool merge = rank > 0 && may_merge(f, rank - 1, d, dim);
        if (!merge) f->dim[rank++] = 1;
        f->dim[rank - 1] *= dim;
        for (int r = 0; r < f->n_loads + f->n_steps; r++)
            f->registers[r].stride[rank - 1] = f->registers[r].stride[d];
        for (int e = 0; e < f->n_ends; e++) {
            fused_end *end = &f->ends[e];
            end->out[rank - 1] = end->out[d];
            if (end->out[d] == 0) end->reduced |= 1u << (rank - 1);
        }
    }
    if (rank == 0) f->dim[rank++] = 1;
    f->rank = rank;
}

static bool is_uniform(const heed_fused *f, const operand *o)
{
    for (int d = 0; d < f->rank; d++)
        if (o->stride[d] && f->dim[d] > 1) return false;
    return true;
}

static bool is_linear(const heed_fused *f, const operand *o)
{
    int64_t expect = 1;
    for (int d = f->rank - 1; d >= 0; d--) {
        if (f->dim[d] > 1 && o->stride[d] != expect) return false;
        expect *= f->dim[d];
    }
    return true;
}

/* Shall tiles hold several rows? A tile costs about as much as a hundred elements. */
static bool is_gathered(const heed_fused *f, const heed_sweep *sweep)
{
    int64_t row = f->dim[f->rank - 1];
    if (f->rank == 1 || row < HEED_LONG_ROW) return true;
    if (f->n_ends && !sweep->gathers) return false;
    bool dense = true;
    for (int r = 0; r < f->n_loads + f->n_steps; r++) {
        const operand *o = &f->registers[r];
        if (o->base && !is_linear(f, o) && !is_uniform(f, o)) dense = false;
    }
    return row < (dense ? DENSE_ROW : GATHERED_ROW);
}

/* Kinds of access: what can be pointed at, what has to be moved through a slot. */
static void choose_access(heed_fused *f, const heed_sweep *sweep)
{
    int last = f->rank - 1;
    f->linear = is_gathered(f, sweep);
    for (int r = 0; r < f->n_loads + f->n_steps; r++) {
        operand *o = &f->registers[r];
        bool load = r < f->n_loads;
        o->slot = -1;
        if (!load && !o->base) {
            o->kind = MOVED;
        } else if (is_linear(f, o) || f->count == 1) {
            o->kind = DIRECT;
        } else if (load && is_uniform(f, o)) {
            o->kind = UNIFORM;
        } else {
            bool run = f->dim[last] == 1 || o->stride[last] == 1;
            o->kind = !f->linear && run ? DIRECT : MOVED;
            if (load && !f->linear && o->stride[last] == 0) o->kind = SPREAD;
        }
    }
}

static void make_steps(const builder *b)
{
    heed_isa isa = heed_isa_current();
    for (int s = 0; s < b->f->n_steps; s++) {
        const heed_node *node = b->it->nodes[s];
        tile_step *step = &b->f->steps[s];
        const heed_tile *tile = node->op->tile;
        heed_dtype dtype = heed_kernel_dtype(node);
        step->fn = tile->fn[dtype][isa] ? tile->fn[dtype][isa] : tile->fn[dtype][HEED_PORTABLE];
        step->attr = node->attr;
        step->n_in = node->n_in;
    }
}

/* Slots: loads keep theirs; a result's slot is free again after its last reader. */
static void assign_slots(heed_fused *f)
{
    int last_use[MOST_REGISTERS] = { 0 }, free_slots[MOST_REGISTERS], n_free = 0;
    for (int r = 0; r < f->n_loads; r++)
        if (f->registers[r].kind != DIRECT) f->registers[r].slot = f->n_slots++;
    for (int s = 0; s < f->n_steps; s++) {
        last_use[f->n_loads + s] = s;
        for (int i = 0; i < f->steps[s].n_in; i++) last_use[f->steps[s].in[i]] = s;
    }
    for (int e = 0; e < f->n_ends; e++) last_use[f->ends[e].from] = f->n_steps;
    for (int s = 0; s < f->n_steps; s++) {
        operand *o = &f->registers[f->n_loads + s];
        if (o->kind == MOVED) o->slot = n_free ? free_slots[--n_free] : f->n_slots++;
        for (int r = 0; r <= s; r++) { /* y may not share a slot with an input: free afterwards */
            const operand *done = &f->registers[f->n_loads + r];
            if (done->slot >= 0 && last_use[f->n_loads + r] == s) free_slots[n_free++] = done->slot;
        }
    }
}

/* Elements of a tile: what slots in the first-level cache allow, in equal parts of a row. */
static int64_t tile_of(const heed_fused *f, int64_t row)
{
    int64_t tile = f->n_slots ? CACHE_SHARE / (int64_t)f->size / f->n_slots : HEED_MOST_TILE;
    if (tile < LEAST_TILE) tile = LEAST_TILE;
    if (tile > HEED_MOST_TILE) tile = HEED_MOST_TILE;
    tile -= tile % 16;
    if (tile >= row) return row > 0 ? row : 1;
    int64_t parts = (row + tile - 1) / tile;
    return ((row + parts - 1) / parts + 15) & ~(int64_t)15;
}

/* Of short rows, gathered, with reductions, all of them over the same axes: as many whole results,
 * or whole periods of columns, as a tile can hold. */
static void choose_gathered(heed_fused *f, int64_t of_step, bool several)
{
    int64_t inner = 1, most = tile_of(f, f->count);
    unsigned reduced = f->ends[0].reduced;
    bool rows = reduced >> (f->rank - 1) & 1;
    for (int d = f->rank - 1; d >= 0 && (reduced >> d & 1) == rows; d--) inner *= f->dim[d];
    f->row = of_step;
    if (rows && several && of_step <= most / 2) {
        f->row = most < of_step ? of_step : most / of_step * of_step;
    } else if (!rows && inner > most) {
        f->row = inner;
    }
    f->chunked = f->chunked && f->row == inner && f->row > most;
    f->tile = tile_of(f, f->row);
    if (!rows && f->row != inner && f->tile < f->row) f->tile = most / inner * inner;
}

/* Work units: whole outer steps (chunked: columns of them) when results belong to one. */
static void choose_units(heed_fused *f, const heed_sweep *sweep)
{
    bool whole = f->n_ends && !sweep->all_crossing;
    int64_t part = !whole ? 1 : f->chunked ? f->rows : f->step_tiles;
    int64_t work = f->n_ends ? END_WORK : UNIT_WORK;
    int64_t units = work / (f->tile * (f->n_steps + 1)) / (part > 0 ? part : 1);
    if (units < 1) units = 1;
    if (f->n_ends && sweep->crossing) {
        int64_t least = (f->tiles / part + sweep->most_units - 1) / sweep->most_units;
        if (units < least) units = least;
    }
    f->unit_tiles = units * part;
}

/* Gathered tiles of whole rows: what is broadcast along all other axes is the same in each. */
static void find_repeated(heed_fused *f)
{
    int64_t row = f->dim[f->rank - 1];
    if (!f->linear || f->row % row || (f->tiles_per_row > 1 && f->tile % row)) return;
    for (int r = 0; r < f->n_loads; r++) {
        operand *o = &f->registers[r];
        bool same = o->kind == MOVED;
        for (int d = 0; d < f->rank - 1; d++) same &= o->stride[d] == 0;
        if (same) o->kind = UNIFORM;
    }
}

/* Is a large operand transposed? Its neighbours in memory are then neighbours in the next row:
 * tiles go down a few columns of all rows, so that the cache lines of one row are still there for
 * the next ones. (Smaller operands stay in the cache anyway, and long tiles are cheaper.) */
static bool is_turned(const heed_fused *f)
{
    int last = f->rank - 1;
    if (f->n_ends || f->linear || f->count * (int64_t)f->size < TURNED_BYTES) return false;
    for (int r = 0; r < f->n_loads + f->n_steps; r++) {
        const operand *o = &f->registers[r];
        if (o->base && o->kind == MOVED && o->stride[last] != 1 && last > 0 &&
            o->stride[last - 1] == 1)
            return true;
    }
    return false;
}

static void choose_tiles(heed_fused *f, const heed_sweep *sweep)
{
    int64_t inner = f->dim[f->rank - 1];
    bool steps = f->n_ends && !sweep->all_crossing;
    int64_t outer = steps ? sweep->outer : 1;
    f->row = f->linear ? f->count : f->dim[f->rank - 1];
    f->tile = tile_of(f, f->row);
    if (f->linear && f->tile > inner && inner > 0) f->tile -= f->tile % inner;
    f->chunked = f->n_ends && sweep->chunked;
    if (is_turned(f)) {
        f->chunked = true;
        if (f->tile > TURNED_TILE) f->tile = TURNED_TILE;
    }
    if (f->n_ends && f->linear) {
        choose_gathered(f, f->count / outer, steps);
        if (steps && f->row == f->tile) outer = (f->count + f->row - 1) / f->row;
    }
    f->tiles_per_row = (f->row + f->tile - 1) / f->tile;
    f->rows = f->row > 0 ? (f->count + outer * f->row - 1) / (outer * f->row) : 0;
    f->step_tiles = f->rows * f->tiles_per_row;
    f->tiles = outer * f->step_tiles;
    choose_units(f, sweep);
    if (f->count) find_repeated(f);
}

static void fix_pointers(heed_fused *f)
{
    f->fixed = f->tiles == 1 && f->n_ends == 0;
    for (int r = 0; r < f->n_loads + f->n_steps; r++)
        if (f->registers[r].kind != DIRECT) f->fixed = false;
    for (int s = 0; f->fixed && s < f->n_steps; s++) {
        f->steps[s].result = f->registers[f->n_loads + s].base;
        for (int i = 0; i < f->steps[s].n_in; i++)
            f->steps[s].pointers[i] = f->registers[f->steps[s].in[i]].base;
    }
}

/* The space of all members, and how the reductions among them sweep it. */
static void find_space(const heed_instruction *it, heed_shape *space, heed_sweep *sweep)
{
    unsigned mask[HEED_MOST_ENDS];
    int n_steps = it->n_nodes - it->n_ends;
    *space = heed_space_of(&it->nodes[0]->shape);
    for (int k = 1; k < it->n_nodes; k++)
        heed_space_join(space, k < n_steps ? &it->nodes[k]->shape : &it->nodes[k]->in[0]->shape);
    for (int e = 0; e < it->n_ends; e++)
        mask[e] = heed_space_reduced(space, it->nodes[n_steps + e]);
    for (int d = 0; d < HEED_MAX_RANK; d++) sweep->order[d] = d;
    if (it->n_ends) heed_sweep_plan(space, mask, it->n_ends, sweep);
}

size_t heed_fused_partial_bytes(const heed_instruction *instruction)
{
    heed_shape space;
    heed_sweep sweep;
    find_space(instruction, &space, &sweep);
    return (size_t)(sweep.most_units * sweep.partial) * sizeof(double);
}

bool heed_fused_build(heed_program *p, heed_instruction *instruction)
{
    heed_fused *f = heed_arena_alloc(&p->arena, sizeof *f);
    if (!f) return heed_plan_no_memory(p);
    builder b = { .p = p, .it = instruction, .f = f };
    const heed_node *first = instruction->nodes[0];
    f->count = heed_count(&first->shape);
    f->size = heed_dtype_size(first->dtype);
    f->n_ends = instruction->n_ends;
    f->n_steps = instruction->n_nodes - f->n_ends;
    find_space(instruction, &b.space, &b.sweep);
    bool done = !f->n_ends || heed_fused_ends(f, p, instruction, &b.space, &b.sweep);
    done = done && make_registers(&b);
    if (done) {
        collapse(f, &b);
        choose_access(f, &b.sweep);
        make_steps(&b);
        assign_slots(f);
        choose_tiles(f, &b.sweep);
        heed_fused_plan_ends(f, &b.sweep);
        fix_pointers(f);
        f->units_left = heed_fused_units(f);
        if (f->partial_size)
            f->partial = (double *)(void *)p->buffers[instruction->partial_buffer].data;
        instruction->fused = f;
    }
    heed_free(b.load_node);
    return done;
}

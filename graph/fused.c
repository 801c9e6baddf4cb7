/* fused.c - compiling an elementwise instruction: registers, slots, tile length. */
#include <string.h>

#include "graph/fused_run.h"

enum {
    MOST_TILE = 1024, /* elements */
    LEAST_TILE = 64,
    CACHE_SHARE = 24576, /* bytes of the first-level cache that slots may take */
    LEAST_ROW = 64,      /* shorter rows are gathered, several to a tile */
    UNIT_WORK = 65536    /* elements times operations in a unit */
};

typedef struct builder {
    heed_program *p;
    heed_instruction *it;
    heed_fused *f;
    const heed_node **load_node;
    int step_of_id; /* unused ids are found by search: instructions are short */
} builder;

/* Strides over the iteration shape: broadcast axes get 0. */
static void iteration_strides(const heed_view *view, const heed_shape *shape, int64_t *stride)
{
    heed_view wide = heed_view_expand(view, shape);
    for (int d = 0; d < shape->rank; d++) stride[d] = shape->dim[d] == 1 ? 0 : wide.stride[d];
}

static int find_step(const heed_instruction *it, const heed_node *node)
{
    for (int s = 0; s < it->n_nodes; s++)
        if (it->nodes[s] == node) return s;
    return -1;
}

static int find_load(const builder *b, const heed_node *node)
{
    for (int r = 0; r < b->f->n_loads; r++)
        if (b->load_node[r] == node) return r;
    return -1;
}

static bool make_registers(builder *b)
{
    heed_fused *f = b->f;
    const heed_instruction *it = b->it;
    const heed_shape *shape = &it->nodes[0]->shape;
    int most = it->n_nodes;
    for (int s = 0; s < it->n_nodes; s++) most += it->nodes[s]->n_in;
    f->registers = heed_arena_alloc(&b->p->arena, (size_t)most * sizeof *f->registers);
    f->steps = heed_arena_alloc(&b->p->arena, (size_t)it->n_nodes * sizeof *f->steps);
    b->load_node = heed_alloc_array((size_t)most, sizeof *b->load_node);
    if (!f->registers || !f->steps || !b->load_node) return heed_plan_no_memory(b->p);
    for (int s = 0; s < it->n_nodes; s++)
        for (int i = 0; i < it->nodes[s]->n_in; i++) {
            const heed_node *x = it->nodes[s]->in[i];
            if (find_step(it, x) >= 0 || find_load(b, x) >= 0) continue;
            operand *o = &f->registers[f->n_loads];
            heed_view view = heed_value_view(b->p, x);
            o->base = view.data;
            iteration_strides(&view, shape, o->stride);
            b->load_node[f->n_loads++] = x;
        }
    for (int s = 0; s < it->n_nodes; s++) {
        const heed_node *node = it->nodes[s];
        operand *o = &f->registers[f->n_loads + s];
        heed_view view = heed_value_view(b->p, node);
        bool stored = b->p->values[node->id].buffer >= 0;
        o->base = stored ? view.data : NULL;
        if (stored) iteration_strides(&view, shape, o->stride);
    }
    return true;
}

/* Drop axes of size 1 and merge neighbours that every operand walks as one. */
static void collapse(heed_fused *f, const heed_shape *shape)
{
    int n = f->n_loads + f->n_steps, rank = 0;
    for (int d = 0; d < shape->rank; d++) {
        if (shape->dim[d] == 1) continue;
        bool merge = rank > 0;
        for (int r = 0; merge && r < n; r++) {
            const operand *o = &f->registers[r];
            merge = !o->base || o->stride[rank - 1] == o->stride[d] * shape->dim[d];
        }
        if (!merge) f->dim[rank++] = 1;
        f->dim[rank - 1] *= shape->dim[d];
        for (int r = 0; r < n; r++) f->registers[r].stride[rank - 1] = f->registers[r].stride[d];
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

/* Kinds of access: what can be pointed at, what has to be moved through a slot. */
static void choose_access(heed_fused *f, int64_t count)
{
    int last = f->rank - 1;
    f->linear = f->rank == 1 || f->dim[last] < LEAST_ROW;
    f->row = f->linear ? count : f->dim[last];
    for (int r = 0; r < f->n_loads + f->n_steps; r++) {
        operand *o = &f->registers[r];
        bool load = r < f->n_loads;
        o->slot = -1;
        if (!load && !o->base) {
            o->kind = MOVED;
        } else if (is_linear(f, o) || count == 1) {
            o->kind = DIRECT;
        } else if (load && is_uniform(f, o)) {
            o->kind = UNIFORM;
        } else {
            bool run = f->dim[last] == 1 || o->stride[last] == 1;
            o->kind = !f->linear && run ? DIRECT : MOVED;
        }
    }
}

static void make_steps(builder *b)
{
    heed_isa isa = heed_isa_current();
    for (int s = 0; s < b->it->n_nodes; s++) {
        const heed_node *node = b->it->nodes[s];
        tile_step *step = &b->f->steps[s];
        const heed_tile *tile = node->op->tile;
        heed_dtype dtype = heed_kernel_dtype(node);
        step->fn = tile->fn[dtype][isa] ? tile->fn[dtype][isa] : tile->fn[dtype][HEED_PORTABLE];
        step->attr = node->attr;
        step->n_in = node->n_in;
        for (int i = 0; i < node->n_in; i++) {
            int made = find_step(b->it, node->in[i]);
            step->in[i] = made >= 0 ? b->f->n_loads + made : find_load(b, node->in[i]);
        }
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
    for (int s = 0; s < f->n_steps; s++) {
        operand *o = &f->registers[f->n_loads + s];
        if (o->kind == MOVED) o->slot = n_free ? free_slots[--n_free] : f->n_slots++;
        for (int r = 0; r <= s; r++) { /* y may not share a slot with an input: free afterwards */
            const operand *done = &f->registers[f->n_loads + r];
            if (done->slot >= 0 && last_use[f->n_loads + r] == s) free_slots[n_free++] = done->slot;
        }
    }
}

static void choose_tile(heed_fused *f, int64_t count)
{
    int64_t tile = f->n_slots ? CACHE_SHARE / (int64_t)f->size / f->n_slots : MOST_TILE;
    if (tile < LEAST_TILE) tile = LEAST_TILE;
    if (tile > MOST_TILE) tile = MOST_TILE;
    tile -= tile % 16;
    if (tile > f->row) tile = f->row > 0 ? f->row : 1;
    f->tile = tile;
    f->tiles_per_row = f->row > 0 ? (f->row + tile - 1) / tile : 0;
    f->tiles = f->row > 0 ? count / f->row * f->tiles_per_row : 0;
    f->unit_tiles = UNIT_WORK / (tile * (f->n_steps + 1));
    if (f->unit_tiles < 1) f->unit_tiles = 1;
}

static void fix_pointers(heed_fused *f)
{
    f->fixed = f->tiles == 1;
    for (int r = 0; r < f->n_loads + f->n_steps; r++)
        if (f->registers[r].kind != DIRECT) f->fixed = false;
    for (int s = 0; f->fixed && s < f->n_steps; s++) {
        f->steps[s].result = f->registers[f->n_loads + s].base;
        for (int i = 0; i < f->steps[s].n_in; i++)
            f->steps[s].pointers[i] = f->registers[f->steps[s].in[i]].base;
    }
}

bool heed_fused_build(heed_program *p, heed_instruction *instruction)
{
    heed_fused *f = heed_arena_alloc(&p->arena, sizeof *f);
    if (!f) return heed_plan_no_memory(p);
    builder b = { .p = p, .it = instruction, .f = f };
    const heed_shape *shape = &instruction->nodes[0]->shape;
    int64_t count = heed_count(shape);
    f->size = heed_dtype_size(instruction->nodes[0]->dtype);
    f->n_steps = instruction->n_nodes;
    bool done = make_registers(&b);
    if (done) {
        collapse(f, shape);
        choose_access(f, count);
        make_steps(&b);
        assign_slots(f);
        choose_tile(f, count);
        fix_pointers(f);
        instruction->fused = f;
    }
    heed_free(b.load_node);
    return done;
}

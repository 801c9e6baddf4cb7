/* fused_run.c - running an elementwise instruction, tile by tile. */
#include <string.h>

#include "graph/fused_run.h"

/* ---- moving elements of 4 or 8 bytes between strided memory and a dense slot ---- */

static void load4(uint32_t *to, const uint32_t *from, int64_t stride, int64_t n)
{
    if (stride == 0)
        for (int64_t i = 0; i < n; i++) to[i] = *from;
    else if (stride == 1)
        memcpy(to, from, (size_t)n * sizeof *to);
    else
        for (int64_t i = 0; i < n; i++) to[i] = from[i * stride];
}

static void load8(uint64_t *to, const uint64_t *from, int64_t stride, int64_t n)
{
    if (stride == 0)
        for (int64_t i = 0; i < n; i++) to[i] = *from;
    else if (stride == 1)
        memcpy(to, from, (size_t)n * sizeof *to);
    else
        for (int64_t i = 0; i < n; i++) to[i] = from[i * stride];
}

static void store4(uint32_t *to, const uint32_t *from, int64_t stride, int64_t n)
{
    for (int64_t i = 0; i < n; i++) to[i * stride] = from[i];
}

static void store8(uint64_t *to, const uint64_t *from, int64_t stride, int64_t n)
{
    for (int64_t i = 0; i < n; i++) to[i * stride] = from[i];
}

static void move_run(size_t size, char *slot, char *memory, int64_t stride, int64_t n, bool store)
{
    if (size == 4 && !store)
        load4((uint32_t *)(void *)slot, (uint32_t *)(void *)memory, stride, n);
    else if (size == 4)
        store4((uint32_t *)(void *)memory, (uint32_t *)(void *)slot, stride, n);
    else if (!store)
        load8((uint64_t *)(void *)slot, (uint64_t *)(void *)memory, stride, n);
    else
        store8((uint64_t *)(void *)memory, (uint64_t *)(void *)slot, stride, n);
}

/* Where a tile starts: coordinates in the iteration space, and how many elements it has. */
typedef struct position {
    int64_t coordinate[HEED_MAX_RANK];
    int64_t row, column, n;
} position;

static int64_t offset_at(const heed_fused *f, const operand *o, const int64_t *coordinate)
{
    int64_t offset = 0;
    for (int d = 0; d < f->rank; d++) offset += coordinate[d] * o->stride[d];
    return offset;
}

/* The tile's elements in row-major order, one run of the innermost axis after the other. */
static void move_tile(const heed_fused *f, const operand *o, const position *at, char *slot,
                      bool store)
{
    int64_t coordinate[HEED_MAX_RANK];
    memcpy(coordinate, at->coordinate, sizeof coordinate);
    int last = f->rank - 1;
    for (int64_t done = 0; done < at->n;) {
        int64_t run = f->dim[last] - coordinate[last];
        if (run > at->n - done) run = at->n - done;
        char *memory = o->base + offset_at(f, o, coordinate) * (int64_t)f->size;
        move_run(f->size, slot + (size_t)done * f->size, memory, o->stride[last], run, store);
        done += run;
        coordinate[last] = 0;
        for (int d = last - 1; d >= 0; d--) {
            if (++coordinate[d] < f->dim[d]) break;
            coordinate[d] = 0;
        }
    }
}

static position position_of(const heed_fused *f, int64_t tile)
{
    position at;
    at.row = tile / f->tiles_per_row;
    at.column = (tile - at.row * f->tiles_per_row) * f->tile;
    at.n = f->row - at.column < f->tile ? f->row - at.column : f->tile;
    int64_t rest = f->linear ? at.column : at.row;
    int last = f->rank - 1;
    if (!f->linear) at.coordinate[last--] = at.column;
    for (int d = last; d >= 0; d--) {
        at.coordinate[d] = rest % f->dim[d];
        rest /= f->dim[d];
    }
    return at;
}

static void run_tile(const heed_fused *f, char *scratch, const position *at, char **pointer)
{
    size_t slot_bytes = (size_t)f->tile * f->size;
    for (int r = 0; r < f->n_loads; r++) {
        const operand *o = &f->registers[r];
        if (o->kind == UNIFORM) continue;
        if (o->kind == DIRECT) {
            pointer[r] = o->base + offset_at(f, o, at->coordinate) * (int64_t)f->size;
        } else {
            pointer[r] = scratch + (size_t)o->slot * slot_bytes;
            move_tile(f, o, at, pointer[r], false);
        }
    }
    for (int s = 0; s < f->n_steps; s++) {
        const tile_step *step = &f->steps[s];
        const operand *o = &f->registers[f->n_loads + s];
        const void *in[HEED_TILE_INPUTS];
        char *out = o->kind == DIRECT ? o->base + offset_at(f, o, at->coordinate) * (int64_t)f->size
                                      : scratch + (size_t)o->slot * slot_bytes;
        for (int i = 0; i < step->n_in; i++) in[i] = pointer[step->in[i]];
        step->fn(at->n, in, out, step->attr);
        pointer[f->n_loads + s] = out;
        if (o->kind == MOVED && o->base) move_tile(f, o, at, out, true);
    }
}

void heed_fused_run(const heed_fused *f, void *scratch, int64_t begin, int64_t end)
{
    if (f->fixed) {
        for (int s = 0; s < f->n_steps; s++)
            f->steps[s].fn(f->tile, f->steps[s].pointers, f->steps[s].result, f->steps[s].attr);
        return;
    }
    char *pointer[MOST_REGISTERS];
    for (int r = 0; r < f->n_loads; r++) {
        const operand *o = &f->registers[r];
        if (o->kind != UNIFORM) continue;
        pointer[r] = (char *)scratch + (size_t)o->slot * (size_t)f->tile * f->size;
        move_run(f->size, pointer[r], o->base, 0, f->tile, false);
    }
    int64_t last = end * f->unit_tiles < f->tiles ? end * f->unit_tiles : f->tiles;
    for (int64_t tile = begin * f->unit_tiles; tile < last; tile++) {
        position at = position_of(f, tile);
        run_tile(f, scratch, &at, pointer);
    }
}

int64_t heed_fused_units(const heed_fused *f)
{
    return (f->tiles + f->unit_tiles - 1) / f->unit_tiles;
}

size_t heed_fused_scratch(const heed_fused *f)
{
    return (size_t)f->n_slots * (size_t)f->tile * f->size;
}

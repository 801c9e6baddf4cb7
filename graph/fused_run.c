/* fused_run.c - running an elementwise instruction, tile by tile. */
#include <string.h>

#include "graph/fused_run.h"

/* ---- moving elements of 4 or 8 bytes between strided memory and a dense slot ---- */

/* n copies of one element, a cache line at a time. */
static void fill_lines(char *to, const char *line, size_t bytes)
{
    size_t done = 0;
    for (; done + HEED_ALIGNMENT <= bytes; done += HEED_ALIGNMENT)
        memcpy(to + done, line, HEED_ALIGNMENT);
    if (done < bytes) memcpy(to + done, line, bytes - done);
}

static void fill(char *to, const char *from, size_t size, int64_t n)
{
    union {
        char bytes[HEED_ALIGNMENT];
        uint32_t four[HEED_ALIGNMENT / 4];
        uint64_t eight[HEED_ALIGNMENT / 8];
    } line;
    if (size == 4) {
        const uint32_t *element = (const uint32_t *)(const void *)from;
        for (int i = 0; i < HEED_ALIGNMENT / 4; i++) line.four[i] = *element;
    } else {
        const uint64_t *element = (const uint64_t *)(const void *)from;
        for (int i = 0; i < HEED_ALIGNMENT / 8; i++) line.eight[i] = *element;
    }
    fill_lines(to, line.bytes, (size_t)n * size);
}

/* Runs of a strided operand are short and many: no call for each. The last chunk overlaps the one
 * before it. */
static inline void copy_bytes(char *to, const char *from, size_t n)
{
    enum { CHUNK = 32, MANY = 512 };
    if (n < CHUNK || n > MANY) {
        memcpy(to, from, n);
        return;
    }
    for (size_t done = 0; done + CHUNK <= n; done += CHUNK) memcpy(to + done, from + done, CHUNK);
    memcpy(to + n - CHUNK, from + n - CHUNK, CHUNK);
}

/* Squares of 4 x 4 elements of 4 bytes: to[i, j] = from[j, i], where rows are `to_row` and
 * `from_row` elements apart. */
enum { SQUARE = 4 };
typedef uint32_t square_row __attribute__((vector_size(SQUARE * sizeof(uint32_t))));

static inline void turn_square(uint32_t *to, int64_t to_row, const uint32_t *from, int64_t from_row)
{
    square_row x[SQUARE];
    for (int i = 0; i < SQUARE; i++) memcpy(&x[i], from + i * from_row, sizeof x[i]);
    const square_row a = __builtin_shufflevector(x[0], x[1], 0, 4, 1, 5);
    const square_row b = __builtin_shufflevector(x[0], x[1], 2, 6, 3, 7);
    const square_row c = __builtin_shufflevector(x[2], x[3], 0, 4, 1, 5);
    const square_row d = __builtin_shufflevector(x[2], x[3], 2, 6, 3, 7);
    x[0] = __builtin_shufflevector(a, c, 0, 1, 4, 5);
    x[1] = __builtin_shufflevector(a, c, 2, 3, 6, 7);
    x[2] = __builtin_shufflevector(b, d, 0, 1, 4, 5);
    x[3] = __builtin_shufflevector(b, d, 2, 3, 6, 7);
    for (int i = 0; i < SQUARE; i++) memcpy(to + i * to_row, &x[i], sizeof x[i]);
}

static void turn(uint32_t *to, int64_t to_row, const uint32_t *from, int64_t from_row, int64_t rows,
                 int64_t columns)
{
    const int64_t whole_rows = rows - rows % SQUARE, whole = columns - columns % SQUARE;
    for (int64_t i = 0; i < whole_rows; i += SQUARE)
        for (int64_t j = 0; j < whole; j += SQUARE)
            turn_square(to + i * to_row + j, to_row, from + j * from_row + i, from_row);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = i < whole_rows ? whole : 0; j < columns; j++)
            to[i * to_row + j] = from[j * from_row + i];
}

/* Rows of equal elements: to[i, j] = from[i]. */
static void spread(uint32_t *to, const uint32_t *from, int64_t rows, int64_t columns)
{
    const int64_t whole = columns - columns % SQUARE;
    for (int64_t i = 0; i < rows; i++, to += columns) {
        const square_row x = from[i] - (square_row){ 0 };
        for (int64_t j = 0; j < whole; j += SQUARE) memcpy(to + j, &x, sizeof x);
        for (int64_t j = whole; j < columns; j++) to[j] = from[i];
    }
}

static void load4(uint32_t *to, const uint32_t *from, int64_t stride, int64_t n)
{
    for (int64_t i = 0; i < n; i++) to[i] = from[i * stride];
}

static void load8(uint64_t *to, const uint64_t *from, int64_t stride, int64_t n)
{
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
    if (stride == 1)
        copy_bytes(store ? memory : slot, store ? slot : memory, (size_t)n * size);
    else if (stride == 0 && !store && n > 1)
        fill(slot, memory, size, n);
    else if (size == 4 && !store)
        load4((uint32_t *)(void *)slot, (uint32_t *)(void *)memory, stride, n);
    else if (size == 4)
        store4((uint32_t *)(void *)memory, (uint32_t *)(void *)slot, stride, n);
    else if (!store)
        load8((uint64_t *)(void *)slot, (uint64_t *)(void *)memory, stride, n);
    else
        store8((uint64_t *)(void *)memory, (uint64_t *)(void *)slot, stride, n);
}

static int64_t offset_at(const heed_fused *f, const operand *o, const int64_t *coordinate)
{
    int64_t offset = 0;
    for (int d = 0; d < f->rank; d++) offset += coordinate[d] * o->stride[d];
    return offset;
}

/* How many whole rows of the space, from here on, lie side by side in memory, so that they can be
 * turned together? Less than a square: 1. */
static int64_t rows_to_turn(const heed_fused *f, const operand *o, const int64_t *coordinate,
                            int64_t left)
{
    const int last = f->rank - 1;
    if (f->size != sizeof(uint32_t) || last < 1 || o->stride[last - 1] != 1 || coordinate[last])
        return 1;
    int64_t rows = f->dim[last - 1] - coordinate[last - 1];
    if (rows > left / f->dim[last]) rows = left / f->dim[last];
    return rows < SQUARE ? 1 : rows;
}

/* The tile's elements in row-major order, one run of the innermost axis after the other. */
static void move_tile(const heed_fused *f, const operand *o, const tile_position *at, char *slot,
                      bool store)
{
    int64_t coordinate[HEED_MAX_RANK];
    memcpy(coordinate, at->coordinate, sizeof coordinate);
    const int last = f->rank - 1;
    const int64_t stride = o->stride[last];
    char *memory = o->base + offset_at(f, o, coordinate) * (int64_t)f->size;
    for (int64_t done = 0; done < at->n;) {
        int64_t run = f->dim[last] - coordinate[last], left = at->n - done;
        if (run > left) run = left;
        const int64_t rows = stride == 1 ? 1 : rows_to_turn(f, o, coordinate, left);
        char *here = slot + (size_t)done * f->size;
        uint32_t *turned = (uint32_t *)(void *)memory, *straight = (uint32_t *)(void *)here;
        if (rows == 1)
            move_run(f->size, here, memory, stride, run, store);
        else if (store)
            turn(turned, stride, straight, run, run, rows);
        else if (stride == 0)
            spread(straight, turned, rows, run);
        else
            turn(straight, run, turned, stride, rows, run);
        done += rows * run;
        if (done == at->n) return;
        int64_t moved = rows * (last ? o->stride[last - 1] : 0) - coordinate[last] * stride;
        coordinate[last] = 0;
        if (last) coordinate[last - 1] += rows;
        for (int d = last - 1; d > 0 && coordinate[d] == f->dim[d]; d--) {
            moved += o->stride[d - 1] - f->dim[d] * o->stride[d];
            coordinate[d] = 0;
            coordinate[d - 1]++;
        }
        memory += moved * (int64_t)f->size;
    }
}

static tile_position position_of(const heed_fused *f, int64_t tile)
{
    tile_position at;
    at.outer = tile / f->step_tiles;
    int64_t in_step = tile - at.outer * f->step_tiles;
    int64_t across = f->chunked ? in_step / f->rows : in_step % f->tiles_per_row;
    at.row = f->chunked ? in_step % f->rows : in_step / f->tiles_per_row;
    at.column = across * f->tile;
    at.flat = (at.outer * f->rows + at.row) * f->row + at.column;
    at.n = f->row - at.column < f->tile ? f->row - at.column : f->tile;
    if (at.n > f->count - at.flat) at.n = f->count - at.flat;
    int64_t rest = at.flat;
    for (int d = f->rank - 1; d > 0; d--) {
        at.coordinate[d] = rest % f->dim[d];
        rest /= f->dim[d];
    }
    at.coordinate[0] = rest;
    return at;
}

/* From one tile to the next one; without divisions where that is one row further. */
static void advance(const heed_fused *f, int64_t tile, tile_position *at)
{
    bool row_ends = f->chunked ? at->row + 1 < f->rows : f->tiles_per_row == 1;
    if (f->linear || !row_ends) {
        *at = position_of(f, tile);
        return;
    }
    at->flat += f->row;
    if (++at->row == f->rows) {
        at->row = 0;
        at->outer++;
    }
    for (int d = f->rank - 2; d >= 0; d--) {
        if (++at->coordinate[d] < f->dim[d]) break;
        at->coordinate[d] = 0;
    }
}

static void run_tile(const heed_fused *f, char *scratch, const tile_position *at, char **pointer)
{
    size_t slot_bytes = (size_t)f->tile * f->size;
    for (int r = 0; r < f->n_loads; r++) {
        const operand *o = &f->registers[r];
        if (o->kind == UNIFORM) continue;
        char *memory = o->base + offset_at(f, o, at->coordinate) * (int64_t)f->size;
        pointer[r] = o->kind == DIRECT ? memory : scratch + (size_t)o->slot * slot_bytes;
        if (o->kind == SPREAD)
            fill(pointer[r], memory, f->size, at->n);
        else if (o->kind == MOVED)
            move_tile(f, o, at, pointer[r], false);
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

static void run_fixed(const heed_fused *f)
{
    for (int s = 0; s < f->n_steps; s++)
        f->steps[s].fn(f->tile, f->steps[s].pointers, f->steps[s].result, f->steps[s].attr);
}

/* Bytes of the slots, which blocks of results follow. */
static size_t slot_bytes(const heed_fused *f)
{
    return heed_aligned((size_t)f->n_slots * (size_t)f->tile * f->size);
}

void heed_fused_run(heed_fused *f, void *scratch, int64_t begin, int64_t end)
{
    if (f->fixed) {
        run_fixed(f);
        return;
    }
    char *pointer[MOST_REGISTERS];
    double *blocks = (double *)(void *)((char *)scratch + slot_bytes(f));
    int64_t left[HEED_MOST_ENDS];
    for (int r = 0; r < f->n_loads; r++) {
        const operand *o = &f->registers[r];
        if (o->kind != UNIFORM) continue;
        tile_position start = { .n = f->tile };
        pointer[r] = (char *)scratch + (size_t)o->slot * (size_t)f->tile * f->size;
        move_tile(f, o, &start, pointer[r], false);
    }
    for (int64_t unit = begin; unit < end; unit++) {
        int64_t first = unit * f->unit_tiles, last = first + f->unit_tiles;
        if (f->n_ends) heed_fused_start_unit(f, blocks, left);
        tile_position at = position_of(f, first);
        if (last > f->tiles) last = f->tiles;
        for (int64_t tile = first; tile < last; tile++) {
            if (tile > first) advance(f, tile, &at);
            run_tile(f, scratch, &at, pointer);
            if (f->n_ends) heed_fused_join_tile(f, blocks, left, &at, pointer);
        }
        if (f->partial) heed_fused_end_unit(f, blocks, unit);
    }
    if (!f->partial || atomic_fetch_sub(&f->units_left, end - begin) != end - begin) return;
    heed_fused_join_units(f);
    atomic_store(&f->units_left, heed_fused_units(f));
}

int64_t heed_fused_units(const heed_fused *f)
{
    return (f->tiles + f->unit_tiles - 1) / f->unit_tiles;
}

size_t heed_fused_scratch(const heed_fused *f)
{
    return slot_bytes(f) + (size_t)f->block_size * sizeof(double);
}

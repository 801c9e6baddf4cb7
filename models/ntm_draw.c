/* ntm_draw.c - where the heads looked: as shades in the terminal, as a picture like the paper's
 * figure 6. */
#include "models/ntm.h"

/* ---- parts of an output [T, B, ..] of the first sequence ---- */

/* [rows, steps] of a dense [T, B, rows] or, of one head, [T, B, heads, rows] */
static heed_view rows_by_steps(const heed_view *x, int64_t head, int64_t steps)
{
    heed_view v = *x;
    const bool heads = v.shape.rank == 4;
    const int64_t rows = v.shape.dim[v.shape.rank - 1];
    v.data =
        (char *)x->data + (heads ? head * x->stride[2] : 0) * (int64_t)heed_dtype_size(v.dtype);
    v.shape = HEED_SHAPE(rows, steps);
    const int64_t along = x->stride[0], down = x->stride[x->shape.rank - 1];
    v.stride[0] = down;
    v.stride[1] = along;
    return v;
}

static int64_t steps_of(heed_program *program)
{
    const heed_view count = heed_program_input(program, ntm_testing[NTM_COUNT]);
    return (int64_t)heed_get(&count, 0);
}

static double most_of(const heed_view *v, int64_t row)
{
    double most = 0;
    for (int64_t t = 0; t < v->shape.dim[1]; t++) {
        const double x = heed_get(v, row * v->shape.dim[1] + t);
        if (x > most) most = x;
    }
    return most;
}

/* ---- the terminal ---- */

enum { COLUMNS = 100 };
#define LOOKED 0.1 /* a share that counts as looking there */

/* A line for each slot that the head ever looked at, a character for each step. */
static void show_head(const char *title, const heed_view *w, FILE *to)
{
    fprintf(to, "%s\n", title);
    for (int64_t n = 0; n < w->shape.dim[0]; n++) {
        if (most_of(w, n) < LOOKED) continue;
        fprintf(to, "%5d |", (int)n);
        for (int64_t t = 0; t < w->shape.dim[1]; t++)
            fputc(heed_shade(heed_get(w, n * w->shape.dim[1] + t)), to);
        fprintf(to, "|\n");
    }
}

void ntm_show(const void *own, heed_program *program, FILE *to)
{
    const ntm *o = own;
    int64_t steps = steps_of(program);
    fprintf(to, "where the heads look: slots that get a tenth or more, by step%s\n",
            steps > COLUMNS ? " (the first ones)" : "");
    if (steps > COLUMNS) steps = COLUMNS;
    for (int64_t i = 0; i < 2 * o->heads; i++) {
        const bool reads = i >= o->heads;
        const heed_view all = heed_program_output(program, reads ? NTM_READING : NTM_WRITING);
        const heed_view w = rows_by_steps(&all, i % o->heads, steps);
        show_head(reads ? "read head" : "write head", &w, to);
    }
}

/* ---- the picture ---- */

enum { GAP = 12, LEAST_CELL = 2, MOST_CELL = 12, WIDE = 640, AROUND = 3 };

/* Which slots any head looked at, and a few around them: first .. stop - 1. */
typedef struct span {
    int64_t first, stop;
} span;

static span slots_used(heed_program *program, int64_t heads, int64_t steps)
{
    const int outputs[] = { NTM_READING, NTM_WRITING };
    span used = { INT64_MAX, 0 };
    int64_t slots = 0;
    for (int64_t i = 0; i < 2 * heads; i++) {
        const heed_view all = heed_program_output(program, outputs[i % 2]);
        const heed_view w = rows_by_steps(&all, i / 2, steps);
        slots = w.shape.dim[0];
        for (int64_t n = 0; n < slots; n++) {
            if (most_of(&w, n) < LOOKED) continue;
            if (n - AROUND < used.first) used.first = n - AROUND;
            if (n + AROUND + 1 > used.stop) used.stop = n + AROUND + 1;
        }
    }
    if (used.first > slots) return (span){ 0, slots };
    if (used.first < 0) used.first = 0;
    if (used.stop > slots) used.stop = slots;
    return used;
}

/* Pixels, and what there is to draw. */
typedef struct column {
    heed_program *program;
    heed_picture *to; /* NULL: only find out how high it becomes */
    int64_t steps, heads;
    span slots;
    int x, y, cell;
} column;

static void draw_map(column *c, const heed_view *v, double low)
{
    if (c->to) heed_picture_map(c->to, c->x, c->y, c->cell, v, low, 1);
    c->y += (int)v->shape.dim[0] * c->cell + GAP;
}

/* Maps under each other: two of vectors, then where each head looked. */
static int draw_column(column c, int bits, int vectors, int weightings)
{
    const heed_view all[] = { heed_program_output(c.program, bits),
                              heed_program_output(c.program, vectors),
                              heed_program_output(c.program, weightings) };
    for (int i = 0; i < 2; i++) {
        const heed_view v = rows_by_steps(&all[i], 0, c.steps);
        draw_map(&c, &v, i == 0 ? 0 : -1);
    }
    for (int64_t head = 0; head < c.heads; head++) {
        heed_view w = rows_by_steps(&all[2], head, c.steps);
        w = heed_view_slice(&w, 0, c.slots.first, 1, c.slots.stop - c.slots.first);
        draw_map(&c, &w, 0);
    }
    return c.y;
}

/* Left: what is given, what is added to memory, where it is written. Right: the answer, what is
 * read, where. Time runs to the right. */
heed_picture *ntm_picture(const void *own, heed_program *program)
{
    const ntm *o = own;
    column c = {
        .program = program, .steps = steps_of(program), .heads = o->heads, .x = GAP, .y = GAP
    };
    c.cell = (int)(WIDE / c.steps);
    if (c.cell > MOST_CELL) c.cell = MOST_CELL;
    if (c.cell < LEAST_CELL) c.cell = LEAST_CELL;
    c.slots = slots_used(program, o->heads, c.steps);
    const int wide = (int)c.steps * c.cell + GAP;
    const int left = draw_column(c, NTM_GIVEN, NTM_ADDED, NTM_WRITING);
    const int right = draw_column(c, NTM_ANSWER, NTM_FOUND, NTM_READING);
    c.to = heed_picture_new(GAP + 2 * wide, left > right ? left : right);
    if (!c.to) return NULL;
    draw_column(c, NTM_GIVEN, NTM_ADDED, NTM_WRITING);
    c.x += wide;
    draw_column(c, NTM_ANSWER, NTM_FOUND, NTM_READING);
    return c.to;
}

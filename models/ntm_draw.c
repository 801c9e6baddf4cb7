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

/* A line for each slot that the head ever looked at, a character for each step. */
static void show_head(const char *title, const heed_view *w, FILE *to)
{
    static const char shades[] = " .:-=+*%@#";
    fprintf(to, "%s\n", title);
    for (int64_t n = 0; n < w->shape.dim[0]; n++) {
        if (most_of(w, n) < 0.1) continue;
        fprintf(to, "%5d |", (int)n);
        for (int64_t t = 0; t < w->shape.dim[1]; t++) {
            const double share = heed_get(w, n * w->shape.dim[1] + t);
            fputc(shades[share >= 1 ? 9 : (int)(share * 10)], to);
        }
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

enum { GAP = 12, LEAST_CELL = 2, MOST_CELL = 12, WIDE = 640 };

/* A column of maps, one under the other: two of vectors, then one for each head. */
static int draw_column(heed_picture *to, int x, int cell, heed_program *program, int64_t steps,
                       const int *vectors, int weightings, int64_t heads)
{
    int y = GAP;
    for (int i = 0; i < 2; i++) {
        const heed_view all = heed_program_output(program, vectors[i]);
        const heed_view v = rows_by_steps(&all, 0, steps);
        const double low = i == 0 ? 0 : -1;
        if (to) heed_picture_map(to, x, y, cell, &v, low, 1);
        y += (int)v.shape.dim[0] * cell + GAP;
    }
    for (int64_t head = 0; head < heads; head++) {
        const heed_view all = heed_program_output(program, weightings);
        const heed_view v = rows_by_steps(&all, head, steps);
        if (to) heed_picture_map(to, x, y, cell, &v, 0, 1);
        y += (int)v.shape.dim[0] * cell + GAP;
    }
    return y;
}

/* Left: what is given, what is added to memory, where it is written. Right: the answer, what is
 * read, where. Time runs to the right. */
heed_picture *ntm_picture(const void *own, heed_program *program)
{
    static const int left[] = { NTM_GIVEN, NTM_ADDED }, right[] = { NTM_ANSWER, NTM_FOUND };
    const ntm *o = own;
    const int64_t steps = steps_of(program);
    int cell = (int)(WIDE / steps);
    if (cell > MOST_CELL) cell = MOST_CELL;
    if (cell < LEAST_CELL) cell = LEAST_CELL;
    const int second = (int)steps * cell + 2 * GAP;
    const int a = draw_column(NULL, 0, cell, program, steps, left, NTM_WRITING, o->heads);
    const int b = draw_column(NULL, 0, cell, program, steps, right, NTM_READING, o->heads);
    heed_picture *picture = heed_picture_new(second + (int)steps * cell + GAP, a > b ? a : b);
    if (!picture) return NULL;
    draw_column(picture, GAP, cell, program, steps, left, NTM_WRITING, o->heads);
    draw_column(picture, second, cell, program, steps, right, NTM_READING, o->heads);
    return picture;
}

/* ptrnet_look.c - where each step points: as shades in the terminal, and as a picture beside the
 * points, the right answer and the network's own. */
#include "models/picture.h"
#include "models/ptrnet.h"

#include <stdlib.h>
#include <string.h>

#include "tensor/memory.h"

/* The first example of an attention graph that has run. */
typedef struct look {
    const ptrnet *o;
    heed_view weights;                  /* [B, T, E] */
    int64_t n, elements, steps;         /* steps: up to the end */
    double x[2 * HEED_POINTS_MOST];     /* points; or n numbers */
    int32_t answer[LONGEST_ANSWER + 1]; /* with the end, if it has one */
    int32_t right[LONGEST_ANSWER + 1];
    int64_t corners, right_corners; /* without the end */
} look;

static void look_at_points(look *k, heed_program *program)
{
    const heed_view points = heed_program_input(program, "points");
    const heed_view lengths = heed_program_input(program, "lengths");
    heed_rng rng = heed_rng_new(0, 0);
    if (lengths.data) k->n = (int64_t)heed_get(&lengths, 0);
    heed_points_column(&points, 0, k->n, k->x);
    k->right_corners = k->o->task->solve(&rng, k->x, k->n, k->right);
}

static void look_at_numbers(look *k, heed_program *program)
{
    const heed_view x = heed_program_input(program, "numbers");
    const int64_t batch = x.shape.dim[1];
    for (int64_t i = 0; i < k->n; i++) k->x[i] = heed_get(&x, i * batch);
}

/* NULL without memory; the caller frees it. */
static look *look_new(const ptrnet *o, heed_program *program)
{
    look *k = heed_alloc(sizeof *k);
    if (!k) return NULL;
    const heed_view picks = heed_program_output(program, 0);
    *k = (look){ .o = o,
                 .n = o->n.high,
                 .elements = ptrnet_elements(o),
                 .weights = heed_program_output(program, 1) };
    k->corners = ptrnet_answer_of(o, &picks, 0, k->answer);
    k->steps = k->corners + (o->task->ends && k->corners < ptrnet_steps(o));
    if (o->task->plane)
        look_at_points(k, program);
    else
        look_at_numbers(k, program);
    return k;
}

static double weight(const look *k, int64_t t, int64_t i)
{
    return heed_get(&k->weights, t * k->elements + i);
}

/* ---- in the terminal ---- */

static void show_answer(const char *title, const int32_t *list, int64_t count, FILE *to)
{
    fprintf(to, "%s", title);
    for (int64_t t = 0; t < count; t++) fprintf(to, " %d", (int)list[t] + 1);
    fputc('\n', to);
}

static void show_choice(const look *k, int64_t t, FILE *to)
{
    const int64_t i = k->answer[t];
    if (i >= k->n)
        fprintf(to, "%4lld  end            ", (long long)t + 1);
    else if (k->o->task->plane)
        fprintf(to, "%4lld  %3lld (%.2f, %.2f)", (long long)t + 1, (long long)i + 1, k->x[2 * i],
                k->x[2 * i + 1]);
    else
        fprintf(to, "%4lld  %3lld %12.4f ", (long long)t + 1, (long long)i + 1, k->x[i]);
}

void ptrnet_show(const void *own, heed_program *program, FILE *to)
{
    look *k = look_new(own, program);
    if (!k) return;
    fprintf(to,
            "step  choice           weights of elements 1 to %lld%s, from ' ' for 0 to '@' for 1\n",
            (long long)k->n, k->o->task->ends ? " and the end" : "");
    for (int64_t t = 0; t < k->steps; t++) {
        show_choice(k, t, to);
        fputs("  |", to);
        for (int64_t i = 0; i < k->elements; i++) {
            if (i >= k->n && i + 1 < k->elements) continue; /* of larger sets */
            fputc(heed_shade(weight(k, t, i)), to);
        }
        fputs("|\n", to);
    }
    show_answer("answer:  ", k->answer, k->corners, to);
    if (k->o->task->plane) show_answer("expected:", k->right, k->right_corners, to);
    heed_free(k);
}

/* ---- a picture ---- */

enum { SIDE = 400, MARGIN = 30, TITLE = 30, CELL = 16, LEAST_CELL = 3 };

static const heed_color black = { 0, 0, 0 }, pale = { 205, 205, 205 }, blue = { 31, 119, 180 };

static double across(const look *k, int64_t i)
{
    return MARGIN + SIDE * k->x[2 * i];
}

static double down(const look *k, int64_t i)
{
    return TITLE + MARGIN + SIDE * (1 - k->x[2 * i + 1]);
}

/* A closed polygon for each `corners` of the list. */
static void draw_polygons(heed_picture *p, const look *k, const int32_t *list, int64_t count,
                          int64_t corners, double width, heed_color color)
{
    for (int64_t t = 0; t < count; t++) {
        const int64_t first = t / corners * corners, next = first + (t - first + 1) % corners;
        if (first + corners > count) break; /* a triangle that is not complete */
        heed_picture_line(p, across(k, list[t]), down(k, list[t]), across(k, list[next]),
                          down(k, list[next]), width, color);
    }
}

static void draw_points(heed_picture *p, const look *k)
{
    const bool triples = k->o->task->triples;
    draw_polygons(p, k, k->right, k->right_corners, triples ? 3 : k->right_corners, 8, pale);
    draw_polygons(p, k, k->answer, k->corners, triples ? 3 : k->corners, 2, blue);
    for (int64_t i = 0; i < k->n; i++) {
        char name[24];
        snprintf(name, sizeof name, "%lld", (long long)i + 1);
        heed_picture_disc(p, across(k, i), down(k, i), 3, black);
        heed_picture_text(p, (int)across(k, i) + 6, (int)down(k, i) - 10, 1, name, black);
    }
}

/* Rows are steps, columns elements; the last one is the end. */
static void draw_weights(heed_picture *p, const look *k, int left, int cell)
{
    const heed_shape shape = HEED_SHAPE(k->steps, k->elements);
    heed_view rows = heed_view_of(k->weights.data, k->weights.dtype, &shape);
    heed_picture_map(p, left, TITLE + MARGIN, cell, &rows, 0, 1);
    for (int64_t i = 0; i < k->elements && cell == CELL; i++) {
        char name[24];
        snprintf(name, sizeof name, "%lld", (long long)(i + 1) % 100);
        const char *shown = i < k->o->n.high ? name : "E";
        heed_picture_text(p, left + (int)i * cell + (cell - heed_picture_text_width(shown, 1)) / 2,
                          TITLE + MARGIN - 10, 1, shown, black);
    }
}

static heed_picture *draw(const look *k)
{
    const int side = k->o->task->plane ? SIDE + 2 * MARGIN : MARGIN;
    const int64_t most = k->elements > k->steps ? k->elements : k->steps;
    const int cell = most * CELL <= SIDE         ? CELL
                     : most * LEAST_CELL >= SIDE ? LEAST_CELL
                                                 : (int)(SIDE / most);
    const int rows = 2 * MARGIN + (int)k->steps * cell, plane = SIDE + 2 * MARGIN;
    heed_picture *p = heed_picture_new(side + (int)k->elements * cell + MARGIN,
                                       TITLE + (k->o->task->plane && plane > rows ? plane : rows));
    if (!p) return NULL;
    if (k->o->task->plane) {
        heed_picture_text(p, MARGIN, 12, 2, "wide: expected, thin: answer", black);
        draw_points(p, k);
    }
    heed_picture_text(p, side, 12, 2, "pointer", black);
    draw_weights(p, k, side, cell);
    return p;
}

heed_picture *ptrnet_picture(const void *own, heed_program *program)
{
    look *k = look_new(own, program);
    heed_picture *p = k ? draw(k) : NULL;
    heed_free(k);
    return p;
}

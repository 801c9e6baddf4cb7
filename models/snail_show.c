/* snail_show.c - what SNAIL looks at: a row of shades for a step, heat maps. */
#include <math.h>

#include "models/picture.h"
#include "models/snail.h"

/* A row of weights over all T, darker for more; the largest is the darkest. */
static void show_row(FILE *to, const heed_view *weights, int64_t row)
{
    const int64_t steps = weights->shape.dim[2];
    double largest = 0;
    for (int64_t t = 0; t < steps; t++) largest = fmax(largest, heed_get(weights, row * steps + t));
    fputc('|', to);
    for (int64_t t = 0; t < steps; t++)
        fputc(heed_shade(heed_get(weights, row * steps + t) / largest), to);
    fprintf(to, "|\n");
}

static char name_of_class(int64_t c)
{
    return (char)(c < 10 ? '0' + c : 'a' + (c - 10) % 26);
}

/* Where row `row` of a one-hot view is 1; its width when nowhere. */
static int64_t hot(const heed_view *view, int64_t row)
{
    const int64_t width = view->shape.dim[2];
    int64_t c = 0;
    while (c < width && heed_get(view, row * width + c) == 0) c++;
    return c;
}

static void show_question(const snail *o, heed_program *program, FILE *to)
{
    const heed_view labels = heed_program_input(program, "labels");
    fprintf(to, "what the question looks at, block by block\n%-10s |", "label");
    for (int64_t t = 0; t + 1 < snail_examples(o); t++) fputc(name_of_class(hot(&labels, t)), to);
    fprintf(to, "?|\n");
    for (int i = 0; i < SNAIL_LOOKS; i++) {
        const heed_view weights = heed_program_output(program, i);
        fprintf(to, "attention%d ", i);
        show_row(to, &weights, snail_examples(o) - 1);
    }
}

static void show_steps(heed_program *program, FILE *to)
{
    const heed_view action = heed_program_output(program, SNAIL_ACTION);
    const heed_view reward = heed_program_output(program, SNAIL_REWARD);
    const heed_view weights = heed_program_output(program, SNAIL_WEIGHTS);
    fprintf(to, "step action reward  what it looks at\n");
    for (int64_t t = 0; t < action.shape.dim[0]; t++) {
        fprintf(to, "%4lld %6c %6.2f  ", (long long)t, name_of_class(hot(&action, t)),
                heed_get(&reward, t));
        show_row(to, &weights, t);
    }
}

void snail_show(const void *own, heed_program *program, FILE *to)
{
    const snail *o = own;
    if (snail_is_acting(o))
        show_steps(program, to);
    else
        show_question(o, program, to);
}

heed_picture *snail_picture(const void *own, heed_program *program)
{
    enum { GAP = 8 };
    const snail *o = own;
    const bool acting = snail_is_acting(o);
    const int first = acting ? SNAIL_WEIGHTS : 0, n = acting ? 1 : SNAIL_LOOKS;
    const int64_t steps = heed_program_output(program, first).shape.dim[2];
    const int cell = steps > 400 ? 1 : (int)(400 / steps), side = (int)steps * cell;
    heed_picture *picture = heed_picture_new(GAP + n * (side + GAP), side + 2 * GAP);
    for (int i = 0; picture && i < n; i++) {
        const heed_view all = heed_program_output(program, first + i);
        const heed_shape square = HEED_SHAPE(steps, steps);
        const heed_view weights = heed_view_of(all.data, all.dtype, &square);
        heed_picture_map(picture, GAP + i * (side + GAP), GAP, cell, &weights, 0, 1);
    }
    return picture;
}

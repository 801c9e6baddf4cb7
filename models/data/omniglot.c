/* omniglot.c - reading the characters, turning them, drawing episodes of them. */
#include "models/data/omniglot.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "models/data/bytes.h"
#include "tensor/memory.h"

enum {
    SIDE = HEED_OMNIGLOT_SIDE,
    PIXELS = SIDE * SIDE,
    BYTES = PIXELS / 8,
    DRAWERS = HEED_OMNIGLOT_DRAWERS,
    TURNS = 4
};

bool heed_omniglot_read(heed_omniglot *set, const char *folder, const char *name, heed_error *error)
{
    char path[4096];
    size_t size;
    *set = (heed_omniglot){ .bits = NULL };
    snprintf(path, sizeof path, "%s/%s", folder, name);
    set->bits = heed_read_file(path, &size, "--data is the folder that has it", error);
    if (!set->bits) return false;
    set->classes = (int64_t)(size / (DRAWERS * BYTES));
    if (size > 0 && size % (DRAWERS * BYTES) == 0) return true;
    return heed_fail(error,
                     "%s has %zu bytes: expected whole classes of %d images of %d bytes; see the "
                     "data set's README for the format",
                     path, size, DRAWERS, BYTES);
}

void heed_omniglot_free(heed_omniglot *set)
{
    heed_free(set->bits);
    *set = (heed_omniglot){ .bits = NULL };
}

/* Where pixel (row, column) of a turned image comes from. */
static int source_of(int row, int column, int turns)
{
    const int last = SIDE - 1;
    const int from[TURNS] = { row * SIDE + column, column * SIDE + last - row,
                              (last - row) * SIDE + last - column, (last - column) * SIDE + row };
    return from[turns];
}

void heed_omniglot_image(const heed_omniglot *set, int64_t image, int turns, double *pixels)
{
    const unsigned char *bits = set->bits + image * BYTES;
    for (int row = 0; row < SIDE; row++)
        for (int column = 0; column < SIDE; column++) {
            const int p = source_of(row, column, turns);
            pixels[row * SIDE + column] = (bits[p >> 3] >> (7 - (p & 7))) & 1;
        }
}

/* Between the four pixels around (x, y); outside the image is ground. */
static double ink_at(const double *pixels, double x, double y)
{
    const double left = floor(x), top = floor(y);
    double ink = 0;
    for (int i = 0; i < 4; i++) {
        const double column = left + i % 2, row = top + i / 2;
        if (column < 0 || row < 0 || column >= SIDE || row >= SIDE) continue;
        const double share = (1 - fabs(x - column)) * (1 - fabs(y - row));
        ink += share * pixels[(int)row * SIDE + (int)column];
    }
    return ink;
}

void heed_omniglot_bend(heed_rng *rng, double bend, double *pixels)
{
    const double middle = (SIDE - 1) / 2.0, move = 12;
    double from[PIXELS], slope[4], moved[2];
    memcpy(from, pixels, sizeof from);
    for (int i = 0; i < 4; i++) slope[i] = (i % 3 == 0) + bend * heed_random_normal(rng);
    for (int i = 0; i < 2; i++) moved[i] = middle + bend * move * heed_random_normal(rng);
    for (int p = 0; p < PIXELS; p++) {
        const double x = p % SIDE - middle, y = p / SIDE - middle; /* columns, rows */
        pixels[p] = ink_at(from, slope[0] * x + slope[1] * y + moved[0],
                           slope[2] * x + slope[3] * y + moved[1]);
    }
}

int64_t heed_omniglot_classes(const heed_omniglot *set, bool turned)
{
    return turned ? set->classes * TURNS : set->classes;
}

/* `ways` different numbers below `classes`. */
static void draw_classes(heed_rng *rng, int64_t classes, int64_t ways, int64_t *drawn)
{
    for (int64_t i = 0; i < ways; i++) {
        bool taken = true;
        while (taken) {
            taken = false;
            drawn[i] = (int64_t)heed_random_below(rng, (uint32_t)classes);
            for (int64_t before = 0; before < i; before++) taken |= drawn[before] == drawn[i];
        }
    }
}

void heed_omniglot_draw(const heed_omniglot *set, heed_rng *rng, const heed_episode *episode,
                        int64_t b, heed_omniglot_variety variety, const heed_view *examples)
{
    const int64_t steps = examples->shape.dim[1];
    int64_t drawn[HEED_EPISODE_MOST];
    double pixels[PIXELS];
    const heed_rng episodes = *rng;
    draw_classes(rng, heed_omniglot_classes(set, variety.turned), episode->ways, drawn);
    for (int64_t t = 0; t < steps; t++) {
        const int32_t label = episode->label[t];
        const int64_t kind = drawn[label] % set->classes;
        int32_t order[DRAWERS];
        heed_rng hands = heed_episode_class(&episodes, label);
        heed_permutation(&hands, order, DRAWERS);
        heed_omniglot_image(set, kind * DRAWERS + order[episode->shot[t]],
                            (int)(drawn[label] / set->classes), pixels);
        if (variety.bend > 0) heed_omniglot_bend(rng, variety.bend, pixels);
        for (int64_t p = 0; p < PIXELS; p++)
            heed_set(examples, (b * steps + t) * PIXELS + p, pixels[p]);
    }
}

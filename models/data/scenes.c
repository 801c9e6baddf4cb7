/* scenes.c - two corners with one symbol, and how they are read. */
#include "models/data/scenes.h"

enum { SIDE = HEED_SCENE_SIDE };

static const char *const symbols[HEED_SCENE_SYMBOLS][SIDE] = {
    { "#...#", ".#.#.", "..#..", ".#.#.", "#...#" },
    { "..#..", "..#..", "#####", "..#..", "..#.." },
    { "##...", "##...", "##...", "#####", "#####" },
    { "#####", "#####", "##...", "##...", "##..." },
    { ".###.", "#...#", "#...#", "#...#", ".###." },
    { "#...#", "#...#", "#####", "#...#", "#...#" },
    { "#####", "..#..", "..#..", "..#..", "#####" },
    { "...##", "...##", "...##", "...##", "...##" },
};

/* White, yellow, magenta, red: all of them hold red, so shapes are told apart by that alone. */
static bool has_channel(int symbol, int64_t channel)
{
    static const bool color[4][3] = {
        { true, true, true }, { true, true, false }, { true, false, true }, { true, false, false }
    };
    return color[symbol % 4][channel];
}

static double ideal(int symbol, int64_t channel, int row, int column)
{
    return symbols[symbol][row][column] == '#' && has_channel(symbol, channel) ? 1 : -1;
}

static int64_t pixel_of(const heed_view *images, int64_t b, int64_t channel, int64_t row,
                        int64_t column)
{
    const int64_t *dim = images->shape.dim;
    return ((b * dim[1] + channel) * dim[2] + row) * dim[3] + column;
}

/* Where a corner begins. */
static int64_t begin_of(const heed_view *images, bool second, int axis)
{
    return second ? images->shape.dim[axis] - SIDE : 0;
}

static void put(const heed_view *images, int64_t b, bool second, int symbol)
{
    const int64_t top = begin_of(images, second, 2), left = begin_of(images, second, 3);
    for (int64_t c = 0; c < images->shape.dim[1]; c++)
        for (int row = 0; row < SIDE; row++)
            for (int column = 0; column < SIDE; column++)
                heed_set(images, pixel_of(images, b, c, top + row, left + column),
                         ideal(symbol, c, row, column));
}

void heed_scene_draw(heed_rng *rng, const heed_view *images, bool independent)
{
    heed_view_fill(images, -1);
    for (int64_t b = 0; b < images->shape.dim[0]; b++) {
        const int first = (int)heed_random_below(rng, HEED_SCENE_SYMBOLS);
        const int other = (int)heed_random_below(rng, HEED_SCENE_SYMBOLS);
        put(images, b, false, first);
        put(images, b, true, independent ? other : first);
    }
}

double heed_scene_distance(const heed_view *images, int64_t b, bool second, int symbol)
{
    const int64_t top = begin_of(images, second, 2), left = begin_of(images, second, 3);
    double sum = 0;
    for (int64_t c = 0; c < images->shape.dim[1]; c++)
        for (int row = 0; row < SIDE; row++)
            for (int column = 0; column < SIDE; column++) {
                const int64_t at = pixel_of(images, b, c, top + row, left + column);
                const double off = heed_get(images, at) - ideal(symbol, c, row, column);
                sum += off * off;
            }
    return sum;
}

static int read_corner(const heed_view *images, int64_t b, bool second)
{
    for (int symbol = 0; symbol < HEED_SCENE_SYMBOLS; symbol++)
        if (heed_scene_distance(images, b, second, symbol) < 8) return symbol;
    return -1;
}

static bool in_corner(const heed_view *images, int64_t row, int64_t column)
{
    const int64_t top = begin_of(images, true, 2), left = begin_of(images, true, 3);
    return (row < SIDE && column < SIDE) || (row >= top && column >= left);
}

heed_scene_reading heed_scene_read(const heed_view *images, int64_t b)
{
    heed_scene_reading reading = { .first = read_corner(images, b, false),
                                   .second = read_corner(images, b, true),
                                   .clean = true };
    for (int64_t c = 0; c < images->shape.dim[1]; c++)
        for (int64_t row = 0; row < images->shape.dim[2]; row++)
            for (int64_t column = 0; column < images->shape.dim[3]; column++)
                if (!in_corner(images, row, column) &&
                    !(heed_get(images, pixel_of(images, b, c, row, column)) < 0))
                    reading.clean = false;
    return reading;
}

/* scenes.c - two corners with one symbol, and how they are read. */
#include "models/data/scenes.h"

enum { CORNER = HEED_SCENE_CORNER, SIDE = HEED_SCENE_SIDE, PLACES = 4 };

/* Found by search: any two differ in 8 pixels or more of the corner, at any two of their places. */
static const char *const symbols[HEED_SCENE_SYMBOLS][SIDE] = {
    { "##.#", ".#.#", ".##.", "#..." }, { "#.##", "#...", "#.##", ".#.." },
    { ".##.", ".##.", "##..", "..##" }, { ".#.#", "#.#.", "..##", "#..#" },
    { "#..#", ".##.", "....", "####" }, { "###.", "#..#", ".#..", ".#.#" },
    { "#...", "....", "####", "#.##" }, { "..##", ".#.#", "#..#", "#.#." },
};

/* White, yellow, magenta, red: all of them hold red, so shapes are told apart by that alone. */
static bool has_channel(int symbol, int64_t channel)
{
    static const bool color[4][3] = {
        { true, true, true }, { true, true, false }, { true, false, true }, { true, false, false }
    };
    return color[symbol % 4][channel];
}

/* The value of a corner's pixel when a symbol stands at one of its places. */
static double ideal(int symbol, int place, int64_t channel, int row, int column)
{
    row -= place / 2;
    column -= place % 2;
    if (row < 0 || row >= SIDE || column < 0 || column >= SIDE) return -1;
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
    return second ? images->shape.dim[axis] - CORNER : 0;
}

static void put(const heed_view *images, int64_t b, bool second, int symbol, int place)
{
    const int64_t top = begin_of(images, second, 2), left = begin_of(images, second, 3);
    for (int64_t c = 0; c < images->shape.dim[1]; c++)
        for (int row = 0; row < CORNER; row++)
            for (int column = 0; column < CORNER; column++)
                heed_set(images, pixel_of(images, b, c, top + row, left + column),
                         ideal(symbol, place, c, row, column));
}

void heed_scene_draw(heed_rng *rng, const heed_view *images, bool independent)
{
    heed_view_fill(images, -1);
    for (int64_t b = 0; b < images->shape.dim[0]; b++) {
        const int first = (int)heed_random_below(rng, HEED_SCENE_SYMBOLS);
        const int other = (int)heed_random_below(rng, HEED_SCENE_SYMBOLS);
        put(images, b, false, first, (int)heed_random_below(rng, PLACES));
        put(images, b, true, independent ? other : first, (int)heed_random_below(rng, PLACES));
    }
}

double heed_scene_distance(const heed_view *images, int64_t b, bool second, int symbol, int place)
{
    const int64_t top = begin_of(images, second, 2), left = begin_of(images, second, 3);
    double sum = 0;
    for (int64_t c = 0; c < images->shape.dim[1]; c++)
        for (int row = 0; row < CORNER; row++)
            for (int column = 0; column < CORNER; column++) {
                const int64_t at = pixel_of(images, b, c, top + row, left + column);
                const double off = heed_get(images, at) - ideal(symbol, place, c, row, column);
                sum += off * off;
            }
    return sum;
}

static int read_corner(const heed_view *images, int64_t b, bool second)
{
    const double half_way = 8; /* 8 pixels are 32 apart; half of the distance is a quarter of it */
    for (int symbol = 0; symbol < HEED_SCENE_SYMBOLS; symbol++)
        for (int place = 0; place < PLACES; place++)
            if (heed_scene_distance(images, b, second, symbol, place) < half_way) return symbol;
    return -1;
}

static bool in_corner(const heed_view *images, int64_t row, int64_t column)
{
    const int64_t top = begin_of(images, true, 2), left = begin_of(images, true, 3);
    return (row < CORNER && column < CORNER) || (row >= top && column >= left);
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

/* sagan_draw.c - generated images, and where their positions look. */
#include "heed.h"
#include "models/picture.h"
#include "models/sagan.h"

enum { QUERIES = 5, DETAILED = 6 }; /* positions that are followed; images of which they are */

/* Four corners and the middle, a sixth of the map from its edges. */
static int64_t query_of(int64_t side, int k)
{
    const int64_t near = side / 6, far = side - 1 - side / 6;
    const int64_t row = k == 4 ? side / 2 : k / 2 ? far : near;
    const int64_t column = k == 4 ? side / 2 : k % 2 ? far : near;
    return row * side + column;
}

/* Image b as [channels, S, S]. */
static heed_view image_of(heed_program *program, int64_t b)
{
    const heed_view all = heed_program_output(program, 0);
    heed_view image = heed_view_slice(&all, 0, b, 1, 1);
    const heed_shape shape = HEED_SHAPE(all.shape.dim[1], all.shape.dim[2], all.shape.dim[3]);
    return heed_view_of(image.data, image.dtype, &shape);
}

/* Where the query of example b looks, in output `which`: [side, side]. */
static heed_view map_of(heed_program *program, int which, int64_t side, int64_t b, int64_t query)
{
    const heed_view all = heed_program_output(program, which);
    const heed_view example = heed_view_slice(&all, 0, b, 1, 1);
    const heed_view row = heed_view_slice(&example, 1, query, 1, 1);
    const heed_shape shape = HEED_SHAPE(side, side);
    return heed_view_of(row.data, row.dtype, &shape);
}

static double largest(const heed_view *view)
{
    double most = 0;
    for (int64_t i = 0; i < heed_count(&view->shape); i++)
        if (heed_get(view, i) > most) most = heed_get(view, i);
    return most;
}

/* ---- the terminal ---- */

static void print_row(const heed_view *view, int64_t row, double low, double high, int64_t marked,
                      FILE *to)
{
    const int64_t columns = view->shape.dim[view->shape.rank - 1];
    for (int64_t c = 0; c < columns; c++) {
        const double share = (heed_get(view, row * columns + c) - low) / (high - low);
        const char mark = row * columns + c == marked ? '[' : ' ';
        fprintf(to, "%c%c", mark, heed_shade(share));
    }
}

void sagan_show(const void *own, heed_program *program, FILE *to)
{
    const sagan *o = own;
    const heed_view image = image_of(program, 0);
    fprintf(to, "a generated image, its first channel\n");
    for (int64_t row = 0; row < o->size; row++) {
        print_row(&image, row, -1, 1, -1, to);
        fputc('\n', to);
    }
    if (o->twin != SAGAN_ATTENTION) return;
    for (int which = 1; which <= 2; which++) {
        fprintf(to, "where positions [ of the %s look, each map by its largest weight\n",
                which == 1 ? "generator" : "discriminator");
        for (int64_t row = 0; row < o->attend; row++) {
            for (int k = 0; k < 4; k++) {
                const int64_t query = query_of(o->attend, k);
                const heed_view map = map_of(program, which, o->attend, 0, query);
                print_row(&map, row, 0, largest(&map), query, to);
                fputs(k < 3 ? "  |" : "\n", to);
            }
        }
    }
}

/* ---- a picture ---- */

enum { GAP = 8, CELL = 4 };

/* A frame around one cell of a map, from the outside in. */
static void frame(heed_picture *picture, int x, int y, int size)
{
    const heed_color red = { 230, 30, 30 };
    heed_picture_box(picture, x, y, size, 1, red);
    heed_picture_box(picture, x, y + size - 1, size, 1, red);
    heed_picture_box(picture, x, y, 1, size, red);
    heed_picture_box(picture, x + size - 1, y, 1, size, red);
}

/* An image, and the maps of its queries, from the generator and, below, the discriminator. */
static void draw_maps(const sagan *o, heed_program *program, heed_picture *picture, int64_t b,
                      int x, int y, int side)
{
    const int cell = side / (int)o->attend;
    for (int which = 1; which <= 2; which++)
        for (int k = 0; k < QUERIES; k++) {
            const int64_t query = query_of(o->attend, k);
            const heed_view map = map_of(program, which, o->attend, b, query);
            const int left = x + k * (side + GAP / 2);
            const int top = y + (which - 1) * (side + GAP / 2);
            heed_picture_map(picture, left, top, cell, &map, 0, largest(&map));
            frame(picture, left + cell * (int)(query % o->attend),
                  top + cell * (int)(query / o->attend), cell);
        }
}

/* Above all images; below, for the first of them, where five positions look. */
heed_picture *sagan_picture(const void *own, heed_program *program)
{
    const sagan *o = own;
    const int side = CELL * (int)o->size, half = SAGAN_SHOWN / 2;
    const bool maps = o->twin == SAGAN_ATTENTION;
    const int sheet = GAP + 2 * (side + GAP), block = 2 * side + GAP / 2 + GAP;
    heed_picture *picture =
        heed_picture_new(GAP + half * (side + GAP), sheet + (maps ? DETAILED * block : 0));
    if (!picture) return NULL;
    for (int b = 0; b < SAGAN_SHOWN; b++) {
        const heed_view image = image_of(program, b);
        heed_picture_image(picture, GAP + b % half * (side + GAP), GAP + b / half * (side + GAP),
                           CELL, &image, -1, 1);
    }
    for (int b = 0; maps && b < DETAILED; b++) {
        const heed_view image = image_of(program, b);
        const int y = sheet + b * block;
        heed_picture_image(picture, GAP, y, CELL, &image, -1, 1);
        draw_maps(o, program, picture, b, GAP + side + GAP, y, side);
    }
    return picture;
}

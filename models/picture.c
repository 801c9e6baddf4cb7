/* picture.c - drawing. The file format is picture_png.c's. */
#include "models/picture_png.h"

#include <math.h>
#include <string.h>

#include "tensor/memory.h"

enum { MOST = 16384 };

heed_picture *heed_picture_new(int width, int height)
{
    if (width < 1 || height < 1 || width > MOST || height > MOST) return NULL;
    heed_picture *p = heed_alloc(sizeof *p);
    const size_t bytes = (size_t)width * (size_t)height * 3;
    uint8_t *pixels = heed_alloc(bytes);
    if (!p || !pixels) {
        heed_free(p);
        heed_free(pixels);
        return NULL;
    }
    memset(pixels, 255, bytes);
    *p = (heed_picture){ .width = width, .height = height, .pixels = pixels };
    return p;
}

void heed_picture_free(heed_picture *p)
{
    if (!p) return;
    heed_free(p->pixels);
    heed_free(p);
}

int heed_picture_width(const heed_picture *p)
{
    return p->width;
}

int heed_picture_height(const heed_picture *p)
{
    return p->height;
}

/* ---- colors ---- */

heed_color heed_color_of_class(int index)
{
    static const heed_color classes[] = {
        { 31, 119, 180 }, { 255, 127, 14 },  { 44, 160, 44 },   { 214, 39, 40 },  { 148, 103, 189 },
        { 140, 86, 75 },  { 227, 119, 194 }, { 127, 127, 127 }, { 188, 189, 34 }, { 23, 190, 207 },
    };
    enum { N = sizeof classes / sizeof classes[0] };
    return classes[(index % N + N) % N];
}

static uint8_t byte_of(double share)
{
    return (uint8_t)lround(255 * fmin(fmax(share, 0), 1));
}

/* Straight lines between five colors whose lightness rises evenly, from blue-black over violet and
 * red to yellow-white. NaN is gray. */
heed_color heed_color_of_heat(double share)
{
    static const double at[5][3] = {
        { .02, .02, .10 }, { .36, .09, .48 }, { .78, .24, .37 }, { .99, .60, .30 }, { 1, 1, .85 },
    };
    if (isnan(share)) return (heed_color){ 160, 160, 160 };
    const double place = 4 * fmin(fmax(share, 0), 1);
    const int i = place < 3 ? (int)place : 3;
    const double t = place - i;
    double c[3];
    for (int k = 0; k < 3; k++) c[k] = (1 - t) * at[i][k] + t * at[i + 1][k];
    return (heed_color){ byte_of(c[0]), byte_of(c[1]), byte_of(c[2]) };
}

char heed_shade(double share)
{
    static const char levels[] = " .:-=+*#%@";
    const double last = sizeof levels - 2;
    return levels[lround(last * fmin(fmax(share, 0), 1))]; /* fmax(NaN, 0) is 0 */
}

/* ---- pixels ---- */

static uint8_t *pixel(const heed_picture *p, int x, int y)
{
    if (x < 0 || y < 0 || x >= p->width || y >= p->height) return NULL;
    return p->pixels + 3 * ((size_t)y * (size_t)p->width + (size_t)x);
}

heed_color heed_picture_at(const heed_picture *p, int x, int y)
{
    const uint8_t *at = pixel(p, x, y);
    return at ? (heed_color){ at[0], at[1], at[2] } : (heed_color){ 255, 255, 255 };
}

/* Lay `share` of the color over the pixel. */
static void blend(heed_picture *p, int x, int y, double share, heed_color color)
{
    uint8_t *at = pixel(p, x, y);
    if (!at || !(share > 0)) return;
    const double s = fmin(share, 1);
    at[0] = (uint8_t)lround((1 - s) * at[0] + s * color.red);
    at[1] = (uint8_t)lround((1 - s) * at[1] + s * color.green);
    at[2] = (uint8_t)lround((1 - s) * at[2] + s * color.blue);
}

/* ---- shapes ---- */

static int within(double value, int most)
{
    return (int)fmin(fmax(value, 0), most);
}

void heed_picture_box(heed_picture *p, int x, int y, int width, int height, heed_color color)
{
    const int right = within((double)x + width, p->width);
    const int bottom = within((double)y + height, p->height);
    for (int j = y < 0 ? 0 : y; j < bottom; j++)
        for (int i = x < 0 ? 0 : x; i < right; i++) blend(p, i, j, 1, color);
}

/* A line of some width with round ends; a disc is one of no length. Each pixel is covered as far as
 * its middle lies inside the edge. */
void heed_picture_line(heed_picture *p, double x0, double y0, double x1, double y1, double width,
                       heed_color color)
{
    const double r = width / 2, dx = x1 - x0, dy = y1 - y0, square = dx * dx + dy * dy;
    const int left = within(floor(fmin(x0, x1) - r - 1), p->width);
    const int right = within(ceil(fmax(x0, x1) + r + 1), p->width);
    const int top = within(floor(fmin(y0, y1) - r - 1), p->height);
    const int bottom = within(ceil(fmax(y0, y1) + r + 1), p->height);
    for (int j = top; j < bottom; j++)
        for (int i = left; i < right; i++) {
            const double px = i + .5 - x0, py = j + .5 - y0;
            const double t = square > 0 ? fmin(fmax((px * dx + py * dy) / square, 0), 1) : 0;
            blend(p, i, j, r + .5 - hypot(px - t * dx, py - t * dy), color);
        }
}

void heed_picture_disc(heed_picture *p, double x, double y, double radius, heed_color color)
{
    heed_picture_line(p, x, y, x, y, 2 * radius, color);
}

/* ---- values ---- */

static double share_of(double value, double low, double high)
{
    return high > low ? (value - low) / (high - low) : 0;
}

void heed_picture_map(heed_picture *p, int x, int y, int cell, const heed_view *values, double low,
                      double high)
{
    const int64_t columns = values->shape.dim[1], n = heed_count(&values->shape);
    for (int64_t k = 0; k < n; k++)
        heed_picture_box(p, x + (int)(k % columns) * cell, y + (int)(k / columns) * cell, cell,
                         cell, heed_color_of_heat(share_of(heed_get(values, k), low, high)));
}

void heed_picture_image(heed_picture *p, int x, int y, int cell, const heed_view *values,
                        double low, double high)
{
    const int64_t channels = values->shape.dim[0], columns = values->shape.dim[2];
    const int64_t plane = values->shape.dim[1] * columns;
    for (int64_t k = 0; k < plane; k++) {
        uint8_t c[3];
        for (int64_t i = 0; i < 3; i++)
            c[i] =
                byte_of(share_of(heed_get(values, (i < channels ? i : 0) * plane + k), low, high));
        heed_picture_box(p, x + (int)(k % columns) * cell, y + (int)(k / columns) * cell, cell,
                         cell, (heed_color){ c[0], c[1], c[2] });
    }
}

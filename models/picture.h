/* picture.h - small RGB pictures: shapes, heat maps, images, a little text; written as PNG. And
 * shades for a terminal.
 *
 * Points are in pixels from the upper left corner; (0.5, 0.5) is the middle of the first pixel.
 * What lies outside is cut off. Edges of lines and discs are smoothed. */
#ifndef HEED_MODELS_PICTURE_H
#define HEED_MODELS_PICTURE_H

#include "tensor/tensor.h"

typedef struct heed_color {
    uint8_t red, green, blue;
} heed_color;
heed_color heed_color_of_class(int index);   /* ten that are told apart easily, then again */
heed_color heed_color_of_heat(double share); /* 0 dark .. 1 bright, evenly to the eye */
/* The same in a terminal: ' ' for 0 .. '@' for 1, ten levels, the nearest. NaN is ' '. */
char heed_shade(double share);

typedef struct heed_picture heed_picture;

/* White. NULL: no memory, or a side that is not in 1 to 16384. The caller frees it. */
heed_picture *heed_picture_new(int width, int height);
void heed_picture_free(heed_picture *picture);
int heed_picture_width(const heed_picture *picture);
int heed_picture_height(const heed_picture *picture);
heed_color heed_picture_at(const heed_picture *picture, int x, int y);

void heed_picture_box(heed_picture *picture, int x, int y, int width, int height, heed_color color);
void heed_picture_disc(heed_picture *picture, double x, double y, double radius, heed_color color);
void heed_picture_line(heed_picture *picture, double x0, double y0, double x1, double y1,
                       double width, heed_color color);
/* values [rows, columns]: squares of `cell` pixels, colored by where they lie in low .. high. */
void heed_picture_map(heed_picture *picture, int x, int y, int cell, const heed_view *values,
                      double low, double high);
/* values [channels, rows, columns], 1 or 3 channels: gray or color; low is black, high is white. */
void heed_picture_image(heed_picture *picture, int x, int y, int cell, const heed_view *values,
                        double low, double high);

/* Letters of 5 by 7 squares of `scale` pixels, from their upper left corner on, 6 squares apart. */
void heed_picture_text(heed_picture *picture, int x, int y, int scale, const char *text,
                       heed_color color);
int heed_picture_text_width(const char *text, int scale);

/* Written beside and renamed. */
bool heed_picture_save(const heed_picture *picture, const char *path, heed_error *error);

#endif

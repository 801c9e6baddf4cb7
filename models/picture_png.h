/* picture_png.h - a picture's inside, for picture.c and picture_png.c. */
#ifndef HEED_MODELS_PICTURE_PNG_H
#define HEED_MODELS_PICTURE_PNG_H

#include "models/picture.h"

struct heed_picture {
    int width, height;
    uint8_t *pixels; /* rows of red, green, blue */
};

#endif

/* digits.h - MNIST, handwritten digits of 28 x 28 pixels, from a folder with train_images.rle,
 * train_labels.bin, test_images.rle and test_labels.bin. Labels are a byte each. Images are packed,
 * one after the other: until 784 pixels are out, a byte z, a byte n, z zeros, then n pixels. */
#ifndef HEED_MODELS_DATA_DIGITS_H
#define HEED_MODELS_DATA_DIGITS_H

#include "tensor/rng.h"
#include "tensor/tensor.h"

enum { HEED_DIGIT_SIDE = 28, HEED_DIGIT_PIXELS = 28 * 28, HEED_DIGIT_CLASSES = 10 };

typedef struct heed_digits {
    int64_t count;
    uint8_t *pixels; /* [count, 784], 0 is background */
    uint8_t *labels; /* [count] */
} heed_digits;

/* The images of FOLDER/NAME_images.rle with FOLDER/NAME_labels.bin; name: "train" or "test". Free
 * them in either case. */
bool heed_digits_read(heed_digits *digits, const char *folder, const char *name, heed_error *error);
void heed_digits_free(heed_digits *digits);

/* Image `index` as image b of images [B, 1, 28, 28]: -1 background .. 1 ink. */
void heed_digits_put(const heed_digits *digits, int64_t index, const heed_view *images, int64_t b);

/* A batch drawn evenly, with replacement; labels i32 [B], or data NULL. */
void heed_digits_draw(const heed_digits *digits, heed_rng *rng, const heed_view *images,
                      const heed_view *labels);

#endif

/* omniglot.h - handwritten characters, 20 drawings of each (Lake et al. 2015), 28 x 28 bits. */
#ifndef HEED_MODELS_DATA_OMNIGLOT_H
#define HEED_MODELS_DATA_OMNIGLOT_H

#include "models/data/episodes.h"
#include "tensor/error.h"

enum { HEED_OMNIGLOT_SIDE = 28, HEED_OMNIGLOT_DRAWERS = 20 };

typedef struct heed_omniglot {
    unsigned char *bits; /* 98 bytes an image, most significant bit first, 1 = ink */
    int64_t classes;     /* 20 images of each, one after the other */
} heed_omniglot;

/* "folder/name": nothing but images. false with `error` set: no such file, or not of whole classes.
 * Free it in either case. */
bool heed_omniglot_read(heed_omniglot *set, const char *folder, const char *name,
                        heed_error *error);
void heed_omniglot_free(heed_omniglot *set);

/* Image `image` turned by `turns` times 90 degrees, into 784 numbers: 1 is ink, 0 ground. */
void heed_omniglot_image(const heed_omniglot *set, int64_t image, int turns, double *pixels);

/* As another hand might have drawn it: pixel (x, y), from the middle, is what was at
 * (x, y) + N(0, bend) for each of the four slopes, moved by N(0, 12 bend) pixels either way;
 * between pixels in proportion. */
void heed_omniglot_bend(heed_rng *rng, double bend, double *pixels);

/* examples [B, T, 784]: row b is of random classes, each example by another hand. For training the
 * four ways of turning a class are four classes, and images are bent (0: not).
 * episode->ways <= heed_omniglot_classes(), episode->shots < 20. */
typedef struct heed_omniglot_variety {
    bool turned;
    double bend;
} heed_omniglot_variety;
void heed_omniglot_draw(const heed_omniglot *set, heed_rng *rng, const heed_episode *episode,
                        int64_t b, heed_omniglot_variety variety, const heed_view *examples);
int64_t heed_omniglot_classes(const heed_omniglot *set, bool turned);

#endif

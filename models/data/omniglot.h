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

/* examples [B, T, 784]: row b is of random classes, each example by another hand; with `turned`,
 * the four ways of turning a class are four classes. episode->ways <= heed_omniglot_classes(),
 * episode->shots < 20. */
void heed_omniglot_draw(const heed_omniglot *set, heed_rng *rng, const heed_episode *episode,
                        int64_t b, bool turned, const heed_view *examples);
int64_t heed_omniglot_classes(const heed_omniglot *set, bool turned);

#endif

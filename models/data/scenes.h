/* scenes.h - images with a long-range rule: the symbol in the upper left corner stands again in the
 * lower right one. Near any place, nothing tells whether the rule is kept.
 *
 * Background -1, ink 1. Each symbol is one of 8, of 5 x 5 pixels. In color, symbol k has color
 * k mod 4: white, yellow, magenta, red. Two different symbols differ in at least 11 pixels. */
#ifndef HEED_MODELS_DATA_SCENES_H
#define HEED_MODELS_DATA_SCENES_H

#include "tensor/rng.h"
#include "tensor/tensor.h"

enum { HEED_SCENE_SYMBOLS = 8, HEED_SCENE_SIDE = 5 };

/* Fill images [B, 1 or 3, S, S], S >= 10. independent: the second symbol is drawn by itself,
 * so that the rule is kept by chance only. */
void heed_scene_draw(heed_rng *rng, const heed_view *images, bool independent);

/* What stands in the corners of image b: a symbol, or -1 where the squared distance to every symbol
 * is 8 or more, which is less than two wrong pixels. Half way between two symbols is 11 or more. */
typedef struct heed_scene_reading {
    int first, second;
    bool clean; /* nowhere else is ink: every value is below 0 */
} heed_scene_reading;
heed_scene_reading heed_scene_read(const heed_view *images, int64_t b);

/* The squared distance of image b's corner to a symbol, summed over pixels and channels. */
double heed_scene_distance(const heed_view *images, int64_t b, bool second, int symbol);

#endif

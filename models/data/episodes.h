/* episodes.h - few-shot episodes: N ways, K shots, then one example that is to be named.
 *
 * An episode has T = N K + 1 examples [F] of N classes that were never seen together: K labelled
 * ones of each class in random order, and one more of a random class, the question. */
#ifndef HEED_MODELS_DATA_EPISODES_H
#define HEED_MODELS_DATA_EPISODES_H

#include "tensor/rng.h"
#include "tensor/tensor.h"

enum { HEED_EPISODE_MOST = 1024 }; /* examples in an episode */

/* label[t], t = 0 .. T - 1; shot[t]: how many of that class came before. */
typedef struct heed_episode {
    int64_t ways, shots;
    int32_t label[HEED_EPISODE_MOST], shot[HEED_EPISODE_MOST];
} heed_episode;

/* ways * shots < HEED_EPISODE_MOST */
void heed_episode_draw(heed_rng *rng, int64_t ways, int64_t shots, heed_episode *episode);
/* All that questions about the same classes may show: shots + 1 examples of each, by class. */
void heed_episode_all(int64_t ways, int64_t shots, heed_episode *episode);
/* Where the examples of `episode` lie in such a list: place [T]. Which of a class is left for the
 * question, or out, is drawn anew. */
void heed_episode_places(heed_rng *rng, const heed_episode *episode, int32_t *place);
/* A generator for what the examples of one class share, told from the episode's, `rng`. */
heed_rng heed_episode_class(const heed_rng *rng, int64_t label);
/* labels [B, T, N], f32 or f64: row b gets the episode's, one-hot, zeros for the question;
 * target i32 [B]: its answer. A view without data is left alone. */
void heed_episode_write(const heed_episode *episode, int64_t b, const heed_view *labels,
                        const heed_view *target);

/* Row b of examples [B, T, F] with labels [B, T, N]: the class whose examples' mean, times
 * `shrink`, lies nearest to the question. */
int64_t heed_episode_nearest(const heed_view *examples, const heed_view *labels, int64_t b,
                             double shrink);

/* ---- blobs: classes are normal distributions in F dimensions ----
 *
 * Centres have deviation `spread` in each dimension, examples deviation 1 around them. The best
 * guess is the class whose centre, as far as it is known, is nearest: that of the mean of its K
 * examples times K spread^2 / (K spread^2 + 1). */

/* examples [B, T, F]: row b. */
void heed_blobs_draw(heed_rng *rng, const heed_episode *episode, int64_t b, double spread,
                     const heed_view *examples);
double heed_blobs_shrink(int64_t shots, double spread);

/* ---- glyphs: generated characters ----
 *
 * A class is a few strokes between random points; each example draws them with the points moved a
 * little, on paper of some shade. */

enum { HEED_GLYPH_STROKES = 3 };
/* examples [B, T, side * side]: row b; ink is 1, paper 0 to 0.2. */
void heed_glyphs_draw(heed_rng *rng, const heed_episode *episode, int64_t b, int64_t side,
                      const heed_view *examples);

#endif

/* episodes.c - few-shot episodes of blobs and of generated characters. */
#include "models/data/episodes.h"

#include <math.h>

/* ---- order, labels ---- */

void heed_episode_draw(heed_rng *rng, int64_t ways, int64_t shots, heed_episode *episode)
{
    const int64_t labelled = ways * shots;
    int32_t seen[HEED_EPISODE_MOST] = { 0 };
    episode->ways = ways;
    episode->shots = shots;
    heed_permutation(rng, episode->label, (int32_t)labelled);
    for (int64_t t = 0; t < labelled; t++) episode->label[t] %= (int32_t)ways;
    episode->label[labelled] = (int32_t)heed_random_below(rng, (uint32_t)ways);
    for (int64_t t = 0; t <= labelled; t++) episode->shot[t] = seen[episode->label[t]]++;
}

void heed_episode_all(int64_t ways, int64_t shots, heed_episode *episode)
{
    episode->ways = ways;
    episode->shots = shots;
    for (int64_t i = 0; i < ways * (shots + 1); i++) {
        episode->label[i] = (int32_t)(i / (shots + 1));
        episode->shot[i] = (int32_t)(i % (shots + 1));
    }
}

void heed_episode_places(heed_rng *rng, const heed_episode *episode, int32_t *place)
{
    const int32_t each = (int32_t)episode->shots + 1;
    int32_t first[HEED_EPISODE_MOST];
    for (int64_t c = 0; c < episode->ways; c++)
        first[c] = (int32_t)heed_random_below(rng, (uint32_t)each);
    for (int64_t t = 0; t <= episode->ways * episode->shots; t++) {
        const int32_t label = episode->label[t];
        place[t] = label * each + (first[label] + episode->shot[t]) % each;
    }
}

void heed_episode_write(const heed_episode *episode, int64_t b, const heed_view *labels,
                        const heed_view *target)
{
    const int64_t n = episode->ways, asked = n * episode->shots;
    for (int64_t t = 0; labels->data && t <= asked; t++)
        for (int64_t c = 0; c < n; c++)
            heed_set(labels, (b * (asked + 1) + t) * n + c, t < asked && episode->label[t] == c);
    if (target->data) heed_set(target, b, episode->label[asked]);
}

int64_t heed_episode_nearest(const heed_view *examples, const heed_view *labels, int64_t b,
                             double shrink)
{
    const int64_t steps = examples->shape.dim[1], width = examples->shape.dim[2];
    const int64_t ways = labels->shape.dim[2], asked = (b + 1) * steps - 1;
    int64_t best = 0;
    double nearest = INFINITY;
    for (int64_t c = 0; c < ways; c++) {
        double distance = 0;
        for (int64_t f = 0; f < width; f++) {
            double sum = 0, of = 0;
            for (int64_t at = b * steps; at < asked; at++) {
                if (heed_get(labels, at * ways + c) == 0) continue;
                sum += heed_get(examples, at * width + f);
                of++;
            }
            const double away = heed_get(examples, asked * width + f) - shrink * sum / of;
            distance += away * away;
        }
        if (distance < nearest) best = c;
        nearest = fmin(nearest, distance);
    }
    return best;
}

/* ---- blobs ---- */

heed_rng heed_episode_class(const heed_rng *rng, int64_t label)
{
    const uint64_t place[2] = { rng->position, (uint64_t)label };
    return heed_rng_new(rng->seed, heed_hash(place, sizeof place, rng->stream));
}

void heed_blobs_draw(heed_rng *rng, const heed_episode *episode, int64_t b, double spread,
                     const heed_view *examples)
{
    const int64_t steps = examples->shape.dim[1], width = examples->shape.dim[2];
    const heed_rng episodes = *rng;
    for (int64_t t = 0; t < steps; t++) {
        heed_rng centre = heed_episode_class(&episodes, episode->label[t]);
        for (int64_t f = 0; f < width; f++)
            heed_set(examples, (b * steps + t) * width + f,
                     spread * heed_random_normal(&centre) + heed_random_normal(rng));
    }
}

double heed_blobs_shrink(int64_t shots, double spread)
{
    const double known = (double)shots * spread * spread;
    return known / (known + 1);
}

/* ---- glyphs ---- */

enum { POINTS = HEED_GLYPH_STROKES + 1 };
typedef struct strokes {
    double x[POINTS], y[POINTS]; /* one line through all of them, in 0 .. 1 */
} strokes;

static strokes drawn_by(heed_rng *class_rng, heed_rng *hand)
{
    const double shake = 0.05;
    strokes s;
    for (int i = 0; i < POINTS; i++) {
        s.x[i] = 0.1 + 0.8 * heed_random_uniform(class_rng) + shake * heed_random_normal(hand);
        s.y[i] = 0.1 + 0.8 * heed_random_uniform(class_rng) + shake * heed_random_normal(hand);
    }
    return s;
}

/* Squared distance of (x, y) from stroke i. */
static double away_from(const strokes *s, int i, double x, double y)
{
    const double dx = s->x[i + 1] - s->x[i], dy = s->y[i + 1] - s->y[i];
    const double along = ((x - s->x[i]) * dx + (y - s->y[i]) * dy) / (dx * dx + dy * dy + 1e-12);
    const double part = fmin(1, fmax(0, along));
    const double ex = x - s->x[i] - part * dx, ey = y - s->y[i] - part * dy;
    return ex * ex + ey * ey;
}

static bool is_ink(const strokes *s, double x, double y)
{
    const double pen = 0.04;
    for (int i = 0; i < HEED_GLYPH_STROKES; i++)
        if (away_from(s, i, x, y) < pen * pen) return true;
    return false;
}

void heed_glyphs_draw(heed_rng *rng, const heed_episode *episode, int64_t b, int64_t side,
                      const heed_view *examples)
{
    const int64_t steps = examples->shape.dim[1];
    const heed_rng episodes = *rng;
    for (int64_t t = 0; t < steps; t++) {
        heed_rng class_rng = heed_episode_class(&episodes, episode->label[t]);
        const strokes s = drawn_by(&class_rng, rng);
        const double paper = 0.2 * heed_random_uniform(rng);
        for (int64_t pixel = 0; pixel < side * side; pixel++)
            heed_set(examples, (b * steps + t) * side * side + pixel,
                     is_ink(&s, ((double)(pixel % side) + 0.5) / (double)side,
                            ((double)(pixel / side) + 0.5) / (double)side)
                         ? 1
                         : paper);
    }
}

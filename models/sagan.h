/* sagan.h - between the files of one program: networks (sagan.c), what is measured
 * (sagan_measure.c), the classifier that judges digits (sagan_judge.c), drawings (sagan_draw.c). */
#ifndef HEED_MODELS_SAGAN_H
#define HEED_MODELS_SAGAN_H

#include "models/data/digits.h"
#include "models/data/scenes.h"
#include "models/data/spectrum.h"
#include "models/models.h"

enum { SAGAN_SCENES, SAGAN_DIGITS };                     /* tasks */
enum { SAGAN_ATTENTION, SAGAN_RESIDUAL, SAGAN_NOTHING }; /* what stands at the map `attend` */

/* ---- the classifier of digits: it is trained on real ones, and looks at generated ones ---- */

typedef struct sagan_judge sagan_judge;
enum { SAGAN_FEATURES = 48 };

/* Trained on `train`, for all runs alike. NULL: error says why. */
sagan_judge *sagan_judge_new(const heed_digits *train, const heed_digits *test, int threads,
                             heed_error *error);
void sagan_judge_free(sagan_judge *judge);
/* The first `count` of images [B, 1, 28, 28] into `moments` of its features and, unless NULL, the
 * digits that it sees into seen[10]. B is the same in every call. */
bool sagan_judge_look(sagan_judge *judge, const heed_view *images, int64_t count,
                      heed_moments *moments, int64_t *seen);
const heed_moments *sagan_judge_real(const sagan_judge *judge); /* features of the test digits */
double sagan_judge_right(const sagan_judge *judge);             /* share of the test digits */
double sagan_judge_floor(const sagan_judge *judge); /* the distance of train to test digits */

/* ---- the model's own settings ---- */

/* What has been seen in an evaluation, and what it takes to see it. */
typedef struct sagan_tally {
    int64_t seen[HEED_DIGIT_CLASSES]; /* symbols or digits */
    heed_moments features;
    sagan_judge *judge;
    bool failed;
} sagan_tally;

typedef struct sagan {
    int64_t width, latent, attend, wanted_size;
    int twin;
    bool color, whole_values, no_spectral;
    int64_t size, channels; /* of images */
    int task;
    heed_digits train;
    sagan_tally *tally;
} sagan;

/* ---- sagan_measure.c ---- */

extern const heed_metric sagan_scene_metrics[], sagan_digit_metrics[];
bool sagan_begin(void *own, heed_store *store, const heed_settings *settings, heed_error *error);
void sagan_end(void *own);
void sagan_score(const void *own, heed_program *program, const heed_draw *draw, int64_t count,
                 heed_score *score);
bool sagan_conclude(void *own, heed_store *store, heed_score *score, heed_error *error);
/* The largest |s - 1| over all normed weights, s the largest singular value of the weight divided
 * by what its layer takes for that; NaN when nothing is normed, -1 without memory. */
double sagan_worst_norm(const heed_store *store);

/* ---- sagan_draw.c ---- */

enum { SAGAN_SHOWN = 16 }; /* images in a picture */
void sagan_show(const void *own, heed_program *program, FILE *to);
heed_picture *sagan_picture(const void *own, heed_program *program);

#endif

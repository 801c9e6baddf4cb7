/* bandit.h - Bernoulli bandits: arms of unknown chance, uniform in [0, 1), and the best known way
 * of pulling them. */
#ifndef HEED_MODELS_DATA_BANDIT_H
#define HEED_MODELS_DATA_BANDIT_H

#include "tensor/rng.h"
#include "tensor/tensor.h"

enum { HEED_BANDIT_MOST = 1024 }; /* arms */

/* outcome [T, B, A], dense: what arm a of bandit b would pay, 0 or 1, at pull t. */
void heed_bandit_draw(heed_rng *rng, const heed_view *outcome);

/* What each arm pays in the mean, less what the best one does, at every pull: regret [T, B, A],
 * <= 0, dense, of the bandits that heed_bandit_draw() draws from `rng` as it was before. */
void heed_bandit_regret(heed_rng *rng, const heed_view *regret);

/* The index of Gittins for `pulls` pulls (Gittins 1979; finite horizon: Kaufmann 2018): an arm that
 * paid s of k times is worth that sure payment for each of the n pulls left for which one would
 * just stop pulling it. Arms start from the uniform prior. */
typedef struct heed_gittins {
    int64_t pulls;
    uint16_t *index; /* of all k + n <= pulls, s <= k, in steps of 1 / HEED_GITTINS_STEPS */
} heed_gittins;
enum { HEED_GITTINS_STEPS = 500 };

/* false: no memory. Free it in either case. */
bool heed_gittins_new(heed_gittins *table, int64_t pulls);
void heed_gittins_free(heed_gittins *table);
double heed_gittins_index(const heed_gittins *table, int64_t pulled, int64_t paid, int64_t left);

/* What bandit b, of at most HEED_BANDIT_MOST arms, pays in all its T pulls to who pulls the arm of
 * the largest index (the first of equals), and, on average, to who pulls at random. */
double heed_bandit_gittins(const heed_gittins *table, const heed_view *outcome, int64_t b);
double heed_bandit_random(const heed_view *outcome, int64_t b);

#endif

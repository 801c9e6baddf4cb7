/* bandit.c - Bernoulli bandits, and the index of Gittins by dynamic programming. */
#include "models/data/bandit.h"

#include <math.h>

#include "tensor/memory.h"

/* Before anything else is drawn of a bandit; its outcomes come from numbers of their own. */
static heed_rng chances_of(heed_rng *rng, int64_t b, int64_t arms, double *chance)
{
    heed_rng one = heed_rng_new(heed_random(rng), (uint64_t)b);
    for (int64_t a = 0; a < arms; a++) chance[a] = heed_random_uniform(&one);
    return one;
}

void heed_bandit_draw(heed_rng *rng, const heed_view *outcome)
{
    const int64_t pulls = outcome->shape.dim[0], batch = outcome->shape.dim[1];
    const int64_t arms = outcome->shape.dim[2];
    double chance[HEED_BANDIT_MOST];
    for (int64_t b = 0; b < batch; b++) {
        heed_rng one = chances_of(rng, b, arms, chance);
        for (int64_t t = 0; t < pulls; t++)
            for (int64_t a = 0; a < arms; a++)
                heed_set(outcome, (t * batch + b) * arms + a,
                         heed_random_uniform(&one) < chance[a]);
    }
}

void heed_bandit_regret(heed_rng *rng, const heed_view *regret)
{
    const int64_t pulls = regret->shape.dim[0], batch = regret->shape.dim[1];
    const int64_t arms = regret->shape.dim[2];
    double chance[HEED_BANDIT_MOST];
    for (int64_t b = 0; b < batch; b++) {
        chances_of(rng, b, arms, chance);
        double best = 0;
        for (int64_t a = 0; a < arms; a++) best = fmax(best, chance[a]);
        for (int64_t t = 0; t < pulls; t++)
            for (int64_t a = 0; a < arms; a++)
                heed_set(regret, (t * batch + b) * arms + a, chance[a] - best);
    }
}

/* ---- the index ----
 *
 * For a sure payment c: V(k, s, n) = max(n c, p (1 + V(k+1, s+1, n-1)) + (1-p) V(k+1, s, n-1)) with
 * p = (s + 1) / (k + 2), V(., ., 0) = 0. The index is the largest c for which pulling is the larger
 * one: with every c of a grid, count those. */

/* States (k, s) with k < `pulled`; before (k, s, n) come all of smaller n. */
static int64_t states(int64_t pulled)
{
    return pulled * (pulled + 1) / 2;
}

static int64_t place(const heed_gittins *table, int64_t pulled, int64_t paid, int64_t left)
{
    const int64_t all = table->pulls, rest = all - left + 1; /* layers n = 1 .. left - 1 before */
    const int64_t before = all * (all + 1) * (all + 2) / 6 - rest * (rest + 1) * (rest + 2) / 6;
    return before + states(pulled) + paid;
}

/* One payment c: V of n - 1 left becomes V of n left, in place: (k, s) reads (k + 1, ..). */
static void count_where_pulling_is_better(heed_gittins *table, double c, double *value)
{
    uint16_t *index = table->index;
    for (int64_t i = 0; i < states(table->pulls + 1); i++) value[i] = 0;
    for (int64_t n = 1; n <= table->pulls; n++)
        for (int64_t k = 0; k + n <= table->pulls; k++) {
            double *now = value + states(k);
            const double *then = value + states(k + 1);
            for (int64_t s = 0; s <= k; s++) {
                const double p = (double)(s + 1) / (double)(k + 2);
                const double pull = p * (1 + then[s + 1]) + (1 - p) * then[s];
                const double stop = (double)n * c;
                *index++ += pull > stop;
                now[s] = fmax(pull, stop);
            }
        }
}

bool heed_gittins_new(heed_gittins *table, int64_t pulls)
{
    *table = (heed_gittins){ .pulls = pulls };
    const int64_t all = place(table, 0, 0, pulls + 1);
    table->index = heed_alloc_array((size_t)all, sizeof *table->index);
    double *value = heed_alloc_array((size_t)states(pulls + 1), sizeof *value);
    for (int step = 0; table->index && value && step < HEED_GITTINS_STEPS; step++)
        count_where_pulling_is_better(table, (step + 0.5) / HEED_GITTINS_STEPS, value);
    heed_free(value);
    return table->index && value;
}

void heed_gittins_free(heed_gittins *table)
{
    heed_free(table->index);
    table->index = NULL;
}

double heed_gittins_index(const heed_gittins *table, int64_t pulled, int64_t paid, int64_t left)
{
    return (double)table->index[place(table, pulled, paid, left)] / HEED_GITTINS_STEPS;
}

/* ---- who pulls ---- */

double heed_bandit_gittins(const heed_gittins *table, const heed_view *outcome, int64_t b)
{
    const int64_t pulls = outcome->shape.dim[0], batch = outcome->shape.dim[1];
    const int64_t arms = outcome->shape.dim[2];
    int64_t pulled[HEED_BANDIT_MOST] = { 0 }, paid[HEED_BANDIT_MOST] = { 0 };
    double reward = 0;
    for (int64_t t = 0; t < pulls; t++) {
        int64_t best = 0;
        double largest = -1;
        for (int64_t a = 0; a < arms; a++) {
            const double index = heed_gittins_index(table, pulled[a], paid[a], pulls - t);
            if (index > largest) best = a;
            largest = fmax(largest, index);
        }
        const bool pays = heed_get(outcome, (t * batch + b) * arms + best) != 0;
        pulled[best]++;
        paid[best] += pays;
        reward += pays;
    }
    return reward;
}

double heed_bandit_random(const heed_view *outcome, int64_t b)
{
    const int64_t pulls = outcome->shape.dim[0], batch = outcome->shape.dim[1];
    const int64_t arms = outcome->shape.dim[2];
    double all = 0;
    for (int64_t t = 0; t < pulls; t++)
        for (int64_t a = 0; a < arms; a++) all += heed_get(outcome, (t * batch + b) * arms + a);
    return all / (double)arms;
}

/* mdp.c - random tabular Markov decision processes, and what they are worth. */
#include "models/data/mdp.h"

#include <math.h>

enum { STATES = HEED_MDP_STATES, ACTIONS = HEED_MDP_ACTIONS };

/* Exponential numbers by their sum are Dirichlet(1). */
static void draw_transition(heed_rng *rng, double *up_to)
{
    double sum = 0;
    for (int j = 0; j < STATES; j++) up_to[j] = sum += -log1p(-heed_random_uniform(rng));
    for (int j = 0; j < STATES; j++) up_to[j] /= sum;
}

void heed_mdp_draw(heed_rng *rng, const heed_view *world)
{
    const int64_t rows = world->shape.dim[0] * world->shape.dim[1];
    for (int64_t row = 0; row < rows; row++) {
        double up_to[STATES];
        draw_transition(rng, up_to);
        for (int j = 0; j < STATES; j++) heed_set(world, row * (STATES + 1) + j, up_to[j]);
        heed_set(world, row * (STATES + 1) + STATES, 1 + heed_random_normal(rng));
    }
}

/* Mean reward of an action, and `discount` of what follows it when state j is worth value[j]. */
static double worth(const heed_view *world, int64_t row, const double *value, double discount)
{
    double sum = heed_get(world, row * (STATES + 1) + STATES), before = 0;
    for (int j = 0; j < STATES; j++) {
        const double up_to = heed_get(world, row * (STATES + 1) + j);
        sum += discount * (up_to - before) * value[j];
        before = up_to;
    }
    return sum;
}

static double worth_of_state(const heed_view *world, int64_t row, const double *value, bool best,
                             double discount)
{
    double largest = -INFINITY, sum = 0;
    for (int a = 0; a < ACTIONS; a++) {
        const double q = worth(world, row + a, value, discount);
        largest = fmax(largest, q);
        sum += q;
    }
    return best ? largest : sum / ACTIONS;
}

/* What state 0 is worth. regret, unless NULL: of all actions in all states with `left` steps to go,
 * to [left - 1][s, a]. */
static double iterate(const heed_view *world, int64_t b, bool best, double discount,
                      double (*regret)[STATES * ACTIONS])
{
    double value[STATES] = { 0 };
    for (int left = 1; left <= HEED_MDP_STEPS; left++) {
        double next[STATES];
        for (int s = 0; s < STATES; s++) {
            const int64_t row = (b * STATES + s) * ACTIONS;
            next[s] = worth_of_state(world, row, value, best, discount);
            for (int a = 0; regret && a < ACTIONS; a++)
                regret[left - 1][s * ACTIONS + a] =
                    worth(world, row + a, value, discount) - next[s];
        }
        for (int s = 0; s < STATES; s++) value[s] = next[s];
    }
    return value[0];
}

double heed_mdp_best(const heed_view *world, int64_t b, double discount)
{
    return iterate(world, b, true, discount, NULL);
}

double heed_mdp_random(const heed_view *world, int64_t b)
{
    return iterate(world, b, false, 1, NULL);
}

void heed_mdp_regret(const heed_view *world, const heed_view *state, const heed_view *regret)
{
    const int64_t steps = regret->shape.dim[0], batch = regret->shape.dim[1];
    double all[HEED_MDP_STEPS][STATES * ACTIONS];
    for (int64_t b = 0; b < batch; b++) {
        iterate(world, b, true, 1, all);
        for (int64_t t = 0; t < steps; t++) {
            const int64_t at = t * batch + b, left = HEED_MDP_STEPS - t % HEED_MDP_STEPS;
            int here = 0;
            while (here + 1 < STATES && heed_get(state, at * STATES + here) == 0) here++;
            for (int a = 0; a < ACTIONS; a++)
                heed_set(regret, at * ACTIONS + a, all[left - 1][here * ACTIONS + a]);
        }
    }
}

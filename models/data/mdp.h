/* mdp.h - random tabular Markov decision processes: S states, A actions, episodes of H steps from
 * state 0 (Duan et al. 2016, RL^2).
 *
 * Row s A + a of a world [B, S A, S + 1]: the chance that action a in state s leads to one of the
 * states 0 .. j, for each j (rising to 1), then its mean reward. Transitions are Dirichlet(1), i.e.
 * uniform among distributions; mean rewards are normal(1, 1), a reward its mean plus normal(0, 1).
 */
#ifndef HEED_MODELS_DATA_MDP_H
#define HEED_MODELS_DATA_MDP_H

#include "tensor/rng.h"
#include "tensor/tensor.h"

enum { HEED_MDP_STATES = 10, HEED_MDP_ACTIONS = 5, HEED_MDP_STEPS = 10 };

void heed_mdp_draw(heed_rng *rng, const heed_view *world);

/* What one episode in world b pays on average: to who knows the world and acts best (by value
 * iteration over the steps left; `discount` of a step's reward for each step before it, 1: none),
 * and to who acts at random. */
double heed_mdp_best(const heed_view *world, int64_t b, double discount);
double heed_mdp_random(const heed_view *world, int64_t b);

/* What each action brings in the mean in states [T, B, S], one-hot, less what the best one does,
 * with the best ones after either: Q*(s, a) - max Q*(s, .), regret [T, B, A] <= 0, dense, of T / H
 * episodes. */
void heed_mdp_regret(const heed_view *world, const heed_view *state, const heed_view *regret);

#endif

/* advantage.h - how much better than expected an action turned out (Schulman et al. 2016, GAE). */
#ifndef HEED_MODELS_DATA_ADVANTAGE_H
#define HEED_MODELS_DATA_ADVANTAGE_H

#include "tensor/tensor.h"

/* All [T, B], dense; value[t] is what was expected of steps t .. T - 1, after the last nothing is:
 *   advantage[t] = sum over k of (discount lambda)^k (reward[t + k] + discount value[t + k + 1]
 *                  - value[t + k]),
 *   target[t] = advantage[t] + value[t]; it may lie where reward does. */
void heed_advantages(const heed_view *reward, const heed_view *value, double discount,
                     double lambda, const heed_view *advantage, const heed_view *target);
/* To mean 0 and deviation 1 over all elements. */
void heed_standardize(const heed_view *x);

#endif

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
/* The same of what steps t + 1, t + 2, .. bring. known [T, B, A] is what each action brings at
 * once, action [T, B, A], one-hot, which one was taken; all dense. What an action brings by itself
 * is taken out of its advantage, beside the mean over actions, which blames none. target is of all.
 */
void heed_later_advantages(const heed_view *known, const heed_view *action, const heed_view *value,
                           double discount, double lambda, const heed_view *advantage,
                           const heed_view *target);

/* Over all elements: the root of the mean square of deviations from the mean; x less its mean; x by
 * a number. */
double heed_deviation(const heed_view *x);
void heed_center(const heed_view *x);
void heed_divide(const heed_view *x, double by);

#endif

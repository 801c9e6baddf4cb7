/* advantage.c - generalized advantage estimation. */
#include "models/data/advantage.h"

#include <math.h>

void heed_advantages(const heed_view *reward, const heed_view *value, double discount,
                     double lambda, const heed_view *advantage, const heed_view *target)
{
    const int64_t steps = reward->shape.dim[0], batch = reward->shape.dim[1];
    for (int64_t b = 0; b < batch; b++) {
        double after = 0, ahead = 0; /* value and advantage of the step after */
        for (int64_t at = (steps - 1) * batch + b; at >= 0; at -= batch) {
            const double expected = heed_get(value, at);
            ahead = heed_get(reward, at) + discount * after - expected + discount * lambda * ahead;
            after = expected;
            heed_set(advantage, at, ahead);
            heed_set(target, at, ahead + expected);
        }
    }
}

/* What the action of step `at` brings at once, less `share` of each action's. */
static double brought(const heed_view *known, const heed_view *action, int64_t at, double share)
{
    const int64_t actions = known->shape.dim[2];
    double sum = 0;
    for (int64_t a = at * actions; a < (at + 1) * actions; a++)
        sum += (heed_get(action, a) - share) * heed_get(known, a);
    return sum;
}

void heed_later_advantages(const heed_view *known, const heed_view *action, const heed_view *value,
                           double discount, double lambda, const heed_view *advantage,
                           const heed_view *target)
{
    const int64_t n = heed_count(&target->shape);
    const double share = 1 / (double)known->shape.dim[2];
    for (int64_t at = 0; at < n; at++) heed_set(target, at, brought(known, action, at, 0));
    heed_advantages(target, value, discount, lambda, advantage, target);
    for (int64_t at = 0; at < n; at++)
        heed_set(advantage, at, heed_get(advantage, at) - brought(known, action, at, share));
}

static double mean_of(const heed_view *x)
{
    const int64_t n = heed_count(&x->shape);
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += heed_get(x, i);
    return sum / (double)n;
}

double heed_deviation(const heed_view *x)
{
    const int64_t n = heed_count(&x->shape);
    const double mean = mean_of(x);
    double squares = 0;
    for (int64_t i = 0; i < n; i++) squares += pow(heed_get(x, i) - mean, 2);
    return sqrt(squares / (double)n);
}

void heed_center(const heed_view *x)
{
    const int64_t n = heed_count(&x->shape);
    const double mean = mean_of(x);
    for (int64_t i = 0; i < n; i++) heed_set(x, i, heed_get(x, i) - mean);
}

void heed_divide(const heed_view *x, double by)
{
    const int64_t n = heed_count(&x->shape);
    for (int64_t i = 0; i < n; i++) heed_set(x, i, heed_get(x, i) / by);
}

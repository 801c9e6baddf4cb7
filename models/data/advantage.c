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

void heed_later_advantages(const heed_view *known, const heed_view *action, const heed_view *value,
                           double discount, double lambda, const heed_view *advantage,
                           const heed_view *target)
{
    const int64_t n = heed_count(&target->shape), actions = known->shape.dim[2];
    for (int64_t at = 0; at < n; at++) {
        double own = 0;
        for (int64_t a = at * actions; a < (at + 1) * actions; a++)
            own += heed_get(action, a) * heed_get(known, a);
        heed_set(target, at, own);
    }
    heed_advantages(target, value, discount, lambda, advantage, target);
    for (int64_t at = 0; at < n; at++) {
        double own = 0;
        for (int64_t a = at * actions; a < (at + 1) * actions; a++)
            own += (heed_get(action, a) - 1 / (double)actions) * heed_get(known, a);
        heed_set(advantage, at, heed_get(advantage, at) - own);
    }
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

/* schedule.c - learning rates over time. */
#include <math.h>

#include "optim/optim.h"

static const double pi = 3.14159265358979323846;

bool heed_schedule_check(const heed_schedule *s, heed_error *error)
{
    if (s->warmup < 0)
        return heed_fail(error, "schedule: warmup %lld is negative", (long long)s->warmup);
    switch (s->rule) {
    case HEED_SCHEDULE_CONSTANT:
        return true;
    case HEED_SCHEDULE_STEP:
        if (s->every < 1 || !(s->factor > 0))
            return heed_fail(error, "schedule: step decay needs every >= 1 and factor > 0");
        return true;
    case HEED_SCHEDULE_COSINE:
    case HEED_SCHEDULE_LINEAR:
        if (s->hold < 0)
            return heed_fail(error, "schedule: hold %lld is negative", (long long)s->hold);
        if (s->steps <= s->warmup + s->hold)
            return heed_fail(error,
                             "schedule: steps (%lld) must be more than warmup (%lld) and hold "
                             "(%lld)",
                             (long long)s->steps, (long long)s->warmup, (long long)s->hold);
        return true;
    case HEED_SCHEDULE_INVERSE_SQRT:
        if (s->warmup < 1)
            return heed_fail(error, "schedule: inverse square root needs warmup >= 1");
        return true;
    }
    return heed_fail(error, "schedule: unknown rule %d", (int)s->rule);
}

double heed_schedule_factor(const heed_schedule *s, int64_t t)
{
    if (t < s->warmup) return ((double)t + 1) / (double)s->warmup;
    const int64_t begin = s->warmup + s->hold; /* of decay */
    double done = s->steps > begin ? (double)(t - begin) / (double)(s->steps - begin) : 1;
    if (done < 0) done = 0;
    if (done > 1) done = 1;
    switch (s->rule) {
    case HEED_SCHEDULE_CONSTANT:
        return 1;
    case HEED_SCHEDULE_STEP:
        return pow(s->factor, (double)(t / s->every));
    case HEED_SCHEDULE_COSINE:
        return s->floor + (1 - s->floor) * 0.5 * (1 + cos(pi * done));
    case HEED_SCHEDULE_LINEAR:
        return 1 + (s->floor - 1) * done;
    case HEED_SCHEDULE_INVERSE_SQRT:
        return sqrt((double)s->warmup / ((double)t + 1));
    }
    return 1;
}

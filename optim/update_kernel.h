/* update_kernel.h - what every optimizer kernel shares; for stamped code only. */
#ifndef HEED_OPTIM_UPDATE_KERNEL_H
#define HEED_OPTIM_UPDATE_KERNEL_H

#include "ops/common.h"
#include "ops/kernel.h"
#include "optim/rule.h"

static inline real heed_root_of(real x)
{
#ifdef HEED_STAMP_F64
    return __builtin_sqrt(x);
#else
    return __builtin_sqrtf(x);
#endif
}

/* x in -limit .. limit; NaN stays, so that it is seen. */
static inline real heed_clipped(real x, real limit)
{
    x = x > limit ? limit : x;
    return x < -limit ? -limit : x;
}

static inline real heed_limit(const heed_update_attr *a)
{
    return a->clip_value > 0 ? (real)a->clip_value : (real)__builtin_inf();
}

/* What moves all parameters of a call: the step's rates, the factor that clips the norm, the limit
 * that clips values. */
typedef struct heed_update_step {
    const heed_update_attr *a;
    const real *rates;
    real scale, limit;
} heed_update_step;

/* n elements of one parameter, their gradient and their state. */
typedef struct heed_update_part {
    int64_t n;
    real *p;
    const real *g;
    real *state[HEED_MOST_STATES];
} heed_update_part;

typedef void heed_update_part_fn(const heed_update_step *step, const heed_update_part *part);

/* Units begin .. end - 1 of an update operation: a unit is a part of one parameter. */
static inline __attribute__((always_inline)) void
heed_update_units_with(const heed_call *call, int64_t begin, int64_t end, const int states,
                       heed_update_part_fn *update)
{
    const heed_update_step step = { .a = call->attr,
                                    .rates = call->in[HEED_UPDATE_RATES].data,
                                    .scale = *(const real *)call->in[HEED_UPDATE_SCALE].data,
                                    .limit = heed_limit(call->attr) };
    int64_t unit = 0;
    for (int i = HEED_UPDATE_FIRST; i < call->n_in && unit < end; i += 2 + states) {
        const int64_t count = heed_count(&call->in[i].shape), units = heed_update_parts(count);
        const int64_t from = begin > unit ? begin - unit : 0, to = heed_smaller(end - unit, units);
        unit += units;
        if (from >= to) continue;
        const int64_t first = from * HEED_UPDATE_UNIT;
        heed_update_part part = { .n = heed_smaller(to * HEED_UPDATE_UNIT, count) - first,
                                  .p = (real *)call->in[i].data + first,
                                  .g = (const real *)call->in[i + 1].data + first };
        for (int k = 0; k < states; k++) part.state[k] = (real *)call->in[i + 2 + k].data + first;
        update(&step, &part);
    }
    if (begin == 0) *(real *)call->out.data = 0;
}

#endif

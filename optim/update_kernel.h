/* update_kernel.h - the opening of every optimizer kernel; for stamped code only. */
#ifndef HEED_OPTIM_UPDATE_KERNEL_H
#define HEED_OPTIM_UPDATE_KERNEL_H

#include "ops/kernel.h"
#include "optim/rule.h"

static inline real *heed_writable(const heed_call *call, int i)
{
    return call->in[i].data;
}

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

/* Names that every update kernel uses: the parameter p, gradient g, the step's rates, the factor
 * that clips the norm, the limit that clips values, and the elements first .. last - 1. */
#define HEED_UPDATE_BEGIN(call, begin, end)                                             \
    const heed_update_attr *a = (call)->attr;                                           \
    real *restrict p = heed_writable(call, 0);                                          \
    const real *restrict g = (call)->in[1].data;                                        \
    const real *restrict rates = (call)->in[2].data;                                    \
    const real scale = *(const real *)(call)->in[3].data;                               \
    const real limit = a->clip_value > 0 ? (real)a->clip_value : (real)__builtin_inf(); \
    const int64_t count = heed_count(&(call)->in[0].shape);                             \
    const int64_t first = (begin)*HEED_UPDATE_UNIT;                                     \
    const int64_t last = (end)*HEED_UPDATE_UNIT < count ? (end)*HEED_UPDATE_UNIT : count

#endif

/* cumulative.h - what cumsum and cumprod share; their kernels are in ops/micro/cumulative.h. */
#ifndef HEED_OPS_CUMULATIVE_H
#define HEED_OPS_CUMULATIVE_H

#include "ops/lines.h"

typedef struct heed_cumulative_attr {
    int axis;
    int reverse;   /* from the last element to the first */
    int exclusive; /* y[k] without x[k] */
} heed_cumulative_attr;

static inline heed_lines heed_cumulative_lines(const heed_call *call)
{
    const heed_cumulative_attr *attr = call->attr;
    return heed_lines_of(&call->out.shape, attr->axis, 1);
}

bool heed_cumulative_infer(heed_infer *infer);
int64_t heed_cumulative_units(const heed_call *call);
bool heed_cumulative_sample(int k, heed_sample *sample);

/* y[k] = x[k - 1] along axis, or x[k + 1]; 0 where there is none. */
heed_node *heed_shift_along(heed_node *x, int axis, bool forward);

#endif

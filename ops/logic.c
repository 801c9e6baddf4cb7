/* logic.c - truth values as the comparisons give them: 0 is false, anything else (NaN too) true. */
#include <math.h>

#include "ops/common.h"
#include "ops/ops.h"

static heed_node *truth(heed_node *x)
{
    return heed_not_equal(x, heed_number_like(x, 0));
}

heed_node *heed_logical_not(heed_node *x)
{
    return heed_equal(x, heed_number_like(x, 0));
}

heed_node *heed_logical_and(heed_node *a, heed_node *b)
{
    return heed_mul(truth(a), truth(b));
}

heed_node *heed_logical_or(heed_node *a, heed_node *b)
{
    return heed_maximum(truth(a), truth(b));
}

heed_node *heed_logical_xor(heed_node *a, heed_node *b)
{
    return heed_not_equal(truth(a), truth(b));
}

heed_node *heed_is_finite(heed_node *x)
{
    return heed_less(heed_abs(x), heed_number_like(x, INFINITY));
}

heed_node *heed_is_inf(heed_node *x)
{
    return heed_equal(heed_abs(x), heed_number_like(x, INFINITY));
}

heed_node *heed_is_nan(heed_node *x)
{
    return heed_not_equal(x, x);
}

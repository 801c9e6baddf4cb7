/* mean_squared_error.c - mean over all elements of (x - target)^2; composed, so it has no kernel */
#include "ops/ops.h"

heed_node *heed_mean_squared_error(heed_node *x, heed_node *target)
{
    return heed_mean_all(heed_square(heed_sub(x, target)));
}

/* greater.c - y = 1 where a > b, else 0 */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP

HEED_TILE(greater_tile)
{
    const real *a = in[0], *b = in[1];
    real *out = y;
    HEED_INDEPENDENT
    for (int64_t i = 0; i < n; i++) out[i] = a[i] > b[i] ? 1 : 0;
}

#else
#include "ops/compare.h"
#include "ops/ops.h"

HEED_DECLARE_TILE(greater_tile);
static const heed_tile greater_tile = HEED_TILE_TABLE(greater_tile);

const heed_op heed_op_greater = {
    .name = "greater",
    .doc = "y = 1 where a > b, else 0 (false with NaN); shapes broadcast; gradient refused.",
    .n_in = 2,
    .in_place = 3,
    .tile = &greater_tile,
    .sample = heed_compare_sample,
};

heed_node *heed_greater(heed_node *a, heed_node *b)
{
    return heed_apply(&heed_op_greater, NULL, 2, (heed_node *[]){ a, b });
}

#endif

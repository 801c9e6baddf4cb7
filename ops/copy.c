/* copy.c - y = x, dense: bits are moved, so any dtype goes */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP
#include <string.h>

HEED_TILE(copy_tile)
{
    if (y != in[0]) memcpy(y, in[0], (size_t)n * sizeof(real));
}

#else
#include "ops/ops.h"

HEED_DECLARE_TILE(copy_tile);
static const heed_tile copy_tile = HEED_MOVE_TABLE(copy_tile);

/* Shape and dtype are preset to x's. */
static bool copy_infer(heed_infer *infer)
{
    (void)infer;
    return true;
}

static void copy_vjp(heed_vjp *v)
{
    if (v->want[0]) v->dx[0] = v->dy;
}

const heed_op heed_op_copy = {
    .name = "copy",
    .doc = "y = x, dense.",
    .n_in = 1,
    .diff = 1,
    .in_place = 1,
    .flags = HEED_LINEAR,
    .infer = copy_infer,
    .tile = &copy_tile,
    .vjp = copy_vjp,
    .sample = heed_sample_unary,
    .flops = heed_flops_none,
};

#endif

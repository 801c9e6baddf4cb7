/* log1p.c - y = log(1 + x), also near 0; dx = dy / (1 + x) */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP
#include "ops/micro/vector_functions.h"

HEED_TILE(log1p_tile)
{
    vec_map(n, in[0], y, vec_log1p);
}

#else
#include "ops/function.h"
#include "ops/ops.h"

HEED_DECLARE_TILE(log1p_tile);
static const heed_tile log1p_tile = HEED_TILE_TABLE(log1p_tile);

static void log1p_vjp(heed_vjp *v)
{
    if (v->want[0]) v->dx[0] = heed_div(v->dy, heed_affine(v->in[0], 1, 1));
}

static bool log1p_sample(int k, heed_sample *sample)
{
    if (!heed_sample_unary(k, sample)) return false;
    sample->in[0].low = -0.8;
    sample->in[0].high = 3;
    return true;
}

const heed_op heed_op_log1p = {
    .name = "log1p",
    .doc = "y = log(1 + x), exact near 0; -inf at -1, NaN below.",
    .n_in = 1,
    .diff = 1,
    .in_place = 1,
    .tile = &log1p_tile,
    .vjp = log1p_vjp,
    .sample = log1p_sample,
    .flops = heed_flops_of_function,
};

heed_node *heed_log1p(heed_node *x)
{
    return heed_apply(&heed_op_log1p, NULL, 1, &x);
}

#endif

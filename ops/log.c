/* log.c - y = log(x); dx = dy / x */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP
#include "ops/micro/vector_math.h"

HEED_TILE(log_tile)
{
    vec_map(n, in[0], y, vec_log);
}

#else
#include "ops/function.h"
#include "ops/ops.h"

HEED_DECLARE_TILE(log_tile);
static const heed_tile log_tile = HEED_TILE_TABLE(log_tile);

static void log_vjp(heed_vjp *v)
{
    if (!v->want[0]) return;
    v->dx[0] = heed_div(v->dy, v->in[0]);
}

static bool log_sample(int k, heed_sample *sample)
{
    if (!heed_sample_unary(k, sample)) return false;
    sample->in[0].low = 0.5;
    sample->in[0].high = 2;
    return true;
}

const heed_op heed_op_log = {
    .name = "log",
    .doc = "y = log(x), the natural logarithm; log(0) = -inf.",
    .n_in = 1,
    .diff = 1,
    .in_place = 1,
    .tile = &log_tile,
    .vjp = log_vjp,
    .sample = log_sample,
    .flops = heed_flops_of_function,
};

heed_node *heed_log(heed_node *x)
{
    return heed_apply(&heed_op_log, NULL, 1, &x);
}

#endif

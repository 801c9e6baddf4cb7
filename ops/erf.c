/* erf.c - y = 2 / sqrt(pi) * integral of exp(-t^2) over 0 .. x; dx = dy 2 / sqrt(pi) exp(-x^2) */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP
#include "ops/micro/vector_math.h"

HEED_TILE(erf_tile)
{
    vec_map(n, in[0], y, vec_erf);
}

#else
#include "ops/function.h"
#include "ops/ops.h"

HEED_DECLARE_TILE(erf_tile);
static const heed_tile erf_tile = HEED_TILE_TABLE(erf_tile);

static void erf_vjp(heed_vjp *v)
{
    if (!v->want[0]) return;
    heed_node *bell = heed_exp(heed_neg(heed_square(v->in[0])));
    v->dx[0] = heed_mul(v->dy, heed_scale(bell, 1.12837916709551257390)); /* 2 / sqrt(pi) */
}

const heed_op heed_op_erf = {
    .name = "erf",
    .doc = "y = erf(x), the error function.",
    .n_in = 1,
    .diff = 1,
    .in_place = 1,
    .tile = &erf_tile,
    .vjp = erf_vjp,
    .sample = heed_sample_unary,
    .flops = heed_flops_of_function,
};

heed_node *heed_erf(heed_node *x)
{
    return heed_apply(&heed_op_erf, NULL, 1, &x);
}

#endif

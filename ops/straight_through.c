/* straight_through.c - y = value, to the bit; dy goes to the stand-in. Bengio, Leonard, Courville
 * 2013. An operation, because stand_in + stop_gradient(value - stand_in) rounds. */
#include <string.h>

#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP

HEED_TILE(straight_through_tile)
{
    if (y != in[0]) memcpy(y, in[0], (size_t)n * sizeof(real));
}

#else
#include "ops/ops.h"

HEED_DECLARE_TILE(straight_through_tile);
static const heed_tile straight_through_tile = HEED_TILE_TABLE(straight_through_tile);

static bool straight_through_infer(heed_infer *infer)
{
    if (!heed_need_real(infer, 0) || !heed_need_real(infer, 1)) return false;
    if (!heed_need_same_dtype(infer)) return false;
    if (heed_shape_equal(&infer->in[0]->shape, &infer->in[1]->shape)) return true;
    return heed_refuse(infer, "the value and what takes its gradient must have one shape");
}

static void straight_through_vjp(heed_vjp *v)
{
    if (v->want[1]) v->dx[1] = v->dy;
}

/* Gradients exist already when a graph is simplified, so the stand-in has done its work. */
static heed_node *straight_through_simplify(heed_node *node)
{
    return node->in[0];
}

static bool straight_through_sample(int k, heed_sample *sample)
{
    if (!heed_sample_unary(k, sample)) return false;
    sample->n_in = 2;
    sample->in[1] = sample->in[0];
    return true;
}

/* The value's own way is not followed: the rule accounts for it, whatever it depends on. */
const heed_op heed_op_straight_through = {
    .name = "straight_through",
    .doc = "y = input 0; the gradient goes to input 1, which has the same shape.",
    .n_in = 2,
    .diff = 2,
    .accounts = 1,
    .in_place = 1,
    .infer = straight_through_infer,
    .tile = &straight_through_tile,
    .vjp = straight_through_vjp,
    .sample = straight_through_sample,
    .simplify = straight_through_simplify,
    .flops = heed_flops_none,
};

heed_node *heed_straight_through(heed_node *value, heed_node *stand_in)
{
    return heed_apply(&heed_op_straight_through, NULL, 2, (heed_node *[]){ value, stand_in });
}

#endif

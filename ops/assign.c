/* assign.c - the store's entry becomes `value`, after every other reader of it in the program.
 *
 * The node is wanted for its effect; its own value, one 0, says nothing. All that a program reads
 * of the entry it reads before: `value` may depend on it. */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP
#include <string.h>

HEED_KERNEL(assign)
{
    const heed_view *state = &call->in[0];
    const ireal *value = call->in[1].data;
    ireal *to = state->data;
    int64_t first = begin * HEED_UNIT_WORK;
    int64_t last = heed_smaller(end * HEED_UNIT_WORK, heed_count(&state->shape));
    if (last > first && to != value) /* an entry may be assigned to itself */
        memcpy(to + first, value + first, (size_t)(last - first) * sizeof *to);
    if (begin == 0) *(ireal *)call->out.data = 0;
}

#else
#include "graph/store.h"
#include "ops/ops.h"

HEED_DECLARE_KERNEL(assign);
static const heed_kernel assign_kernel = HEED_MOVE_TABLE(assign);

static bool assign_infer(heed_infer *infer)
{
    const heed_node *state = infer->in[0], *value = infer->in[1];
    char text[HEED_SHAPE_TEXT];
    if (state->dtype != value->dtype)
        return heed_refuse(infer, "the value is %s instead of %s", heed_dtype_name(value->dtype),
                           heed_dtype_name(state->dtype));
    if (!heed_shape_equal(&state->shape, &value->shape))
        return heed_refuse(infer, "the value must have the state's shape, %s",
                           heed_shape_print(&state->shape, text, sizeof text));
    infer->shape = heed_scalar();
    return true;
}

static int64_t assign_units(const heed_call *call)
{
    int64_t units = heed_units_of(heed_count(&call->in[0].shape), HEED_UNIT_WORK);
    return units ? units : 1;
}

static bool assign_sample(int k, heed_sample *sample)
{
    if (!heed_sample_unary(k, sample)) return false;
    sample->n_in = 2;
    sample->in[1] = sample->in[0];
    return true;
}

const heed_op heed_op_assign = {
    .name = "assign",
    .doc = "The state's new value, from the next run on. Whatever else the program reads of it, it "
           "reads before.",
    .n_in = 2,
    .writes = 1,
    .flags = HEED_IMPURE | HEED_ASSIGNS,
    .infer = assign_infer,
    .kernel = &assign_kernel,
    .units = assign_units,
    .sample = assign_sample,
    .flops = heed_flops_none,
};

heed_node *heed_assign(heed_node *state, heed_node *value)
{
    if (!state || !value) return NULL;
    return heed_apply(&heed_op_assign, NULL, 2, (heed_node *[]){ state, value });
}

heed_node *heed_moving_average(heed_node *state, heed_node *value, double momentum)
{
    if (!state || !value) return NULL;
    if (!(momentum >= 0 && momentum <= 1))
        return heed_graph_fail(state->graph, "moving_average: momentum %g is not in 0 .. 1",
                               momentum);
    return heed_assign(state,
                       heed_add(heed_scale(state, 1 - momentum), heed_scale(value, momentum)));
}

#endif

/* sampling.c - random values composed of noise and other operations. */
#include "ops/common.h"
#include "ops/ops.h"
#include "ops/random.h"

heed_node *heed_bernoulli(heed_node *p)
{
    if (!p) return NULL;
    return heed_less(heed_noise(&heed_op_uniform, p->graph, p->dtype, p->shape, 0, 1), p);
}

/* 1 at the largest of each row of y, else 0, and y's gradient. */
static heed_node *harden(heed_node *y)
{
    if (!y) return NULL;
    const int64_t classes = y->shape.dim[y->shape.rank - 1];
    heed_node *winner = heed_one_hot(heed_argmax(heed_stop_gradient(y), -1), classes);
    return heed_straight_through(winner ? heed_cast(winner, y->dtype) : NULL, y);
}

heed_node *heed_gumbel_softmax_with(heed_node *logits, int axis, double temperature,
                                    heed_gumbel_softmax_options options)
{
    if (!heed_resolve_axis(logits, "gumbel_softmax", &axis)) return NULL;
    if (!(temperature > 0)) {
        return heed_graph_fail(logits->graph, "gumbel_softmax: temperature %g is not positive",
                               temperature);
    }
    const bool last = axis == logits->shape.rank - 1;
    heed_node *x = last ? logits : heed_transpose(logits, axis, -1);
    if (!x) return NULL;
    heed_node *noise = heed_noise(&heed_op_gumbel, x->graph, x->dtype, x->shape, 0, 0);
    heed_node *y = heed_softmax(heed_scale(heed_add(x, noise), 1 / temperature), -1);
    if (options.hard) y = harden(y);
    return last ? y : heed_transpose(y, axis, -1);
}

/* linear.c - y = x W + b. */
#include "models/layers/layers.h"
#include "ops/ops.h"

heed_node *heed_linear_with(heed_scope *scope, const char *name, heed_node *x, int64_t width,
                            heed_linear_options options)
{
    if (!scope || !x) return NULL;
    if (x->shape.rank == 0)
        return heed_graph_fail(x->graph, "linear '%s%s': the input is one number, without an axis",
                               heed_scope_prefix(scope), name);
    if (width < 1)
        return heed_graph_fail(x->graph, "linear '%s%s': the width %lld is not positive",
                               heed_scope_prefix(scope), name, (long long)width);
    int64_t in = x->shape.dim[x->shape.rank - 1];
    heed_scope *own = heed_enter(scope, name);
    heed_node *weight = heed_param(own, "weight", options.weight, in, width);
    heed_node *y = heed_matmul(x, weight);
    if (options.no_bias) return y;
    /* A bias has no fan-in of its own: it starts on the weight's scale. */
    if (options.bias.rule == HEED_INIT_DEFAULT) options.bias.fan_in = in;
    return heed_add(y, heed_param(own, "bias", options.bias, width));
}

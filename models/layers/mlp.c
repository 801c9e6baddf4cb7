/* mlp.c - linear layers with a nonlinearity between them. */
#include <stdio.h>

#include "models/layers/layers.h"
#include "ops/ops.h"

heed_node *heed_mlp_with(heed_scope *scope, const char *name, heed_node *x, const int64_t *widths,
                         int n, heed_mlp_options options)
{
    heed_scope *own = heed_enter(scope, name);
    heed_function *between = options.activation ? options.activation : heed_relu;
    for (int i = 0; i < n; i++) {
        char layer[16];
        snprintf(layer, sizeof layer, "%d", i);
        x = heed_linear(own, layer, x, widths[i], .weight = i ? options.weight : options.first,
                        .bias = i ? (heed_init){ .rule = HEED_INIT_DEFAULT } : options.first_bias);
        if (i + 1 < n) x = between(x);
    }
    return options.last ? options.last(x) : x;
}

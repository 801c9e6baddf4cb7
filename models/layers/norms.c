/* norms.c - normalization with what it learns and what it remembers. */

#include <math.h>

#include "models/layers/layers.h"
#include "ops/common.h"
#include "ops/ops.h"

/* "name/gain" and "name/bias" [width], or NULL where they are switched off. */
typedef struct norm_weights {
    heed_node *gain, *bias;
} norm_weights;

static norm_weights weights_of(heed_scope *own, int64_t width, const heed_norm_options *o)
{
    norm_weights w = { NULL, NULL };
    if (!o->no_gain) w.gain = heed_param(own, "gain", HEED_ONES, width);
    if (!o->no_bias) w.bias = heed_param(own, "bias", HEED_ZEROS, width);
    return w;
}

/* The size of `axis`, or 0: the graph has failed. */
static int64_t width_of(heed_scope *scope, const char *what, const char *name, heed_node *x,
                        int axis)
{
    char text[256];
    if (!scope || !x) return 0;
    if (x->shape.rank > (axis < 0 ? 0 : axis) && x->shape.dim[axis < 0 ? x->shape.rank - 1 : axis])
        return x->shape.dim[axis < 0 ? x->shape.rank - 1 : axis];
    heed_graph_fail(x->graph, "%s '%s%s': %s has no %s", what, heed_scope_prefix(scope), name,
                    heed_describe(x, text, sizeof text), axis < 0 ? "last axis" : "channels");
    return 0;
}

heed_node *heed_layer_norm_layer_with(heed_scope *scope, const char *name, heed_node *x,
                                      heed_norm_options o)
{
    const int64_t width = width_of(scope, "layer_norm_layer", name, x, -1);
    if (!width) return NULL;
    const norm_weights w = weights_of(heed_enter(scope, name), width, &o);
    return heed_layer_norm(x, w.gain, w.bias, o.eps);
}

heed_node *heed_rms_norm_layer_with(heed_scope *scope, const char *name, heed_node *x,
                                    heed_norm_options o)
{
    const int64_t width = width_of(scope, "rms_norm_layer", name, x, -1);
    if (!width) return NULL;
    o.no_bias = true;
    return heed_rms_norm(x, weights_of(heed_enter(scope, name), width, &o).gain, o.eps);
}

heed_node *heed_batch_norm_layer_with(heed_scope *scope, const char *name, heed_node *x,
                                      heed_norm_options o)
{
    const int64_t width = width_of(scope, "batch_norm_layer", name, x, 1);
    if (!width) return NULL;
    heed_scope *own = heed_enter(scope, name);
    const norm_weights w = weights_of(own, width, &o);
    heed_batch_norm_options options = {
        .gain = w.gain, .bias = w.bias, .eps = o.eps, .momentum = o.momentum, .running = o.frozen
    };
    if (!o.no_running) {
        options.mean = heed_state(own, "mean", HEED_ZEROS, width);
        options.variance = heed_state(own, "variance", HEED_ONES, width);
    }
    return heed_batch_norm_with(x, options);
}

heed_node *heed_group_norm_layer_with(heed_scope *scope, const char *name, heed_node *x,
                                      int64_t groups, heed_norm_options o)
{
    const int64_t width = width_of(scope, "group_norm_layer", name, x, 1);
    if (!width) return NULL;
    const norm_weights w = weights_of(heed_enter(scope, name), width, &o);
    return heed_group_norm(x, groups, w.gain, w.bias, o.eps);
}

/* ---- spectral norm ---- */

/* to = the unit vector along M from, or along from M. */
static void turn(const heed_view *m, bool transposed, const heed_view *from, const heed_view *to)
{
    const int64_t n = heed_count(&to->shape), length = heed_count(&from->shape);
    double squares = 0;
    for (int64_t i = 0; i < n; i++) {
        double sum = 0;
        for (int64_t j = 0; j < length; j++)
            sum += heed_get(m, transposed ? j * n + i : i * length + j) * heed_get(from, j);
        heed_set(to, i, sum);
        squares += sum * sum;
    }
    for (int64_t i = 0; i < n; i++) heed_set(to, i, heed_get(to, i) / fmax(sqrt(squares), 1e-12));
}

/* What first singular vectors are found from. */
typedef struct singular_start {
    const heed_view *weight, *u;
} singular_start;

/* v of the first weights, and u with it: 15 iterations, as PyTorch. */
static void fill_singular(const heed_view *v, const void *context)
{
    const singular_start *start = context;
    for (int i = 0; i < 15; i++) {
        turn(start->weight, true, start->u, v);
        turn(start->weight, false, v, start->u);
    }
}

heed_node *heed_spectral_norm_layer(heed_scope *scope, const char *name, heed_node *w,
                                    int iterations)
{
    char text[256];
    if (!scope || !w) return NULL;
    if (w->shape.rank < 2 || !heed_is_param(w))
        return heed_graph_fail(w->graph, "spectral_norm_layer '%s%s': %s is not a weight matrix",
                               heed_scope_prefix(scope), name, heed_describe(w, text, sizeof text));
    const int64_t rows = w->shape.dim[0], columns = heed_product(&w->shape, 1, w->shape.rank);
    heed_init init = { .rule = HEED_INIT_NORMAL, .b = 1 };
    heed_scope *own = heed_enter(scope, name);
    heed_node *u = heed_state(own, "u", init, rows);
    if (!u) return NULL;
    const singular_start start = { &w->entry->tensor->view, &u->entry->tensor->view };
    init.fill = fill_singular;
    init.context = &start;
    heed_node *v = heed_state(own, "v", init, columns);
    return heed_spectral_norm(w, u, v, .iterations = iterations);
}

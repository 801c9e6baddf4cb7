/* norms.c - normalizations over examples, channels and weights.
 *
 * Batch, group and instance norm of images and sequences are one operation, channel_norm; of plain
 * features, compositions: batch norm's statistics are reductions over rows, group norm is layer
 * norm of reshaped rows. */
#include "ops/common.h"
#include "ops/norm.h"
#include "ops/ops.h"

/* A vector [C] as it meets axis 1 of x: [C, 1, ..]. */
static heed_node *along_channels(heed_node *vector, const heed_node *x)
{
    heed_shape shape = { .rank = x->shape.rank - 1 };
    shape.dim[0] = x->shape.dim[1];
    for (int i = 1; i < shape.rank; i++) shape.dim[i] = 1;
    return heed_reshape_to(vector, shape);
}

static bool has_channels(heed_node *x, const char *what)
{
    char text[256];
    if (x->shape.rank >= 2) return true;
    heed_graph_fail(x->graph, "%s: %s is not [N, C, ..]", what,
                    heed_describe(x, text, sizeof text));
    return false;
}

/* NULL, or [channels]. */
static bool is_vector(const char *what, const char *name, heed_node *vector, int64_t channels)
{
    char text[256];
    if (!vector || (vector->shape.rank == 1 && vector->shape.dim[0] == channels)) return true;
    heed_graph_fail(vector->graph, "%s: %s must be [%lld], one for each channel; got %s", what,
                    name, (long long)channels, heed_describe(vector, text, sizeof text));
    return false;
}

/* y gain + bias, where they are given. */
static heed_node *scaled(heed_node *y, heed_node *gain, heed_node *bias)
{
    if (!y) return NULL;
    if (gain) y = heed_mul(y, along_channels(gain, y));
    return bias ? heed_add(y, along_channels(bias, y)) : y;
}

static bool eps_fits(heed_node *x, const char *what, double eps)
{
    if (eps > 0) return true;
    heed_graph_fail(x->graph, "%s: eps is %g, it must be positive", what, eps);
    return false;
}

/* Runs of an example's channel that are worth a kernel which takes them one by one. */
static bool has_long_runs(const heed_node *x)
{
    return heed_count(&x->shape) > 0 && heed_product(&x->shape, 2, x->shape.rank) >= 16;
}

/* ---- batch norm ---- */

typedef struct batch_statistics {
    heed_node *mean, *variance, *normalized;
} batch_statistics;

/* Of short runs: reductions that end elementwise passes. */
static batch_statistics statistics_of(heed_node *x, double eps)
{
    int axes[HEED_MAX_RANK], n = 0;
    for (int i = 0; i < x->shape.rank; i++)
        if (i != 1) axes[n++] = i;
    heed_node *mean = heed_mean_axes(x, axes, n, true); /* [1, C, 1, ..] */
    heed_node *centered = heed_sub(x, mean);
    heed_node *variance = heed_mean_axes(heed_square(centered), axes, n, true);
    heed_node *rstd = heed_rsqrt(heed_affine(variance, 1, eps));
    return (batch_statistics){ mean, variance, heed_mul(centered, rstd) };
}

static bool batch_norm_fits(heed_node *x, const heed_batch_norm_options *o)
{
    const char *what = "batch_norm";
    if (!has_channels(x, what)) return false;
    const int64_t channels = x->shape.dim[1];
    if (!o->mean != !o->variance)
        return heed_graph_fail(x->graph, "batch_norm: running mean and variance go together");
    if (o->running && !o->mean)
        return heed_graph_fail(x->graph, "batch_norm: there are no running statistics to use");
    return eps_fits(x, what, o->eps) && is_vector(what, "gain", o->gain, channels) &&
           is_vector(what, "bias", o->bias, channels) &&
           is_vector(what, "mean", o->mean, channels) &&
           is_vector(what, "variance", o->variance, channels);
}

/* Statistics of the batch, and their share in the running ones. */
static heed_node *normalized_by_batch(heed_node *x, const heed_batch_norm_options *o)
{
    const int64_t channels = x->shape.dim[1];
    const int64_t count = channels > 0 ? heed_count(&x->shape) / channels : 0;
    if (count == 1 && heed_graph_training(x->graph))
        return heed_graph_fail(x->graph, "batch_norm: one value for each channel has no variance");
    heed_node *mean, *variance, *y;
    if (has_long_runs(x)) {
        y = heed_channel_norm(x, 0, o->gain, o->bias, o->eps);
        heed_node *both = o->mean ? heed_aux(y) : NULL; /* [2, C] */
        mean = heed_index(both, 0, 0);
        variance = heed_index(both, 0, 1);
    } else {
        const batch_statistics s = statistics_of(x, o->eps);
        mean = heed_reshape_to(s.mean, HEED_SHAPE(channels));
        variance = heed_reshape_to(s.variance, HEED_SHAPE(channels));
        y = scaled(s.normalized, o->gain, o->bias);
    }
    if (o->mean && heed_graph_training(x->graph)) {
        const double unbiased = (double)count / (double)(count - 1);
        heed_moving_average(o->mean, mean, o->momentum);
        heed_moving_average(o->variance, heed_scale(variance, unbiased), o->momentum);
    }
    return y;
}

heed_node *heed_batch_norm_with(heed_node *x, heed_batch_norm_options o)
{
    if (!x) return NULL;
    if (o.eps == 0) o.eps = 1e-5;
    if (o.momentum == 0) o.momentum = 0.1;
    if (!batch_norm_fits(x, &o)) return NULL;
    if (!o.mean || (heed_graph_training(x->graph) && !o.running)) return normalized_by_batch(x, &o);
    heed_node *scale = heed_rsqrt(heed_affine(o.variance, 1, o.eps));
    if (o.gain) scale = heed_mul(scale, o.gain);
    return scaled(heed_sub(x, along_channels(o.mean, x)), scale, o.bias);
}

/* ---- group and instance norm ---- */

static heed_node *group_norm(heed_node *x, const char *what, int64_t groups, heed_node *gain,
                             heed_node *bias, double eps)
{
    if (!x || !has_channels(x, what) || !eps_fits(x, what, eps)) return NULL;
    const int64_t channels = x->shape.dim[1];
    if (groups < 1 || channels % groups != 0)
        return heed_graph_fail(x->graph, "%s: %lld channels don't make %lld groups", what,
                               (long long)channels, (long long)groups);
    if (!is_vector(what, "gain", gain, channels) || !is_vector(what, "bias", bias, channels))
        return NULL;
    if (has_long_runs(x)) return heed_channel_norm(x, groups, gain, bias, eps);
    const int64_t group = channels / groups * heed_product(&x->shape, 2, x->shape.rank);
    heed_node *rows = heed_reshape_to(x, HEED_SHAPE(x->shape.dim[0] * groups, group));
    return scaled(heed_reshape_to(heed_layer_norm(rows, NULL, NULL, eps), x->shape), gain, bias);
}

heed_node *heed_group_norm(heed_node *x, int64_t groups, heed_node *gain, heed_node *bias,
                           double eps)
{
    return group_norm(x, "group_norm", groups, gain, bias, eps == 0 ? 1e-5 : eps);
}

heed_node *heed_instance_norm(heed_node *x, heed_node *gain, heed_node *bias, double eps)
{
    const int64_t channels = x && x->shape.rank >= 2 ? x->shape.dim[1] : 1;
    return group_norm(x, "instance_norm", channels, gain, bias, eps == 0 ? 1e-5 : eps);
}

/* ---- norms of weights ---- */

heed_node *heed_weight_norm(heed_node *v, heed_node *g, int axis)
{
    int axes[HEED_MAX_RANK], n = 0;
    heed_shape shape = { .rank = 0 };
    if (!v || !g || !heed_resolve_axis(v, "weight_norm", &axis)) return NULL;
    if (!is_vector("weight_norm", "g", g, v->shape.dim[axis])) return NULL;
    for (int i = 0; i < v->shape.rank; i++) {
        shape.dim[shape.rank++] = i == axis ? v->shape.dim[i] : 1;
        if (i != axis) axes[n++] = i;
    }
    heed_node *square = heed_square(v);
    if (n > 0) square = heed_sum_axes(square, axes, n, true);
    return heed_mul(v, heed_div(heed_reshape_to(g, shape), heed_sqrt(square)));
}

/* x / max(|x|, eps), for a vector that no gradient flows into. */
static heed_node *unit_vector(heed_node *x, double eps)
{
    heed_node *norm = heed_sqrt(heed_sum_all(heed_square(x)));
    return heed_div(x, heed_maximum(norm, heed_number_like(x, eps)));
}

heed_node *heed_spectral_norm_with(heed_node *w, heed_node *u, heed_node *v,
                                   heed_spectral_norm_options o)
{
    char text[256];
    if (!w || !u || !v) return NULL;
    if (w->shape.rank < 2)
        return heed_graph_fail(w->graph, "spectral_norm: %s is not a matrix",
                               heed_describe(w, text, sizeof text));
    const int64_t rows = w->shape.dim[0], columns = heed_product(&w->shape, 1, w->shape.rank);
    if (!is_vector("spectral_norm", "u", u, rows) || !is_vector("spectral_norm", "v", v, columns))
        return NULL;
    if (o.iterations == 0) o.iterations = 1;
    if (o.eps == 0) o.eps = 1e-12;
    if (o.iterations < 0 || !eps_fits(w, "spectral_norm", o.eps))
        return heed_graph_fail(w->graph, "spectral_norm: %d iterations", o.iterations);
    heed_node *matrix = heed_reshape_to(w, HEED_SHAPE(rows, columns));
    if (heed_graph_training(w->graph)) {
        heed_node *state_u = u, *state_v = v;
        for (int i = 0; i < o.iterations; i++) {
            v = unit_vector(heed_matmul(u, matrix), o.eps);
            u = unit_vector(heed_matmul(matrix, v), o.eps);
        }
        heed_assign(state_u, u);
        heed_assign(state_v, v);
    }
    u = heed_stop_gradient(u);
    v = heed_stop_gradient(v);
    return heed_div(w, heed_sum_all(heed_mul(u, heed_matmul(matrix, v))));
}

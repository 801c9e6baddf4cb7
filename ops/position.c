/* position.c - where an element stands: rotary positions, sinusoids, ALiBi. */
#include <math.h>

#include "ops/common.h"
#include "ops/ops.h"
#include "tensor/memory.h"

typedef double number_at(const void *context, int64_t i);

/* A constant of `shape` whose element i, in row-major order, is number(context, i). */
static heed_node *table(heed_graph *graph, heed_dtype dtype, heed_shape shape, number_at *number,
                        const void *context)
{
    heed_error error = { .set = false };
    if (heed_graph_failed(graph)) return NULL;
    heed_tensor *tensor = heed_tensor_new(dtype, &shape, &error);
    if (!tensor) return heed_graph_fail(graph, "positions: %s", error.text);
    for (int64_t i = 0; i < heed_count(&shape); i++) heed_set(&tensor->view, i, number(context, i));
    heed_node *node = heed_constant_of(graph, &tensor->view);
    heed_tensor_free(tensor);
    return node;
}

/* Angles of position p: p / base^(2 k / width) for k = 0 .. width / 2 - 1. */
typedef struct angles {
    int64_t first, width;
    double base;
} angles;

static double frequency(const angles *a, int64_t k)
{
    return pow(a->base, -2.0 * (double)k / (double)a->width);
}

static double angle(const angles *a, int64_t i)
{
    const int64_t half = a->width / 2;
    return (double)(a->first + i / half) * frequency(a, i % half);
}

static double frequency_at(const void *context, int64_t k)
{
    return frequency(context, k);
}

static double cosine_at(const void *context, int64_t i)
{
    return cos(angle(context, i));
}

static double sine_at(const void *context, int64_t i)
{
    return sin(angle(context, i));
}

/* ---- rotary positions ---- */

/* cos and sin of the angles, [T, width / 2], or [.., T, width / 2] for given positions. */
static bool angles_of(heed_node *x, heed_node *positions, const angles *a, heed_node **cosine,
                      heed_node **sine)
{
    const heed_shape shape = HEED_SHAPE(x->shape.dim[x->shape.rank - 2], a->width / 2);
    if (!positions) {
        *cosine = table(x->graph, x->dtype, shape, cosine_at, a);
        *sine = table(x->graph, x->dtype, shape, sine_at, a);
        return *cosine && *sine;
    }
    heed_node *rate = table(x->graph, x->dtype, HEED_SHAPE(a->width / 2), frequency_at, a);
    heed_node *at = heed_affine(heed_cast(positions, x->dtype), 1, (double)a->first);
    heed_node *turn = heed_mul(heed_unsqueeze(at, -1), rate);
    *cosine = heed_cos(turn);
    *sine = heed_sin(turn);
    return *cosine && *sine;
}

/* The two halves of what is rotated: coordinates that make a plane. */
static heed_node *half_of(heed_node *x, int64_t width, bool interleaved, int which)
{
    if (interleaved) return heed_slice_step(x, -1, which, width, 2);
    return heed_slice(x, -1, which * (width / 2), (which + 1) * (width / 2));
}

static heed_node *joined(heed_node *a, heed_node *b, bool interleaved)
{
    if (!interleaved) return heed_concat(HEED_NODES(a, b), -1);
    heed_node *pairs = heed_stack(HEED_NODES(a, b), -1);
    if (!pairs) return NULL;
    heed_shape shape = a->shape;
    shape.dim[shape.rank - 1] *= 2;
    return heed_reshape_to(pairs, shape);
}

heed_node *heed_rotary_with(heed_node *x, heed_rotary_options o)
{
    if (!x) return NULL;
    const int rank = x->shape.rank;
    char text[256];
    if (rank < 2)
        return heed_graph_fail(x->graph, "rotary: %s is not [.., T, d]",
                               heed_describe(x, text, sizeof text));
    const int64_t d = x->shape.dim[rank - 1];
    const angles a = { o.offset, o.width ? o.width : d, o.base == 0 ? 10000 : o.base };
    if (a.width < 2 || a.width % 2 != 0 || a.width > d)
        return heed_graph_fail(x->graph, "rotary: width %lld of %s must be even and 2 .. %lld",
                               (long long)a.width, heed_describe(x, text, sizeof text),
                               (long long)d);
    if (!(a.base > 0)) return heed_graph_fail(x->graph, "rotary: base %g is not positive", a.base);
    heed_node *cosine, *sine;
    if (!angles_of(x, o.positions, &a, &cosine, &sine)) return NULL;
    heed_node *p = half_of(x, a.width, o.interleaved, 0),
              *q = half_of(x, a.width, o.interleaved, 1);
    heed_node *turned_p = heed_sub(heed_mul(p, cosine), heed_mul(q, sine));
    heed_node *turned_q = heed_add(heed_mul(q, cosine), heed_mul(p, sine));
    heed_node *y = joined(turned_p, turned_q, o.interleaved);
    return a.width == d ? y : heed_concat(HEED_NODES(y, heed_slice(x, -1, a.width, d)), -1);
}

/* ---- sinusoids ---- */

/* Element i of [T, width], sines and cosines in turn; an odd last column is a sine. */
static double sinusoid_at(const void *context, int64_t i)
{
    const angles *a = context;
    const int64_t column = i % a->width;
    const double at = (double)(a->first + i / a->width) * frequency(a, column / 2);
    return column % 2 ? cos(at) : sin(at);
}

heed_node *heed_sinusoids(heed_graph *graph, int64_t positions, int64_t width, int64_t offset)
{
    if (heed_graph_failed(graph)) return NULL;
    if (positions < 0 || width < 1)
        return heed_graph_fail(graph, "sinusoids: [%lld, %lld] is no table", (long long)positions,
                               (long long)width);
    return table(graph, heed_graph_dtype(graph), HEED_SHAPE(positions, width), sinusoid_at,
                 &(angles){ offset, width, 10000 });
}

/* ---- ALiBi ---- */

/* 2^(-8 (i + 1) / n) for the largest power n of two; the heads beyond it take every other slope of
 * 2 n heads, as the paper's code does. */
static double slope_at(const void *context, int64_t i)
{
    const int64_t heads = *(const int64_t *)context;
    int64_t n = 1;
    while (2 * n <= heads) n *= 2;
    return i < n ? exp2(-8.0 * (double)(i + 1) / (double)n)
                 : exp2(-8.0 * (double)(2 * (i - n) + 1) / (double)(2 * n));
}

heed_node *heed_alibi_slopes(heed_graph *graph, int64_t heads)
{
    if (heed_graph_failed(graph)) return NULL;
    if (heads < 1) return heed_graph_fail(graph, "alibi: %lld heads", (long long)heads);
    return table(graph, heed_graph_dtype(graph), HEED_SHAPE(heads), slope_at, &heads);
}

typedef struct distances {
    int64_t queries, keys;
} distances;

static double distance_at(const void *context, int64_t i)
{
    const distances *d = context;
    const int64_t query = i / d->keys + d->keys - d->queries, key = i % d->keys;
    return (double)-(key > query ? key - query : query - key);
}

heed_node *heed_alibi_bias(heed_graph *graph, int64_t heads, int64_t queries, int64_t keys)
{
    heed_node *slopes = heed_alibi_slopes(graph, heads);
    if (!slopes) return NULL;
    if (queries < 1 || keys < 1)
        return heed_graph_fail(graph, "alibi: %lld queries and %lld keys", (long long)queries,
                               (long long)keys);
    const distances d = { queries, keys };
    heed_node *distance =
        table(graph, heed_graph_dtype(graph), HEED_SHAPE(queries, keys), distance_at, &d);
    return heed_mul(heed_reshape_to(slopes, HEED_SHAPE(heads, 1, 1)), distance);
}

/* affine.c - y = scale x + shift */
#include "ops/common.h"
#include "ops/kernel.h"

typedef struct heed_affine_attr {
    double scale, shift;
} heed_affine_attr;

#ifdef HEED_STAMP

HEED_TILE(affine_tile)
{
    const heed_affine_attr *affine = attr;
    const real *x = in[0];
    const real scale = (real)affine->scale, shift = (real)affine->shift;
    real *out = y;
    HEED_INDEPENDENT
    for (int64_t i = 0; i < n; i++) out[i] = scale * x[i] + shift;
}

#else
#include <math.h>

#include "ops/ops.h"

HEED_DECLARE_TILE(affine_tile);
static const heed_tile affine_tile = HEED_TILE_TABLE(affine_tile);

static void affine_vjp(heed_vjp *v)
{
    const heed_affine_attr *attr = v->attr;
    if (v->want[0]) v->dx[0] = attr->scale == 1 ? v->dy : heed_scale(v->dy, attr->scale);
}

/* A factor that f32 holds as exactly as f64 does, relatively. */
static bool moderate(double value)
{
    return value == 0 || (fabs(value) > 0x1p-100 && fabs(value) < 0x1p100);
}

/* s (t x + u) + w = s t x + (s u + w), and the identity. */
static heed_node *affine_simplify(heed_node *node)
{
    const heed_affine_attr *attr = node->attr;
    heed_node *x = node->in[0];
    double scale = attr->scale, shift = attr->shift;
    if (scale == 1 && shift == 0) return x;
    if (x->op == &heed_op_neg) return heed_affine(x->in[0], -scale, shift);
    if (x->op != &heed_op_affine) return node;
    const heed_affine_attr *first = x->attr;
    shift += scale * first->shift;
    scale *= first->scale;
    if (!moderate(scale) || !moderate(shift)) return node;
    return heed_affine(x->in[0], scale, shift);
}

static bool affine_sample(int k, heed_sample *sample)
{
    static const heed_affine_attr attrs[] = {
        { 1, 0 },   { -1, 0 },        { 0.5, 3 }, { 1, -2 },
        { 0, 1.5 }, { -7.25, 0.125 }, { 2, 2 },   { 3, 0 },
    };
    if (!heed_sample_unary(k, sample)) return false;
    heed_sample_attr(sample, &attrs[k % 8], sizeof attrs[0]);
    return true;
}

const heed_op heed_op_affine = {
    .name = "affine",
    .doc = "y = scale * x + shift, with fixed numbers.",
    .n_in = 1,
    .diff = 1,
    .in_place = 1,
    .attr_size = sizeof(heed_affine_attr),
    .tile = &affine_tile,
    .vjp = affine_vjp,
    .sample = affine_sample,
    .simplify = affine_simplify,
};

heed_node *heed_affine(heed_node *x, double scale, double shift)
{
    return heed_apply(&heed_op_affine, &(heed_affine_attr){ scale, shift }, 1, &x);
}

heed_node *heed_scale(heed_node *x, double scale)
{
    return heed_affine(x, scale, 0);
}

#endif

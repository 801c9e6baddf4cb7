/* where.c - y = a where condition is not 0, else b */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP

/* A selection, not a blend with 0 and 1: what is not selected may be infinite or NaN. */
HEED_TILE(where_tile)
{
    const real *condition = in[0], *a = in[1], *b = in[2];
    real *out = y;
    HEED_INDEPENDENT
    for (int64_t i = 0; i < n; i++) {
        real yes = a[i], no = b[i];
        out[i] = condition[i] != 0 ? yes : no;
    }
}

#else
#include <float.h>

#include "ops/ops.h"

HEED_DECLARE_TILE(where_tile);
static const heed_tile where_tile = HEED_TILE_TABLE(where_tile);

static void where_vjp(heed_vjp *v)
{
    heed_node *condition = heed_stop_gradient(v->in[0]), *zero = heed_number_like(v->dy, 0);
    if (v->want[1]) v->dx[1] = heed_where(condition, v->dy, zero);
    if (v->want[2]) v->dx[2] = heed_where(condition, zero, v->dy);
}

static heed_node *where_simplify(heed_node *node)
{
    double value;
    if (!heed_is_filled_with(node->in[0], &value)) return node;
    return heed_stretch(node->in[value != 0 ? 1 : 2], &node->shape);
}

/* Conditions that are nowhere 0, and, from a range that rounds to its two ends, 0 about half of the
 * time. */
static bool where_sample(int k, heed_sample *sample)
{
    static const heed_shape shapes[][3] = {
        { { 2, { 3, 4 } }, { 2, { 3, 4 } }, { 2, { 3, 4 } } },
        { { 2, { 3, 1 } }, { 1, { 4 } }, { 2, { 3, 4 } } },
        { { 1, { 13 } }, { 0, { 0 } }, { 1, { 13 } } },
        { { 3, { 2, 1, 7 } }, { 2, { 3, 1 } }, { 0, { 0 } } },
        { { 0, { 0 } }, { 1, { 33 } }, { 1, { 1 } } },
    };
    int n = (int)(sizeof shapes / sizeof shapes[0]);
    if (k < 0 || k >= 2 * n) return false;
    sample->n_in = 3;
    for (int i = 0; i < 3; i++) sample->in[i].shape = shapes[k % n][i];
    if (k >= n) sample->in[0].high = DBL_TRUE_MIN;
    return true;
}

const heed_op heed_op_where = {
    .name = "where",
    .doc = "y = a where condition is not 0, else b; shapes broadcast. The condition has no "
           "gradient; a value that is not selected does not touch y or the gradients.",
    .n_in = 3,
    .diff = 6,
    .in_place = 7,
    .tile = &where_tile,
    .vjp = where_vjp,
    .sample = where_sample,
    .simplify = where_simplify,
};

heed_node *heed_where(heed_node *condition, heed_node *a, heed_node *b)
{
    return heed_apply(&heed_op_where, NULL, 3, (heed_node *[]){ condition, a, b });
}

heed_node *heed_masked_fill(heed_node *x, heed_node *mask, double value)
{
    return heed_where(mask, heed_number_like(x, value), x);
}

#endif

/* A generator of random graphs.
 *
 * It keeps a pool of real values with a bound on their magnitude. Each step draws an operation of
 * the registry and one of its samples, bends pool values to the sample's shapes and ranges
 * (reshape, slice, pad, a sigmoid), or draws a move that takes pool values as they are. Results
 * that may have become large are squashed, so that rounding differences stay small. */
#include "tests/graph_random_make.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { POOL = 80, INPUTS = 4 };

typedef struct maker {
    heed_graph *graph;
    heed_rng rng;
    heed_node *pool[POOL];
    double bound[POOL];
    int n;
    heed_node *x[INPUTS + 1]; /* what gradients are taken of: the inputs and a parameter */
} maker;

static int below(maker *m, int n)
{
    return (int)heed_random_below(&m->rng, (uint32_t)n);
}

static void keep(maker *m, heed_node *node, double bound)
{
    if (!node || heed_count(&node->shape) > 4000 || heed_count(&node->shape) == 0) return;
    if (!(bound <= 8)) node = below(m, 2) ? heed_tanh(node) : heed_sigmoid(node), bound = 1;
    if (m->n < POOL) m->n++;
    int at = m->n - 1 < POOL - 1 ? m->n - 1 : below(m, POOL);
    m->pool[at] = node;
    m->bound[at] = bound;
}

/* ---- bending a value to a shape and a range ---- */

static heed_node *resize(maker *m, heed_node *x, const heed_shape *shape)
{
    int64_t has = heed_count(&x->shape), wants = heed_count(shape);
    if (heed_shape_equal(&x->shape, shape)) return x;
    if (heed_count(&x->shape) == 0) return heed_full_shaped(m->graph, x->dtype, *shape, 0.5);
    x = heed_flatten(x);
    if (has > wants && wants > 0) {
        int64_t start = below(m, (int)(has - wants) + 1);
        x = heed_slice(x, 0, start, start + wants);
    } else if (has < wants && below(m, 2)) {
        x = heed_pad(x, 0, (wants - has) / 2, wants - has - (wants - has) / 2, 0.5);
    } else if (has < wants) {
        heed_node *parts[3] = { x, heed_neg(x), heed_expand(heed_slice(x, 0, 0, 1), wants - has) };
        parts[1] = heed_concat(HEED_NODES(parts[0], parts[2]), 0);
        x = parts[1];
    } else if (wants == 0) {
        x = heed_slice(x, 0, 0, 0);
    }
    return heed_reshape_to(x, *shape);
}

static heed_node *into_range(heed_node *x, double bound, const heed_sample_input *in)
{
    double low = in->low, high = in->high;
    if (low == 0 && high == 0) low = -2, high = 2;
    if (low <= -bound && high >= bound) return x;
    return heed_affine(heed_sigmoid(x), high - low, low);
}

/* i32 in 0 .. below - 1: random numbers, or computed from the pool. */
static heed_node *index_of(maker *m, const heed_sample_input *in)
{
    int32_t numbers[512];
    int64_t count = heed_count(&in->shape);
    int k = below(m, m->n);
    if (below(m, 2) || count > 512) {
        heed_node *x = heed_stop_gradient(resize(m, m->pool[k], &in->shape));
        return heed_cast(heed_affine(heed_sigmoid(x), in->below - 0.01, 0), HEED_I32);
    }
    for (int64_t i = 0; i < count; i++) numbers[i] = below(m, in->below);
    heed_view view = heed_view_of(numbers, HEED_I32, &in->shape);
    return heed_constant(m->graph, &view);
}

/* ---- an operation of the registry on one of its samples ---- */

static const heed_op *draw_op(maker *m)
{
    int n = 0;
    while (heed_op_at(n)) n++;
    for (;;) {
        const heed_op *op = heed_op_at(below(m, n));
        if (!(op->flags & HEED_LEAF) && !op->writes && op->sample) return op;
    }
}

static void draw_sample(maker *m, const heed_op *op, heed_sample *sample)
{
    int n = 0;
    for (; op->sample(n, sample); n++) memset(sample, 0, sizeof *sample);
    memset(sample, 0, sizeof *sample);
    op->sample(below(m, n), sample);
}

static void add_sampled(maker *m)
{
    const heed_op *op = draw_op(m);
    heed_sample sample = { .n_in = 0 };
    heed_node *in[HEED_SAMPLE_INPUTS];
    draw_sample(m, op, &sample);
    for (int i = 0; i < sample.n_in; i++) {
        const heed_sample_input *spec = &sample.in[i];
        int k = below(m, m->n);
        if (spec->index) {
            in[i] = index_of(m, spec);
            continue;
        }
        in[i] = into_range(resize(m, m->pool[k], &spec->shape), m->bound[k], spec);
        bool flows = (op->diff >> i & 1u) && !(op->flags & HEED_STOPS);
        if (!flows) in[i] = heed_stop_gradient(in[i]);
    }
    heed_node *y = heed_apply(op, sample.attr, sample.n_in, in);
    if (!y) return;
    if (!heed_is_real(y->dtype)) y = heed_cast(heed_stop_gradient(y), heed_graph_dtype(m->graph));
    if (y && y->dtype != heed_graph_dtype(m->graph)) y = heed_cast(y, heed_graph_dtype(m->graph));
    keep(m, y, 100);
}

/* ---- moves on pool values as they are ---- */

static void add_binary(maker *m)
{
    int a = below(m, m->n), b = below(m, m->n);
    heed_node *x = m->pool[a], *y = m->pool[b];
    heed_shape both;
    if (!heed_broadcast(&x->shape, &y->shape, &both) || heed_count(&both) > 2000) {
        heed_shape small = x->shape;
        for (int i = 0; i < small.rank; i++)
            if (below(m, 2)) small.dim[i] = 1;
        y = resize(m, y, &small);
    }
    double sum = m->bound[a] + m->bound[b], product = m->bound[a] * m->bound[b];
    switch (below(m, 6)) {
    case 0:
        keep(m, heed_add(x, y), sum);
        break;
    case 1:
        keep(m, heed_sub(x, y), sum);
        break;
    case 2:
        keep(m, heed_mul(x, y), product);
        break;
    case 3:
        keep(m, heed_maximum(x, y), sum);
        break;
    case 4:
        keep(m, heed_div(x, heed_affine(heed_square(y), 1, 0.5)), 2 * m->bound[a]);
        break;
    default:
        keep(m, heed_where(heed_stop_gradient(heed_less(x, y)), x, y), sum);
    }
}

static void add_unary(maker *m)
{
    int k = below(m, m->n);
    heed_node *x = m->pool[k];
    double bound = m->bound[k];
    switch (below(m, 9)) {
    case 0:
        keep(m, heed_tanh(x), 1);
        break;
    case 1:
        keep(m, heed_exp(heed_scale(x, 0.5)), exp(bound / 2));
        break;
    case 2:
        keep(m, heed_neg(x), bound);
        break;
    case 3:
        keep(m, heed_relu(x), bound);
        break;
    case 4:
        keep(m, heed_log(heed_affine(heed_square(x), 1, 1)), bound);
        break;
    case 5:
        keep(m, heed_gelu(x), bound);
        break;
    case 6:
        keep(m, heed_mul(x, heed_number(m->graph, 2 * below(m, 2) - 1)), bound);
        break;
    case 7:
        keep(m, heed_add(x, heed_full(m->graph, below(m, 2), 1)), bound + 1);
        break;
    default:
        keep(m, heed_softplus(x), bound + 1);
    }
}

static void add_reduction(maker *m)
{
    int k = below(m, m->n), axes[HEED_MAX_RANK], n = 0;
    heed_node *x = m->pool[k];
    for (int i = 0; i < x->shape.rank; i++)
        if (below(m, 2)) axes[n++] = i;
    bool keeps = below(m, 2);
    if (n == 0 || heed_count(&x->shape) == 0) return;
    switch (below(m, 4)) {
    case 0:
        keep(m, heed_sum_axes(x, axes, n, keeps), 100);
        break;
    case 1:
        keep(m, heed_max_axes(x, axes, n, keeps), m->bound[k]);
        break;
    case 2:
        keep(m, heed_softmax(x, axes[0]), 1);
        break;
    default:
        keep(m, heed_mean_axes(x, axes, n, keeps), m->bound[k]);
    }
}

/* An elementwise value of two operands, one broadcast, under another shape perhaps; and reductions
 * of it, which may end its program. */
static void add_reduced_chain(maker *m)
{
    int k = below(m, m->n), other = below(m, m->n), axes[HEED_MAX_RANK], n = 0;
    heed_node *x = m->pool[k];
    heed_shape small = x->shape;
    if (heed_count(&small) == 0 || small.rank == 0) return;
    for (int i = 0; i < small.rank; i++)
        if (below(m, 2)) small.dim[i] = 1;
    heed_node *y = heed_tanh(heed_add(x, resize(m, m->pool[other], &small)));
    if (below(m, 3) == 0 && y) y = heed_reshape_to(y, HEED_SHAPE(y->shape.dim[0], -1));
    for (int i = 0; y && i < y->shape.rank; i++)
        if (below(m, 2)) axes[n++] = i;
    if (n == 0) axes[n++] = -1;
    bool keeps = below(m, 2);
    keep(m, heed_sum_axes(heed_mul(y, y), axes, n, keeps), 100);
    if (below(m, 2)) keep(m, heed_mean_all(y), 1);
    if (below(m, 3) == 0) keep(m, heed_max(y, 0, keeps), 1);
    if (below(m, 3) == 0) keep(m, y, 1);
}

static heed_node *permuted(maker *m, heed_node *x)
{
    int32_t order[HEED_MAX_RANK];
    int axes[HEED_MAX_RANK];
    heed_permutation(&m->rng, order, x->shape.rank);
    for (int i = 0; i < x->shape.rank; i++) axes[i] = order[i];
    return heed_permute_axes(x, axes, x->shape.rank);
}

static void add_view(maker *m)
{
    int k = below(m, m->n), other = below(m, m->n);
    heed_node *x = m->pool[k];
    double bound = m->bound[k], both = fmax(bound, m->bound[other]);
    int rank = x->shape.rank, axis = rank ? below(m, rank) : 0;
    int64_t size = rank ? x->shape.dim[axis] : 0;
    heed_node *mate = resize(m, m->pool[other], &x->shape);
    switch (rank ? below(m, 8) : 8) {
    case 0:
        keep(m, permuted(m, x), bound);
        break;
    case 1:
        keep(m, heed_slice(x, axis, size / 3, size), bound);
        break;
    case 2:
        keep(m, heed_slice_step(x, axis, 0, size, 2), bound);
        break;
    case 3:
        keep(m, heed_concat(HEED_NODES(x, mate, x), axis), both);
        break;
    case 4:
        if (rank < 6) keep(m, heed_stack(HEED_NODES(mate, x), axis), both);
        break;
    case 5:
        keep(m, heed_flatten(permuted(m, x)), bound);
        break;
    case 6:
        keep(m, heed_pad(x, axis, below(m, 3), below(m, 3), 0.5), bound);
        break;
    case 7:
        if (size) keep(m, heed_index(x, axis, below(m, (int)size)), bound);
        break;
    default:
        keep(m, heed_expand(heed_unsqueeze(x, 0), 3, 1), bound);
    }
}

static void add_matmul(maker *m)
{
    int a = below(m, m->n), b = below(m, m->n);
    heed_node *x = m->pool[a];
    if (x->shape.rank < 2) return;
    heed_shape square = HEED_SHAPE(x->shape.dim[x->shape.rank - 1], 1 + below(m, 7));
    heed_node *w = resize(m, m->pool[b], &square);
    if (below(m, 2))
        w = heed_transpose(resize(m, w, &(heed_shape){ 2, { square.dim[1], square.dim[0] } }), 0,
                           1);
    keep(m, heed_matmul(x, w), 100);
}

/* ---- the whole ---- */

static void add_leaves(maker *m)
{
    static const heed_shape shapes[INPUTS] = {
        { 2, { 4, 6 } }, { 3, { 2, 3, 5 } }, { 1, { 7 } }, { 4, { 2, 1, 3, 4 } }
    };
    char name[16];
    for (int i = 0; i < INPUTS; i++) {
        snprintf(name, sizeof name, "x%d", i);
        m->x[i] = heed_input_shaped(m->graph, name, heed_graph_dtype(m->graph), shapes[i]);
        keep(m, m->x[i], 1);
    }
    m->x[INPUTS] = heed_param(heed_root(m->graph), "w", ((heed_init){ .fan_in = 1 }), 6, 5);
    keep(m, m->x[INPUTS], 1);
}

/* Gradients of `loss`, and in every fourth graph of those, squashed, once more. false: failed */
static bool add_gradients(maker *m, heed_node *loss, heed_node **outputs, int *n)
{
    heed_node *dx[INPUTS + 1], *ddx[INPUTS + 1], *slope = NULL;
    if (!heed_gradient_partial(loss, NULL, m->x, INPUTS + 1, dx)) return false;
    bool again = below(m, 4) == 0;
    for (int i = 0; i <= INPUTS; i++) {
        if (!dx[i]) continue;
        outputs[(*n)++] = dx[i];
        if (!again) continue;
        heed_node *part = heed_mean_all(heed_square(heed_tanh(heed_affine(dx[i], 1, 0.3))));
        slope = slope ? heed_add(slope, part) : part;
    }
    if (!slope) return true;
    if (!heed_gradient_partial(slope, NULL, m->x, INPUTS + 1, ddx)) return false;
    for (int i = 0; i <= INPUTS; i++)
        if (ddx[i]) outputs[(*n)++] = ddx[i];
    return true;
}

static int take_outputs(maker *m, heed_node **outputs)
{
    int n = 0, some = 2 + below(m, 4);
    heed_node *loss = heed_number(m->graph, 0);
    for (int i = 0; i < some; i++) outputs[n++] = m->pool[below(m, m->n)];
    for (int i = 0; i < 3; i++) {
        heed_node *y = m->pool[m->n - 1 - below(m, m->n / 2)];
        loss = heed_add(loss, heed_mean_all(heed_mul(y, heed_tanh(heed_affine(y, 0.7, 0.2)))));
    }
    outputs[n++] = loss;
    return add_gradients(m, loss, outputs, &n) && !heed_graph_failed(m->graph) ? n : 0;
}

int random_graph_make(heed_graph *graph, uint64_t seed, heed_node **outputs)
{
    static void (*const moves[])(maker *) = { add_sampled,   add_sampled,      add_binary,
                                              add_binary,    add_unary,        add_unary,
                                              add_view,      add_view,         add_matmul,
                                              add_reduction, add_reduced_chain };
    maker m = { .graph = graph, .rng = heed_rng_new(seed, 77) };
    add_leaves(&m);
    int steps = 5 + below(&m, 40);
    for (int i = 0; i < steps && !heed_graph_failed(graph); i++)
        moves[below(&m, sizeof moves / sizeof moves[0])](&m);
    return take_outputs(&m, outputs);
}

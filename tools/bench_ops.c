/* bench_ops.c - ops/NAME: any operation of the registry on a large input.
 *
 * The descriptor's own large case, or one of its samples, enlarged: equal dimensions of a sample
 * grow together, as long as the shape rule takes them. */
#include <stdio.h>
#include <string.h>

#include "graph/internal.h"
#include "tools/bench.h"

enum { INNER = 512, MOST_ROUNDS = 24 };
static const double LARGE_BYTES = 128 << 20; /* that have to move: far more than caches hold */

static void draw_indices(const heed_sample_input *spec, int i, int32_t *to)
{
    heed_rng rng = heed_rng_new(1, (uint64_t)i);
    for (int64_t k = 0; k < heed_count(&spec->shape); k++)
        to[k] = (int32_t)heed_random_below(&rng, (uint32_t)spec->below);
}

/* Indices that a plan is made of are known beforehand, as they are in a graph's layers. */
static heed_node *constant_indices(heed_graph *graph, const heed_sample_input *spec, int i)
{
    const size_t n = (size_t)heed_count(&spec->shape);
    int32_t *data = heed_graph_memory(graph, n * sizeof *data);
    if (!data) return NULL;
    draw_indices(spec, i, data);
    const heed_view view = heed_view_of(data, HEED_I32, &spec->shape);
    return heed_constant(graph, &view);
}

/* The operation as the sample says; NULL: it does not fit. */
static heed_node *apply(heed_graph *graph, const heed_op *op, const heed_sample *sample)
{
    heed_node *in[HEED_SAMPLE_INPUTS] = { NULL };
    char name[16];
    for (int i = 0; i < sample->n_in; i++) {
        const heed_sample_input *spec = &sample->in[i];
        snprintf(name, sizeof name, "x%d", i);
        if (spec->plan_of > 0) {
            const int of = spec->plan_of - 1;
            in[of] = constant_indices(graph, &sample->in[of], of);
            in[i] = heed_csr(in[of], spec->below);
        } else {
            in[i] = heed_input_shaped(graph, name, spec->index ? HEED_I32 : HEED_F32, spec->shape);
        }
    }
    return heed_apply(op, sample->attr, sample->n_in, in);
}

/* Every input read and every output written once. */
static double bytes_of(const heed_node *y)
{
    double bytes = (double)heed_count(&y->shape) * (double)heed_dtype_size(y->dtype);
    if (y->has_aux)
        bytes += (double)heed_count(&y->aux_shape) * (double)heed_dtype_size(y->aux_dtype);
    for (int i = 0; i < y->n_in; i++) {
        int64_t in = heed_count(&y->in[i]->shape), out = heed_count(&y->shape);
        bool part = y->op->view && out < in; /* a slice leaves the rest alone */
        bytes += (double)(part ? out : in) * (double)heed_dtype_size(y->in[i]->dtype);
    }
    return bytes;
}

/* What the sample moves; 0 when it does not fit, or is a view of something far larger. */
static double sample_bytes(const heed_op *op, const heed_sample *sample)
{
    heed_graph *graph = heed_graph_new(.training = true);
    heed_node *y = apply(graph, op, sample);
    double bytes = y ? bytes_of(y) : 0;
    for (int i = 0; i < sample->n_in; i++) {
        size_t size;
        if (!heed_count_checked(&sample->in[i].shape, 4, &size) || (double)size > 2 * LARGE_BYTES)
            bytes = 0;
    }
    heed_graph_free(graph);
    return bytes;
}

/* All dimensions of size `from` become `to`, where that fits and moves more, but not too much. */
static bool enlarge(const heed_op *op, heed_sample *sample, int64_t from, int64_t to)
{
    heed_sample larger = *sample;
    for (int i = 0; i < larger.n_in; i++) {
        heed_sample_input *in = &larger.in[i];
        for (int d = 0; d < in->shape.rank; d++)
            if (in->shape.dim[d] == from) in->shape.dim[d] = to;
        if (in->index && (in->below == from || in->below == from + 1)) in->below = (int)to;
    }
    double before = sample_bytes(op, sample), after = sample_bytes(op, &larger);
    if (after <= before || after > 2 * LARGE_BYTES) return false;
    *sample = larger;
    return true;
}

/* The innermost axis first, up to INNER; then the others, outermost first, by doubling. */
static double enlarge_sample(const heed_op *op, heed_sample *sample)
{
    const heed_shape *shape = &sample->in[0].shape;
    if (shape->rank == 0) return 0;
    int64_t inner = shape->dim[shape->rank - 1];
    if (shape->rank > 1 && inner > 1 && inner < INNER && !enlarge(op, sample, inner, INNER))
        enlarge(op, sample, inner, inner * (INNER / inner));
    for (int i = 0; i < sample->n_in; i++) {
        for (int d = 0; d < sample->in[i].shape.rank; d++) {
            for (int round = 0; round < MOST_ROUNDS; round++) {
                int64_t size = sample->in[i].shape.dim[d];
                if (size < 2 || sample_bytes(op, sample) >= LARGE_BYTES) break;
                if (!enlarge(op, sample, size, 2 * size)) break;
            }
        }
    }
    return sample_bytes(op, sample);
}

/* Of elementwise operations: no broadcasting. */
static bool large_elementwise(const heed_op *op, heed_sample *sample)
{
    if (!op->sample(0, sample)) return false;
    int64_t rows = (int64_t)LARGE_BYTES / 4 / (INNER * (sample->n_in + 1));
    for (int i = 0; i < sample->n_in; i++) sample->in[i].shape = HEED_SHAPE(rows, INNER);
    return sample_bytes(op, sample) > 0;
}

static bool find_large(const heed_op *op, heed_sample *best)
{
    double most = 0;
    heed_sample sample = { .n_in = 0 };
    if (op->large) return op->large(best);
    if (op->tile && op->sample) return large_elementwise(op, best);
    for (int k = 0; op->sample && op->sample(k, &sample); k++) {
        double bytes = enlarge_sample(op, &sample);
        if (bytes > 1.2 * most) {
            *best = sample;
            most = bytes;
        }
        memset(&sample, 0, sizeof sample);
    }
    return most > 0;
}

bool bench_build_op(bench_case *c, const char *name, heed_error *error)
{
    const heed_op *op = heed_find_op(name);
    if (!op) return heed_fail(error, "'%s': there is no operation %s", c->name, name);
    if (op->flags & HEED_LEAF || op->writes || op->body || !find_large(op, &c->sample))
        return heed_fail(error, "'%s': %s has no input that could be large", c->name, op->name);
    heed_node *y = apply(c->graph, op, &c->sample);
    c->outputs[c->n_outputs++] = y && op->view ? heed_apply(&heed_op_copy, NULL, 1, &y) : y;
    if (!y) return true;
    c->limit = op->limit;
    c->passes = "-place,-simplify"; /* which spare a concat, or a factor of 1, its work */
    c->bytes = bytes_of(y);
    c->flops = heed_node_flops(y);
    return true;
}

/* Numbers as the sample wants them. */
void bench_fill_op(const bench_case *c, heed_program *program)
{
    char name[16];
    for (int i = 0; i < c->sample.n_in; i++) {
        const heed_sample_input *spec = &c->sample.in[i];
        heed_rng rng = heed_rng_new(1, (uint64_t)i);
        snprintf(name, sizeof name, "x%d", i);
        heed_view view = heed_program_input(program, name);
        const bool any = spec->low == 0 && spec->high == 0;
        if (!view.data) continue; /* known beforehand */
        if (spec->index)
            draw_indices(spec, i, view.data);
        else
            heed_fill_uniform(&rng, &view, any ? -2 : spec->low, any ? 2 : spec->high);
    }
}

void bench_tell_op(const bench_case *c, char *text, size_t size)
{
    size_t used = 0;
    *text = '\0';
    for (int i = 0; i < c->sample.n_in && used + 40 < size; i++) {
        char shape[HEED_SHAPE_TEXT];
        heed_shape_print(&c->sample.in[i].shape, shape, sizeof shape);
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? " " : "", shape);
    }
    if (c->limit && used < size) snprintf(text + used, size - used, "  (limit: %s)", c->limit);
}

/* gradcheck.c - reverse rules against central differences, in double precision. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "graph/gradcheck.h"
#include "graph/internal.h"
#include "tensor/rng.h"

/* Fourth-order stencil: the error of a smooth function is about STEP^4 + rounding / STEP. */
#define STEP 1e-3

typedef struct check { /* one sample, one subset */
    const heed_op *op;
    heed_gradcheck_options options;
    heed_gradcheck_result *result;
    heed_store *store; /* what the op overwrites */
    heed_graph *graph;
    heed_node *in[HEED_SAMPLE_INPUTS], *y, *r;
    heed_node *x[HEED_SAMPLE_INPUTS];  /* the subset ... */
    heed_node *dx[HEED_SAMPLE_INPUTS]; /* ... and its gradients under r */
    heed_node *q[HEED_SAMPLE_INPUTS];  /* cotangents of the gradients, for order 2 */
    int n_in, n_x, sample;
    unsigned subset;
} check;

static double tolerance_of(const heed_gradcheck_options *options)
{
    return options->tolerance > 0 ? options->tolerance : 1e-6;
}

static bool failed(heed_gradcheck_result *result, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static bool failed(heed_gradcheck_result *result, const char *format, ...)
{
    if (!result->passed) return false;
    result->passed = false;
    va_list list;
    va_start(list, format);
    vsnprintf(result->why, sizeof result->why, format, list);
    va_end(list);
    return false;
}

/* Compare one number; remember the worst. A NaN is the worst of all. */
static void compare(heed_gradcheck_result *result, const heed_gradcheck_options *options, int order,
                    double analytic, double numeric, const char *where)
{
    double scale = fmax(1, fmax(fabs(analytic), fabs(numeric)));
    double error = fabs(analytic - numeric) / scale;
    result->compared++;
    bool fine = error <= tolerance_of(options);
    if (error > result->worst[order - 1] || isnan(error)) {
        if (!isnan(result->worst[order - 1])) result->worst[order - 1] = error;
        if (!(error <= fmax(result->worst[0], result->worst[1])) ||
            error == fmax(result->worst[0], result->worst[1]))
            snprintf(result->where, sizeof result->where, "%s", where);
    }
    if (!fine)
        failed(result, "%s: the graph says %.9g, differences say %.9g (relative error %.3g)", where,
               analytic, numeric, error);
}

/* ---- random inputs as the sample describes them ---- */

static void fill_input(const heed_sample_input *spec, heed_rng *rng, const heed_view *view)
{
    int64_t n = heed_count(&view->shape);
    double low = spec->low, high = spec->high;
    double margin = spec->margin > 0 ? spec->margin : 0.05;
    if (low == 0 && high == 0) low = -2, high = 2;
    for (int64_t i = 0; i < n; i++) {
        double value = low + (high - low) * heed_random_uniform(rng);
        if (spec->index) value = heed_random_below(rng, (uint32_t)spec->below);
        if (spec->avoid && fabs(value - spec->kink) < margin)
            value = spec->kink + (value < spec->kink ? -margin : margin) * 1.5;
        heed_set(view, i, value);
    }
    if (!spec->distinct || spec->index) return;
    for (int64_t i = 0; i < n; i++) /* a shuffled ladder: steps of (high - low) / n */
        heed_set(view, i, low + (high - low) * ((double)i + 0.5) / (double)n);
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = heed_random_below(rng, (uint32_t)i + 1);
        double a = heed_get(view, i);
        heed_set(view, i, heed_get(view, j));
        heed_set(view, j, a);
    }
}

static void fill_program(const check *c, const heed_sample *sample, heed_program *p)
{
    char name[16];
    for (int i = 0; i < c->n_in; i++) {
        heed_rng rng = heed_rng_new(c->options.seed + 1, (uint64_t)(c->sample * 64 + i));
        snprintf(name, sizeof name, "x%d", i);
        heed_view view = heed_program_input(p, name);
        if (view.data) fill_input(&sample->in[i], &rng, &view);
    }
    heed_rng rng = heed_rng_new(c->options.seed + 2, (uint64_t)c->sample);
    heed_view r = heed_program_input(p, "r");
    if (r.data) heed_fill_uniform(&rng, &r, -1, 1);
    for (int k = 0; k < c->n_x; k++) {
        snprintf(name, sizeof name, "q%d", k);
        heed_view q = heed_program_input(p, name);
        if (q.data) heed_fill_uniform(&rng, &q, -1, 1);
    }
}

static double dot(const heed_view *a, const heed_view *b)
{
    double sum = 0;
    int64_t n = heed_count(&a->shape);
    for (int64_t i = 0; i < n; i++) sum += heed_get(a, i) * heed_get(b, i);
    return sum;
}

static bool run(heed_program *p)
{
    heed_program_set_step(p, 0); /* the same dropout mask every time */
    return heed_program_run(p);
}

/* sum over outputs of <cotangent, output>; cotangents are inputs `names` of the program. */
static double value_of(heed_program *p, int n, const char *prefix)
{
    double sum = 0;
    char name[16];
    run(p);
    for (int k = 0; k < n; k++) {
        snprintf(name, sizeof name, n > 1 || *prefix == 'q' ? "%s%d" : "%s", prefix, k);
        heed_view y = heed_program_output(p, k), r = heed_program_input(p, name);
        sum += dot(&r, &y);
    }
    return sum;
}

/* d value / d element of an input, by differences. */
static double slope(heed_program *p, const heed_view *x, int64_t i, int n, const char *prefix)
{
    static const double at[4] = { 2, 1, -1, -2 }, weight[4] = { -1, 8, -8, 1 };
    double middle = heed_get(x, i), sum = 0;
    for (int k = 0; k < 4; k++) {
        heed_set(x, i, middle + at[k] * STEP);
        sum += weight[k] * value_of(p, n, prefix);
    }
    heed_set(x, i, middle);
    return sum / (12 * STEP);
}

/* ---- building ---- */

static bool build(check *c, const heed_sample *sample)
{
    char name[16];
    c->graph = heed_graph_new(.dtype = HEED_F64, .training = true, .store = c->store);
    c->n_in = sample->n_in;
    for (int i = 0; i < sample->n_in; i++) {
        const heed_sample_input *spec = &sample->in[i];
        snprintf(name, sizeof name, "x%d", i);
        c->in[i] =
            heed_bit(c->op->writes, i)
                ? heed_state_shaped(heed_root(c->graph), name, HEED_ONES, spec->shape)
                : heed_input_shaped(c->graph, name, spec->index ? HEED_I32 : HEED_F64, spec->shape);
    }
    c->y = heed_apply(c->op, sample->attr, sample->n_in, c->in);
    if (!c->y) return failed(c->result, "sample %d: %s", c->sample, heed_why(c->graph));
    if (heed_is_real(c->y->dtype))
        c->r = heed_input_shaped(c->graph, "r", c->y->dtype, c->y->shape);
    for (int i = 0; i < sample->n_in; i++)
        if (c->subset >> i & 1) c->x[c->n_x++] = c->in[i];
    return true;
}

static heed_program *compile(check *c, heed_node *const *outputs, int n)
{
    heed_program *p = heed_compile(c->graph, outputs, n, .threads = 1, .fill_nan = true);
    if (!p) failed(c->result, "sample %d: %s", c->sample, heed_why(c->graph));
    return p;
}

static const char *place(const check *c, int order, const char *of, int64_t i, char *text,
                         size_t size)
{
    char inputs[64] = "";
    size_t used = 0;
    for (int k = 0; k < c->n_in; k++)
        if (c->subset >> k & 1)
            used +=
                (size_t)snprintf(inputs + used, sizeof inputs - used, "%s%d", used ? "," : "", k);
    snprintf(text, size, "%s: sample %d, order %d, inputs {%s}, d/d%s[%lld]", c->op->name,
             c->sample, order, inputs, of, (long long)i);
    return text;
}

/* Every element of input `name`: differences of `numeric` against output k of `analytic`. */
static void compare_input(check *c, int order, heed_program *numeric, int n, const char *prefix,
                          const char *name, const heed_view *analytic)
{
    heed_view x = heed_program_input(numeric, name);
    int64_t count = heed_count(&x.shape);
    for (int64_t i = 0; i < count; i++) {
        char where[160];
        double a = analytic ? heed_get(analytic, i) : 0;
        compare(c->result, &c->options, order, a, slope(numeric, &x, i, n, prefix),
                place(c, order, name, i, where, sizeof where));
    }
}

static void first_order(check *c, const heed_sample *sample, heed_program *gradient)
{
    heed_program *forward = compile(c, &c->y, 1);
    if (forward) {
        fill_program(c, sample, forward);
        fill_program(c, sample, gradient);
        run(gradient);
        for (int k = 0; k < c->n_x; k++) {
            heed_view dx = heed_program_output(gradient, k);
            compare_input(c, 1, forward, 1, "r", c->x[k]->name, &dx);
        }
    }
    heed_program_free(forward);
}

/* The gradients' own gradients: d sum <q_k, dx_k> / d (x, r). */
static bool build_second(check *c, heed_node **of, heed_node **second)
{
    int n = c->n_x + 1;
    char name[16];
    for (int k = 0; k < c->n_x; k++) {
        snprintf(name, sizeof name, "q%d", k);
        c->q[k] = heed_input_shaped(c->graph, name, HEED_F64, c->dx[k]->shape);
        of[k] = c->x[k];
    }
    of[c->n_x] = c->r;
    for (int i = 0; i < n; i++) second[i] = NULL;
    for (int k = 0; k < c->n_x; k++) {
        heed_node *part[HEED_SAMPLE_INPUTS + 1];
        if (!heed_gradient_partial(c->dx[k], c->q[k], of, n, part)) return false;
        for (int i = 0; i < n; i++) {
            if (!part[i]) continue;
            heed_node *terms[2] = { second[i], part[i] };
            second[i] = second[i] ? heed_accumulate(terms, 2) : part[i];
        }
    }
    return !heed_graph_failed(c->graph);
}

static void second_order(check *c, const heed_sample *sample)
{
    heed_node *of[HEED_SAMPLE_INPUTS + 1], *second[HEED_SAMPLE_INPUTS + 1];
    heed_node *outputs[HEED_SAMPLE_INPUTS + 1];
    int index[HEED_SAMPLE_INPUTS + 1], n = 0;
    if (!build_second(c, of, second)) {
        snprintf(c->result->second, sizeof c->result->second, "%s", heed_why(c->graph));
        return;
    }
    for (int i = 0; i <= c->n_x; i++) {
        index[i] = n;
        if (second[i]) outputs[n++] = second[i];
    }
    heed_program *numeric = compile(c, c->dx, c->n_x);
    heed_program *analytic = n ? compile(c, outputs, n) : NULL;
    if (numeric && (analytic || !n)) {
        fill_program(c, sample, numeric);
        if (analytic) {
            fill_program(c, sample, analytic);
            run(analytic);
        }
        for (int i = 0; i <= c->n_x; i++) {
            heed_view view;
            if (second[i]) view = heed_program_output(analytic, index[i]);
            compare_input(c, 2, numeric, c->n_x, "q", of[i]->name, second[i] ? &view : NULL);
        }
    }
    heed_program_free(numeric);
    heed_program_free(analytic);
}

static void check_subset(check *c, const heed_sample *sample)
{
    if (!build(c, sample)) return;
    c->result->subsets++;
    if (!heed_gradient(c->y, c->r, c->x, c->n_x, c->dx)) {
        failed(c->result, "sample %d: %s", c->sample, heed_why(c->graph));
        return;
    }
    heed_program *gradient = compile(c, c->dx, c->n_x);
    if (!gradient) return;
    if (c->options.order != 2) first_order(c, sample, gradient);
    heed_program_free(gradient);
    if (c->options.order != 1 && !*c->result->second) second_order(c, sample);
}

/* An op without gradient: it must run, leave no NaN, and refuse a gradient. One that accounts for a
 * statistic of its other inputs must run and leave no NaN: its rule is right for the true statistic
 * only, and is checked as second order of the op that fills it. */
static void check_undifferentiable(check *c, const heed_sample *sample)
{
    if (!build(c, sample)) return;
    heed_program *p = compile(c, &c->y, 1);
    if (!p) return;
    fill_program(c, sample, p);
    run(p);
    heed_view y = heed_program_output(p, 0);
    int64_t n = heed_count(&y.shape);
    for (int64_t i = 0; i < n; i++, c->result->compared++)
        if (isnan(heed_get(&y, i)))
            failed(c->result, "sample %d: element %lld is NaN", c->sample, (long long)i);
    heed_program_free(p);
    if (c->op->flags & HEED_STOPS || c->op->accounts || !c->r || !heed_is_real(c->in[0]->dtype))
        return;
    if (heed_gradient_partial(c->y, c->r, c->in, 1, c->dx))
        failed(c->result, "sample %d: a gradient is given, though none is declared", c->sample);
}

heed_gradcheck_result heed_gradcheck_op(const heed_op *op, heed_gradcheck_options options)
{
    heed_gradcheck_result result = { .passed = true };
    heed_sample sample = { .n_in = 0 };
    for (int k = 0; op->sample && op->sample(k, &sample); k++) {
        unsigned diff = 0;
        for (int i = 0; i < sample.n_in; i++)
            if (heed_bit(op->diff, i) && !sample.in[i].index && !op->accounts) diff |= 1u << i;
        result.samples++;
        for (unsigned subset = diff; subset || !diff; subset = (subset - 1) & diff) {
            check c = {
                .op = op, .options = options, .result = &result, .sample = k, .subset = subset
            };
            if (op->writes) c.store = heed_store_new(options.seed);
            if (diff)
                check_subset(&c, &sample);
            else
                check_undifferentiable(&c, &sample);
            heed_graph_free(c.graph);
            heed_store_free(c.store);
            if (!diff || !((subset - 1) & diff)) break;
        }
        memset(&sample, 0, sizeof sample);
    }
    if (!result.compared && !(op->flags & HEED_LEAF))
        failed(&result, "%s: nothing was compared", op->name);
    return result;
}

/* ---- whole models ---- */

typedef struct model_check {
    heed_program *forward, *gradient;
    heed_node **params, **dx;
    int n;
} model_check;

static bool build_model_check(model_check *m, heed_node *loss, const char *prefix)
{
    heed_graph *graph = loss->graph;
    const int all = heed_graph_params(graph, NULL, 0);
    m->params = heed_graph_memory(graph, (size_t)(all + 1) * sizeof *m->params);
    m->dx = heed_graph_memory(graph, (size_t)(all + 1) * sizeof *m->dx);
    if (!m->params || !m->dx) return false;
    m->n = heed_graph_params_under(graph, prefix, m->params, all);
    if (m->n == 0) return heed_graph_fail(graph, "gradcheck: the loss has no parameters") != NULL;
    if (!heed_gradient(loss, NULL, m->params, m->n, m->dx)) return false;
    m->forward = heed_compile(graph, &loss, 1, .threads = 1, .fill_nan = true);
    m->gradient = heed_compile(graph, m->dx, m->n, .threads = 1, .fill_nan = true);
    return m->forward && m->gradient;
}

static double loss_slope(heed_program *p, const heed_view *x, int64_t i)
{
    static const double at[4] = { 2, 1, -1, -2 }, weight[4] = { -1, 8, -8, 1 };
    double middle = heed_get(x, i), sum = 0;
    for (int k = 0; k < 4; k++) {
        heed_set(x, i, middle + at[k] * STEP);
        run(p);
        heed_view loss = heed_program_output(p, 0);
        sum += weight[k] * heed_get(&loss, 0);
    }
    heed_set(x, i, middle);
    return sum / (12 * STEP);
}

heed_gradcheck_result heed_gradcheck_loss(heed_node *loss, int most,
                                          void (*fill)(void *context, heed_program *program),
                                          void *context, heed_gradcheck_options options)
{
    heed_gradcheck_result result = { .passed = true, .samples = 1 };
    model_check m = { .n = 0 };
    if (!loss || loss->dtype != HEED_F64 || heed_count(&loss->shape) != 1) {
        failed(&result, "gradcheck: the loss must be one f64 number%s%s", loss ? "" : ": ",
               loss ? "" : "it was not built");
        return result;
    }
    if (!build_model_check(&m, loss, options.prefix)) {
        failed(&result, "%s", heed_why(loss->graph));
    } else {
        if (fill) fill(context, m.forward);
        if (fill) fill(context, m.gradient);
        run(m.gradient);
    }
    for (int k = 0; result.passed && k < m.n; k++) {
        const heed_view *x = &m.params[k]->entry->tensor->view;
        heed_view dx = heed_program_output(m.gradient, k);
        int64_t count = heed_count(&x->shape);
        int64_t step = most > 0 && count > most ? count / most : 1;
        for (int64_t i = 0; i < count; i += step) {
            char where[160];
            snprintf(where, sizeof where, "d loss / d %.100s[%lld]", m.params[k]->name,
                     (long long)i);
            compare(&result, &options, 1, heed_get(&dx, i), loss_slope(m.forward, x, i), where);
        }
    }
    result.subsets = m.n;
    if (!result.compared) failed(&result, "gradcheck: the loss has no parameters");
    heed_program_free(m.forward);
    heed_program_free(m.gradient);
    return result;
}

/* ops_class_losses.c - cross entropy and negative log-likelihood with every option against a plain
 * loop, in f32 and f64, through strides; gradients; masked and extreme logits; refusals. */
#include "tests/ops_kit.h"

enum { BATCH = 3, LENGTH = 5, ROWS = BATCH * LENGTH, CLASSES = 7, COUNT = ROWS * CLASSES };

/* Numbers of a golden-ratio sequence in [low, high), as floats. */
static void fill(double *x, int n, double low, double high, int stream)
{
    for (int i = 0; i < n; i++) {
        double u = fmod(0.137 + (i + 1) * 0.6180339887498949 + stream * 0.7548776662466927, 1);
        x[i] = (float)(low + (high - low) * u);
    }
}

typedef struct problem {
    double x[COUNT], soft[COUNT], weight[CLASSES], target[ROWS];
} problem;

/* Targets in range but for one below and one above. */
static problem make_problem(void)
{
    problem p;
    fill(p.x, COUNT, -3, 3, 0);
    fill(p.soft, COUNT, 0, 1, 1);
    fill(p.weight, CLASSES, 0.2, 2, 2);
    for (int i = 0; i < ROWS; i++) p.target[i] = i * 3 % CLASSES;
    p.target[4] = -100, p.target[9] = CLASSES;
    return p;
}

/* What is asked of the loss. */
typedef struct request {
    bool weighted, ignore, soft, nll;
    int ignore_index;
    double smoothing;
} request;

static const request requests[] = {
    { .smoothing = 0 },
    { .weighted = true },
    { .ignore = true, .ignore_index = 0 },
    { .ignore = true, .ignore_index = 3, .weighted = true },
    { .smoothing = 0.1 },
    { .smoothing = 0.3, .weighted = true, .ignore = true, .ignore_index = 6 },
    { .smoothing = 1 },
    { .soft = true },
    { .soft = true, .weighted = true },
    { .soft = true, .weighted = true, .smoothing = 0.2 },
    { .nll = true },
    { .nll = true, .weighted = true, .ignore = true, .ignore_index = 0 },
};
enum { N_REQUESTS = sizeof requests / sizeof requests[0] };

/* The loss of one row, and what it counts in the mean. */
static double row_loss(const problem *p, const request *q, int row, double *share)
{
    const double *x = p->x + row * CLASSES;
    double sum = 0, loss = 0;
    const int t = (int)p->target[row];
    for (int c = 0; c < CLASSES; c++) sum += exp(x[c]);
    *share = q->soft ? 1 : 0;
    if (!q->soft && (t < 0 || t >= CLASSES || (q->ignore && t == q->ignore_index))) return 0;
    if (!q->soft) *share = q->weighted ? p->weight[t] : 1;
    for (int c = 0; c < CLASSES; c++) {
        double part = q->soft ? p->soft[row * CLASSES + c] : c == t;
        part = part * (1 - q->smoothing) + q->smoothing / CLASSES;
        loss -= part * (q->weighted ? p->weight[c] : 1) * (q->nll ? x[c] : x[c] - log(sum));
    }
    return loss;
}

static heed_node *build(const request *q, heed_node *x, heed_node *target, heed_node *weight,
                        heed_loss_reduction reduction)
{
    if (!q->weighted) weight = NULL;
    if (q->nll) {
        return heed_nll_loss(x, target, .reduction = reduction, .weight = weight,
                             .ignore = q->ignore, .ignore_index = q->ignore_index);
    }
    return heed_cross_entropy(x, target, .reduction = reduction, .weight = weight,
                              .ignore = q->ignore, .ignore_index = q->ignore_index,
                              .label_smoothing = q->smoothing);
}

static void check_values(const problem *p, const request *q, heed_dtype dtype,
                         heed_loss_reduction reduction)
{
    heed_graph *g = heed_graph_new(.dtype = dtype);
    const heed_shape whole = HEED_SHAPE(BATCH, LENGTH, CLASSES), rows = HEED_SHAPE(BATCH, LENGTH);
    heed_node *x = kit_strided(g, dtype, whole, p->x);
    heed_node *target =
        q->soft ? kit_strided(g, dtype, whole, p->soft) : kit_strided(g, HEED_I32, rows, p->target);
    heed_node *weight = kit_constant(g, dtype, HEED_SHAPE(CLASSES), p->weight);
    kit_values v = kit_values_of(build(q, x, target, weight, reduction));
    double sum = 0, shares = 0;
    const double tolerance = dtype == HEED_F64 ? 1e-12 : 1e-5;
    for (int i = 0; i < ROWS; i++) {
        double share, loss = row_loss(p, q, i, &share);
        sum += loss, shares += share;
        if (reduction == HEED_LOSS_NONE)
            cr_expect(fabs(v.value[i] - loss) <= tolerance * fmax(1, fabs(loss)),
                      "request %d, row %d: %.9g, not %.9g", (int)(q - requests), i, v.value[i],
                      loss);
    }
    cr_assert_eq(v.n, reduction == HEED_LOSS_NONE ? ROWS : 1);
    double exact = reduction == HEED_LOSS_MEAN ? sum / shares : sum;
    if (v.n == 1)
        cr_expect(fabs(v.value[0] - exact) <= tolerance * fmax(1, fabs(exact)),
                  "request %d: %.9g, not %.9g", (int)(q - requests), v.value[0], exact);
    heed_free(v.value);
    heed_graph_free(g);
}

Test(ops_class_losses, values)
{
    const problem p = make_problem();
    for (int i = 0; i < N_REQUESTS; i++)
        for (int k = 0; k < 6; k++)
            check_values(&p, &requests[i], k < 3 ? HEED_F32 : HEED_F64,
                         (heed_loss_reduction)(k % 3));
}

static heed_node *parameter(heed_graph *g, const char *name, heed_shape shape, const double *values)
{
    heed_node *x = heed_param_shaped(heed_root(g), name, HEED_ZEROS, shape);
    cr_assert_not_null(x);
    heed_view view = heed_store_find(heed_graph_store(g), name)->tensor->view;
    for (int64_t i = 0; i < heed_count(&shape); i++) heed_set(&view, i, values[i]);
    return x;
}

Test(ops_class_losses, gradients)
{
    const problem p = make_problem();
    enum { FEW = 5 };
    for (int i = 0; i < N_REQUESTS; i++) {
        heed_store *store = heed_store_new(1);
        heed_graph *g = heed_graph_new(.store = store, .dtype = HEED_F64);
        const request *q = &requests[i];
        heed_node *x = parameter(g, "x", HEED_SHAPE(FEW, CLASSES), p.x), *weight = NULL;
        heed_node *target = kit_constant(g, HEED_I32, HEED_SHAPE(FEW), p.target);
        if (q->soft) target = parameter(g, "soft", HEED_SHAPE(FEW, CLASSES), p.soft);
        if (q->weighted) weight = parameter(g, "weight", HEED_SHAPE(CLASSES), p.weight);
        char what[32];
        snprintf(what, sizeof what, "request %d", i);
        kit_check_gradients(build(q, x, target, weight, (heed_loss_reduction)(i % 3)), what);
        heed_graph_free(g);
        heed_store_free(store);
    }
}

/* ---- masked and extreme logits ---- */

static void expect_numbers(heed_node *y, const double *exact)
{
    kit_values v = kit_values_of(y);
    for (int64_t i = 0; i < v.n; i++)
        cr_expect(v.value[i] == exact[i] || fabs(v.value[i] - exact[i]) < 1e-6,
                  "[%d] is %g, not %g", (int)i, v.value[i], exact[i]);
    heed_free(v.value);
}

/* Logits of -inf have probability 0: a target that gives them none costs nothing, and no slope is
 * NaN. Logits of 1e4 are as good as certain. */
Test(ops_class_losses, masked_and_extreme)
{
    const double x[] = { 0, -INFINITY, 0, 1e4, -1e4, -1e4, -1e4, 1e4, -INFINITY };
    const double soft[] = { 0.5, 0, 0.5, 1, 0, 0, 1, 0, 0 };
    const double loss[] = { log(2), 0, 2e4 }, slope[] = { 0, 0, 0, 0, 0, 0, -1, 1, 0 };
    const double hard_slope[] = { -0.5, 0, 0.5, 0, 0, 0, -1, 1, 0 };
    for (int k = 0; k < 2; k++) {
        heed_graph *g = heed_graph_new(.dtype = k ? HEED_F64 : HEED_F32);
        heed_node *logits = kit_constant(g, heed_graph_dtype(g), HEED_SHAPE(3, 3), x), *dx;
        heed_node *p = kit_constant(g, heed_graph_dtype(g), HEED_SHAPE(3, 3), soft);
        heed_node *t = kit_constant(g, HEED_I32, HEED_SHAPE(3), (double[]){ 0, 0, 0 });
        heed_node *y = heed_cross_entropy(logits, p, .reduction = HEED_LOSS_NONE);
        expect_numbers(y, loss);
        cr_assert(heed_gradient(heed_sum_all(y), NULL, &logits, 1, &dx));
        expect_numbers(dx, slope);
        y = heed_cross_entropy(logits, t, .reduction = HEED_LOSS_NONE);
        expect_numbers(y, loss);
        cr_assert(heed_gradient(heed_sum_all(y), NULL, &logits, 1, &dx));
        expect_numbers(dx, hard_slope);
        heed_graph_free(g);
    }
}

/* Of nothing at all, the mean is 0, and so is the gradient. */
Test(ops_class_losses, all_left_out)
{
    heed_graph *g = heed_graph_new();
    heed_node *x = kit_constant(g, HEED_F32, HEED_SHAPE(2, 2), (double[]){ 1, 2, 3, 4 }), *dx;
    heed_node *t = kit_constant(g, HEED_I32, HEED_SHAPE(2), (double[]){ 0, -1 });
    heed_node *w = kit_constant(g, HEED_F32, HEED_SHAPE(2), (double[]){ 0, 1 });
    heed_node *y[4] = {
        heed_cross_entropy(x, t, .ignore = true),
        heed_cross_entropy(x, t, .weight = w),
        heed_cross_entropy(x, t, .ignore = true, .label_smoothing = 0.1),
        heed_nll_loss(x, t, .ignore = true),
    };
    for (int k = 0; k < 4; k++) {
        cr_expect(kit_number(y[k]) == 0);
        cr_assert(heed_gradient(y[k], NULL, &x, 1, &dx));
        expect_numbers(dx, (double[4]){ 0 });
    }
    heed_graph_free(g);
}

/* ---- refusals ---- */

static void expect_refused(heed_graph *g, const heed_node *y, const char *words)
{
    cr_expect_null(y);
    cr_assert_not_null(heed_why(g));
    cr_expect(strstr(heed_why(g), words), "%s", heed_why(g));
    cr_expect(strstr(heed_why(g), __FILE__), "the line: %s", heed_why(g));
    heed_graph_free(g);
}

Test(ops_class_losses, refusals)
{
    heed_graph *g = heed_graph_new();
    heed_node *x = heed_full(g, 1, 3, 4), *t = heed_input(g, "t", HEED_I32, 3);
    expect_refused(g, heed_cross_entropy(x, t, .label_smoothing = 2), "label_smoothing");
    g = heed_graph_new(), x = heed_full(g, 1, 3, 4), t = heed_input(g, "t", HEED_I32, 4);
    expect_refused(g, heed_cross_entropy(x, t), "the target must have the shape without");
    g = heed_graph_new(), x = heed_full(g, 1, 3, 4), t = heed_input(g, "t", HEED_I32, 3);
    expect_refused(g, heed_cross_entropy(x, t, .weight = heed_full(g, 1, 3)), "the weights");
    g = heed_graph_new(), x = heed_full(g, 1, 3, 4);
    expect_refused(g, heed_cross_entropy(x, heed_full(g, 1, 3)), "the logits' shape");
    g = heed_graph_new(), x = heed_full(g, 1, 3, 4);
    expect_refused(g, heed_cross_entropy(x, x, .ignore = true), "no index to ignore");
    g = heed_graph_new(), x = heed_full(g, 1, 3, 4);
    expect_refused(g, heed_nll_loss(x, x), "nll_loss: it takes i32 targets");
    g = heed_graph_new(), x = heed_number(g, 1);
    expect_refused(g, heed_cross_entropy(x, x), "an axis of classes");
    cr_expect_null(heed_cross_entropy(NULL, NULL));
    cr_expect_null(heed_nll_loss(NULL, NULL));
}

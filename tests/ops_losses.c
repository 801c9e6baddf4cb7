/* ops_losses.c - losses against plain loops, in f32 and f64, through strides; gradients of both
 * orders; what extreme values do; refusals. */
#include "tests/ops_kit.h"

enum { ROWS = 7, COLUMNS = 13, COUNT = ROWS * COLUMNS };

static const heed_loss_reduction reductions[] = { HEED_LOSS_MEAN, HEED_LOSS_SUM, HEED_LOSS_NONE };

/* ---- losses element by element ---- */

#define R .reduction = reduction

static heed_node *mse(heed_node *const *in, heed_loss_reduction reduction)
{
    return heed_mean_squared_error(in[0], in[1], R);
}
static heed_node *l1(heed_node *const *in, heed_loss_reduction reduction)
{
    return heed_l1_loss(in[0], in[1], R);
}
static heed_node *huber(heed_node *const *in, heed_loss_reduction reduction)
{
    return heed_huber_loss(in[0], in[1], R, .delta = 0.4);
}
static heed_node *smooth_l1(heed_node *const *in, heed_loss_reduction reduction)
{
    return heed_smooth_l1_loss(in[0], in[1], R, .delta = 0.4);
}
static heed_node *smooth_l1_one(heed_node *const *in, heed_loss_reduction reduction)
{
    return heed_smooth_l1_loss(in[0], in[1], R);
}
static heed_node *binary(heed_node *const *in, heed_loss_reduction reduction)
{
    return heed_binary_cross_entropy(in[0], in[1], R);
}
static heed_node *binary_weighted(heed_node *const *in, heed_loss_reduction reduction)
{
    return heed_binary_cross_entropy(in[0], in[1], R, .weight = in[2], .pos_weight = in[3]);
}
static heed_node *hinge(heed_node *const *in, heed_loss_reduction reduction)
{
    return heed_hinge_loss(in[0], in[1], R);
}
static heed_node *hinge_margin(heed_node *const *in, heed_loss_reduction reduction)
{
    return heed_hinge_loss(in[0], in[1], R, .margin = 0.3);
}
static heed_node *kl(heed_node *const *in, heed_loss_reduction reduction)
{
    return heed_kl_divergence(in[0], in[1], R);
}
static heed_node *kl_log(heed_node *const *in, heed_loss_reduction reduction)
{
    return heed_kl_divergence(in[0], in[1], R, .log_target = true);
}
static heed_node *gaussian(heed_node *const *in, heed_loss_reduction reduction)
{
    return heed_gaussian_nll_loss(in[0], in[1], in[2], R);
}
static heed_node *gaussian_full(heed_node *const *in, heed_loss_reduction reduction)
{
    return heed_gaussian_nll_loss(in[0], in[1], in[2], R, .full = true, .eps = 1e-3);
}
static heed_node *poisson(heed_node *const *in, heed_loss_reduction reduction)
{
    return heed_poisson_nll_loss(in[0], in[1], R);
}
static heed_node *poisson_rate(heed_node *const *in, heed_loss_reduction reduction)
{
    return heed_poisson_nll_loss(in[0], in[1], R, .rate = true, .full = true);
}

static double mse_value(const double *v)
{
    return (v[0] - v[1]) * (v[0] - v[1]);
}
static double l1_value(const double *v)
{
    return fabs(v[0] - v[1]);
}
static double huber_value(const double *v)
{
    double d = fabs(v[0] - v[1]);
    return d < 0.4 ? d * d / 2 : 0.4 * (d - 0.2);
}
static double smooth_l1_value(const double *v)
{
    return huber_value(v) / 0.4;
}
static double smooth_l1_one_value(const double *v)
{
    double d = fabs(v[0] - v[1]);
    return d < 1 ? d * d / 2 : d - 0.5;
}
static double binary_value(const double *v)
{
    double p = 1 / (1 + exp(-v[0]));
    return -v[1] * log(p) - (1 - v[1]) * log(1 - p);
}
static double binary_weighted_value(const double *v)
{
    double p = 1 / (1 + exp(-v[0]));
    return v[2] * (-v[3] * v[1] * log(p) - (1 - v[1]) * log(1 - p));
}
static double hinge_value(const double *v)
{
    return fmax(0, 1 - v[0] * v[1]);
}
static double hinge_margin_value(const double *v)
{
    return fmax(0, 0.3 - v[0] * v[1]);
}
static double kl_value(const double *v)
{
    return v[1] * (log(v[1]) - v[0]);
}
static double kl_log_value(const double *v)
{
    return exp(v[1]) * (v[1] - v[0]);
}
static double gaussian_value(const double *v)
{
    return 0.5 * (log(v[2]) + (v[0] - v[1]) * (v[0] - v[1]) / v[2]);
}
static double gaussian_full_value(const double *v)
{
    return gaussian_value(v) + 0.5 * log(2 * acos(-1));
}
static double poisson_value(const double *v)
{
    return exp(v[0]) - v[1] * v[0];
}
static double poisson_rate_value(const double *v)
{
    double t = v[1], stirling = t * log(t) - t + 0.5 * log(2 * acos(-1) * t);
    return v[0] - t * log(v[0] + 1e-8) + (t > 1 ? stirling : 0);
}

typedef struct range {
    double low, high;
} range;

typedef struct loss {
    const char *name;
    heed_node *(*build)(heed_node *const *in, heed_loss_reduction reduction);
    double (*value)(const double *v);
    int n_in;
    range in[4];
} loss;

/* Ranges whose kinks the numbers of fill() miss. */
static const loss losses[] = {
    { "mean_squared_error", mse, mse_value, 2, { { -2, 2 }, { -2, 2 } } },
    { "l1_loss", l1, l1_value, 2, { { -2, 2 }, { -2, 2 } } },
    { "huber_loss", huber, huber_value, 2, { { -1, 1 }, { -1, 1 } } },
    { "smooth_l1_loss", smooth_l1, smooth_l1_value, 2, { { -1, 1 }, { -1, 1 } } },
    { "smooth_l1_loss, default", smooth_l1_one, smooth_l1_one_value, 2, { { -2, 2 }, { -2, 2 } } },
    { "binary_cross_entropy", binary, binary_value, 2, { { -4, 4 }, { 0, 1 } } },
    { "binary_cross_entropy, weights",
      binary_weighted,
      binary_weighted_value,
      4,
      { { -4, 4 }, { 0, 1 }, { 0, 2 }, { 0.5, 3 } } },
    { "hinge_loss", hinge, hinge_value, 2, { { -2, 2 }, { -1, 1 } } },
    { "hinge_loss, margin", hinge_margin, hinge_margin_value, 2, { { -2, 2 }, { -1, 1 } } },
    { "kl_divergence", kl, kl_value, 2, { { -3, 0 }, { 0.05, 1 } } },
    { "kl_divergence, log_target", kl_log, kl_log_value, 2, { { -3, 0 }, { -3, 0 } } },
    { "gaussian_nll", gaussian, gaussian_value, 3, { { -2, 2 }, { -2, 2 }, { 0.3, 2 } } },
    { "gaussian_nll, full",
      gaussian_full,
      gaussian_full_value,
      3,
      { { -2, 2 }, { -2, 2 }, { 1, 2 } } },
    { "poisson_nll", poisson, poisson_value, 2, { { -2, 2 }, { 0, 5 } } },
    { "poisson_nll, rate", poisson_rate, poisson_rate_value, 2, { { 0.5, 4 }, { 0.2, 5 } } },
};
enum { N_LOSSES = sizeof losses / sizeof losses[0] };

/* Numbers of a golden-ratio sequence, as floats. */
static void fill(double *x, int n, range r, int stream)
{
    for (int i = 0; i < n; i++) {
        double u = fmod(0.137 + (i + 1) * 0.6180339887498949 + stream * 0.7548776662466927, 1);
        x[i] = (float)(r.low + (r.high - r.low) * u);
    }
}

static double total_of(const double *rows, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += rows[i];
    return sum;
}

/* y, reduced, against the loss of each of n rows, whose sum the mean divides by `share`. */
static void expect_loss(heed_node *y, heed_loss_reduction reduction, const double *rows, int n,
                        double share, const char *what)
{
    kit_values v = kit_values_of(y);
    const double tolerance = y->dtype == HEED_F64 ? 1e-12 : 2e-5;
    cr_assert_eq(v.n, reduction == HEED_LOSS_NONE ? n : 1, "%s", what);
    for (int i = 0; i < v.n; i++) {
        double exact = reduction == HEED_LOSS_NONE ? rows[i] : total_of(rows, n);
        if (reduction == HEED_LOSS_MEAN) exact /= share;
        cr_expect(fabs(v.value[i] - exact) <= tolerance * fmax(1, fabs(exact)),
                  "%s %s, reduction %d: [%d] is %.9g, not %.9g", what, heed_dtype_name(y->dtype),
                  (int)reduction, i, v.value[i], exact);
    }
    heed_free(v.value);
}

static void check_loss(const loss *l, heed_dtype dtype)
{
    double in[4][COUNT], rows[COUNT];
    for (int k = 0; k < l->n_in; k++) fill(in[k], COUNT, l->in[k], k);
    for (int i = 0; i < COUNT; i++) {
        const double one[4] = { in[0][i], in[1][i], in[2][i], in[3][i] };
        rows[i] = l->value(one);
    }
    for (int r = 0; r < 3; r++) {
        heed_graph *g = heed_graph_new(.dtype = dtype);
        heed_node *x[4] = { NULL };
        for (int k = 0; k < l->n_in; k++)
            x[k] = (k % 2 ? kit_constant : kit_strided)(g, dtype, HEED_SHAPE(ROWS, COLUMNS), in[k]);
        expect_loss(l->build(x, reductions[r]), reductions[r], rows, COUNT, COUNT, l->name);
        heed_graph_free(g);
    }
}

Test(ops_losses, element_by_element)
{
    for (int i = 0; i < N_LOSSES; i++) {
        check_loss(&losses[i], HEED_F32);
        check_loss(&losses[i], HEED_F64);
    }
}

/* An f64 parameter with values from fill(). */
static heed_node *parameter(heed_graph *g, const char *name, heed_shape shape, range r, int stream)
{
    heed_node *x = heed_param_shaped(heed_root(g), name, HEED_ZEROS, shape);
    cr_assert_not_null(x);
    heed_view view = heed_store_find(heed_graph_store(g), name)->tensor->view;
    fill(view.data, (int)heed_count(&shape), r, stream);
    return x;
}

Test(ops_losses, gradients_element_by_element)
{
    static const char *const names[4] = { "a", "b", "c", "d" };
    for (int i = 0; i < N_LOSSES; i++) {
        heed_store *store = heed_store_new(1);
        heed_graph *g = heed_graph_new(.store = store, .dtype = HEED_F64);
        heed_node *x[4] = { NULL };
        for (int k = 0; k < losses[i].n_in; k++)
            x[k] = parameter(g, names[k], HEED_SHAPE(3, 5), losses[i].in[k], k);
        kit_check_gradients(losses[i].build(x, reductions[i % 3]), losses[i].name);
        heed_graph_free(g);
        heed_store_free(store);
    }
}

/* ---- of embeddings ---- */

static double dot_of(const double *a, const double *b)
{
    double sum = 0;
    for (int k = 0; k < COLUMNS; k++) sum += a[k] * b[k];
    return sum;
}

static double distance_of(const double *a, const double *b)
{
    double sum = 0;
    for (int k = 0; k < COLUMNS; k++) sum += pow(a[k] - b[k] + 1e-6, 2);
    return sqrt(sum);
}

Test(ops_losses, embeddings)
{
    double in[3][COUNT], sign[ROWS], rows[3][ROWS];
    for (int k = 0; k < 3; k++) fill(in[k], COUNT, (range){ -1, 1 }, k);
    for (int i = 0; i < ROWS; i++) {
        const double *a = in[0] + i * COLUMNS, *b = in[1] + i * COLUMNS, *c = in[2] + i * COLUMNS;
        double cosine = dot_of(a, b) / sqrt(dot_of(a, a) * dot_of(b, b));
        double near = distance_of(a, b), far = distance_of(a, c), other = distance_of(b, c);
        sign[i] = i % 3 ? -1 : 1;
        rows[0][i] = sign[i] > 0 ? 1 - cosine : fmax(0, cosine + 0.2);
        rows[1][i] = fmax(0, near - far + 1);
        rows[2][i] = fmax(0, near - fmin(far, other) + 0.3);
    }
    for (int k = 0; k < 6; k++) {
        const heed_loss_reduction r = reductions[k % 3];
        const heed_dtype dtype = k < 3 ? HEED_F32 : HEED_F64;
        heed_graph *g = heed_graph_new(.dtype = dtype);
        heed_node *x[3], *s = kit_constant(g, dtype, HEED_SHAPE(ROWS), sign);
        for (int i = 0; i < 3; i++) x[i] = kit_strided(g, dtype, HEED_SHAPE(ROWS, COLUMNS), in[i]);
        heed_node *y[3] = {
            heed_cosine_embedding_loss(x[0], x[1], s, .reduction = r, .margin = -0.2),
            heed_triplet_margin_loss(x[0], x[1], x[2], .reduction = r),
            heed_triplet_margin_loss(x[0], x[1], x[2], .reduction = r, .margin = 0.3, .swap = true),
        };
        for (int i = 0; i < 3; i++) expect_loss(y[i], r, rows[i], ROWS, ROWS, "embeddings");
        heed_graph_free(g);
    }
}

Test(ops_losses, gradients_of_embeddings)
{
    heed_store *store = heed_store_new(1);
    heed_graph *g = heed_graph_new(.store = store, .dtype = HEED_F64);
    heed_node *x[3], *s = kit_constant(g, HEED_F64, HEED_SHAPE(3), (double[]){ 1, -1, 1 });
    static const char *const names[3] = { "a", "b", "c" };
    for (int k = 0; k < 3; k++)
        x[k] = parameter(g, names[k], HEED_SHAPE(3, 5), (range){ -1, 1 }, k);
    heed_node *cosine = heed_cosine_embedding_loss(x[0], x[1], s, .margin = -0.9);
    heed_node *triplet = heed_triplet_margin_loss(x[0], x[1], x[2], .swap = true);
    kit_check_gradients(heed_add(cosine, triplet), "embeddings");
    heed_graph_free(g);
    heed_store_free(store);
}

/* ---- extreme values ---- */

/* The loss and d loss / d x at one x. */
static void expect_at(heed_node *x, heed_node *y, double value, double slope)
{
    heed_node *dx;
    cr_assert(y && heed_gradient(y, NULL, &x, 1, &dx), "%s", heed_why(x->graph));
    double v = kit_number(y), d = kit_number(dx);
    cr_expect(v == value || fabs(v - value) <= 1e-6 * fabs(value), "the loss is %g, not %g", v,
              value);
    cr_expect(d == slope || fabs(d - slope) <= 1e-6 * fabs(slope), "the slope is %g, not %g", d,
              slope);
}

Test(ops_losses, extreme_values)
{
    heed_graph *g = heed_graph_new();
    heed_node *zero = heed_number(g, 0), *one = heed_number(g, 1), *x;
    x = heed_number(g, 1e4), expect_at(x, heed_binary_cross_entropy(x, one), 0, 0);
    x = heed_number(g, 1e4), expect_at(x, heed_binary_cross_entropy(x, zero), 1e4, 1);
    x = heed_number(g, -1e4), expect_at(x, heed_binary_cross_entropy(x, one), 1e4, -1);
    x = heed_number(g, -20), expect_at(x, heed_binary_cross_entropy(x, zero), exp(-20), exp(-20));
    x = heed_number(g, 20), expect_at(x, heed_binary_cross_entropy(x, one), exp(-20), -exp(-20));
    x = heed_number(g, INFINITY), expect_at(x, heed_huber_loss(x, zero), INFINITY, 1);
    x = heed_number(g, -INFINITY), expect_at(x, heed_smooth_l1_loss(x, zero), INFINITY, -1);
    x = heed_number(g, -INFINITY), expect_at(x, heed_kl_divergence(x, zero), 0, 0);
    x = heed_number(g, -INFINITY), expect_at(x, heed_kl_divergence(x, one), INFINITY, -1);
    heed_node *never = heed_number(g, -INFINITY);
    x = heed_number(g, -INFINITY);
    expect_at(x, heed_kl_divergence(x, never, .log_target = true), 0, 0);
    x = heed_number(g, 0); /* the target's own slope */
    expect_at(x, heed_kl_divergence(heed_number(g, -2), x), 0, 2);
    x = heed_number(g, 0); /* a variance of 0 counts as eps, and is pulled up */
    expect_at(x, heed_gaussian_nll_loss(one, zero, x, .eps = 0.01), 0.5 * log(0.01) + 50,
              0.5 * (100 - 10000));
    x = heed_number(g, NAN);
    cr_expect(isnan(kit_number(heed_huber_loss(x, zero))));
    cr_expect(isnan(kit_number(heed_binary_cross_entropy(x, one))));
    heed_graph_free(g);
}

/* ---- refusals ---- */

static void expect_refused(heed_graph *g, const heed_node *y, const char *words)
{
    cr_expect_null(y);
    cr_assert_not_null(heed_why(g));
    cr_expect(strstr(heed_why(g), words), "%s", heed_why(g));
    heed_graph_free(g);
}

Test(ops_losses, refusals)
{
    heed_graph *g = heed_graph_new();
    heed_node *x = heed_full(g, 1, 3);
    expect_refused(g, heed_l1_loss(x, x, .reduction = (heed_loss_reduction)7),
                   "l1_loss: 7 is not a reduction");
    g = heed_graph_new(), x = heed_full(g, 1, 3);
    expect_refused(g, heed_huber_loss(x, x, .delta = -1), "huber_loss: delta is -1");
    g = heed_graph_new(), x = heed_full(g, 1, 3);
    expect_refused(g, heed_mean_squared_error(x, heed_full(g, 1, 4)), "broadcast");
    g = heed_graph_new(), x = heed_full(g, 1, 3);
    expect_refused(g, heed_triplet_margin_loss(x, x, x, .margin = NAN), "margin is nan");
    cr_expect_null(heed_l1_loss(NULL, NULL));
    cr_expect_null(heed_huber_loss(NULL, NULL));
    cr_expect_null(heed_kl_divergence(NULL, NULL));
    cr_expect_null(heed_gaussian_nll_loss(NULL, NULL, NULL));
    cr_expect_null(heed_poisson_nll_loss(NULL, NULL, .full = true));
    cr_expect_null(heed_cosine_embedding_loss(NULL, NULL, NULL));
    cr_expect_null(heed_triplet_margin_loss(NULL, NULL, NULL));
}

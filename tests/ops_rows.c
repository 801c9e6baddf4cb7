/* ops_rows.c - kernels on the last axis, every instruction set, against plain f64 loops: any row
 * length, masked (-inf) entries, in place, nothing beside the output touched. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "graph/isa.h"
#include "ops/norm.h"
#include "ops/ops.h"

enum { ROWS = 5, LONGEST = 70, MOST = ROWS * LONGEST };
#define GUARD (-77.0f)

static heed_view view(void *data, heed_dtype dtype, int64_t rows, int64_t n)
{
    return heed_view_of(data, dtype, &(heed_shape){ 2, { rows, n } });
}

static heed_view line(void *data, heed_dtype dtype, int64_t n)
{
    return heed_view_of(data, dtype, &(heed_shape){ 1, { n } });
}

static bool near(float y, double exact, double tolerance)
{
    return y == (float)exact || fabs(y - exact) <= tolerance * fmax(1, fabs(exact));
}

/* Values in -4 .. 4, some of them -inf; row 2 is all -inf when `dead_row`. */
static void fill_masked(float *x, int n, bool dead_row)
{
    for (int i = 0; i < ROWS * n; i++) {
        x[i] = (float)((i * 37 + n * 11) % 97) / 12 - 4;
        if ((i / n + i % n) % 4 == 3 || (dead_row && i / n == 2)) x[i] = -INFINITY;
    }
}

static void softmax_reference(const float *x, int n, double *y)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += y[i] = exp(x[i]);
    for (int i = 0; i < n; i++) y[i] = sum > 0 ? y[i] / sum : 0;
}

static heed_kernel_fn variant(const heed_op *op, int isa)
{
    return heed_isa_supported((heed_isa)isa) ? op->kernel->fn[HEED_F32][isa] : NULL;
}

Test(rows, softmax)
{
    float x[MOST], y[MOST + 2];
    double exact[LONGEST];
    for (int isa = 0; isa < HEED_N_ISA; isa++) {
        heed_kernel_fn kernel = variant(&heed_op_softmax, isa);
        for (int n = 1; kernel && n <= LONGEST; n++) {
            fill_masked(x, n, true);
            y[0] = y[ROWS * n + 1] = GUARD;
            memcpy(y + 1, x, sizeof x[0] * (size_t)(ROWS * n)); /* in place */
            heed_view io = view(y + 1, HEED_F32, ROWS, n);
            kernel(&(heed_call){ .n_in = 1, .in = &io, .out = io }, 0, 1);
            cr_assert(y[0] == GUARD && y[ROWS * n + 1] == GUARD);
            for (int i = 0; i < ROWS * n; i++) {
                if (i % n == 0) softmax_reference(x + i, n, exact);
                cr_assert(near(y[1 + i], exact[i % n], 1e-6), "n %d: [%d] is %g, not %g", n, i,
                          y[1 + i], exact[i % n]);
                if (isinf(x[i])) cr_assert(y[1 + i] == 0);
            }
        }
    }
}

Test(rows, log_softmax)
{
    float x[MOST], y[MOST];
    double exact[LONGEST];
    for (int isa = 0; isa < HEED_N_ISA; isa++) {
        heed_kernel_fn kernel = variant(&heed_op_log_softmax, isa);
        for (int n = 1; kernel && n <= LONGEST; n++) {
            fill_masked(x, n, true);
            heed_view in = view(x, HEED_F32, ROWS, n);
            kernel(&(heed_call){ .n_in = 1, .in = &in, .out = view(y, HEED_F32, ROWS, n) }, 0, 1);
            for (int i = 0; i < ROWS * n; i++) {
                if (i % n == 0) softmax_reference(x + i, n, exact);
                cr_assert(near(y[i], log(exact[i % n]), 1e-6), "n %d: [%d] is %g, not %g", n, i,
                          y[i], log(exact[i % n]));
            }
        }
    }
}

/* Units may be run one by one or together, with equal bits. */
Test(rows, units)
{
    enum { WIDE = 4096, TALL = 40 };
    static float x[WIDE * TALL], together[WIDE * TALL], apart[WIDE * TALL];
    static const heed_op *const ops[] = { &heed_op_softmax, &heed_op_log_softmax,
                                          &heed_op_layer_norm, &heed_op_rms_norm };
    const heed_norm_attr attr = { 1e-5, 0, 0 };
    for (int i = 0; i < WIDE * TALL; i++) x[i] = (float)(i % 1009) / 100;
    heed_view in = view(x, HEED_F32, TALL, WIDE);
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        heed_call call = { .n_in = 1, .in = &in, .attr = &attr };
        call.out = view(together, HEED_F32, TALL, WIDE);
        heed_kernel_fn kernel = variant(ops[i], heed_isa_current());
        if (!kernel) kernel = variant(ops[i], HEED_PORTABLE);
        int64_t units = ops[i]->units(&call);
        cr_assert(units > 1);
        kernel(&call, 0, units);
        call.out = view(apart, HEED_F32, TALL, WIDE);
        for (int64_t u = units - 1; u >= 0; u--) kernel(&call, u, u + 1);
        cr_assert(memcmp(together, apart, sizeof together) == 0, "%s", ops[i]->name);
    }
}

/* Masked logits get gradient 0, and targets out of range loss 0 and gradient 0; no NaN. */
Test(rows, cross_entropy)
{
    float x[MOST], dx[MOST], loss[ROWS], dy[ROWS] = { 1, -2, 0.5f, 3, 1 };
    double p[LONGEST];
    const double no_smoothing = 0;
    for (int isa = 0; isa < HEED_N_ISA; isa++) {
        heed_kernel_fn forward = variant(&heed_op_cross_entropy, isa);
        heed_kernel_fn reverse = variant(&heed_op_cross_entropy_vjp, isa);
        for (int n = 3; forward && reverse && n <= LONGEST; n++) {
            int32_t target[ROWS] = { 0, -1, 0, n, 1 };
            fill_masked(x, n, false);
            heed_view in[3] = { view(x, HEED_F32, ROWS, n), line(target, HEED_I32, ROWS),
                                line(dy, HEED_F32, ROWS) };
            heed_call call = { .n_in = 2, .in = in, .attr = &no_smoothing };
            call.out = line(loss, HEED_F32, ROWS);
            forward(&call, 0, 1);
            call.out = view(dx, HEED_F32, ROWS, n), call.n_in = 3;
            reverse(&call, 0, 1);
            for (int i = 0; i < ROWS * n; i++) {
                int row = i / n, k = i % n;
                bool counted = target[row] >= 0 && target[row] < n;
                if (k == 0) softmax_reference(x + i, n, p);
                if (k == 0) cr_assert(near(loss[row], counted ? -log(p[target[row]]) : 0, 2e-6));
                double exact = counted ? (p[k] - (k == target[row])) * dy[row] : 0;
                cr_assert(near(dx[i], exact, 1e-6));
                if (isinf(x[i]) && k != target[row]) cr_assert(dx[i] == 0);
            }
        }
    }
}

Test(rows, layer_norm)
{
    float x[MOST], y[MOST], gain[LONGEST], bias[LONGEST];
    for (int isa = 0; isa < HEED_N_ISA; isa++) {
        heed_kernel_fn kernel = variant(&heed_op_layer_norm, isa);
        for (int n = 2; kernel && n <= LONGEST; n++) {
            for (int i = 0; i < ROWS * n; i++) x[i] = 1000 + (float)((i * 37) % 97) / 12;
            for (int i = 0; i < n; i++) gain[i] = 1 + (float)i / 10, bias[i] = (float)(i % 3);
            heed_view in[3] = { view(x, HEED_F32, ROWS, n), line(gain, HEED_F32, n),
                                line(bias, HEED_F32, n) };
            heed_norm_attr attr = { 1e-3, 1, 1 };
            heed_view out = view(y, HEED_F32, ROWS, n);
            kernel(&(heed_call){ .n_in = 3, .in = in, .out = out, .attr = &attr }, 0, 1);
            for (int row = 0; row < ROWS; row++) {
                const float *one = x + row * n;
                double mean = 0, variance = 0;
                for (int k = 0; k < n; k++) mean += one[k] / (double)n;
                for (int k = 0; k < n; k++) variance += pow(one[k] - mean, 2) / n;
                for (int k = 0; k < n; k++) {
                    double exact = (one[k] - mean) / sqrt(variance + attr.eps) * gain[k] + bias[k];
                    cr_assert(near(y[row * n + k], exact, 5e-4)); /* x itself has 1e-4 / 2 */
                }
            }
        }
    }
}

/* ---- layer norm (around the mean) and RMS norm (around 0), forward and reverse ---- */

typedef struct norm {
    const heed_op *forward, *reverse;
    bool centered;
} norm;
static const norm norms[] = { { &heed_op_layer_norm, &heed_op_layer_norm_vjp, true },
                              { &heed_op_rms_norm, &heed_op_rms_norm_vjp, false } };

/* One row: y from x, and dx from x and dy. gain may be NULL. */
static void norm_reference(const norm *one, const double *x, const double *dy, const double *gain,
                           int n, double eps, double *y, double *dx)
{
    double center = 0, variance = 0, sum = 0, product = 0;
    for (int k = 0; k < n && one->centered; k++) center += x[k] / n;
    for (int k = 0; k < n; k++) variance += (x[k] - center) * (x[k] - center) / n;
    const double rstd = 1 / sqrt(variance + eps);
    for (int k = 0; k < n; k++) {
        const double h = gain ? dy[k] * gain[k] : dy[k], z = (x[k] - center) * rstd;
        y[k] = gain ? z * gain[k] : z;
        if (one->centered) sum += h / n;
        product += h * z / n;
    }
    for (int k = 0; k < n; k++) {
        const double h = gain ? dy[k] * gain[k] : dy[k];
        dx[k] = rstd * (h - sum - (x[k] - center) * rstd * product);
    }
}

/* Rows of length n, with or without a gain, of one variant; the results lie in the inputs' memory,
 * as `in_place` allows. */
static void check_norm(const norm *one, int isa, heed_dtype dtype, int n, bool gained)
{
    double x[MOST], dy[MOST], gain[LONGEST], y[LONGEST], dx[LONGEST], memory[3][MOST];
    heed_norm_attr attr = { 1e-3, gained, 0 };
    heed_view out = view(memory[0], dtype, ROWS, n), reverse = view(memory[1], dtype, ROWS, n);
    heed_view row = line(memory[2], dtype, n), in[3] = { out, reverse, row };
    for (int i = 0; i < ROWS * n; i++) {
        x[i] = 1 + ((i * 37) % 97) / 16.0;
        dy[i] = ((i * 53) % 89) / 32.0 - 1;
        heed_set(&out, i, x[i]);
        heed_set(&reverse, i, dy[i]);
    }
    for (int k = 0; k < n; k++) heed_set(&row, k, gain[k] = 1 + k % 5 / 4.0);
    one->reverse->kernel->fn[dtype][isa](
        &(heed_call){ .n_in = 2 + gained, .in = in, .out = reverse, .attr = &attr }, 0, 1);
    in[1] = row;
    one->forward->kernel->fn[dtype][isa](
        &(heed_call){ .n_in = 1 + gained, .in = in, .out = out, .attr = &attr }, 0, 1);
    for (int i = 0; i < ROWS * n; i++) {
        if (i % n == 0) {
            norm_reference(one, x + i, dy + i, gained ? gain : NULL, n, attr.eps, y, dx);
        }
        const double close = dtype == HEED_F64 ? 1e-13 : n == 1 ? 1e-3 : 1e-5;
        cr_assert(fabs(heed_get(&out, i) - y[i % n]) <= close, "%s isa %d n %d: [%d] is %g, not %g",
                  one->forward->name, isa, n, i, heed_get(&out, i), y[i % n]);
        cr_assert(fabs(heed_get(&reverse, i) - dx[i % n]) <= close,
                  "%s isa %d n %d: [%d] is %g, not %g", one->reverse->name, isa, n, i,
                  heed_get(&reverse, i), dx[i % n]);
    }
}

Test(rows, norms_and_their_reverse)
{
    int checked = 0;
    for (int isa = 0; isa < HEED_N_ISA; isa++) {
        for (int n = 1; variant(&heed_op_rms_norm, isa) && n <= LONGEST; n++, checked++) {
            for (int k = 0; k < 8; k++)
                check_norm(&norms[k % 2], isa, k & 2 ? HEED_F64 : HEED_F32, n, k & 4);
        }
    }
    cr_expect_gt(checked, 0);
}

/* An axis of no elements, and no rows: nothing to do, and nothing breaks. */
Test(rows, empty)
{
    float x[4] = { 1, 2, 3, 4 }, y[4] = { GUARD, GUARD, GUARD, GUARD };
    heed_norm_attr attr = { 1e-5, 0, 0 };
    const heed_op *ops[] = { &heed_op_softmax, &heed_op_log_softmax, &heed_op_layer_norm,
                             &heed_op_rms_norm };
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        for (int64_t rows = 0; rows < 3; rows += 2) {
            heed_view in = view(x, HEED_F32, rows, rows ? 0 : 4);
            heed_call call = { .n_in = 1, .in = &in, .attr = &attr };
            call.out = view(y, HEED_F32, rows, rows ? 0 : 4);
            ops[i]->kernel->fn[HEED_F32][HEED_PORTABLE](&call, 0, ops[i]->units(&call));
            cr_assert(y[0] == GUARD);
        }
    }
}

/* ops_rows.c - kernels on the last axis, every instruction set, against plain f64 loops: any row
 * length, masked (-inf) entries, in place, nothing beside the output touched. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "graph/isa.h"
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
    for (int i = 0; i < WIDE * TALL; i++) x[i] = (float)(i % 1009) / 100;
    heed_view in = view(x, HEED_F32, TALL, WIDE);
    heed_call call = { .n_in = 1, .in = &in, .out = view(together, HEED_F32, TALL, WIDE) };
    heed_kernel_fn kernel = variant(&heed_op_softmax, heed_isa_current());
    if (!kernel) kernel = variant(&heed_op_softmax, HEED_PORTABLE);
    int64_t units = heed_op_softmax.units(&call);
    cr_assert(units > 1);
    kernel(&call, 0, units);
    call.out = view(apart, HEED_F32, TALL, WIDE);
    for (int64_t u = units - 1; u >= 0; u--) kernel(&call, u, u + 1);
    cr_assert(memcmp(together, apart, sizeof together) == 0);
}

/* Masked logits get gradient 0, and targets out of range loss 0 and gradient 0; no NaN. */
Test(rows, cross_entropy)
{
    float x[MOST], dx[MOST], loss[ROWS], dy[ROWS] = { 1, -2, 0.5f, 3, 1 };
    double p[LONGEST];
    for (int isa = 0; isa < HEED_N_ISA; isa++) {
        heed_kernel_fn forward = variant(&heed_op_cross_entropy, isa);
        heed_kernel_fn reverse = variant(&heed_op_cross_entropy_vjp, isa);
        for (int n = 3; forward && reverse && n <= LONGEST; n++) {
            int32_t target[ROWS] = { 0, -1, 0, n, 1 };
            fill_masked(x, n, false);
            heed_view in[3] = { view(x, HEED_F32, ROWS, n), line(target, HEED_I32, ROWS),
                                line(dy, HEED_F32, ROWS) };
            forward(&(heed_call){ .n_in = 2, .in = in, .out = line(loss, HEED_F32, ROWS) }, 0, 1);
            heed_view out = view(dx, HEED_F32, ROWS, n);
            reverse(&(heed_call){ .n_in = 3, .in = in, .out = out }, 0, 1);
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

typedef struct layer_norm_attr { /* as in ops/layer_norm.c */
    double eps;
    int gain, bias;
} layer_norm_attr;

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
            layer_norm_attr attr = { 1e-3, 1, 1 };
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

/* An axis of no elements, and no rows: nothing to do, and nothing breaks. */
Test(rows, empty)
{
    float x[4] = { 1, 2, 3, 4 }, y[4] = { GUARD, GUARD, GUARD, GUARD };
    layer_norm_attr attr = { 1e-5, 0, 0 };
    const heed_op *ops[] = { &heed_op_softmax, &heed_op_log_softmax, &heed_op_layer_norm };
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

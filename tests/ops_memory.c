/* ops_memory.c - a step of a memory, memory_look and memory_write, against the formulas of Graves,
 * Wayne, Danihelka 2014, number by number. */
#include "tests/ops_kit.h"

enum { B = 3, W = 4, N = 21, H = 3, K = 3, P = W + 3 + K, READS = 2 };

static double softplus_of(double x)
{
    return log1p(exp(x));
}

static double sigmoid_of(double x)
{
    return 1 / (1 + exp(-x));
}

static void softmax_of(double *x, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += x[i] = exp(x[i]);
    for (int i = 0; i < n; i++) x[i] /= sum;
}

/* Equations 5 to 9, as the paper has them. */
static void look_by_hand(const double *memory, const double *before, const double *head, double *w)
{
    double c[N], mixed[N], shift[K], sum = 0;
    const double g = sigmoid_of(head[W + 1]), gamma = 1 + softplus_of(head[W + 2 + K]);
    for (int n = 0; n < N; n++) {
        double dot = 0, key = 0, slot = 0;
        for (int m = 0; m < W; m++) {
            dot += head[m] * memory[m * N + n];
            key += head[m] * head[m];
            slot += memory[m * N + n] * memory[m * N + n];
        }
        c[n] = softplus_of(head[W]) * dot / (sqrt(key) * sqrt(slot));
    }
    softmax_of(c, N);
    for (int j = 0; j < K; j++) shift[j] = head[W + 2 + j];
    softmax_of(shift, K);
    for (int n = 0; n < N; n++) mixed[n] = g * c[n] + (1 - g) * before[n];
    for (int n = 0; n < N; n++) {
        double moved = 0; /* shift j moves by j - 1 */
        for (int j = 0; j < K; j++) moved += shift[j] * mixed[(n - (j - 1) + N) % N];
        sum += w[n] = pow(moved, gamma);
    }
    for (int n = 0; n < N; n++) w[n] /= sum;
}

typedef struct example {
    heed_node *memory, *before, *heads, *erase, *add;
} example;

static heed_node *random_values(heed_graph *g, heed_dtype dtype, heed_shape shape, uint64_t stream,
                                bool strided, double low, double *values)
{
    heed_rng rng = heed_rng_new(7, stream);
    for (int64_t i = 0; i < heed_count(&shape); i++)
        values[i] = (float)(low + (1 - low) * heed_random_uniform(&rng));
    return strided ? kit_strided(g, dtype, shape, values) : kit_constant(g, dtype, shape, values);
}

static double memory[B * W * N], before[B * H * N], heads[B * H * P], erase[B * H * W],
    add[B * H * W];

static example example_of(heed_graph *g, heed_dtype dtype, bool strided)
{
    return (example){
        random_values(g, dtype, HEED_SHAPE(B, W, N), 1, strided, -1, memory),
        random_values(g, dtype, HEED_SHAPE(B, H, N), 2, strided, 0, before),
        random_values(g, dtype, HEED_SHAPE(B, H, P), 3, strided, -3, heads),
        random_values(g, dtype, HEED_SHAPE(B, H, W), 4, strided, 0, erase),
        random_values(g, dtype, HEED_SHAPE(B, H, W), 5, strided, -1, add),
    };
}

static void check_look(heed_dtype dtype, bool strided)
{
    const double close = dtype == HEED_F64 ? 1e-13 : 2e-6;
    heed_graph *g = heed_graph_new(.dtype = dtype);
    const example e = example_of(g, dtype, strided);
    heed_node *found, *w = heed_memory_look(e.memory, e.before, e.heads, READS, &found);
    cr_assert_not_null(w, "%s", heed_why(g));
    kit_values all =
        kit_run(g, (heed_node *[]){ w, found }, 2, (heed_compile_options){ .threads = 2 });
    const double *read = all.value + B * H * N;
    for (int i = 0; i < B * H; i++) {
        double exact[N];
        const double *of = memory + i / H * W * N;
        look_by_hand(of, before + i * N, heads + i * P, exact);
        for (int n = 0; n < N; n++) cr_assert_float_eq(all.value[i * N + n], exact[n], close);
        if (i % H >= READS) continue;
        for (int m = 0; m < W; m++) {
            double r = 0;
            for (int n = 0; n < N; n++) r += exact[n] * of[m * N + n];
            cr_assert_float_eq(read[(i / H * READS + i % H) * W + m], r, 4 * close);
        }
    }
    heed_free(all.value);
    heed_graph_free(g);
}

static void check_write(heed_dtype dtype, bool strided)
{
    const double close = dtype == HEED_F64 ? 1e-14 : 1e-6;
    heed_graph *g = heed_graph_new(.dtype = dtype);
    const example e = example_of(g, dtype, strided);
    heed_node *after = heed_memory_write(e.memory, e.before, e.erase, e.add);
    cr_assert_not_null(after, "%s", heed_why(g));
    kit_values all = kit_values_of(after);
    for (int i = 0; i < B * W * N; i++) {
        const int b = i / (W * N), m = i / N % W, n = i % N;
        double kept = memory[i], added = 0;
        for (int j = 0; j < H; j++) {
            const double w = before[(b * H + j) * N + n];
            kept *= 1 - w * erase[(b * H + j) * W + m];
            added += w * add[(b * H + j) * W + m];
        }
        cr_assert_float_eq(all.value[i], kept + added, close);
    }
    heed_free(all.value);
    heed_graph_free(g);
}

Test(ops_memory, look_by_the_paper)
{
    for (int strided = 0; strided < 2; strided++) {
        check_look(HEED_F64, strided);
        check_look(HEED_F32, strided);
    }
}

Test(ops_memory, write_by_the_paper)
{
    for (int strided = 0; strided < 2; strided++) {
        check_write(HEED_F64, strided);
        check_write(HEED_F32, strided);
    }
}

/* What trained models do: a focus kept over a hundred steps, an empty memory, a sharpness whose
 * powers of shares no number of single precision holds, a key of zeros. */
Test(ops_memory, extremes_stay_finite)
{
    enum { SLOTS = 128, NUMBERS = 20 + 6 };
    heed_graph *g = heed_graph_new(.dtype = HEED_F32);
    double head[NUMBERS] = { 0 }, even[SLOTS], *focus = heed_alloc(SLOTS * sizeof *focus);
    cr_assert_not_null(focus);
    for (int n = 0; n < SLOTS; n++) even[n] = 1.0 / SLOTS, focus[n] = n == 5;
    head[20] = 30;  /* strength */
    head[21] = -40; /* stay where it was */
    head[24] = 40;  /* and move on by one */
    head[25] = 50;  /* sharpness */
    heed_node *x[] = { heed_full(g, 0, 2, 20, SLOTS),
                       kit_constant(g, HEED_F32, HEED_SHAPE(1, 1, SLOTS), focus),
                       kit_constant(g, HEED_F32, HEED_SHAPE(1, 1, SLOTS), even),
                       kit_constant(g, HEED_F32, HEED_SHAPE(1, 1, NUMBERS), head) };
    heed_node *looked = heed_concat(HEED_NODES(x[1], x[2]), 0);
    heed_node *numbers = heed_expand(x[3], 2, 1, NUMBERS), *dx[3];
    heed_node *w = heed_memory_look(x[0], looked, numbers, 0, NULL);
    heed_node *of[] = { heed_affine(x[0], 1, 0), heed_affine(looked, 1, 0),
                        heed_affine(numbers, 1, 0) };
    heed_node *loss = kit_loss(heed_memory_look(of[0], of[1], of[2], 0, NULL), 1);
    cr_assert(heed_gradient(loss, NULL, of, 3, dx), "%s", heed_why(g));
    kit_values all = kit_run(g, (heed_node *[]){ w, dx[0], dx[1], dx[2] }, 4,
                             (heed_compile_options){ .threads = 1 });
    cr_expect_float_eq(all.value[6], 1, 1e-6, "one slot on");
    for (int n = 0; n < SLOTS; n++) cr_expect_float_eq(all.value[SLOTS + n], 1.0 / SLOTS, 1e-5);
    for (int64_t i = 0; i < 2 * SLOTS * 22 + 2 * NUMBERS; i++) cr_assert(isfinite(all.value[i]));
    heed_free(all.value);
    heed_free(focus);
    heed_graph_free(g);
}

Test(ops_memory, what_does_not_fit_is_a_sentence)
{
    static const struct {
        heed_shape memory, before, heads;
        int64_t reads;
        const char *word;
    } wrong[] = {
        { { 3, { 2, 4, 8 } }, { 3, { 2, 1, 7 } }, { 3, { 2, 1, 10 } }, 1, "agree" },
        { { 3, { 2, 4, 8 } }, { 3, { 2, 2, 8 } }, { 3, { 2, 1, 10 } }, 1, "agree" },
        { { 3, { 2, 4, 8 } }, { 3, { 2, 1, 8 } }, { 3, { 2, 1, 7 } }, 1, "needs at least 8" },
        { { 3, { 2, 4, 8 } }, { 3, { 2, 1, 8 } }, { 3, { 2, 1, 10 } }, 2, "2 of 1 heads" },
        { { 3, { 2, 4, 0 } }, { 3, { 2, 1, 0 } }, { 3, { 2, 1, 10 } }, 1, "needs a slot" },
        { { 2, { 4, 8 } }, { 3, { 2, 1, 8 } }, { 3, { 2, 1, 10 } }, 1, "agree" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        heed_graph *g = heed_graph_new(.dtype = HEED_F32);
        heed_node *found;
        cr_expect_null(heed_memory_look(heed_input_shaped(g, "m", HEED_F32, wrong[i].memory),
                                        heed_input_shaped(g, "w", HEED_F32, wrong[i].before),
                                        heed_input_shaped(g, "h", HEED_F32, wrong[i].heads),
                                        wrong[i].reads, &found));
        cr_expect(strstr(heed_why(g), wrong[i].word), "%s", heed_why(g));
        heed_graph_free(g);
    }
    heed_graph *g = heed_graph_new(.dtype = HEED_F32);
    heed_node *rows = heed_full(g, 0, 2, 1, 4);
    cr_expect_null(
        heed_memory_write(heed_full(g, 0, 2, 4, 8), heed_full(g, 0, 2, 2, 8), rows, rows));
    cr_expect(strstr(heed_why(g), "must agree"), "%s", heed_why(g));
    heed_graph_free(g);
}

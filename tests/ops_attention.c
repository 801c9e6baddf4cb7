/* ops_attention.c - attention and its reverse kernels, every instruction set, against plain loops
 * in f64: masks, biases, lengths around the blocks' sizes, shared heads, strided operands and
 * results; then what a user relies on: the same bits for any number of threads, memory that grows
 * with T, not with its square. */
#include "ops/attention.h"
#include "tests/graph_kit.h"

/* ---- the definition ---- */

typedef struct problem {
    int64_t batch, heads, shared; /* k and v have heads / shared heads; shared: 1 or heads */
    int64_t queries, keys, depth, width;
    bool causal, keep, bias;
    double scale;
} problem;

enum { DQ, DK, DV, DBIAS, Y, LSE, N_RESULTS };

typedef struct reference {
    double *of[N_RESULTS];
} reference;

/* An element of a dense [batch, heads, rows, columns]; axes of size 1 broadcast. */
static double at(const heed_view *x, int64_t b, int64_t h, int64_t i, int64_t j)
{
    const int64_t *d = x->shape.dim;
    b = d[0] > 1 ? b : 0;
    h = d[1] > 1 ? h : 0;
    i = d[2] > 1 ? i : 0;
    return ((const double *)x->data)[((b * d[1] + h) * d[2] + i) * d[3] + j];
}

static bool hidden(const problem *p, const heed_view *in, int64_t b, int64_t h, int64_t i,
                   int64_t j)
{
    if (p->causal && j > i + p->keys - p->queries) return true;
    return p->keep && at(&in[ATTENTION_KEEP], b, h, i, j) == 0;
}

/* One query: fills row `row` of y, lse and dq, adds to dk, dv, dbias. */
static void reference_row(const problem *p, const heed_view *in, int64_t b, int64_t h, int64_t i,
                          reference *r, double *s)
{
    const int64_t head = b * p->heads + h, row = head * p->queries + i;
    const int64_t key = (b * p->heads / p->shared + h / p->shared) * p->keys;
    const heed_view *q = &in[ATTENTION_Q], *k = &in[ATTENTION_K], *v = &in[ATTENTION_V];
    const heed_view *dy = &in[ATTENTION_DY];
    double most = -INFINITY, sum = 0, mean = 0;
    for (int64_t j = 0; j < p->keys; j++) {
        s[j] = 0;
        for (int64_t c = 0; c < p->depth; c++) s[j] += at(q, b, h, i, c) * at(k, b, h, j, c);
        s[j] = s[j] * p->scale + (p->bias ? at(&in[ATTENTION_BIAS], b, h, i, j) : 0);
        if (hidden(p, in, b, h, i, j)) s[j] = -INFINITY;
        most = fmax(most, s[j]);
    }
    for (int64_t j = 0; j < p->keys; j++) sum += s[j] = s[j] == -INFINITY ? 0 : exp(s[j] - most);
    r->of[LSE][row] = sum > 0 ? most + log(sum) : INFINITY;
    for (int64_t j = 0; j < p->keys; j++) {
        double slope = 0;
        s[j] = sum > 0 ? s[j] / sum : 0;
        for (int64_t c = 0; c < p->width; c++) {
            r->of[Y][row * p->width + c] += s[j] * at(v, b, h, j, c);
            r->of[DV][(key + j) * p->width + c] += s[j] * at(dy, b, h, i, c);
            slope += at(dy, b, h, i, c) * at(v, b, h, j, c);
        }
        mean += s[j] * slope;
    }
    for (int64_t j = 0; j < p->keys; j++) {
        double slope = -mean;
        for (int64_t c = 0; c < p->width; c++) slope += at(dy, b, h, i, c) * at(v, b, h, j, c);
        slope *= s[j];
        r->of[DBIAS][(h * p->queries + i) * p->keys + j] += slope;
        for (int64_t c = 0; c < p->depth; c++) {
            r->of[DQ][row * p->depth + c] += p->scale * slope * at(k, b, h, j, c);
            r->of[DK][(key + j) * p->depth + c] += p->scale * slope * at(q, b, h, i, c);
        }
    }
}

static reference reference_of(const problem *p, const heed_view *in)
{
    reference r;
    const int64_t heads = p->batch * p->heads;
    const int64_t sizes[N_RESULTS] = {
        heads * p->queries * p->depth,   heads * p->keys * p->depth,    heads * p->keys * p->width,
        p->heads * p->queries * p->keys, heads * p->queries * p->width, heads * p->queries
    };
    for (int i = 0; i < N_RESULTS; i++)
        r.of[i] = heed_alloc_array((size_t)sizes[i] + 1, sizeof(double));
    double *s = heed_alloc_array((size_t)p->keys + 1, sizeof(double));
    for (int i = 0; i < N_RESULTS; i++) memset(r.of[i], 0, (size_t)sizes[i] * sizeof(double));
    for (int64_t b = 0; b < p->batch; b++)
        for (int64_t h = 0; h < p->heads; h++)
            for (int64_t i = 0; i < p->queries; i++) reference_row(p, in, b, h, i, &r, s);
    heed_free(s);
    return r;
}

static void free_reference(reference *r)
{
    for (int i = 0; i < N_RESULTS; i++) heed_free(r->of[i]);
}

/* ---- operands in any layout ---- */

/* [b, h, rows, columns] inside a larger tensor: `apart` elements between columns, `gap` more than
 * needed from row to row; what is around stays NaN. */
typedef struct operand {
    heed_tensor *memory;
    heed_view view;
} operand;

static operand operand_of(heed_dtype dtype, heed_shape shape, int64_t apart, int64_t gap)
{
    const int64_t *d = shape.dim;
    const int64_t row = d[3] * apart + gap;
    operand x;
    heed_shape all = HEED_SHAPE(d[0] * d[2] * d[1] * row + 1);
    x.memory = heed_tensor_new(dtype, &all, NULL);
    heed_view_fill(&x.memory->view, NAN);
    x.view = heed_view_of(x.memory->view.data, dtype, &shape);
    if (apart == 1 && gap == 0) return x;
    x.view.stride[3] = apart; /* [b, rows, h, columns] in memory, as a split projection is */
    x.view.stride[1] = row;
    x.view.stride[2] = row * d[1];
    x.view.stride[0] = row * d[1] * d[2];
    return x;
}

static void fill(const operand *x, uint64_t stream)
{
    heed_rng rng = heed_rng_new(3, stream);
    for (int64_t i = 0; i < heed_count(&x->view.shape); i++)
        heed_set(&x->view, i, (float)(2 * heed_random_uniform(&rng) - 1));
}

/* All units of a kernel, from the last to the first. */
static void run(const heed_op *op, heed_call *call, heed_isa isa)
{
    void *plan = heed_alloc(op->plan_size);
    op->prepare(call, plan);
    call->plan = plan;
    const size_t bytes = op->scratch(call);
    call->scratch = heed_alloc(bytes + 1);
    memset(call->scratch, 0xff, bytes);
    for (int64_t u = op->units(call) - 1; u >= 0; u--)
        op->kernel->fn[call->out.dtype][isa](call, u, u + 1);
    heed_free(call->scratch);
    heed_free(plan);
}

static void expect_near(const char *what, const problem *p, heed_isa isa, double got, double wanted,
                        double tolerance, int64_t i)
{
    if (got == wanted) return;
    cr_assert(fabs(got - wanted) <= tolerance * fmax(1, fabs(wanted)),
              "%s %s T %lld S %lld d %lld e %lld causal %d keep %d bias %d: [%lld] is %.9g, not "
              "%.9g",
              heed_isa_name(isa), what, (long long)p->queries, (long long)p->keys,
              (long long)p->depth, (long long)p->width, p->causal, p->keep, p->bias, (long long)i,
              got, wanted);
}

/* dq, dk, dv in the output of attention_vjp, all of them wanted; parts are added here. */
static void check_gradients(const problem *p, const heed_view *all, const reference *r,
                            heed_isa isa, double tolerance)
{
    static const char *const names[] = { "dq", "dk", "dv" };
    const int64_t products = p->batch * p->heads;
    const int64_t range = heed_attention_range(products, p->queries);
    const int64_t ranges = range > 0 ? (p->queries + range - 1) / range : 1;
    int64_t begin = 0;
    for (int g = DQ; g <= DV; g++) {
        const int64_t rows = g == DQ ? p->queries : p->keys;
        const int64_t columns = g == DV ? p->width : p->depth, count = products * rows * columns;
        const int64_t parts = g == DQ ? 1 : ranges, shared = g == DQ ? 1 : p->shared;
        const int64_t head = rows * columns;
        for (int64_t i = 0; i < count / shared; i++) { /* heads that share are neighbours */
            double sum = 0;
            for (int64_t s = 0; s < shared; s++)
                for (int64_t part = 0; part < parts; part++)
                    sum += heed_get(all, begin + part * count + (i / head * shared + s) * head +
                                             i % head);
            expect_near(names[g], p, isa, sum, r->of[g][i], tolerance, i);
        }
        begin += parts * count;
    }
    cr_assert_eq(begin, heed_count(&all->shape));
}

static void check_reverse(const problem *p, heed_view *in, const attention_attr *attr,
                          const reference *r, heed_isa isa, double tolerance)
{
    const heed_dtype dtype = in[0].dtype;
    const int64_t products = p->batch * p->heads;
    const int64_t range = heed_attention_range(products, p->queries);
    const int64_t ranges = range > 0 ? (p->queries + range - 1) / range : 1;
    heed_shape size =
        HEED_SHAPE(products * (p->queries * p->depth + ranges * p->keys * (p->depth + p->width)));
    heed_tensor *all = heed_tensor_new(dtype, &size, NULL);
    heed_view_fill(&all->view, NAN);
    heed_call call = { .n_in = ATTENTION_INPUTS, .in = in, .out = all->view, .attr = attr };
    run(&heed_op_attention_vjp, &call, isa);
    check_gradients(p, &all->view, r, isa, tolerance);
    heed_tensor_free(all);
    if (!p->bias) return;
    heed_tensor *dbias = heed_tensor_new(dtype, &in[ATTENTION_BIAS].shape, NULL);
    heed_view_fill(&dbias->view, NAN);
    call.out = dbias->view;
    run(&heed_op_attention_bias_vjp, &call, isa);
    for (int64_t i = 0; i < heed_count(&dbias->view.shape); i++)
        expect_near("dbias", p, isa, heed_get(&dbias->view, i), r->of[DBIAS][i], tolerance, i);
    heed_tensor_free(dbias);
}

typedef struct operands {
    operand x[ATTENTION_INPUTS];
    heed_view in[ATTENTION_INPUTS];
} operands;

/* The same numbers in any dtype and layout; y and lse are to be computed. layout 0: dense; 1:
 * strided rows; 2: no axis adjacent. */
static operands operands_of(const problem *p, heed_dtype dtype, int layout)
{
    const int64_t apart = layout == 2 ? 3 : 1, gap = layout * 5, kv = p->heads / p->shared;
    const int64_t b = p->batch, h = p->heads;
    heed_shape shapes[ATTENTION_INPUTS] = {
        HEED_SHAPE(b, h, p->queries, p->depth), HEED_SHAPE(b, kv, p->keys, p->depth),
        HEED_SHAPE(b, kv, p->keys, p->width),   HEED_SHAPE(b, 1, 1, p->keys),
        HEED_SHAPE(1, h, p->queries, p->keys),  HEED_SHAPE(b, h, p->queries, p->width),
        HEED_SHAPE(b, h, p->queries, p->width), HEED_SHAPE(b, h, p->queries, 1),
    };
    operands o;
    for (int i = 0; i < ATTENTION_INPUTS; i++) {
        const bool dense = i == ATTENTION_LSE;
        o.x[i] = operand_of(dtype, shapes[i], dense ? 1 : apart, dense ? 0 : gap);
        if (i != ATTENTION_Y && i != ATTENTION_LSE) fill(&o.x[i], (uint64_t)i);
        o.in[i] = o.x[i].view;
    }
    for (int64_t j = 0; j < heed_count(&o.in[ATTENTION_KEEP].shape); j++)
        heed_set(&o.in[ATTENTION_KEEP], j,
                 j % 3 == 1 || j / p->keys == 1 || j % p->keys > 3 * p->keys / 4 ? 0 : 0.5);
    return o;
}

static void free_operands(operands *o)
{
    for (int i = 0; i < ATTENTION_INPUTS; i++) heed_tensor_free(o->x[i].memory);
}

static void check(const problem *p, const reference *r, heed_dtype dtype, heed_isa isa, int layout)
{
    operands o = operands_of(p, dtype, layout);
    heed_view *in = o.in;
    const attention_attr attr = { .scale = p->scale, .causal = p->causal };
    const attention_attr reverse = { p->scale, p->causal, 7 };
    const double tolerance = dtype == HEED_F32 ? 2e-5 : 1e-12;
    if (!p->keep) in[ATTENTION_KEEP].shape.rank = 0;
    if (!p->bias) in[ATTENTION_BIAS].shape.rank = 0;
    heed_call call = { .n_in = ATTENTION_FORWARD_INPUTS,
                       .in = in,
                       .out = in[ATTENTION_Y],
                       .aux = in[ATTENTION_LSE],
                       .attr = &attr };
    run(&heed_op_attention, &call, isa);
    for (int64_t i = 0; i < heed_count(&in[ATTENTION_Y].shape); i++)
        expect_near("y", p, isa, heed_get(&in[ATTENTION_Y], i), r->of[Y][i], tolerance, i);
    for (int64_t i = 0; i < heed_count(&in[ATTENTION_LSE].shape); i++)
        expect_near("lse", p, isa, heed_get(&in[ATTENTION_LSE], i), r->of[LSE][i], tolerance, i);
    in[ATTENTION_LSE].shape.rank = 3;
    check_reverse(p, in, &reverse, r, isa, tolerance);
    free_operands(&o);
}

static int check_everywhere(const problem *p)
{
    int checked = 0;
    operands exact = operands_of(p, HEED_F64, 0);
    reference r = reference_of(p, exact.in);
    for (int dtype = HEED_F32; dtype <= HEED_F64; dtype++)
        for (int isa = 0; isa < HEED_N_ISA; isa++)
            for (int layout = 0; layout < 3; layout++) {
                if (!heed_isa_supported((heed_isa)isa)) continue;
                if (!heed_op_attention.kernel->fn[dtype][isa]) continue;
                check(p, &r, (heed_dtype)dtype, (heed_isa)isa, layout);
                checked++;
            }
    free_reference(&r);
    free_operands(&exact);
    return checked;
}

static const int64_t lengths[] = { 1, 7, 13, 33, 130 };
enum { N_LENGTHS = sizeof lengths / sizeof lengths[0] };

Test(attention, lengths, .timeout = 120)
{
    for (int i = 0; i < N_LENGTHS; i++)
        for (int j = 0; j < N_LENGTHS; j++)
            for (int causal = 0; causal < 2; causal++) {
                const problem p = { 1,         2,      1,     lengths[i], lengths[j], 5 + 3 * i,
                                    3 + 7 * j, causal, false, false,      0.4 };
                cr_assert_gt(check_everywhere(&p), 0);
            }
}

/* Every second batch element is padding only: its queries see nothing. */
Test(attention, masks_and_biases, .timeout = 120)
{
    for (int i = 0; i < N_LENGTHS; i++)
        for (int mode = 1; mode < 8; mode++) {
            const problem p = { 2,
                                2,
                                1,
                                lengths[i],
                                lengths[(i + 1) % N_LENGTHS],
                                16,
                                16,
                                mode >> 2 & 1,
                                mode & 1,
                                mode >> 1 & 1,
                                -0.7 };
            cr_assert_gt(check_everywhere(&p), 0);
        }
}

Test(attention, heads_share_keys)
{
    const problem cases[] = { { 2, 3, 3, 33, 40, 8, 8, true, true, true, 0.3 },
                              { 1, 4, 4, 7, 7, 64, 64, false, false, false, 0.125 },
                              { 3, 2, 2, 1, 70, 32, 16, true, false, false, 1 } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_assert_gt(check_everywhere(&cases[i]), 0);
}

/* Several blocks of keys and of queries; a head divided among several items; many heads in one. */
Test(attention, several_blocks, .timeout = 120)
{
    const problem cases[] = { { 1, 1, 1, 300, 300, 16, 16, true, false, false, 0.25 },
                              { 1, 1, 1, 300, 451, 16, 32, false, true, false, 0.25 },
                              { 1, 17, 1, 290, 290, 3, 3, true, false, false, 0.5 },
                              { 1, 2, 1, 280, 150, 16, 5, true, false, true, 0.5 },
                              { 3, 20, 1, 5, 6, 4, 4, true, true, false, 0.5 },
                              { 2, 3, 1, 1, 20000, 20, 40, false, true, true, 0.5 } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_assert_gt(check_everywhere(&cases[i]), 0);
}

Test(attention, empty)
{
    const problem cases[] = { { 1, 2, 1, 0, 5, 4, 4, true, false, false, 1 },
                              { 1, 2, 1, 5, 0, 4, 4, true, true, false, 1 },
                              { 1, 2, 1, 5, 5, 0, 4, false, false, false, 1 },
                              { 1, 2, 1, 5, 5, 4, 0, true, false, false, 1 },
                              { 0, 2, 1, 5, 5, 4, 4, false, true, true, 1 } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_assert_gt(check_everywhere(&cases[i]), 0);
}

/* ---- as a user sees it ---- */

/* y and the gradients of q, k, v and a bias, of attention or of what it stands for. */
typedef struct built {
    heed_graph *graph;
    heed_node *q, *k, *v, *bias, *outputs[5];
} built;

static heed_node *compose(const built *x, bool causal)
{
    const int64_t queries = x->q->shape.dim[x->q->shape.rank - 2];
    const int64_t keys = x->k->shape.dim[x->k->shape.rank - 2];
    const double scale = 1 / sqrt((double)x->q->shape.dim[x->q->shape.rank - 1]);
    heed_node *scores = heed_matmul(heed_scale(x->q, scale), heed_transpose(x->k, -1, -2));
    heed_shape shape = HEED_SHAPE(queries, keys);
    heed_tensor *seen = heed_tensor_new(x->q->dtype, &shape, NULL);
    for (int64_t i = 0; i < queries * keys; i++)
        heed_set(&seen->view, i, !causal || i % keys <= i / keys + keys - queries);
    heed_node *mask = heed_constant(x->graph, &seen->view);
    heed_tensor_free(seen);
    scores = heed_where(mask, heed_add(scores, x->bias), heed_number(x->graph, -INFINITY));
    return heed_matmul(heed_softmax(scores, -1), x->v);
}

static built build(heed_dtype dtype, heed_shape q, heed_shape k, bool causal, bool composed)
{
    built x = { .graph = heed_graph_new(.dtype = dtype) };
    x.q = heed_input_shaped(x.graph, "q", dtype, q);
    x.k = heed_input_shaped(x.graph, "k", dtype, k);
    x.v = heed_input_shaped(x.graph, "v", dtype, k);
    x.bias = heed_input_shaped(x.graph, "bias", dtype, HEED_SHAPE(k.dim[k.rank - 2]));
    heed_node *wanted[] = { x.q, x.k, x.v, x.bias };
    heed_node *y = composed ? compose(&x, causal)
                            : heed_attention(x.q, x.k, x.v, .causal = causal, .bias = x.bias);
    cr_assert_not_null(y, "%s", heed_why(x.graph));
    x.outputs[0] = y;
    heed_node *r = heed_input_shaped(x.graph, "r", dtype, y->shape);
    cr_assert(heed_gradient(y, r, wanted, 4, x.outputs + 1), "%s", heed_why(x.graph));
    return x;
}

static kit_values values_of(heed_dtype dtype, heed_shape q, heed_shape k, bool composed,
                            int threads)
{
    built x = build(dtype, q, k, true, composed);
    kit_values all = kit_run(x.graph, x.outputs, 5, (heed_compile_options){ .threads = threads });
    cr_assert(kit_finite(all));
    heed_graph_free(x.graph);
    return all;
}

Test(attention, same_bits_for_any_number_of_threads)
{
    static const heed_shape shapes[] = { { 2, { 400, 16 } }, { 4, { 2, 9, 70, 8 } } };
    for (int s = 0; s < 2; s++) {
        kit_values one = values_of(HEED_F32, shapes[s], shapes[s], false, 1);
        static const int threads[] = { 2, 3, 8 };
        for (int i = 0; i < 3; i++) {
            kit_values many = values_of(HEED_F32, shapes[s], shapes[s], false, threads[i]);
            cr_assert(kit_same_bits(one, many), "%d threads", threads[i]);
            heed_free(many.value);
        }
        heed_free(one.value);
    }
}

Test(attention, f32_is_near_f64)
{
    const heed_shape shape = HEED_SHAPE(2, 300, 64);
    kit_values narrow = values_of(HEED_F32, shape, shape, false, 1);
    kit_values wide = values_of(HEED_F64, shape, shape, true, 1);
    cr_assert_eq(kit_difference(narrow, wide, 2e-6), -1);
    heed_free(narrow.value);
    heed_free(wide.value);
}

/* Gradients of gradients, where dk and dv come in parts (one head, many queries). */
Test(attention, second_order_is_that_of_its_composition)
{
    const heed_shape q = HEED_SHAPE(260, 2), k = HEED_SHAPE(263, 2);
    cr_assert_lt(heed_attention_range(1, 260), 260);
    kit_values of[2];
    for (int composed = 0; composed < 2; composed++) {
        built x = build(HEED_F64, q, k, true, composed);
        heed_node *wanted[] = { x.q, x.k, x.v, x.bias }, *sum = NULL, *second[4];
        for (int i = 1; i < 5; i++) {
            heed_node *one = heed_sum_all(heed_square(heed_affine(x.outputs[i], 1, 0.5)));
            sum = sum ? heed_add(sum, one) : one;
        }
        cr_assert(heed_gradient(sum, NULL, wanted, 4, second), "%s", heed_why(x.graph));
        of[composed] = kit_run(x.graph, second, 4, (heed_compile_options){ .threads = 2 });
        heed_graph_free(x.graph);
    }
    cr_assert_eq(kit_difference(of[0], of[1], 1e-10), -1);
    heed_free(of[0].value);
    heed_free(of[1].value);
}

Test(attention, memory_grows_with_length_not_with_its_square)
{
    double bytes[3];
    for (int i = 0; i < 3; i++) {
        const heed_shape shape = HEED_SHAPE(4, 1024 << i, 16);
        built x = build(HEED_F32, shape, shape, true, false);
        heed_program *p = heed_compile(x.graph, x.outputs, 5, .threads = 2);
        cr_assert_not_null(p, "%s", heed_why(x.graph));
        bytes[i] = (double)heed_program_describe(p).total_bytes;
        heed_program_free(p);
        heed_graph_free(x.graph);
    }
    cr_assert_lt(bytes[1], 2.1 * bytes[0], "%g %g", bytes[0], bytes[1]);
    cr_assert_lt(bytes[2], 2.1 * bytes[1], "%g %g", bytes[1], bytes[2]);
}

Test(attention, large_scores_do_not_overflow)
{
    heed_graph *g = heed_graph_new();
    heed_node *in[3] = { heed_input(g, "q", HEED_F32, 70, 8), heed_input(g, "k", HEED_F32, 90, 8),
                         heed_input(g, "v", HEED_F32, 90, 8) };
    heed_node *y = heed_attention(in[0], in[1], in[2], .scale = 1e4), *outputs[4] = { y };
    cr_assert(heed_gradient(y, heed_ones_like(y), in, 3, outputs + 1), "%s", heed_why(g));
    kit_values all = kit_run(g, outputs, 4, (heed_compile_options){ .threads = 1 });
    cr_assert(kit_finite(all));
    for (int i = 0; i < 70 * 8; i++) cr_assert(fabs(all.value[i]) <= 1);
    heed_free(all.value);
    heed_graph_free(g);
}

static void expect_refused(heed_graph *g, const heed_node *y, const char *part)
{
    cr_expect_null(y);
    cr_assert_not_null(heed_why(g), "%s", part);
    cr_expect_not_null(strstr(heed_why(g), part), "%s", heed_why(g));
    heed_graph_free(g);
}

Test(attention, what_does_not_fit_is_refused)
{
    static const struct {
        heed_shape q, k, v, keep;
        double scale;
        const char *why;
    } cases[] = {
        { { 1, { 4 } }, { 2, { 5, 4 } }, { 2, { 5, 4 } }, { 1, { 5 } }, 1, "two axes" },
        { { 2, { 3, 4 } }, { 2, { 5, 3 } }, { 2, { 5, 4 } }, { 1, { 5 } }, 1, "4 and 3" },
        { { 2, { 3, 4 } }, { 2, { 5, 4 } }, { 2, { 6, 4 } }, { 1, { 5 } }, 1, "6 values" },
        { { 3, { 2, 3, 4 } }, { 3, { 3, 5, 4 } }, { 2, { 5, 4 } }, { 1, { 5 } }, 1, "leading" },
        { { 2, { 3, 4 } }, { 2, { 5, 4 } }, { 2, { 5, 4 } }, { 1, { 4 } }, 1, "[3, 5]" },
        { { 2, { 3, 4 } }, { 2, { 5, 4 } }, { 2, { 5, 4 } }, { 1, { 5 } }, INFINITY, "scale" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        heed_graph *g = heed_graph_new();
        heed_node *q = heed_input_shaped(g, "q", HEED_F32, cases[i].q);
        heed_node *k = heed_input_shaped(g, "k", HEED_F32, cases[i].k);
        heed_node *v = heed_input_shaped(g, "v", HEED_F32, cases[i].v);
        heed_node *keep = heed_input_shaped(g, "keep", HEED_F32, cases[i].keep);
        expect_refused(g, heed_attention(q, k, v, .keep = keep, .scale = cases[i].scale),
                       cases[i].why);
    }
    heed_graph *g = heed_graph_new();
    heed_node *x = heed_input(g, "x", HEED_F32, 3, 3), *dx;
    heed_node *y = heed_sum_all(heed_attention(x, x, x, .keep = x));
    cr_expect_not(heed_gradient(y, NULL, &x, 1, &dx));
    expect_refused(g, NULL, "has no gradient");
}

/* A mask of integers; a mask and a bias that are one number. */
Test(attention, masks_of_any_kind)
{
    heed_graph *g = heed_graph_new();
    heed_node *x = heed_input(g, "x", HEED_F32, 4, 3), *m = heed_input(g, "m", HEED_I32, 4);
    heed_node *none = heed_attention(x, x, x, .keep = heed_number(g, 0));
    heed_node *all = heed_attention(x, x, x, .keep = heed_number(g, 1), .bias = heed_number(g, 9));
    heed_node *plain = heed_attention(x, x, x);
    heed_node *some = heed_attention(x, x, x, .keep = m);
    heed_node *same = heed_attention(x, x, x, .keep = heed_cast(m, HEED_F32));
    heed_node *outputs[] = { none, heed_sub(all, plain), heed_sub(some, same) };
    kit_values y = kit_run(g, outputs, 3, (heed_compile_options){ .threads = 1 });
    for (int i = 0; i < 36; i++) cr_assert(fabs(y.value[i]) < 1e-6, "[%d] %g", i, y.value[i]);
    heed_free(y.value);
    heed_graph_free(g);
}

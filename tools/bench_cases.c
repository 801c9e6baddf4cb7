/* bench_cases.c - what `heed bench` can measure, by name: KIND/SIZES. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/bench.h"

enum { MOST_SIZES = 7 };

typedef struct bench_kind {
    const char *name, *sizes; /* "matmul", "MxKxN"; an option may follow in brackets: "[/causal]" */
    int n_sizes;
    void (*build)(bench_case *c, const int64_t *size);
} bench_kind;

const char *const bench_default_names[] = {
    "matmul/64x64x64",
    "matmul/128x128x128",
    "matmul/256x256x256",
    "matmul/1024x1024x1024",
    "matmul/32x512x128",
    "matmul/128x1024x256",
    "matmul/4096x64x64",
    "matmul/1x512x512",
    "matmul/512x512x1",
    "exp/4096",
    "tanh/4096",
    "sigmoid/4096",
    "gelu/4096",
    "silu/4096",
    "erf/4096",
    "sin/4096",
    "cos/4096",
    "add/16777216",
    "softmax/4096x512",
    "layer_norm/4096x512",
    "rms_norm/4096x512",
    "cross_entropy/4096x512",
    "sum/4096x512",
    "sum_columns/4096x512",
    "conv1d/32x64x256x3",
    "conv2d/32x64x32x32/64x3x3",
    "attention/8x8x256x64/causal",
    "attention/8x8x1024x64/causal",
    "additive/8x128x128x256",
    "chain/10000",
    "parameters/1000x64",
    "step/ptrnet",
    "step/ptrnet_small",
    "step/gat",
    "step/snail",
    "step/ntm",
    "step/lstm_attention",
    NULL,
};

static heed_node *matrix(bench_case *c, const char *name, int64_t rows, int64_t columns)
{
    return heed_input(c->graph, name, HEED_F32, rows, columns);
}

static void want(bench_case *c, heed_node *node)
{
    c->outputs[c->n_outputs++] = node;
}

/* y and the gradients of <y, r> with respect to x: what a training step asks of an operation. */
static void want_with_reverse(bench_case *c, heed_node *y, heed_node *const *x, int n)
{
    heed_node *dx[3];
    want(c, y);
    if (!y) return;
    heed_node *r = heed_input_shaped(c->graph, "r", y->dtype, y->shape);
    if (!heed_gradient(y, r, x, n, dx)) return;
    for (int i = 0; i < n; i++) want(c, dx[i]);
}

static double bytes_of(double elements, int passes)
{
    return elements * passes * (double)sizeof(float);
}

static void build_matmul(bench_case *c, const int64_t *size)
{
    want(c, heed_matmul(matrix(c, "a", size[0], size[1]), matrix(c, "b", size[1], size[2])));
    c->flops = 2.0 * (double)size[0] * (double)size[1] * (double)size[2];
    c->bytes = bytes_of((double)(size[0] * size[1] + size[1] * size[2] + size[0] * size[2]), 1);
}

static void build_batched(bench_case *c, const int64_t *size)
{
    heed_node *a = heed_input(c->graph, "a", HEED_F32, size[0], size[1], size[2]);
    heed_node *b = heed_input(c->graph, "b", HEED_F32, size[0], size[2], size[3]);
    want(c, heed_matmul(a, b));
    c->flops = 2.0 * (double)size[0] * (double)size[1] * (double)size[2] * (double)size[3];
}

/* An operation on rows and its reverse: x and dy are read, y and dx written, x or y read again. */
static void want_rows(bench_case *c, heed_node *x, heed_node *y)
{
    want_with_reverse(c, y, &x, 1);
    c->bytes = bytes_of((double)heed_count(&x->shape), 5);
}

static void build_softmax(bench_case *c, const int64_t *size)
{
    heed_node *x = matrix(c, "x", size[0], size[1]);
    want_rows(c, x, heed_softmax(x, -1));
}

static void build_log_softmax(bench_case *c, const int64_t *size)
{
    heed_node *x = matrix(c, "x", size[0], size[1]);
    want_rows(c, x, heed_log_softmax(x, -1));
}

static void build_layer_norm(bench_case *c, const int64_t *size)
{
    heed_node *x = matrix(c, "x", size[0], size[1]);
    want_rows(c, x, heed_layer_norm(x, NULL, NULL, 0));
}

static void build_rms_norm(bench_case *c, const int64_t *size)
{
    heed_node *x = matrix(c, "x", size[0], size[1]);
    want_rows(c, x, heed_rms_norm(x, NULL, 0));
}

static void build_cross_entropy(bench_case *c, const int64_t *size)
{
    heed_node *x = matrix(c, "x", size[0], size[1]), *dx = NULL;
    heed_node *loss = heed_cross_entropy(x, heed_input(c->graph, "y", HEED_I32, size[0]));
    want(c, loss);
    if (heed_gradient(loss, NULL, &x, 1, &dx)) want(c, dx);
    c->bytes = bytes_of((double)(size[0] * size[1]), 3);
}

static void build_sum(bench_case *c, const int64_t *size)
{
    want(c, heed_sum(matrix(c, "x", size[0], size[1]), 1, false));
    c->bytes = bytes_of((double)(size[0] * size[1]), 1);
}

static void build_sum_columns(bench_case *c, const int64_t *size)
{
    want(c, heed_sum(matrix(c, "x", size[0], size[1]), 0, false));
    c->bytes = bytes_of((double)(size[0] * size[1]), 1);
}

static void build_conv1d(bench_case *c, const int64_t *size)
{
    heed_node *in[2] = { heed_input(c->graph, "x", HEED_F32, size[0], size[1], size[2]),
                         heed_input(c->graph, "w", HEED_F32, size[1], size[1], size[3]) };
    int64_t pad = (size[3] - 1) / 2;
    want_with_reverse(c, heed_conv1d(in[0], in[1], .pad_left = pad, .pad_right = size[3] - 1 - pad),
                      in, 2);
    c->flops = 6.0 * (double)(size[0] * size[1] * size[2]) * (double)(size[1] * size[3]);
}

/* Self-attention; of the causal one only what is visible counts, two products and five. */
static void build_attention(bench_case *c, const int64_t *size)
{
    static const char *const names[] = { "q", "k", "v" };
    heed_node *in[3];
    const double scores = (double)(size[0] * size[1]) * (double)size[2] * (double)size[2];
    for (int i = 0; i < 3; i++)
        in[i] = heed_input(c->graph, names[i], HEED_F32, size[0], size[1], size[2], size[3]);
    want_with_reverse(c, heed_attention(in[0], in[1], in[2], .causal = size[4]), in, 3);
    c->flops = 2.0 * 7 * scores * (double)size[3] / (size[4] ? 2 : 1);
}

/* "Same" padding: the result is as large as the images. */
static void build_conv2d(bench_case *c, const int64_t *size)
{
    const int64_t top = (size[5] - 1) / 2, left = (size[6] - 1) / 2;
    heed_node *in[2] = { heed_input(c->graph, "x", HEED_F32, size[0], size[1], size[2], size[3]),
                         heed_input(c->graph, "w", HEED_F32, size[4], size[1], size[5], size[6]) };
    heed_node *y = heed_conv2d(in[0], in[1], .pad_top = top, .pad_bottom = size[5] - 1 - top,
                               .pad_left = left, .pad_right = size[6] - 1 - left);
    want_with_reverse(c, y, in, 2);
    c->flops = 6.0 * (double)(size[0] * size[1] * size[2] * size[3]) *
               (double)(size[4] * size[5] * size[6]);
}

/* Additive attention of T queries to S keys, a = softmax(v . tanh(key + query)), and the gradients
 * of the keys, the queries and v (Bahdanau, Cho, Bengio 2015). */
static void build_additive(bench_case *c, const int64_t *size)
{
    const int64_t batch = size[0], queries = size[1], keys = size[2], width = size[3];
    heed_node *x[3] = { heed_input(c->graph, "keys", HEED_F32, batch, 1, keys, width),
                        heed_input(c->graph, "queries", HEED_F32, batch, queries, 1, width),
                        matrix(c, "v", width, 1) };
    heed_node *u = heed_squeeze(heed_matmul(heed_tanh(heed_add(x[0], x[1])), x[2]), -1);
    want_with_reverse(c, heed_softmax(u, -1), x, 3); /* [B, T, S] */
}

/* What a node costs when it does next to nothing: N scalar additions, one after the other. */
static void build_chain(bench_case *c, const int64_t *size)
{
    heed_node *one = heed_input_shaped(c->graph, "x", HEED_F32, heed_scalar()), *y = one;
    for (int64_t i = 0; i < size[0]; i++) y = heed_add(y, one);
    want(c, y);
    c->passes = "-fuse";
}

/* A training step that is nearly all update: Adam, clipping, and loss = sum of squares. */
static void build_parameters(bench_case *c, const int64_t *size)
{
    char name[32];
    heed_node **terms = heed_graph_memory(c->graph, (size_t)size[0] * sizeof *terms);
    if (!terms) return;
    for (int64_t i = 0; i < size[0]; i++) {
        snprintf(name, sizeof name, "p%lld", (long long)i);
        heed_node *p = heed_param(heed_root(c->graph), name, HEED_ONES, size[1]);
        terms[i] = heed_sum_all(heed_square(p));
    }
    heed_node *loss = heed_sum_all(heed_stack(terms, (int)size[0], 0));
    c->trainer = heed_trainer_new(loss, heed_adam(), .clip_norm = 1, .threads = c->threads);
}

static const bench_kind kinds[] = {
    { "matmul", "MxKxN", 3, build_matmul },
    { "batched", "BxMxKxN", 4, build_batched },
    { "softmax", "RxC", 2, build_softmax },
    { "log_softmax", "RxC", 2, build_log_softmax },
    { "layer_norm", "RxC", 2, build_layer_norm },
    { "rms_norm", "RxC", 2, build_rms_norm },
    { "cross_entropy", "RxC", 2, build_cross_entropy },
    { "sum", "RxC", 2, build_sum },
    { "sum_columns", "RxC", 2, build_sum_columns },
    { "conv1d", "BxCxLxK", 4, build_conv1d },
    { "attention", "BxHxTxD[/causal]", 4, build_attention },
    { "conv2d", "BxCxHxW/OxKHxKW", 7, build_conv2d },
    { "additive", "BxTxSxH", 4, build_additive },
    { "chain", "N", 1, build_chain },
    { "parameters", "NxC", 2, build_parameters },
};

/* Any elementwise operation, on N floats. */
static bool build_elementwise(bench_case *c, const heed_op *op, int64_t n)
{
    heed_node *in[HEED_TILE_INPUTS];
    char name[16], attr[256] = { 0 };
    for (int i = 0; i < op->n_in; i++) {
        snprintf(name, sizeof name, "x%d", i);
        in[i] = heed_input(c->graph, name, HEED_F32, n);
    }
    want(c, heed_apply(op, attr, op->n_in, in));
    c->bytes = bytes_of((double)n, op->n_in + 1);
    return true;
}

/* Is `text` the option ("/causal") of the pattern "BxT[/causal]"? */
static bool is_option(const char *pattern, const char *text)
{
    const char *option = strchr(pattern, '[');
    const size_t length = strlen(text);
    return option && length > 0 && strncmp(option + 1, text, length) == 0 &&
           strcmp(option + 1 + length, "]") == 0;
}

/* "12x34/5/causal" into sizes, with the letters between them as in `form`, "RxC/K[/causal]"; false
 * unless exactly n positive numbers. size[n]: 1 when the form's option follows, else 0. */
static bool read_sizes(const char *text, const char *form, int64_t *size, int n)
{
    for (int i = 0; i < n; i++) {
        char *end;
        size[i] = strtoll(text, &end, 10);
        if (end == text || size[i] < 1 || size[i] > 1 << 28) return false;
        text = end;
        form += strcspn(form, "x/[");
        if (i + 1 < n && *text++ != *form++) return false;
    }
    size[n] = is_option(form, text);
    return size[n] || !*text;
}

static bool build_named(bench_case *c, heed_error *error)
{
    const char *slash = strchr(c->name, '/');
    size_t length = slash ? (size_t)(slash - c->name) : 0;
    int64_t size[MOST_SIZES + 1]; /* and whether the option is given */
    char op_name[64];
    if (!slash || length >= sizeof op_name)
        return heed_fail(error, "'%s' is not KIND/SIZES (see heed bench --help)", c->name);
    memcpy(op_name, c->name, length);
    op_name[length] = 0;
    if (strcmp(op_name, "ops") == 0) return bench_build_op(c, slash + 1, error);
    if (strcmp(op_name, "step") == 0) return bench_build_step(c, slash + 1, error);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(op_name, kinds[i].name) != 0) continue;
        if (!read_sizes(slash + 1, kinds[i].sizes, size, kinds[i].n_sizes))
            return heed_fail(error, "'%s': the sizes must be %s/%s", c->name, op_name,
                             kinds[i].sizes);
        kinds[i].build(c, size);
        return true;
    }
    const heed_op *op = heed_find_op(op_name);
    if (!op || !op->tile)
        return heed_fail(error, "'%s': unknown kind (see heed bench --help)", c->name);
    if (!read_sizes(slash + 1, "N", size, 1))
        return heed_fail(error, "'%s': the size must be %s/N", c->name, op_name);
    return build_elementwise(c, op, size[0]);
}

bool bench_build(bench_case *c, heed_error *error)
{
    c->store = heed_store_new(1);
    c->graph = heed_graph_new(.store = c->store, .training = true);
    if (!build_named(c, error)) return false;
    if (heed_graph_failed(c->graph)) return heed_fail(error, "%s: %s", c->name, heed_why(c->graph));
    return true;
}

void bench_free(bench_case *c)
{
    heed_trainer_free(c->rival);
    heed_graph_free(c->rival_graph);
    heed_trainer_free(c->trainer);
    heed_graph_free(c->graph);
    heed_tiny_free(&c->tiny);
    heed_store_free(c->store);
}

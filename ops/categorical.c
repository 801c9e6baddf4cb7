/* categorical.c - an index drawn with the probabilities softmax(logits): the largest of logit +
 * Gumbel noise (Gumbel 1954; Maddison, Tarlow, Minka 2014). One pass; noise is made 1024 numbers at
 * a time and forgotten. */
#include "ops/kernel.h"
#include "ops/random.h"
#include "ops/rows.h"

#ifdef HEED_STAMP
#include "ops/micro/random.h"
#include "ops/micro/row_math.h"

/* The first of the largest sums, if it beats `best`, which is then raised; else `place`. */
static int32_t search(const real *logit, real *noise, int64_t n, int64_t first, real *best,
                      int32_t place)
{
    HEED_INDEPENDENT
    for (int64_t k = 0; k < n; k++) {
        const real sum = noise[k] + logit[k];
        noise[k] = sum > -INFINITY ? sum : -INFINITY; /* NaN is never drawn */
    }
    const real most = row_max(noise, n);
    if (!(most > *best)) return place;
    *best = most;
    int64_t k = 0;
    while (noise[k] != most) k++;
    return (int32_t)(first + k);
}

/* A block of noise covers the ends of some rows, and whole ones. */
HEED_KERNEL(categorical)
{
    const heed_random_attr *attr = call->attr;
    const real *x = call->in[0].data;
    int32_t *y = call->out.data, place = 0;
    int64_t n = heed_row_length(&call->in[0]), row;
    const int64_t stop = heed_unit_rows(call, begin, end, &row) * n;
    real noise[HEED_RANDOM_BLOCK], best = -INFINITY;
    random_words words;
    for (int64_t at = row * n, last; at < stop; at = last) {
        const int64_t block = at / HEED_RANDOM_BLOCK, start = block * HEED_RANDOM_BLOCK;
        last = heed_smaller(start + HEED_RANDOM_BLOCK, stop);
        random_block(call, attr->salt, block, &words);
        gumbel_block(&words, attr, noise);
        for (int64_t piece; at < last; at += piece) {
            const int64_t column = at % n;
            piece = heed_smaller(n - column, last - at);
            if (column == 0) best = -INFINITY, place = 0;
            place = search(x + at, noise + (at - start), piece, column, &best, place);
            if (column + piece == n) y[at / n] = place;
        }
    }
}

#else
#include "ops/common.h"
#include "ops/ops.h"

HEED_DECLARE_KERNEL(categorical);
static const heed_kernel categorical_kernel = HEED_KERNEL_TABLE(categorical);

static bool categorical_infer(heed_infer *infer)
{
    const heed_shape *x = &infer->in[0]->shape;
    int axis = -1;
    if (!heed_need_real(infer, 0) || !heed_need_axis(infer, x, &axis)) return false;
    if (x->dim[axis] < 1) return heed_refuse(infer, "axis %d is empty", axis);
    if (x->dim[axis] > INT32_MAX) return heed_refuse(infer, "axis %d is too long for i32", axis);
    infer->shape.dim[--infer->shape.rank] = 0;
    infer->dtype = HEED_I32;
    return heed_need_random_count(infer, x);
}

static bool categorical_sample(int k, heed_sample *sample)
{
    return heed_noise_sample(k + 1, sample, 0, 0); /* the first shape has no axis */
}

static double categorical_flops(const heed_node *node)
{
    return 32 * (double)heed_count(&node->in[0]->shape);
}

const heed_op heed_op_categorical = {
    .name = "categorical",
    .doc = "i32 [..]: an index of the last axis of logits [.., C], drawn with the probabilities "
           "softmax(logits); a function of (seed, salt, step, element). Gradient refused.",
    .n_in = 1,
    .flags = HEED_RANDOM,
    .attr_size = sizeof(heed_random_attr),
    .infer = categorical_infer,
    .kernel = &categorical_kernel,
    .units = heed_row_units,
    .sample = categorical_sample,
    .flops = categorical_flops,
    .limit = "arithmetic: ten rounds of Philox for four numbers, two logarithms for each",
};

heed_node *heed_categorical(heed_node *logits)
{
    if (!logits) return NULL;
    heed_random_attr attr = { .salt = heed_graph_salt(logits->graph) };
    return heed_apply(&heed_op_categorical, &attr, 1, &logits);
}

#endif

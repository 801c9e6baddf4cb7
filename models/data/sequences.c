/* sequences.c - sequences of bits that ask for an algorithm. */
#include "models/data/sequences.h"

#include <math.h>
#include <string.h>

enum { ITEM = 3, CONTEXT = 5, CONTEXTS = 1 << CONTEXT };

/* ---- sizes ---- */

int64_t heed_sequences_inputs(const heed_sequences *s)
{
    switch (s->task) {
    case HEED_COPY:
        return s->bits + 1;
    case HEED_NGRAM:
        return 1;
    case HEED_REPEAT_COPY:
    case HEED_RECALL:
    case HEED_SORT:
        break;
    }
    return s->bits + 2;
}

int64_t heed_sequences_outputs(const heed_sequences *s)
{
    if (s->task == HEED_NGRAM) return 1;
    return s->task == HEED_REPEAT_COPY ? s->bits + 1 : s->bits;
}

static int64_t answers_of(const heed_sequences *s, int64_t length)
{
    return s->answers < length ? s->answers : length;
}

static int64_t steps_of(const heed_sequences *s, int64_t length, int64_t repeats)
{
    switch (s->task) {
    case HEED_COPY:
        return 2 * length + 1;
    case HEED_REPEAT_COPY:
        return length + 1 + length * repeats + 1;
    case HEED_RECALL:
        return length * (1 + ITEM) + 1 + ITEM + 1 + ITEM;
    case HEED_SORT:
        return length + 1 + answers_of(s, length);
    case HEED_NGRAM:
        break;
    }
    return length;
}

int64_t heed_sequences_steps(const heed_sequences *s)
{
    return steps_of(s, s->length.high, s->repeats.high);
}

/* ---- elements [t, b, k] ---- */

static int64_t place(const heed_view *v, int64_t t, int64_t b, int64_t k)
{
    return (t * v->shape.dim[1] + b) * v->shape.dim[2] + k;
}

static void put(const heed_view *v, int64_t t, int64_t b, int64_t k, double value)
{
    heed_set(v, place(v, t, b, k), value);
}

static double get(const heed_view *v, int64_t t, int64_t b, int64_t k)
{
    return heed_get(v, place(v, t, b, k));
}

static int bit(heed_rng *rng)
{
    return (int)(heed_random(rng) & 1);
}

static int64_t between(heed_rng *rng, heed_range range)
{
    return range.low + (int64_t)heed_random_below(rng, (uint32_t)(range.high - range.low + 1));
}

/* A mark in channel k of all sequences. */
static void mark(const heed_view *v, int64_t t, int64_t k, double value)
{
    for (int64_t b = 0; b < v->shape.dim[1]; b++) put(v, t, b, k, value);
}

static void draw_vectors(const heed_sequences *s, heed_rng *rng, const heed_view *x, int64_t from,
                         int64_t length)
{
    for (int64_t t = from; t < from + length; t++)
        for (int64_t b = 0; b < x->shape.dim[1]; b++)
            for (int64_t k = 0; k < s->bits; k++) put(x, t, b, k, bit(rng));
}

/* The answer at step `to` is the vector given at step `from`. */
static void answer(const heed_sequences *s, const heed_sequence_batch *batch, int64_t b, int64_t to,
                   int64_t from)
{
    for (int64_t k = 0; k < s->bits; k++) put(&batch->target, to, b, k, get(&batch->x, from, b, k));
}

/* ---- the tasks ---- */

/* `times` copies of the `length` vectors given first, from step `at` on. */
static void ask_copies(const heed_sequences *s, const heed_sequence_batch *batch, int64_t length,
                       int64_t times, int64_t at)
{
    for (int64_t i = 0; i < times * length; i++)
        for (int64_t b = 0; b < batch->x.shape.dim[1]; b++) answer(s, batch, b, at + i, i % length);
}

static void draw_copy(const heed_sequences *s, heed_rng *rng, const heed_sequence_batch *batch,
                      int64_t length)
{
    draw_vectors(s, rng, &batch->x, 0, length);
    mark(&batch->x, length, s->bits, 1);
    ask_copies(s, batch, length, 1, length + 1);
}

/* Whole numbers of low .. high, each as likely: mean 0, variance 1. */
static double normalised(int64_t value, heed_range range)
{
    const double n = (double)(range.high - range.low + 1);
    const double deviation = n > 1 ? sqrt((n * n - 1) / 12) : 1;
    return ((double)value - (double)(range.low + range.high) / 2) / deviation;
}

static void draw_repeat_copy(const heed_sequences *s, heed_rng *rng,
                             const heed_sequence_batch *batch, int64_t length, int64_t repeats)
{
    draw_vectors(s, rng, &batch->x, 0, length);
    mark(&batch->x, length, s->bits, 1);
    mark(&batch->x, length, s->bits + 1, normalised(repeats, s->scale));
    ask_copies(s, batch, length, repeats, length + 1);
    mark(&batch->target, length + 1 + length * repeats, s->bits, 1);
}

/* Marks before items in one channel, around the one that is asked about in another. */
static void draw_recall(const heed_sequences *s, heed_rng *rng, const heed_sequence_batch *batch,
                        int64_t items)
{
    const heed_view *x = &batch->x;
    const int64_t query = items * (1 + ITEM);
    for (int64_t i = 0; i < items; i++) {
        mark(x, i * (1 + ITEM), s->bits, 1);
        draw_vectors(s, rng, x, i * (1 + ITEM) + 1, ITEM);
    }
    mark(x, query, s->bits + 1, 1);
    mark(x, query + 1 + ITEM, s->bits + 1, 1);
    for (int64_t b = 0; b < x->shape.dim[1]; b++) {
        const int64_t asked = (int64_t)heed_random_below(rng, (uint32_t)(items - 1));
        for (int64_t t = 0; t < ITEM; t++) {
            const int64_t from = asked * (1 + ITEM) + 1 + t;
            for (int64_t k = 0; k < s->bits; k++) put(x, query + 1 + t, b, k, get(x, from, b, k));
            answer(s, batch, b, query + 2 + ITEM + t, from + 1 + ITEM);
        }
    }
}

/* Beta(1/2, 1/2): sin^2 of a uniform angle. */
static double arcsine(heed_rng *rng)
{
    const double half_pi = 1.57079632679489661923;
    const double y = sin(half_pi * heed_random_uniform(rng));
    return y * y;
}

static void draw_ngram(heed_rng *rng, const heed_sequence_batch *batch, int64_t length)
{
    for (int64_t b = 0; b < batch->x.shape.dim[1]; b++) {
        double one[CONTEXTS];
        unsigned context = 0;
        for (int i = 0; i < CONTEXTS; i++) one[i] = arcsine(rng);
        for (int64_t t = 0; t < length; t++) {
            const double p = t < CONTEXT ? 0.5 : one[context];
            const unsigned now = heed_random_uniform(rng) < p;
            put(&batch->target, t, b, 0, now);
            if (t + 1 < length) put(&batch->x, t + 1, b, 0, now);
            context = (context << 1 | now) % CONTEXTS;
        }
    }
}

/* The vector that comes after vector `last` by falling priority (-1: the first of all); of equal
 * priorities the one given first comes first. */
static int64_t next_of(const heed_view *x, int64_t b, int64_t channel, int64_t length, int64_t last)
{
    const double above = last < 0 ? INFINITY : get(x, last, b, channel);
    int64_t best = -1;
    for (int64_t t = 0; t < length; t++) {
        const double p = get(x, t, b, channel);
        if (p > above || (p == above && t <= last)) continue;
        if (best < 0 || p > get(x, best, b, channel)) best = t;
    }
    return best;
}

static void draw_sort(const heed_sequences *s, heed_rng *rng, const heed_sequence_batch *batch,
                      int64_t length)
{
    const heed_view *x = &batch->x;
    draw_vectors(s, rng, x, 0, length);
    mark(x, length, s->bits + 1, 1);
    for (int64_t b = 0; b < x->shape.dim[1]; b++) {
        int64_t from = -1;
        for (int64_t t = 0; t < length; t++)
            put(x, t, b, s->bits, 2 * heed_random_uniform(rng) - 1);
        for (int64_t i = 0; i < answers_of(s, length); i++) {
            from = next_of(x, b, s->bits, length, from);
            answer(s, batch, b, length + 1 + i, from);
        }
    }
}

void heed_sequences_draw(const heed_sequences *s, heed_rng *rng, const heed_sequence_batch *batch)
{
    const int64_t length = between(rng, s->length);
    const int64_t repeats = s->task == HEED_REPEAT_COPY ? between(rng, s->repeats) : 1;
    const int64_t steps = steps_of(s, length, repeats);
    const int64_t asked[] = { [HEED_COPY] = length,
                              [HEED_REPEAT_COPY] = length * repeats + 1,
                              [HEED_RECALL] = ITEM,
                              [HEED_NGRAM] = length,
                              [HEED_SORT] = answers_of(s, length) };
    heed_view_fill(&batch->x, 0);
    heed_view_fill(&batch->target, 0);
    for (int64_t t = 0; t < batch->asked.shape.dim[0]; t++)
        heed_set(&batch->asked, t, t < steps && t >= steps - asked[s->task]);
    heed_set(&batch->count, 0, (double)steps);
    switch (s->task) {
    case HEED_COPY:
        draw_copy(s, rng, batch, length);
        break;
    case HEED_REPEAT_COPY:
        draw_repeat_copy(s, rng, batch, length, repeats);
        break;
    case HEED_RECALL:
        draw_recall(s, rng, batch, length);
        break;
    case HEED_NGRAM:
        draw_ngram(rng, batch, length);
        break;
    case HEED_SORT:
        draw_sort(s, rng, batch, length);
        break;
    }
}

double heed_ngram_least_bits(const heed_view *target, int64_t count, int64_t b)
{
    double seen[CONTEXTS][2], bits = 0;
    unsigned context = 0;
    memset(seen, 0, sizeof seen);
    for (int64_t t = 0; t < count; t++) {
        const unsigned now = get(target, t, b, 0) > 0.5;
        double *n = seen[context];
        if (t < CONTEXT) {
            bits += 1;
        } else {
            bits -= log2((n[now] + 0.5) / (n[0] + n[1] + 1));
            n[now] += 1;
        }
        context = (context << 1 | now) % CONTEXTS;
    }
    return bits;
}

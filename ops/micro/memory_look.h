/* memory_look.h - one head's weighting, in a thread's scratch memory; for the stamped part of
 * kernel files only. */
#ifndef HEED_OPS_MICRO_MEMORY_LOOK_H
#define HEED_OPS_MICRO_MEMORY_LOOK_H

#include "ops/memory_look.h"
#include "ops/micro/row_math.h"

/* ---- a head's rows and numbers, in a thread's scratch memory ---- */

typedef struct head {
    memory_look_sizes z;
    real *row[ROWS];            /* [N] each */
    real *key, *shift, *dshift; /* [W], [K], [K] */
    real beta, gate, gamma;     /* in their ranges */
    real raw_beta, raw_gamma;   /* as they came */
    real key_norm, key_square;  /* the norm to divide by; k.k where the key is not too short */
} head;

static inline head lay_out(const heed_call *call, const memory_look_sizes *z)
{
    head h = { .z = *z };
    real *at = call->scratch;
    for (int i = 0; i < ROWS; i++, at += z->slots) h.row[i] = at;
    h.key = at;
    h.shift = h.key + z->width;
    h.dshift = h.shift + z->shifts;
    return h;
}

static inline real softplus_of(real x)
{
    return (x > 0 ? x : 0) + (real)log1p(exp(-fabs((double)x)));
}

static inline real sigmoid_of(real x)
{
    return (real)(1 / (1 + exp(-(double)x)));
}

static inline void take_numbers(head *h, const heed_view *heads, int64_t b, int64_t r)
{
    const memory_look_sizes *z = &h->z;
    const int64_t stride = heads->stride[2];
    const real *from = (const real *)heads->data + b * heads->stride[0] + r * heads->stride[1];
    for (int64_t m = 0; m < z->width; m++) h->key[m] = from[m * stride];
    from += z->width * stride;
    h->raw_beta = from[0];
    h->gate = sigmoid_of(from[stride]);
    from += 2 * stride;
    for (int64_t j = 0; j < z->shifts; j++) h->shift[j] = from[j * stride];
    row_softmax(h->shift, h->shift, z->shifts, 1);
    h->raw_gamma = from[z->shifts * stride];
    h->beta = softplus_of(h->raw_beta);
    h->gamma = 1 + softplus_of(h->raw_gamma);
    const real square = row_dot(h->key, h->key, z->width);
    h->key_norm = (real)fmax(sqrt((double)square), LEAST_NORM);
    h->key_square = square > (real)(LEAST_NORM * LEAST_NORM) ? square : 0;
}

/* ---- rows ---- */

static inline void add_scaled(real *restrict y, const real *restrict x, real by, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] += by * x[i];
}

static inline void clear_row(real *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] = 0;
}

/* Where x[(i + shift) mod n] begins, of shift j; to add it to y[i], and <x, y> so turned. */
static inline int64_t turned(const memory_look_sizes *z, int64_t j)
{
    const int64_t at = (z->shifts / 2 - j) % z->slots;
    return at < 0 ? at + z->slots : at;
}

static inline void add_turned(real *y, const real *x, real by, int64_t at, int64_t n)
{
    add_scaled(y, x + at, by, n - at);
    add_scaled(y + n - at, x, by, at);
}

static inline real dot_turned(const real *y, const real *x, int64_t at, int64_t n)
{
    return row_dot(y, x + at, n - at) + row_dot(y + n - at, x, at);
}

static inline void logarithms(const real *x, real *y, int64_t n)
{
    int64_t i = 0;
    for (; i + HEED_LANES <= n; i += HEED_LANES)
        vec_store(y + i, vec_log(vec_load(x + i) + (real)LEAST_SHARE));
    if (i < n)
        vec_store_part(y + i, vec_log(vec_load_part(x + i, n - i, 1) + (real)LEAST_SHARE), n - i);
}

/* The norms to divide by, of all slots. */
static inline void slot_norms(const memory_look_sizes *z, const real *memory, real *restrict norm)
{
    const real least = (real)(LEAST_NORM * LEAST_NORM);
    clear_row(norm, z->slots);
    for (int64_t m = 0; m < z->width; m++) {
        const real *restrict line = memory + m * z->slots;
        for (int64_t n = 0; n < z->slots; n++) norm[n] += line[n] * line[n];
    }
    for (int64_t n = 0; n < z->slots; n++) norm[n] = norm[n] > least ? norm[n] : least;
    HEED_INDEPENDENT
    for (int64_t n = 0; n < z->slots; n++) norm[n] = (real)sqrt(norm[n]);
}

/* ---- forward, one head ---- */

static inline void address(const head *h, const real *memory, const real *restrict before,
                           real *weight)
{
    const memory_look_sizes *z = &h->z;
    const int64_t slots = z->slots;
    const real *restrict norm = h->row[NORM];
    real *restrict cosine = h->row[COSINE], *restrict content = h->row[CONTENT];
    real *restrict mixed = h->row[MIXED], *moved = h->row[MOVED], *restrict logs = h->row[LOG];
    clear_row(cosine, slots);
    for (int64_t m = 0; m < z->width; m++)
        add_scaled(cosine, memory + m * slots, h->key[m] / h->key_norm, slots);
    for (int64_t n = 0; n < slots; n++) cosine[n] /= norm[n];
    for (int64_t n = 0; n < slots; n++) content[n] = h->beta * cosine[n];
    row_softmax(content, content, slots, 1);
    for (int64_t n = 0; n < slots; n++) mixed[n] = before[n] + h->gate * (content[n] - before[n]);
    clear_row(moved, slots);
    for (int64_t j = 0; j < z->shifts; j++)
        add_turned(moved, mixed, h->shift[j], turned(z, j), slots);
    logarithms(moved, logs, slots);
    real *restrict power = h->row[OTHER];
    for (int64_t n = 0; n < slots; n++) power[n] = h->gamma * logs[n];
    row_softmax(power, weight, slots, 1);
}

#endif

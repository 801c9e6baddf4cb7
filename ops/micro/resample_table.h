/* resample_table.h - which elements make which outputs along one axis, as a table; and how a row
 * goes through it. For the stamped part of kernel files only. */
#ifndef HEED_OPS_MICRO_RESAMPLE_TABLE_H
#define HEED_OPS_MICRO_RESAMPLE_TABLE_H

#include "ops/common.h"
#include "ops/resample.h"

/* Of outputs begin .. end - 1: elements first[k] .. first[k] + count[k] - 1, with weight[t][k].
 * Those of the run [run, run_end), counted from begin, all have `taps` elements, and first grows
 * evenly: by `step` from one to the next, or, with two phases, by 1 from one to the second next. */
typedef struct resample_table {
    int64_t begin, end, taps;
    int32_t *first, *count;
    real *weight; /* [taps][end - begin] */
    int64_t run, run_end;
    int phases, step;
    int64_t reads, reads_end; /* elements that the outputs are made of */
} resample_table;

static inline void fill_forward(const heed_resample_attr *a, int axis, resample_table *t)
{
    const int64_t n = t->end - t->begin;
    for (int64_t k = 0; k < n; k++) {
        const heed_span span = heed_resample_span(a, axis, t->begin + k);
        t->first[k] = (int32_t)span.first;
        t->count[k] = (int32_t)span.count;
        for (int64_t i = 0; i < span.count; i++)
            t->weight[i * n + k] = (real)heed_resample_weight(a, axis, t->begin + k, span, i);
    }
}

/* The first output whose span ends behind `element`. */
static inline int64_t first_user(const heed_resample_attr *a, int axis, int64_t element)
{
    int64_t low = 0, high = a->out[axis];
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        const heed_span span = heed_resample_span(a, axis, middle);
        if (span.first + span.count > element)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Spans begin and end in order, so those that hold an element are neighbours. */
static inline void fill_reverse(const heed_resample_attr *a, int axis, resample_table *t)
{
    const int64_t n = t->end - t->begin;
    for (int64_t k = 0; k < n; k++) t->first[k] = t->count[k] = 0;
    for (int64_t o = first_user(a, axis, t->begin); o < a->out[axis]; o++) {
        const heed_span span = heed_resample_span(a, axis, o);
        if (span.first >= t->end) break;
        for (int64_t i = 0; i < span.count; i++) {
            const int64_t k = span.first + i - t->begin;
            if (k < 0 || k >= n) continue;
            if (t->count[k] == 0) t->first[k] = (int32_t)o;
            t->weight[t->count[k]++ * n + k] = (real)heed_resample_weight(a, axis, o, span, i);
        }
    }
}

/* How far from `k` on the table is regular. */
static inline int64_t run_from(const resample_table *t, int64_t k, int phases, int step)
{
    const int64_t n = t->end - t->begin;
    int64_t end = k;
    while (end < n && t->count[end] == t->taps &&
           (end < k + phases || t->first[end] == t->first[end - phases] + step))
        end++;
    return end;
}

static inline void find_run(resample_table *t)
{
    const int64_t n = t->end - t->begin;
    int64_t most = 1, k = 0;
    for (int64_t i = 0; i < n; i++)
        if (t->count[i] > most) most = t->count[i];
    t->taps = most;
    while (k < n && t->count[k] != most) k++;
    t->run = t->run_end = k;
    if (k + 1 >= n) return;
    t->phases = 1;
    t->step = t->first[k + 1] - t->first[k];
    t->run_end = run_from(t, k, 1, t->step);
    const int64_t other = run_from(t, k, 2, 1);
    if (other <= t->run_end || t->step > 2) return;
    t->phases = 2;
    t->step = 1;
    t->run_end = other;
}

/* Elements that the table's outputs are made of. */
static inline void find_reads(resample_table *t)
{
    t->reads = INT64_MAX;
    t->reads_end = 0;
    for (int64_t k = 0; k < t->end - t->begin; k++) {
        if (t->count[k] == 0) continue;
        if (t->first[k] < t->reads) t->reads = t->first[k];
        if (t->first[k] + t->count[k] > t->reads_end) t->reads_end = t->first[k] + t->count[k];
    }
    if (t->reads > t->reads_end) t->reads = t->reads_end;
}

static inline void fill_table(const heed_resample_attr *a, int axis, bool reverse, int64_t begin,
                              int64_t end, resample_table *t)
{
    t->begin = begin;
    t->end = end;
    if (reverse)
        fill_reverse(a, axis, t);
    else
        fill_forward(a, axis, t);
}

/* ---- one row: y[k] = sum_t weight[t][k] x[first[k] + t] for outputs begin <= k < end ---- */

static inline void row_any(const resample_table *t, const real *x, real *y, int64_t k, int64_t end)
{
    const int64_t n = t->end - t->begin;
    for (; k < end; k++) {
        const real *from = x + t->first[k], *weight = t->weight + k;
        real sum = 0;
        for (int64_t i = 0; i < t->count[k]; i++) sum += weight[i * n] * from[i];
        y[k] = sum;
    }
}

/* Up to three elements of each output of a run at a time, so that y is seldom read again: y[k] =
 * (add ? y[k] : 0) + sum_i weight[i n + k] x[i + k step]. `taps`, `add`, `step` are constants. */
static inline __attribute__((always_inline)) void
row_group(int64_t m, int64_t n, const real *restrict x, const real *restrict weight,
          real *restrict y, int64_t step, int taps, bool add)
{
    for (int64_t k = 0; k < m; k++) {
        real sum = weight[k] * x[k * step];
        if (taps > 1) sum += weight[n + k] * x[1 + k * step];
        if (taps > 2) sum += weight[2 * n + k] * x[2 + k * step];
        y[k] = add ? y[k] + sum : sum;
    }
}

static inline __attribute__((always_inline)) void row_even(const resample_table *t, const real *x,
                                                           real *y, int64_t step)
{
    const int64_t n = t->end - t->begin, m = t->run_end - t->run;
    const real *from = x + t->first[t->run], *weight = t->weight + t->run;
    if (t->taps == 1)
        row_group(m, n, from, weight, y, step, 1, false);
    else if (t->taps == 2)
        row_group(m, n, from, weight, y, step, 2, false);
    else
        row_group(m, n, from, weight, y, step, 3, false);
    for (int64_t i = 3; i < t->taps; i += 3) {
        if (i + 1 == t->taps)
            row_group(m, n, from + i, weight + i * n, y, step, 1, true);
        else if (i + 2 == t->taps)
            row_group(m, n, from + i, weight + i * n, y, step, 2, true);
        else
            row_group(m, n, from + i, weight + i * n, y, step, 3, true);
    }
}

/* As row_group(), for pairs of outputs that read one element further each. */
static inline __attribute__((always_inline)) void
pair_group(int64_t pairs, int64_t n, const real *restrict even, const real *restrict odd,
           const real *restrict weight, real *restrict y, int taps, bool add)
{
    for (int64_t k = 0; k < pairs; k++) {
        real a = weight[2 * k] * even[k], b = weight[2 * k + 1] * odd[k];
        if (taps > 1) {
            a += weight[n + 2 * k] * even[k + 1];
            b += weight[n + 2 * k + 1] * odd[k + 1];
        }
        y[2 * k] = add ? y[2 * k] + a : a;
        y[2 * k + 1] = add ? y[2 * k + 1] + b : b;
    }
}

static inline void row_two_phases(const resample_table *t, const real *x, real *y)
{
    const int64_t n = t->end - t->begin, m = t->run_end - t->run;
    const real *even = x + t->first[t->run], *odd = x + t->first[t->run + 1];
    const real *weight = t->weight + t->run;
    if (t->taps == 1)
        pair_group(m / 2, n, even, odd, weight, y, 1, false);
    else
        pair_group(m / 2, n, even, odd, weight, y, 2, false);
    for (int64_t i = 2; i < t->taps; i += 2) {
        if (i + 1 == t->taps)
            pair_group(m / 2, n, even + i, odd + i, weight + i * n, y, 1, true);
        else
            pair_group(m / 2, n, even + i, odd + i, weight + i * n, y, 2, true);
    }
    if (m % 2) row_any(t, x, y - t->run, t->run_end - 1, t->run_end);
}

/* A table that rows go through. */
static inline void fill_row_table(const heed_resample_attr *a, int axis, bool reverse,
                                  int64_t begin, int64_t end, resample_table *t)
{
    fill_table(a, axis, reverse, begin, end, t);
    find_run(t);
    find_reads(t);
}

/* All outputs of the table. x: the row from its element 0 on; y: from the table's first output. */
static inline void resample_row(const resample_table *t, const real *x, real *y)
{
    row_any(t, x, y, 0, t->run);
    if (t->run_end > t->run) {
        if (t->phases == 2)
            row_two_phases(t, x, y + t->run);
        else if (t->step == 1)
            row_even(t, x, y + t->run, 1);
        else if (t->step == 2)
            row_even(t, x, y + t->run, 2);
        else
            row_any(t, x, y, t->run, t->run_end);
    }
    row_any(t, x, y, t->run_end, t->end - t->begin);
}

#endif

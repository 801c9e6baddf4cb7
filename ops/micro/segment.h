/* segment.h - finding the edges of a segment, and sums over them; for the stamped part of kernel
 * files. Edges of a segment are joined in ascending order: bits depend on nothing else. */
#ifndef HEED_OPS_MICRO_SEGMENT_H
#define HEED_OPS_MICRO_SEGMENT_H

#include <string.h>

#include "ops/micro/vector.h"

/* offset[s] .. offset[s + 1]: the places in `order` of segment s; behind offset[n] stand the edges
 * that belong to none. */
typedef struct heed_segments {
    int64_t n, edges;
    const int32_t *offset, *order;
} heed_segments;

/* Stable counting sort: plan gets the n + 1 offsets and the order. */
static inline void heed_sort_edges(const int32_t *index, int64_t edges, int64_t n, int32_t *plan)
{
    int32_t *offset = plan, *order = plan + n + 1, at = 0;
    memset(offset, 0, (size_t)(n + 1) * sizeof *offset);
    for (int64_t e = 0; e < edges; e++)
        if (index[e] >= 0 && index[e] < n) offset[index[e]]++;
    for (int64_t s = 0; s <= n; s++) {
        int32_t count = offset[s];
        offset[s] = at;
        at += count;
    }
    for (int64_t e = 0; e < edges; e++) {
        bool inside = index[e] >= 0 && index[e] < n;
        order[inside ? offset[index[e]]++ : at++] = (int32_t)e;
    }
    for (int64_t s = n; s > 0; s--) offset[s] = offset[s - 1]; /* now where the next one begins */
    offset[0] = 0;
}

/* Input `at` of the call is the plan; without one it is made in the thread's scratch. */
static inline heed_segments heed_segments_of(const heed_call *call, int at, const int32_t *index,
                                             int64_t edges, int64_t n)
{
    const int32_t *plan = call->scratch;
    if (call->n_in > at)
        plan = call->in[at].data;
    else
        heed_sort_edges(index, edges, n, call->scratch);
    return (heed_segments){ n, edges, plan, plan + n + 1 };
}

/* The first segment of unit u of `units`: units have equally many segments and edges together. */
static inline int64_t heed_first_segment(const heed_segments *g, int64_t u, int64_t units)
{
    if (u >= units) return g->n;
    int64_t target = (g->n + g->offset[g->n]) * u / units, low = 0, high = g->n;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (g->offset[middle] + middle < target)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Rows of numbers that edges point to: edge e's is at[e], or e itself without `at`. */
typedef struct heed_edge_rows {
    const real *x;
    int64_t stride;    /* between rows */
    const int32_t *at; /* NULL: as many rows as edges */
    int64_t rows;
    const real *weight; /* NULL: 1 */
    int64_t weight_stride;
} heed_edge_rows;

/* The row of edge e; NULL when it points nowhere. */
static inline const real *heed_edge_row(const heed_edge_rows *r, int64_t e)
{
    int64_t row = r->at ? r->at[e] : e;
    return (uint64_t)row < (uint64_t)r->rows ? r->x + row * r->stride : NULL;
}

/* What the row some edges ahead will need is asked for early: rows are all over memory. */
static inline void heed_edge_ask(const heed_segments *g, const heed_edge_rows *r, int64_t k)
{
    enum { AHEAD = 12 };
    if (k + AHEAD >= g->edges) return;
    int64_t e = g->order[k + AHEAD], row = r->at ? r->at[e] : e;
    __builtin_prefetch(
        (const char *)((uintptr_t)r->x + (uintptr_t)(row * r->stride) * sizeof(real)));
}

static inline __attribute__((always_inline)) vec heed_weigh(const heed_edge_rows *r, int64_t e,
                                                            vec x)
{
    return r->weight ? r->weight[e * r->weight_stride] * x : x;
}

/* Columns 0 .. `vectors` LANES - 1 of the sum over places begin .. end - 1, in registers. */
static inline __attribute__((always_inline)) void
heed_sum_columns(const heed_segments *g, const heed_edge_rows *r, int64_t begin, int64_t end,
                 int64_t column, int vectors, real *y)
{
    vec sum[4] = { { 0 } };
    for (int64_t k = begin; k < end; k++) {
        int64_t e = g->order[k];
        const real *x = heed_edge_row(r, e);
        if (column == 0) heed_edge_ask(g, r, k);
        if (!x) continue;
        for (int v = 0; v < vectors; v++)
            sum[v] += heed_weigh(r, e, vec_load(x + column + v * HEED_LANES));
    }
    for (int v = 0; v < vectors; v++) vec_store(y + column + v * HEED_LANES, sum[v]);
}

/* The same for n < LANES columns. */
static inline void heed_sum_part(const heed_segments *g, const heed_edge_rows *r, int64_t begin,
                                 int64_t end, int64_t column, int64_t n, real *y)
{
    vec sum = { 0 };
    for (int64_t k = begin; k < end; k++) {
        int64_t e = g->order[k];
        const real *x = heed_edge_row(r, e);
        if (column == 0) heed_edge_ask(g, r, k);
        if (x) sum += heed_weigh(r, e, vec_load_part(x + column, n, 0));
    }
    vec_store_part(y + column, sum, n);
}

static inline void heed_sum_numbers(const heed_segments *g, const heed_edge_rows *r, int64_t begin,
                                    int64_t end, real *y)
{
    real sum = 0;
    for (int64_t k = begin; k < end; k++) {
        int64_t e = g->order[k];
        const real *x = heed_edge_row(r, e);
        heed_edge_ask(g, r, k);
        if (x) sum += (r->weight ? r->weight[e * r->weight_stride] : 1) * *x;
    }
    *y = sum;
}

/* y[0 .. n) = sum of weight x over the edges of segment s */
static inline void heed_sum_segment(const heed_segments *g, const heed_edge_rows *r, int64_t s,
                                    real *y, int64_t n)
{
    int64_t begin = g->offset[s], end = g->offset[s + 1], c = 0;
    if (n == 1) {
        heed_sum_numbers(g, r, begin, end, y);
        return;
    }
    for (; c + 4 * HEED_LANES <= n; c += 4 * HEED_LANES)
        heed_sum_columns(g, r, begin, end, c, 4, y);
    if (c + 2 * HEED_LANES <= n) {
        heed_sum_columns(g, r, begin, end, c, 2, y);
        c += 2 * HEED_LANES;
    }
    if (c + HEED_LANES <= n) {
        heed_sum_columns(g, r, begin, end, c, 1, y);
        c += HEED_LANES;
    }
    if (c < n) heed_sum_part(g, r, begin, end, c, n - c, y);
}

#endif

/* memory.c - one block for everything a run computes.
 *
 * A buffer lives from its first write to its last use. Buffers whose lives overlap must not overlap
 * in memory. Small programs place buffers by falling size at the lowest free offset, which comes
 * close to the lower bound (the largest sum of live bytes); large ones go through time once with a
 * list of free pieces, best fit first, in near-linear time. */
#include <stdlib.h>
#include <string.h>

#include "graph/plan.h"

enum { MOST_BY_SIZE = 6000 };

typedef struct piece {
    int    buffer;
    size_t bytes; /* rounded up to whole cache lines */
    int    first, last;
    size_t offset;
} piece;

static int by_size(const void *a, const void *b)
{
    const piece *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return x->first != y->first ? (x->first < y->first ? -1 : 1) : x->buffer - y->buffer;
}

static int by_time(const void *a, const void *b)
{
    const piece *x = a, *y = b;
    return x->first != y->first ? (x->first < y->first ? -1 : 1) : x->buffer - y->buffer;
}

static int by_offset(const void *a, const void *b)
{
    const piece *const *x = a, *const *y = b;
    return (*x)->offset < (*y)->offset ? -1 : (*x)->offset > (*y)->offset;
}

/* ---- by size ---- */

static size_t place_by_size(piece *pieces, int n, piece **busy)
{
    size_t top = 0;
    qsort(pieces, (size_t)n, sizeof *pieces, by_size);
    for (int i = 0; i < n; i++) {
        piece *me = &pieces[i];
        int    n_busy = 0;
        for (int j = 0; j < i; j++)
            if (pieces[j].first <= me->last && me->first <= pieces[j].last)
                busy[n_busy++] = &pieces[j];
        qsort(busy, (size_t)n_busy, sizeof *busy, by_offset);
        size_t at = 0;
        for (int j = 0; j < n_busy && busy[j]->offset < at + me->bytes; j++)
            if (busy[j]->offset + busy[j]->bytes > at) at = busy[j]->offset + busy[j]->bytes;
        me->offset = at;
        if (at + me->bytes > top) top = at + me->bytes;
    }
    return top;
}

/* ---- by time ---- */

typedef struct gap {
    size_t offset, bytes;
} gap;

typedef struct gaps {
    gap   *list; /* by offset; neighbours are merged */
    int    n;
    size_t top;  /* everything from here on is free */
} gaps;

static void give_back(gaps *g, size_t offset, size_t bytes)
{
    int low = 0, high = g->n;
    while (low < high) {
        int middle = (low + high) / 2;
        if (g->list[middle].offset < offset) low = middle + 1;
        else high = middle;
    }
    bool joins_left = low > 0 && g->list[low - 1].offset + g->list[low - 1].bytes == offset;
    bool joins_right = low < g->n && offset + bytes == g->list[low].offset;
    if (joins_left) {
        g->list[low - 1].bytes += bytes + (joins_right ? g->list[low].bytes : 0);
        if (!joins_right) return;
        memmove(g->list + low, g->list + low + 1, (size_t)(--g->n - low) * sizeof *g->list);
    } else if (joins_right) {
        g->list[low].offset = offset;
        g->list[low].bytes += bytes;
    } else {
        memmove(g->list + low + 1, g->list + low, (size_t)(g->n++ - low) * sizeof *g->list);
        g->list[low] = (gap){ offset, bytes };
    }
}

static size_t take(gaps *g, size_t bytes)
{
    int best = -1;
    for (int i = 0; i < g->n; i++)
        if (g->list[i].bytes >= bytes && (best < 0 || g->list[i].bytes < g->list[best].bytes))
            best = i;
    size_t offset;
    if (best >= 0) {
        gap *found = &g->list[best];
        offset = found->offset;
        found->offset += bytes;
        found->bytes -= bytes;
        if (!found->bytes)
            memmove(found, found + 1, (size_t)(--g->n - best) * sizeof *found);
        return offset;
    }
    gap *last = g->n ? &g->list[g->n - 1] : NULL;
    if (last && last->offset + last->bytes == g->top) { /* grow the open end */
        offset = last->offset;
        g->n--;
    } else {
        offset = g->top;
    }
    g->top = offset + bytes;
    return offset;
}

/* ends: heads of lists, by time, of pieces that end then; next: links. */
static size_t place_by_time(piece *pieces, int n, gaps *g, int *ends, int *next)
{
    qsort(pieces, (size_t)n, sizeof *pieces, by_time);
    int now = 0;
    for (int i = 0; i < n; i++) {
        for (; now < pieces[i].first; now++)
            for (int e = ends[now]; e; e = next[e - 1])
                give_back(g, pieces[e - 1].offset, pieces[e - 1].bytes);
        pieces[i].offset = take(g, pieces[i].bytes);
        next[i] = ends[pieces[i].last];
        ends[pieces[i].last] = i + 1;
    }
    return g->top;
}

/* ---- both ---- */

static size_t largest_live_sum(const piece *pieces, int n, int64_t *change, int n_times)
{
    for (int i = 0; i < n; i++) {
        change[pieces[i].first] += (int64_t)pieces[i].bytes;
        change[pieces[i].last + 1] -= (int64_t)pieces[i].bytes;
    }
    int64_t sum = 0, largest = 0;
    for (int t = 0; t <= n_times; t++) {
        sum += change[t];
        if (sum > largest) largest = sum;
    }
    return (size_t)largest;
}

static int collect(const heed_program *p, piece *pieces)
{
    int n = 0;
    for (int i = 0; i < p->n_buffers; i++) {
        const heed_buffer *b = &p->buffers[i];
        if (b->kind != HEED_PLANNED_MEMORY || b->same_as >= 0 || b->first < 0) continue;
        size_t bytes = (b->bytes + HEED_ALIGNMENT) & ~(size_t)(HEED_ALIGNMENT - 1);
        pieces[n++] = (piece){ .buffer = i, .bytes = bytes, .first = b->first, .last = b->last };
    }
    return n;
}

bool heed_memory_plan(heed_program *p)
{
    size_t   room = (size_t)p->n_buffers + 1, times = (size_t)p->n_times + 3;
    piece   *pieces = heed_alloc_array(room, sizeof *pieces);
    piece  **busy = heed_alloc_array(room, sizeof *busy);
    int64_t *change = heed_alloc_array(times, sizeof *change);
    gaps     g = { .list = heed_alloc_array(room, sizeof *g.list) };
    int     *ends = heed_alloc_array(times, sizeof *ends);
    int     *next = heed_alloc_array(room, sizeof *next);
    bool     done = pieces && busy && change && g.list && ends && next;
    if (done) {
        int n = collect(p, pieces);
        p->live_bytes = largest_live_sum(pieces, n, change, p->n_times);
        if (!(p->passes >> HEED_PASS_REUSE & 1)) {
            for (int i = 0; i < n; i++) {
                pieces[i].offset = p->planned_bytes;
                p->planned_bytes += pieces[i].bytes;
            }
        } else if (n <= MOST_BY_SIZE) {
            p->planned_bytes = place_by_size(pieces, n, busy);
        } else {
            p->planned_bytes = place_by_time(pieces, n, &g, ends, next);
        }
        for (int i = 0; i < n; i++) p->buffers[pieces[i].buffer].offset = pieces[i].offset;
    }
    heed_free(pieces);
    heed_free(busy);
    heed_free(change);
    heed_free(g.list);
    heed_free(ends);
    heed_free(next);
    return done ? true : heed_plan_no_memory(p);
}

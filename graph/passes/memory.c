/* memory.c - one block for everything a run computes.
 *
 * A buffer lives from its first write to its last use. Buffers whose lives overlap must not
 * overlap in memory. Small programs place buffers at the lowest free offset, in the best of three
 * orders (by bytes x time, bytes, time), which comes close to the lower bound, the largest sum of
 * live bytes; large ones go through time once with a list of free pieces, best fit first, in
 * near-linear time. */
#include <stdlib.h>
#include <string.h>

#include "graph/plan.h"

enum { MOST_IN_ORDER = 20000, MOST_IN_ALL_ORDERS = 6000 }; /* about 0.1 s each */

typedef struct piece {
    int buffer;
    size_t bytes; /* rounded up to whole cache lines */
    int first, last;
    size_t offset;
} piece;

static int by_buffer(const piece *x, const piece *y)
{
    return x->buffer < y->buffer ? -1 : 1;
}

static int by_size(const void *a, const void *b)
{
    const piece *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return by_buffer(x, y);
}

static int by_length(const void *a, const void *b)
{
    const piece *x = a, *y = b;
    int of_x = x->last - x->first, of_y = y->last - y->first;
    return of_x != of_y ? (of_x < of_y ? 1 : -1) : by_size(a, b);
}

static int by_area(const void *a, const void *b)
{
    const piece *x = a, *y = b;
    double of_x = (double)x->bytes * (x->last - x->first + 1);
    double of_y = (double)y->bytes * (y->last - y->first + 1);
    return of_x != of_y ? (of_x < of_y ? 1 : -1) : by_buffer(x, y);
}

static int by_time(const void *a, const void *b)
{
    const piece *x = a, *y = b;
    return x->first != y->first ? (x->first < y->first ? -1 : 1) : x->buffer - y->buffer;
}

/* ---- in an order ---- */

static void insert_by_offset(piece **placed, int n, piece *me)
{
    int low = 0, high = n;
    while (low < high) {
        int middle = (low + high) / 2;
        if (placed[middle]->offset < me->offset)
            low = middle + 1;
        else
            high = middle;
    }
    memmove(placed + low + 1, placed + low, (size_t)(n - low) * sizeof *placed);
    placed[low] = me;
}

/* Each at the lowest offset that is free while it lives. placed: by offset. return: bytes in all */
static size_t place_in_order(piece *pieces, int n, piece **placed,
                             int (*order)(const void *, const void *))
{
    size_t top = 0;
    qsort(pieces, (size_t)n, sizeof *pieces, order);
    for (int i = 0; i < n; i++) {
        piece *me = &pieces[i];
        size_t at = 0;
        for (int j = 0; j < i; j++) {
            const piece *other = placed[j];
            if (other->last < me->first || me->last < other->first) continue;
            if (other->offset >= at + me->bytes) break;
            if (other->offset + other->bytes > at) at = other->offset + other->bytes;
        }
        me->offset = at;
        if (at + me->bytes > top) top = at + me->bytes;
        insert_by_offset(placed, i, me);
    }
    return top;
}

/* ---- by time ---- */

typedef struct gap {
    size_t offset, bytes;
} gap;

typedef struct gaps {
    gap *list; /* by offset; neighbours are merged */
    int n;
    size_t top; /* everything from here on is free */
} gaps;

static void give_back(gaps *g, size_t offset, size_t bytes)
{
    int low = 0, high = g->n;
    while (low < high) {
        int middle = (low + high) / 2;
        if (g->list[middle].offset < offset)
            low = middle + 1;
        else
            high = middle;
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
        if (!found->bytes) memmove(found, found + 1, (size_t)(--g->n - best) * sizeof *found);
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
        size_t bytes = heed_buffer_room(b);
        pieces[n++] = (piece){ .buffer = i, .bytes = bytes, .first = b->first, .last = b->last };
    }
    return n;
}

/* Keep a plan when it is the best so far. */
static void keep(heed_program *p, const piece *pieces, int n, size_t top)
{
    if (p->planned_bytes && top >= p->planned_bytes) return;
    p->planned_bytes = top;
    for (int i = 0; i < n; i++) p->buffers[pieces[i].buffer].offset = pieces[i].offset;
}

static void try_orders(heed_program *p, piece *pieces, int n, piece **placed)
{
    static int (*const orders[])(const void *, const void *) = { by_area, by_size, by_length };
    int tries = n <= MOST_IN_ALL_ORDERS ? 3 : 1;
    for (int i = 0; i < tries; i++) {
        keep(p, pieces, n, place_in_order(pieces, n, placed, orders[i]));
        if (p->planned_bytes <= p->live_bytes + p->live_bytes / 64) return;
    }
}

/* Side by side, for comparison: nothing is reused. */
static size_t place_apart(piece *pieces, int n)
{
    size_t top = 0;
    for (int i = 0; i < n; i++) {
        pieces[i].offset = top;
        top += pieces[i].bytes;
    }
    return top;
}

bool heed_memory_plan(heed_program *p)
{
    size_t room = (size_t)p->n_buffers + 1, times = (size_t)p->n_times + 3;
    piece *pieces = heed_alloc_array(room, sizeof *pieces);
    piece **placed = heed_alloc_array(room, sizeof *placed);
    int64_t *change = heed_alloc_array(times, sizeof *change);
    gaps g = { .list = heed_alloc_array(room, sizeof *g.list) };
    int *ends = heed_alloc_array(times, sizeof *ends);
    int *next = heed_alloc_array(room, sizeof *next);
    bool done = pieces && placed && change && g.list && ends && next;
    if (done) {
        int n = collect(p, pieces);
        p->live_bytes = largest_live_sum(pieces, n, change, p->n_times);
        if (!(p->passes >> HEED_PASS_REUSE & 1))
            keep(p, pieces, n, place_apart(pieces, n));
        else if (n <= MOST_IN_ORDER)
            try_orders(p, pieces, n, placed);
        else
            keep(p, pieces, n, place_by_time(pieces, n, &g, ends, next));
    }
    heed_free(pieces);
    heed_free(placed);
    heed_free(change);
    heed_free(g.list);
    heed_free(ends);
    heed_free(next);
    return done ? true : heed_plan_no_memory(p);
}

/* walk.h - copy between two layouts of one shape, row by row, moving bits only.
 *
 * Axes of length 1 are dropped and neighbours that both layouts step through evenly are merged; the
 * last axis that is left is a row. Include in the stamped part of a kernel's file. */
#ifndef HEED_OPS_MICRO_WALK_H
#define HEED_OPS_MICRO_WALK_H

#include <string.h>

#include "ops/kernel.h"

typedef struct heed_walk {
    int outer; /* axes that are left, without the row's */
    int64_t dim[HEED_MAX_RANK], from[HEED_MAX_RANK], to[HEED_MAX_RANK];
    int64_t rows, row, row_from, row_to; /* how many rows; their length and strides */
} heed_walk;

/* Both layouts have dimensions dim[0 .. rank). */
static inline heed_walk heed_walk_of(int rank, const int64_t *dim, const int64_t *from,
                                     const int64_t *to)
{
    heed_walk w = { .rows = 1, .row = 1, .row_from = 1, .row_to = 1 };
    int n = 0;
    for (int i = 0; i < rank; i++) {
        if (dim[i] == 1) continue;
        bool even = n > 0 && w.from[n - 1] == dim[i] * from[i] && w.to[n - 1] == dim[i] * to[i];
        if (even) n--;
        w.dim[n] = even ? w.dim[n] * dim[i] : dim[i];
        w.from[n] = from[i];
        w.to[n] = to[i];
        n++;
    }
    if (n > 0) {
        n--;
        w.row = w.dim[n];
        w.row_from = w.from[n];
        w.row_to = w.to[n];
    }
    w.outer = n;
    for (int i = 0; i < n; i++) w.rows *= w.dim[i];
    return w;
}

/* Offsets of the first element of row r. */
static inline void heed_walk_row(const heed_walk *w, int64_t r, int64_t *from, int64_t *to)
{
    *from = *to = 0;
    for (int i = w->outer - 1; i >= 0; i--) {
        int64_t k = r % w->dim[i];
        r /= w->dim[i];
        *from += k * w->from[i];
        *to += k * w->to[i];
    }
}

static inline void heed_copy_row(ireal *to, int64_t step_to, const ireal *from, int64_t step_from,
                                 int64_t n)
{
    if (to == from) return; /* the value was made in place */
    if (step_to == 1 && step_from == 1 && n >= 32) {
        memcpy(to, from, (size_t)n * sizeof *to);
    } else if (step_to == 1 && step_from == 1) {
        for (int64_t i = 0; i < n; i++) to[i] = from[i];
    } else if (step_to == 1 && step_from == 0) {
        ireal value = n > 0 ? from[0] : 0;
        for (int64_t i = 0; i < n; i++) to[i] = value;
    } else {
        for (int64_t i = 0; i < n; i++) to[i * step_to] = from[i * step_from];
    }
}

/* Copy all of it. */
static inline void heed_walk_copy(const heed_walk *w, ireal *to, const ireal *from)
{
    int64_t index[HEED_MAX_RANK] = { 0 };
    if (w->row == 0) return;
    for (int64_t r = 0; r < w->rows; r++) {
        heed_copy_row(to, w->row_to, from, w->row_from, w->row);
        for (int i = w->outer - 1; i >= 0; i--) { /* step to the next row */
            from += w->from[i];
            to += w->to[i];
            if (++index[i] < w->dim[i]) break;
            from -= w->from[i] * w->dim[i];
            to -= w->to[i] * w->dim[i];
            index[i] = 0;
        }
    }
}

#endif

/* lines.h - operations along one axis, or neighbouring ones, of a dense view: the view is read as
 * [outer, n, inner], and each line of n elements is a matter of its own.
 *
 * With inner = 1 lines are rows and a unit is some of them; else a unit is some of the matrices
 * [n, inner], or a part of the columns of one. */
#ifndef HEED_OPS_LINES_H
#define HEED_OPS_LINES_H

#include "ops/common.h"

#define HEED_STRIP 256 /* columns that go along the axis together: their state stays in L1 */
#define HEED_LEAST_COLUMNS 128 /* of a part: a unit shall read several cache lines in a row */

typedef struct heed_lines {
    int64_t outer, n, inner;
    int64_t group;       /* matrices per unit ... */
    int64_t part, parts; /* ... or a unit is a part of one matrix, which has so many */
} heed_lines;

/* Of `axes` axes from axis `first` on. */
static inline heed_lines heed_lines_of(const heed_shape *shape, int first, int axes)
{
    heed_lines l = { .outer = heed_product(shape, 0, first),
                     .n = heed_product(shape, first, first + axes),
                     .inner = heed_product(shape, first + axes, shape->rank),
                     .parts = 1 };
    l.group = heed_rows_per_unit(l.n * l.inner);
    l.part = l.inner;
    if (l.group == 1 && l.inner > HEED_LEAST_COLUMNS) {
        l.part = heed_rows_per_unit(l.n) & ~(int64_t)(HEED_LEAST_COLUMNS - 1);
        if (l.part < HEED_LEAST_COLUMNS) l.part = HEED_LEAST_COLUMNS;
        l.part = heed_smaller(l.part, l.inner);
        l.parts = heed_units_of(l.inner, l.part);
    }
    return l;
}

static inline int64_t heed_lines_units(const heed_lines *l)
{
    return l->inner > 0 ? heed_units_of(l->outer, l->group) * l->parts : 0;
}

/* What unit u covers: columns left .. left + width - 1 of matrices first .. last - 1. */
typedef struct heed_lines_unit {
    int64_t first, last, left, width;
} heed_lines_unit;

static inline heed_lines_unit heed_lines_unit_at(const heed_lines *l, int64_t u)
{
    int64_t first = u / l->parts * l->group, left = u % l->parts * l->part;
    return (heed_lines_unit){ first, heed_smaller(first + l->group, l->outer), left,
                              heed_smaller(l->part, l->inner - left) };
}

#endif

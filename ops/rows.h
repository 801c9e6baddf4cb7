/* rows.h - what operations on the last axis share: rows of a dense view, units of whole rows. */
#ifndef HEED_OPS_ROWS_H
#define HEED_OPS_ROWS_H

#include "ops/common.h"

static inline int64_t heed_row_length(const heed_view *view)
{
    return view->shape.dim[view->shape.rank - 1];
}

static inline int64_t heed_row_count(const heed_view *view)
{
    return heed_product(&view->shape, 0, view->shape.rank - 1);
}

/* Units of whole rows of input 0. */
static inline int64_t heed_row_units(const heed_call *call)
{
    return heed_units_of(heed_row_count(&call->in[0]),
                         heed_rows_per_unit(heed_row_length(&call->in[0])));
}

/* The rows of units begin <= u < end: first <= row < return value. */
static inline int64_t heed_unit_rows(const heed_call *call, int64_t begin, int64_t end,
                                     int64_t *first)
{
    int64_t per_unit = heed_rows_per_unit(heed_row_length(&call->in[0]));
    *first = begin * per_unit;
    return heed_smaller(end * per_unit, heed_row_count(&call->in[0]));
}

#endif

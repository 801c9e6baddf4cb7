/* sort.h - numbers to be sorted. */
#ifndef HEED_MODELS_DATA_SORT_H
#define HEED_MODELS_DATA_SORT_H

#include "tensor/rng.h"
#include "tensor/tensor.h"

/* Fill x [n, batch], f32 or f64, dense, with uniform numbers of [0, 1): column b is one set. */
void heed_sort_numbers(heed_rng *rng, const heed_view *x);

/* order [n, batch], i32, dense: order[t, b] is where the t-th smallest number of column b stands.
 * Of equal numbers the first comes first. */
void heed_sort_order(const heed_view *x, const heed_view *order);

/* picks [n, batch], with any strides: does column b list all numbers of x's column b in ascending
 * order? */
bool heed_sort_is_right(const heed_view *x, const heed_view *picks, int64_t b);

/* How many of column b's picks stand where they belong. */
int64_t heed_sort_places_right(const heed_view *x, const heed_view *picks, int64_t b);

#endif

/* points.h - sets of points in the plane, and answers that list them.
 *
 * n points are x0 y0 x1 y1 .. in doubles; an answer is a list of their indices, from 0. */
#ifndef HEED_MODELS_DATA_POINTS_H
#define HEED_MODELS_DATA_POINTS_H

#include "tensor/error.h"
#include "tensor/rng.h"
#include "tensor/tensor.h"

enum { HEED_POINTS_MOST = 500 }; /* of a set, where a list has a fixed size */

/* ---- geometry ---- */

/* Twice the area of the triangle i j k: positive when it turns left, counter-clockwise. */
double heed_points_turn(const double *x, int64_t i, int64_t j, int64_t k);
double heed_points_distance(const double *x, int64_t i, int64_t j);
/* Of the closed polygon through `list`: counter-clockwise positive. */
double heed_points_area(const double *x, const int32_t *list, int64_t count);
double heed_points_length(const double *x, const int32_t *list, int64_t count);
/* At least three corners, no point twice, and no two edges that meet but at a common corner. */
bool heed_points_simple(const double *x, const int32_t *list, int64_t count);
/* The same closed polygon: from any of its corners on, in this direction or the other. */
bool heed_points_same_cycle(const int32_t *a, int64_t n_a, const int32_t *b, int64_t n_b);

/* ---- one set of a batch ---- */

/* points [n, B, 2], dense: the first `count` of column b, into x. */
void heed_points_column(const heed_view *points, int64_t b, int64_t count, double *x);

/* ---- files ----
 *
 * A line is "x1 y1 .. xn yn output i1 .. ik i1", indices from 1, the first one again at the end:
 * the format of Vinyals, Fortunato, Jaitly 2015. */
typedef struct heed_points_file {
    int64_t count, n;
    double *x;                /* [count, n, 2]                                 */
    int32_t *answer, *length; /* [count, n] from 0, of which the first `length` */
} heed_points_file;

/* All lines, each of n points. false with `error` set, which names file and line. */
bool heed_points_read(heed_points_file *file, const char *path, int64_t n, heed_error *error);
void heed_points_free(heed_points_file *file);

#endif

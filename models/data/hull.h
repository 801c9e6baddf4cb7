/* hull.h - convex hulls of points in the plane. */
#ifndef HEED_MODELS_DATA_HULL_H
#define HEED_MODELS_DATA_HULL_H

#include "models/data/points.h"

/* The corners, counter-clockwise, from the smallest index among them on; room for n. No corner lies
 * on the line between its neighbours. return: how many; n must be at least 1. */
int64_t heed_hull(const double *x, int64_t n, int32_t *hull);

typedef struct heed_hull_verdict {
    bool exact;  /* the same polygon                         */
    bool simple; /* a polygon at all: heed_points_simple()   */
    double area; /* its share of the hull's area; if simple */
} heed_hull_verdict;
heed_hull_verdict heed_hull_judge(const double *x, const int32_t *hull, int64_t corners,
                                  const int32_t *answer, int64_t count);

#endif

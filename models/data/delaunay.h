/* delaunay.h - Delaunay triangulations of points in the plane. */
#ifndef HEED_MODELS_DATA_DELAUNAY_H
#define HEED_MODELS_DATA_DELAUNAY_H

#include "models/data/points.h"

enum { HEED_TRIANGLES_MOST = 2 * HEED_POINTS_MOST }; /* n points have at most 2 n - 5 */

/* Every triangle whose circumcircle has no other point inside, as three rising indices; triangles
 * in the order of the centres of their inscribed circles, from left to right, then upwards (as in
 * Vinyals, Fortunato, Jaitly 2015). Room for 3 (2 n - 5). return: how many triangles. */
int64_t heed_delaunay(const double *x, int64_t n, int32_t *triangles);

typedef struct heed_delaunay_verdict {
    bool exact;      /* all triangles, each once, and no others */
    int64_t covered; /* of the triangulation's triangles        */
} heed_delaunay_verdict;
/* answer: indices, three a triangle, in any order. */
heed_delaunay_verdict heed_delaunay_judge(const int32_t *triangles, int64_t count,
                                          const int32_t *answer, int64_t indices);

#endif

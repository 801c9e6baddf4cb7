/* tsp.h - shortest round tours of points in the plane. */
#ifndef HEED_MODELS_DATA_TSP_H
#define HEED_MODELS_DATA_TSP_H

#include "models/data/points.h"

enum { HEED_TOUR_MOST = 100, HEED_TOUR_EXACT = 20 }; /* points; of which it can be the shortest */

/* The shortest tour of n <= HEED_TOUR_EXACT points, from point 0 on, counter-clockwise; room for n.
 * Time and memory grow as 2^n: 30 microseconds for 10 points, 0.2 s and 80 MB for 20. false without
 * memory. */
bool heed_tour_shortest(const double *x, int64_t n, int32_t *tour);

/* A short tour of n <= HEED_TOUR_MOST points, likewise: no exchange of two edges and no move of up
 * to three points makes it shorter, nor did `kicks` random changes. */
void heed_tour_short(heed_rng *rng, const double *x, int64_t n, int64_t kicks, int32_t *tour);

/* Does it list all n points once? */
bool heed_tour_valid(const int32_t *tour, int64_t count, int64_t n);

/* From point 0 on, counter-clockwise: by the area it goes around. */
void heed_tour_turn(const double *x, int64_t n, int32_t *tour);

#endif

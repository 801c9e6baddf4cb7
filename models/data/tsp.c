/* tsp.c - tours: the shortest by dynamic programming (Held, Karp 1962), and short ones by local
 * search (2-opt, Croes 1958; moved segments, Or 1976) that is kicked out of its minima by the
 * double bridge (Martin, Otto, Felten 1991). */
#include "models/data/tsp.h"

#include <math.h>
#include <string.h>

#include "tensor/memory.h"

static void reverse(int32_t *list, int64_t from, int64_t to) /* both included */
{
    for (; from < to; from++, to--) {
        const int32_t one = list[from];
        list[from] = list[to];
        list[to] = one;
    }
}

void heed_tour_turn(const double *x, int64_t n, int32_t *tour)
{
    int64_t start = 0;
    while (tour[start] != 0) start++;
    reverse(tour, 0, start - 1);
    reverse(tour, start, n - 1);
    reverse(tour, 0, n - 1);
    if (heed_points_area(x, tour, n) < 0) reverse(tour, 1, n - 1);
}

bool heed_tour_valid(const int32_t *tour, int64_t count, int64_t n)
{
    bool seen[HEED_POINTS_MOST] = { false };
    if (count != n) return false;
    for (int64_t k = 0; k < n; k++) {
        if (tour[k] < 0 || tour[k] >= n || seen[tour[k]]) return false;
        seen[tour[k]] = true;
    }
    return true;
}

/* ---- the shortest ---- */

/* d[k, j]: from point j + 1 to point k + 1 */
static void distances_of_others(const double *x, int64_t others, double *d)
{
    for (int64_t k = 0; k < others; k++)
        for (int64_t j = 0; j < others; j++)
            d[k * others + j] = heed_points_distance(x, j + 1, k + 1);
}

/* Where is path[j] + leg[j] least? */
static int64_t nearest(const double *path, const double *leg, int64_t others)
{
    int64_t best = 0;
    for (int64_t j = 1; j < others; j++)
        if (path[j] + leg[j] < path[best] + leg[best]) best = j;
    return best;
}

bool heed_tour_shortest(const double *x, int64_t n, int32_t *tour)
{
    const int64_t others = n - 1, sets = (int64_t)1 << others;
    double d[HEED_TOUR_EXACT * HEED_TOUR_EXACT], home[HEED_TOUR_EXACT];
    /* path[S, j]: the shortest way from point 0 through all points j + 1 of S, ending in one */
    double *path = heed_alloc_array((size_t)(sets * others), sizeof *path);
    if (!path) return false;
    distances_of_others(x, others, d);
    for (int64_t j = 0; j < others; j++) home[j] = heed_points_distance(x, 0, j + 1);
    for (int64_t s = 1; s < sets; s++)
        for (int64_t k = 0; k < others; k++) {
            const int64_t before = s & ~((int64_t)1 << k);
            double least = INFINITY;
            if (before == s) {
                path[s * others + k] = INFINITY;
                continue;
            }
            for (int64_t j = 0; j < others; j++) {
                const double by = path[before * others + j] + d[k * others + j];
                least = by < least ? by : least;
            }
            path[s * others + k] = before == 0 ? home[k] : least;
        }
    const double *leg = home;
    tour[0] = 0;
    for (int64_t s = sets - 1, t = others; t > 0; t--) { /* from the end */
        const int64_t j = nearest(path + s * others, leg, others);
        tour[t] = (int32_t)(j + 1);
        leg = d + j * others;
        s &= ~((int64_t)1 << j);
    }
    heed_free(path);
    heed_tour_turn(x, n, tour);
    return true;
}

/* ---- short ones ---- */

typedef struct search {
    int64_t n;
    double d[HEED_TOUR_MOST][HEED_TOUR_MOST];
    int32_t tour[HEED_TOUR_MOST];
} search;

static double edge(const search *s, int64_t a, int64_t b) /* places in the tour */
{
    return s->d[s->tour[a % s->n]][s->tour[b % s->n]];
}

enum { LONGEST = 3 };
static const double SMALLEST = 1e-10; /* gain: less would be rounding, and could go on forever */

/* Instead of edges (a, a + 1) and (b, b + 1): (a, b) and (a + 1, b + 1). */
static bool exchange(search *s)
{
    for (int64_t a = 0; a + 2 < s->n; a++)
        for (int64_t b = a + 2; b < s->n; b++) {
            const double gain =
                edge(s, a, a + 1) + edge(s, b, b + 1) - edge(s, a, b) - edge(s, a + 1, b + 1);
            if (gain <= SMALLEST) continue;
            reverse(s->tour, a + 1, b);
            return true;
        }
    return false;
}

/* The first `count` points move behind place `to`, perhaps turned round. */
static void move_first(search *s, int64_t count, int64_t to, bool turned)
{
    if (!turned) reverse(s->tour, 0, count - 1);
    reverse(s->tour, 0, to);
    reverse(s->tour, 0, to - count);
}

static void rotate(search *s) /* by one */
{
    reverse(s->tour, 1, s->n - 1);
    reverse(s->tour, 0, s->n - 1);
}

/* Of the segments at the front; every place gets there. */
static bool move(search *s)
{
    for (int64_t turn = 0; turn < s->n; turn++, rotate(s))
        for (int64_t count = 1; count <= LONGEST && count + 2 <= s->n; count++) {
            const double freed =
                edge(s, s->n - 1, 0) + edge(s, count - 1, count) - edge(s, s->n - 1, count);
            for (int64_t to = count; to + 1 < s->n; to++) {
                const double there = freed + edge(s, to, to + 1);
                const double onward = there - edge(s, to, 0) - edge(s, count - 1, to + 1);
                const double turned = there - edge(s, to, count - 1) - edge(s, 0, to + 1);
                if (fmax(onward, turned) <= SMALLEST) continue;
                move_first(s, count, to, turned > onward);
                return true;
            }
        }
    return false;
}

/* A B C D -> A C B D, at random places. */
static void kick(search *s, heed_rng *rng)
{
    const uint32_t n = (uint32_t)s->n;
    int64_t a = 1 + heed_random_below(rng, n - 3);
    int64_t b = a + 1 + heed_random_below(rng, (uint32_t)(n - 2 - a));
    int64_t c = b + 1 + heed_random_below(rng, (uint32_t)(n - 1 - b));
    reverse(s->tour, a, b - 1);
    reverse(s->tour, b, c - 1);
    reverse(s->tour, a, c - 1);
}

static double settle(search *s, const double *x)
{
    while (exchange(s) || move(s)) continue;
    return heed_points_length(x, s->tour, s->n);
}

void heed_tour_short(heed_rng *rng, const double *x, int64_t n, int64_t kicks, int32_t *tour)
{
    search s = { .n = n };
    for (int64_t i = 0; i < n; i++) {
        s.tour[i] = (int32_t)i;
        for (int64_t j = 0; j < n; j++) s.d[i][j] = heed_points_distance(x, i, j);
    }
    double best = settle(&s, x);
    memcpy(tour, s.tour, (size_t)n * sizeof *tour);
    for (int64_t k = 0; k < kicks && n >= 5; k++) {
        kick(&s, rng);
        const double length = settle(&s, x);
        if (length < best) {
            best = length;
            memcpy(tour, s.tour, (size_t)n * sizeof *tour);
        } else {
            memcpy(s.tour, tour, (size_t)n * sizeof *tour);
        }
    }
    heed_tour_turn(x, n, tour);
}

/* hull.c - the monotone chain of Andrew 1979: points from left to right make the lower side, from
 * right to left the upper one, and what does not turn left is dropped. */
#include "models/data/hull.h"

#include <math.h>

/* Is i left of j, or below it? A strict order, of equal points too. */
static bool before(const double *x, int32_t i, int32_t j)
{
    const double *p = x + 2 * i, *q = x + 2 * j;
    if (p[0] != q[0]) return p[0] < q[0];
    return p[1] < q[1] || (p[1] == q[1] && i < j);
}

/* Follow the chain with point i; it keeps at least its first `fixed` corners. */
static int64_t follow(const double *x, int32_t *chain, int64_t corners, int64_t fixed, int32_t i)
{
    while (corners > fixed && heed_points_turn(x, chain[corners - 2], chain[corners - 1], i) <= 0)
        corners--;
    chain[corners] = i;
    return corners + 1;
}

static void from_smallest_index(int32_t *list, int64_t count)
{
    int64_t smallest = 0;
    for (int64_t k = 1; k < count; k++)
        if (list[k] < list[smallest]) smallest = k;
    for (; smallest > 0; smallest--) { /* turn by one; lists are short */
        const int32_t first = list[0];
        for (int64_t k = 0; k + 1 < count; k++) list[k] = list[k + 1];
        list[count - 1] = first;
    }
}

int64_t heed_hull(const double *x, int64_t n, int32_t *hull)
{
    int32_t order[HEED_POINTS_MOST], chain[2 * HEED_POINTS_MOST];
    for (int64_t i = 0; i < n; i++) {
        int64_t t = i;
        for (; t > 0 && before(x, (int32_t)i, order[t - 1]); t--) order[t] = order[t - 1];
        order[t] = (int32_t)i;
    }
    int64_t corners = 0;
    for (int64_t k = 0; k < n; k++) corners = follow(x, chain, corners, 1, order[k]);
    const int64_t lower = corners;
    for (int64_t k = n - 2; k >= 0; k--) corners = follow(x, chain, corners, lower, order[k]);
    if (corners > 1) corners--; /* the first point again */
    for (int64_t k = 0; k < corners; k++) hull[k] = chain[k];
    from_smallest_index(hull, corners);
    return corners;
}

heed_hull_verdict heed_hull_judge(const double *x, const int32_t *hull, int64_t corners,
                                  const int32_t *answer, int64_t count)
{
    heed_hull_verdict v = { .exact = heed_points_same_cycle(hull, corners, answer, count),
                            .simple = heed_points_simple(x, answer, count) };
    if (v.simple)
        v.area = fabs(heed_points_area(x, answer, count)) / heed_points_area(x, hull, corners);
    return v;
}

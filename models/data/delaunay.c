/* delaunay.c - by the definition: of sets this small nearly every triangle has a point in its
 * circle, found soon. */
#include "models/data/delaunay.h"

#include <math.h>

/* Is p inside the circle through i, j, k? */
static bool in_circle(const double *x, int64_t i, int64_t j, int64_t k, int64_t p)
{
    const int64_t corner[3] = { i, j, k };
    double a[3], b[3], c[3];
    for (int r = 0; r < 3; r++) {
        a[r] = x[2 * corner[r]] - x[2 * p];
        b[r] = x[2 * corner[r] + 1] - x[2 * p + 1];
        c[r] = a[r] * a[r] + b[r] * b[r];
    }
    const double inside = a[0] * (b[1] * c[2] - b[2] * c[1]) - b[0] * (a[1] * c[2] - a[2] * c[1]) +
                          c[0] * (a[1] * b[2] - a[2] * b[1]);
    return heed_points_turn(x, i, j, k) > 0 ? inside > 0 : inside < 0;
}

static bool is_empty(const double *x, int64_t n, int64_t i, int64_t j, int64_t k)
{
    if (heed_points_turn(x, i, j, k) == 0) return false;
    for (int64_t p = 0; p < n; p++)
        if (p != i && p != j && p != k && in_circle(x, i, j, k, p)) return false;
    return true;
}

/* The centre of the inscribed circle: corners weighted by the opposite sides. */
static void centre_of(const double *x, const int32_t *t, double centre[2])
{
    const double a = heed_points_distance(x, t[1], t[2]), b = heed_points_distance(x, t[2], t[0]),
                 c = heed_points_distance(x, t[0], t[1]);
    for (int k = 0; k < 2; k++)
        centre[k] = (a * x[2 * t[0] + k] + b * x[2 * t[1] + k] + c * x[2 * t[2] + k]) / (a + b + c);
}

static bool before(const double *x, const int32_t *s, const int32_t *t)
{
    double p[2], q[2];
    centre_of(x, s, p);
    centre_of(x, t, q);
    return p[0] < q[0] || (p[0] == q[0] && p[1] < q[1]);
}

static void put(int32_t *to, const int32_t *triangle)
{
    for (int k = 0; k < 3; k++) to[k] = triangle[k];
}

int64_t heed_delaunay(const double *x, int64_t n, int32_t *triangles)
{
    int64_t count = 0;
    for (int32_t i = 0; i < n; i++)
        for (int32_t j = i + 1; j < n; j++)
            for (int32_t k = j + 1; k < n; k++) {
                const int32_t found[3] = { i, j, k };
                if (count == 2 * n - 5 || !is_empty(x, n, i, j, k)) continue;
                int64_t at = count++;
                for (; at > 0 && before(x, found, triangles + 3 * (at - 1)); at--)
                    put(triangles + 3 * at, triangles + 3 * (at - 1));
                put(triangles + 3 * at, found);
            }
    return count;
}

static bool same_triangle(const int32_t *s, const int32_t *t)
{
    int same = 0;
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++) same += s[a] == t[b];
    return same == 3;
}

heed_delaunay_verdict heed_delaunay_judge(const int32_t *triangles, int64_t count,
                                          const int32_t *answer, int64_t indices)
{
    heed_delaunay_verdict v = { .covered = 0 };
    for (int64_t t = 0; t < count; t++)
        for (int64_t a = 0; a < indices / 3; a++)
            if (same_triangle(triangles + 3 * t, answer + 3 * a)) {
                v.covered++;
                break;
            }
    v.exact = v.covered == count && indices == 3 * count;
    return v;
}

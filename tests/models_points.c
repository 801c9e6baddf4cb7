/* Points of the plane: hulls, tours, triangulations and files against plain definitions. */
#include <criterion/criterion.h>
#include <math.h>

#include "models/data/bytes.h"
#include "models/data/delaunay.h"
#include "models/data/hull.h"
#include "models/data/tsp.h"
#include "models_kit.h"
#include "tensor/memory.h"

enum { MOST = 20, LIST = 3 * 2 * MOST };

static double x[2 * MOST];

static void scatter(uint64_t seed, int n)
{
    heed_rng rng = heed_rng_new(seed, 3);
    for (int i = 0; i < 2 * n; i++) x[i] = heed_random_uniform(&rng);
}

/* ---- polygons ---- */

static const double square[] = { 0, 0, 1, 0, 1, 1, 0, 1, .5, .25, .5, 0 };

Test(models_points, polygons_by_hand)
{
    const int32_t around[] = { 0, 1, 2, 3 }, back[] = { 0, 3, 2, 1 }, bow[] = { 0, 2, 1, 3 };
    const int32_t dent[] = { 0, 4, 1, 2, 3 }, touch[] = { 0, 1, 2, 5, 3 }, twice[] = { 0, 1, 2, 0 };
    cr_expect_eq(heed_points_area(square, around, 4), 1);
    cr_expect_eq(heed_points_area(square, back, 4), -1);
    cr_expect_float_eq(heed_points_area(square, dent, 5), 1 - .125, 1e-15);
    cr_expect_eq(heed_points_length(square, around, 4), 4);
    cr_expect_float_eq(heed_points_length(square, bow, 4), 2 + 2 * sqrt(2), 1e-15);
    cr_expect(heed_points_simple(square, around, 4) && heed_points_simple(square, back, 4));
    cr_expect(heed_points_simple(square, dent, 5));
    cr_expect_not(heed_points_simple(square, bow, 4), "edges cross");
    cr_expect_not(heed_points_simple(square, touch, 5), "a corner lies on an edge");
    cr_expect_not(heed_points_simple(square, twice, 4), "a corner is there twice");
    cr_expect_not(heed_points_simple(square, around, 2));
}

Test(models_points, cycles_are_the_same_from_anywhere_and_in_both_directions)
{
    const int32_t a[] = { 4, 1, 7, 2 }, turned[] = { 7, 2, 4, 1 }, back[] = { 1, 4, 2, 7 };
    const int32_t other[] = { 4, 7, 1, 2 };
    cr_expect(heed_points_same_cycle(a, 4, turned, 4));
    cr_expect(heed_points_same_cycle(a, 4, back, 4));
    cr_expect_not(heed_points_same_cycle(a, 4, other, 4));
    cr_expect_not(heed_points_same_cycle(a, 4, turned, 3));
}

/* ---- hull: an edge of it has all other points to its left ---- */

static bool is_edge(int n, int i, int j)
{
    for (int k = 0; k < n; k++)
        if (k != i && k != j && heed_points_turn(x, i, j, k) <= 0) return false;
    return true;
}

Test(models_points, hull_follows_the_edges_that_have_all_points_to_their_left)
{
    for (uint64_t seed = 0; seed < 300; seed++) {
        const int n = 3 + (int)(seed % 15);
        int32_t hull[MOST];
        int edges = 0;
        scatter(seed, n);
        const int64_t corners = heed_hull(x, n, hull);
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) edges += i != j && is_edge(n, i, j);
        cr_assert_eq(corners, edges);
        for (int64_t k = 0; k < corners; k++) {
            cr_assert(is_edge(n, hull[k], hull[(k + 1) % corners]));
            cr_assert_leq(hull[0], hull[k], "it starts at the smallest index");
        }
    }
}

Test(models_points, hull_of_points_on_lines)
{
    int32_t hull[6];
    cr_expect_eq(heed_hull(square, 6, hull), 4, "neither inside nor on an edge");
    const double line[] = { .1, .1, .3, .3, .2, .2, .5, .5 };
    cr_expect_eq(heed_hull(line, 4, hull), 2);
    cr_expect_eq(heed_hull(line, 1, hull), 1);
}

Test(models_points, hull_verdicts)
{
    const int32_t hull[] = { 0, 1, 2, 3 }, start[] = { 2, 3, 0, 1 }, less[] = { 0, 1, 2 };
    const int32_t bow[] = { 0, 2, 1, 3 };
    heed_hull_verdict v = heed_hull_judge(square, hull, 4, start, 4);
    cr_expect(v.exact && v.simple && v.area == 1);
    v = heed_hull_judge(square, hull, 4, less, 3);
    cr_expect(!v.exact && v.simple && v.area == .5);
    v = heed_hull_judge(square, hull, 4, bow, 4);
    cr_expect(!v.exact && !v.simple && v.area == 0);
    cr_expect_not(heed_hull_judge(square, hull, 4, start, 0).simple);
}

/* ---- tours: all of them, one after the other ---- */

static double shortest_of_all(int n, int32_t *tour, int at)
{
    double best = INFINITY;
    if (at == n) return heed_points_length(x, tour, n);
    for (int k = at; k < n; k++) {
        const int32_t here = tour[at], there = tour[k];
        tour[at] = there;
        tour[k] = here;
        best = fmin(best, shortest_of_all(n, tour, at + 1));
        tour[at] = here;
        tour[k] = there;
    }
    return best;
}

Test(models_points, no_tour_is_shorter_than_the_shortest)
{
    for (uint64_t seed = 0; seed < 40; seed++) {
        const int n = 3 + (int)(seed % 6);
        int32_t tour[MOST], all[MOST];
        scatter(seed, n);
        cr_assert(heed_tour_shortest(x, n, tour));
        cr_assert(heed_tour_valid(tour, n, n));
        for (int i = 0; i < n; i++) all[i] = i;
        cr_assert_float_eq(heed_points_length(x, tour, n), shortest_of_all(n, all, 1), 1e-12);
        cr_expect_eq(tour[0], 0);
        cr_expect_gt(heed_points_area(x, tour, n), 0, "counter-clockwise");
    }
}

Test(models_points, short_tours_are_nearly_the_shortest)
{
    double its = 0, least = 0;
    heed_rng rng = heed_rng_new(1, 1);
    for (uint64_t seed = 0; seed < 60; seed++) {
        const int n = 4 + (int)(seed % 11);
        int32_t tour[MOST];
        scatter(seed, n);
        heed_tour_short(&rng, x, n, 10, tour);
        cr_assert(heed_tour_valid(tour, n, n));
        cr_expect_eq(tour[0], 0);
        cr_expect_geq(heed_points_area(x, tour, n), 0);
        its += heed_points_length(x, tour, n);
        cr_assert(heed_tour_shortest(x, n, tour));
        least += heed_points_length(x, tour, n);
    }
    cr_expect_geq(its, least - 1e-9);
    cr_expect_lt(its / least, 1.002);
}

Test(models_points, tours_that_are_none)
{
    const int32_t twice[] = { 0, 1, 1 }, far[] = { 0, 1, 3 };
    cr_expect_not(heed_tour_valid(twice, 3, 3));
    cr_expect_not(heed_tour_valid(far, 3, 3));
    cr_expect_not(heed_tour_valid(twice, 2, 3));
}

/* ---- Delaunay: circles by their centres ---- */

static bool circle_is_empty(int n, const int32_t *t)
{
    const double *a = x + 2 * t[0], *b = x + 2 * t[1], *c = x + 2 * t[2];
    const double d = 2 * (a[0] * (b[1] - c[1]) + b[0] * (c[1] - a[1]) + c[0] * (a[1] - b[1]));
    const double aa = a[0] * a[0] + a[1] * a[1], bb = b[0] * b[0] + b[1] * b[1];
    const double cc = c[0] * c[0] + c[1] * c[1];
    const double u = (aa * (b[1] - c[1]) + bb * (c[1] - a[1]) + cc * (a[1] - b[1])) / d;
    const double v = (aa * (c[0] - b[0]) + bb * (a[0] - c[0]) + cc * (b[0] - a[0])) / d;
    for (int p = 0; p < n; p++)
        if (p != t[0] && p != t[1] && p != t[2] &&
            hypot(x[2 * p] - u, x[2 * p + 1] - v) < hypot(a[0] - u, a[1] - v))
            return false;
    return true;
}

/* The x of the inscribed circle's centre: its distance from all sides is 2 area / circumference. */
static double centre_x(const int32_t *t)
{
    double side[3], sum = 0, at = 0;
    for (int k = 0; k < 3; k++) {
        const double *p = x + 2 * t[(k + 1) % 3], *q = x + 2 * t[(k + 2) % 3];
        side[k] = sqrt((p[0] - q[0]) * (p[0] - q[0]) + (p[1] - q[1]) * (p[1] - q[1]));
        sum += side[k];
    }
    for (int k = 0; k < 3; k++) at += side[k] / sum * x[2 * t[k]];
    return at;
}

Test(models_points, triangulation_is_all_triangles_with_empty_circles)
{
    for (uint64_t seed = 0; seed < 200; seed++) {
        const int n = 3 + (int)(seed % 10);
        int32_t list[LIST], hull[MOST];
        scatter(seed, n);
        const int64_t count = heed_delaunay(x, n, list), corners = heed_hull(x, n, hull);
        double area = 0;
        cr_assert_eq(count, 2 * n - 2 - corners, "Euler's formula");
        for (int64_t t = 0; t < count; t++) {
            const int32_t *tri = list + 3 * t;
            cr_assert(tri[0] < tri[1] && tri[1] < tri[2]);
            cr_assert(circle_is_empty(n, tri));
            if (t > 0) cr_assert_leq(centre_x(tri - 3), centre_x(tri));
            area += fabs(heed_points_area(x, tri, 3));
        }
        cr_assert_float_eq(area, heed_points_area(x, hull, corners), 1e-12);
    }
}

Test(models_points, triangulation_verdicts)
{
    const int32_t right[] = { 0, 1, 2, 1, 2, 3 }, turned[] = { 3, 2, 1, 0, 1, 2 };
    const int32_t half[] = { 0, 1, 2, 0, 1, 3 }, again[] = { 0, 1, 2, 1, 2, 3, 0, 1, 2 };
    heed_delaunay_verdict v = heed_delaunay_judge(right, 2, turned, 6);
    cr_expect(v.exact && v.covered == 2);
    v = heed_delaunay_judge(right, 2, half, 6);
    cr_expect(!v.exact && v.covered == 1);
    v = heed_delaunay_judge(right, 2, again, 9);
    cr_expect(!v.exact && v.covered == 2, "one of them twice");
    v = heed_delaunay_judge(right, 2, turned, 5);
    cr_expect(!v.exact && v.covered == 1, "not complete");
}

/* ---- files ---- */

TestSuite(models_points_file, .init = enter_folder, .fini = leave_folder);

static void write_text(const char *text)
{
    FILE *file = fopen(in_folder("points.txt"), "wb");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

Test(models_points_file, lines_become_points_and_answers)
{
    heed_points_file file;
    heed_error error = { .set = false };
    write_text("0.5 1 0.25 0 1e-1 .75 output 2 3 1 2\n0 0 1 0 1 1  output 1 3 1 \r\n");
    cr_assert(heed_points_read(&file, in_folder("points.txt"), 3, &error), "%s", error.text);
    cr_assert_eq(file.count, 2);
    cr_expect(file.x[0] == .5 && file.x[4] == .1 && file.x[6 + 2] == 1);
    cr_expect(file.length[0] == 3 && file.length[1] == 2);
    cr_expect(file.answer[0] == 1 && file.answer[1] == 2 && file.answer[2] == 0);
    cr_expect(file.answer[3] == 0 && file.answer[4] == 2);
    heed_points_free(&file);
}

Test(models_points_file, what_is_wrong_is_named_with_its_line)
{
    static const char *const texts[][2] = {
        { "", "no line" },
        { "0 0 1 0 1 1 output 1 2 1\n0 0 1 0 1 output 1 2 1\n", ":2: fewer coordinates" },
        { "0 0 1 0 1 1 2 output 1 2 1\n", ":1: no 'output'" },
        { "0 0 1 0 1 1 output 1 4 1\n", "an index is not in 1 to n" },
        { "0 0 1 0 1 1 output 0 1 0\n", "an index is not in 1 to n" },
        { "0 0 1 0 1 1 output 1 2 3\n", "does not return" },
        { "0 0 1 0 1 1 output 1 2 3 2 1\n", "longer than n" },
        { "0 0 1 0 1 1 output 1 2 1 2\n", "something follows" },
        { "0 0 1 0 inf 1 output 1 2 1\n", "fewer coordinates" },
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        heed_points_file file;
        heed_error error = { .set = false };
        write_text(texts[i][0]);
        cr_expect_not(heed_points_read(&file, in_folder("points.txt"), 3, &error));
        cr_expect(strstr(error.text, texts[i][1]), "'%s' is not in: %s", texts[i][1], error.text);
        cr_expect(strstr(error.text, "points.txt:"), "%s", error.text);
        cr_expect_null(file.x);
    }
    heed_points_file file;
    heed_error error = { .set = false };
    cr_expect_not(heed_points_read(&file, in_folder("nothing"), 3, &error));
    cr_expect(strstr(error.text, "No such file"));
}

/* Sizes around those at which the room for it grows; any byte, also zeros. */
Test(models_points_file, a_file_is_read_to_its_end)
{
    static const size_t sizes[] = { 0, 1, 65535, 65536, 65537, 200000 };
    heed_error error = { .set = false };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t size = 1;
        FILE *file = fopen(in_folder("bytes"), "wb");
        cr_assert_not_null(file);
        for (size_t k = 0; k < sizes[i]; k++) fputc((int)(k % 251), file);
        fclose(file);
        unsigned char *bytes = heed_read_file(in_folder("bytes"), &size, NULL, &error);
        cr_assert_not_null(bytes, "%s", error.text);
        cr_expect_eq(size, sizes[i]);
        for (size_t k = 0; k < size; k++) cr_assert_eq(bytes[k], k % 251);
        cr_expect_eq(bytes[size], 0);
        heed_free(bytes);
    }
    cr_expect_null(heed_read_file(folder, NULL, "a file is asked for", &error));
    cr_expect(strstr(error.text, folder) && strstr(error.text, "(a file is asked for)"), "%s",
              error.text);
}

Test(models_points_file, every_failed_allocation_is_a_sentence)
{
    const size_t before = heed_memory_live_blocks();
    write_text("0 0 1 0 1 1 output 1 2 1\n");
    for (long n = 1; n <= 4; n++) {
        heed_points_file file;
        heed_error error = { .set = false };
        heed_memory_fail(n);
        cr_expect_not(heed_points_read(&file, in_folder("points.txt"), 3, &error), "%ld", n);
        heed_memory_fail(0);
        cr_expect(error.set);
        cr_expect_eq(heed_memory_live_blocks(), before);
    }
    int32_t tour[3];
    heed_memory_fail(1);
    cr_expect_not(heed_tour_shortest(square, 3, tour));
    heed_memory_fail(0);
}

/* ptrnet_tasks.c - what the pointer network is asked: batches, rules of an answer, metrics. */
#include "models/data/delaunay.h"
#include "models/data/hull.h"
#include "models/data/sort.h"
#include "models/data/tsp.h"
#include "models/ptrnet.h"

#include <string.h>

enum {
    EXACT_TOURS = 12, /* points, up to which training's tours are the shortest */
    KICKS = 10,       /* beyond: random changes that are tried on a short one */
    MANY_KICKS = 1000 /* the measure of tours of more than HEED_TOUR_EXACT points */
};

/* ---- sorting ---- */

static int64_t as_many(int64_t n)
{
    return n;
}

static void fill_numbers(heed_program *program, heed_rng *rng)
{
    heed_view x = heed_program_input(program, "numbers");
    heed_view order = heed_program_input(program, "order");
    heed_sort_numbers(rng, &x);
    if (order.data) heed_sort_order(&x, &order);
}

static void score_numbers(heed_program *program, int64_t count, heed_score *score)
{
    const heed_view x = heed_program_input(program, "numbers");
    const heed_view picks = heed_program_output(program, 0);
    const int64_t n = x.shape.dim[0];
    for (int64_t b = 0; b < count; b++) {
        score->sum[0] += heed_sort_is_right(&x, &picks, b);
        score->sum[1] += (double)heed_sort_places_right(&x, &picks, b) / (double)n;
    }
    score->of[0] += (double)count;
    score->of[1] += (double)count;
}

/* ---- convex hull ---- */

static int64_t and_the_end(int64_t n)
{
    return n + 1;
}

static bool hull_never(int64_t t, int64_t i, int64_t n)
{
    return i == n && t < 3; /* three corners at least */
}

static int64_t hull_solve(heed_rng *rng, const double *x, int64_t n, int32_t *answer)
{
    (void)rng;
    return heed_hull(x, n, answer);
}

static void hull_judge(const double *x, int64_t n, const int32_t *expected, int64_t length,
                       const int32_t *answer, int64_t count, heed_score *score)
{
    int32_t hull[HEED_POINTS_MOST];
    if (!expected) length = heed_hull(x, n, hull);
    const heed_hull_verdict v =
        heed_hull_judge(x, expected ? expected : hull, length, answer, count);
    score->sum[0] += v.exact;
    score->sum[1] += v.area;
    score->sum[2] += v.simple;
    score->of[0]++;
    score->of[1] += v.simple;
    score->of[2]++;
}

static const char *hull_file(int64_t n)
{
    return n == 5    ? "hull5_test_a.txt"
           : n == 10 ? "hull10_dev.txt"
           : n == 50 ? "hull50_dev.txt"
                     : NULL;
}

/* ---- round tours ---- */

static bool tour_never(int64_t t, int64_t i, int64_t n)
{
    (void)n;
    return t == 0 && i != 0; /* from the first city on */
}

static int64_t tour_solve(heed_rng *rng, const double *x, int64_t n, int32_t *answer)
{
    if (n > EXACT_TOURS || !heed_tour_shortest(x, n, answer))
        heed_tour_short(rng, x, n, KICKS, answer);
    return n;
}

/* How long a tour has to be, or very nearly. */
static double tour_bound(const double *x, int64_t n)
{
    int32_t tour[HEED_TOUR_MOST];
    heed_rng rng = heed_rng_new(0, 0);
    if (n > HEED_TOUR_EXACT || !heed_tour_shortest(x, n, tour))
        heed_tour_short(&rng, x, n, MANY_KICKS, tour);
    return heed_points_length(x, tour, n);
}

static void tour_judge(const double *x, int64_t n, const int32_t *expected, int64_t length,
                       const int32_t *answer, int64_t count, heed_score *score)
{
    const bool valid = heed_tour_valid(answer, count, n);
    score->sum[2] += valid;
    score->of[2]++;
    if (!valid) return;
    const double its = heed_points_length(x, answer, n);
    score->sum[0] += its;
    score->of[0] += expected ? heed_points_length(x, expected, length) : tour_bound(x, n);
    score->sum[1] += its;
    score->of[1]++;
}

static const char *tour_file(int64_t n)
{
    return n == 5 ? "tsp5_dev.txt" : n == 10 ? "tsp10_dev.txt" : n == 20 ? "tsp20_dev.txt" : NULL;
}

/* ---- Delaunay triangulation ---- */

static int64_t triangles_and_the_end(int64_t n)
{
    return 3 * (2 * n - 5) + 1;
}

static bool triangles_never(int64_t t, int64_t i, int64_t n)
{
    return i == n && (t == 0 || t % 3 != 0);
}

static int64_t triangles_solve(heed_rng *rng, const double *x, int64_t n, int32_t *answer)
{
    (void)rng;
    return 3 * heed_delaunay(x, n, answer);
}

static void triangles_judge(const double *x, int64_t n, const int32_t *expected, int64_t length,
                            const int32_t *answer, int64_t count, heed_score *score)
{
    int32_t right[LONGEST_ANSWER];
    const int64_t triangles = expected ? length / 3 : heed_delaunay(x, n, right);
    const heed_delaunay_verdict v =
        heed_delaunay_judge(expected ? expected : right, triangles, answer, count);
    score->sum[0] += v.exact;
    score->of[0]++;
    score->sum[1] += (double)v.covered;
    score->of[1] += (double)triangles;
}

const ptrnet_task ptrnet_tasks[] = {
    { .least = 2, .most = HEED_POINTS_MOST, .steps = as_many },
    { .plane = true,
      .ends = true,
      .place = PLACE_ALL,
      .least = 3,
      .most = HEED_POINTS_MOST,
      .training = 8000,
      .steps = and_the_end,
      .never = hull_never,
      .solve = hull_solve,
      .judge = hull_judge,
      .file = hull_file },
    { .plane = true,
      .place = PLACE_FIRST,
      .least = 3,
      .most = HEED_TOUR_MOST,
      .training = 3000,
      .steps = as_many,
      .never = tour_never,
      .solve = tour_solve,
      .judge = tour_judge,
      .file = tour_file },
    { .plane = true,
      .ends = true,
      .repeats = true,
      .triples = true,
      .place = PLACE_ALL,
      .least = 3,
      .most = 50,
      .training = 8000,
      .steps = triangles_and_the_end,
      .never = triangles_never,
      .solve = triangles_solve,
      .judge = triangles_judge },
};

static const heed_metric sorted[] = { { "sequences_right", NULL },
                                      { "places_right", NULL },
                                      { NULL, NULL } };
static const heed_metric hulls[] = { { "exact_polygons", NULL },
                                     { "area_covered", NULL },
                                     { "simple_polygons", NULL },
                                     { NULL, NULL } };
static const heed_metric tours[] = {
    { "length_over_optimal", "" }, { "mean_length", "" }, { "valid_tours", NULL }, { NULL, NULL }
};
static const heed_metric triangulations[] = { { "exact_triangulations", NULL },
                                              { "triangles_covered", NULL },
                                              { NULL, NULL } };
const heed_task ptrnet_task_list[] = {
    { .name = "sort", .help = "n numbers, from the smallest to the largest", .metrics = sorted },
    { .name = "hull",
      .help = "the convex hull of n points, counter-clockwise; --data: hull*.txt",
      .metrics = hulls,
      .data = HEED_MAY_READ_DATA },
    { .name = "tsp",
      .help = "the shortest round tour of n cities, from the first one on; --data: tsp*.txt",
      .metrics = tours,
      .data = HEED_MAY_READ_DATA },
    { .name = "delaunay",
      .help = "the Delaunay triangles of n points, from left to right",
      .metrics = triangulations },
    { .name = NULL },
};

/* ---- sizes ---- */

int64_t ptrnet_elements(const ptrnet *o)
{
    return o->n.high + o->task->ends;
}

int64_t ptrnet_steps(const ptrnet *o)
{
    return o->task->steps(o->n.high);
}

bool ptrnet_varies(const ptrnet *o)
{
    return o->n.low < o->n.high;
}

/* ---- batches of points ---- */

bool ptrnet_read(ptrnet *o, const char *folder, heed_error *error)
{
    char path[4096];
    const char *name = o->n.low == o->n.high && o->task->file ? o->task->file(o->n.high) : NULL;
    if (!name)
        return heed_fail(error, "--data: there is no file of sets of this --n; without --data, "
                                "evaluation draws fresh ones");
    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path)
        return heed_fail(error, "--data: the path is too long");
    return heed_points_read(&o->file, path, o->n.high, error);
}

/* Which line of the file is column b of this batch? After the last one, the first again. */
static int64_t line_of(const ptrnet *o, const heed_draw *draw, int64_t b)
{
    return (draw->index * draw->batch + b) % o->file.count;
}

static bool from_file(const ptrnet *o, const heed_draw *draw)
{
    return o->file.count > 0 && draw->split != HEED_TRAIN;
}

/* Column b: n points, rounded as the network will see them; zeros after the last. */
static void write_points(const ptrnet *o, const heed_view *points, const heed_draw *draw,
                         heed_rng *rng, int64_t b, int64_t n)
{
    const int64_t batch = draw->batch, most = points->shape.dim[0];
    const double *known = from_file(o, draw) ? o->file.x + line_of(o, draw, b) * 2 * n : NULL;
    for (int64_t i = 0; i < 2 * most; i++) {
        const double value = i >= 2 * n ? 0 : known ? known[i] : heed_random_uniform(rng);
        heed_set(points, (i / 2 * batch + b) * 2 + i % 2, value);
    }
}

/* The answer, then the end where the task has one, then -1, which the loss leaves out. rng is a
 * copy: the points that are drawn next do not depend on how this set was solved. */
static void write_order(const ptrnet *o, const heed_view *points, const heed_view *order,
                        heed_rng rng, int64_t b, int64_t n)
{
    double x[2 * HEED_POINTS_MOST];
    int32_t answer[LONGEST_ANSWER];
    const int64_t steps = order->shape.dim[0], batch = order->shape.dim[1];
    heed_points_column(points, b, n, x);
    int64_t count = o->task->solve(&rng, x, n, answer);
    if (o->task->ends) answer[count++] = (int32_t)o->n.high;
    for (int64_t t = 0; t < steps; t++) heed_set(order, t * batch + b, t < count ? answer[t] : -1);
}

static void fill_points(const ptrnet *o, heed_program *program, const heed_draw *draw,
                        heed_rng *rng)
{
    const heed_view points = heed_program_input(program, "points");
    const heed_view order = heed_program_input(program, "order");
    const heed_view lengths = heed_program_input(program, "lengths");
    const uint32_t choices = (uint32_t)(o->n.high - o->n.low + 1);
    for (int64_t b = 0; b < draw->batch; b++) {
        const int64_t n = o->n.low + (choices > 1 ? heed_random_below(rng, choices) : 0);
        write_points(o, &points, draw, rng, b, n);
        if (lengths.data) heed_set(&lengths, b, (double)n);
        if (order.data) write_order(o, &points, &order, *rng, b, n);
    }
}

bool ptrnet_fill(const void *own, heed_program *program, const heed_draw *draw, heed_error *error)
{
    const ptrnet *o = own;
    (void)error;
    heed_rng rng = heed_draw_rng(draw);
    if (o->task->plane)
        fill_points(o, program, draw, &rng);
    else
        fill_numbers(program, &rng);
    return true;
}

int64_t ptrnet_answer_of(const ptrnet *o, const heed_view *picks, int64_t b, int32_t *answer)
{
    const int64_t steps = picks->shape.dim[0], batch = picks->shape.dim[1];
    int64_t count = 0;
    for (int64_t t = 0; t < steps; t++, count++) {
        answer[count] = (int32_t)heed_get(picks, t * batch + b);
        if (o->task->ends && answer[count] == o->n.high) break;
    }
    return count;
}

static void score_points(const ptrnet *o, heed_program *program, const heed_draw *draw,
                         int64_t count, heed_score *score)
{
    const heed_view points = heed_program_input(program, "points");
    const heed_view lengths = heed_program_input(program, "lengths");
    const heed_view picks = heed_program_output(program, 0);
    double x[2 * HEED_POINTS_MOST];
    int32_t answer[LONGEST_ANSWER];
    for (int64_t b = 0; b < count; b++) {
        const int64_t n = lengths.data ? (int64_t)heed_get(&lengths, b) : o->n.high;
        const int64_t line = from_file(o, draw) ? line_of(o, draw, b) : -1;
        heed_points_column(&points, b, n, x);
        o->task->judge(x, n, line < 0 ? NULL : o->file.answer + line * n,
                       line < 0 ? 0 : o->file.length[line], answer,
                       ptrnet_answer_of(o, &picks, b, answer), score);
    }
}

void ptrnet_score(const void *own, heed_program *program, const heed_draw *draw, int64_t count,
                  heed_score *score)
{
    const ptrnet *o = own;
    if (o->task->plane)
        score_points(o, program, draw, count, score);
    else
        score_numbers(program, count, score);
}

/* points.c - the plane's geometry, as far as polygons need it, and files of point sets. */
#include "models/data/points.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/data/bytes.h"
#include "tensor/memory.h"

/* ---- geometry ---- */

double heed_points_turn(const double *x, int64_t i, int64_t j, int64_t k)
{
    const double *p = x + 2 * i, *q = x + 2 * j, *r = x + 2 * k;
    return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]);
}

double heed_points_distance(const double *x, int64_t i, int64_t j)
{
    return hypot(x[2 * i] - x[2 * j], x[2 * i + 1] - x[2 * j + 1]);
}

double heed_points_area(const double *x, const int32_t *list, int64_t count)
{
    double twice = 0;
    for (int64_t k = 0; k < count; k++) {
        const double *p = x + 2 * list[k], *q = x + 2 * list[(k + 1) % count];
        twice += p[0] * q[1] - q[0] * p[1];
    }
    return twice / 2;
}

double heed_points_length(const double *x, const int32_t *list, int64_t count)
{
    double sum = 0;
    for (int64_t k = 0; k < count; k++)
        sum += heed_points_distance(x, list[k], list[(k + 1) % count]);
    return sum;
}

/* Is k, on the line through i and j, between them? */
static bool lies_between(const double *x, int64_t i, int64_t j, int64_t k)
{
    for (int c = 0; c < 2; c++) {
        const double a = x[2 * i + c], b = x[2 * j + c], at = x[2 * k + c];
        if (at < fmin(a, b) || at > fmax(a, b)) return false;
    }
    return true;
}

static bool edges_meet(const double *x, int64_t i, int64_t j, int64_t k, int64_t l)
{
    const double a = heed_points_turn(x, i, j, k), b = heed_points_turn(x, i, j, l);
    const double c = heed_points_turn(x, k, l, i), d = heed_points_turn(x, k, l, j);
    if (((a > 0 && b < 0) || (a < 0 && b > 0)) && ((c > 0 && d < 0) || (c < 0 && d > 0)))
        return true;
    return (a == 0 && lies_between(x, i, j, k)) || (b == 0 && lies_between(x, i, j, l)) ||
           (c == 0 && lies_between(x, k, l, i)) || (d == 0 && lies_between(x, k, l, j));
}

bool heed_points_simple(const double *x, const int32_t *list, int64_t count)
{
    if (count < 3) return false;
    for (int64_t a = 0; a < count; a++)
        for (int64_t b = a + 1; b < count; b++) {
            const int64_t a_end = (a + 1) % count, b_end = (b + 1) % count;
            if (list[a] == list[b]) return false;
            if (a_end == b || b_end == a) continue; /* neighbours share a corner */
            if (edges_meet(x, list[a], list[a_end], list[b], list[b_end])) return false;
        }
    return true;
}

bool heed_points_same_cycle(const int32_t *a, int64_t n_a, const int32_t *b, int64_t n_b)
{
    if (n_a != n_b) return false;
    for (int64_t shift = 0; shift < n_a; shift++) {
        int64_t onward = 0, back = 0;
        for (int64_t k = 0; k < n_a; k++) {
            onward += a[k] == b[(shift + k) % n_a];
            back += a[k] == b[(shift + n_a - k) % n_a];
        }
        if (onward == n_a || back == n_a) return true;
    }
    return n_a == 0;
}

void heed_points_column(const heed_view *points, int64_t b, int64_t count, double *x)
{
    const int64_t batch = points->shape.dim[1];
    for (int64_t i = 0; i < count; i++)
        for (int64_t c = 0; c < 2; c++) x[2 * i + c] = heed_get(points, (i * batch + b) * 2 + c);
}

/* ---- files ---- */

static int64_t lines_of(const char *text)
{
    int64_t n = 0;
    for (const char *at = text; *at; at += *at ? 1 : 0) {
        const char *end = strchr(at, '\n');
        n++;
        at = end ? end : at + strlen(at) - 1;
    }
    return n;
}

/* The numbers of one line, from `at` on. return: what is wrong with it, or NULL. */
static const char *read_line(heed_points_file *f, int64_t line, char **at)
{
    double *x = f->x + line * f->n * 2;
    int32_t *answer = f->answer + line * f->n, *length = f->length + line;
    char *end;
    for (int64_t k = 0; k < 2 * f->n; k++) {
        x[k] = strtod(*at, &end);
        if (end == *at || !isfinite(x[k])) return "fewer coordinates than 2 n";
        *at = end;
    }
    *at += strspn(*at, " \t");
    if (strncmp(*at, "output", 6) != 0) return "no 'output' after 2 n coordinates";
    for (*at += 6;; *at = end) {
        *at += strspn(*at, " \t\r");
        if (**at == '\n' || **at == '\0') return "the answer does not return to its first index";
        const long index = strtol(*at, &end, 10);
        if (end == *at || index < 1 || index > f->n) return "an index is not in 1 to n";
        if (*length > 0 && index - 1 == answer[0]) break;
        if (*length == f->n) return "the answer is longer than n";
        answer[(*length)++] = (int32_t)(index - 1);
    }
    *at = end + strspn(end, " \t\r");
    if (**at != '\n' && **at != '\0') return "something follows the answer";
    *at += **at == '\n';
    return NULL;
}

bool heed_points_read(heed_points_file *file, const char *path, int64_t n, heed_error *error)
{
    char *text = heed_read_file(path, NULL, "--data takes the folder of point sets", error);
    char *at = text;
    *file = (heed_points_file){ .n = n };
    if (!text) return false;
    const int64_t count = lines_of(text);
    const size_t points = (size_t)count * (size_t)n;
    const char *wrong = count > 0 ? NULL : "no line";
    file->x = heed_alloc_array(points, 2 * sizeof *file->x);
    file->answer = heed_alloc_array(points, sizeof *file->answer);
    file->length = heed_alloc_array((size_t)count, sizeof *file->length);
    if (!file->x || !file->answer || !file->length) wrong = "no memory";
    for (; file->count < count && !wrong; file->count += !wrong)
        wrong = read_line(file, file->count, &at);
    heed_free(text);
    if (!wrong) return true;
    heed_fail(error,
              "--data: %s:%lld: %s; a line is 2 n = %lld numbers, 'output', and indices that "
              "end with the first one",
              path, (long long)file->count + 1, wrong, (long long)(2 * n));
    heed_points_free(file);
    return false;
}

void heed_points_free(heed_points_file *file)
{
    heed_free(file->x);
    heed_free(file->answer);
    heed_free(file->length);
    *file = (heed_points_file){ .count = 0 };
}

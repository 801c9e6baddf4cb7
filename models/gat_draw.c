/* gat_draw.c - what a graph attention network looks at, and where it puts the nodes. */
#include <math.h>

#include "models/gat.h"
#include "models/picture.h"

/* ---- --show: the strongest neighbours of a node ---- */

enum { SHOWN = 12, BAR = 30 };

typedef struct neighbour {
    int32_t node;
    double first, second; /* mean over heads */
} neighbour;

static double mean_of_heads(const heed_view *weights, int64_t edge)
{
    const int64_t heads = weights->shape.dim[1];
    double sum = 0;
    for (int64_t h = 0; h < heads; h++) sum += heed_get(weights, edge * heads + h);
    return sum / (double)heads;
}

/* The edges to `node` that have the most weight in both layers together, the heaviest first.
 * return: how many of `most` there are; *all: how many edges. */
static int strongest(heed_program *program, int64_t node, neighbour *best, int most, int *all)
{
    const heed_view from = heed_program_output(program, GAT_FROM);
    const heed_view to = heed_program_output(program, GAT_TO);
    const heed_view first = heed_program_output(program, GAT_FIRST);
    const heed_view second = heed_program_output(program, GAT_SECOND);
    int n = 0;
    *all = 0;
    for (int64_t e = 0; e < to.shape.dim[0]; e++) {
        if (heed_get(&to, e) != (double)node) continue;
        const neighbour one = { (int32_t)heed_get(&from, e), mean_of_heads(&first, e),
                                mean_of_heads(&second, e) };
        int at = n < most ? n++ : most;
        for (; at > 0 && best[at - 1].first + best[at - 1].second < one.first + one.second; at--)
            if (at < most) best[at] = best[at - 1];
        if (at < most) best[at] = one;
        ++*all;
    }
    return n;
}

static int32_t answer_of(const heed_view *logits, int64_t node)
{
    const int64_t classes = logits->shape.dim[1];
    int64_t best = 0;
    for (int64_t c = 1; c < classes; c++)
        if (heed_get(logits, node * classes + c) > heed_get(logits, node * classes + best))
            best = c;
    return (int32_t)best;
}

static void print_class(FILE *to, int32_t label)
{
    if (label < 0)
        fprintf(to, "      -");
    else
        fprintf(to, "%7d", label);
}

static void print_neighbour(FILE *to, const gat *o, const heed_view *logits, const neighbour *one)
{
    fprintf(to, "%8d ", one->node);
    print_class(to, o->network.label[one->node]);
    fprintf(to, "%8d %8.3f %8.3f  ", answer_of(logits, one->node), one->first, one->second);
    const int length = (int)lround(BAR * (one->first + one->second) / 2);
    for (int i = 0; i < length; i++) fputc('#', to);
    fputc('\n', to);
}

void gat_show(const void *own, heed_program *program, FILE *to)
{
    const gat *o = own;
    const heed_view logits = heed_program_output(program, GAT_LOGITS);
    const int64_t node = o->node < o->network.nodes ? o->node : o->network.nodes - 1;
    neighbour best[SHOWN];
    int all, n = strongest(program, node, best, SHOWN, &all);
    fprintf(to, "node %lld, class", (long long)node);
    print_class(to, o->network.label[node]);
    fprintf(to, ", answer %d: %d of its %d neighbours, with what it makes of them\n",
            answer_of(&logits, node), n, all);
    fprintf(to, "    node   class  answer    first   second  (mean weights of heads)\n");
    for (int i = 0; i < n; i++) print_neighbour(to, o, &logits, &best[i]);
}

/* ---- principal components ----
 *
 * The two directions in which the rows of x [n, d] differ most, by the power method on their
 * covariance [d, d]; the second is kept at right angles to the first. */

enum { SWEEPS = 300 };

static double dot(const double *a, const double *b, int64_t d)
{
    double sum = 0;
    for (int64_t k = 0; k < d; k++) sum += a[k] * b[k];
    return sum;
}

static void unit(double *a, int64_t d)
{
    const double norm = sqrt(dot(a, a, d));
    for (int64_t k = 0; k < d && norm > 0; k++) a[k] /= norm;
}

static void covariance(const heed_view *x, double *mean, double *c)
{
    const int64_t n = x->shape.dim[0], d = x->shape.dim[1];
    const float *data = x->data;
    for (int64_t i = 0; i < n * d; i++) mean[i % d] += (double)data[i] / (double)n;
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < d; k++)
            for (int64_t l = 0; l <= k; l++)
                c[k * d + l] += (data[i * d + k] - mean[k]) * (data[i * d + l] - mean[l]);
    for (int64_t k = 0; k < d; k++)
        for (int64_t l = k + 1; l < d; l++) c[k * d + l] = c[l * d + k];
}

/* The direction `a` of the largest variance at right angles to `other` (NULL: of all). */
static void direction(const double *c, int64_t d, const double *other, double *a, double *next)
{
    for (int64_t k = 0; k < d; k++) a[k] = 1 + (double)(k % 7); /* no symmetry */
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        for (int64_t k = 0; k < d; k++) next[k] = dot(c + k * d, a, d);
        const double along = other ? dot(next, other, d) : 0;
        for (int64_t k = 0; k < d; k++) a[k] = other ? next[k] - along * other[k] : next[k];
        unit(a, d);
    }
}

/* Places [n, 2] of the rows of x. */
static bool components(const heed_view *x, double *place)
{
    const int64_t n = x->shape.dim[0], d = x->shape.dim[1];
    double *c = heed_alloc_array((size_t)(d * d + 4 * d), sizeof *c);
    if (!c) return false;
    double *mean = c + d * d, *axis = mean + d, *next = axis + 2 * d;
    covariance(x, mean, c);
    direction(c, d, NULL, axis, next);
    direction(c, d, axis, axis + d, next);
    for (int64_t i = 0; i < n; i++)
        for (int j = 0; j < 2; j++) {
            double sum = 0;
            for (int64_t k = 0; k < d; k++)
                sum += (heed_get(x, i * d + k) - mean[k]) * axis[j * d + k];
            place[2 * i + j] = sum;
        }
    heed_free(c);
    return true;
}

/* ---- --picture: the hidden layer in two dimensions ---- */

enum { SIDE = 720, MARGIN = 24 };

static void draw_nodes(const heed_network *w, const double *place, heed_picture *picture)
{
    double low[2] = { INFINITY, INFINITY }, high[2] = { -INFINITY, -INFINITY };
    const heed_color gray = { 205, 205, 205 };
    for (int64_t i = 0; i < 2 * w->nodes; i++) {
        low[i % 2] = fmin(low[i % 2], place[i]);
        high[i % 2] = fmax(high[i % 2], place[i]);
    }
    for (int labelled = 0; labelled < 2; labelled++) /* over those that have none */
        for (int64_t i = 0; i < w->nodes; i++) {
            double at[2];
            if ((w->label[i] >= 0) != labelled) continue;
            for (int j = 0; j < 2; j++) {
                const double size = high[j] > low[j] ? high[j] - low[j] : 1;
                at[j] = MARGIN + (SIDE - 2 * MARGIN) * (place[2 * i + j] - low[j]) / size;
            }
            heed_picture_disc(picture, at[0], at[1], 3,
                              labelled ? heed_color_of_class(w->label[i]) : gray);
        }
}

heed_picture *gat_picture(const void *own, heed_program *program)
{
    const gat *o = own;
    const heed_view hidden = heed_program_output(program, GAT_HIDDEN);
    double *place = heed_alloc_array((size_t)(2 * o->network.nodes), sizeof *place);
    heed_picture *picture = heed_picture_new(SIDE, SIDE);
    if (place && picture && components(&hidden, place)) {
        draw_nodes(&o->network, place, picture);
    } else {
        heed_picture_free(picture);
        picture = NULL;
    }
    heed_free(place);
    return picture;
}

/* gat_draw.c - what a graph attention network looks at, and where it puts the nodes. */
#include <math.h>

#include "models/data/spectrum.h"
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

/* ---- principal components: the two directions in which the rows of x [n, d] differ most ---- */

static void add_rows(heed_moments *moments, const heed_view *x, double *row)
{
    const int64_t n = x->shape.dim[0], d = moments->n;
    for (int64_t i = 0; i < n; i++) {
        for (int64_t k = 0; k < d; k++) row[k] = heed_get(x, i * d + k);
        heed_moments_add(moments, row);
    }
}

/* The index of the largest value but that of `other` (-1: of all); -1: there is none. */
static int64_t largest_but(const double *value, int64_t d, int64_t other)
{
    int64_t best = -1;
    for (int64_t k = 0; k < d; k++)
        if (k != other && (best < 0 || value[k] > value[best])) best = k;
    return best;
}

/* Column `column` of vector [d, d]; zeros when it is -1. Its sign, which is nobody's choice, makes
 * its product with (1, 2, .., 7, 1, ..) positive: the same network is drawn the same way round. */
static void take_axis(const double *vector, int64_t d, int64_t column, double *axis)
{
    double along = 0;
    for (int64_t k = 0; k < d; k++) {
        axis[k] = column < 0 ? 0 : vector[k * d + column];
        along += axis[k] * (1 + (double)(k % 7));
    }
    for (int64_t k = 0; k < d && along < 0; k++) axis[k] = -axis[k];
}

/* axis [2, d], of the rows in `moments`. */
static bool principal_axes(const heed_moments *moments, double *axis)
{
    const int64_t d = moments->n;
    double *covariance = heed_alloc_array((size_t)(2 * d * d + d), sizeof *covariance);
    if (!covariance) return false;
    double *vector = covariance + d * d, *value = vector + d * d;
    for (int64_t i = 0; i < d * d; i++)
        covariance[i] = heed_moments_covariance(moments, i / d, i % d);
    heed_symmetric_eigen(covariance, d, value, vector);
    const int64_t first = largest_but(value, d, -1);
    take_axis(vector, d, first, axis);
    take_axis(vector, d, largest_but(value, d, first), axis + d);
    heed_free(covariance);
    return true;
}

static void project(const heed_moments *moments, const heed_view *x, const double *axis,
                    double *place)
{
    const int64_t n = x->shape.dim[0], d = moments->n;
    for (int64_t i = 0; i < n; i++)
        for (int j = 0; j < 2; j++) {
            place[2 * i + j] = 0;
            for (int64_t k = 0; k < d; k++)
                place[2 * i + j] +=
                    (heed_get(x, i * d + k) - heed_moments_mean(moments, k)) * axis[j * d + k];
        }
}

/* Places [n, 2] of the rows of x; false without memory. */
static bool components(const heed_view *x, double *place)
{
    const int64_t d = x->shape.dim[1];
    heed_moments moments;
    double *axis = heed_alloc_array((size_t)(3 * d), sizeof *axis); /* two, and a row */
    bool fine = heed_moments_new(&moments, d) && axis;
    if (fine) {
        add_rows(&moments, x, axis + 2 * d);
        fine = principal_axes(&moments, axis);
    }
    if (fine) project(&moments, x, axis, place);
    heed_moments_free(&moments);
    heed_free(axis);
    return fine;
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

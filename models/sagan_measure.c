/* sagan_measure.c - is what was generated right, is it varied, and what became of the weights. */
#include <math.h>
#include <string.h>

#include "heed.h"
#include "models/sagan.h"

/* Places of the metrics; the last three are those of both tasks. */
enum { CONSISTENT, LEGIBLE, MATCHING, KINDS, GAMMA_G, GAMMA_D, WORST_NORM };
enum { FRECHET, FRECHET_REAL, JUDGE_RIGHT };

const heed_metric sagan_scene_metrics[] = {
    { "consistent", NULL }, /* a symbol in both corners, the same one, and nothing else */
    { "legible", NULL },    /* a symbol in both corners, and nothing else */
    { "matching", NULL },   /* the same one, of those that are legible */
    { "kinds", "bits" },    /* entropy of the symbols: 3 when the 8 are equally frequent */
    { "gamma_generator", "" },
    { "gamma_discriminator", "" },
    { "worst_norm", "" }, /* sagan_worst_norm() */
    { NULL, NULL },
};
const heed_metric sagan_digit_metrics[] = {
    { "frechet", "" },         /* generated to test digits, by the judge's features: 0 is best */
    { "frechet_of_real", "" }, /* training to test digits */
    { "judge_right", NULL },   /* of the test digits */
    { "kinds", "bits" },       /* entropy of the digits: 3.32 when the 10 are equally frequent */
    { "gamma_generator", "" }, { "gamma_discriminator", "" }, { "worst_norm", "" }, { NULL, NULL },
};

/* ---- begin, end ---- */

bool sagan_begin(void *own, heed_store *store, const heed_settings *settings, heed_error *error)
{
    sagan *o = own;
    heed_digits test;
    (void)store;
    if (o->task != SAGAN_DIGITS) return true;
    if (heed_digits_read(&test, settings->data, "test", error))
        o->tally->judge = sagan_judge_new(&o->train, &test, (int)settings->threads, error);
    heed_digits_free(&test);
    if (!o->tally->judge) return false;
    return heed_moments_new(&o->tally->features, SAGAN_FEATURES) ||
           heed_fail(error, "no memory for the features of digits");
}

void sagan_end(void *own)
{
    sagan *o = own;
    if (!o->tally) return;
    sagan_judge_free(o->tally->judge);
    heed_moments_free(&o->tally->features);
    *o->tally = (sagan_tally){ .failed = false };
}

/* ---- images ---- */

static void score_scenes(sagan_tally *tally, const heed_view *images, int64_t count,
                         heed_score *score)
{
    for (int64_t b = 0; b < count; b++) {
        const heed_scene_reading r = heed_scene_read(images, b);
        const bool legible = r.first >= 0 && r.second >= 0 && r.clean;
        const bool matching = legible && r.first == r.second;
        score->sum[CONSISTENT] += matching;
        score->sum[LEGIBLE] += legible;
        score->sum[MATCHING] += matching;
        score->of[MATCHING] += legible;
        if (r.first >= 0) tally->seen[r.first]++;
        if (r.second >= 0) tally->seen[r.second]++;
    }
    score->of[CONSISTENT] += (double)count;
    score->of[LEGIBLE] += (double)count;
}

void sagan_score(const void *own, heed_program *program, const heed_draw *draw, int64_t count,
                 heed_score *score)
{
    const sagan *o = own;
    sagan_tally *tally = o->tally;
    const heed_view images = heed_program_output(program, 0);
    if (draw->index == 0) {
        memset(tally->seen, 0, sizeof tally->seen);
        if (tally->judge) heed_moments_clear(&tally->features);
        tally->failed = false;
    }
    if (o->task == SAGAN_SCENES)
        score_scenes(tally, &images, count, score);
    else if (!sagan_judge_look(tally->judge, &images, count, &tally->features, tally->seen))
        tally->failed = true;
}

static double entropy(const int64_t *seen, int n)
{
    double all = 0, bits = 0;
    for (int i = 0; i < n; i++) all += (double)seen[i];
    for (int i = 0; i < n; i++)
        if (seen[i] > 0) bits -= (double)seen[i] / all * log2((double)seen[i] / all);
    return bits;
}

/* ---- weights ---- */

static void set(heed_score *score, int metric, double value)
{
    score->sum[metric] = value;
    score->of[metric] = isnan(value) ? 0 : 1;
}

static double gamma_of(const heed_store *store, const char *name)
{
    const heed_entry *entry = heed_store_find(store, name);
    return entry ? heed_get(&entry->tensor->view, 0) : NAN;
}

/* What the layer divides its weight by: u' W v. */
static double estimate(const heed_view *w, const heed_view *u, const heed_view *v)
{
    const int64_t rows = heed_count(&u->shape), columns = heed_count(&v->shape);
    double sum = 0;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            sum += heed_get(u, i) * heed_get(w, i * columns + j) * heed_get(v, j);
    return sum;
}

/* The entry that stands beside `name`, which ends in `end`, with `other` instead. */
static const heed_entry *beside(const heed_store *store, const char *name, const char *end,
                                const char *other)
{
    char text[300];
    const size_t keep = strlen(name) - strlen(end);
    snprintf(text, sizeof text, "%.*s%s", (int)keep, name, other);
    return heed_store_find(store, text);
}

static bool ends_in(const char *name, const char *end)
{
    const size_t length = strlen(name), n = strlen(end);
    return length > n && strcmp(name + length - n, end) == 0;
}

double sagan_worst_norm(const heed_store *store)
{
    double worst = NAN;
    for (int i = 0; i < heed_store_count(store); i++) {
        const heed_entry *u = heed_store_at(store, i);
        if (u->kind != HEED_STATE || !ends_in(u->name, "/norm/u")) continue;
        const heed_entry *v = beside(store, u->name, "/u", "/v");
        const heed_entry *w = beside(store, u->name, "/norm/u", "/weight");
        if (!v || !w) continue;
        const double exact = heed_largest_singular_value(&w->tensor->view);
        const double taken = estimate(&w->tensor->view, &u->tensor->view, &v->tensor->view);
        if (exact < 0) return -1;
        worst = fmax(worst, fabs(exact / taken - 1)); /* fmax passes over the first NaN */
    }
    return worst;
}

bool sagan_conclude(void *own, heed_store *store, heed_score *score, heed_error *error)
{
    const sagan *o = own;
    const sagan_tally *tally = o->tally;
    if (o->task == SAGAN_DIGITS) {
        const double distance =
            heed_frechet_distance(&tally->features, sagan_judge_real(tally->judge));
        if (tally->failed || distance < 0)
            return heed_fail(error, "the judge of digits: %s",
                             tally->failed ? "its program has failed"
                                           : "no memory, or fewer than 2 --examples");
        set(score, FRECHET, distance);
        set(score, FRECHET_REAL, sagan_judge_floor(tally->judge));
        set(score, JUDGE_RIGHT, sagan_judge_right(tally->judge));
    }
    set(score, KINDS, entropy(tally->seen, HEED_DIGIT_CLASSES));
    set(score, GAMMA_G, gamma_of(store, "generator/attention/gamma"));
    set(score, GAMMA_D, gamma_of(store, "discriminator/attention/gamma"));
    const double worst = sagan_worst_norm(store);
    set(score, WORST_NORM, worst);
    return !(worst < 0) || heed_fail(error, "no memory for singular values");
}

/* sagan_judge.c - a small classifier of digits. What it computes before its last layer are the
 * features by which generated digits are compared with real ones. */
#include "heed.h"
#include "models/sagan.h"

enum { STEPS = 1500, BATCH = 64, LOOK = 100, SEED = 1 };

struct sagan_judge {
    heed_store *store;
    heed_graph *graph;
    heed_program *program; /* outputs: features, digit */
    heed_moments real;
    double right, floor;
};

/* images [B, 1, 28, 28] -> features [B, FEATURES], logits [B, 10] */
static heed_node *classifier(heed_scope *s, heed_node *x, heed_node **logits)
{
    if (!x) return NULL;
    const int64_t batch = x->shape.dim[0];
    x = heed_relu(heed_conv_layer(s, "near", x, 12, 4, .stride = 2, .pad = 1));
    x = heed_relu(heed_conv_layer(s, "wide", x, 24, 4, .stride = 2, .pad = 1)); /* [B, 24, 7, 7] */
    x = heed_relu(heed_linear(s, "features", heed_reshape(x, batch, -1), SAGAN_FEATURES));
    *logits = heed_linear(s, "digit", x, HEED_DIGIT_CLASSES);
    return x;
}

static heed_node *input_of(heed_graph *g, int64_t batch)
{
    return heed_input(g, "images", HEED_F32, batch, 1, HEED_DIGIT_SIDE, HEED_DIGIT_SIDE);
}

static bool train_on(sagan_judge *judge, const heed_digits *digits, int threads, heed_error *error)
{
    heed_graph *g = heed_graph_new(.store = judge->store, .training = true);
    heed_node *logits = NULL;
    classifier(heed_root(g), input_of(g, BATCH), &logits);
    heed_node *loss = heed_cross_entropy(logits, heed_input(g, "labels", HEED_I32, BATCH));
    heed_trainer *trainer =
        heed_trainer_new(loss, heed_adam(.lr = 2e-3), .threads = threads,
                         .schedule = { .rule = HEED_SCHEDULE_COSINE, .steps = STEPS });
    bool fine = trainer || heed_fail(error, "the judge of digits: %s", heed_why(g));
    heed_rng rng = heed_rng_new(SEED, 0);
    for (int step = 0; fine && step < STEPS; step++) {
        const heed_view images = heed_trainer_input(trainer, "images");
        const heed_view labels = heed_trainer_input(trainer, "labels");
        heed_digits_draw(digits, &rng, &images, &labels);
        fine = heed_trainer_step(trainer) ||
               heed_fail(error, "the judge of digits: %s",
                         heed_program_why(heed_trainer_program(trainer)));
    }
    heed_trainer_free(trainer);
    heed_graph_free(g);
    return fine;
}

static bool compile(sagan_judge *judge, int threads, heed_error *error)
{
    heed_node *logits = NULL, *outputs[2];
    judge->graph = heed_graph_new(.store = judge->store);
    outputs[0] = classifier(heed_root(judge->graph), input_of(judge->graph, LOOK), &logits);
    outputs[1] = heed_argmax(logits, -1);
    judge->program = heed_compile(judge->graph, outputs, 2, .threads = threads);
    return judge->program || heed_fail(error, "the judge of digits: %s", heed_why(judge->graph));
}

/* What the program's last run saw. */
static bool note(sagan_judge *judge, int64_t count, heed_moments *moments, int64_t *seen)
{
    const heed_view features = heed_program_output(judge->program, 0);
    const heed_view digit = heed_program_output(judge->program, 1);
    for (int64_t b = 0; b < count; b++) {
        double x[SAGAN_FEATURES];
        for (int64_t i = 0; i < SAGAN_FEATURES; i++)
            x[i] = heed_get(&features, b * SAGAN_FEATURES + i);
        heed_moments_add(moments, x);
        if (seen) seen[(int)heed_get(&digit, b)]++;
    }
    return true;
}

bool sagan_judge_look(sagan_judge *judge, const heed_view *images, int64_t count,
                      heed_moments *moments, int64_t *seen)
{
    const heed_view to = heed_program_input(judge->program, "images");
    heed_view_copy(&to, images);
    return heed_program_run(judge->program) && note(judge, count, moments, seen);
}

/* The first `count` of a set of digits; returns how many were recognized, or -1. */
static int64_t look_at(sagan_judge *judge, const heed_digits *digits, int64_t count,
                       heed_moments *moments)
{
    const heed_view images = heed_program_input(judge->program, "images");
    int64_t right = 0;
    for (int64_t begin = 0; begin < count; begin += LOOK) {
        const int64_t n = count - begin < LOOK ? count - begin : LOOK;
        for (int64_t b = 0; b < n; b++) heed_digits_put(digits, begin + b, &images, b);
        if (!heed_program_run(judge->program) || !note(judge, n, moments, NULL)) return -1;
        const heed_view digit = heed_program_output(judge->program, 1);
        for (int64_t b = 0; b < n; b++) right += heed_get(&digit, b) == digits->labels[begin + b];
    }
    return right;
}

static bool look_at_real(sagan_judge *judge, const heed_digits *train, const heed_digits *test,
                         heed_error *error)
{
    heed_moments other;
    const int64_t count = train->count < test->count ? train->count : test->count;
    bool fine =
        heed_moments_new(&other, SAGAN_FEATURES) && heed_moments_new(&judge->real, SAGAN_FEATURES);
    if (fine) {
        const int64_t right = look_at(judge, test, test->count, &judge->real);
        judge->right = (double)right / (double)test->count;
        fine = right >= 0 && look_at(judge, train, count, &other) >= 0;
    }
    if (fine) judge->floor = heed_frechet_distance(&other, &judge->real);
    heed_moments_free(&other);
    return fine || heed_fail(error, "the judge of digits: no memory");
}

sagan_judge *sagan_judge_new(const heed_digits *train, const heed_digits *test, int threads,
                             heed_error *error)
{
    sagan_judge *judge = heed_alloc(sizeof *judge);
    if (judge) *judge = (sagan_judge){ .store = heed_store_new(SEED) };
    if (!judge || !judge->store) {
        heed_fail(error, "the judge of digits: no memory");
    } else if (train_on(judge, train, threads, error) && compile(judge, threads, error) &&
               look_at_real(judge, train, test, error)) {
        return judge;
    }
    sagan_judge_free(judge);
    return NULL;
}

void sagan_judge_free(sagan_judge *judge)
{
    if (!judge) return;
    heed_program_free(judge->program);
    heed_graph_free(judge->graph);
    heed_store_free(judge->store);
    heed_moments_free(&judge->real);
    heed_free(judge);
}

const heed_moments *sagan_judge_real(const sagan_judge *judge)
{
    return &judge->real;
}

double sagan_judge_right(const sagan_judge *judge)
{
    return judge->right;
}

double sagan_judge_floor(const sagan_judge *judge)
{
    return judge->floor;
}

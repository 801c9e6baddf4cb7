/* snail.c - SNAIL, a learner that is itself learned: it sees a sequence of experience, looks back
 * at it by temporal convolutions and causal attention, and so knows what to say or do next.
 *
 * Mishra, Rohaninejad, Chen, Abbeel 2018, "A Simple Neural Attentive Meta-Learner"
 *
 * Two kinds of tasks: few-shot episodes (here), in which the sequence is K labelled examples of
 * each of N new classes and then one without its label; and worlds to act in (snail_acts.c). */
#include <stdio.h>

#include "models/data/episodes.h"
#include "models/snail.h"

static bool has_images(const snail *o)
{
    return o->task == SNAIL_GLYPHS || o->task == SNAIL_OMNIGLOT;
}

/* ---- few-shot episodes ---- */

enum { CONVS = 4 };

/* Four blocks conv(64, 3x3) - batch norm - relu - max pool, then a linear layer; all images of all
 * episodes are one batch. [B, T, side^2] -> [B, T, 64]                               [appendix] */
static heed_node *embed(const snail *o, heed_scope *s, heed_node *images)
{
    if (!s || !images) return NULL;
    const int64_t batch = images->shape.dim[0], steps = images->shape.dim[1];
    heed_scope *own = heed_enter(s, "embed");
    heed_node *x = heed_reshape(images, batch * steps, 1, o->side, o->side);
    for (int i = 0; i < CONVS; i++) {
        char name[8];
        snprintf(name, sizeof name, "conv%d", i);
        x = o->smooth ? heed_conv_block(own, name, x, o->conv_filters, .activation = heed_gelu,
                                        .mean_pool = true)
                      : heed_conv_block(own, name, x, o->conv_filters, .recompute = i == 0);
    }
    x = heed_linear(own, "out", heed_reshape(x, batch * steps, -1), o->embedding);
    if (!o->plain) x = heed_batch_norm_layer(own, "norm", x);
    return heed_reshape(x, batch, steps, o->embedding);
}

/* attention(64, 32) - TC(T, 128) - attention(256, 128) - TC(T, 128) - attention(512, 256) - linear;
 * with fewer filters, all of it narrower. [B, T, C] -> [B, T, N], weights [B, T, T] each. */
static heed_node *learner(const snail *o, heed_scope *s, heed_node *x, heed_node **weights)
{
    const int64_t steps = snail_examples(o), width = o->filters;
    heed_node **look[SNAIL_LOOKS] = { NULL, NULL, NULL };
    for (int i = 0; weights && i < SNAIL_LOOKS; i++) look[i] = &weights[i];
    x = heed_causal_attention(s, "attention0", x, NULL, width / 2, width / 4, look[0]);
    x = heed_temporal_block(s, "temporal0", x, NULL, steps, width);
    x = heed_causal_attention(s, "attention1", x, NULL, 2 * width, width, look[1]);
    x = heed_temporal_block(s, "temporal1", x, NULL, steps, width);
    x = heed_causal_attention(s, "attention2", x, NULL, 4 * width, 2 * width, look[2]);
    return heed_linear(s, "out", x, o->ways);
}

static heed_node *embedded(const snail *o, heed_scope *s, int64_t batch, int64_t examples)
{
    heed_graph *g = heed_scope_graph(s);
    const int64_t width = has_images(o) ? o->side * o->side : o->dims;
    heed_node *x = heed_input(g, "examples", heed_graph_dtype(g), batch, examples, width);
    return has_images(o) ? embed(o, s, x) : x; /* [B, examples, 64] */
}

/* What the learner says about the last of x [B, T, 64]: [B, N]. */
static heed_node *answer_of(const snail *o, heed_scope *s, heed_node *x, heed_node **weights)
{
    if (!x) return NULL;
    heed_node *y =
        heed_input(x->graph, "labels", x->dtype, x->shape.dim[0], x->shape.dim[1], o->ways);
    heed_node *pairs = heed_concat(HEED_NODES(x, y), -1);
    return heed_index(learner(o, s, pairs, weights), 1, x->shape.dim[1] - 1);
}

static heed_node *one_question(const snail *o, heed_scope *s, int64_t batch, heed_node **weights)
{
    if (!s) return NULL;
    return answer_of(o, s, embedded(o, s, batch, snail_examples(o)), weights);
}

/* Is the last image of each class nearer to the mean of its others than to those of other classes,
 * of all episodes in the batch? From few classes an embedding soon has little left to learn; here
 * it has many. x [B, N (K + 1), C], by class.                         [Snell et al. 2017, eq. 2] */
static heed_node *matching_loss(const snail *o, heed_node *x)
{
    const int64_t classes = x->shape.dim[0] * o->ways;
    x = heed_reshape(x, classes, o->shots + 1, x->shape.dim[2]);
    heed_node *last = heed_index(x, 1, o->shots);                         /* [B N, C] */
    heed_node *mean = heed_mean(heed_slice(x, 1, 0, o->shots), 1, false); /* [B N, C] */
    heed_node *near = heed_matmul(last, heed_transpose(mean, 0, 1));      /* [B N, B N] */
    heed_node *size = heed_sum(heed_square(mean), 1, false);
    heed_node *score = heed_sub(heed_scale(near, 2), size); /* |last|^2 - |last - mean|^2 */
    return heed_cross_entropy(score,
                              heed_cast(heed_arange(x->graph, 0, (double)classes, 1), HEED_I32));
}

/* Several sequences of each episode, of the same examples, which are embedded once: [B Q, N]. What
 * embedded images teach by themselves: *matching, or NULL. */
static heed_node *more_questions(const snail *o, heed_scope *s, int64_t batch, heed_node **matching)
{
    if (!s) return NULL;
    const int64_t examples = o->ways * (o->shots + 1), steps = snail_examples(o);
    heed_node *x = embedded(o, s, batch, examples);
    if (!x) return NULL;
    if (has_images(o) && o->match_weight > 0)
        *matching = heed_scale(matching_loss(o, x), o->match_weight);
    heed_node *place = heed_input(x->graph, "place", HEED_I32, batch * o->questions, steps);
    x = heed_reshape(x, batch * examples, x->shape.dim[2]);
    return answer_of(o, s, heed_gather(x, place, 0, 0), NULL); /* [B Q, T, 64] */
}

static heed_node *snail_loss(const void *own, heed_scope *s, int64_t batch)
{
    const snail *o = own;
    if (snail_is_acting(o)) return snail_acting_loss(o, s, batch);
    heed_node *matching = NULL;
    heed_node *logits =
        o->questions > 1 ? more_questions(o, s, batch, &matching) : one_question(o, s, batch, NULL);
    if (!logits) return NULL;
    heed_node *target = heed_input(logits->graph, "target", HEED_I32, logits->shape.dim[0]);
    heed_node *loss = heed_cross_entropy(logits, target);
    return matching ? heed_add(loss, matching) : loss;
}

static int snail_answer(const void *own, heed_scope *s, int64_t batch, heed_output *outputs,
                        int room)
{
    const snail *o = own;
    if (snail_is_acting(o)) return snail_rollout(o, s, batch, false, outputs, room);
    heed_node *logits = room > 0 ? one_question(o, s, batch, NULL) : NULL;
    if (!logits) return 0;
    heed_input(logits->graph, "target", HEED_I32, batch);
    outputs[0] = (heed_output){ "class", heed_argmax(logits, -1) }; /* [B] */
    return outputs[0].node ? 1 : 0;
}

static int snail_attention(const void *own, heed_scope *s, int64_t batch, heed_output *outputs,
                           int room)
{
    static const char *const names[SNAIL_LOOKS] = { "attention0", "attention1", "attention2" };
    const snail *o = own;
    heed_node *weights[SNAIL_LOOKS];
    if (snail_is_acting(o)) return snail_rollout(o, s, batch, true, outputs, room);
    if (room < SNAIL_LOOKS || !one_question(o, s, batch, weights)) return 0;
    for (int i = 0; i < SNAIL_LOOKS; i++) outputs[i] = (heed_output){ names[i], weights[i] };
    return SNAIL_LOOKS;
}

/* ---- data ---- */

static void draw_examples(const snail *o, const heed_draw *draw, heed_rng *rng,
                          const heed_episode *episode, int64_t b, const heed_view *examples)
{
    const bool training = draw->split == HEED_TRAIN;
    if (o->task == SNAIL_BLOBS)
        heed_blobs_draw(rng, episode, b, o->spread, examples);
    else if (o->task == SNAIL_GLYPHS)
        heed_glyphs_draw(rng, episode, b, o->side, examples);
    else
        heed_omniglot_draw(training ? &o->background : &o->evaluation, rng, episode, b,
                           (heed_omniglot_variety){ training, training ? o->bend : 0 }, examples);
}

/* Row b of the examples, and what is asked about them. */
static void ask(const snail *o, const heed_draw *draw, heed_rng *rng, int64_t b,
                heed_program *program)
{
    const heed_view examples = heed_program_input(program, "examples");
    const heed_view labels = heed_program_input(program, "labels");
    const heed_view target = heed_program_input(program, "target");
    const heed_view place = heed_program_input(program, "place");
    const int64_t questions = place.data ? o->questions : 1, steps = snail_examples(o);
    heed_episode episode;
    for (int64_t i = b * questions; i < (b + 1) * questions; i++) {
        int32_t at[HEED_EPISODE_MOST];
        heed_episode_draw(rng, o->ways, o->shots, &episode);
        heed_episode_write(&episode, i, &labels, &target);
        if (!place.data) continue;
        heed_episode_places(rng, &episode, at);
        for (int64_t t = 0; t < steps; t++)
            heed_set(&place, i * steps + t, (double)(b * examples.shape.dim[1] + at[t]));
    }
    if (place.data) heed_episode_all(o->ways, o->shots, &episode);
    draw_examples(o, draw, rng, &episode, b, &examples);
}

static bool snail_fill(const void *own, heed_program *program, const heed_draw *draw,
                       heed_error *error)
{
    const snail *o = own;
    if (snail_is_acting(o)) return snail_acting_fill(o, program, draw, error);
    heed_rng rng = heed_draw_rng(draw);
    for (int64_t b = 0; b < draw->batch; b++) ask(o, draw, &rng, b, program);
    return true;
}

static void snail_score(const void *own, heed_program *program, const heed_draw *draw,
                        int64_t count, heed_score *score)
{
    (void)draw;
    const snail *o = own;
    if (snail_is_acting(o)) {
        snail_acting_score(o, program, count, score);
        return;
    }
    const heed_view guess = heed_program_output(program, 0);
    const heed_view examples = heed_program_input(program, "examples");
    const heed_view labels = heed_program_input(program, "labels");
    const heed_view target = heed_program_input(program, "target");
    const double shrink = has_images(o) ? 1 : heed_blobs_shrink(o->shots, o->spread);
    for (int64_t b = 0; b < count; b++) {
        const double right = heed_get(&target, b);
        score->sum[0] += heed_get(&guess, b) == right;
        score->sum[1] += (double)heed_episode_nearest(&examples, &labels, b, shrink) == right;
    }
    for (int i = 0; i < 2; i++) score->of[i] += (double)count;
}

/* ---- recipe, options ---- */

static void snail_recipe(const void *own, const heed_settings *settings, heed_optimizer *optimizer,
                         heed_trainer_options *options)
{
    (void)own;
    *optimizer = heed_adam(.lr = settings->lr);
    options->clip_norm = 1;
    options->schedule = (heed_schedule){ .rule = HEED_SCHEDULE_COSINE,
                                         .warmup = settings->steps / 50,
                                         .floor = 0.02,
                                         .steps = settings->steps > 0 ? settings->steps : 1 };
}

/* clang-format off */
static const heed_option options[] = {
    { "ways", HEED_WHOLE, offsetof(snail, ways), .initial = 5, .low = 2, .high = 500,
      .shapes = true, .help = "N: classes of an episode" },
    { "shots", HEED_WHOLE, offsetof(snail, shots), .initial = 1, .low = 1, .high = 500,
      .shapes = true, .help = "K: labelled examples of each class" },
    { "questions", HEED_WHOLE, offsetof(snail, questions), .low = 0, .high = 1000, .trains = true,
      .help = "that training asks about the same examples, some for question, some shown; 0: by "
              "task" },
    { "match-weight", HEED_NUMBER, offsetof(snail, match_weight), .initial = 1, .low = 0,
      .high = 1e6, .trains = true,
      .help = "of finding an image's class among all of the batch's (where --questions > 1)" },
    { "dims", HEED_WHOLE, offsetof(snail, dims), .initial = 8, .low = 1, .high = 4096,
      .shapes = true, .help = "of blobs" },
    { "spread", HEED_NUMBER, offsetof(snail, spread), .initial = 1.5, .low = 1e-6, .high = 1e6,
      .trains = true, .help = "deviation of the blobs' centres; each blob's own is 1" },
    { "bend", HEED_NUMBER, offsetof(snail, bend), .low = 0, .high = 1,
      .trains = true,
      .help = "deviation of slopes by which training bends omniglot's images (long runs: 0.1)" },
    { "side", HEED_WHOLE, offsetof(snail, side), .initial = 28, .low = 16, .high = 256,
      .shapes = true, .help = "pixels of a glyph's height and width" },
    { "conv-filters", HEED_WHOLE, offsetof(snail, conv_filters), .low = 0,
      .high = 4096, .shapes = true, .help = "of each convolution of images; 0: by task" },
    { "embedding", HEED_WHOLE, offsetof(snail, embedding), .initial = 64, .low = 1, .high = 4096,
      .shapes = true, .help = "width of an embedded image" },
    { "smooth", HEED_FLAG, offsetof(snail, smooth), .trains = true,
      .help = "gelu and means in the convolutions; else relu and maxima" },
    { "plain", HEED_FLAG, offsetof(snail, plain), .shapes = true,
      .help = "embedded images as they come; else batch-normalized, which learns sooner" },
    { "arms", HEED_WHOLE, offsetof(snail, arms), .initial = 5, .low = 2,
      .high = HEED_BANDIT_MOST, .shapes = true, .help = "of a bandit" },
    { "pulls", HEED_WHOLE, offsetof(snail, pulls), .initial = 10, .low = 2, .high = 500,
      .shapes = true, .help = "steps of a bandit's episode" },
    { "episodes", HEED_WHOLE, offsetof(snail, episodes), .initial = 10, .low = 1, .high = 100,
      .shapes = true, .help = "of ten steps in one MDP" },
    { "filters", HEED_WHOLE, offsetof(snail, filters), .low = 0, .high = 4096, .shapes = true,
      .help = "of a dense block; 0: by task" },
    { "discount", HEED_NUMBER, offsetof(snail, discount), .initial = -1, .low = 0, .high = 1,
      .trains = true, .help = "of later rewards (acting); default bandit 0.998, mdp 0.99" },
    { "lambda", HEED_NUMBER, offsetof(snail, lambda), .initial = -1, .low = 0, .high = 1,
      .trains = true, .help = "0: trust predicted values, 1: rewards only (acting); default "
              "bandit 0.985, mdp 0.97" },
    { "entropy-weight", HEED_NUMBER, offsetof(snail, entropy_weight), .initial = 0.05, .low = 0,
      .high = 100,
      .trains = true, .help = "of staying undecided, at first; then less and less (acting)" },
    { "value-weight", HEED_NUMBER, offsetof(snail, value_weight), .initial = 1, .low = 0,
      .high = 1e6,
      .trains = true, .help = "weight of predicting rewards (acting)" },
    { "sharpness", HEED_NUMBER, offsetof(snail, sharpness), .initial = 20, .low = 0, .high = 1e6,
      .help = "evaluation multiplies logits by it; 1: actions as random as in training (acting)" },
};
/* clang-format on */
static const heed_metric beside_optimum[] = { { "right", NULL },
                                              { "optimum", NULL },
                                              { NULL, NULL } };
static const heed_metric beside_nearest[] = { { "right", NULL },
                                              { "nearest_mean", NULL },
                                              { NULL, NULL } };
static const heed_metric pulled[] = {
    { "reward", "paid" }, { "gittins", "paid" }, { "random", "paid" }, { NULL, NULL }
};
static const heed_metric earned[] = {
    { "of_best", NULL }, { "random", NULL }, { "as_published", NULL }, { NULL, NULL }
};
static const heed_task tasks[] = {
    { .name = "blobs",
      .help = "which of N normal distributions, K examples of each",
      .metrics = beside_optimum },
    { .name = "glyphs", .help = "which of N generated characters", .metrics = beside_nearest },
    { .name = "omniglot",
      .help = "which of N characters of alphabets never seen",
      .metrics = beside_nearest,
      .data = HEED_NEEDS_DATA },
    { .name = "bandit", .help = "pull arms of unknown chance", .metrics = pulled },
    { .name = "mdp",
      .help = "get about in unknown worlds: share of the best reward",
      .metrics = earned },
    { .name = NULL },
};
static const heed_part parts[] = { { .loss = snail_loss, .recipe = snail_recipe },
                                   { .loss = NULL } };
/* Smooth: differences of finite steps cannot follow maxima. */
#define GLYPHS "--task glyphs --side 16 --conv-filters 2 --embedding 3 --filters 4 --smooth "
static const char *const tiny[] = {
    "--task blobs --ways 2 --shots 2 --dims 3 --filters 4 --batch 2",
    GLYPHS "--ways 2 --batch 2",
    GLYPHS "--ways 3 --batch 1 --plain",
    GLYPHS "--ways 2 --batch 2 --questions 2",
    "--task blobs --ways 2 --shots 2 --dims 3 --filters 4 --batch 2 --questions 3",
    "--task bandit --arms 2 --pulls 4 --filters 3 --batch 3",
    "--task mdp --episodes 1 --filters 2 --batch 2",
    NULL,
};

const heed_model heed_model_snail = {
    .name = "snail",
    .about = "a learner that is learned: few-shot classes, bandits, unknown worlds",
    .paper = "Mishra, Rohaninejad, Chen, Abbeel 2018, A Simple Neural Attentive Meta-Learner",
    .tasks = tasks,
    .parts = parts,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .size = sizeof(snail),
    .evaluation = 10000,
    .evaluation_batch = 50,
    .tiny = tiny,
    .acts = true,
    .settle = snail_settle,
    .release = snail_release,
    .answer = snail_answer,
    .fill = snail_fill,
    .score = snail_score,
    .attention = snail_attention,
    .show = snail_show,
    .picture = snail_picture,
};

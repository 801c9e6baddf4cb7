/* snail_settle.c - what each of SNAIL's tasks takes where nothing else is asked for, and what it
 * reads before it begins. */
#include "models/data/episodes.h"
#include "models/snail.h"

/* By task. The paper has 128 filters for images and 32 for worlds, 64 in convolutions of images:
 * --filters 128 --conv-filters 64. These learn in minutes. */
static const struct {
    int64_t steps, batch;
    double lr;
    int64_t filters, conv_filters, questions;
    double discount, lambda;
} usual[] = {
    [SNAIL_BLOBS] = { 3000, 64, 2e-3, 32, 64, 1, 0, 0 },
    [SNAIL_GLYPHS] = { 3000, 32, 1e-3, 128, 64, 1, 0, 0 },
    [SNAIL_OMNIGLOT] = { 8000, 16, 1e-3, 64, 32, 5, 0, 0 },
    [SNAIL_BANDIT] = { 4000, 200, 3e-3, 16, 64, 1, 0.998, 0.985 },
    [SNAIL_MDP] = { 3000, 100, 3e-3, 16, 64, 1, 0.99, 0.97 },
};

/* Who pulls often has more to find out. */
static int64_t usual_steps(const snail *o)
{
    return o->task == SNAIL_BANDIT && o->pulls > 10 ? 8000 : usual[o->task].steps;
}

/* A step is of some 2000 pulls, but of 100 bandits at least. */
static int64_t usual_batch(const snail *o)
{
    if (o->task != SNAIL_BANDIT || o->pulls <= 10) return usual[o->task].batch;
    return o->pulls < 20 ? 2000 / o->pulls : 100;
}

static bool settle_episodes(snail *o, const heed_settings *settings, heed_error *error)
{
    if (o->ways * (o->shots + (o->questions > 1)) + 1 > HEED_EPISODE_MOST)
        return heed_fail(error, "--ways times --shots is %lld: an episode has at most %d examples",
                         (long long)(o->ways * o->shots), HEED_EPISODE_MOST - 1);
    if (o->filters < 4)
        return heed_fail(error, "--filters: %lld is too few for a few-shot learner, which takes 4",
                         (long long)o->filters);
    if (o->task != SNAIL_OMNIGLOT) return true;
    if (o->side != HEED_OMNIGLOT_SIDE || o->shots >= HEED_OMNIGLOT_DRAWERS)
        return heed_fail(error,
                         "--task omniglot: its images have --side %d and its classes %d "
                         "images, so --shots is at most %d",
                         HEED_OMNIGLOT_SIDE, HEED_OMNIGLOT_DRAWERS, HEED_OMNIGLOT_DRAWERS - 1);
    if (!heed_omniglot_read(&o->background, settings->data, "background.bin", error) ||
        !heed_omniglot_read(&o->evaluation, settings->data, "evaluation_dev.bin", error))
        return false;
    const int64_t train = heed_omniglot_classes(&o->background, true);
    const int64_t evaluate = heed_omniglot_classes(&o->evaluation, false);
    if (o->ways <= (train < evaluate ? train : evaluate)) return true;
    return heed_fail(error, "--ways %lld: there are %lld classes to train and %lld to evaluate on",
                     (long long)o->ways, (long long)train, (long long)evaluate);
}

static bool settle_worlds(snail *o, heed_error *error)
{
    if (o->task == SNAIL_MDP || heed_gittins_new(&o->gittins, o->pulls)) return true;
    return heed_fail(error, "--pulls %lld: no memory for the table of Gittins indices",
                     (long long)o->pulls);
}

bool snail_settle(void *own, heed_settings *settings, heed_error *error)
{
    snail *o = own;
    o->task = (snail_task)settings->task_index;
    if (settings->steps < 0) settings->steps = usual_steps(o);
    if (settings->batch == 0) settings->batch = usual_batch(o);
    if (settings->lr == 0) settings->lr = usual[o->task].lr;
    if (o->filters == 0) o->filters = usual[o->task].filters;
    if (o->conv_filters == 0) o->conv_filters = usual[o->task].conv_filters;
    if (o->questions == 0) o->questions = usual[o->task].questions;
    if (o->discount < 0) o->discount = usual[o->task].discount;
    if (o->lambda < 0) o->lambda = usual[o->task].lambda;
    o->steps = settings->steps > 0 ? settings->steps : 1;
    return snail_is_acting(o) ? settle_worlds(o, error) : settle_episodes(o, settings, error);
}

void snail_release(void *own)
{
    snail *o = own;
    heed_omniglot_free(&o->background);
    heed_omniglot_free(&o->evaluation);
    heed_gittins_free(&o->gittins);
}

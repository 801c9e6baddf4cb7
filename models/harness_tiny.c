/* harness_tiny.c - a model at a tiny size: for gradient checks, drawings and tests. */
#include <string.h>

#include "models/harness_run.h"

enum { WORDS = 64 };

/* "--n 4 --hidden 3" into words that live in the tiny's memory. return: how many, -1 on failure. */
static int split_words(heed_tiny *tiny, const char *options, char **words)
{
    int n = 0;
    char *text = heed_arena_print(&tiny->memory, "%s", options);
    for (char *word = text ? strtok(text, " ") : NULL; word; word = strtok(NULL, " ")) {
        if (n == WORDS) return -1;
        words[n++] = word;
    }
    return text ? n : -1;
}

/* The model's answer, when it learns from what it does. */
static bool build_actor(heed_tiny *tiny, heed_error *error)
{
    heed_output outputs[HEED_OUTPUTS];
    const heed_dtype dtype = heed_graph_dtype(tiny->graph);
    tiny->actor_graph = heed_graph_new(.store = tiny->store, .dtype = dtype);
    int n = tiny->model->answer(tiny->own, heed_root(tiny->actor_graph), tiny->settings.batch,
                                outputs, HEED_OUTPUTS);
    tiny->actor = heed_compile_outputs(tiny->actor_graph, outputs, n, 1);
    return tiny->actor || heed_fail(error, "%s", heed_why(tiny->actor_graph));
}

static bool build_loss(heed_tiny *tiny, heed_dtype dtype, bool training, heed_error *error)
{
    tiny->graph = heed_graph_new(.store = tiny->store, .dtype = dtype, .training = training);
    tiny->loss = tiny->model->parts[tiny->part].loss(tiny->own, heed_root(tiny->graph),
                                                     tiny->settings.batch);
    if (tiny->loss && !heed_graph_failed(tiny->graph)) return true;
    return heed_fail(error, "%s", heed_why(tiny->graph));
}

bool heed_tiny_build(heed_tiny *tiny, const heed_model *model, int part, const char *options,
                     heed_dtype dtype, heed_error *error)
{
    char *words[WORDS];
    *tiny = (heed_tiny){ .model = model, .part = part };
    tiny->own = heed_arena_alloc(&tiny->memory, model->size);
    int n = split_words(tiny, options, words);
    if (!tiny->own || n < 0) return heed_fail(error, "%s: no memory for its options", model->name);
    if (!heed_options_read(model, n, words, &tiny->settings, tiny->own, error)) return false;
    tiny->store = heed_store_new((uint64_t)tiny->settings.seed);
    if (!tiny->store) return heed_fail(error, "%s: no memory for parameters", model->name);
    if (!build_loss(tiny, dtype, false, error)) return false;
    if (model->acts && !build_actor(tiny, error)) return false;
    return !model->begin || model->begin(tiny->own, tiny->store, &tiny->settings, error);
}

bool heed_tiny_train(heed_tiny *tiny, heed_error *error)
{
    const heed_dtype dtype = heed_graph_dtype(tiny->graph);
    heed_graph_free(tiny->graph);
    return build_loss(tiny, dtype, true, error);
}

bool heed_tiny_draw(heed_tiny *tiny, heed_program *program, heed_error *error)
{
    const heed_draw draw = { .seed = (uint64_t)tiny->settings.seed,
                             .split = HEED_TRAIN,
                             .batch = tiny->settings.batch,
                             .part = tiny->part,
                             .actor = tiny->actor };
    return tiny->model->fill(tiny->own, program, &draw, error);
}

void heed_tiny_fill(void *context, heed_program *program)
{
    heed_error error = { .set = false };
    heed_tiny_draw(context, program, &error);
}

void heed_tiny_free(heed_tiny *tiny)
{
    if (tiny->own && tiny->model->end) tiny->model->end(tiny->own);
    if (tiny->own && tiny->model->release) tiny->model->release(tiny->own);
    heed_program_free(tiny->actor);
    heed_graph_free(tiny->actor_graph);
    heed_graph_free(tiny->graph);
    heed_store_free(tiny->store);
    heed_arena_free(&tiny->memory);
    *tiny = (heed_tiny){ .model = NULL };
}

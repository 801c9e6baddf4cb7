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

bool heed_tiny_build(heed_tiny *tiny, const heed_model *model, const char *options,
                     heed_dtype dtype, heed_error *error)
{
    char *words[WORDS];
    *tiny = (heed_tiny){ .model = model };
    tiny->own = heed_arena_alloc(&tiny->memory, model->size);
    int n = split_words(tiny, options, words);
    if (!tiny->own || n < 0) return heed_fail(error, "%s: no memory for its options", model->name);
    if (!heed_options_read(model, n, words, &tiny->settings, tiny->own, error)) return false;
    tiny->store = heed_store_new((uint64_t)tiny->settings.seed);
    if (!tiny->store) return heed_fail(error, "%s: no memory for parameters", model->name);
    tiny->graph = heed_graph_new(.store = tiny->store, .dtype = dtype);
    tiny->loss = model->loss(tiny->own, heed_root(tiny->graph), tiny->settings.batch);
    if (tiny->loss && !heed_graph_failed(tiny->graph)) return true;
    return heed_fail(error, "%s", heed_why(tiny->graph));
}

void heed_tiny_fill(void *context, heed_program *program)
{
    const heed_tiny *tiny = context;
    const heed_draw draw = { (uint64_t)tiny->settings.seed, HEED_TRAIN, 0, tiny->settings.batch };
    tiny->model->fill(tiny->own, program, &draw);
}

void heed_tiny_free(heed_tiny *tiny)
{
    heed_graph_free(tiny->graph);
    heed_store_free(tiny->store);
    if (tiny->own && tiny->model->release) tiny->model->release(tiny->own);
    heed_arena_free(&tiny->memory);
    *tiny = (heed_tiny){ .model = NULL };
}

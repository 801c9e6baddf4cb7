/* models_layers_kit.h - for tests of layers: a store, a graph on it, an input, a program. */
#ifndef HEED_TESTS_MODELS_LAYERS_KIT_H
#define HEED_TESTS_MODELS_LAYERS_KIT_H

#include <math.h>

#include "models_store.h"

typedef struct kit {
    heed_store *store;
    heed_graph *graph;
    heed_scope *scope;
    heed_node *x;
    heed_program *program; /* NULL until run() */
    heed_view in;          /* x, then */
} kit;

static inline kit kit_of(heed_shape x)
{
    kit k = { .store = heed_store_new(11) };
    k.graph = heed_graph_new(.store = k.store, .dtype = HEED_F64);
    k.scope = heed_root(k.graph);
    k.x = heed_input_shaped(k.graph, "x", HEED_F64, x);
    return k;
}

static inline void kit_free(kit *k)
{
    heed_program_free(k->program);
    heed_graph_free(k->graph);
    heed_store_free(k->store);
}

/* Inputs x and d, as far as there are such; as heed_gradcheck_loss() wants it. */
static inline void fill(void *context, heed_program *program)
{
    static const char *const names[] = { "x", "d" };
    (void)context;
    for (uint64_t i = 0; i < 2; i++) {
        heed_rng rng = heed_rng_new(5, i);
        heed_view view = heed_program_input(program, names[i]);
        if (view.data) heed_fill_normal(&rng, &view, 0, 1);
    }
}

/* Random values everywhere: zero biases and gains of 1 would hide where they enter. */
static inline void shake(const kit *k)
{
    for (int i = 0; i < heed_store_count(k->store); i++) {
        heed_rng rng = heed_rng_new(77, (uint64_t)i);
        heed_fill_normal(&rng, &heed_store_at(k->store, i)->tensor->view, 0, 0.5);
    }
}

static inline void run(kit *k, heed_node *const *y, int n)
{
    k->program = heed_compile(k->graph, y, n, .threads = 1);
    cr_assert_not_null(k->program, "%s", heed_why(k->graph));
    fill(NULL, k->program);
    k->in = heed_program_input(k->program, "x");
    cr_assert(heed_program_run(k->program));
}

static inline void check_gradient(kit *k, heed_node *y)
{
    heed_node *loss = heed_mean_all(heed_square(heed_sub(y, heed_number(k->graph, 0.3))));
    heed_gradcheck_result result =
        heed_gradcheck_loss(loss, 0, fill, NULL, (heed_gradcheck_options){ .order = 1 });
    cr_expect(result.passed, "%s", result.why);
}

static inline double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

#endif

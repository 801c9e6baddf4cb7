/* models_tiny.h - for tests of a model's graphs, at a tiny size. The file says which model it is:
 *
 *     #define TINY_MODEL heed_model_ptrnet
 *     #include "models_tiny.h" */
#ifndef HEED_TESTS_MODELS_TINY_H
#define HEED_TESTS_MODELS_TINY_H

#include "models/models.h"
#include "models_store.h"

static const heed_model *const model = &TINY_MODEL;

static inline void build_part(heed_tiny *tiny, int part, const char *options, heed_dtype dtype)
{
    heed_error error = { .set = false };
    cr_assert(heed_tiny_build(tiny, model, part, options, dtype, &error), "%s: %s", options,
              error.text);
}

static inline void build(heed_tiny *tiny, const char *options, heed_dtype dtype)
{
    build_part(tiny, 0, options, dtype);
}

/* Of `loss`, in a graph on the tiny's store, for all parameters under `prefix` (NULL: all). */
static inline void check_gradients(heed_tiny *tiny, heed_node *loss, const char *options,
                                   const char *prefix)
{
    const int64_t wanted =
        prefix ? parameters_under(tiny->store, prefix) : heed_store_parameters(tiny->store);
    heed_gradcheck_result result =
        heed_gradcheck_loss(loss, 0, heed_tiny_fill, tiny,
                            (heed_gradcheck_options){ .order = 1, .prefix = prefix });
    cr_expect(result.passed, "%s %s: %s", prefix ? prefix : "", options, result.why);
    cr_expect_eq(result.compared, (long)wanted, "%s: %ld, every parameter is compared", options,
                 result.compared);
}

/* Of every tiny configuration. return: how many there are. */
static inline int check_all_gradients(void)
{
    int n = 0;
    for (; model->tiny[n]; n++) {
        heed_tiny tiny;
        build(&tiny, model->tiny[n], HEED_F64);
        check_gradients(&tiny, tiny.loss, model->tiny[n], NULL);
        heed_tiny_free(&tiny);
    }
    return n;
}

#endif

/* models_store.h - for tests of layers and models: what a store holds, by name. */
#ifndef HEED_TESTS_MODELS_STORE_H
#define HEED_TESTS_MODELS_STORE_H

#include <criterion/criterion.h>
#include <string.h>

#include "heed.h"

/* The value of an entry that must be there. */
static inline heed_view value_of(const heed_store *store, const char *name)
{
    const heed_entry *found = heed_store_find(store, name);
    cr_assert_not_null(found, "%s", name);
    return found->tensor->view;
}

/* One number of it. */
static inline double value_at(const heed_store *store, const char *name, int64_t i)
{
    const heed_view value = value_of(store, name);
    return heed_get(&value, i);
}

/* Numbers in all parameters whose names begin with `prefix`. */
static inline int64_t parameters_under(const heed_store *store, const char *prefix)
{
    int64_t n = 0;
    for (int i = 0; i < heed_store_count(store); i++) {
        const heed_entry *found = heed_store_at(store, i);
        if (found->kind == HEED_PARAMETER && strncmp(found->name, prefix, strlen(prefix)) == 0)
            n += heed_count(&found->tensor->view.shape);
    }
    return n;
}

#endif

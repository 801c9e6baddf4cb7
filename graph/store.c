/* store.c - the parameter store: named tensors, found by hash, kept in order of creation. */
#include <string.h>

#include "graph/internal.h"
#include "tensor/rng.h"

struct heed_store {
    heed_arena arena; /* names and entries */
    uint64_t seed;
    heed_entry **entries;
    int n, room;
    int *table; /* open addressing: entry index + 1, 0 = free; size is a power of two */
    int table_size;
};

heed_store *heed_store_new(uint64_t seed)
{
    heed_store *store = heed_alloc(sizeof *store);
    if (store) store->seed = seed;
    return store;
}

void heed_store_free(heed_store *store)
{
    if (!store) return;
    for (int i = 0; i < store->n; i++) heed_tensor_free(store->entries[i]->tensor);
    heed_free(store->entries);
    heed_free(store->table);
    heed_arena_free(&store->arena);
    heed_free(store);
}

uint64_t heed_store_seed(const heed_store *store)
{
    return store->seed;
}
int heed_store_count(const heed_store *store)
{
    return store->n;
}
heed_entry *heed_store_at(const heed_store *store, int index)
{
    return store->entries[index];
}

/* The slot of `name`: its own, or the free one where it would go. */
static int *slot_of(const heed_store *store, const char *name)
{
    uint64_t at = heed_hash(name, strlen(name), 0);
    for (;; at++) {
        int *slot = &store->table[at & (uint64_t)(store->table_size - 1)];
        if (!*slot || strcmp(store->entries[*slot - 1]->name, name) == 0) return slot;
    }
}

heed_entry *heed_store_find(const heed_store *store, const char *name)
{
    if (!store->table_size) return NULL;
    int index = *slot_of(store, name);
    return index ? store->entries[index - 1] : NULL;
}

static bool make_room(heed_store *store)
{
    if (store->n < store->room) return true;
    int room = store->room ? store->room * 2 : 32, size = room * 4;
    heed_entry **more = heed_resize(store->entries, (size_t)store->room * sizeof *more,
                                    (size_t)room * sizeof *more);
    if (!more) return false;
    store->entries = more;
    int *table = heed_alloc_array((size_t)size, sizeof *table);
    if (!table) return false; /* the larger list stays: room is only claimed below */
    heed_free(store->table);
    store->table = table;
    store->table_size = size;
    store->room = room;
    for (int i = 0; i < store->n; i++) *slot_of(store, store->entries[i]->name) = i + 1;
    return true;
}

heed_entry *heed_store_add(heed_store *store, const char *name, heed_entry_kind kind,
                           heed_dtype dtype, const heed_shape *shape, heed_error *error)
{
    if (heed_store_find(store, name)) {
        heed_fail(error, "the store has '%s' already", name);
        return NULL;
    }
    heed_entry *entry = heed_arena_alloc(&store->arena, sizeof *entry);
    char *copy = heed_arena_print(&store->arena, "%s", name);
    if (!entry || !copy || !make_room(store)) {
        heed_fail(error, "no memory for parameter '%s'", name);
        return NULL;
    }
    heed_tensor *tensor = heed_tensor_new(dtype, shape, error);
    if (!tensor) return NULL;
    *entry = (heed_entry){
        .name = copy, .kind = kind, .tensor = tensor, .store = store, .index = store->n
    };
    *slot_of(store, name) = store->n + 1;
    store->entries[store->n++] = entry;
    return entry;
}

/* Nothing was looked up past the last one's slot, so that it can be free again. */
void heed_store_drop_last(heed_store *store)
{
    heed_entry *entry = store->entries[--store->n];
    *slot_of(store, entry->name) = 0;
    heed_tensor_free(entry->tensor);
}

int64_t heed_store_parameters(const heed_store *store)
{
    int64_t count = 0;
    for (int i = 0; i < store->n; i++)
        if (store->entries[i]->kind == HEED_PARAMETER)
            count += heed_count(&store->entries[i]->tensor->view.shape);
    return count;
}

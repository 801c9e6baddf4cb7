/* store_file.c - a parameter store in a safetensors file.
 *
 * Entries of other kinds are told from parameters by the metadata "heed.state" and "heed.moment",
 * one name a line, so that a file can also be read by any other safetensors program. */
#include <string.h>

#include "graph/internal.h"

static const char *const kind_key[] = {
    [HEED_STATE] = "heed.state", [HEED_MOMENT] = "heed.moment"
};
enum { N_KINDS = HEED_MOMENT + 1 };

/* Names of all entries of one kind, one a line, to `list`. return: behind the final 0 */
static char *list_names(const heed_store *store, heed_entry_kind kind, char *list)
{
    for (int i = 0; i < heed_store_count(store); i++) {
        const heed_entry *entry = heed_store_at(store, i);
        if (entry->kind != kind) continue;
        size_t length = strlen(entry->name);
        memcpy(list, entry->name, length);
        list += length;
        *list++ = '\n';
    }
    *list++ = 0;
    return list;
}

/* Entries of the kinds up to `last`. */
static bool save(const heed_store *store, const char *path, heed_entry_kind last,
                 const heed_metadata *metadata, int n_metadata, heed_error *error)
{
    int n = heed_store_count(store), kept = 0;
    size_t names = N_KINDS;
    heed_named_view *views = heed_alloc_array((size_t)n + 1, sizeof *views);
    heed_metadata *all = heed_alloc_array((size_t)n_metadata + N_KINDS, sizeof *all);
    for (int i = 0; i < n; i++) names += strlen(heed_store_at(store, i)->name) + 1;
    char *lists = heed_alloc(names), *list = lists;
    bool done = views && all && lists;
    if (!done) heed_fail(error, "%s: no memory to write it", path);
    for (int i = 0; done && i < n; i++) {
        const heed_entry *entry = heed_store_at(store, i);
        if (entry->kind <= last)
            views[kept++] = (heed_named_view){ entry->name, entry->tensor->view };
    }
    for (int i = 0; done && i < n_metadata; i++) all[i] = metadata[i];
    for (int kind = HEED_STATE; done && kind <= (int)last; kind++) {
        char *end = list_names(store, (heed_entry_kind)kind, list);
        if (*list) all[n_metadata++] = (heed_metadata){ kind_key[kind], list };
        list = end;
    }
    done = done && heed_file_write(path, views, kept, all, n_metadata, error);
    heed_free(views);
    heed_free(all);
    heed_free(lists);
    return done;
}

bool heed_store_save(const heed_store *store, const char *path, const heed_metadata *metadata,
                     int n_metadata, heed_error *error)
{
    return save(store, path, HEED_MOMENT, metadata, n_metadata, error);
}

bool heed_store_save_parameters(const heed_store *store, const char *path,
                                const heed_metadata *metadata, int n_metadata, heed_error *error)
{
    return save(store, path, HEED_STATE, metadata, n_metadata, error);
}

/* Is `name` one of the lines of `list`? */
static bool listed(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = list; line && *line;) {
        const char *end = strchr(line, '\n');
        size_t size = end ? (size_t)(end - line) : strlen(line);
        if (size == length && memcmp(line, name, length) == 0) return true;
        line = end ? end + 1 : NULL;
    }
    return false;
}

static heed_entry_kind kind_in(const heed_file *file, const char *name)
{
    for (int kind = HEED_STATE; kind < N_KINDS; kind++)
        if (listed(heed_file_metadata(file, kind_key[kind]), name)) return (heed_entry_kind)kind;
    return HEED_PARAMETER;
}

static bool entry_fits(const heed_store *store, const char *path, const heed_file_entry *entry,
                       heed_error *error)
{
    if (!entry->readable)
        return heed_fail(error, "%s: tensor '%s' is %s; expected F32, F64 or I32", path,
                         entry->name, entry->dtype_name);
    const heed_entry *own = heed_store_find(store, entry->name);
    if (!own) return true;
    const heed_view *view = &own->tensor->view;
    char a[HEED_SHAPE_TEXT], b[HEED_SHAPE_TEXT];
    if (!heed_shape_equal(&view->shape, &entry->shape))
        return heed_fail(error, "%s: tensor '%s' has shape %s; the model's has %s (other options?)",
                         path, entry->name, heed_shape_print(&entry->shape, a, sizeof a),
                         heed_shape_print(&view->shape, b, sizeof b));
    if (heed_is_real(view->dtype) != heed_is_real(entry->dtype))
        return heed_fail(error, "%s: tensor '%s' is %s; the model's is %s", path, entry->name,
                         heed_dtype_name(entry->dtype), heed_dtype_name(view->dtype));
    return true;
}

bool heed_store_load_file(heed_store *store, heed_file *file, const char *path, heed_error *error)
{
    int n = heed_file_count(file), made = 0;
    heed_tensor **read = heed_alloc_array((size_t)n + 1, sizeof *read);
    bool done = read != NULL;
    if (!done) heed_fail(error, "%s: no memory to read it", path);
    for (; done && made < n; made++) { /* everything is read before anything is changed */
        const heed_file_entry *entry = heed_file_entry_at(file, made);
        done = entry_fits(store, path, entry, error);
        if (done) read[made] = heed_tensor_new(entry->dtype, &entry->shape, error);
        if (!read[made]) done = false;
        if (done) done = heed_file_read(file, entry, &read[made]->view, error);
    }
    for (int i = 0; done && i < n; i++) { /* room first: the copies below cannot fail */
        const heed_file_entry *entry = heed_file_entry_at(file, i);
        if (heed_store_find(store, entry->name)) continue;
        done = heed_store_add(store, entry->name, kind_in(file, entry->name), entry->dtype,
                              &entry->shape, error) != NULL;
    }
    for (int i = 0; done && i < n; i++)
        heed_view_copy(&heed_store_find(store, heed_file_entry_at(file, i)->name)->tensor->view,
                       &read[i]->view);
    for (int i = 0; read && i < made; i++) heed_tensor_free(read[i]);
    heed_free(read);
    return done;
}

bool heed_store_load(heed_store *store, const char *path, heed_error *error)
{
    heed_file *file = heed_file_open(path, error);
    bool done = file && heed_store_load_file(store, file, path, error);
    heed_file_close(file);
    return done;
}

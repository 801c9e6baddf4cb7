/* harness_files.c - saved parameters and checkpoints, and whether a file belongs to this run. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "models/harness_run.h"

/* ---- paths ---- */

/* The folder that `path` lies in. */
static const char *folder_of(heed_run *run, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash) return ".";
    if (slash == path) return "/";
    return heed_arena_print(&run->memory, "%.*s", (int)(slash - path), path);
}

static bool can_write(heed_run *run, const char *option, const char *path)
{
    struct stat status;
    const char *folder = folder_of(run, path);
    if (!folder) return heed_fail(&run->error, "--%s: no memory for the path", option);
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
        return heed_fail(&run->error, "--%s: %s is not a regular file", option, path);
    if (access(folder, W_OK) != 0)
        return heed_fail(&run->error, "--%s: cannot write into the folder %s: %s", option, folder,
                         strerror(errno));
    return true;
}

static bool make_folder(heed_run *run, const char *path)
{
    struct stat status;
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return heed_fail(&run->error, "--resume: cannot create the folder %s: %s", path,
                         strerror(errno));
    if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode))
        return heed_fail(&run->error, "--resume: %s is not a folder", path);
    if (access(path, W_OK) != 0)
        return heed_fail(&run->error, "--resume: cannot write into the folder %s: %s", path,
                         strerror(errno));
    return true;
}

bool heed_run_check_paths(heed_run *run)
{
    const heed_settings *s = &run->settings;
    return (!s->save || can_write(run, "save", s->save)) &&
           (!s->dump_attention || can_write(run, "dump-attention", s->dump_attention)) &&
           (!s->picture || can_write(run, "picture", s->picture)) &&
           (!s->resume || make_folder(run, s->resume));
}

const char *heed_run_checkpoint_path(heed_run *run)
{
    if (run->number <= 1)
        return heed_arena_print(&run->memory, "%s/checkpoint.safetensors", run->settings.resume);
    return heed_arena_print(&run->memory, "%s/checkpoint-%lld.safetensors", run->settings.resume,
                            (long long)run->number);
}

/* ---- does a file belong to this run? ---- */

bool heed_run_notes(heed_run *run, bool trains, heed_metadata *notes, int *n)
{
    *n = heed_options_notes(run->model, &run->settings, run->own, trains, &run->memory, notes,
                            HEED_NOTES);
    return *n >= 0 || heed_fail(&run->error, "no memory for the notes of a file");
}

/* Say in words how a file's note differs: flags that are off have no spelling. */
static bool refuse_note(heed_run *run, const char *path, const char *key, const char *has,
                        const char *own)
{
    if (strcmp(has, "true") == 0)
        return heed_fail(&run->error, "%s: made with --%s; this run is without it", path, key);
    if (strcmp(has, "false") == 0)
        return heed_fail(&run->error, "%s: made without --%s; this run has it", path, key);
    return heed_fail(&run->error, "%s: made with --%s %.60s; this run has --%s %.60s", path, key,
                     has, key, own);
}

/* Compare the file's notes with this run's. */
static bool notes_agree(heed_run *run, const heed_file *file, const char *path, bool trains)
{
    heed_metadata notes[HEED_NOTES];
    int n;
    const char *model = heed_file_metadata(file, "model");
    if (!model)
        return heed_fail(&run->error,
                         "%s: not written by a model's program (metadata 'model' is "
                         "missing)",
                         path);
    if (strcmp(model, run->model->name) != 0)
        return heed_fail(&run->error, "%s: holds the model '%.60s'; this program is '%s'", path,
                         model, run->model->name);
    if (!heed_run_notes(run, trains, notes, &n)) return false;
    for (int i = 0; i < n; i++) {
        const char *has = heed_file_metadata(file, notes[i].key);
        if (!has) return heed_fail(&run->error, "%s: metadata '%s' is missing", path, notes[i].key);
        if (strcmp(has, notes[i].value) != 0)
            return refuse_note(run, path, notes[i].key, has, notes[i].value);
    }
    return true;
}

/* Exactly the model's parameters and state: one more or one less is another model. */
static bool holds_parameters(heed_run *run, const heed_file *file, const char *path)
{
    for (int i = 0; i < heed_store_count(run->store); i++) {
        const heed_entry *entry = heed_store_at(run->store, i);
        if (entry->kind != HEED_MOMENT && !heed_file_find(file, entry->name))
            return heed_fail(&run->error, "%s: the parameter '%s' is missing", path, entry->name);
    }
    for (int i = 0; i < heed_file_count(file); i++) {
        const char *name = heed_file_entry_at(file, i)->name;
        const heed_entry *entry = heed_store_find(run->store, name);
        if (!entry || entry->kind == HEED_MOMENT)
            return heed_fail(&run->error, "%s: the model has no parameter '%.100s'", path, name);
    }
    return true;
}

/* ---- parameters ---- */

bool heed_run_load(heed_run *run)
{
    const char *path = run->settings.load;
    if (!path) return true;
    heed_file *file = heed_file_open(path, &run->error);
    bool done = file && notes_agree(run, file, path, false) && holds_parameters(run, file, path) &&
                heed_store_load_file(run->store, file, path, &run->error);
    heed_file_close(file);
    return done;
}

bool heed_run_save(heed_run *run)
{
    heed_metadata notes[HEED_NOTES];
    int n;
    if (!run->settings.save) return true;
    return heed_run_notes(run, true, notes, &n) &&
           heed_store_save_parameters(run->store, run->settings.save, notes, n, &run->error);
}

/* ---- checkpoints ---- */

bool heed_run_checkpoint(heed_run *run)
{
    heed_metadata notes[HEED_NOTES];
    int n;
    const char *path = heed_run_checkpoint_path(run);
    if (!path) return heed_fail(&run->error, "no memory for the checkpoint's path");
    return heed_run_notes(run, true, notes, &n) && heed_log_flush(run) &&
           heed_checkpoint_save_all(run->parts, run->n_parts, path, notes, n, &run->error);
}

bool heed_run_resume(heed_run *run)
{
    struct stat status;
    const char *path = heed_run_checkpoint_path(run);
    if (!path) return heed_fail(&run->error, "no memory for the checkpoint's path");
    if (stat(path, &status) != 0 && errno == ENOENT) return true; /* a fresh start */
    heed_file *file = heed_file_open(path, &run->error);
    bool agrees = file && notes_agree(run, file, path, true);
    heed_file_close(file);
    if (!agrees ||
        !heed_checkpoint_load_all(run->parts, run->n_parts, path, NULL, NULL, &run->error))
        return false;
    run->first_step = heed_run_steps(run);
    return true;
}

/* checkpoint.c - everything a run needs to go on, in one safetensors file. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optim/rule.h"
#include "optim/trainer.h"
#include "tensor/memory.h"

#define OWN "heed.checkpoint."
enum { N_OWN = 4, TEXT = 400 };

/* What has to agree between a checkpoint and the run that goes on from it, as text; %a keeps every
 * bit of a number. */
typedef struct identity {
    char optimizer[TEXT], schedule[TEXT], seed[32];
} identity;

static identity identity_of(const heed_trainer *t)
{
    identity id;
    const heed_optimizer_options *o = &t->optimizer.options;
    const heed_schedule *s = &t->options.schedule;
    snprintf(id.optimizer, TEXT,
             "%s lr %a momentum %a nesterov %d betas %a %a alpha %a eps %a decay %a clip %a %a",
             t->optimizer.rule->name, o->lr, o->momentum, o->nesterov, o->beta1, o->beta2, o->alpha,
             o->eps, o->weight_decay, t->options.clip_norm, t->options.clip_value);
    snprintf(id.schedule, TEXT, "rule %d warmup %lld steps %lld floor %a every %lld factor %a",
             (int)s->rule, (long long)s->warmup, (long long)s->steps, s->floor, (long long)s->every,
             s->factor);
    snprintf(id.seed, sizeof id.seed, "%llu", (unsigned long long)t->options.seed);
    return id;
}

bool heed_checkpoint_save(const heed_trainer *t, const char *path, const heed_metadata *notes,
                          int n_notes, heed_error *error)
{
    identity id = identity_of(t);
    char step[32];
    heed_metadata *all = heed_alloc_array((size_t)(n_notes + N_OWN), sizeof *all);
    if (!all) return heed_fail(error, "%s: no memory to write it", path);
    snprintf(step, sizeof step, "%lld", (long long)t->steps);
    all[0] = (heed_metadata){ OWN "step", step };
    all[1] = (heed_metadata){ OWN "optimizer", id.optimizer };
    all[2] = (heed_metadata){ OWN "schedule", id.schedule };
    all[3] = (heed_metadata){ OWN "seed", id.seed };
    for (int i = 0; i < n_notes; i++) all[N_OWN + i] = notes[i];
    bool done = heed_store_save(heed_graph_store(t->graph), path, all, N_OWN + n_notes, error);
    heed_free(all);
    return done;
}

static bool agrees(const heed_file *file, const char *path, const char *key, const char *own,
                   heed_error *error)
{
    const char *has = heed_file_metadata(file, key);
    if (!has) return heed_fail(error, "%s: not a checkpoint: metadata '%s' is missing", path, key);
    if (strcmp(has, own) == 0) return true;
    return heed_fail(error, "%s: made with another %s: '%.200s'; this run has '%.200s'", path,
                     key + strlen(OWN), has, own);
}

/* Every entry of the store must be in the file, or the run would go on half old, half new. */
static bool complete(const heed_trainer *t, const heed_file *file, const char *path,
                     heed_error *error)
{
    const heed_store *store = heed_graph_store(t->graph);
    for (int i = 0; i < heed_store_count(store); i++) {
        const char *name = heed_store_at(store, i)->name;
        if (!heed_file_find(file, name))
            return heed_fail(error, "%s: tensor '%s' is missing", path, name);
    }
    for (int i = 0; i < heed_file_count(file); i++) {
        const char *name = heed_file_entry_at(file, i)->name;
        if (!heed_store_find(store, name))
            return heed_fail(error, "%s: tensor '%s' is not part of this model", path, name);
    }
    return true;
}

static bool load(heed_trainer *t, heed_file *file, const char *path, heed_error *error)
{
    identity id = identity_of(t);
    const char *step = heed_file_metadata(file, OWN "step");
    if (!step) return heed_fail(error, "%s: not a checkpoint: metadata 'step' is missing", path);
    char *end;
    errno = 0;
    long long steps = strtoll(step, &end, 10);
    if (errno || end == step || *end || steps < 0)
        return heed_fail(error, "%s: step '%.40s' is not a whole number", path, step);
    if (!agrees(file, path, OWN "optimizer", id.optimizer, error) ||
        !agrees(file, path, OWN "schedule", id.schedule, error) ||
        !agrees(file, path, OWN "seed", id.seed, error) || !complete(t, file, path, error) ||
        !heed_store_load_file(heed_graph_store(t->graph), file, path, error))
        return false;
    t->steps = steps;
    return true;
}

bool heed_checkpoint_load(heed_trainer *t, const char *path,
                          void (*note)(void *context, const char *key, const char *value),
                          void *context, heed_error *error)
{
    heed_file *file = heed_file_open(path, error);
    bool done = file && load(t, file, path, error);
    for (int i = 0; done && note && i < heed_file_metadata_count(file); i++) {
        const char *key = heed_file_metadata_key(file, i);
        if (strncmp(key, "heed.", 5) != 0) note(context, key, heed_file_metadata(file, key));
    }
    heed_file_close(file);
    return done;
}

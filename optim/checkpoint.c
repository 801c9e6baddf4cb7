/* checkpoint.c - everything a run needs to go on, in one safetensors file. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optim/rule.h"
#include "optim/trainer.h"
#include "tensor/memory.h"

#define OWN "heed.checkpoint."
enum { N_OWN = 4, TEXT = 400, KEY = 64 };

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
    snprintf(id.schedule, TEXT,
             "rule %d warmup %lld hold %lld steps %lld floor %a every %lld factor %a", (int)s->rule,
             (long long)s->warmup, (long long)s->hold, (long long)s->steps, s->floor,
             (long long)s->every, s->factor);
    snprintf(id.seed, sizeof id.seed, "%llu", (unsigned long long)t->options.seed);
    return id;
}

/* What the file calls a fact of the i-th trainer: "heed.checkpoint.step", then
 * "heed.checkpoint.1.step". */
static const char *key_of(int i, const char *fact, char key[KEY])
{
    if (i == 0)
        snprintf(key, KEY, OWN "%s", fact);
    else
        snprintf(key, KEY, OWN "%d.%s", i, fact);
    return key;
}

/* A trainer's facts as notes; texts live in `memory`. */
static bool add_facts(const heed_trainer *t, int i, heed_arena *memory, heed_metadata *notes)
{
    const identity id = identity_of(t);
    char step[32], key[KEY];
    snprintf(step, sizeof step, "%lld", (long long)t->steps);
    const heed_metadata facts[N_OWN] = {
        { "step", step },
        { "optimizer", id.optimizer },
        { "schedule", id.schedule },
        { "seed", id.seed },
    };
    for (int k = 0; k < N_OWN; k++) {
        notes[k].key = heed_arena_print(memory, "%s", key_of(i, facts[k].key, key));
        notes[k].value = heed_arena_print(memory, "%s", facts[k].value);
        if (!notes[k].key || !notes[k].value) return false;
    }
    return true;
}

bool heed_checkpoint_save_all(heed_trainer *const *trainers, int n, const char *path,
                              const heed_metadata *notes, int n_notes, heed_error *error)
{
    heed_arena memory = { 0 };
    const int own = n * N_OWN;
    heed_metadata *all = heed_arena_alloc(&memory, (size_t)(n_notes + own) * sizeof *all);
    bool done = all != NULL;
    for (int i = 0; done && i < n; i++) done = add_facts(trainers[i], i, &memory, all + i * N_OWN);
    for (int i = 0; done && i < n_notes; i++) all[own + i] = notes[i];
    if (done)
        done =
            heed_store_save(heed_graph_store(trainers[0]->graph), path, all, own + n_notes, error);
    else
        heed_fail(error, "%s: no memory to write it", path);
    heed_arena_free(&memory);
    return done;
}

bool heed_checkpoint_save(heed_trainer *t, const char *path, const heed_metadata *notes,
                          int n_notes, heed_error *error)
{
    return heed_checkpoint_save_all(&t, 1, path, notes, n_notes, error);
}

static bool agrees(const heed_file *file, const char *path, int i, const char *fact,
                   const char *own, heed_error *error)
{
    char key[KEY];
    const char *has = heed_file_metadata(file, key_of(i, fact, key));
    if (!has) return heed_fail(error, "%s: not a checkpoint: metadata '%s' is missing", path, key);
    if (strcmp(has, own) == 0) return true;
    return heed_fail(error, "%s: made with another %s: '%.200s'; this run has '%.200s'", path, fact,
                     has, own);
}

/* Every entry of the store must be in the file, or the run would go on half old, half new. */
static bool complete(const heed_store *store, const heed_file *file, const char *path,
                     heed_error *error)
{
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

/* Was the file made by a trainer like the i-th? *steps: how far it was. */
static bool read_facts(const heed_trainer *t, int i, const heed_file *file, const char *path,
                       int64_t *steps, heed_error *error)
{
    const identity id = identity_of(t);
    char key[KEY], *end;
    const char *step = heed_file_metadata(file, key_of(i, "step", key));
    if (!step) return heed_fail(error, "%s: not a checkpoint: metadata '%s' is missing", path, key);
    errno = 0;
    *steps = strtoll(step, &end, 10);
    if (errno || end == step || *end || *steps < 0)
        return heed_fail(error, "%s: step '%.40s' is not a whole number", path, step);
    return agrees(file, path, i, "optimizer", id.optimizer, error) &&
           agrees(file, path, i, "schedule", id.schedule, error) &&
           agrees(file, path, i, "seed", id.seed, error);
}

static bool load(heed_trainer *const *trainers, int n, heed_file *file, const char *path,
                 heed_error *error)
{
    heed_store *store = heed_graph_store(trainers[0]->graph);
    int64_t steps = 0;
    for (int i = 0; i < n; i++)
        if (!read_facts(trainers[i], i, file, path, &steps, error)) return false;
    if (!complete(store, file, path, error) || !heed_store_load_file(store, file, path, error))
        return false;
    for (int i = 0; i < n; i++) {
        read_facts(trainers[i], i, file, path, &steps, error);
        trainers[i]->steps = steps;
    }
    return true;
}

bool heed_checkpoint_load_all(heed_trainer *const *trainers, int n, const char *path,
                              void (*note)(void *context, const char *key, const char *value),
                              void *context, heed_error *error)
{
    heed_file *file = heed_file_open(path, error);
    bool done = file && load(trainers, n, file, path, error);
    for (int i = 0; done && note && i < heed_file_metadata_count(file); i++) {
        const char *key = heed_file_metadata_key(file, i);
        if (strncmp(key, "heed.", 5) != 0) note(context, key, heed_file_metadata(file, key));
    }
    heed_file_close(file);
    return done;
}

bool heed_checkpoint_load(heed_trainer *t, const char *path,
                          void (*note)(void *context, const char *key, const char *value),
                          void *context, heed_error *error)
{
    return heed_checkpoint_load_all(&t, 1, path, note, context, error);
}

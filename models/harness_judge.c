/* harness_judge.c - early stopping: after each step the model sees its metrics on validation data,
 * and says whether these parameters are to be kept, and whether that is enough.
 *
 * What the judge remembers and the kept parameters are entries of the store, so that checkpoints
 * hold them and a resumed run goes on with the same judgement. */
#include <string.h>

#include "models/harness_run.h"

#define KEPT "kept/"
/* In `judged`, after the judge's own numbers. */
enum { KEPT_ANY = HEED_JUDGE_MEMORY, STOPPED, N_JUDGED };

static heed_entry *kept_of(heed_run *run, const heed_entry *entry, bool add)
{
    const heed_tensor *tensor = entry->tensor;
    const char *name = heed_arena_print(&run->memory, KEPT "%s", entry->name);
    if (!name) return NULL;
    heed_entry *kept = heed_store_find(run->store, name);
    if (kept || !add) return kept;
    return heed_store_add(run->store, name, HEED_MOMENT, tensor->view.dtype, &tensor->view.shape,
                          &run->error);
}

bool heed_run_begin_judging(heed_run *run)
{
    const heed_shape shape = HEED_SHAPE(N_JUDGED);
    const int n = heed_store_count(run->store);
    heed_entry *judged =
        heed_store_add(run->store, "judged", HEED_MOMENT, HEED_F64, &shape, &run->error);
    if (!judged) return false;
    run->judged = judged->tensor->view;
    for (int i = 0; i < n; i++) {
        const heed_entry *entry = heed_store_at(run->store, i);
        if (entry->kind != HEED_MOMENT && !kept_of(run, entry, true)) return false;
    }
    return true;
}

/* From the model to what is kept of it, or back. */
static bool copy_model(heed_run *run, bool back)
{
    for (int i = 0; i < heed_store_count(run->store); i++) {
        const heed_entry *entry = heed_store_at(run->store, i);
        if (entry->kind == HEED_MOMENT) continue;
        const heed_entry *kept = kept_of(run, entry, false);
        if (!kept) return heed_fail(&run->error, "no memory for the name of what is kept");
        const heed_view *from = &(back ? kept : entry)->tensor->view;
        const heed_view *to = &(back ? entry : kept)->tensor->view;
        memcpy(to->data, from->data,
               (size_t)heed_count(&from->shape) * heed_dtype_size(from->dtype));
    }
    return true;
}

bool heed_run_stopped(const heed_run *run)
{
    const double *memory = run->judged.data;
    return memory && memory[STOPPED] != 0;
}

bool heed_run_judge(heed_run *run)
{
    double value[HEED_METRICS];
    double *memory = run->judged.data;
    if (!heed_run_values(run, HEED_VALIDATE, value)) return false;
    const heed_verdict verdict = run->model->judge(run->own, value, memory);
    if (verdict == HEED_STOP) memory[STOPPED] = 1;
    if (verdict != HEED_KEEP) return true;
    memory[KEPT_ANY] = 1;
    return copy_model(run, false);
}

bool heed_run_take_kept(heed_run *run)
{
    const double *memory = run->judged.data;
    return memory[KEPT_ANY] == 0 || copy_model(run, true);
}

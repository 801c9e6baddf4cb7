/* harness_judge.c - early stopping: after each step the model sees its metrics on validation data,
 * and says whether these parameters are to be kept, and whether that is enough.
 *
 * What the judge remembers and the kept parameters are entries of the store, so that checkpoints
 * hold them and a resumed run goes on with the same judgement. */
#include "models/harness_run.h"

/* In `judged`, after the judge's own numbers. */
enum { KEPT_ANY = HEED_JUDGE_MEMORY, STOPPED, N_JUDGED };

/* One more entry of the store, to keep another's value. */
static bool keep(heed_run *run, const heed_entry *entry)
{
    const heed_view *view = &entry->tensor->view;
    const char *name = heed_arena_print(&run->memory, "kept/%s", entry->name);
    if (!name) return heed_fail(&run->error, "no memory for the name of what is kept");
    const heed_entry *kept =
        heed_store_add(run->store, name, HEED_MOMENT, view->dtype, &view->shape, &run->error);
    run->kept[run->n_kept++] = (heed_kept){ entry, kept };
    return kept != NULL;
}

bool heed_run_begin_judging(heed_run *run)
{
    const heed_shape shape = HEED_SHAPE(N_JUDGED);
    const int n = heed_store_count(run->store);
    const heed_entry *judged =
        heed_store_add(run->store, "judged", HEED_MOMENT, HEED_F64, &shape, &run->error);
    if (!judged) return false;
    run->judged = judged->tensor->view;
    run->n_kept = 0;
    run->kept = heed_arena_alloc(&run->memory, ((size_t)n + 1) * sizeof *run->kept);
    if (!run->kept) return heed_fail(&run->error, "no memory for what is kept");
    for (int i = 0; i < n; i++) {
        const heed_entry *entry = heed_store_at(run->store, i);
        if (entry->kind != HEED_MOMENT && !keep(run, entry)) return false;
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
    for (int i = 0; i < run->n_kept; i++)
        heed_view_copy(&run->kept[i].kept->tensor->view, &run->kept[i].entry->tensor->view);
    return true;
}

void heed_run_take_kept(const heed_run *run)
{
    const double *memory = run->judged.data;
    for (int i = 0; memory[KEPT_ANY] != 0 && i < run->n_kept; i++)
        heed_view_copy(&run->kept[i].entry->tensor->view, &run->kept[i].kept->tensor->view);
}

/* harness_attention.c - what a trained model looks at: to a file, to the terminal, as a picture. */
#include "models/harness_run.h"
#include "models/picture.h"

/* The graph's outputs under their names. */
static bool dump(heed_run *run)
{
    heed_side *side = &run->attention;
    heed_named_view entries[HEED_OUTPUTS];
    heed_metadata notes[HEED_NOTES];
    int n;
    for (int i = 0; i < side->n; i++)
        entries[i] = (heed_named_view){ .name = side->outputs[i].name,
                                        .view = heed_program_output(side->program, i) };
    return heed_run_notes(run, true, notes, &n) &&
           heed_file_write(run->settings.dump_attention, entries, side->n, notes, n, &run->error);
}

static bool draw(heed_run *run)
{
    heed_picture *picture = run->model->picture(run->own, run->attention.program);
    if (!picture) return heed_fail(&run->error, "--picture: no memory for it");
    bool written = heed_picture_save(picture, run->settings.picture, &run->error);
    heed_picture_free(picture);
    return written;
}

bool heed_run_look(heed_run *run)
{
    const heed_settings *s = &run->settings;
    if (!s->dump_attention && !s->show && !s->picture) return true;
    if (!heed_run_attend(run) || (s->dump_attention && !dump(run))) return false;
    if (s->show) run->model->show(run->own, run->attention.program, s->json ? stderr : stdout);
    return !s->picture || draw(run);
}

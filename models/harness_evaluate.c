/* harness_evaluate.c - the metrics by free running, and the loss, on fresh examples. */
#include <math.h>

#include "models/harness_run.h"

enum { LOSS_EXAMPLES = 1000 };

void heed_side_free(heed_side *side)
{
    heed_program_free(side->program);
    heed_graph_free(side->graph);
    *side = (heed_side){ .n = 0 };
}

heed_program *heed_compile_outputs(heed_graph *graph, const heed_output *outputs, int n,
                                   int threads)
{
    heed_node *nodes[HEED_OUTPUTS];
    for (int i = 0; i < n; i++) nodes[i] = outputs[i].node;
    if (n == 0 || heed_graph_failed(graph)) return NULL;
    return heed_compile(graph, nodes, n, .threads = threads);
}

/* Compile what has been built; say what it is for when it cannot be. */
static bool compile_side(heed_run *run, heed_side *side, const char *what)
{
    side->program =
        heed_compile_outputs(side->graph, side->outputs, side->n, (int)run->settings.threads);
    if (side->program) return true;
    return heed_fail(&run->error, "%s: %s", what,
                     heed_why(side->graph) ? heed_why(side->graph) : "no memory");
}

typedef int build_outputs(const void *own, heed_scope *scope, int64_t batch, heed_output *outputs,
                          int room);

static bool build_side(heed_run *run, heed_side *side, build_outputs *build, int64_t batch,
                       const char *what)
{
    if (side->program) return true;
    heed_side_free(side);
    side->graph = heed_graph_new(.store = run->store);
    side->n = build(run->own, heed_root(side->graph), batch, side->outputs, HEED_OUTPUTS);
    return compile_side(run, side, what);
}

static bool build_loss(heed_run *run)
{
    heed_side *side = &run->loss;
    side->graph = heed_graph_new(.store = run->store);
    side->outputs[0].node =
        run->model->parts[0].loss(run->own, heed_root(side->graph), run->settings.batch);
    side->n = side->outputs[0].node ? 1 : 0;
    return compile_side(run, side, "loss");
}

static bool build_answer(heed_run *run)
{
    const heed_program_facts before = run->facts;
    if (run->answer.program) return true;
    if (!build_side(run, &run->answer, run->model->answer, run->model->evaluation_batch,
                    "evaluation"))
        return false;
    bool fits = heed_run_fits(run, run->answer.program);
    if (before.instructions) run->facts = before; /* training's */
    return fits;
}

bool heed_run_build_actor(heed_run *run)
{
    return build_side(run, &run->actor, run->model->answer, run->settings.batch, "acting");
}

static bool run_on(heed_run *run, heed_program *program, const heed_draw *draw)
{
    if (!run->model->fill(run->own, program, draw, &run->error)) return false;
    return heed_program_run(program) ||
           heed_fail(&run->error, "evaluation: %s", heed_program_why(program));
}

bool heed_run_values(heed_run *run, heed_split split, double *value)
{
    const heed_model *model = run->model;
    heed_score score = { .sum = { 0 } };
    heed_draw draw = { .seed = (uint64_t)run->settings.seed,
                       .split = split,
                       .batch = model->evaluation_batch };
    if (!build_answer(run)) return false;
    /* What training depends on is finished first: a resumed run must see the same. */
    const bool may_stop = split == HEED_EVALUATE;
    for (int64_t done = 0; done < run->settings.examples; done += draw.batch, draw.index++) {
        if (may_stop && heed_run_interrupted()) return true;
        const int64_t left = run->settings.examples - done;
        if (!run_on(run, run->answer.program, &draw)) return false;
        model->score(run->own, run->answer.program, &draw, left < draw.batch ? left : draw.batch,
                     &score);
    }
    if (model->conclude && !model->conclude(run->own, run->store, &score, &run->error))
        return false;
    for (int i = 0; i < HEED_METRICS; i++)
        value[i] = score.of[i] > 0 ? score.sum[i] / score.of[i] : NAN;
    return true;
}

bool heed_run_evaluate(heed_run *run)
{
    if (!heed_run_values(run, HEED_EVALUATE, run->value)) return false;
    run->scored |= !heed_run_interrupted();
    return true;
}

/* In training's batches, so that evaluation fits wherever training does. */
bool heed_run_measure_loss(heed_run *run)
{
    const int64_t batch = run->settings.batch;
    const int64_t examples =
        run->settings.examples < LOSS_EXAMPLES ? run->settings.examples : LOSS_EXAMPLES;
    const int64_t batches = (examples + batch - 1) / batch;
    double sum = 0;
    heed_side_free(&run->answer); /* what is large is in memory once */
    if (!build_loss(run)) return false;
    if (run->model->acts && !heed_run_build_actor(run)) return false;
    for (int64_t i = 0; i < batches; i++) {
        const heed_draw draw = { .seed = (uint64_t)run->settings.seed,
                                 .split = HEED_EVALUATE,
                                 .index = i,
                                 .batch = batch,
                                 .actor = run->actor.program };
        if (!run_on(run, run->loss.program, &draw)) return false;
        heed_view value = heed_program_output(run->loss.program, 0);
        sum += heed_get(&value, 0) / (double)batches;
    }
    run->last_loss[0] = sum;
    return true;
}

bool heed_run_attend(heed_run *run)
{
    const heed_draw draw = { .seed = (uint64_t)run->settings.seed,
                             .split = HEED_EVALUATE,
                             .batch = run->model->shown > 0 ? run->model->shown : 1,
                             .actor = run->actor.program };
    return build_side(run, &run->attention, run->model->attention, draw.batch, "attention") &&
           run_on(run, run->attention.program, &draw);
}

/* harness_evaluate.c - the headline metric by free running, and the loss, on fresh examples. */
#include <math.h>

#include "models/harness_run.h"

enum { OUTPUTS = 16, LOSS_EXAMPLES = 1000 };

static bool build_answer(heed_run *run)
{
    heed_node *outputs[OUTPUTS];
    if (run->answer) return true;
    run->answer_graph = heed_graph_new(.store = run->store);
    int n = run->model->answer(run->own, heed_root(run->answer_graph), run->model->evaluation_batch,
                               outputs, OUTPUTS);
    if (n > 0 && !heed_graph_failed(run->answer_graph))
        run->answer =
            heed_compile(run->answer_graph, outputs, n, .threads = (int)run->settings.threads);
    if (!run->answer)
        return heed_fail(&run->error, "%s",
                         heed_why(run->answer_graph) ? heed_why(run->answer_graph)
                                                     : "no memory for the evaluation");
    heed_program_facts training = run->facts;
    bool fits = heed_run_fits(run, run->answer);
    if (run->trainer) run->facts = training;
    return fits;
}

static bool run_on(heed_run *run, heed_program *program, int64_t index, int64_t batch)
{
    const heed_draw draw = { (uint64_t)run->settings.seed, HEED_EVALUATE, index, batch };
    run->model->fill(run->own, program, &draw);
    return heed_program_run(program) ||
           heed_fail(&run->error, "evaluation: %s", heed_program_why(program));
}

bool heed_run_evaluate(heed_run *run)
{
    const heed_model *model = run->model;
    heed_score score = { .sum = { 0 } };
    if (!build_answer(run)) return false;
    for (int64_t done = 0, index = 0; done < model->evaluation && !heed_run_interrupted();
         index++) {
        int64_t left = model->evaluation - done;
        int64_t count = left < model->evaluation_batch ? left : model->evaluation_batch;
        if (!run_on(run, run->answer, index, model->evaluation_batch)) return false;
        model->score(run->own, run->answer, count, &score);
        done += count;
    }
    for (int i = 0; i < HEED_METRICS; i++)
        run->value[i] = score.of[i] > 0 ? score.sum[i] / score.of[i] : NAN;
    run->scored = true;
    return true;
}

/* In training's batches, so that evaluation fits wherever training does. */
bool heed_run_measure_loss(heed_run *run)
{
    const int64_t batch = run->settings.batch, batches = (LOSS_EXAMPLES + batch - 1) / batch;
    double sum = 0;
    run->loss_graph = heed_graph_new(.store = run->store);
    heed_node *loss = run->model->loss(run->own, heed_root(run->loss_graph), batch);
    if (loss)
        run->loss = heed_compile(run->loss_graph, &loss, 1, .threads = (int)run->settings.threads);
    if (!run->loss)
        return heed_fail(&run->error, "%s",
                         heed_why(run->loss_graph) ? heed_why(run->loss_graph)
                                                   : "no memory for the loss");
    for (int64_t i = 0; i < batches; i++) {
        if (!run_on(run, run->loss, i, batch)) return false;
        heed_view value = heed_program_output(run->loss, 0);
        sum += heed_get(&value, 0) / (double)batches;
    }
    run->last_loss = sum;
    return true;
}

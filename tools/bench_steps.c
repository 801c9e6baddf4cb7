/* bench_steps.c - whole training steps, in the configurations of tools/peers. */
#include <string.h>

#include "graph/program.h"
#include "models/layers/layers.h"
#include "ops/ops.h"
#include "tools/bench.h"

/* ---- models ---- */

#define PTRNET "--task sort --n 10 --encoder lstm --embed linear --glimpses 0 --no-mask "
#define GAT                                                                           \
    "--task random --nodes 2708 --edges 5278 --features 1433 --words 18 --classes 7 " \
    "--value-dropout 0 --shared-dropout "
static const struct {
    const char *name;
    const heed_model *model;
    const char *options;
    double lr, clip_norm, decay;
    bool rmsprop; /* with momentum 0.9 and alpha 0.95; else Adam */
} models[] = {
    { "ptrnet", &heed_model_ptrnet, PTRNET "--hidden 256 --batch 128", 1e-3, 2, 0, false },
    { "ptrnet_small", &heed_model_ptrnet, PTRNET "--hidden 32 --batch 1", 1e-3, 2, 0, false },
    { "ntm", &heed_model_ntm,
      "--task copy --length 20 --batch 16 --controller lstm --start learned", 1e-4, 10, 0, true },
    { "gat", &heed_model_gat, GAT, 5e-3, 0, 5e-4, false },
    { "snail", &heed_model_snail, "--task glyphs --plain --batch 32", 1e-3, 0, 0, false },
};

static bool build_model(bench_case *c, size_t i, heed_error *error)
{
    if (!heed_tiny_build(&c->tiny, models[i].model, 0, models[i].options, HEED_F32, error) ||
        !heed_tiny_train(&c->tiny, error))
        return false;
    const double lr = models[i].lr;
    heed_optimizer optimizer = models[i].rmsprop
                                   ? heed_rmsprop(.lr = lr, .momentum = 0.9, .alpha = 0.95)
                                   : heed_adam(.lr = lr, .weight_decay = models[i].decay);
    c->trainer = heed_trainer_new(c->tiny.loss, optimizer, .clip_norm = models[i].clip_norm,
                                  .threads = c->threads);
    if (!c->trainer) return heed_fail(error, "%s: %s", c->name, heed_why(c->tiny.graph));
    heed_tiny_fill(&c->tiny, heed_trainer_program(c->trainer));
    return true;
}

/* ---- a generator and a discriminator, each with its own trainer ---- */

#define SAGAN "--size 32 --color --width 64 --latent 128 --attend 16 --whole-values "

/* The trainer of a part as the model's own recipe has it, its inputs filled. */
static heed_trainer *train_part(bench_case *c, int part, heed_node *loss, heed_error *error)
{
    const heed_part *of = &c->tiny.model->parts[part];
    heed_trainer_options options = { .threads = c->threads, .prefix = of->prefix };
    heed_optimizer optimizer;
    of->recipe(c->tiny.own, &c->tiny.settings, &optimizer, &options);
    heed_trainer *trainer = heed_trainer_make(loss, optimizer, options);
    c->tiny.part = part;
    if (trainer) heed_tiny_fill(&c->tiny, heed_trainer_program(trainer));
    if (!trainer)
        heed_fail(error, "%s: %s", c->name, heed_why(part ? c->rival_graph : c->tiny.graph));
    return trainer;
}

static bool build_sagan(bench_case *c, heed_error *error)
{
    if (!heed_tiny_build(&c->tiny, &heed_model_sagan, 0, SAGAN "--batch 32 --lr 4e-4", HEED_F32,
                         error) ||
        !heed_tiny_train(&c->tiny, error))
        return false;
    c->rival_graph = heed_graph_new(.store = c->tiny.store, .training = true);
    heed_node *loss = heed_model_sagan.parts[1].loss(c->tiny.own, heed_root(c->rival_graph),
                                                     c->tiny.settings.batch);
    c->trainer = train_part(c, 0, c->tiny.loss, error);
    c->rival = c->trainer ? train_part(c, 1, loss, error) : NULL;
    return c->rival != NULL;
}

/* ---- an LSTM, and attention over its steps: a = softmax(h^T W), y = sigmoid(v . (h a)) ---- */

enum { B = 64, T = 50, FEATURES = 8, H = 50 };

static heed_node *lstm_attention(heed_graph *g, bool unrolled)
{
    heed_scope *s = heed_root(g);
    heed_node *x = heed_input(g, "x", HEED_F32, T, B, FEATURES);
    heed_node *target = heed_input(g, "y", HEED_F32, B, 1);
    heed_lstm cell = heed_lstm_cell(s, "lstm", FEATURES, H);
    heed_state_pair state = { .h = NULL };
    heed_node *projected = heed_lstm_project(&cell, x);
    heed_node *h = unrolled ? heed_lstm_run(&cell, projected, &state)
                            : heed_lstm_scan(&cell, projected, &state);           /* [T, B, H] */
    heed_node *scores = heed_linear(s, "attention", heed_permute(h, 1, 2, 0), T); /* [B, H, T] */
    heed_node *a = heed_permute(heed_softmax(scores, -1), 0, 2, 1);               /* [B, T, H] */
    heed_node *seen = heed_reshape(heed_mul(heed_permute(h, 1, 0, 2), a), B, T * H);
    heed_node *y = heed_sigmoid(heed_linear(s, "out", seen, 1));
    return heed_mean_squared_error(y, target);
}

static bool build_lstm_attention(bench_case *c, bool unrolled, heed_error *error)
{
    heed_node *loss = lstm_attention(c->graph, unrolled);
    c->trainer = heed_trainer_new(loss, heed_adam(.lr = 1e-3), .threads = c->threads);
    if (!c->trainer) return heed_fail(error, "%s: %s", c->name, heed_why(c->graph));
    heed_rng rng = heed_rng_new(1, 0);
    heed_view x = heed_trainer_input(c->trainer, "x"), y = heed_trainer_input(c->trainer, "y");
    heed_fill_uniform(&rng, &x, -1, 1);
    heed_fill_uniform(&rng, &y, 0, 1);
    return true;
}

/* ---- by name ---- */

static bool build(bench_case *c, const char *name, heed_error *error)
{
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++)
        if (strcmp(name, models[i].name) == 0) return build_model(c, i, error);
    if (strcmp(name, "sagan") == 0) return build_sagan(c, error);
    if (strcmp(name, "lstm_attention") == 0) return build_lstm_attention(c, false, error);
    if (strcmp(name, "lstm_attention_unrolled") == 0) return build_lstm_attention(c, true, error);
    return heed_fail(error, "%s: no step of such a model is measured", c->name);
}

bool bench_build_step(bench_case *c, const char *name, heed_error *error)
{
    if (!build(c, name, error)) return false;
    c->flops = heed_program_describe(heed_trainer_program(c->trainer)).flops;
    if (c->rival) c->flops += heed_program_describe(heed_trainer_program(c->rival)).flops;
    return true;
}

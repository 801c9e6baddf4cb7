/* SNAIL: gradients, what its agent does in its worlds, learning, its program. */
#include <criterion/criterion.h>
#include <math.h>

#include "models/snail.h"

#define MODEL_PROGRAM "snail"
#include "models_kit.h"
#define TINY_MODEL heed_model_snail
#include "models_tiny.h"

TestSuite(models_snail, .init = enter_folder, .fini = leave_folder, .timeout = 120);

Test(models_snail, gradients_of_every_tiny_configuration)
{
    check_all_gradients();
}

/* ---- matching the images of a batch ---- */

/* The loss where class i of four, two in each of two episodes, has images first[i] and last[i]. */
static double loss_with(const char *weight, const int *first, const int *last)
{
    char options[256];
    heed_tiny tiny;
    heed_error error = { .set = false };
    snprintf(options, sizeof options,
             "--task glyphs --side 16 --conv-filters 4 --embedding 8 --filters 8 --ways 2 "
             "--batch 2 --questions 2 --match-weight %s",
             weight);
    build(&tiny, options, HEED_F64);
    cr_assert(heed_tiny_train(&tiny, &error), "%s", error.text);
    heed_program *program = heed_compile(tiny.graph, &tiny.loss, 1, .threads = 1);
    cr_assert_not_null(program, "%s", heed_why(tiny.graph));
    heed_tiny_fill(&tiny, program);
    heed_view images = heed_program_input(program, "examples");
    for (int i = 0; i < 8; i++) {
        heed_rng rng = heed_rng_new(5, (uint64_t)(i % 2 ? last[i / 2] : first[i / 2]));
        for (int p = 0; p < 256; p++)
            heed_set(&images, i * 256 + p, heed_random_uniform(&rng) < 0.3);
    }
    cr_assert(heed_program_run(program));
    heed_view loss = heed_program_output(program, 0);
    const double value = heed_get(&loss, 0);
    heed_program_free(program);
    heed_tiny_free(&tiny);
    return value;
}

static double matching_of(const int *first, const int *last)
{
    const double without = loss_with("0", first, last), once = loss_with("1", first, last);
    cr_expect_float_eq(loss_with("3", first, last) - without, 3 * (once - without), 1e-9);
    return once - without;
}

Test(models_snail, images_are_matched_with_their_class_in_all_of_the_batch)
{
    const int same[4] = { 0, 0, 0, 0 }, own[4] = { 0, 1, 2, 3 };
    const int neighbours[4] = { 1, 0, 3, 2 }, far[4] = { 2, 3, 0, 1 };
    cr_expect_float_eq(matching_of(same, same), log(4), 1e-6, "nothing tells them apart");
    cr_expect(matching_of(own, own) < log(4) - 0.5, "%g", matching_of(own, own));
    cr_expect(matching_of(own, neighbours) > log(4) + 0.1, "%g", matching_of(own, neighbours));
    cr_expect(matching_of(own, far) > log(4) + 0.1, "%g", matching_of(own, far));
}

/* ---- with batch statistics, relu and maxima, along a direction too short for kinks ---- */

static double loss_of(heed_program *program)
{
    cr_assert(heed_program_run(program), "%s", heed_program_why(program));
    heed_view loss = heed_program_output(program, 0);
    return heed_get(&loss, 0);
}

static void move(const heed_store *store, double by)
{
    for (int i = 0; i < heed_store_count(store); i++) {
        const heed_entry *entry = heed_store_at(store, i);
        heed_rng rng = heed_rng_new(13, (uint64_t)i);
        for (int64_t k = 0;
             entry->kind == HEED_PARAMETER && k < heed_count(&entry->tensor->view.shape); k++)
            heed_set(&entry->tensor->view, k,
                     heed_get(&entry->tensor->view, k) + by * heed_random_normal(&rng));
    }
}

Test(models_snail, gradient_of_the_training_graph)
{
    enum { MOST = 64 };
    const double step = 1e-8;
    heed_tiny tiny;
    heed_node *x[MOST], *dx[MOST], *outputs[1 + MOST];
    build(&tiny, "--task glyphs --side 16 --conv-filters 4 --embedding 5 --filters 8 --batch 4",
          HEED_F64);
    heed_graph *g = heed_graph_new(.store = tiny.store, .dtype = HEED_F64, .training = true);
    outputs[0] = model->parts[0].loss(tiny.own, heed_root(g), 4);
    const int n = heed_graph_params(g, x, MOST);
    cr_assert(n < MOST && heed_gradient(outputs[0], NULL, x, n, dx), "%s", heed_why(g));
    for (int i = 0; i < n; i++) outputs[1 + i] = dx[i];
    heed_program *program = heed_compile(g, outputs, 1 + n, .threads = 1);
    cr_assert_not_null(program, "%s", heed_why(g));
    heed_tiny_fill(&tiny, program);
    loss_of(program);
    double slope = 0;
    for (int i = 0; i < n; i++) {
        heed_view d = heed_program_output(program, 1 + i);
        heed_rng rng = heed_rng_new(13, (uint64_t)x[i]->entry->index);
        for (int64_t k = 0; k < heed_count(&d.shape); k++)
            slope += heed_get(&d, k) * heed_random_normal(&rng);
    }
    move(tiny.store, step);
    const double above = loss_of(program);
    move(tiny.store, -2 * step);
    const double measured = (above - loss_of(program)) / (2 * step);
    cr_expect(fabs(slope) > 0.1, "%g", slope);
    cr_expect_float_eq(measured, slope, 1e-4 * fabs(slope), "%.10g, measured %.10g", slope,
                       measured);
    heed_program_free(program);
    heed_graph_free(g);
    heed_tiny_free(&tiny);
}

/* The configuration that tools/peers measures has 3213118 parameters: theirs has biases before
 * batch norm, 4 x 64, where these do nothing. */
Test(models_snail, as_many_parameters_as_the_peers)
{
    heed_tiny tiny;
    build(&tiny, "--task glyphs --ways 5 --shots 1 --batch 1 --plain", HEED_F32);
    const int64_t conv = 64 * 9 + 3 * 64 * 64 * 9 + 4 * 2 * 64, embedding = 64 * 64 + 64;
    int64_t body = 0, width = 64 + 5;
    const int64_t key[3] = { 64, 256, 512 }, value[3] = { 32, 128, 256 };
    for (int i = 0; i < 3; i++) {
        body += (width + 1) * (2 * key[i] + value[i]);
        width += value[i];
        for (int d = 0; i < 2 && d < 3; d++, width += 128) body += (2 * width + 1) * 2 * 128;
    }
    cr_expect_eq(heed_store_parameters(tiny.store), conv + embedding + body + (width + 1) * 5);
    heed_tiny_free(&tiny);
}

/* No request for memory may be left unanswered: each failure is a sentence, and nothing leaks. */
Test(models_snail, every_failed_allocation_is_a_sentence)
{
    const size_t before = heed_memory_live_blocks();
    for (int i = 0; model->tiny[i]; i++)
        for (long n = 1, done = 0; !done; n += 1 + n / 8) {
            heed_error error = { .set = false };
            heed_tiny tiny;
            heed_memory_fail(n);
            done = heed_tiny_build(&tiny, model, 0, model->tiny[i], HEED_F32, &error);
            heed_memory_fail(0);
            if (!done) cr_expect(error.set && error.text[0], "request %ld", n);
            heed_tiny_free(&tiny);
            cr_assert_eq(heed_memory_live_blocks(), before, "%s: request %ld leaks", model->tiny[i],
                         n);
        }
}

/* ---- acting: what comes out agrees with the world that went in ---- */

typedef struct acted {
    heed_tiny tiny;
    heed_graph *graph;
    heed_program *program;
    heed_view out[SNAIL_OUT];
} acted;

static acted act(const char *options, int64_t batch)
{
    acted a = { .graph = NULL };
    heed_output outputs[SNAIL_OUT];
    heed_node *nodes[SNAIL_OUT];
    heed_error error = { .set = false };
    build(&a.tiny, options, HEED_F64);
    a.graph = heed_graph_new(.store = a.tiny.store, .dtype = HEED_F64);
    const int n = model->attention(a.tiny.own, heed_root(a.graph), batch, outputs, SNAIL_OUT);
    cr_assert_eq(n, SNAIL_OUT, "%s", heed_why(a.graph));
    for (int i = 0; i < n; i++) nodes[i] = outputs[i].node;
    a.program = heed_compile(a.graph, nodes, n, .threads = 1);
    cr_assert_not_null(a.program, "%s", heed_why(a.graph));
    const heed_draw draw = { .seed = 3, .split = HEED_TRAIN, .batch = batch };
    cr_assert(model->fill(a.tiny.own, a.program, &draw, &error), "%s", error.text);
    cr_assert(heed_program_run(a.program));
    for (int i = 0; i < n; i++) a.out[i] = heed_program_output(a.program, i);
    return a;
}

static void acted_free(acted *a)
{
    heed_program_free(a->program);
    heed_graph_free(a->graph);
    heed_tiny_free(&a->tiny);
}

static int hot(const heed_view *v, int64_t at, int n)
{
    int where = -1;
    for (int c = 0; c < n; c++) {
        const double x = heed_get(v, at + c);
        cr_assert(x == 0 || (x == 1 && where < 0), "one of %d is 1", n);
        if (x == 1) where = c;
    }
    return where;
}

Test(models_snail, bandits_are_pulled)
{
    enum { T = 6, B = 8, A = 3, F = 2 * A };
    acted a = act("--task bandit --arms 3 --pulls 6 --filters 4 --batch 2", B);
    const heed_view outcome = heed_program_input(a.program, "outcome");
    int counts[A] = { 0 };
    for (int64_t at = 0; at < T * B; at++) {
        const int arm = hot(&a.out[SNAIL_ACTION], at * A, A);
        cr_assert_geq(arm, 0);
        counts[arm]++;
        cr_expect_eq(heed_get(&a.out[SNAIL_REWARD], at), heed_get(&outcome, at * A + arm));
        for (int64_t c = 0; c < F; c++) { /* it sees what it did last */
            const double seen = heed_get(&a.out[SNAIL_OBSERVED], at * F + c),
                         did = at < B ? 0 : heed_get(&a.out[SNAIL_ACTION], (at - B) * A + c % A),
                         then = c < A ? did : did * heed_get(&a.out[SNAIL_REWARD], at - B);
            cr_expect_eq(seen, then);
        }
        double sum = 0;
        for (int64_t j = 0; j < T; j++) {
            const double w = heed_get(&a.out[SNAIL_WEIGHTS], at * T + j);
            cr_expect(j <= at / B ? w > 0 : w == 0);
            sum += w;
        }
        cr_expect_float_eq(sum, 1, 1e-12);
    }
    for (int c = 0; c < A; c++) cr_expect_gt(counts[c], 3, "arm %d", c);
    acted_free(&a);
}

Test(models_snail, worlds_are_walked)
{
    enum { E = 3, T = 10 * E, B = 4, S = HEED_MDP_STATES, A = HEED_MDP_ACTIONS };
    enum { BEFORE = 2 * A, NOW = BEFORE + S, F = NOW + S + 1 };
    acted a = act("--task mdp --episodes 3 --filters 3 --batch 2", B);
    const heed_view world = heed_program_input(a.program, "world");
    const heed_view move_to = heed_program_input(a.program, "move");
    const heed_view noise = heed_program_input(a.program, "noise");
    for (int64_t b = 0; b < B; b++) {
        int state = 0, before = -1;
        for (int64_t t = 0; t < T; t++) {
            const int64_t at = t * B + b;
            if (t % 10 == 0) state = 0;
            cr_assert_eq(hot(&a.out[SNAIL_OBSERVED], at * F + NOW, S), state, "step %d", (int)t);
            cr_assert_eq(hot(&a.out[SNAIL_OBSERVED], at * F + BEFORE, S), before);
            before = state;
            cr_expect_eq(heed_get(&a.out[SNAIL_OBSERVED], at * F + F - 1), t % 10 == 0);
            const int64_t row = (b * S + state) * A + hot(&a.out[SNAIL_ACTION], at * A, A);
            cr_expect_float_eq(heed_get(&a.out[SNAIL_REWARD], at),
                               heed_get(&world, row * (S + 1) + S) + heed_get(&noise, at), 1e-12);
            for (state = 0; heed_get(&move_to, at) >= heed_get(&world, row * (S + 1) + state);)
                state++;
        }
    }
    acted_free(&a);
}

/* Training is told what the agent saw and did, and computes from that what it thought. */
Test(models_snail, training_repeats_what_was_acted)
{
    heed_tiny tiny;
    heed_error error = { .set = false };
    build(
        &tiny,
        "--task mdp --episodes 2 --filters 4 --batch 3 --entropy-weight 0 --lambda 1 --discount 1",
        HEED_F64);
    heed_program *program = heed_compile(tiny.graph, &tiny.loss, 1, .threads = 1);
    cr_assert(heed_tiny_draw(&tiny, program, &error), "%s", error.text);
    heed_view advantage = heed_program_input(program, "advantage");
    heed_view target = heed_program_input(program, "target");
    heed_view value = heed_program_output(tiny.actor, SNAIL_VALUE);
    heed_view known = heed_program_input(program, "known");
    heed_view action = heed_program_output(tiny.actor, SNAIL_ACTION);
    double ahead = 0;
    for (int t = 19; t >= 0; t--) {
        for (int a = 0; a < HEED_MDP_ACTIONS; a++)
            ahead += heed_get(&known, t * 3 * HEED_MDP_ACTIONS + a) *
                     heed_get(&action, t * 3 * HEED_MDP_ACTIONS + a);
        cr_expect_float_eq(heed_get(&target, t * 3), ahead, 1e-12);
    }
    heed_view_fill(&known, 0);
    heed_view_fill(&advantage, 0);
    heed_view_copy(&target, &(heed_view){ .data = value.data,
                                          .dtype = value.dtype,
                                          .shape = target.shape,
                                          .stride = { 3, 1 } });
    cr_expect_float_eq(loss_of(program), 0, 1e-20, "the same values as when it acted");
    heed_program_free(program);
    heed_tiny_free(&tiny);
}

/* ---- learning ---- */

#define BLOBS "--task blobs --ways 2 --dims 4 --spread 3 --filters 16 --batch 32 --lr 3e-3 --quiet "
#define GLYPHS                                                                                 \
    "--task glyphs --ways 2 --side 16 --conv-filters 8 --embedding 16 --filters 16 --lr 3e-3 " \
    "--quiet "
#define BANDIT                                                                                  \
    "--task bandit --arms 2 --pulls 6 --filters 8 --batch 100 --lr 1e-2 --entropy-weight 0.02 " \
    "--quiet "

Test(models_snail, learns_to_learn_blobs)
{
    cr_assert_eq(run_model(BLOBS "--steps 300 --examples 2000 --json --threads 1"), 0, "%s",
                 complained);
    cr_expect_gt(json_number("value"), 0.9, "%g; at random 0.5", json_number("value"));
    cr_expect_gt(json_number("optimum"), json_number("value") - 0.01,
                 "nothing beats the best guess");
}

/* With --sharpness 0 it acts at random, whatever it has learned. */
Test(models_snail, sharpness_is_how_sure_it_acts)
{
    cr_assert_eq(run_model(BANDIT "--steps 100 --examples 3000 --json --sharpness 0"), 0, "%s",
                 complained);
    cr_expect_float_eq(json_number("value"), json_number("random"), 0.08);
}

/* Pulling at random pays 3, and so does any fixed plan. */
Test(models_snail, learns_to_learn_bandits)
{
    cr_assert_eq(run_model(BANDIT "--steps 250 --examples 4000 --json --threads 1"), 0, "%s",
                 complained);
    cr_expect_gt(json_number("value"), 3.3, "%g", json_number("value"));
    cr_expect_float_eq(json_number("random"), 3, 0.1);
    cr_expect_gt(json_number("gittins"), json_number("value") - 0.08);
}

Test(models_snail, learns_to_learn_glyphs)
{
    cr_assert_eq(run_model(GLYPHS "--steps 200 --examples 1000 --json --threads 1"), 0, "%s",
                 complained);
    cr_expect_gt(json_number("value"), 0.7, "%g; at random 0.5", json_number("value"));
}

/* ---- the program ---- */

Test(models_snail, resumed_is_never_interrupted)
{
    static const char *const lines[] = {
        "--task blobs --filters 8 --batch 4 --quiet --steps 12",
        "--task bandit --arms 2 --pulls 4 --filters 4 --batch 8 --quiet --steps 12",
        "--task mdp --episodes 1 --filters 4 --batch 4 --quiet --steps 12",
    };
    for (int i = 0; i < 3; i++) {
        char line[400];
        snprintf(line, sizeof line, "%s --examples 100 --save %%s/whole%d", lines[i], i);
        cr_assert_eq(run_model(line), 0, "%s", complained);
        snprintf(line, sizeof line,
                 "%s --examples 100000000 --resume %%s/run%d --checkpoint-every 5", lines[i], i);
        cr_expect_eq(run_for(1500, SIGKILL, line), 137, "it dies while it evaluates");
        snprintf(line, sizeof line,
                 "%s --examples 100 --resume %%s/run%d --save %%s/parts%d --threads 2", lines[i], i,
                 i);
        cr_assert_eq(run_model(line), 0, "%s", complained);
        char whole[16], parts[16];
        snprintf(whole, sizeof whole, "whole%d", i);
        snprintf(parts, sizeof parts, "parts%d", i);
        cr_expect(same_files(whole, parts), "%s", lines[i]);
    }
}

Test(models_snail, saved_and_loaded_is_as_good)
{
    cr_assert_eq(run_model(BLOBS "--steps 30 --examples 500 --json --save %s/p"), 0, "%s",
                 complained);
    const double value = json_number("value"), loss = json_number("loss");
    cr_assert_eq(run_model(BLOBS "--eval-only --load %s/p --examples 500 --json"), 0, "%s",
                 complained);
    cr_expect_eq(json_number("value"), value);
    cr_assert_eq(run_model(BLOBS "--eval-only --load %s/p --examples 500 --json --seed 2"), 0);
    cr_expect_neq(json_number("loss"), loss, "other examples");
    expect_words(1, "--task blobs --ways 3 --dims 4 --filters 16 --eval-only --load %s/p",
                 "--ways 2", "--ways 3");
}

/* Running statistics are no parameters, but without them a saved embedding is another one. */
Test(models_snail, statistics_are_saved_and_loaded)
{
    cr_assert_eq(run_model(GLYPHS "--steps 20 --examples 100 --json --save %s/p"), 0, "%s",
                 complained);
    const double loss = json_number("loss");
    cr_assert_eq(run_model(GLYPHS "--eval-only --load %s/p --examples 100 --json"), 0, "%s",
                 complained);
    cr_expect_eq(json_number("loss"), loss);
}

Test(models_snail, shows_what_it_looks_at)
{
    cr_assert_eq(run_model(BLOBS "--steps 2 --examples 50 --show --dump-attention %s/a --picture "
                                 "%s/p.png"),
                 0, "%s", complained);
    cr_expect(strstr(said, "attention2 |"), "%s", said);
    cr_expect_eq(access(in_folder("p.png"), R_OK), 0);
    heed_store *store = heed_store_new(1);
    heed_error error = { .set = false };
    cr_assert(heed_store_load(store, in_folder("a"), &error), "%s", error.text);
    const heed_entry *weights = heed_store_find(store, "attention1");
    cr_assert_not_null(weights);
    const heed_shape square = HEED_SHAPE(1, 3, 3);
    cr_expect(heed_shape_equal(&weights->tensor->view.shape, &square));
    heed_store_free(store);
    cr_assert_eq(run_model(BANDIT "--steps 2 --examples 50 --show --picture %s/b.png"), 0, "%s",
                 complained);
    cr_expect(strstr(said, "step action reward"), "%s", said);
}

Test(models_snail, wrong_options_are_named)
{
    expect_words(2, "--task omniglot", "omniglot", "--data");
    expect_words(2, "--task omniglot --data %s", "background.bin", "--data");
    expect_words(2, "--task omniglot --data %s --shots 20", "--shots", "19");
    expect_words(2, "--task omniglot --data %s --side 32", "--side 28", "omniglot");
    expect_words(2, "--task blobs --ways 400 --shots 400", "--ways times --shots", "1023");
    expect_words(2, "--task blobs --filters 3", "--filters", "4");
    expect_words(2, "--task bandit --pulls 1000000", "--pulls", "500");
}

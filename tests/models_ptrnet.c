/* The pointer network's graphs: sizes, gradients, masks, shared parameters. */
#include <math.h>

#include "models/data/sort.h"
#define TINY_MODEL heed_model_ptrnet
#include "models_tiny.h"

Test(models_ptrnet, gradients_of_every_tiny_configuration)
{
    cr_expect_geq(check_all_gradients(), 3);
}

static double loss_of(heed_tiny *tiny)
{
    heed_program *program = heed_compile(tiny->graph, &tiny->loss, 1, .threads = 1);
    cr_assert_not_null(program, "%s", heed_why(tiny->graph));
    heed_tiny_fill(tiny, program);
    cr_assert(heed_program_run(program), "%s", heed_program_why(program));
    heed_view loss = heed_program_output(program, 0);
    double value = heed_get(&loss, 0);
    heed_program_free(program);
    return value;
}

static void clear(const heed_store *store)
{
    for (int i = 0; i < heed_store_count(store); i++)
        heed_view_fill(&heed_store_at(store, i)->tensor->view, 0);
}

/* With all parameters 0 every score is equal: the loss is known. */
Test(models_ptrnet, loss_of_a_model_that_knows_nothing)
{
    static const char *const encoder[] = { "--encoder lstm", "--process-steps 3 --glimpses 2" };
    for (int i = 0; i < 2; i++) {
        char options[200];
        heed_tiny tiny;
        snprintf(options, sizeof options, "--n 5 --hidden 4 --batch 6 %s", encoder[i]);
        build(&tiny, options, HEED_F64);
        clear(tiny.store);
        cr_expect_float_eq(loss_of(&tiny), log(120) / 5, 1e-12, "one of 5, of 4, .. of 1");
        heed_tiny_free(&tiny);
        snprintf(options, sizeof options, "--n 5 --hidden 4 --batch 6 --no-mask %s", encoder[i]);
        build(&tiny, options, HEED_F64);
        clear(tiny.store);
        cr_expect_float_eq(loss_of(&tiny), log(5), 1e-12, "one of 5, five times");
        heed_tiny_free(&tiny);
    }
}

static heed_view picks_of(heed_tiny *tiny, heed_graph **graph, heed_program **program, int batch)
{
    heed_output outputs[4];
    *graph = heed_graph_new(.store = tiny->store, .dtype = heed_graph_dtype(tiny->graph));
    cr_assert_eq(model->answer(tiny->own, heed_root(*graph), batch, outputs, 4), 1, "%s",
                 heed_why(*graph));
    *program = heed_compile(*graph, &outputs[0].node, 1, .threads = 1);
    cr_assert_not_null(*program, "%s", heed_why(*graph));
    const heed_draw draw = { .seed = 1, .split = HEED_EVALUATE, .batch = batch };
    heed_error error = { .set = false };
    cr_assert(model->fill(tiny->own, *program, &draw, &error), "%s", error.text);
    cr_assert(heed_program_run(*program));
    return heed_program_output(*program, 0);
}

/* Masked, even an untrained decoder lists every number once, and evaluation adds no parameter. */
Test(models_ptrnet, masked_answers_are_permutations)
{
    enum { N = 6, BATCH = 9 };
    heed_tiny tiny;
    heed_graph *graph;
    heed_program *program;
    build(&tiny, "--n 6 --hidden 8 --glimpses 1", HEED_F32);
    const int count = heed_store_count(tiny.store);
    heed_view picks = picks_of(&tiny, &graph, &program, BATCH);
    cr_expect_eq(heed_store_count(tiny.store), count);
    for (int b = 0; b < BATCH; b++) {
        unsigned seen = 0;
        for (int t = 0; t < N; t++) seen |= 1u << (int)heed_get(&picks, t * BATCH + b);
        cr_expect_eq(seen, (1u << N) - 1);
    }
    heed_program_free(program);
    heed_graph_free(graph);
    heed_tiny_free(&tiny);
}

Test(models_ptrnet, unmasked_answers_may_repeat)
{
    heed_tiny tiny;
    heed_graph *graph;
    heed_program *program;
    build(&tiny, "--n 6 --hidden 8 --no-mask", HEED_F32);
    clear(tiny.store);
    heed_view picks = picks_of(&tiny, &graph, &program, 3);
    for (int i = 0; i < 18; i++) cr_expect_eq(heed_get(&picks, i), 0, "the first of equals");
    heed_program_free(program);
    heed_graph_free(graph);
    heed_tiny_free(&tiny);
}

/* Training and evaluation are different graphs of the same network: told the truth so far, the
 * training graph's loss is that of the steps which the evaluation graph takes. Here: a network made
 * by hand to point at the smallest number left has a small loss, and sorts. */
Test(models_ptrnet, a_sorting_network_made_by_hand)
{
    heed_tiny tiny;
    heed_graph *graph;
    heed_program *program;
    build(&tiny, "--n 7 --hidden 4 --batch 16", HEED_F64);
    clear(tiny.store);
    struct {
        const char *name;
        double value;
    } weights[] = { { "embed/slope", 0.01 },
                    { "embed/out/weight", 1 },
                    { "decoder/pointer/W1/weight", 1 },
                    { "decoder/pointer/v/weight", -1e6 } };
    for (int i = 0; i < 4; i++) { /* one channel: x -> 0.01 x -> .. -> -1e4 x, nearly */
        heed_entry *entry = heed_store_find(tiny.store, weights[i].name);
        cr_assert_not_null(entry, "%s", weights[i].name);
        heed_set(&entry->tensor->view, 0, weights[i].value);
    }
    cr_expect_lt(loss_of(&tiny), 1e-3);
    heed_view picks = picks_of(&tiny, &graph, &program, 50);
    heed_view x = heed_program_input(program, "numbers");
    for (int b = 0; b < 50; b++) cr_expect(heed_sort_is_right(&x, &picks, b));
    heed_program_free(program);
    heed_graph_free(graph);
    heed_tiny_free(&tiny);
}

/* ---- --embed linear, of width 1, by hand ---- */

typedef struct lstm_state {
    double h, c;
} lstm_state;

static double gate(const heed_tiny *tiny, int k, double x, double h)
{
    return x * value_at(tiny->store, "decoder/lstm/input", k) +
           h * value_at(tiny->store, "decoder/lstm/recurrent", k) +
           value_at(tiny->store, "decoder/lstm/bias", k);
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static lstm_state lstm_step(const heed_tiny *tiny, double x, lstm_state s)
{
    double c = sigmoid(gate(tiny, 1, x, s.h)) * s.c +
               sigmoid(gate(tiny, 0, x, s.h)) * tanh(gate(tiny, 2, x, s.h));
    return (lstm_state){ sigmoid(gate(tiny, 3, x, s.h)) * tanh(c), c };
}

/* e_i = tanh(w x_i + b); u_ti = v tanh(W1 e_i + W2 d_t), where the decoder's next input is the e_i
 * that was right. */
Test(models_ptrnet, linear_embedding_by_hand)
{
    enum { N = 4 };
    heed_tiny tiny;
    build(&tiny,
          "--n 4 --hidden 1 --batch 1 --embed linear --process-steps 0 --glimpses 0 "
          "--no-mask",
          HEED_F64);
    heed_program *program = heed_compile(tiny.graph, &tiny.loss, 1, .threads = 1);
    cr_assert_not_null(program, "%s", heed_why(tiny.graph));
    heed_tiny_fill(&tiny, program);
    heed_view x = heed_program_input(program, "numbers");
    heed_view order = heed_program_input(program, "order");
    double e[N], in = value_at(tiny.store, "decoder/go", 0), loss = 0;
    for (int i = 0; i < N; i++)
        e[i] = tanh(heed_get(&x, i) * value_at(tiny.store, "embed/out/weight", 0) +
                    value_at(tiny.store, "embed/out/bias", 0));
    lstm_state d = { 0, 0 };
    for (int t = 0; t < N; t++) {
        const int right = (int)heed_get(&order, t);
        double u[N], sum = 0;
        d = lstm_step(&tiny, in, d);
        for (int i = 0; i < N; i++) {
            u[i] = value_at(tiny.store, "decoder/pointer/v/weight", 0) *
                   tanh(e[i] * value_at(tiny.store, "decoder/pointer/W1/weight", 0) +
                        d.h * value_at(tiny.store, "decoder/pointer/W2/weight", 0));
            sum += exp(u[i]);
        }
        loss += (log(sum) - u[right]) / N;
        in = e[right];
    }
    heed_program_free(program);
    cr_expect_float_eq(loss_of(&tiny), loss, 1e-12, "%.17g", loss);
    heed_tiny_free(&tiny);
}

/* The configuration that tools/peers measures. Theirs has 1184768 parameters: their LSTMs add two
 * bias vectors of 4 x 256 where one does the same. */
Test(models_ptrnet, as_many_parameters_as_the_peers)
{
    heed_tiny tiny;
    build(&tiny,
          "--n 10 --hidden 256 --batch 2 --encoder lstm --embed linear --glimpses 0 "
          "--no-mask",
          HEED_F32);
    cr_expect_eq(heed_store_parameters(tiny.store), 1184768 - 2 * 4 * 256);
    heed_tiny_free(&tiny);
}

Test(models_ptrnet, builds_at_many_sizes)
{
    static const char *const options[] = {
        "--n 2 --hidden 1 --batch 1",
        "--n 2 --hidden 1 --batch 1 --encoder lstm --glimpses 1",
        "--n 40 --hidden 3 --batch 2 --process-steps 0",
        "--n 3 --hidden 5 --batch 1 --process-steps 7 --glimpses 3 --no-mask",
        "--n 4 --hidden 2 --batch 3 --embed linear",
    };
    for (int i = 0; i < 5; i++) {
        heed_tiny tiny;
        build(&tiny, options[i], HEED_F32);
        cr_expect(isfinite(loss_of(&tiny)), "%s", options[i]);
        heed_tiny_free(&tiny);
    }
}

/* No request for memory may be left unanswered: each failure is a sentence, and nothing leaks. */
Test(models_ptrnet, every_failed_allocation_is_a_sentence)
{
    const size_t before = heed_memory_live_blocks();
    long n = 0;
    for (bool done = false; !done; n++) {
        heed_error error = { .set = false };
        heed_tiny tiny;
        heed_memory_fail(n + 1);
        done = heed_tiny_build(&tiny, model, 0, model->tiny[1], HEED_F32, &error);
        heed_memory_fail(0);
        if (!done) cr_expect(error.set && error.text[0], "request %ld", n);
        heed_tiny_free(&tiny);
        cr_assert_eq(heed_memory_live_blocks(), before, "request %ld leaks", n);
    }
    cr_expect_gt(n, 5);
}

/* The pointer network on points: what it can point at, padding, beams. */
#include <math.h>

#include "models/ptrnet.h"
#define TINY_MODEL heed_model_ptrnet
#include "models_tiny.h"
#include "tensor/memory.h"

static void set_all(const heed_store *store, double value)
{
    for (int i = 0; i < heed_store_count(store); i++)
        heed_view_fill(&heed_store_at(store, i)->tensor->view, value);
}

/* Larger than at first, so that choices are of one's own. */
static void shake(const heed_store *store, uint64_t seed)
{
    for (int i = 0; i < heed_store_count(store); i++) {
        heed_rng rng = heed_rng_new(seed, (uint64_t)i);
        heed_fill_normal(&rng, &heed_store_at(store, i)->tensor->view, 0, 1);
    }
}

static heed_program *compiled(heed_tiny *tiny)
{
    heed_program *program = heed_compile(tiny->graph, &tiny->loss, 1, .threads = 1);
    cr_assert_not_null(program, "%s", heed_why(tiny->graph));
    heed_tiny_fill(tiny, program);
    return program;
}

static double run(heed_program *program)
{
    cr_assert(heed_program_run(program), "%s", heed_program_why(program));
    const heed_view loss = heed_program_output(program, 0);
    return heed_get(&loss, 0);
}

/* ---- training's masks: with all parameters 0, every step is as likely as it can be ---- */

static double sum_of_logs(heed_program *program, const ptrnet *o,
                          double (*choices)(int t, int before))
{
    const heed_view order = heed_program_input(program, "order");
    const int64_t steps = order.shape.dim[0], batch = order.shape.dim[1];
    double sum = 0, count = 0;
    for (int64_t b = 0; b < batch; b++)
        for (int64_t t = 0; t < steps && heed_get(&order, t * batch + b) >= 0; t++, count++) {
            const double before = t > 0 ? heed_get(&order, (t - 1) * batch + b) : 0;
            sum += log(choices((int)t, before >= (double)o->n.high ? -1 : (int)before));
        }
    return sum / count;
}

static double of_hull(int t, int before)
{
    (void)before;
    return t < 3 ? 6 - t : 7 - t; /* of 6 points; from three on there is the end, too */
}

static double of_tour(int t, int before)
{
    (void)before;
    return t == 0 ? 1 : 6 - t;
}

static double of_triangles(int t, int before)
{
    if (t % 3 != 0) return 5 - before; /* of 6 points those after it */
    return t == 0 ? 6 : 7;
}

Test(models_ptrnet_points, loss_of_a_model_that_knows_nothing)
{
    static const struct {
        const char *task;
        double (*choices)(int t, int before);
    } cases[] = { { "hull", of_hull }, { "tsp", of_tour }, { "delaunay", of_triangles } };
    for (int i = 0; i < 3; i++) {
        heed_tiny tiny;
        char options[200];
        snprintf(options, sizeof options, "--task %s --n 6 --hidden 4 --heads 2 --batch 9",
                 cases[i].task);
        build(&tiny, options, HEED_F64);
        set_all(tiny.store, 0);
        heed_program *program = compiled(&tiny);
        cr_expect_float_eq(run(program), sum_of_logs(program, tiny.own, cases[i].choices), 1e-12,
                           "%s", cases[i].task);
        heed_program_free(program);
        heed_tiny_free(&tiny);
    }
}

/* ---- answers of networks that know nothing follow the rules ---- */

typedef struct answers {
    heed_tiny tiny;
    heed_graph *graph;
    heed_program *program;
    heed_view picks;
} answers;

static answers answers_of(const char *options, int batch, uint64_t seed)
{
    answers a;
    heed_output outputs[4];
    heed_error error = { .set = false };
    build(&a.tiny, options, HEED_F64);
    shake(a.tiny.store, seed);
    const int before = heed_store_count(a.tiny.store);
    a.graph = heed_graph_new(.store = a.tiny.store, .dtype = HEED_F64);
    cr_assert_eq(model->answer(a.tiny.own, heed_root(a.graph), batch, outputs, 4), 1, "%s",
                 heed_why(a.graph));
    cr_expect_eq(heed_store_count(a.tiny.store), before, "no other parameters");
    a.program = heed_compile(a.graph, &outputs[0].node, 1, .threads = 1);
    cr_assert_not_null(a.program, "%s", heed_why(a.graph));
    const heed_draw draw = { .seed = seed, .split = HEED_EVALUATE, .batch = batch };
    cr_assert(model->fill(a.tiny.own, a.program, &draw, &error), "%s", error.text);
    cr_assert(heed_program_run(a.program));
    a.picks = heed_program_output(a.program, 0);
    return a;
}

static void answers_free(answers *a)
{
    heed_program_free(a->program);
    heed_graph_free(a->graph);
    heed_tiny_free(&a->tiny);
}

Test(models_ptrnet_points, hulls_have_three_corners_at_least_and_none_twice)
{
    static const char *const encoders[] = { "both", "process", "attention --heads 2" };
    for (uint64_t seed = 0; seed < 6; seed++) {
        char options[200];
        int32_t list[LONGEST_ANSWER];
        snprintf(options, sizeof options, "--task hull --n 3-8 --hidden 4 --beam %d --encoder %s",
                 seed < 3 ? 1 : 3, encoders[seed % 3]);
        answers a = answers_of(options, 20, seed);
        const heed_view lengths = heed_program_input(a.program, "lengths");
        for (int b = 0; b < 20; b++) {
            const int64_t count = ptrnet_answer_of(a.tiny.own, &a.picks, b, list);
            bool seen[8] = { false };
            cr_assert(count >= 3 && count <= 8);
            for (int64_t t = 0; t < count; t++) {
                cr_assert_lt(list[t], heed_get(&lengths, b), "it is not there");
                cr_assert_not(seen[list[t]]);
                seen[list[t]] = true;
            }
            for (int64_t t = count; t < 9; t++)
                cr_assert_eq(heed_get(&a.picks, t * 20 + b), 8, "after the end there is the end");
        }
        answers_free(&a);
    }
}

Test(models_ptrnet_points, unmasked_hulls_still_have_no_points_that_are_not_there)
{
    int32_t list[LONGEST_ANSWER];
    int again = 0;
    for (uint64_t seed = 0; seed < 8; seed++) {
        answers a = answers_of("--task hull --n 3-8 --hidden 4 --heads 2 --no-mask", 20, seed);
        const heed_view lengths = heed_program_input(a.program, "lengths");
        for (int b = 0; b < 20; b++) {
            const int64_t count = ptrnet_answer_of(a.tiny.own, &a.picks, b, list);
            for (int64_t t = 0; t < count; t++) {
                cr_assert_lt(list[t], heed_get(&lengths, b));
                for (int64_t u = 0; u < t; u++) again += list[u] == list[t];
            }
        }
        answers_free(&a);
    }
    cr_expect_gt(again, 0, "but some twice");
}

Test(models_ptrnet_points, tours_begin_at_the_first_city_and_are_valid)
{
    for (uint64_t seed = 0; seed < 4; seed++) {
        int32_t list[LONGEST_ANSWER];
        answers a = answers_of(seed < 2 ? "--task tsp --n 7 --hidden 4 --heads 2"
                                        : "--task tsp --n 7 --hidden 4 --heads 2 --beam 4",
                               20, seed);
        for (int b = 0; b < 20; b++) {
            bool seen[7] = { false };
            cr_assert_eq(ptrnet_answer_of(a.tiny.own, &a.picks, b, list), 7);
            cr_assert_eq(list[0], 0);
            for (int t = 0; t < 7; t++) seen[list[t]] = true;
            for (int i = 0; i < 7; i++) cr_assert(seen[i]);
        }
        answers_free(&a);
    }
}

/* A triangle that begins with the last two points cannot rise, and anything may follow. */
Test(models_ptrnet_points, triangles_have_rising_indices)
{
    for (uint64_t seed = 0; seed < 4; seed++) {
        int32_t list[LONGEST_ANSWER];
        answers a = answers_of("--task delaunay --n 6 --hidden 4 --heads 2", 20, seed);
        for (int b = 0; b < 20; b++) {
            const int64_t count = ptrnet_answer_of(a.tiny.own, &a.picks, b, list);
            cr_assert_gt(count, 0);
            for (int64_t t = 0; t + 2 < count; t += 3) {
                if (list[t] < 5) cr_assert_lt(list[t], list[t + 1]);
                if (list[t] < 5 && list[t + 1] < 5) cr_assert_lt(list[t + 1], list[t + 2]);
                if (list[t] < 5 && list[t + 1] < 5) cr_assert_lt(list[t + 2], 6);
            }
        }
        answers_free(&a);
    }
}

/* ---- sets of several sizes: what is not there changes nothing ---- */

/* The loss of the first set of `small`, and of the same set among larger ones. */
static void expect_equal_losses(const char *encoder)
{
    heed_tiny small, large;
    char options[200];
    snprintf(options, sizeof options, "--task hull --n 4 --hidden 4 --batch 1 --encoder %s",
             encoder);
    build(&small, options, HEED_F64);
    snprintf(options, sizeof options, "--task hull --n 3-7 --hidden 4 --batch 1 --encoder %s",
             encoder);
    build(&large, options, HEED_F64);
    shake(small.store, 3);
    shake(large.store, 3);
    heed_program *few = compiled(&small), *many = compiled(&large);
    const heed_view from = heed_program_input(few, "points"),
                    to = heed_program_input(many, "points");
    const heed_view right = heed_program_input(few, "order"),
                    order = heed_program_input(many, "order");
    const heed_view lengths = heed_program_input(many, "lengths");
    for (int i = 0; i < 14; i++) heed_set(&to, i, i < 8 ? heed_get(&from, i) : 0.4);
    for (int t = 0; t < 8; t++) {
        const double i = t < 5 ? heed_get(&right, t) : -1;
        heed_set(&order, t, i == 4 ? 7 : i); /* the end is the last element */
    }
    heed_set(&lengths, 0, 4);
    const double loss = run(few);
    cr_expect_float_eq(run(many), loss, 1e-12, "%s", encoder);
    heed_set(&lengths, 0, 6);
    cr_expect_gt(fabs(run(many) - loss), 1e-6, "two more points are there: %s", encoder);
    heed_program_free(few);
    heed_program_free(many);
    heed_tiny_free(&small);
    heed_tiny_free(&large);
}

Test(models_ptrnet_points, absent_points_change_nothing)
{
    expect_equal_losses("both");
    expect_equal_losses("process");
    expect_equal_losses("attention --heads 2 --layers 2");
    expect_equal_losses("attention --heads 1 --embed linear");
}

Test(models_ptrnet_points, draws_do_not_depend_on_what_else_is_filled)
{
    heed_tiny tiny;
    heed_error error = { .set = false };
    build(&tiny, "--task tsp --n 13-15 --hidden 2 --heads 1 --batch 5", HEED_F64);
    answers a = answers_of("--task tsp --n 13-15 --hidden 2 --heads 1", 5, 1);
    heed_program *program = compiled(&tiny);
    const heed_draw draw = { .seed = 1, .split = HEED_EVALUATE, .batch = 5 };
    cr_assert(model->fill(tiny.own, program, &draw, &error));
    const heed_view one = heed_program_input(program, "points");
    const heed_view other = heed_program_input(a.program, "points");
    for (int i = 0; i < 15 * 5 * 2; i++) cr_assert_eq(heed_get(&one, i), heed_get(&other, i));
    heed_program_free(program);
    heed_tiny_free(&tiny);
    answers_free(&a);
}

/* ---- beams ---- */

enum { FOUR = 4, ALL = 24 }; /* orders of four numbers */

/* The k-th order. */
static void order_of(int k, int order[FOUR])
{
    bool taken[FOUR] = { false };
    for (int t = 0, left = ALL; t < FOUR; t++) {
        left /= FOUR - t;
        int skip = k / left, i = 0;
        for (k %= left; taken[i] || skip-- > 0; i++) continue;
        order[t] = i;
        taken[i] = true;
    }
}

/* The most probable of all orders, by training's loss. */
static void most_probable(heed_tiny *tiny, const heed_view *numbers, int b, int batch,
                          int best[FOUR])
{
    heed_program *program = compiled(tiny);
    const heed_view x = heed_program_input(program, "numbers");
    const heed_view order = heed_program_input(program, "order");
    double least = INFINITY;
    for (int k = 0; k < ALL; k++) {
        int tried[FOUR];
        order_of(k, tried);
        for (int i = 0; i < FOUR; i++) {
            heed_set(&x, i, heed_get(numbers, i * batch + b));
            heed_set(&order, i, tried[i]);
        }
        const double loss = run(program);
        if (loss >= least) continue;
        least = loss;
        memcpy(best, tried, sizeof tried);
    }
    heed_program_free(program);
}

Test(models_ptrnet_points, beams_as_wide_as_there_are_answers_find_the_most_probable)
{
    enum { BATCH = 10 };
    int greedy_is_wrong = 0;
    for (uint64_t seed = 0; seed < 6; seed++) {
        answers wide = answers_of("--n 4 --hidden 8 --batch 1 --beam 24", BATCH, seed);
        answers greedy = answers_of("--n 4 --hidden 8 --batch 1", BATCH, seed);
        const heed_view x = heed_program_input(wide.program, "numbers");
        for (int b = 0; b < BATCH; b++) {
            int best[FOUR], same = 0;
            most_probable(&wide.tiny, &x, b, BATCH, best);
            for (int t = 0; t < FOUR; t++) {
                cr_assert_eq(heed_get(&wide.picks, t * BATCH + b), best[t]);
                same += heed_get(&greedy.picks, t * BATCH + b) == best[t];
            }
            greedy_is_wrong += same < FOUR;
        }
        answers_free(&wide);
        answers_free(&greedy);
    }
    cr_expect_gt(greedy_is_wrong, 0, "the test tells them apart");
}

/* ---- no memory: a sentence, and nothing leaks ---- */

/* Build the loss, then the evaluation graph. false: it failed, and said why. */
static bool builds(const char *options)
{
    heed_tiny tiny;
    heed_output outputs[4];
    heed_error error = { .set = false };
    bool fine = heed_tiny_build(&tiny, model, 0, options, HEED_F32, &error);
    if (!fine) cr_expect(error.set);
    if (fine) {
        heed_graph *graph = heed_graph_new(.store = tiny.store);
        fine = model->answer(tiny.own, heed_root(graph), 2, outputs, 4) == 1 &&
               !heed_graph_failed(graph);
        if (!fine && graph) cr_expect_not_null(heed_why(graph));
        heed_graph_free(graph);
    }
    heed_tiny_free(&tiny);
    return fine;
}

Test(models_ptrnet_points, every_failed_allocation_is_a_sentence)
{
    static const char *const options[] = {
        "--task hull --n 3-4 --hidden 4 --heads 2 --layers 1 --batch 2 --beam 2",
        "--task delaunay --n 4 --hidden 3 --batch 2 --encoder both --recompute",
        "--task tsp --n 3-4 --hidden 3 --batch 2 --encoder process",
    };
    const size_t before = heed_memory_live_blocks();
    for (int i = 0; i < 3; i++)
        for (long n = 1;; n++) {
            heed_memory_fail(n);
            const bool fine = builds(options[i]);
            heed_memory_fail(0);
            cr_assert_eq(heed_memory_live_blocks(), before, "request %ld leaks", n);
            if (!fine) continue;
            cr_expect_gt(n, 5);
            break;
        }
}

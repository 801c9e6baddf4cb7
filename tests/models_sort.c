/* Numbers to be sorted: what is generated, what counts as the right order. */
#include <criterion/criterion.h>

#include "models/data/sort.h"
#include "models/harness.h"

enum { N = 7, BATCH = 5 };

static float numbers[N * BATCH];
static int32_t order[N * BATCH];

static heed_view x_of(void)
{
    const heed_shape shape = HEED_SHAPE(N, BATCH);
    return heed_view_of(numbers, HEED_F32, &shape);
}

static heed_view order_of(void)
{
    const heed_shape shape = HEED_SHAPE(N, BATCH);
    return heed_view_of(order, HEED_I32, &shape);
}

static void generate(uint64_t seed, heed_split split, int64_t index)
{
    const heed_draw draw = { .seed = seed, .split = split, .index = index, .batch = BATCH };
    heed_rng rng = heed_draw_rng(&draw);
    const heed_view x = x_of(), places = order_of();
    heed_sort_numbers(&rng, &x);
    heed_sort_order(&x, &places);
}

Test(models_sort, order_ascends_and_lists_everything)
{
    const heed_view x = x_of(), places = order_of();
    for (int64_t index = 0; index < 20; index++) {
        generate(3, HEED_TRAIN, index);
        for (int b = 0; b < BATCH; b++) {
            unsigned seen = 0;
            for (int t = 0; t < N; t++) seen |= 1u << order[t * BATCH + b];
            cr_assert_eq(seen, (1u << N) - 1, "every place is listed once");
            for (int t = 1; t < N; t++)
                cr_assert_leq(numbers[order[(t - 1) * BATCH + b] * BATCH + b],
                              numbers[order[t * BATCH + b] * BATCH + b]);
            cr_assert(heed_sort_is_right(&x, &places, b));
            cr_assert_eq(heed_sort_places_right(&x, &places, b), N);
        }
    }
}

Test(models_sort, numbers_are_uniform)
{
    double sum = 0, squares = 0;
    const int draws = 400;
    for (int64_t index = 0; index < draws; index++) {
        generate(1, HEED_TRAIN, index);
        for (int i = 0; i < N * BATCH; i++) {
            cr_assert(numbers[i] >= 0 && numbers[i] < 1);
            sum += (double)numbers[i];
            squares += (double)numbers[i] * (double)numbers[i];
        }
    }
    cr_expect_float_eq(sum / (draws * N * BATCH), 0.5, 0.01);
    cr_expect_float_eq(squares / (draws * N * BATCH), 1.0 / 3, 0.01);
}

Test(models_sort, draws_differ_and_repeat)
{
    float first[N * BATCH];
    generate(3, HEED_TRAIN, 4);
    memcpy(first, numbers, sizeof first);
    generate(3, HEED_EVALUATE, 4);
    cr_expect_neq(memcmp(first, numbers, sizeof first), 0, "evaluation has numbers of its own");
    generate(3, HEED_TRAIN, 5);
    cr_expect_neq(memcmp(first, numbers, sizeof first), 0, "each step has numbers of its own");
    generate(4, HEED_TRAIN, 4);
    cr_expect_neq(memcmp(first, numbers, sizeof first), 0, "each seed has numbers of its own");
    generate(3, HEED_TRAIN, 4);
    cr_expect_eq(memcmp(first, numbers, sizeof first), 0, "the same draw gives the same numbers");
}

Test(models_sort, wrong_answers_are_wrong)
{
    const heed_view x = x_of(), places = order_of();
    generate(8, HEED_TRAIN, 0);
    int32_t kept = order[2 * BATCH];
    order[2 * BATCH] = order[3 * BATCH];
    cr_expect_not(heed_sort_is_right(&x, &places, 0), "a number twice, another missing");
    cr_expect_eq(heed_sort_places_right(&x, &places, 0), N - 1);
    order[3 * BATCH] = kept;
    cr_expect_not(heed_sort_is_right(&x, &places, 0), "two numbers swapped");
    cr_expect_eq(heed_sort_places_right(&x, &places, 0), N - 2);
    for (int b = 1; b < BATCH; b++) cr_expect(heed_sort_is_right(&x, &places, b));
}

Test(models_sort, of_equals_the_first_comes_first)
{
    const heed_view x = x_of(), places = order_of();
    for (int i = 0; i < N * BATCH; i++) numbers[i] = 0.25f;
    numbers[3 * BATCH] = 0.125f;
    heed_sort_order(&x, &places);
    const int32_t expected[N] = { 3, 0, 1, 2, 4, 5, 6 };
    for (int t = 0; t < N; t++) cr_expect_eq(order[t * BATCH], expected[t]);
    cr_expect(heed_sort_is_right(&x, &places, 0));
}

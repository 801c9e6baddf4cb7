/* What SNAIL learns from: episodes, characters, bandits, Markov decision processes; each against
 * what can be said of it without the code at hand. */
#include <criterion/criterion.h>
#include <math.h>

#include "models/data/advantage.h"
#include "models/data/bandit.h"
#include "models/data/episodes.h"
#include "models/data/mdp.h"
#include "models/data/omniglot.h"
#include "models_kit.h"

TestSuite(models_snail_data, .init = enter_folder, .fini = leave_folder, .timeout = 60);

static heed_tensor *tensor(heed_dtype dtype, heed_shape shape)
{
    heed_tensor *t = heed_tensor_new(dtype, &shape, NULL);
    cr_assert_not_null(t);
    return t;
}

/* ---- episodes ---- */

Test(models_snail_data, episodes_show_every_class_as_often)
{
    enum { N = 4, K = 3, T = N * K + 1, TRIES = 4000 };
    heed_rng rng = heed_rng_new(2, 0);
    heed_tensor *labels = tensor(HEED_F32, HEED_SHAPE(2, T, N));
    heed_tensor *target = tensor(HEED_I32, HEED_SHAPE(2));
    int asked[N] = { 0 }, first[N] = { 0 };
    for (int i = 0; i < TRIES; i++) {
        heed_episode e;
        int seen[N] = { 0 };
        heed_episode_draw(&rng, N, K, &e);
        heed_episode_write(&e, 1, &labels->view, &target->view);
        for (int t = 0; t < T; t++) {
            cr_assert_eq(e.shot[t], seen[e.label[t]]++, "the example is a new one");
            for (int c = 0; c < N; c++)
                cr_assert_eq(heed_get(&labels->view, (T + t) * N + c), t < T - 1 && c == e.label[t],
                             "the question has no label");
        }
        cr_assert_eq(heed_get(&target->view, 1), e.label[T - 1]);
        for (int c = 0; c < N; c++) cr_assert_eq(seen[c], K + (c == e.label[T - 1]));
        asked[e.label[T - 1]]++;
        first[e.label[0]]++;
    }
    for (int c = 0; c < N; c++) {
        cr_expect_float_eq(asked[c], TRIES / N, 5 * sqrt(TRIES / N));
        cr_expect_float_eq(first[c], TRIES / N, 5 * sqrt(TRIES / N));
    }
    heed_tensor_free(labels);
    heed_tensor_free(target);
}

/* Differences within a class have variance 2, between classes 2 (1 + spread^2). */
Test(models_snail_data, blobs_have_their_spread)
{
    enum { F = 50, T = 5, TRIES = 200 };
    heed_rng rng = heed_rng_new(3, 0);
    heed_tensor *x = tensor(HEED_F64, HEED_SHAPE(1, T, F));
    double within = 0, between = 0, n = 0, m = 0;
    for (int i = 0; i < TRIES; i++) {
        heed_episode e;
        heed_episode_draw(&rng, 2, 2, &e);
        heed_blobs_draw(&rng, &e, 0, 3, &x->view);
        for (int t = 1; t < T; t++)
            for (int f = 0; f < F; f++) {
                const double d = heed_get(&x->view, t * F + f) - heed_get(&x->view, f);
                *(e.label[t] == e.label[0] ? &within : &between) += d * d;
                *(e.label[t] == e.label[0] ? &n : &m) += 1;
            }
    }
    cr_expect_float_eq(within / n, 2, 0.1, "%g", within / n);
    cr_expect_float_eq(between / m, 20, 1, "%g", between / m);
    cr_expect_float_eq(heed_blobs_shrink(2, 3), 18.0 / 19, 1e-12);
    heed_tensor_free(x);
}

/* Class 0 lies at 0 and 2, class 1 at 5: 2.9 is nearer to 5 than to 1, to 4 than to .8. */
Test(models_snail_data, nearest_mean_by_hand)
{
    const double points[4] = { 0, 5, 2, 2.9 }, one_hot[8] = { 1, 0, 0, 1, 1, 0, 0, 0 };
    double question[3][2] = { { 2.9, 0 }, { 3.1, 1 }, { -9, 0 } };
    heed_tensor *x = tensor(HEED_F64, HEED_SHAPE(1, 4, 1)),
                *y = tensor(HEED_F64, HEED_SHAPE(1, 4, 2));
    for (int i = 0; i < 4; i++) heed_set(&x->view, i, points[i]);
    for (int i = 0; i < 8; i++) heed_set(&y->view, i, one_hot[i]);
    for (int i = 0; i < 3; i++) {
        heed_set(&x->view, 3, question[i][0]);
        cr_expect_eq(heed_episode_nearest(&x->view, &y->view, 0, 1), question[i][1]);
    }
    heed_set(&x->view, 3, 2.9);
    cr_expect_eq(heed_episode_nearest(&x->view, &y->view, 0, 0.8), 1, "2.9 is nearer to 4");
    heed_tensor_free(x);
    heed_tensor_free(y);
}

/* Two drawings of a class are more alike than those of two classes. */
Test(models_snail_data, glyphs_of_a_class_are_alike)
{
    enum { SIDE = 28, T = 5, TRIES = 100 };
    heed_rng rng = heed_rng_new(4, 0);
    heed_tensor *x = tensor(HEED_F32, HEED_SHAPE(2, T, SIDE * SIDE));
    heed_tensor *y = tensor(HEED_F32, HEED_SHAPE(2, T, 2));
    heed_tensor *target = tensor(HEED_I32, HEED_SHAPE(2));
    int right = 0;
    for (int i = 0; i < TRIES; i++) {
        heed_episode e;
        heed_episode_draw(&rng, 2, 2, &e);
        heed_episode_write(&e, 1, &y->view, &target->view);
        heed_glyphs_draw(&rng, &e, 1, SIDE, &x->view);
        right += heed_episode_nearest(&x->view, &y->view, 1, 1) == heed_get(&target->view, 1);
        double ink = 0;
        for (int p = 0; p < SIDE * SIDE; p++) ink += heed_get(&x->view, T * SIDE * SIDE + p) == 1;
        cr_assert(ink > 10 && ink < SIDE * SIDE / 2, "%g", ink);
    }
    cr_expect(right > 80 && right < TRIES, "%d", right);
    for (int p = 0; p < T * SIDE * SIDE; p++) cr_assert_eq(heed_get(&x->view, p), 0, "row 0");
    heed_tensor_free(x);
    heed_tensor_free(y);
    heed_tensor_free(target);
}

/* ---- omniglot ---- */

enum { CLASSES = 6, IMAGES = CLASSES * 20 };

/* Image n has one pixel of ink: row n / 20, column n % 20. */
static void write_characters(const char *name, long bytes)
{
    FILE *file = fopen(in_folder(name), "wb");
    cr_assert_not_null(file);
    for (int n = 0; n < IMAGES; n++) {
        unsigned char image[98] = { 0 };
        const int p = n / 20 * 28 + n % 20;
        image[p / 8] = (unsigned char)(128 >> (p % 8));
        for (int i = 0; i < 98 && bytes > 0; i++, bytes--) fputc(image[i], file);
    }
    fclose(file);
}

static int ink_at(const heed_omniglot *set, int64_t image, int turns)
{
    double pixels[784];
    int at = -1;
    heed_omniglot_image(set, image, turns, pixels);
    for (int p = 0; p < 784; p++) {
        if (pixels[p] == 0) continue;
        cr_expect(at < 0 && pixels[p] == 1);
        at = p;
    }
    return at;
}

Test(models_snail_data, omniglot_images_and_their_turns)
{
    heed_omniglot set;
    heed_error error = { .set = false };
    write_characters("some.bin", IMAGES * 98);
    cr_assert(heed_omniglot_read(&set, folder, "some.bin", &error), "%s", error.text);
    cr_expect_eq(set.classes, CLASSES);
    cr_expect_eq(heed_omniglot_classes(&set, true), 4 * CLASSES);
    const int row = 3, column = 7, turned[4] = { row * 28 + column, 0, 0, 0 };
    cr_expect_eq(ink_at(&set, 67, 0), turned[0]);
    cr_expect_eq(ink_at(&set, 67, 1), (27 - column) * 28 + row, "a quarter to the left");
    cr_expect_eq(ink_at(&set, 67, 2), (27 - row) * 28 + 27 - column);
    cr_expect_eq(ink_at(&set, 67, 3), column * 28 + 27 - row);
    heed_omniglot_free(&set);
}

/* A dot near the middle moves by N(0, 12 bend) either way, and keeps its ink in the mean. */
Test(models_snail_data, omniglot_images_bent)
{
    enum { TIMES = 4000, DOT = 13 * 28 + 13 };
    heed_rng rng = heed_rng_new(5, 2);
    double pixels[784] = { [DOT] = 1 };
    heed_omniglot_bend(&rng, 0, pixels);
    for (int p = 0; p < 784; p++) cr_assert_eq(pixels[p], p == DOT, "nothing is bent by 0");

    double ink = 0, sum[2] = { 0 }, squares[2] = { 0 };
    for (int i = 0; i < TIMES; i++) {
        double dot[784] = { [DOT] = 1 };
        heed_omniglot_bend(&rng, 0.1, dot);
        for (int p = 0; p < 784; p++) {
            const double at[2] = { p % 28 - 13, p / 28 - 13 };
            ink += dot[p] / TIMES;
            for (int k = 0; k < 2; k++) {
                sum[k] += at[k] * dot[p] / TIMES;
                squares[k] += at[k] * at[k] * dot[p] / TIMES;
            }
        }
    }
    cr_expect_float_eq(ink, 1, 0.1, "%g", ink);
    for (int k = 0; k < 2; k++) {
        cr_expect_float_eq(sum[k], 0, 0.1, "%g", sum[k]);
        cr_expect_float_eq(squares[k], 1.2 * 1.2 + 1.0 / 3, 0.3, "%g", squares[k]);
    }
}

/* In each episode the classes differ, and so do the images of a class. */
Test(models_snail_data, omniglot_episodes)
{
    enum { N = 5, K = 3, T = N * K + 1 };
    heed_omniglot set;
    heed_error error = { .set = false };
    heed_rng rng = heed_rng_new(8, 1);
    heed_tensor *x = tensor(HEED_F32, HEED_SHAPE(1, T, 784));
    write_characters("some.bin", IMAGES * 98);
    cr_assert(heed_omniglot_read(&set, folder, "some.bin", &error), "%s", error.text);
    bool met[CLASSES] = { false };
    for (int i = 0; i < 50; i++) {
        heed_episode e;
        bool seen[IMAGES] = { false };
        int class_of[N] = { -1, -1, -1, -1, -1 };
        heed_episode_draw(&rng, N, K, &e);
        heed_omniglot_draw(&set, &rng, &e, 0, (heed_omniglot_variety){ false, 0 }, &x->view);
        for (int t = 0; t < T; t++) {
            int p = 0;
            while (heed_get(&x->view, t * 784 + p) == 0) p++;
            const int image = p / 28 * 20 + p % 28;
            cr_assert(!seen[image], "an image comes once");
            seen[image] = met[image / 20] = true;
            cr_assert(class_of[e.label[t]] < 0 || class_of[e.label[t]] == image / 20);
            class_of[e.label[t]] = image / 20;
        }
        for (int c = 1; c < N; c++)
            for (int d = 0; d < c; d++) cr_assert_neq(class_of[c], class_of[d]);
    }
    for (int c = 0; c < CLASSES; c++) cr_expect(met[c]);
    heed_omniglot_free(&set);
    heed_tensor_free(x);
}

Test(models_snail_data, omniglot_files_that_are_none)
{
    heed_omniglot set;
    heed_error error = { .set = false };
    cr_expect_not(heed_omniglot_read(&set, folder, "nowhere.bin", &error));
    cr_expect(strstr(error.text, "nowhere.bin") && strstr(error.text, "--data"), "%s", error.text);
    heed_omniglot_free(&set);
    static const long sizes[] = { 0, 97, 20 * 98 - 1, 20 * 98 + 98 };
    for (int i = 0; i < 4; i++) {
        error.set = false;
        write_characters("some.bin", sizes[i]);
        cr_expect_not(heed_omniglot_read(&set, folder, "some.bin", &error), "%ld", sizes[i]);
        cr_expect(strstr(error.text, "whole classes"), "%s", error.text);
        heed_omniglot_free(&set);
    }
}

/* Every question shows K examples of each class and asks about one that it does not show. */
Test(models_snail_data, places_of_questions)
{
    enum { N = 4, K = 2, ALL = N * (K + 1), T = N * K + 1 };
    heed_rng rng = heed_rng_new(3, 0);
    heed_episode all, asked;
    int left[K + 1] = { 0 };
    heed_episode_all(N, K, &all);
    for (int i = 0; i < 300; i++) {
        int32_t place[T];
        bool used[ALL] = { false };
        heed_episode_draw(&rng, N, K, &asked);
        heed_episode_places(&rng, &asked, place);
        for (int t = 0; t < T; t++) {
            cr_assert(place[t] >= 0 && place[t] < ALL && !used[place[t]]);
            used[place[t]] = true;
            cr_expect_eq(all.label[place[t]], asked.label[t]);
        }
        left[all.shot[place[T - 1]]]++;
    }
    for (int k = 0; k <= K; k++) cr_expect_gt(left[k], 60, "any of a class may be asked about");
}

/* ---- bandits ---- */

/* What is to be had of an arm with a sure payment c beside it, by trying everything. */
static double worth(int k, int s, int n, double c)
{
    if (n == 0) return 0;
    const double p = (s + 1.0) / (k + 2);
    const double pull =
        p * (1 + worth(k + 1, s + 1, n - 1, c)) + (1 - p) * worth(k + 1, s, n - 1, c);
    return fmax(n * c, pull);
}

Test(models_snail_data, gittins_indices_by_bisection)
{
    heed_gittins table;
    cr_assert(heed_gittins_new(&table, 9));
    for (int k = 0; k < 9; k++)
        for (int s = 0; s <= k; s++)
            for (int n = 1; k + n <= 9; n++) {
                double low = 0, high = 1;
                for (int i = 0; i < 12; i++) {
                    const double c = (low + high) / 2;
                    *(worth(k, s, n, c) > n * c + 1e-12 ? &low : &high) = c;
                }
                cr_expect_float_eq(heed_gittins_index(&table, k, s, n), low,
                                   1.0 / HEED_GITTINS_STEPS, "%d of %d, %d left", s, k, n);
            }
    heed_gittins_free(&table);
}

Test(models_snail_data, bandits_pay_what_they_should)
{
    enum { T = 10, B = 4000, A = 5 };
    heed_rng rng = heed_rng_new(5, 0);
    heed_gittins table;
    heed_tensor *outcome = tensor(HEED_F32, HEED_SHAPE(T, B, A));
    double chance = 0, same = 0, gittins = 0, at_random = 0;
    heed_bandit_draw(&rng, &outcome->view);
    cr_assert(heed_gittins_new(&table, T));
    for (int64_t arm = 0; arm < B * A; arm++) {
        chance += heed_get(&outcome->view, arm) / (B * A);
        same += heed_get(&outcome->view, arm) == heed_get(&outcome->view, B * A + arm);
    }
    for (int64_t b = 0; b < B; b++) {
        gittins += heed_bandit_gittins(&table, &outcome->view, b) / B;
        at_random += heed_bandit_random(&outcome->view, b) / B;
    }
    cr_expect_float_eq(chance, 0.5, 0.02);
    cr_expect_float_eq(same / (B * A), 2.0 / 3, 0.02, "E[p^2 + (1 - p)^2] of uniform p");
    cr_expect_float_eq(at_random, 5, 0.1, "%g", at_random);
    cr_expect_float_eq(gittins, 6.69, 0.12, "%g; 6.6 in the paper", gittins);
    heed_gittins_free(&table);
    heed_tensor_free(outcome);
}

/* The mean of an arm's outcomes, less the best arm's. */
Test(models_snail_data, regret_of_an_arm_is_what_it_pays_less)
{
    enum { T = 4000, B = 3, A = 4 };
    heed_rng rng = heed_rng_new(11, 0), again = rng;
    heed_tensor *outcome = tensor(HEED_F32, HEED_SHAPE(T, B, A));
    heed_tensor *regret = tensor(HEED_F64, HEED_SHAPE(T, B, A));
    heed_bandit_draw(&rng, &outcome->view);
    heed_bandit_regret(&again, &regret->view);
    for (int64_t b = 0; b < B; b++) {
        double paid[A] = { 0 }, best = 0;
        for (int64_t t = 0; t < T; t++)
            for (int64_t a = 0; a < A; a++)
                paid[a] += heed_get(&outcome->view, (t * B + b) * A + a) / T;
        for (int64_t a = 0; a < A; a++) best = fmax(best, paid[a]);
        for (int64_t t = 0; t < 2; t++)
            for (int64_t a = 0; a < A; a++)
                cr_expect_float_eq(heed_get(&regret->view, (t * B + b) * A + a), paid[a] - best,
                                   0.04);
    }
    heed_tensor_free(outcome);
    heed_tensor_free(regret);
}

/* ---- Markov decision processes ---- */

enum { PAIRS = HEED_MDP_STATES * HEED_MDP_ACTIONS, ROW = HEED_MDP_STATES + 1 };

/* Action a leads to state a for sure; being in state s pays s. */
Test(models_snail_data, worth_of_a_world_by_hand)
{
    heed_tensor *world = tensor(HEED_F64, HEED_SHAPE(2, PAIRS, ROW));
    for (int64_t row = PAIRS; row < 2 * PAIRS; row++) {
        const int64_t s = row / HEED_MDP_ACTIONS % HEED_MDP_STATES, a = row % HEED_MDP_ACTIONS;
        for (int64_t j = a; j < HEED_MDP_STATES; j++) heed_set(&world->view, row * ROW + j, 1);
        heed_set(&world->view, row * ROW + HEED_MDP_STATES, (double)s);
    }
    cr_expect_float_eq(heed_mdp_best(&world->view, 1, 1), 0 + 9 * 4, 1e-12);
    cr_expect_float_eq(heed_mdp_best(&world->view, 1, 0.5), 4 * (1 - pow(0.5, 9)), 1e-12);
    cr_expect_float_eq(heed_mdp_random(&world->view, 1), 0 + 9 * 2, 1e-12);

    /* Whoever goes to state a misses 4 - a, unless the episode is over. */
    enum { T = 2 * HEED_MDP_STEPS };
    heed_tensor *state = tensor(HEED_F64, HEED_SHAPE(T, 2, HEED_MDP_STATES));
    heed_tensor *regret = tensor(HEED_F64, HEED_SHAPE(T, 2, HEED_MDP_ACTIONS));
    for (int64_t at = 0; at < 2 * T; at++)
        heed_set(&state->view, at * HEED_MDP_STATES + at % HEED_MDP_STATES, 1);
    heed_mdp_regret(&world->view, &state->view, &regret->view);
    for (int64_t t = 0; t < T; t++) {
        const bool last = t % HEED_MDP_STEPS == HEED_MDP_STEPS - 1;
        for (int64_t a = 0; a < HEED_MDP_ACTIONS; a++)
            cr_expect_float_eq(heed_get(&regret->view, (2 * t + 1) * HEED_MDP_ACTIONS + a),
                               last ? 0 : (double)(a - 4), 1e-12);
    }
    heed_tensor_free(state);
    heed_tensor_free(regret);
    heed_tensor_free(world);
}

/* The paper's random player gets .482 of what is best with a discount of .99, .46 of the best. */
Test(models_snail_data, random_worlds)
{
    enum { B = 300 };
    heed_rng rng = heed_rng_new(6, 0);
    heed_tensor *world = tensor(HEED_F32, HEED_SHAPE(B, PAIRS, ROW));
    double best = 0, discounted = 0, at_random = 0, first = 0, squares = 0;
    heed_mdp_draw(&rng, &world->view);
    for (int64_t row = 0; row < B * PAIRS; row++) {
        double before = 0;
        for (int64_t j = 0; j < HEED_MDP_STATES; j++) {
            const double up_to = heed_get(&world->view, row * ROW + j);
            cr_assert(up_to >= before);
            if (j == 0) first += up_to;
            squares += (up_to - before) * (up_to - before);
            before = up_to;
        }
        cr_assert_eq(before, 1);
    }
    cr_expect_float_eq(first / (B * PAIRS), 0.1, 0.01);
    cr_expect_float_eq(squares / (B * PAIRS), 20.0 / 110, 0.01, "10 times 2 / (10 x 11)");
    for (int64_t b = 0; b < B; b++) {
        best += heed_mdp_best(&world->view, b, 1);
        discounted += heed_mdp_best(&world->view, b, 0.99);
        at_random += heed_mdp_random(&world->view, b);
    }
    cr_expect_float_eq(at_random / discounted, 0.482, 0.008, "%g", at_random / discounted);
    cr_expect_float_eq(at_random / best, 0.46, 0.008, "%g", at_random / best);
    heed_tensor_free(world);
}

/* ---- advantages ---- */

Test(models_snail_data, advantages_by_their_sum)
{
    enum { T = 6, B = 3 };
    const double discount = 0.9, lambda = 0.7;
    heed_rng rng = heed_rng_new(9, 0);
    heed_tensor *t[4];
    for (int i = 0; i < 4; i++) t[i] = tensor(HEED_F64, HEED_SHAPE(T, B));
    heed_fill_normal(&rng, &t[0]->view, 0, 1);
    heed_fill_normal(&rng, &t[1]->view, 0, 1);
    heed_advantages(&t[0]->view, &t[1]->view, discount, lambda, &t[2]->view, &t[3]->view);
    for (int b = 0; b < B; b++)
        for (int i = 0; i < T; i++) {
            double sum = 0;
            for (int k = i; k < T; k++)
                sum += pow(discount * lambda, k - i) *
                       (heed_get(&t[0]->view, k * B + b) - heed_get(&t[1]->view, k * B + b) +
                        (k + 1 < T ? discount * heed_get(&t[1]->view, (k + 1) * B + b) : 0));
            cr_expect_float_eq(heed_get(&t[2]->view, i * B + b), sum, 1e-12);
            cr_expect_float_eq(heed_get(&t[3]->view, i * B + b),
                               sum + heed_get(&t[1]->view, i * B + b), 1e-12);
        }
    for (int i = 0; i < 4; i++) heed_tensor_free(t[i]);
}

/* An advantage of later steps does not change with what the action itself brings. */
Test(models_snail_data, later_advantages_blame_for_what_comes_later)
{
    enum { T = 5, B = 2, A = 3 };
    heed_rng rng = heed_rng_new(10, 0);
    heed_tensor *known = tensor(HEED_F64, HEED_SHAPE(T, B, A));
    heed_tensor *action = tensor(HEED_F64, HEED_SHAPE(T, B, A));
    heed_tensor *t[5];
    for (int i = 0; i < 5; i++) t[i] = tensor(HEED_F64, HEED_SHAPE(T, B));
    heed_fill_normal(&rng, &known->view, 0, 1);
    heed_fill_normal(&rng, &t[0]->view, 0, 1);
    for (int64_t at = 0; at < T * B; at++) heed_set(&action->view, at * A + at % A, 1);
    heed_later_advantages(&known->view, &action->view, &t[0]->view, 0.9, 0.8, &t[1]->view,
                          &t[2]->view);
    const int64_t at = 2 * B + 1, own = at * A + at % A, other = at * A + (at + 1) % A;
    const double before = heed_get(&t[1]->view, at), all = heed_get(&t[2]->view, at);
    cr_expect_float_eq(all - heed_get(&t[0]->view, at) - before, /* of GAE, what is its own */
                       heed_get(&known->view, own) -
                           (heed_get(&known->view, own) + heed_get(&known->view, other) +
                            heed_get(&known->view, at * A + (at + 2) % A)) /
                               A,
                       1e-12);
    heed_set(&known->view, own, heed_get(&known->view, own) + 3);
    heed_set(&known->view, other, heed_get(&known->view, other) - 3);
    heed_later_advantages(&known->view, &action->view, &t[0]->view, 0.9, 0.8, &t[3]->view,
                          &t[4]->view);
    cr_expect_float_eq(heed_get(&t[3]->view, at), before, 1e-12);
    cr_expect_float_eq(heed_get(&t[4]->view, at), all + 3, 1e-12);
    cr_expect_float_eq(heed_get(&t[3]->view, at - B), heed_get(&t[1]->view, at - B) + 3 * 0.9 * 0.8,
                       1e-12, "the step before led to it");
    for (int i = 0; i < 5; i++) heed_tensor_free(t[i]);
    heed_tensor_free(known);
    heed_tensor_free(action);
}

Test(models_snail_data, deviation_of_numbers)
{
    heed_tensor *x = tensor(HEED_F64, HEED_SHAPE(4));
    for (int i = 0; i < 4; i++) heed_set(&x->view, i, i % 2 ? 3 : -1);
    cr_expect_float_eq(heed_deviation(&x->view), 2, 1e-12);
    heed_divide(&x->view, 2);
    cr_expect_float_eq(heed_get(&x->view, 3), 1.5, 1e-12);
    heed_center(&x->view);
    cr_expect_float_eq(heed_get(&x->view, 0), -1, 1e-12);
    heed_tensor_free(x);
}

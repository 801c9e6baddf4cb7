/* The self-attention GAN as a program: it learns, its files hold all of it, wrong options. */
#define MODEL_PROGRAM "sagan"
#include <math.h>

#include "tests/models_kit.h"

TestSuite(models_sagan_program, .init = enter_folder, .fini = leave_folder, .timeout = 300);

#define SMALL "--size 10 --width 4 --latent 4 --batch 8 --examples 100 --threads 1 --quiet --json "

/* Untrained generators, and those whose discriminator or own gradient is switched off, make no
 * legible scene in a thousand; without attention a fiftieth are legible and right. */
Test(models_sagan_program, it_learns)
{
    cr_assert_eq(run_model("--size 10 --width 16 --latent 8 --batch 24 --lr 3e-3 --steps 2500 "
                           "--examples 500 --threads 1 --quiet --json"),
                 0, "%s", complained);
    cr_expect_gt(json_number("value"), 0.05, "%s", said);
    cr_expect_gt(json_number("matching"), 0.5, "chance is an eighth: %s", said);
    cr_expect_gt(json_number("kinds"), 1, "several symbols: %s", said);
    cr_expect_gt(fabs(json_number("gamma_generator")), 0.1, "%s", said);
    cr_expect_gt(fabs(json_number("gamma_discriminator")), 0.1, "%s", said);
    cr_expect_lt(fabs(json_number("worst_norm")), 0.05, "%s", said);
}

Test(models_sagan_program, untrained_it_knows_nothing)
{
    cr_assert_eq(run_model("--size 10 --steps 0 --examples 500 --quiet --json"), 0);
    cr_expect_eq(json_number("value"), 0);
    cr_expect_eq(json_number("gamma_generator"), 0);
    cr_expect_eq(json_number("gamma_discriminator"), 0);
}

/* Running statistics and the norms' vectors are part of the model. */
Test(models_sagan_program, saved_parameters_give_the_same_answers)
{
    cr_assert_eq(run_model(SMALL "--steps 30 --save %s/p"), 0, "%s", complained);
    const double loss = json_number("loss"), worst = json_number("worst_norm");
    cr_expect_gt(loss, 0);
    cr_assert_eq(run_model(SMALL "--load %s/p --eval-only"), 0, "%s", complained);
    cr_expect_eq(json_number("loss"), loss);
    cr_expect_eq(json_number("worst_norm"), worst);
    expect_words(1, SMALL "--load %s/p --eval-only --twin residual", "twin", "residual");
}

/* Two trainers on one store, one checkpoint. */
Test(models_sagan_program, stopped_and_resumed_is_never_interrupted)
{
    cr_assert_eq(run_model(SMALL "--steps 400 --save %s/whole"), 0, "%s", complained);
    for (int i = 0; i < 20 && access(in_folder("parts"), F_OK) != 0; i++)
        run_for(150, SIGKILL,
                SMALL "--steps 400 --resume %s/run --checkpoint-every 20 --save "
                      "%s/parts");
    cr_assert_eq(run_model(SMALL "--steps 400 --resume %s/run --checkpoint-every 20 --save "
                                 "%s/parts"),
                 0, "%s", complained);
    cr_expect(same_files("whole", "parts"));
}

Test(models_sagan_program, wrong_options_are_sentences)
{
    expect_words(2, "--size 30", "--size: 30 cannot be halved", "try 16, 24, 32");
    expect_words(2, "--attend 7", "--attend: the networks have no map of 7 x 7", "24 pixels");
    expect_words(2, "--task digits", "--data", "digits");
    expect_words(2, "--task digits --data /nowhere", "/nowhere/train_labels.bin", "MNIST");
    expect_words(2, "--twin brother", "attention, residual, nothing", "--twin");
}

static bool is_png(const char *name)
{
    unsigned char head[8] = { 0 };
    FILE *file = fopen(in_folder(name), "rb");
    if (!file) return false;
    const size_t n = fread(head, 1, 8, file);
    fclose(file);
    return n == 8 && memcmp(head, "\211PNG\r\n\032\n", 8) == 0;
}

Test(models_sagan_program, what_it_looks_at)
{
    cr_assert_eq(run_model("--size 10 --width 4 --steps 2 --examples 100 --show --picture %s/p.png "
                           "--dump-attention %s/maps --quiet"),
                 0, "%s", complained);
    cr_expect(strstr(said, "a generated image") && strstr(said, "of the generator look") &&
              strstr(said, "of the discriminator look"));
    cr_expect(is_png("p.png"));
    cr_expect_eq(access(in_folder("maps"), R_OK), 0);
    cr_assert_eq(run_model("--size 10 --width 4 --steps 2 --examples 100 --show --picture %s/q.png "
                           "--twin residual --color --quiet"),
                 0, "%s", complained);
    cr_expect(strstr(said, "a generated image") && !strstr(said, "look"));
    cr_expect(is_png("q.png"));
}

/* ---- digits: a set of ten bars, each of its own length ---- */

static void write_bars(const char *name, int count)
{
    char path[100];
    snprintf(path, sizeof path, "%s_labels.bin", name);
    FILE *labels = fopen(in_folder(path), "wb");
    snprintf(path, sizeof path, "%s_images.rle", name);
    FILE *images = fopen(in_folder(path), "wb");
    cr_assert(labels && images);
    for (int i = 0; i < count; i++) {
        fputc(i % 10, labels);
        for (int row = 0; row < 28; row++) { /* zeros, then so many of ink */
            const int ink = row > 8 && row < 20 ? 4 + 2 * (i % 10) : 0;
            fputc(28 - ink, images);
            fputc(ink, images);
            for (int k = 0; k < ink; k++) fputc(255, images);
        }
    }
    fclose(labels);
    fclose(images);
}

Test(models_sagan_program, digits_are_judged)
{
    write_bars("train", 100);
    write_bars("test", 40);
    cr_assert_eq(run_model("--task digits --data %s --width 4 --batch 8 --steps 2 --examples 150 "
                           "--threads 1 --quiet --json"),
                 0, "%s", complained);
    cr_expect_eq(json_number("judge_right"), 1, "bars are easy: %s", said);
    cr_expect_lt(json_number("frechet_of_real"), 1e-6, "the same bars: %s", said);
    cr_expect_gt(json_number("value"), 1, "noise is no bar: %s", said);
}

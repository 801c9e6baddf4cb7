/* The pointer network's program on points: learning, data, refusals, resuming, attention. */
#include "models_kit.h"

#include "tensor/safetensors.h"
#include "tensor/tensor.h"

TestSuite(models_ptrnet_program, .init = enter_folder, .fini = leave_folder, .timeout = 300);

#define SMALL \
    "--batch 64 --hidden 32 --heads 4 --layers 2 --lr 4e-3 --quiet --examples 1000 --json "

/* The same answer, whatever the points are, is right at most once in twenty times. */
Test(models_ptrnet_program, it_learns_hulls)
{
    cr_assert_eq(run_model(SMALL "--task hull --n 5 --steps 400"), 0, "%s", complained);
    cr_expect_gt(json_number("value"), 0.75, "%s", said);
    cr_expect_gt(json_number("area_covered"), 0.98, "%s", said);
    cr_expect_gt(json_number("simple_polygons"), 0.97, "%s", said);
}

/* Any tour: 1.3 times the shortest. */
Test(models_ptrnet_program, it_learns_tours)
{
    cr_assert_eq(run_model(SMALL "--task tsp --n 6 --steps 150"), 0, "%s", complained);
    cr_expect_lt(json_number("value"), 1.025, "%s", said);
    cr_expect_geq(json_number("value"), 1);
    cr_expect_eq(json_number("valid_tours"), 1);
}

/* Four points have two triangles on either side of one of six diagonals, or three; whatever the
 * points are, the same answer is right at most once in eight times. */
Test(models_ptrnet_program, it_learns_triangles)
{
    cr_assert_eq(run_model(SMALL "--task delaunay --n 4 --steps 600"), 0, "%s", complained);
    cr_expect_gt(json_number("value"), 0.35, "%s", said);
    cr_expect_gt(json_number("triangles_covered"), 0.7, "%s", said);
}

static void write_lines(const char *name, int lines)
{
    FILE *file = fopen(in_folder(name), "wb");
    cr_assert_not_null(file);
    for (int i = 0; i < lines; i++)
        fprintf(file, "0.1 0.1 0.9 0.%d 0.8 0.9 0.2 0.8 0.5 0.5 output 1 2 3 4 1\n", 1 + i % 9);
    fclose(file);
}

Test(models_ptrnet_program, evaluation_reads_data)
{
    write_lines("hull5_test_a.txt", 30);
    cr_assert_eq(run_model("--task hull --n 5 --steps 20 --hidden 16 --heads 2 --quiet --json "
                           "--data %s --save %s/p"),
                 0, "%s", complained);
    cr_expect_eq(json_number("evaluated"), 30, "%s", said);
    const double area = json_number("area_covered");
    cr_assert_eq(run_model("--task hull --n 5 --eval-only --hidden 16 --heads 2 --quiet --json "
                           "--data %s --load %s/p --seed 9"),
                 0, "%s", complained);
    cr_expect_eq(json_number("area_covered"), area, "another seed, the same data");
    cr_assert_eq(run_model("--task hull --n 5-9 --eval-only --hidden 16 --heads 2 --quiet --json "
                           "--load %s/p --examples 100"),
                 0, "%s", complained);
    cr_expect(strstr(said, "\"n\":\"5-9\""), "%s", said);
}

Test(models_ptrnet_program, wrong_requests_are_sentences)
{
    write_lines("hull10_dev.txt", 2);
    expect_words(2, "--task hull --n 2", "--n: --task hull takes 3 to", "--help");
    expect_words(2, "--task tsp --n 400", "--n: --task tsp takes 3 to 100", "--help");
    expect_words(2, "--n 5-10", "--n: --task sort takes one length", "--help");
    expect_words(2, "--task hull --n 5-10 --encoder lstm", "--encoder lstm", "both");
    expect_words(2, "--task hull --hidden 30 --heads 4", "--hidden 30", "--heads 4");
    expect_words(2, "--task hull --n 6 --data %s", "--data", "no file of sets of this --n");
    expect_words(2, "--task hull --n 5 --data %s", "hull5_test_a.txt", "No such file");
    expect_words(2, "--task hull --n 10 --data %s", "hull10_dev.txt:1: fewer coordinates",
                 "20 num");
    expect_words(2, "--task delaunay --n 5 --data %s", "--data", "reads no data set");
}

Test(models_ptrnet_program, data_with_fewer_examples_than_asked_for)
{
    write_lines("hull5_test_a.txt", 3);
    expect_words(2, "--task hull --n 5 --data %s --examples 4", "--examples 4", "has 3");
}

#define LONG "--task tsp --n 13-14 --hidden 8 --heads 2 --batch 4 --steps 300 --quiet --examples 5 "

/* Tours of more than 12 points are found by a search that draws random numbers. */
Test(models_ptrnet_program, interrupted_and_resumed_is_never_interrupted)
{
    cr_assert_eq(run_model(LONG "--save %s/whole --json"), 0, "%s", complained);
    const int whole = (int)(1000 * json_number("train_seconds"));
    int kills = 0, status = 130;
    for (int i = 0; i < 50 && status != 0; i++) {
        status = run_for(50 + whole / 3, SIGTERM, LONG "--resume %s/run --save %s/parts");
        cr_assert(status == 130 || status == 0 || status == 128 + SIGTERM, "%d: %s", status,
                  complained);
        kills += status == 130;
    }
    cr_assert_eq(status, 0);
    cr_expect_geq(kills, 1);
    cr_expect(same_files("whole", "parts"));
}

/* Weights of every step add up to 1; none are the end's before the third corner. */
Test(models_ptrnet_program, attention_is_shown_dumped_and_drawn)
{
    cr_assert_eq(run_model("--task hull --n 6 --hidden 8 --heads 2 --steps 5 --quiet --examples 50 "
                           "--show --dump-attention %s/a --picture %s/p.png"),
                 0, "%s", complained);
    cr_expect(strstr(said, "expected:") && strstr(said, "answer:") && strstr(said, "  end "));
    heed_error error = { .set = false };
    heed_file *file = heed_file_open(in_folder("a"), &error);
    cr_assert_not_null(file, "%s", error.text);
    float weights[7 * 7];
    const heed_shape shape = HEED_SHAPE(1, 7, 7);
    const heed_view view = heed_view_of(weights, HEED_F32, &shape);
    const heed_file_entry *entry = heed_file_find(file, "pointer");
    cr_assert(entry && heed_file_read(file, entry, &view, &error), "%s", error.text);
    heed_file_close(file);
    for (int t = 0; t < 7; t++) {
        double sum = 0;
        for (int i = 0; i < 7; i++) sum += (double)weights[7 * t + i];
        cr_expect_float_eq(sum, 1, 1e-5);
        if (t < 3) cr_expect_eq(weights[7 * t + 6], 0, "no end yet");
    }
    cr_assert_eq(run_model("--n 5 --hidden 8 --steps 5 --quiet --examples 50 --show "
                           "--picture %s/sort.png"),
                 0, "%s", complained);
    cr_expect(strstr(said, "weights of elements 1 to 5,"), "%s", said);
    cr_expect_eq(access(in_folder("sort.png"), F_OK), 0);
}

/* What the self-attention GAN learns from and is measured by: scenes, digits, eigenvalues. */
#include <math.h>

#include "heed.h"
#include "models/data/digits.h"
#include "models/data/scenes.h"
#include "models/data/spectrum.h"
#include "tests/models_kit.h"

/* ---- scenes ---- */

enum { S = 16, MOST = 3 * 4000 * S * S };

static heed_view scenes_of(float *pixels, int64_t count, int64_t channels, bool independent)
{
    const heed_shape shape = HEED_SHAPE(count, channels, S, S);
    const heed_view images = heed_view_of(pixels, HEED_F32, &shape);
    heed_rng rng = heed_rng_new(7, (uint64_t)channels);
    heed_scene_draw(&rng, &images, independent);
    return images;
}

Test(models_sagan_data, real_scenes_are_read_and_others_match_by_chance)
{
    enum { COUNT = 4000 };
    float *pixels = malloc(MOST * sizeof *pixels);
    for (int64_t channels = 1; channels <= 3; channels += 2)
        for (int independent = 0; independent <= 1; independent++) {
            const heed_view images = scenes_of(pixels, COUNT, channels, independent);
            int seen[HEED_SCENE_SYMBOLS] = { 0 }, matching = 0;
            for (int b = 0; b < COUNT; b++) {
                const heed_scene_reading r = heed_scene_read(&images, b);
                cr_assert(r.first >= 0 && r.second >= 0 && r.clean, "%d", b);
                matching += r.first == r.second;
                seen[r.first]++;
            }
            for (int k = 0; k < HEED_SCENE_SYMBOLS; k++)
                cr_expect(abs(seen[k] - COUNT / 8) < 110, "5 deviations: %d", seen[k]);
            if (independent)
                cr_expect(abs(matching - COUNT / 8) < 110, "%d", matching);
            else
                cr_expect_eq(matching, COUNT);
        }
    free(pixels);
}

/* Two scenes of different symbols are at least 11 pixels apart in each corner. */
Test(models_sagan_data, symbols_are_far_apart)
{
    enum { COUNT = 100 };
    float *pixels = malloc(MOST * sizeof *pixels);
    int pairs = 0;
    const heed_view images = scenes_of(pixels, COUNT, 1, false);
    for (int b = 0; b < COUNT; b++)
        for (int k = 0; k < HEED_SCENE_SYMBOLS; k++) {
            const double far = heed_scene_distance(&images, b, true, k);
            const int is = heed_scene_read(&images, b).second;
            cr_expect(k == is ? far == 0 : far >= 4 * 11, "%d, %d: %g", is, k, far);
            cr_expect_eq(far, heed_scene_distance(&images, b, false, k));
            pairs += k != is;
        }
    cr_expect_eq(pairs, 7 * COUNT);
    free(pixels);
}

/* One wrong pixel is read all the same, two are not; ink elsewhere is seen; NaN is nothing. */
Test(models_sagan_data, damaged_scenes)
{
    float pixels[S * S];
    const heed_view image = scenes_of(pixels, 1, 1, false);
    const int symbol = heed_scene_read(&image, 0).first;
    pixels[0] = -pixels[0];
    cr_expect_eq(heed_scene_read(&image, 0).first, symbol);
    pixels[4] = -pixels[4];
    cr_expect_eq(heed_scene_read(&image, 0).first, -1);
    cr_expect_eq(heed_scene_read(&image, 0).second, symbol);
    cr_expect(heed_scene_read(&image, 0).clean, "corners are not elsewhere");
    pixels[5] = 0.1F;
    cr_expect_not(heed_scene_read(&image, 0).clean);
    pixels[5] = NAN;
    cr_expect_not(heed_scene_read(&image, 0).clean);
    pixels[S * S - 1] = NAN;
    cr_expect_eq(heed_scene_read(&image, 0).second, -1);
}

/* ---- digits ---- */

static void write_file(const char *name, const void *data, size_t size)
{
    FILE *file = fopen(in_folder(name), "wb");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(data, 1, size, file), size);
    fclose(file);
}

/* Two images: 3 zeros, then 7 8 9, then zeros; and 784 pixels k mod 251 + 1. return: bytes. */
static size_t pack(uint8_t *to)
{
    const uint8_t first[] = { 3, 3, 7, 8, 9, 255, 0, 255, 0, 255, 0, 13, 0 };
    size_t n = sizeof first;
    memcpy(to, first, n);
    for (int k = 0; k < HEED_DIGIT_PIXELS;) {
        const int run = HEED_DIGIT_PIXELS - k < 255 ? HEED_DIGIT_PIXELS - k : 255;
        to[n++] = 0;
        to[n++] = (uint8_t)run;
        for (int i = 0; i < run; i++, k++) to[n++] = (uint8_t)(k % 251 + 1);
    }
    return n;
}

TestSuite(models_sagan_files, .init = enter_folder, .fini = leave_folder);

Test(models_sagan_files, packed_digits)
{
    uint8_t packed[2000];
    const uint8_t labels[] = { 4, 9 };
    heed_error error = { .set = false };
    heed_digits digits;
    write_file("train_images.rle", packed, pack(packed));
    write_file("train_labels.bin", labels, 2);
    cr_assert(heed_digits_read(&digits, folder, "train", &error), "%s", error.text);
    cr_expect_eq(digits.count, 2);
    cr_expect_eq(digits.labels[1], 9);
    for (int k = 0; k < HEED_DIGIT_PIXELS; k++) {
        cr_expect_eq(digits.pixels[k], k >= 3 && k < 6 ? k + 4 : 0);
        cr_expect_eq(digits.pixels[HEED_DIGIT_PIXELS + k], k % 251 + 1);
    }
    float pixels[50 * HEED_DIGIT_PIXELS];
    int32_t drawn[50];
    const heed_shape shape = HEED_SHAPE(50, 1, 28, 28), row = HEED_SHAPE(50);
    const heed_view images = heed_view_of(pixels, HEED_F32, &shape);
    const heed_view of = heed_view_of(drawn, HEED_I32, &row);
    heed_rng rng = heed_rng_new(1, 0);
    heed_digits_draw(&digits, &rng, &images, &of);
    int fours = 0;
    for (int b = 0; b < 50; b++) {
        const float corner = pixels[b * HEED_DIGIT_PIXELS];
        fours += drawn[b] == 4;
        cr_expect_float_eq(corner, drawn[b] == 4 ? -1 : 1 / 127.5 - 1, 1e-6);
    }
    cr_expect(fours > 10 && fours < 40, "%d", fours);
    heed_digits_free(&digits);
}

static void expect_refused(const char *why)
{
    heed_error error = { .set = false };
    heed_digits digits;
    cr_expect_not(heed_digits_read(&digits, folder, "test", &error), "%s", why);
    cr_expect(strstr(error.text, why), "'%s' is not in: %s", why, error.text);
    heed_digits_free(&digits);
}

Test(models_sagan_files, damaged_digits_are_sentences)
{
    uint8_t packed[2000];
    const size_t size = pack(packed);
    expect_refused("test_labels.bin: No such file");
    write_file("test_labels.bin", "", 0);
    expect_refused("test_labels.bin: it is empty");
    write_file("test_labels.bin", "\1\12", 2);
    expect_refused("label 1 is 10; expected 0 to 9");
    write_file("test_labels.bin", "\1\2", 2);
    expect_refused("test_images.rle: No such file");
    write_file("test_images.rle", packed, size - 1);
    expect_refused("image 1 is damaged");
    write_file("test_images.rle", packed, 1);
    expect_refused("image 0 is damaged");
    write_file("test_images.rle", packed, size);
    write_file("test_labels.bin", "\1", 1);
    expect_refused("more in it than the 1 images");
    packed[11] = 14; /* zeros: one too many */
    write_file("test_images.rle", packed, size);
    expect_refused("image 0 is damaged");
    packed[11] = 0;
    packed[12] = 0; /* an empty run would never end */
    write_file("test_images.rle", packed, size);
    expect_refused("image 0 is damaged");
}

/* ---- eigenvalues ---- */

static void random_symmetric(heed_rng *rng, double *a, int n)
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j <= i; j++) a[i * n + j] = a[j * n + i] = heed_random_normal(rng);
}

/* V diag(value) V' = A, V' V = 1. */
Test(models_sagan_data, eigenvalues_rebuild_the_matrix)
{
    heed_rng rng = heed_rng_new(2, 0);
    for (int n = 1; n <= 20; n += n < 4 ? 1 : 8) {
        double a[400], kept[400], value[20], vector[400];
        random_symmetric(&rng, a, n);
        memcpy(kept, a, sizeof a);
        heed_symmetric_eigen(a, n, value, vector);
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) {
                double sum = 0, unit = 0;
                for (int k = 0; k < n; k++) {
                    sum += vector[i * n + k] * value[k] * vector[j * n + k];
                    unit += vector[k * n + i] * vector[k * n + j];
                }
                cr_expect_float_eq(sum, kept[i * n + j], 1e-12, "%d", n);
                cr_expect_float_eq(unit, i == j, 1e-12, "%d", n);
            }
    }
}

/* Of w = c (a b') the only one is |a| |b|; of any matrix it is what many steps of the power method
 * find, and that of its transpose. */
Test(models_sagan_data, largest_singular_value)
{
    double w[60], turned[60], u[12], v[5];
    const heed_shape shape = HEED_SHAPE(12, 5), other = HEED_SHAPE(5, 2, 6);
    const heed_view view = heed_view_of(w, HEED_F64, &shape);
    const heed_view wide = heed_view_of(turned, HEED_F64, &other);
    for (int i = 0; i < 60; i++) w[i] = (i / 5 + 1) * (i % 5 == 2 ? 3 : i % 5 == 4 ? -4 : 0);
    cr_expect_float_eq(heed_largest_singular_value(&view), 5 * sqrt(650), 1e-9);
    heed_rng rng = heed_rng_new(4, 0);
    for (int i = 0; i < 60; i++) w[i] = heed_random_normal(&rng);
    for (int i = 0; i < 60; i++) turned[i % 5 * 12 + i / 5] = w[i];
    double largest = 0;
    for (int j = 0; j < 5; j++) v[j] = 1;
    for (int step = 0; step < 2000; step++) {
        double norm = 0;
        for (int i = 0; i < 12; i++) {
            u[i] = 0;
            for (int j = 0; j < 5; j++) u[i] += w[i * 5 + j] * v[j];
        }
        for (int j = 0; j < 5; j++) {
            v[j] = 0;
            for (int i = 0; i < 12; i++) v[j] += w[i * 5 + j] * u[i];
            norm += v[j] * v[j];
        }
        for (int j = 0; j < 5; j++) v[j] /= sqrt(norm);
        largest = sqrt(sqrt(norm));
    }
    cr_expect_float_eq(heed_largest_singular_value(&view), largest, 1e-9);
    cr_expect_float_eq(heed_largest_singular_value(&wide), largest, 1e-9);
    memset(w, 0, sizeof w);
    cr_expect_eq(heed_largest_singular_value(&view), 0);
}

/* ---- the distance of distributions ---- */

/* Examples whose mean and covariance are exactly m and [a b; b c]: m +- the columns of its root. */
static void plane(heed_moments *moments, double m0, double m1, double a, double b, double c)
{
    const double l0 = sqrt(a), l1 = b / l0, l2 = sqrt(c - l1 * l1); /* Cholesky */
    const double scale = sqrt(1.5); /* 4 examples: the sum of squares over 3 */
    const double x[4][2] = { { l0, l1 }, { -l0, -l1 }, { 0, l2 }, { 0, -l2 } };
    cr_assert(heed_moments_new(moments, 2));
    for (int i = 0; i < 4; i++)
        heed_moments_add(moments, (double[2]){ m0 + scale * x[i][0], m1 + scale * x[i][1] });
}

static double distance_of(const double *p, const double *q)
{
    heed_moments a, b;
    plane(&a, p[0], p[1], p[2], p[3], p[4]);
    plane(&b, q[0], q[1], q[2], q[3], q[4]);
    const double there = heed_frechet_distance(&a, &b), back = heed_frechet_distance(&b, &a);
    cr_expect_float_eq(there, back, 1e-10);
    heed_moments_free(&a);
    heed_moments_free(&b);
    return there;
}

Test(models_sagan_data, means_and_covariances)
{
    heed_moments m;
    plane(&m, 1, -2, 4, 6, 10);
    cr_expect_float_eq(heed_moments_mean(&m, 0), 1, 1e-12);
    cr_expect_float_eq(heed_moments_mean(&m, 1), -2, 1e-12);
    cr_expect_float_eq(heed_moments_covariance(&m, 0, 0), 4, 1e-12);
    cr_expect_float_eq(heed_moments_covariance(&m, 0, 1), 6, 1e-12);
    cr_expect_float_eq(heed_moments_covariance(&m, 1, 1), 10, 1e-12);
    heed_moments_clear(&m);
    heed_moments_add(&m, (double[2]){ 1, 2 });
    cr_expect_eq(heed_moments_covariance(&m, 0, 0), 0, "one example does not vary");
    heed_moments_free(&m);
}

/* In the plane trace((A B)^(1/2)) = sqrt(trace(A B) + 2 sqrt(det A det B)). */
Test(models_sagan_data, frechet_distance_in_the_plane)
{
    const double p[5] = { 1, -2, 4, 0, 9 }, q[5] = { 3, -2, 25, 0, 1 };
    cr_expect_float_eq(distance_of(p, p), 0, 1e-10);
    cr_expect_float_eq(distance_of(p, q), 4 + 9 + 4, 1e-10, "(2 - 5)^2, (3 - 1)^2");
    const double r[5] = { 0, 0, 2, 1, 3 }, s[5] = { 1, 1, 5, -2, 1 };
    const double product = 2 * 5 + 2 * 1 * -2 + 3 * 1, determinants = (6 - 1) * (5 - 4);
    cr_expect_float_eq(distance_of(r, s), 2 + 5 + 6 - 2 * sqrt(product + 2 * sqrt(determinants)),
                       1e-10);
    heed_moments one;
    cr_assert(heed_moments_new(&one, 2));
    heed_moments_add(&one, (double[2]){ 1, 2 });
    cr_expect_eq(heed_frechet_distance(&one, &one), -1, "one example has no covariance");
    heed_moments_free(&one);
}

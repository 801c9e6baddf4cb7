/* digits.c - reading run-length packed digits. */
#include "models/data/digits.h"

#include <stdio.h>
#include <string.h>

#include "models/data/bytes.h"
#include "tensor/memory.h"

enum { PATH = 4096 };

typedef struct bytes {
    char path[PATH];
    uint8_t *data;
    int64_t size;
} bytes;

static bool read_bytes(bytes *b, const char *folder, const char *name, const char *rest,
                       heed_error *error)
{
    size_t size;
    if (snprintf(b->path, sizeof b->path, "%s/%s_%s", folder, name, rest) >= (int)sizeof b->path)
        return heed_fail(error, "the path of %s_%s in %.100s.. is too long", name, rest, folder);
    b->data = heed_read_file(b->path, &size, "--data takes MNIST's folder", error);
    b->size = (int64_t)size;
    return b->data != NULL;
}

/* One image. return: where the next one begins, or -1: the runs do not make 784 pixels. */
static int64_t unpack(const bytes *packed, int64_t at, uint8_t *pixels)
{
    int64_t out = 0;
    while (out < HEED_DIGIT_PIXELS) {
        if (at + 2 > packed->size) return -1;
        const int64_t zeros = packed->data[at], n = packed->data[at + 1];
        at += 2;
        if (zeros + n == 0 || out + zeros + n > HEED_DIGIT_PIXELS || at + n > packed->size)
            return -1;
        memset(pixels + out, 0, (size_t)zeros);
        memcpy(pixels + out + zeros, packed->data + at, (size_t)n);
        out += zeros + n;
        at += n;
    }
    return at;
}

static bool unpack_all(heed_digits *digits, const bytes *packed, heed_error *error)
{
    int64_t at = 0;
    for (int64_t i = 0; i < digits->count; i++) {
        at = unpack(packed, at, digits->pixels + i * HEED_DIGIT_PIXELS);
        if (at < 0)
            return heed_fail(error, "%s: image %lld is damaged: its runs do not end at %d pixels",
                             packed->path, (long long)i, HEED_DIGIT_PIXELS);
    }
    return at == packed->size ||
           heed_fail(error, "%s: there is more in it than the %lld images that have labels",
                     packed->path, (long long)digits->count);
}

static bool check_labels(const bytes *labels, heed_error *error)
{
    if (labels->size == 0) return heed_fail(error, "%s: it is empty", labels->path);
    for (int64_t i = 0; i < labels->size; i++)
        if (labels->data[i] >= HEED_DIGIT_CLASSES)
            return heed_fail(error, "%s: label %lld is %d; expected 0 to 9", labels->path,
                             (long long)i, labels->data[i]);
    return true;
}

bool heed_digits_read(heed_digits *digits, const char *folder, const char *name, heed_error *error)
{
    bytes labels = { .data = NULL }, packed = { .data = NULL };
    *digits = (heed_digits){ .count = 0 };
    bool read = read_bytes(&labels, folder, name, "labels.bin", error) &&
                check_labels(&labels, error) &&
                read_bytes(&packed, folder, name, "images.rle", error);
    if (read) {
        digits->count = labels.size;
        digits->labels = labels.data;
        labels.data = NULL;
        digits->pixels = heed_alloc((size_t)digits->count * HEED_DIGIT_PIXELS);
        read = digits->pixels ? unpack_all(digits, &packed, error)
                              : heed_fail(error, "%s: no memory for its images", packed.path);
    }
    heed_free(labels.data);
    heed_free(packed.data);
    return read;
}

void heed_digits_free(heed_digits *digits)
{
    heed_free(digits->pixels);
    heed_free(digits->labels);
    *digits = (heed_digits){ .count = 0 };
}

void heed_digits_put(const heed_digits *digits, int64_t index, const heed_view *images, int64_t b)
{
    const uint8_t *pixel = digits->pixels + index * HEED_DIGIT_PIXELS;
    for (int64_t i = 0; i < HEED_DIGIT_PIXELS; i++)
        heed_set(images, b * HEED_DIGIT_PIXELS + i, pixel[i] / 127.5 - 1);
}

void heed_digits_draw(const heed_digits *digits, heed_rng *rng, const heed_view *images,
                      const heed_view *labels)
{
    for (int64_t b = 0; b < images->shape.dim[0]; b++) {
        const int64_t index = heed_random_below(rng, (uint32_t)digits->count);
        heed_digits_put(digits, index, images, b);
        if (labels->data) heed_set(labels, b, digits->labels[index]);
    }
}

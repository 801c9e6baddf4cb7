/* Pictures: letters, shades, and files that a decoder of our own reads back. */
#include <math.h>

#include "models/picture.h"
#include "models_kit.h"
#include "tensor/memory.h"

static const heed_color black = { 0, 0, 0 };

/* ---- letters ---- */

static bool is_black(const heed_picture *p, int x, int y)
{
    return heed_picture_at(p, x, y).red == 0;
}

static int count_black(const heed_picture *p)
{
    int n = 0;
    for (int y = 0; y < heed_picture_height(p); y++)
        for (int x = 0; x < heed_picture_width(p); x++) n += is_black(p, x, y);
    return n;
}

Test(models_picture, a_letter_is_where_it_should_be)
{
    heed_picture *p = heed_picture_new(30, 40);
    cr_assert_not_null(p);
    heed_picture_text(p, 3, 4, 2, "L", black);
    for (int y = 0; y < 40; y++)
        for (int x = 0; x < 30; x++) {
            const int column = x < 3 ? -1 : (x - 3) / 2, row = y < 4 ? -1 : (y - 4) / 2;
            const bool stem = column == 0 && row >= 0 && row < 7;
            const bool foot = row == 6 && column >= 0 && column < 5;
            cr_assert_eq(is_black(p, x, y), stem || foot, "%d, %d", x, y);
        }
    heed_picture_free(p);
}

Test(models_picture, every_character_has_a_letter_of_its_own)
{
    unsigned long long letters[96];
    for (int c = 32; c <= 127; c++) {
        const char text[] = { (char)c, '\0' };
        heed_picture *p = heed_picture_new(9, 9);
        cr_assert_not_null(p);
        heed_picture_text(p, 1, 1, 1, text, black);
        letters[c - 32] = 0;
        for (int k = 0; k < 35; k++)
            letters[c - 32] |= (unsigned long long)is_black(p, 1 + k % 5, 1 + k / 5) << k;
        cr_expect_eq(count_black(p), __builtin_popcountll(letters[c - 32]), "5 by 7 squares");
        for (int other = 32; other < c; other++)
            cr_expect_neq(letters[c - 32], letters[other - 32], "'%c' and '%c'", c, other);
        heed_picture_free(p);
    }
    cr_expect_eq(letters[0], 0, "a space");
}

Test(models_picture, text_goes_on_to_the_right_and_is_cut_off)
{
    heed_picture *p = heed_picture_new(40, 9), *q = heed_picture_new(40, 9);
    cr_assert(p && q);
    heed_picture_text(p, 1, 1, 1, "Heed", black);
    for (int k = 0; k < 4; k++)
        heed_picture_text(q, 1 + 6 * k, 1, 1, (const char[]){ "Heed"[k], '\0' }, black);
    for (int k = 0; k < 40 * 9; k++)
        cr_expect_eq(is_black(p, k % 40, k / 40), is_black(q, k % 40, k / 40));
    cr_expect_eq(heed_picture_text_width("Heed", 1), 23);
    cr_expect_eq(heed_picture_text_width("Heed", 3), 69);
    cr_expect_eq(heed_picture_text_width("", 3), 0);
    heed_picture_text(p, -3, -4, 3, "far outside", black);
    heed_picture_text(p, 39, 8, 5, "\1\377", black);
    heed_picture_free(p);
    heed_picture_free(q);
}

/* ---- shades ---- */

/* Ten levels, each the nearest: the outer ones are half as wide. */
Test(models_picture, shades_of_a_terminal)
{
    static const char levels[] = " .:-=+*#%@";
    for (int i = 0; i < 10; i++) {
        cr_expect_eq(heed_shade((i - 0.49) / 9), levels[i], "%d", i);
        cr_expect_eq(heed_shade((i + 0.49) / 9), levels[i], "%d", i);
    }
    cr_expect_eq(heed_shade(-1), ' ');
    cr_expect_eq(heed_shade(1e300), '@');
    cr_expect_eq(heed_shade(INFINITY), '@');
    cr_expect_eq(heed_shade(NAN), ' ');
}

/* ---- a file, read back: ISO 15948, RFC 1950, RFC 1951 with the fixed codes ---- */

typedef struct reader {
    const unsigned char *at, *end;
    int bit;
} reader;

static unsigned bits(reader *r, int n) /* from the lowest on */
{
    unsigned value = 0;
    for (int k = 0; k < n; k++) {
        cr_assert(r->at < r->end, "the data end too soon");
        value |= (unsigned)(*r->at >> r->bit & 1) << k;
        r->at += ++r->bit == 8;
        r->bit &= 7;
    }
    return value;
}

static unsigned code(reader *r, int n, unsigned begun) /* from the highest on */
{
    while (n-- > 0) begun = begun << 1 | bits(r, 1);
    return begun;
}

static int symbol(reader *r)
{
    unsigned c = code(r, 7, 0);
    if (c < 24) return 256 + (int)c;
    c = code(r, 1, c);
    if (c < 0xC0) return (int)c - 0x30;
    if (c < 0xC8) return 280 + (int)c - 0xC0;
    return 144 + (int)code(r, 1, c) - 0x190;
}

/* Lengths in fours, distances in twos, for each number of extra bits. */
static int with_extra(reader *r, int k, int group, int first)
{
    if (k < 2 * group) return first + k;
    const int extra = k / group - 1;
    return first + ((group + k % group) << extra) + (int)bits(r, extra);
}

static size_t inflate(const unsigned char *from, size_t size, unsigned char *to, size_t room)
{
    reader r = { .at = from, .end = from + size };
    size_t n = 0;
    for (unsigned last = 0; !last;) {
        last = bits(&r, 1);
        cr_assert_eq(bits(&r, 2), 1, "fixed codes");
        for (int s; (s = symbol(&r)) != 256;) {
            if (s < 256) {
                cr_assert_lt(n, room);
                to[n++] = (unsigned char)s;
                continue;
            }
            const int length = s == 285 ? 258 : with_extra(&r, s - 257, 4, 3);
            const int distance = with_extra(&r, (int)code(&r, 5, 0), 2, 1);
            cr_assert(distance <= (int)n && n + (size_t)length <= room);
            for (int k = 0; k < length; k++, n++) to[n] = to[n - (size_t)distance];
        }
    }
    return n;
}

static unsigned long word(const unsigned char *at)
{
    return (unsigned long)at[0] << 24 | (unsigned long)at[1] << 16 | (unsigned long)at[2] << 8 |
           at[3];
}

static unsigned long crc(const unsigned char *at, size_t n)
{
    unsigned long c = 0xFFFFFFFFUL;
    for (size_t i = 0; i < 8 * n; i++) {
        const unsigned long bit = at[i / 8] >> (i % 8) & 1UL;
        c = (c ^ bit) & 1 ? (c >> 1) ^ 0xEDB88320UL : c >> 1;
    }
    return c ^ 0xFFFFFFFFUL;
}

static unsigned long adler(const unsigned char *at, size_t n)
{
    unsigned long a = 1, b = 0;
    for (size_t i = 0; i < n; i++) {
        a = (a + at[i]) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

static int paeth(int a, int b, int c)
{
    const int p = a + b - c, pa = abs(p - a), pb = abs(p - b), pc = abs(p - c);
    return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}

/* rows: each a filter and 3 bytes a pixel; becomes the bytes themselves. */
static void unfilter(unsigned char *rows, int width, int height)
{
    const int stride = 3 * width + 1;
    for (int y = 0; y < height; y++)
        for (int i = 1; i < stride; i++) {
            unsigned char *at = rows + y * stride + i;
            const int left = i > 3 ? at[-3] : 0, up = y > 0 ? at[-stride] : 0;
            const int corner = i > 3 && y > 0 ? at[-stride - 3] : 0;
            const int filter = rows[y * stride];
            cr_assert_leq(filter, 4);
            const int by[5] = { 0, left, up, (left + up) / 2, paeth(left, up, corner) };
            *at = (unsigned char)(*at + by[filter]);
        }
}

enum { SIZE = 200000 };
static unsigned char file[SIZE], packed[SIZE], rows[SIZE];

/* All chunks checked; the picture's data put together. return: how much. */
static size_t chunks(size_t size, int width, int height)
{
    static const unsigned char signature[] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n' };
    size_t n = 0;
    bool ended = false;
    cr_assert(size > 33 && memcmp(file, signature, 8) == 0);
    cr_assert(memcmp(file + 12, "IHDR", 4) == 0 && word(file + 8) == 13);
    cr_expect(word(file + 16) == (unsigned long)width && word(file + 20) == (unsigned long)height);
    cr_expect(memcmp(file + 24, "\10\2\0\0\0", 5) == 0, "8 bits, RGB");
    for (size_t at = 8; at < size;) {
        const size_t length = word(file + at);
        cr_assert_leq(at + 12 + length, size);
        cr_assert_eq(word(file + at + 8 + length), crc(file + at + 4, length + 4));
        if (memcmp(file + at + 4, "IDAT", 4) == 0) {
            memcpy(packed + n, file + at + 8, length);
            n += length;
        }
        ended = memcmp(file + at + 4, "IEND", 4) == 0;
        at += 12 + length;
    }
    cr_assert(ended);
    return n;
}

static void expect_file(const heed_picture *p, const char *path)
{
    const int width = heed_picture_width(p), height = heed_picture_height(p);
    FILE *from = fopen(path, "rb");
    cr_assert_not_null(from);
    const size_t n = chunks(fread(file, 1, SIZE, from), width, height);
    fclose(from);
    cr_assert(n > 6 && (packed[0] * 256 + packed[1]) % 31 == 0 && (packed[0] & 15) == 8);
    const size_t got = inflate(packed + 2, n - 6, rows, SIZE);
    cr_assert_eq(got, (size_t)height * (3 * (size_t)width + 1));
    cr_expect_eq(word(packed + n - 4), adler(rows, got));
    unfilter(rows, width, height);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            const unsigned char *at = rows + y * (3 * width + 1) + 1 + 3 * x;
            const heed_color c = heed_picture_at(p, x, y);
            cr_assert(at[0] == c.red && at[1] == c.green && at[2] == c.blue, "%d, %d", x, y);
        }
}

TestSuite(models_picture_file, .init = enter_folder, .fini = leave_folder);

Test(models_picture_file, holds_the_pixels)
{
    static const int sizes[][2] = { { 1, 1 }, { 200, 90 }, { 37, 11 } };
    for (int k = 0; k < 3; k++) {
        heed_picture *p = heed_picture_new(sizes[k][0], sizes[k][1]);
        heed_error error = { .set = false };
        cr_assert_not_null(p);
        heed_picture_text(p, 5, 5, 2, "Heed 0123", heed_color_of_class(3));
        heed_picture_disc(p, 60, 50, 22, heed_color_of_class(0));
        heed_picture_line(p, 3, 80, 190, 20, 2.5, black);
        for (int x = 0; x < 150; x++)
            heed_picture_box(p, 20 + x, 70, 1, 12, heed_color_of_heat(x / 149.));
        cr_assert(heed_picture_save(p, in_folder("p.png"), &error), "%s", error.text);
        expect_file(p, in_folder("p.png"));
        heed_picture_free(p);
    }
}

Test(models_picture_file, refusals)
{
    heed_error error = { .set = false };
    cr_expect_null(heed_picture_new(0, 5));
    cr_expect_null(heed_picture_new(5, 20000));
    for (int n = 1; n <= 2; n++) {
        heed_memory_fail(n);
        cr_expect_null(heed_picture_new(5, 5));
        heed_memory_fail(0);
    }
    heed_picture *p = heed_picture_new(5, 5);
    cr_expect_not(heed_picture_save(p, in_folder("none/p.png"), &error));
    cr_expect(strstr(error.text, "none"), "%s", error.text);
    heed_picture_free(p);
}

/* picture_png.c - a picture as a PNG file (ISO 15948): one deflate block with the fixed codes of
 * RFC 1951, rows as differences to the row above, runs of equal bytes and of equal pixels as
 * matches. Flat areas take next to nothing, which is what our pictures are made of. */
#include "models/picture_png.h"

#include <string.h>

#include "tensor/memory.h"
#include "tensor/replace.h"

/* ---- bytes that grow ---- */

typedef struct bytes {
    uint8_t *at;
    size_t n, room;
    uint32_t bits; /* not yet a byte */
    int n_bits;
    bool failed;
} bytes;

static void put(bytes *b, unsigned value)
{
    if (b->n == b->room && !b->failed) {
        const size_t room = b->room ? 2 * b->room : 4096;
        uint8_t *more = heed_alloc(room);
        if (more && b->n) memcpy(more, b->at, b->n);
        b->failed = !more;
        if (b->failed) return;
        heed_free(b->at);
        b->at = more;
        b->room = room;
    }
    if (!b->failed) b->at[b->n++] = (uint8_t)value;
}

static void put_word(bytes *b, uint32_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8) put(b, value >> shift & 255);
}

/* ---- deflate ---- */

static void put_bits(bytes *b, uint32_t value, int n)
{
    b->bits |= value << b->n_bits;
    for (b->n_bits += n; b->n_bits >= 8; b->n_bits -= 8, b->bits >>= 8) put(b, b->bits & 255);
}

/* Codes go in from their highest bit. */
static void put_code(bytes *b, uint32_t code, int n)
{
    uint32_t turned = 0;
    for (int i = 0; i < n; i++) turned |= (code >> i & 1) << (n - 1 - i);
    put_bits(b, turned, n);
}

static void put_symbol(bytes *b, uint32_t s)
{
    if (s < 144)
        put_code(b, 0x30 + s, 8);
    else if (s < 256)
        put_code(b, 0x190 + s - 144, 9);
    else if (s < 280)
        put_code(b, s - 256, 7);
    else
        put_code(b, 0xC0 + s - 280, 8);
}

enum { SHORTEST = 3, LONGEST = 258 };

/* `length` bytes that stand `distance` (1 or 3) bytes back. */
static void put_match(bytes *b, int length, int distance)
{
    static const int first[] = { 3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258 };
    static const int extra[] = { 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0 };
    int i = (int)(sizeof first / sizeof first[0]) - 1;
    while (first[i] > length) i--;
    put_symbol(b, 257 + (uint32_t)i);
    put_bits(b, (uint32_t)(length - first[i]), extra[i]);
    put_code(b, (uint32_t)(distance - 1), 5);
}

/* How many of the bytes at `at` equal those `distance` before them. */
static int run_length(const uint8_t *data, size_t at, size_t n, size_t distance)
{
    int length = 0;
    if (at < distance) return 0;
    while (length < LONGEST && at < n && data[at] == data[at - distance]) {
        length++;
        at++;
    }
    return length;
}

static uint32_t adler(const uint8_t *data, size_t n)
{
    uint32_t a = 1, b = 0;
    for (size_t i = 0; i < n; i++) {
        a = (a + data[i]) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

static void put_zlib(bytes *b, const uint8_t *data, size_t n)
{
    put(b, 0x78);
    put(b, 0x01);
    put_bits(b, 3, 3); /* the last block, fixed codes */
    for (size_t at = 0; at < n;) {
        const int one = run_length(data, at, n, 1), three = run_length(data, at, n, 3);
        const int length = one >= three ? one : three;
        if (length < SHORTEST) {
            put_symbol(b, data[at++]);
            continue;
        }
        put_match(b, length, one >= three ? 1 : 3);
        at += (size_t)length;
    }
    put_symbol(b, 256);
    put_bits(b, 0, 7); /* fills the last byte */
    b->bits = 0;
    b->n_bits = 0;
    put_word(b, adler(data, n));
}

/* ---- PNG ---- */

static uint32_t crc(const uint8_t *data, size_t n)
{
    uint32_t c = 0xFFFFFFFFu;
    for (size_t i = 0; i < n; i++) {
        c ^= data[i];
        for (int k = 0; k < 8; k++) c = c & 1 ? 0xEDB88320u ^ c >> 1 : c >> 1;
    }
    return ~c;
}

/* The chunk's bytes are those of `b` from `begin` on: 4 for its length, 4 of name, data. */
static void end_chunk(bytes *b, size_t begin)
{
    if (b->failed) return;
    const uint32_t length = (uint32_t)(b->n - begin - 8);
    for (int i = 0; i < 4; i++) b->at[begin + (size_t)i] = (uint8_t)(length >> (24 - 8 * i));
    put_word(b, crc(b->at + begin + 4, b->n - begin - 4));
}

static size_t begin_chunk(bytes *b, const char *name)
{
    const size_t begin = b->n;
    put_word(b, 0);
    for (int i = 0; i < 4; i++) put(b, (uint8_t)name[i]);
    return begin;
}

/* Each row with a byte in front that says how it is written: 2, less the row above. */
static uint8_t *differences(const heed_picture *p, size_t *n)
{
    const size_t row = 3 * (size_t)p->width;
    *n = (row + 1) * (size_t)p->height;
    uint8_t *out = heed_alloc(*n);
    for (size_t y = 0; out && y < (size_t)p->height; y++) {
        const uint8_t *at = p->pixels + y * row;
        out[y * (row + 1)] = 2;
        for (size_t i = 0; i < row; i++)
            out[y * (row + 1) + 1 + i] = (uint8_t)(at[i] - (y ? at[i - row] : 0));
    }
    return out;
}

static void put_png(bytes *b, const heed_picture *p, const uint8_t *rows, size_t n)
{
    static const uint8_t sign[] = { 137, 'P', 'N', 'G', 13, 10, 26, 10 };
    static const uint8_t kind[] = { 8, 2, 0, 0, 0 }; /* 8 bits, RGB, the only methods there are */
    for (size_t i = 0; i < sizeof sign; i++) put(b, sign[i]);
    size_t begin = begin_chunk(b, "IHDR");
    put_word(b, (uint32_t)p->width);
    put_word(b, (uint32_t)p->height);
    for (size_t i = 0; i < sizeof kind; i++) put(b, kind[i]);
    end_chunk(b, begin);
    begin = begin_chunk(b, "IDAT");
    put_zlib(b, rows, n);
    end_chunk(b, begin);
    end_chunk(b, begin_chunk(b, "IEND"));
}

bool heed_picture_save(const heed_picture *p, const char *path, heed_error *error)
{
    size_t n;
    bytes b = { .at = NULL };
    uint8_t *rows = differences(p, &n);
    if (rows) put_png(&b, p, rows, n);
    bool done = rows && !b.failed ? heed_replace_file(path, b.at, b.n, error)
                                  : heed_fail(error, "%s: no memory to write it", path);
    heed_free(rows);
    heed_free(b.at);
    return done;
}

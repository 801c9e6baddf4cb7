/* json.c - strict scanner and writer, see json.h. */
#include "tensor/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tensor/memory.h"

/* ---- UTF-8 ---- */

/* Length of the character at `s`, 0 when malformed: overlong, a surrogate, above U+10FFFF, cut. */
static size_t utf8_length(const unsigned char *s, size_t left)
{
    unsigned low = 0x80, high = 0xBF; /* allowed for the second byte */
    size_t n;
    if (s[0] < 0x80) return 1;
    if (s[0] < 0xC2 || s[0] > 0xF4) return 0;
    n = s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
    if (s[0] == 0xE0) low = 0xA0;
    if (s[0] == 0xED) high = 0x9F;
    if (s[0] == 0xF0) low = 0x90;
    if (s[0] == 0xF4) high = 0x8F;
    if (left < n || s[1] < low || s[1] > high) return 0;
    for (size_t i = 2; i < n; i++) {
        if ((s[i] & 0xC0) != 0x80) return 0;
    }
    return n;
}

size_t heed_utf8_check(const char *text, size_t size)
{
    const unsigned char *s = (const unsigned char *)text;
    for (size_t at = 0; at < size;) {
        size_t n = utf8_length(s + at, size - at);
        if (n == 0) return at;
        at += n;
    }
    return size;
}

static char *utf8_write(char *to, uint32_t c)
{
    if (c < 0x80) {
        *to++ = (char)c;
        return to;
    }
    if (c < 0x800) {
        *to++ = (char)(0xC0 | c >> 6);
    } else {
        if (c < 0x10000) {
            *to++ = (char)(0xE0 | c >> 12);
        } else {
            *to++ = (char)(0xF0 | c >> 18);
            *to++ = (char)(0x80 | (c >> 12 & 0x3F));
        }
        *to++ = (char)(0x80 | (c >> 6 & 0x3F));
    }
    *to++ = (char)(0x80 | (c & 0x3F));
    return to;
}

/* ---- reading ---- */

static void skip_space(heed_json *json)
{
    while (json->at < json->size) {
        char c = json->text[json->at];
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r') return;
        json->at++;
    }
}

bool heed_json_take(heed_json *json, char c)
{
    skip_space(json);
    if (json->at >= json->size || json->text[json->at] != c) return false;
    json->at++;
    return true;
}

static bool fail(heed_json *json, const char *why)
{
    json->why = why;
    return false;
}

/* Four hexadecimal digits at the cursor. */
static bool take_hex(heed_json *json, uint32_t *value)
{
    *value = 0;
    if (json->size - json->at < 4) return fail(json, "expected four hexadecimal digits after \\u");
    for (int i = 0; i < 4; i++) {
        char c = json->text[json->at];
        uint32_t digit;
        if (c >= '0' && c <= '9')
            digit = (uint32_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            digit = (uint32_t)(c - 'a' + 10);
        else if (c >= 'A' && c <= 'F')
            digit = (uint32_t)(c - 'A' + 10);
        else
            return fail(json, "expected four hexadecimal digits after \\u");
        *value = *value << 4 | digit;
        json->at++;
    }
    return true;
}

/* After "\u": one code unit, or two that form a pair. */
static bool take_unicode(heed_json *json, uint32_t *c)
{
    uint32_t low;
    if (!take_hex(json, c)) return false;
    if (*c == 0) return fail(json, "a string holds \\u0000, which names and values may not");
    if (*c >= 0xDC00 && *c <= 0xDFFF) return fail(json, "a low surrogate without its high one");
    if (*c < 0xD800 || *c > 0xDBFF) return true;
    if (json->size - json->at < 2 || memcmp(json->text + json->at, "\\u", 2) != 0) {
        return fail(json, "a high surrogate without its low one");
    }
    json->at += 2;
    if (!take_hex(json, &low)) return false;
    if (low < 0xDC00 || low > 0xDFFF) return fail(json, "a high surrogate without its low one");
    *c = 0x10000 + ((*c - 0xD800) << 10 | (low - 0xDC00));
    return true;
}

/* After a backslash. */
static bool take_escape(heed_json *json, uint32_t *c)
{
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    if (json->at >= json->size) return fail(json, "the header ends inside a string");
    char letter = json->text[json->at++];
    if (letter == 'u') return take_unicode(json, c);
    const char *found = letter ? strchr(letters, letter) : NULL;
    if (!found) return fail(json, "expected one of \" \\ / b f n r t u after a backslash");
    *c = (uint32_t)meant[found - letters];
    return true;
}

/* The unescaped string is never longer than its source, so it is written over it. */
char *heed_json_string(heed_json *json)
{
    if (!heed_json_take(json, '"')) {
        fail(json, "expected a string");
        return NULL;
    }
    char *start = json->text + json->at, *to = start;
    while (json->at < json->size) {
        char c = json->text[json->at++];
        uint32_t escaped;
        if (c == '"') {
            *to = '\0';
            return start;
        }
        if ((unsigned char)c < 0x20) {
            fail(json, "a control byte inside a string (it must be escaped)");
            return NULL;
        }
        if (c != '\\') {
            *to++ = c;
        } else {
            if (!take_escape(json, &escaped)) return NULL;
            to = utf8_write(to, escaped);
        }
    }
    fail(json, "the header ends inside a string");
    return NULL;
}

bool heed_json_whole(heed_json *json, uint64_t *value)
{
    skip_space(json);
    size_t start = json->at;
    *value = 0;
    for (; json->at < json->size; json->at++) {
        char c = json->text[json->at];
        if (c < '0' || c > '9') break;
        if (__builtin_mul_overflow(*value, (uint64_t)10, value) ||
            __builtin_add_overflow(*value, (uint64_t)(c - '0'), value)) {
            return fail(json, "a number above 2^64 - 1");
        }
    }
    if (json->at == start) return fail(json, "expected a whole number without a sign");
    if (json->at - start > 1 && json->text[start] == '0') {
        return fail(json, "a number with a leading zero");
    }
    if (json->at < json->size && json->text[json->at] && strchr(".eE", json->text[json->at])) {
        return fail(json, "expected a whole number without fraction or exponent");
    }
    return true;
}

bool heed_json_end(heed_json *json)
{
    skip_space(json);
    return json->at == json->size || fail(json, "text after the closing '}'");
}

/* ---- writing ---- */

static bool make_room(heed_json_out *out, size_t more)
{
    if (out->failed) return false;
    if (out->capacity - out->length > more) return true; /* and the 0 byte */
    size_t capacity =
        2 * out->capacity > out->length + more + 1 ? 2 * out->capacity : out->length + more + 256;
    char *text = heed_resize(out->text, out->length, capacity);
    if (!text) {
        out->failed = true;
        return false;
    }
    out->text = text;
    out->capacity = capacity;
    return true;
}

void heed_json_put(heed_json_out *out, const char *format, ...)
{
    va_list list, again;
    va_start(list, format);
    va_copy(again, list);
    int length = vsnprintf(NULL, 0, format, list);
    if (length < 0) out->failed = true;
    if (length >= 0 && make_room(out, (size_t)length)) {
        vsnprintf(out->text + out->length, (size_t)length + 1, format, again);
        out->length += (size_t)length;
    }
    va_end(again);
    va_end(list);
}

/* What stands for the byte `c` inside quotes; itself for most. return: bytes written, <= 6. */
static size_t escape(char c, char *to)
{
    static const char letters[] = "\"\\bfnrt", meant[] = "\"\\\b\f\n\r\t";
    static const char hex[] = "0123456789abcdef";
    const char *found = c ? strchr(meant, c) : NULL;
    if (found) {
        to[0] = '\\';
        to[1] = letters[found - meant];
        return 2;
    }
    if ((unsigned char)c >= 0x20) {
        to[0] = c;
        return 1;
    }
    memcpy(to, "\\u00", 4);
    to[4] = hex[(unsigned char)c >> 4];
    to[5] = hex[c & 15];
    return 6;
}

void heed_json_put_string(heed_json_out *out, const char *string)
{
    if (!make_room(out, 6 * strlen(string) + 2)) return;
    out->text[out->length++] = '"';
    for (; *string; string++) out->length += escape(*string, out->text + out->length);
    out->text[out->length++] = '"';
    out->text[out->length] = '\0';
}

const char *heed_json_quote(const char *string, char *text, size_t size)
{
    size_t left = strlen(string), length = 0;
    char piece[32];
    text[length++] = '"';
    while (left > 0) {
        size_t n = utf8_length((const unsigned char *)string, left), bytes = 0;
        if (n == 0) { /* malformed: the byte itself would end up on a terminal */
            bytes = (size_t)snprintf(piece, sizeof piece, "\\x%02x", (unsigned char)*string);
            n = 1;
        } else if (n == 1) {
            bytes = escape(*string, piece);
        } else {
            memcpy(piece, string, bytes = n);
        }
        if (length + bytes + sizeof "...\"" > size) {
            memcpy(text + length, "...", 3);
            length += 3;
            break;
        }
        memcpy(text + length, piece, bytes);
        length += bytes;
        string += n;
        left -= n;
    }
    memcpy(text + length, "\"", 2);
    return text;
}

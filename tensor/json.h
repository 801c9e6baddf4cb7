/* json.h - as much JSON as a safetensors header needs, and no more lenient than RFC 8259.
 *
 * Reading: a cursor over text in memory. Values are taken one by one, so nesting is whatever the
 * caller asks for and needs no stack. Strings are unescaped in place. On failure `why` says what
 * was expected at byte `at`.
 * Writing: a growing text; the first failed allocation is remembered in `failed`. */
#ifndef HEED_TENSOR_JSON_H
#define HEED_TENSOR_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Offset of the first byte that is not part of valid UTF-8; `size` when there is none. */
size_t heed_utf8_check(const char *text, size_t size);

typedef struct heed_json {
    char *text;
    size_t size, at;
    const char *why;
} heed_json;

/* Skip white space; take `c` if it comes next. */
bool heed_json_take(heed_json *json, char c);

/* A string, unescaped, ended by a 0 byte. NULL: not a string; \u0000 is refused. It lives in
 * json->text, which is valid UTF-8. */
char *heed_json_string(heed_json *json);

/* A number written with digits only. */
bool heed_json_whole(heed_json *json, uint64_t *value);

/* White space, then the end of the text. */
bool heed_json_end(heed_json *json);

typedef struct heed_json_out {
    char *text; /* from heed_alloc; the caller frees it */
    size_t length, capacity;
    bool failed;
} heed_json_out;

void heed_json_put(heed_json_out *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void heed_json_put_string(heed_json_out *out, const char *string); /* quoted and escaped */

/* `string` quoted and escaped for a sentence, cut with "..." to fit `size` >= 8. return: `text`. */
const char *heed_json_quote(const char *string, char *text, size_t size);

#endif

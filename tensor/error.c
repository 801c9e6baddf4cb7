/* error.c - the first sentence stays. */
#include "tensor/error.h"

#include <stdio.h>
#include <string.h>

/* The text was longer than its array: end it with "..." at the start of a UTF-8 character. */
static void mark_cut(char *text, size_t size)
{
    size_t at = size - sizeof "...";
    while (at > 0 && ((unsigned char)text[at] & 0xC0) == 0x80) at--;
    memcpy(text + at, "...", sizeof "...");
}

bool heed_fail_list(heed_error *error, const char *format, va_list list)
{
    if (!error || error->set) return false;
    error->set = true;
    int length = vsnprintf(error->text, sizeof error->text, format, list);
    if (length < 0) {
        snprintf(error->text, sizeof error->text, "an error whose text could not be formatted");
    } else if ((size_t)length >= sizeof error->text) {
        mark_cut(error->text, sizeof error->text);
    }
    return false;
}

bool heed_fail(heed_error *error, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    heed_fail_list(error, format, list);
    va_end(list);
    return false;
}

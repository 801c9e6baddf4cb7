/* error.h - how a function says why it failed: one sentence, kept by the caller.
 *
 * Functions that can fail take a heed_error * (NULL: not interested) and return false or NULL. The
 * first sentence stays, so a chain of failing calls reports its cause. */
#ifndef HEED_TENSOR_ERROR_H
#define HEED_TENSOR_ERROR_H

#include <stdarg.h>
#include <stdbool.h>

typedef struct heed_error {
    bool set;
    char text[1000];
} heed_error;

/* Write the sentence unless one is there already. return: always false. */
bool heed_fail(heed_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool heed_fail_list(heed_error *error, const char *format, va_list list);

#endif

/* print.c - a view as text, laid out as NumPy's str() does it.
 *
 * Above 1000 elements every axis longer than 6 shows 3 at each end. All numbers share one format:
 * the shortest digits that give the number back, at most 8 after the point, points below each
 * other; exponents when the range of magnitudes asks for them. Lines are broken at 75 columns.
 * The text goes out as it is made: spaces wait until something follows them on their line. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/tensor.h"

#define SUMMARISE 1000 /* elements */
#define EDGE 3
#define PRECISION 8
#define LINE_WIDTH 75
#define WORD 64 /* bytes; without an exponent numbers stay below 1e8 */

typedef struct printer {
    const heed_view *view;
    char *text;
    size_t size, length; /* of `text`; of the whole text so far */
    int column;          /* on this line, pending spaces included */
    int spaces;          /* pending */
    bool summarise;
    /* the format all numbers share */
    bool exponent;
    int left, right; /* columns before and after the point */
    int exponent_digits;
    bool any_finite, any_other;
    double smallest, largest; /* magnitudes of finite non-zero elements */
} printer;

/* ---- output ---- */

static void put_char(printer *p, char c)
{
    if (p->length + 1 < p->size) p->text[p->length] = c;
    p->length++;
}

static void put(printer *p, const char *text)
{
    for (; *text; text++) {
        p->column++;
        if (*text == ' ') {
            p->spaces++;
            continue;
        }
        for (; p->spaces > 0; p->spaces--) put_char(p, ' ');
        put_char(p, *text);
    }
}

static void new_line(printer *p, int indent)
{
    put_char(p, '\n');
    p->spaces = p->column = indent;
}

/* ---- numbers ---- */

/* Decimal digits that give the number back in its own type, and its exponent. */
static int shortest(const printer *p, double value, int *exponent)
{
    char text[64];
    int digits = 1, most = p->view->dtype == HEED_F32 ? 9 : 17;
    for (;; digits++) {
        snprintf(text, sizeof text, "%.*e", digits - 1, value);
        if (digits == most) break;
        if (p->view->dtype == HEED_F32 ? strtof(text, NULL) == (float)value
                                       : strtod(text, NULL) == value)
            break;
    }
    *exponent = atoi(strchr(text, 'e') + 1);
    return digits;
}

/* Cut the zeros that rounding left at the end of a fraction, and a bare point. `end` is where the
 * fraction ends. return: digits left after the point. */
static int trim(char *end, int after)
{
    char *keep = end;
    while (after > 0 && keep[-1] == '0') {
        keep--;
        if (--after == 0) keep--;
    }
    memmove(keep, end, strlen(end) + 1);
    return after;
}

/* Write `value` with its own digits. return: columns after the point; `before`: up to it. */
static int number(const printer *p, double value, char *word, int *before)
{
    int exponent, digits = shortest(p, value, &exponent);
    int after = p->exponent ? digits - 1 : digits - 1 - exponent;
    if (after < 0) after = 0;
    if (after > PRECISION) after = PRECISION;
    snprintf(word, WORD, p->exponent ? "%.*e" : "%.*f", after, value);
    char *end = p->exponent ? strchr(word, 'e') : word + strlen(word);
    *before = (int)(end - word) - after - (after > 0);
    return trim(end, after);
}

static const char *other(double value)
{
    return isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

static void put_spaces(printer *p, int n)
{
    for (; n > 0; n--) put(p, " ");
}

/* The mantissa with as many digits as the longest one has, the exponent likewise. */
static void put_exponent(printer *p, double value)
{
    char word[WORD], exponent[16];
    snprintf(word, sizeof word, "%#.*e", p->right - p->exponent_digits - 2, value);
    char *mark = strchr(word, 'e'); /* '#': "1.e+10" */
    snprintf(exponent, sizeof exponent, "%c%0*d", mark[1], p->exponent_digits, abs(atoi(mark + 1)));
    mark[1] = '\0';
    put(p, word);
    put(p, exponent);
}

/* One element in the common format, filling its columns. */
static void put_element(printer *p, double value)
{
    char word[WORD];
    int before, after;
    if (p->view->dtype == HEED_I32) {
        snprintf(word, sizeof word, "%.0f", value);
        put_spaces(p, p->left - (int)strlen(word));
        put(p, word);
    } else if (!isfinite(value)) {
        put_spaces(p, p->left + (p->any_finite ? 1 + p->right : 0) - (int)strlen(other(value)));
        put(p, other(value));
    } else {
        after = number(p, value, word, &before);
        put_spaces(p, p->left - before);
        if (p->exponent) {
            put_exponent(p, value);
            return;
        }
        put(p, word);
        if (after == 0) put(p, ".");
        put_spaces(p, p->right - after);
    }
}

/* ---- the elements that are shown ---- */

static bool cut(const printer *p, int axis)
{
    return p->summarise && p->view->shape.dim[axis] > 2 * EDGE;
}

/* Call `visit` on each shown element. */
static void each(printer *p, int axis, int64_t index, void (*visit)(printer *, double))
{
    if (axis == p->view->shape.rank) {
        visit(p, heed_get(p->view, index));
        return;
    }
    int64_t n = p->view->shape.dim[axis];
    for (int64_t i = 0; i < n; i++) {
        if (i == EDGE && cut(p, axis)) i = n - EDGE;
        each(p, axis + 1, index * n + i, visit);
    }
}

static void find_range(printer *p, double value)
{
    if (!isfinite(value)) {
        p->any_other = true;
        return;
    }
    p->any_finite = true;
    value = fabs(value);
    if (value == 0) return;
    if (p->largest == 0 || value < p->smallest) p->smallest = value;
    if (value > p->largest) p->largest = value;
}

static void find_width(printer *p, double value)
{
    char word[WORD];
    int before, after;
    if (p->view->dtype == HEED_I32) {
        before = snprintf(word, sizeof word, "%.0f", value);
        after = 0;
    } else if (!isfinite(value)) {
        return;
    } else {
        after = number(p, value, word, &before);
        if (p->exponent) {
            int digits = (int)strlen(strchr(word, 'e')) - 2;
            if (digits > p->exponent_digits) p->exponent_digits = digits;
        }
    }
    if (before > p->left) p->left = before;
    if (after > p->right) p->right = after;
}

/* nan and inf share the columns of the numbers: before the point there may have to be more. */
static void find_other_width(printer *p, double value)
{
    if (isfinite(value)) return;
    int width = (int)strlen(other(value)) - (p->any_finite ? p->right + 1 : 0);
    if (width > p->left) p->left = width;
}

static void choose_format(printer *p)
{
    if (heed_is_real(p->view->dtype)) each(p, 0, 0, find_range);
    double too_large = p->view->dtype == HEED_F32 ? 1e6 : 1e8;
    p->exponent = p->largest >= too_large ||
                  (p->largest > 0 && (p->smallest < 1e-4 || p->largest / p->smallest > 1000));
    each(p, 0, 0, find_width);
    if (p->exponent) p->right += p->exponent_digits + 2; /* "e+", digits */
    if (p->any_other) each(p, 0, 0, find_other_width);
}

/* ---- brackets and lines ---- */

/* One word of the last axis: on a new line when it does not fit before `width`. */
static void put_word(printer *p, int64_t index, int width, int indent)
{
    int columns = index < 0 ? 3 : p->left + (p->any_finite ? p->right + 1 : 0);
    if (p->column > indent && p->column + columns > width) {
        p->spaces = 0;
        new_line(p, indent);
    }
    if (index < 0)
        put(p, "...");
    else
        put_element(p, heed_get(p->view, index));
}

static void put_axis(printer *p, int axis, int64_t index)
{
    int rank = p->view->shape.rank, indent = axis + 1;
    int64_t n = p->view->shape.dim[axis];
    put(p, "[");
    for (int64_t i = 0; i < n; i++) {
        bool dots = i == EDGE && cut(p, axis);
        if (i > 0 && axis == rank - 1) put(p, " ");
        for (int k = axis; i > 0 && k < rank - 1; k++) {
            p->spaces = 0;
            new_line(p, indent);
        }
        if (axis == rank - 1) {
            put_word(p, dots ? -1 : index * n + i, LINE_WIDTH - axis - 1, indent);
        } else if (dots) {
            put(p, "...");
        } else {
            put_axis(p, axis + 1, index * n + i);
        }
        if (dots) i = n - EDGE - 1;
    }
    put(p, "]");
}

int heed_tensor_print(const heed_view *view, char *text, size_t size)
{
    printer p = { .view = view, .text = text, .size = size };
    int64_t count = heed_count(&view->shape);
    p.summarise = count > SUMMARISE;
    if (count == 0) {
        put(&p, "[]");
    } else {
        choose_format(&p);
        if (view->shape.rank)
            put_axis(&p, 0, 0);
        else
            put_element(&p, heed_get(view, 0));
    }
    for (; p.spaces > 0; p.spaces--) put_char(&p, ' ');
    if (size > 0) text[p.length < size ? p.length : size - 1] = '\0';
    return p.length > INT32_MAX ? INT32_MAX : (int)p.length;
}

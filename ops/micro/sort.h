/* sort.h - rows in order: an element and its position as one unsigned number; for the stamped part
 * of kernel files only.
 *
 * The upper half of an item is a key that grows with the element (NaN above all, -0 equal to 0),
 * the lower half its position: so items are all different, and any sort of them is a stable one.
 * Few items are sorted by insertion, more by their keys' digits, from the last to the first; a
 * digit that all keys share costs nothing but being counted. */
#ifndef HEED_OPS_MICRO_SORT_H
#define HEED_OPS_MICRO_SORT_H

#include <string.h>

#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP_F64
typedef uint64_t sort_key;
typedef unsigned __int128 sort_item;
#else
typedef uint32_t sort_key;
typedef uint64_t sort_item;
#endif

#define KEY_BITS ((int)(8 * sizeof(sort_key)))
#define SIGN ((sort_key)1 << (KEY_BITS - 1))
#define FEW 64              /* items that are sorted by insertion */
#define DIGIT 8             /* bits: as many streams are written as there are digits */
#define DIGITS (1 << DIGIT) /* of one place */
#define PLACES (KEY_BITS / DIGIT)

/* flip: all ones to sort from the largest, else 0. */
static inline sort_item sort_item_of(real x, int64_t position, sort_key flip)
{
    sort_key bits;
    memcpy(&bits, &x, sizeof bits);
    sort_key key = bits & SIGN ? ~bits : bits | SIGN;
    key = x == 0 ? SIGN : x != x ? ~(sort_key)0 : key;
    return (sort_item)(key ^ flip) << KEY_BITS | (sort_item)position;
}

static inline int64_t sort_position(sort_item item)
{
    return (int64_t)(sort_key)item;
}

static inline void sort_by_insertion(sort_item *item, int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        sort_item moving = item[i];
        int64_t k = i;
        for (; k > 0 && item[k - 1] > moving; k--) item[k] = item[k - 1];
        item[k] = moving;
    }
}

/* Of each place, how many items have which digit; then, where those start. */
static inline void count_digits(const sort_item *item, int64_t n, uint32_t count[PLACES][DIGITS])
{
    memset(count, 0, sizeof(uint32_t[PLACES][DIGITS]));
    for (int64_t i = 0; i < n; i++) {
        sort_key key = (sort_key)(item[i] >> KEY_BITS);
        for (int p = 0; p < PLACES; p++) count[p][key >> p * DIGIT & (DIGITS - 1)]++;
    }
    for (int p = 0; p < PLACES; p++) {
        uint32_t start = 0;
        for (int d = 0; d < DIGITS; d++) {
            uint32_t here = count[p][d];
            count[p][d] = start;
            start += here;
        }
    }
}

/* n items in the order of their positions, with room for as many: where they lie sorted, `item` or
 * `room`. */
static inline sort_item *sort_items(sort_item *item, sort_item *room, int64_t n)
{
    uint32_t start[PLACES][DIGITS];
    if (n <= FEW) {
        sort_by_insertion(item, n);
        return item;
    }
    count_digits(item, n, start);
    for (int p = 0; p < PLACES; p++) {
        const int shift = KEY_BITS + p * DIGIT;
        const int first = (int)(item[0] >> shift) & (DIGITS - 1);
        if (start[p][first] == 0 && (first == DIGITS - 1 || start[p][first + 1] == (uint32_t)n))
            continue; /* the digit of all */
        for (int64_t i = 0; i < n; i++) {
            const int digit = (int)(item[i] >> shift) & (DIGITS - 1);
            room[start[p][digit]++] = item[i];
        }
        sort_item *sorted = room;
        room = item;
        item = sorted;
    }
    return item;
}

/* A row's items in order; there is room for 2 n of them. */
static inline const sort_item *sort_row(const real *x, int64_t n, sort_item *item, sort_key flip)
{
    for (int64_t i = 0; i < n; i++) item[i] = sort_item_of(x[i], i, flip);
    return sort_items(item, item + n, n);
}

#endif

/* sort.h - rows in order: an element and its position as one unsigned number; for the stamped part
 * of kernel files only.
 *
 * The upper half of an item is a key that grows with the element (NaN above all, -0 equal to 0),
 * the lower half its position: so items are all different, and any sort of them is a stable one.
 * Of few elements each is compared with all, which gives its rank, without a branch; more items are
 * sorted by their keys' digits, from the last to the first; a digit that all keys share costs
 * nothing but being counted. */
#ifndef HEED_OPS_MICRO_SORT_H
#define HEED_OPS_MICRO_SORT_H

#include <string.h>

#include "ops/common.h"
#include "ops/micro/vector.h"

#ifdef HEED_STAMP_F64
typedef uint64_t sort_key;
typedef unsigned __int128 sort_item;
#else
typedef uint32_t sort_key;
typedef uint64_t sort_item;
#endif

#define KEY_BITS ((int)(8 * sizeof(sort_key)))
#define SIGN ((sort_key)1 << (KEY_BITS - 1))
#define FEW 128             /* elements that are compared with each other */
#define DIGIT 8             /* bits: as many streams are written as there are digits */
#define DIGITS (1 << DIGIT) /* of one place */
#define PLACES (KEY_BITS / DIGIT)

/* flip: all ones to sort from the largest, else 0. */
static inline sort_key sort_key_of(real x, sort_key flip)
{
    sort_key bits;
    memcpy(&bits, &x, sizeof bits);
    sort_key key = bits & SIGN ? ~bits : bits | SIGN;
    key = x == 0 ? SIGN : x != x ? ~(sort_key)0 : key;
    return key ^ flip;
}

static inline sort_item sort_item_of(sort_key key, int64_t position)
{
    return (sort_item)key << KEY_BITS | (sort_item)position;
}

static inline int64_t sort_position(sort_item item)
{
    return (int64_t)(sort_key)item;
}

/* n <= FEW items in the order of their positions, to `sorted`. A key's rank is how many come before
 * it: smaller ones, and equal ones to its left. Keys are compared with their signs turned, as
 * signed numbers, which every instruction set can. */
static inline void sort_by_rank(const sort_item *item, sort_item *sorted, int64_t n)
{
    ireal key[FEW], rank[FEW];
    ivec place[FEW / HEED_LANES];
    const int64_t vectors = heed_units_of(n, HEED_LANES);
    for (int64_t i = 0; i < vectors * HEED_LANES; i++) {
        key[i] = i < n ? (ireal)((sort_key)(item[i] >> KEY_BITS) ^ SIGN) : 0;
        rank[i] = 0;
    }
    for (int64_t v = 0; v < vectors; v++) place[v] = vec_lane_numbers() + (ireal)(v * HEED_LANES);
    for (int64_t j = 0; j < n; j++) {
        for (int64_t v = 0; v < vectors; v++) {
            const ivec other = *(const ivec_u *)(key + v * HEED_LANES);
            ivec_u *to = (ivec_u *)(rank + v * HEED_LANES);
            *to -= (key[j] < other) | ((key[j] == other) & ((ireal)j < place[v]));
        }
    }
    for (int64_t i = 0; i < n; i++) sorted[rank[i]] = item[i];
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
        sort_by_rank(item, room, n);
        return room;
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
    for (int64_t i = 0; i < n; i++) item[i] = sort_item_of(sort_key_of(x[i], flip), i);
    return sort_items(item, item + n, n);
}

#endif

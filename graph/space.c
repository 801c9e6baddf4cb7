/* space.c - common refinement of shapes; which axes of a sweep make work units. */
#include "graph/space.h"

enum {
    UNITS = 8,            /* enough for many threads; half of them will do, ... */
    SMALL_WORK = 65536,   /* ... and fewer do where one has no more elements */
    MOST_UNITS = 64,      /* of those that leave partial results behind, ... */
    PARTIAL_SHARE = 8,    /* ... that are so many times fewer than the elements */
    SMALL_PARTIAL = 4096, /* of a unit; with more of them, no more units than enough */
    MOST_BLOCK = 65536    /* results under way at a time: half a megabyte */
};

heed_shape heed_space_of(const heed_shape *shape)
{
    heed_shape space = { .rank = 0 };
    for (int d = 0; d < shape->rank; d++)
        if (shape->dim[d] != 1) space.dim[space.rank++] = shape->dim[d];
    return space;
}

bool heed_space_join(heed_shape *space, const heed_shape *shape)
{
    heed_shape a = *space, b = heed_space_of(shape), reversed = { .rank = 0 };
    if (heed_shape_equal(&a, &b)) return true;
    if (heed_count(&a) != heed_count(&b) || heed_count(&a) == 0) return false;
    for (int i = a.rank - 1, j = b.rank - 1; i >= 0 && j >= 0;) {
        int64_t *x = &a.dim[i], *y = &b.dim[j];
        int64_t part = *x < *y ? *x : *y;
        if (*x % part || *y % part || reversed.rank == HEED_MAX_RANK) return false;
        reversed.dim[reversed.rank++] = part;
        *x /= part;
        *y /= part;
        i -= *x == 1;
        j -= *y == 1;
    }
    space->rank = reversed.rank;
    for (int d = 0; d < space->rank; d++) space->dim[d] = reversed.dim[space->rank - 1 - d];
    return true;
}

void heed_space_axes(const heed_shape *space, const heed_shape *shape, int *axis)
{
    int at = shape->rank;
    int64_t rest = 1;
    for (int d = space->rank - 1; d >= 0; d--) {
        while (rest == 1 && at > 0) rest = shape->dim[--at];
        axis[d] = at;
        if (space->dim[d] > 0) rest /= space->dim[d];
    }
}

void heed_space_strides(const heed_shape *space, const heed_shape *shape, const int64_t *stride,
                        int64_t *out)
{
    int axis[HEED_MAX_RANK];
    heed_space_axes(space, shape, axis);
    for (int d = space->rank - 1; d >= 0; d--) {
        bool part = d + 1 < space->rank && axis[d + 1] == axis[d];
        out[d] = part ? out[d + 1] * space->dim[d + 1] : stride[axis[d]];
    }
}

unsigned heed_space_reduced(const heed_shape *space, const heed_node *reduction)
{
    int axis[HEED_MAX_RANK];
    unsigned axes = reduction->op->reduction->axes(reduction), mask = 0;
    heed_space_axes(space, &reduction->in[0]->shape, axis);
    for (int d = 0; d < space->rank; d++) mask |= (axes >> axis[d] & 1) << d;
    return mask;
}

/* ---- sweeps ---- */

/* Product of the dimensions whose bit is set. */
static int64_t product(const heed_shape *space, unsigned axes)
{
    int64_t n = 1;
    for (int d = 0; d < space->rank; d++)
        if (axes >> d & 1) n *= space->dim[d];
    return n;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

typedef struct planner {
    const heed_shape *space;
    const unsigned *mask;
    int n;
    unsigned all;   /* axes */
    unsigned inner; /* the innermost; of short ones as many as are alike for every reduction */
    bool same;      /* all reductions are over the same axes */
    int64_t enough; /* units */
} planner;

static planner planner_of(const heed_shape *space, const unsigned *mask, int n)
{
    planner s = { .space = space, .mask = mask, .n = n, .same = true };
    int last = space->rank - 1;
    s.all = (1u << space->rank) - 1;
    s.inner = 1u << last;
    for (int e = 1; e < n; e++) s.same &= mask[e] == mask[0];
    bool alike = s.same && space->dim[last] < HEED_LONG_ROW;
    for (int d = last - 1; d >= 0 && alike; d--) {
        alike = (mask[0] >> d & 1) == (mask[0] >> last & 1);
        if (alike) s.inner |= 1u << d;
    }
    s.enough = least(UNITS, heed_count(space) / SMALL_WORK + 1);
    return s;
}

/* With the given ends crossing: how many units there are. Fills all of `sweep` but the order. */
static int64_t try_crossing(const planner *s, unsigned crossing, heed_sweep *sweep, unsigned *outer)
{
    unsigned reduced = 0, kept = s->all;
    *sweep = (heed_sweep){ .crossing = crossing, .all_crossing = true };
    for (int e = 0; e < s->n; e++) {
        reduced |= s->mask[e];
        if (crossing >> e & 1) {
            sweep->partial += product(s->space, s->all & ~s->mask[e]);
        } else {
            kept &= ~s->mask[e];
            sweep->all_crossing = false;
        }
    }
    *outer = kept & ~s->inner;
    sweep->outer = product(s->space, *outer);
    int64_t row = s->space->dim[s->space->rank - 1], units = sweep->outer;
    sweep->chunked = !(reduced >> (s->space->rank - 1) & 1) && !sweep->all_crossing;
    if (sweep->chunked) units *= (row + HEED_MOST_TILE - 1) / HEED_MOST_TILE;
    if (sweep->all_crossing) units = heed_count(s->space) / HEED_MOST_TILE + 1;
    sweep->most_units = MOST_UNITS;
    if (!crossing) return units;
    int64_t most = sweep->partial > SMALL_PARTIAL ? s->enough : MOST_UNITS;
    sweep->most_units = least(most, heed_count(s->space) / (PARTIAL_SHARE * sweep->partial));
    return least(units, sweep->most_units);
}

/* The end with fewest results of those that do not cross units yet, as a bit. */
static unsigned smallest(const planner *s, unsigned crossing)
{
    unsigned best = 0;
    int64_t fewest = INT64_MAX;
    for (int e = 0; e < s->n; e++) {
        int64_t results = product(s->space, s->all & ~s->mask[e]);
        if (crossing >> e & 1 || results >= fewest) continue;
        best = 1u << e;
        fewest = results;
    }
    return best;
}

static void fill_order(const planner *s, unsigned outer, int *order)
{
    int n = 0;
    for (int d = 0; d < s->space->rank; d++)
        if (outer >> d & 1) order[n++] = d;
    for (int d = 0; d < s->space->rank; d++)
        if (!(outer >> d & 1)) order[n++] = d;
}

/* Numbers under way at a time. What a reduction keeps of the axes just inside the outer ones does
 * not count: there it is done with one index before the next comes. */
static int64_t block_of(const planner *s, unsigned outer, const heed_sweep *sweep)
{
    int64_t n = sweep->partial;
    for (int e = 0; e < s->n; e++) {
        unsigned kept = s->all & ~s->mask[e] & ~outer;
        for (int d = 0; d < s->space->rank; d++) {
            unsigned bit = 1u << d;
            if (outer & bit) continue;
            if (!(kept & bit) || s->inner & bit) break;
            kept &= ~bit;
        }
        if (!(sweep->crossing >> e & 1)) n += product(s->space, kept);
    }
    return n;
}

bool heed_reduction_fits(const heed_shape *space, unsigned mask)
{
    int last = space->rank - 1;
    if (!mask || heed_count(space) == 0) return false;
    if (mask >> last & 1 || space->dim[last] >= HEED_LONG_ROW) return true;
    planner s = planner_of(space, &mask, 1);
    return product(space, mask | s.inner) >= HEED_LONG_ROW;
}

/* With no end crossing, the one with fewest results, ... until there are units enough. */
static bool try_all(const planner *s, heed_sweep *sweep, unsigned *outer)
{
    unsigned crossing = 0, all = (1u << s->n) - 1;
    if (try_crossing(s, 0, sweep, outer) >= s->enough) return true;
    /* Short rows are gathered: their partial results have to be one run. */
    bool long_rows = s->space->dim[s->space->rank - 1] >= HEED_LONG_ROW;
    if (!long_rows && s->all & ~s->mask[0] & ~s->inner) return false;
    while (crossing != all) {
        crossing = s->same ? all : crossing | smallest(s, crossing);
        if (try_crossing(s, crossing, sweep, outer) >= s->enough) return true;
    }
    return false;
}

bool heed_sweep_plan(const heed_shape *space, const unsigned *mask, int n, heed_sweep *sweep)
{
    for (int e = 0; e < n; e++)
        if (!heed_reduction_fits(space, mask[e])) return false;
    planner s = planner_of(space, mask, n);
    unsigned outer = 0;
    bool good = try_all(&s, sweep, &outer);
    s.enough /= 2;
    if (!good && s.enough > 1) good = try_all(&s, sweep, &outer);
    if (!good) try_crossing(&s, 0, sweep, &outer);
    sweep->gathers = s.same && (!sweep->crossing || !(s.all & ~mask[0] & ~s.inner));
    fill_order(&s, outer, sweep->order);
    if (s.same) return good;
    return good && space->dim[space->rank - 1] >= HEED_LONG_ROW &&
           block_of(&s, outer, sweep) <= MOST_BLOCK;
}

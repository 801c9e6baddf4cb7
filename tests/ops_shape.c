/* ops_shape.c - flips, rotations, slices downwards, parts and repetitions: where each element comes
 * from. */
#include "tests/ops_shape_kit.h"

/* ---- flip, roll, slices downwards ---- */

static heed_node *build_flip(heed_node *x, const int64_t *a)
{
    int axes[] = { (int)a[1], (int)a[2] };
    return heed_flip_axes(x, axes, (int)a[0]);
}

static bool source_flip(const int64_t *out, int64_t *in, const heed_shape *x, const int64_t *a)
{
    for (int i = 0; i < x->rank; i++) {
        bool turned = a[0] == 0;
        for (int k = 0; k < a[0]; k++) turned |= (a[1 + k] + x->rank) % x->rank == i;
        in[i] = turned ? x->dim[i] - 1 - out[i] : out[i];
    }
    return true;
}

Test(ops_shape, flip)
{
    static const shape_case cases[] = {
        { { 1, { 13 } }, build_flip, source_flip, { 0 }, { 1, { 13 } }, 0 },
        { { 2, { 7, 33 } }, build_flip, source_flip, { 1, 0 }, { 2, { 7, 33 } }, 0 },
        { { 2, { 1, 7 } }, build_flip, source_flip, { 1, -1 }, { 2, { 1, 7 } }, 0 },
        { { 3, { 3, 5, 7 } }, build_flip, source_flip, { 2, 0, 2 }, { 3, { 3, 5, 7 } }, 0 },
        { { 2, { 3, 1025 } }, build_flip, source_flip, { 0 }, { 2, { 3, 1025 } }, 0 },
    };
    CHECK(cases, "flip");
}

static heed_node *build_roll(heed_node *x, const int64_t *a)
{
    return heed_roll(x, a[0], (int)a[1]);
}

static bool source_roll(const int64_t *out, int64_t *in, const heed_shape *x, const int64_t *a)
{
    for (int i = 0; i < x->rank; i++) in[i] = out[i];
    int64_t *at = &in[a[1]], n = x->dim[a[1]];
    *at = ((*at - a[0]) % n + n) % n;
    return true;
}

Test(ops_shape, roll)
{
    static const shape_case cases[] = {
        { { 1, { 7 } }, build_roll, source_roll, { 2, 0 }, { 1, { 7 } }, 0 },
        { { 2, { 13, 3 } }, build_roll, source_roll, { -15, 0 }, { 2, { 13, 3 } }, 0 },
        { { 3, { 3, 2, 33 } }, build_roll, source_roll, { 34, 2 }, { 3, { 3, 2, 33 } }, 0 },
        { { 2, { 1, 7 } }, build_roll, source_roll, { 1, 0 }, { 2, { 1, 7 } }, 0 },
    };
    CHECK(cases, "roll");
}

static heed_node *build_down(heed_node *x, const int64_t *a)
{
    return heed_slice_step(x, (int)a[0], a[1], a[2], a[3]);
}

static bool source_down(const int64_t *out, int64_t *in, const heed_shape *x, const int64_t *a)
{
    for (int i = 0; i < x->rank; i++) in[i] = out[i];
    in[a[0]] = a[4] + out[a[0]] * a[3]; /* a[4]: where it starts */
    return true;
}

Test(ops_shape, slice_downwards)
{
    static const shape_case cases[] = {
        { { 1, { 7 } }, build_down, source_down, { 0, -1, -8, -1, 6 }, { 1, { 7 } }, 0 },
        { { 1, { 7 } }, build_down, source_down, { 0, 5, 1, -2, 5 }, { 1, { 2 } }, 0 },
        { { 1, { 7 } }, build_down, source_down, { 0, 5, 0, -2, 5 }, { 1, { 3 } }, 0 },
        { { 2, { 3, 13 } }, build_down, source_down, { 1, 12, -14, -5, 12 }, { 2, { 3, 3 } }, 0 },
        { { 2, { 13, 3 } }, build_down, source_down, { 0, 4, 3, -9, 4 }, { 2, { 1, 3 } }, 0 },
        { { 2, { 13, 3 } }, build_down, source_down, { 0, 4, 4, -1, 4 }, { 2, { 0, 3 } }, 0 },
    };
    CHECK(cases, "slice downwards");
}

/* ---- parts: each of them, concatenated in another order ---- */

static heed_node *build_split(heed_node *x, const int64_t *a)
{
    heed_node *parts[3];
    if (!heed_split_sizes(x, (int)a[0], a + 1, 3, parts)) return NULL;
    return heed_concat((heed_node *[]){ parts[2], parts[0], parts[1] }, 3, (int)a[0]);
}

static heed_node *build_chunk(heed_node *x, const int64_t *a)
{
    heed_node *parts[3];
    if (!heed_chunk(x, 3, (int)a[0], parts)) return NULL;
    return heed_concat((heed_node *[]){ parts[2], parts[0], parts[1] }, 3, (int)a[0]);
}

static bool source_parts(const int64_t *out, int64_t *in, const heed_shape *x, const int64_t *a)
{
    for (int i = 0; i < x->rank; i++) in[i] = out[i];
    int64_t i = out[a[0]];
    in[a[0]] = i < a[3] ? i + a[1] + a[2] : i - a[3];
    return true;
}

Test(ops_shape, split_and_chunk)
{
    static const shape_case cases[] = {
        { { 1, { 7 } }, build_split, source_parts, { 0, 2, 4, 1 }, { 1, { 7 } }, 0 },
        { { 2, { 3, 13 } }, build_split, source_parts, { 1, 0, 12, 1 }, { 2, { 3, 13 } }, 0 },
        { { 2, { 13, 2 } }, build_chunk, source_parts, { 0, 5, 4, 4 }, { 2, { 13, 2 } }, 0 },
        { { 2, { 3, 2 } }, build_chunk, source_parts, { 1, 1, 1, 0 }, { 2, { 3, 2 } }, 0 },
    };
    CHECK(cases, "split and chunk");
}

static heed_node *build_unstack(heed_node *x, const int64_t *a)
{
    heed_node *parts[7];
    if (!heed_unstack(x, (int)a[0], parts)) return NULL;
    return heed_stack(parts, (int)x->shape.dim[a[0]], 0);
}

static heed_node *build_moveaxis(heed_node *x, const int64_t *a)
{
    return heed_moveaxis(x, (int)a[0], (int)a[1]);
}

static bool source_move(const int64_t *out, int64_t *in, const heed_shape *x, const int64_t *a)
{
    in[a[0]] = out[a[1]];
    for (int i = 0, next = 0; i < x->rank; i++) {
        if (i == a[0]) continue;
        if (next == a[1]) next++;
        in[i] = out[next++];
    }
    return true;
}

Test(ops_shape, unstack_and_moveaxis)
{
    static const shape_case cases[] = {
        { { 2, { 3, 7 } }, build_unstack, source_move, { 1, 0 }, { 2, { 7, 3 } }, 0 },
        { { 3, { 2, 3, 5 } }, build_unstack, source_move, { 1, 0 }, { 3, { 3, 2, 5 } }, 0 },
        { { 3, { 2, 3, 5 } }, build_moveaxis, source_move, { 0, 2 }, { 3, { 3, 5, 2 } }, 0 },
        { { 4, { 2, 3, 5, 7 } }, build_moveaxis, source_move, { 3, 1 }, { 4, { 2, 7, 3, 5 } }, 0 },
    };
    CHECK(cases, "unstack and moveaxis");
}

/* ---- repetitions ---- */

static heed_node *build_repeat(heed_node *x, const int64_t *a)
{
    return heed_repeat_times(x, a + 1, (int)a[0]);
}

static bool source_repeat(const int64_t *out, int64_t *in, const heed_shape *x, const int64_t *a)
{
    for (int i = 0; i < x->rank; i++) in[i] = out[i + a[0] - x->rank] % x->dim[i];
    return true;
}

static heed_node *build_interleave(heed_node *x, const int64_t *a)
{
    return heed_repeat_interleave(x, a[0], (int)a[1]);
}

static bool source_interleave(const int64_t *out, int64_t *in, const heed_shape *x,
                              const int64_t *a)
{
    for (int i = 0; i < x->rank; i++) in[i] = i == a[1] ? out[i] / a[0] : out[i];
    return true;
}

Test(ops_shape, repeat)
{
    static const shape_case cases[] = {
        { { 1, { 7 } }, build_repeat, source_repeat, { 1, 3 }, { 1, { 21 } }, 0 },
        { { 2, { 3, 5 } }, build_repeat, source_repeat, { 2, 2, 3 }, { 2, { 6, 15 } }, 0 },
        { { 2, { 3, 1 } }, build_repeat, source_repeat, { 3, 2, 1, 4 }, { 3, { 2, 3, 4 } }, 0 },
        { { 2, { 3, 5 } }, build_repeat, source_repeat, { 2, 0, 2 }, { 2, { 0, 10 } }, 0 },
        { { 1, { 13 } }, build_interleave, source_interleave, { 3, 0 }, { 1, { 39 } }, 0 },
        { { 3, { 2, 3, 7 } },
          build_interleave,
          source_interleave,
          { 2, 1 },
          { 3, { 2, 6, 7 } },
          0 },
        { { 2, { 3, 5 } }, build_interleave, source_interleave, { 0, 1 }, { 2, { 3, 0 } }, 0 },
    };
    CHECK(cases, "repeat");
}

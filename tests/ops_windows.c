/* ops_windows.c - padding, diagonals and windows: where each element comes from. */
#include "tests/ops_shape_kit.h"

/* ---- padding ---- */

static heed_node *build_pad(heed_node *x, const int64_t *a)
{
    return heed_pad_axes(x, a + 2, (int)a[1], (heed_pad_mode)a[0], -7);
}

static bool source_pad(const int64_t *out, int64_t *in, const heed_shape *x, const int64_t *a)
{
    for (int i = 0; i < x->rank; i++) {
        int pair = x->rank - 1 - i;
        int64_t n = x->dim[i], at = out[i] - (2 * pair < a[1] ? a[2 + 2 * pair] : 0);
        if (a[0] == HEED_PAD_CONSTANT && (at < 0 || at >= n)) return false;
        if (a[0] == HEED_PAD_REPLICATE) at = at < 0 ? 0 : at >= n ? n - 1 : at;
        if (a[0] == HEED_PAD_REFLECT) at = at < 0 ? -at : at >= n ? 2 * (n - 1) - at : at;
        if (a[0] == HEED_PAD_CIRCULAR) at = (at + n) % n;
        in[i] = at;
    }
    return true;
}

Test(ops_windows, pad_modes)
{
    for (int mode = HEED_PAD_CONSTANT; mode <= HEED_PAD_CIRCULAR; mode++) {
        const shape_case cases[] = {
            { { 1, { 7 } }, build_pad, source_pad, { mode, 2, 2, 3 }, { 1, { 12 } }, -7 },
            { { 2, { 3, 5 } },
              build_pad,
              source_pad,
              { mode, 4, 4, 0, 1, 2 },
              { 2, { 6, 9 } },
              -7 },
            { { 2, { 3, 13 } }, build_pad, source_pad, { mode, 2, 0, 12 }, { 2, { 3, 25 } }, -7 },
            { { 3, { 2, 3, 4 } },
              build_pad,
              source_pad,
              { mode, 6, 1, 1, 2, 0, 0, 1 },
              { 3, { 3, 5, 6 } },
              -7 },
            { { 2, { 3, 7 } }, build_pad, source_pad, { mode, 0 }, { 2, { 3, 7 } }, -7 },
        };
        CHECK(cases, "pad");
    }
}

/* ---- diagonals and windows ---- */

static heed_node *build_diagonal(heed_node *x, const int64_t *a)
{
    return heed_diagonal(x, a[0], (int)a[1], (int)a[2]);
}

static bool source_diagonal(const int64_t *out, int64_t *in, const heed_shape *x, const int64_t *a)
{
    int next = 0;
    for (int i = 0; i < x->rank; i++)
        if (i != a[1] && i != a[2]) in[i] = out[next++];
    in[a[1]] = out[next] + (a[0] < 0 ? -a[0] : 0);
    in[a[2]] = out[next] + (a[0] > 0 ? a[0] : 0);
    return true;
}

static heed_node *build_embed(heed_node *x, const int64_t *a)
{
    return heed_diag_embed(x, a[0], (int)a[1], (int)a[2]);
}

static bool source_embed(const int64_t *out, int64_t *in, const heed_shape *x, const int64_t *a)
{
    int next = 0;
    for (int i = 0; i < x->rank + 1; i++)
        if (i != a[1] && i != a[2]) in[next++] = out[i];
    in[next] = out[a[1]] - (a[0] < 0 ? -a[0] : 0);
    return out[a[2]] - out[a[1]] == a[0];
}

Test(ops_windows, diagonal)
{
    static const shape_case cases[] = {
        { { 2, { 7, 7 } }, build_diagonal, source_diagonal, { 0, 0, 1 }, { 1, { 7 } }, 0 },
        { { 2, { 7, 13 } }, build_diagonal, source_diagonal, { 8, 0, 1 }, { 1, { 5 } }, 0 },
        { { 3, { 7, 3, 5 } }, build_diagonal, source_diagonal, { -4, 0, 2 }, { 2, { 3, 3 } }, 0 },
        { { 3, { 2, 3, 5 } }, build_diagonal, source_diagonal, { 1, 2, 1 }, { 2, { 2, 2 } }, 0 },
        { { 2, { 3, 4 } }, build_diagonal, source_diagonal, { 9, 0, 1 }, { 1, { 0 } }, 0 },
        { { 1, { 7 } }, build_embed, source_embed, { 0, 0, 1 }, { 2, { 7, 7 } }, 0 },
        { { 2, { 3, 5 } }, build_embed, source_embed, { -2, 0, 2 }, { 3, { 7, 3, 7 } }, 0 },
        { { 2, { 2, 4 } }, build_embed, source_embed, { 1, 2, 1 }, { 3, { 2, 5, 5 } }, 0 },
    };
    CHECK(cases, "diagonal");
}

static heed_node *build_unfold(heed_node *x, const int64_t *a)
{
    return heed_unfold(x, (int)a[0], a[1], a[2]);
}

static bool source_unfold(const int64_t *out, int64_t *in, const heed_shape *x, const int64_t *a)
{
    for (int i = 0; i < x->rank; i++) in[i] = out[i];
    in[a[0]] = out[a[0]] * a[2] + out[x->rank];
    return true;
}

/* dx of unfold is fold_windows, whose units divide long axes. */
Test(ops_windows, unfold)
{
    static const shape_case cases[] = {
        { { 1, { 13 } }, build_unfold, source_unfold, { 0, 4, 1 }, { 2, { 10, 4 } }, 0 },
        { { 2, { 7, 3 } }, build_unfold, source_unfold, { 0, 3, 2 }, { 3, { 3, 3, 3 } }, 0 },
        { { 3, { 2, 13, 3 } }, build_unfold, source_unfold, { 1, 2, 5 }, { 4, { 2, 3, 3, 2 } }, 0 },
        { { 2, { 3, 33 } }, build_unfold, source_unfold, { 1, 33, 7 }, { 3, { 3, 1, 33 } }, 0 },
        { { 2, { 33, 97 } }, build_unfold, source_unfold, { 0, 9, 3 }, { 3, { 9, 97, 9 } }, 0 },
        { { 2, { 400, 97 } }, build_unfold, source_unfold, { 0, 9, 3 }, { 3, { 131, 97, 9 } }, 0 },
        { { 1, { 4001 } }, build_unfold, source_unfold, { 0, 7, 2 }, { 2, { 1998, 7 } }, 0 },
    };
    CHECK(cases, "unfold");
}

/* panel.c - products of blocks that lie in the caches already. */
#include "ops/micro/panel.h"

#ifdef HEED_STAMP
#include "ops/micro/gemm_pack.h"

_Static_assert(TILE_ROWS <= HEED_PANEL_MARGIN, "a tile reads what its first or last row does");

static void multiply_columns(const heed_panel *p, const tiling *tiles, int64_t column, int vectors)
{
    for (int64_t row = 0, rows; row < p->m; row += rows) {
        rows = tile_height(tiles, row);
        int64_t begin = row + p->first, end = row + rows - 1 + p->last;
        if (begin < 0) begin = 0;
        if (end > p->k) end = p->k;
        if (begin >= end && p->accumulate) continue;
        const tile t = {
            .k = end - begin,
            .a = (const real *)p->a + row * p->a_row + begin * p->a_column,
            .a_row = p->a_row,
            .a_column = p->a_column,
            .b = (const real *)p->b + begin * p->b_row + column,
            .b_row = p->b_row,
            .c = (real *)p->c + row * p->c_row + column,
            .c_row = p->c_row,
            .d = p->accumulate ? (const real *)p->c + row * p->c_row + column : NULL,
            .d_row = p->c_row,
        };
        multiply_tile((int)rows, vectors, &t);
    }
}

void HEED_FN(panel_multiply)(const heed_panel *p)
{
    if (p->m <= 0) return;
    const tiling tiles = tiles_of(p->m);
    for (int64_t column = 0; column < p->n; column += 2 * LANES)
        multiply_columns(p, &tiles, column, p->n - column > LANES ? 2 : 1);
}

void HEED_FN(panel_pack)(const heed_panel_copy *p)
{
    pack_panel(p->b, p->b_row, p->b_column, p->k, p->columns, p->panel,
               p->columns > LANES ? 2 * LANES : LANES);
}

#endif

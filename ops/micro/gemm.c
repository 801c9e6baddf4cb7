/* gemm.c - C[m,n] = A[m,k] B[k,n] + D[m,n]: register tiles over panels of B.
 *
 * Loops, from outside: blocks of rows of A (kept in the second-level cache), blocks of k, panels of
 * B (kept in the first-level cache), tiles of C (kept in registers). B is read in place when its
 * columns are adjacent, A always may be: an operand is copied only where its strides leave no
 * choice or would touch a memory page per element of k. */
#include "ops/common.h"
#include "ops/micro/gemm.h"

#define BLOCK_DEPTH 512
#define PANEL HEED_GEMM_PANEL
#define COPIED_PANELS 8
#define REUSE_B 64  /* copy a panel of B for speed when so many rows read it */
#define REUSE_A 128 /* copy tiles of A for speed when so many columns read them */

#ifdef HEED_STAMP
#include <string.h>

#include "ops/micro/gemm_pack.h"
#include "ops/micro/gemm_tile.h"
#include "ops/micro/gemm_vector.h"

#define PAGE_BYTES 4096
#define COPIED_ROWS 64 /* of B at a time */
#define ROWS_AHEAD 8   /* of A: memory takes as long to answer as copying so many does */
#define LINE (64 / (int)sizeof(real)) /* elements in a cache line */
#define SMALL 256                     /* multiplications: up to here a plain loop is faster */
#define FEW_ROWS 4                    /* of A: too few to pay for packing B */

/* Columns column .. column + width - 1 of C; the panel's first `skip` columns are before them and
 * belong to another panel: so a narrow rest is computed at full width without copying B. */
typedef struct panel {
    const real *b;
    int64_t b_row;
    int vectors;
    int64_t column, width, skip;
} panel;

/* A block of the product: all rows it has, and a part of k. */
typedef struct block {
    int64_t m, n, k;
    const real *a;
    int64_t a_row, a_column;
    const real *b;
    int64_t b_row, b_column, b_panel;
    real *c;
    int64_t c_row, c_column;
    const real *d; /* NULL: nothing is added */
    int64_t d_row, d_column;
    tiling tiles;
    bool packed; /* a is the copy that pack_rows() made; a_row tells its layout */
} block;

/* Column `column` of B. */
static const real *panel_of(const block *x, int64_t column)
{
    if (!x->b_panel) return x->b + column * x->b_column;
    return x->b + column / PANEL * x->b_panel + column % PANEL;
}

static void copy_tile(const block *x, const panel *p, int64_t row, int rows, const real *sums)
{
    const int64_t c_column = x->c_column;
    for (int i = 0; i < rows; i++, sums += p->vectors * LANES) {
        real *c = x->c + (row + i) * x->c_row + p->column * c_column;
        const real *sum = sums + p->skip;
        const real *d = x->d ? x->d + (row + i) * x->d_row + p->column * x->d_column : NULL;
        if (d)
            for (int64_t j = 0; j < p->width; j++) c[j * c_column] = sum[j] + d[j * x->d_column];
        else
            for (int64_t j = 0; j < p->width; j++) c[j * c_column] = sum[j];
    }
}

/* Ask for x[offset] to come into the second-level cache. It need not exist. */
static inline void fetch(const real *x, int64_t offset)
{
    __builtin_prefetch((const void *)((uintptr_t)x + (uintptr_t)offset * sizeof(real)), 0, 2);
}

/* Columns of A whose elements are adjacent become short columns of the tiles. Whole columns are
 * read one after the other: `wide` is the part of them that vectors may copy. */
static void pack_columns(const block *x, real *packed)
{
    for (int64_t p = 0; p < x->k; p++) {
        const real *a = x->a + p * x->a_column;
        const int64_t wide = p + 1 < x->k ? x->m - LANES : -1;
        for (int64_t row = 0; row < x->m; row += LINE) fetch(a, ROWS_AHEAD * x->a_column + row);
        for (int64_t row = 0, rows; row < x->m; row += rows) {
            rows = tile_height(&x->tiles, row);
            real *to = packed + row * x->k + p * rows;
            if (rows <= LANES && row <= wide) /* too much; the next column's store mends it */
                *(vec_u *)to = *(const vec_u *)(a + row);
            else
                for (int64_t i = 0; i < rows; i++) to[i] = a[row + i];
        }
    }
}

/* Copy A tile by tile: columns of adjacent elements to short columns, rows to short rows. */
static void pack_rows(block *x, real *packed)
{
    if (x->a_row == 1)
        pack_columns(x, packed);
    else
        for (int64_t row = 0; row < x->m; row++) {
            for (int64_t p = 0; p < x->k; p += LINE) fetch(x->a, (row + ROWS_AHEAD) * x->a_row + p);
            memcpy(packed + row * x->k, x->a + row * x->a_row, (size_t)x->k * sizeof(real));
        }
    x->a = packed;
    x->packed = true;
}

/* All rows of C in one panel. */
static void multiply_panel(const block *x, const panel *p)
{
    vec sums[TILE_VECTORS];
    const bool direct =
        p->width == p->vectors * LANES && x->c_column == 1 && (!x->d || x->d_column == 1);
    tile t = { .k = x->k,
               .a_row = x->a_row,
               .a_column = x->a_column,
               .b = p->b,
               .b_row = p->b_row,
               .c = (real *)sums,
               .c_row = direct ? x->c_row : p->vectors * LANES,
               .d_row = x->d_row };
    for (int64_t row = 0, rows; row < x->m; row += rows) {
        rows = tile_height(&x->tiles, row);
        t.a = x->a + row * (x->packed ? x->k : x->a_row);
        if (x->packed) {
            t.a_row = x->a_row == 1 ? 1 : x->k;
            t.a_column = x->a_row == 1 ? rows : 1;
        }
        if (direct) t.c = x->c + row * x->c_row + p->column;
        if (direct && x->d) t.d = x->d + row * x->d_row + p->column;
        multiply_tile((int)rows, p->vectors, &t);
        if (!direct) copy_tile(x, p, row, (int)rows, (const real *)sums);
    }
}

/* Columns of B are adjacent, in rows of B or in panels made beforehand: they are read in place. */
static void multiply_in_place(const block *x)
{
    for (int64_t j = 0; j < x->n;) {
        const int64_t left = x->n - j;
        panel p = { .b_row = x->b_row, .vectors = tile_vectors(x->m, left), .column = j };
        if (x->b_panel)
            p.vectors = left > LANES ? 2 : 1; /* the last panel is as wide as the others */
        else if (x->n < p.vectors * LANES)
            p.vectors = 1;
        p.width = heed_smaller(left, p.vectors * LANES);
        p.skip = x->b_panel ? 0 : p.vectors * LANES - p.width;
        p.b = panel_of(x, j) - p.skip;
        multiply_panel(x, &p);
        j += p.width;
    }
}

/* Panels first .. of B, `width` columns, are copied a few rows at a time, so that long runs of
 * adjacent elements are read. */
static void copy_panels(const block *x, int64_t first, int64_t width, int64_t step, real *to)
{
    for (int64_t p = 0; p < x->k; p += step) {
        const int64_t rows = heed_smaller(x->k - p, step);
        for (int64_t j = 0; j < width; j += PANEL)
            pack_panel(x->b + (first + j) * x->b_column + p * x->b_row, x->b_row, x->b_column, rows,
                       heed_smaller(width - j, PANEL), to + j * x->k + p * PANEL, PANEL);
    }
}

/* B is copied: columns of adjacent elements panel by panel into the first-level cache, rows of them
 * several panels at a time into the second. */
static void multiply_copied(const block *x, real *scratch)
{
    const bool columns = x->b_row == 1;
    const int64_t group = columns ? PANEL : COPIED_PANELS * PANEL;
    block own = *x;
    own.b = scratch;
    own.b_row = PANEL;
    own.b_column = 1;
    own.b_panel = x->k * PANEL;
    for (int64_t first = 0; first < x->n; first += group) {
        own.n = heed_smaller(x->n - first, group);
        own.c = x->c + first * x->c_column;
        if (x->d) own.d = x->d + first * x->d_column;
        copy_panels(x, first, own.n, columns ? x->k : COPIED_ROWS, scratch);
        multiply_in_place(&own);
    }
}

/* ---- the product ---- */

/* The definition; for small products, and for those that fit no vector. */
static void multiply_plainly(const heed_gemm *g)
{
    for (int64_t i = 0; i < g->m; i++)
        for (int64_t j = 0; j < g->n; j++) {
            const real *a = (const real *)g->a + i * g->a_row;
            const real *b = (const real *)g->b + j * g->b_column;
            real sum = 0;
            for (int64_t p = 0; p < g->k; p++) sum += a[p * g->a_column] * b[p * g->b_row];
            if (g->d) sum += ((const real *)g->d)[i * g->d_row + j * g->d_column];
            ((real *)g->c)[i * g->c_row + j * g->c_column] = sum;
        }
}

/* Each row of C as a matrix-vector product with B^T, whose rows are adjacent elements. */
static void multiply_by_rows(const heed_gemm *g)
{
    for (int64_t i = 0; i < g->m; i++) {
        const real *x = (const real *)g->a + i * g->a_row;
        if (g->a_column != 1) {
            real *copy = g->scratch;
            for (int64_t p = 0; p < g->k; p++) copy[p] = x[p * g->a_column];
            x = copy;
        }
        const matrix_vector_sums sums = { .c = (real *)g->c + i * g->c_row,
                                          .c_row = g->c_column,
                                          .d = g->d ? (const real *)g->d + i * g->d_row : NULL,
                                          .d_row = g->d_column };
        matrix_vector(g->n, g->k, g->b, g->b_column, x, &sums);
    }
}

/* C^T = B^T A^T */
static heed_gemm transposed(const heed_gemm *g)
{
    heed_gemm t = *g;
    t.m = g->n;
    t.n = g->m;
    t.a = g->b;
    t.a_row = g->b_column;
    t.a_column = g->b_row;
    t.b = g->a;
    t.b_row = g->a_column;
    t.b_column = g->a_row;
    t.c_row = g->c_column;
    t.c_column = g->c_row;
    t.d_row = g->d_column;
    t.d_column = g->d_row;
    return t;
}

/* Is a step of `stride` elements, taken for each of k, better replaced by a copy? */
static bool far_apart(int64_t stride, int64_t limit)
{
    const int64_t bytes = stride * (int64_t)sizeof(real);
    return bytes >= limit || bytes <= -limit;
}

static void multiply_blocks(const heed_gemm *g)
{
    const int64_t depths = heed_units_of(g->k, BLOCK_DEPTH);
    const int64_t deepest = heed_smaller(g->k, BLOCK_DEPTH);
    const bool in_place = g->b_panel || (g->b_column == 1 && g->n >= LANES &&
                                         !(g->m >= REUSE_B && far_apart(g->b_row, PAGE_BYTES)));
    const bool pack_a = g->n >= REUSE_A && g->m >= TILE_ROWS &&
                        ((g->a_column == 1 && far_apart(g->a_row, PAGE_BYTES)) ||
                         (g->a_row == 1 && far_apart(g->a_column, PAGE_BYTES / 8)));
    const int64_t rows = heed_smaller(g->m, g->block_rows);
    real *packed_a = g->scratch;
    real *packed_b = packed_a + (pack_a ? heed_round_up(rows * deepest, LANES) : 0);
    for (int64_t row = 0; row < g->m; row += g->block_rows)
        for (int64_t depth = 0; depth < depths; depth++) {
            const int64_t p = g->k * depth / depths;
            block x = { .m = heed_smaller(g->m - row, g->block_rows),
                        .n = g->n,
                        .k = g->k * (depth + 1) / depths - p,
                        .a = (const real *)g->a + row * g->a_row + p * g->a_column,
                        .a_row = g->a_row,
                        .a_column = g->a_column,
                        .b = (const real *)g->b + p * g->b_row,
                        .b_row = g->b_row,
                        .b_column = g->b_column,
                        .b_panel = g->b_panel,
                        .c = (real *)g->c + row * g->c_row,
                        .c_row = g->c_row,
                        .c_column = g->c_column,
                        .d = g->d,
                        .d_row = g->d_row,
                        .d_column = g->d_column };
            if (depth > 0) {
                x.d = g->c;
                x.d_row = g->c_row;
                x.d_column = g->c_column;
            }
            if (x.d) x.d += row * x.d_row;
            x.tiles = tiles_of(x.m);
            if (pack_a) pack_rows(&x, packed_a);
            if (in_place)
                multiply_in_place(&x);
            else
                multiply_copied(&x, packed_b);
        }
}

void HEED_FN(gemm)(const heed_gemm *g)
{
    heed_gemm t = *g;
    if (t.m <= 0 || t.n <= 0) return;
    if (t.b_panel && t.k > 0) {
        multiply_blocks(&t);
        return;
    }
    if (t.m * t.n * t.k <= SMALL) {
        multiply_plainly(&t);
        return;
    }
    /* A column becomes a row, and so does a C whose columns are the adjacent elements, or a narrow
     * one below columns of adjacent elements of A, which then need no copy and fill vectors. */
    const bool narrow = t.n < LANES && t.m >= LANES && t.a_row == 1;
    if (t.n == 1 ? t.m > 1 : narrow || (t.c_column != 1 && t.c_row == 1)) t = transposed(&t);
    const bool rows_of_b_adjacent = t.b_row == 1 && t.b_column != 1;
    if (rows_of_b_adjacent && t.m <= FEW_ROWS && t.k >= LANES)
        multiply_by_rows(&t);
    else if (t.m == 1 && t.k < LANES && t.b_column != 1)
        multiply_plainly(&t);
    else
        multiply_blocks(&t);
}

void HEED_FN(gemm_pack)(const heed_gemm *g, int64_t column, int64_t begin, int64_t end, void *to)
{
    pack_panel((const real *)g->b + column * g->b_column + begin * g->b_row, g->b_row, g->b_column,
               end - begin, heed_smaller(g->n - column, PANEL), (real *)to + begin * PANEL, PANEL);
}

#else

/* Half of the second-level cache for a block of A. */
int64_t heed_gemm_block_rows(heed_dtype dtype)
{
    const size_t row = BLOCK_DEPTH * heed_dtype_size(dtype);
    const size_t rows = heed_cache_size(2) / 2 / row;
    return rows < 64 ? 64 : rows > 1024 ? 1024 : (int64_t)rows;
}

size_t heed_gemm_scratch(heed_dtype dtype, int64_t m, int64_t n, int64_t k)
{
    const size_t size = heed_dtype_size(dtype);
    const int64_t depth = heed_smaller(k, BLOCK_DEPTH), wide = m > n ? m : n;
    const int64_t rows = heed_smaller(wide, heed_gemm_block_rows(dtype));
    const int64_t panels = heed_smaller(heed_gemm_panels(wide), COPIED_PANELS);
    size_t bytes = (size_t)(depth * PANEL * panels) * size;
    if (wide >= REUSE_A) bytes += (size_t)(rows * depth) * size + 128; /* and two vectors */
    const size_t column = (size_t)k * size;
    return bytes > column ? bytes : column;
}

/* ---- work units ---- */

#define LEAST_WORK 5e5   /* of a unit; a few microseconds */
#define MOST_WORK 8e6    /* about 50 microseconds */
#define WANTED_UNITS 8   /* of one operation, if it has the work for them */
#define LEAST_ROWS 16    /* of a block when rows are cut first */
#define ELEMENT_WORK 8.0 /* reading or writing an element takes as long as 8 flops */

/* Smallest side of a block when there are so many already: large blocks read A and B less often. */
static int64_t least_side(int64_t blocks)
{
    return blocks < WANTED_UNITS / 2 ? PANEL : blocks < WANTED_UNITS ? 64 : 512;
}

/* Halve a side until there are enough blocks. A small C with much work, the gradient of a narrow
 * layer, is cut once all the same: else one thread would have it alone. */
static void cut(heed_gemm_split *split, double pieces, int64_t m, int64_t n, heed_gemm_cut how)
{
    while (1.4 * (double)(split->down * split->across) < pieces) {
        const int64_t least = least_side(split->down * split->across);
        const int64_t rows = m / split->down, columns = n / split->across;
        const bool by_column = columns >= 2 * least;
        const bool few_rows = how == HEED_CUT_ROWS || (rows == m && columns == n && !by_column);
        const bool by_row = rows >= 2 * (few_rows ? LEAST_ROWS : least);
        const bool columns_first =
            how == HEED_CUT_LONGER ? columns > rows : how == HEED_CUT_COLUMNS;
        if (by_column && (columns_first || !by_row))
            split->across *= 2;
        else if (by_row)
            split->down *= 2;
        else
            break;
    }
    split->rows = heed_units_of(m, split->down);
    split->columns = heed_round_up(heed_units_of(n, split->across), PANEL); /* whole panels */
    if (split->across == 1) split->columns = n;
    split->down = heed_units_of(m, split->rows);
    split->across = heed_units_of(n, split->columns);
}

heed_gemm_split heed_gemm_divide(int64_t products, int64_t m, int64_t n, int64_t k,
                                 heed_gemm_cut how)
{
    heed_gemm_split split = { .units = 1, .rows = m, .columns = n, .down = 1, .across = 1 };
    if (products <= 0 || m <= 0 || n <= 0) return split;
    const double sizes[] = { (double)m, (double)n, (double)k };
    const double one =
        2 * sizes[0] * sizes[1] * sizes[2] +
        ELEMENT_WORK * (sizes[0] * sizes[1] + sizes[1] * sizes[2] + sizes[0] * sizes[2]);
    double work = one * (double)products / WANTED_UNITS;
    if (work < LEAST_WORK) work = LEAST_WORK;
    if (work > MOST_WORK) work = MOST_WORK;
    if (one > work) cut(&split, one / work, m, n, how);
    split.blocks = products * split.down * split.across;
    split.units = split.blocks;
    if (split.down * split.across == 1 && one < work) {
        const double units = (double)products * one / work;
        split.units = units < 1 ? 1 : units < (double)products ? (int64_t)units : products;
    }
    return split;
}

int64_t heed_gemm_first(const heed_gemm_split *split, int64_t unit)
{
    return split->units == 1 ? unit * split->blocks : split->blocks * unit / split->units;
}

heed_gemm_block heed_gemm_block_at(const heed_gemm_split *split, int64_t number, int64_t m,
                                   int64_t n)
{
    heed_gemm_block block = { .product = number, .rows = m, .columns = n };
    const int64_t blocks = split->down * split->across;
    if (blocks == 1) return block;
    block.product = number / blocks;
    block.row = number % blocks / split->across * split->rows;
    block.column = number % split->across * split->columns;
    block.rows = heed_smaller(split->rows, m - block.row);
    block.columns = heed_smaller(split->columns, n - block.column);
    return block;
}

#endif

/* fused_run.h - the compiled form of an elementwise instruction, shared by fused.c and fused_end.c
 * (which make it) and fused_run.c (which runs it). */
#ifndef HEED_GRAPH_FUSED_RUN_H
#define HEED_GRAPH_FUSED_RUN_H

#include "graph/fused.h"
#include "graph/space.h"

enum { MOST_REGISTERS = 256 };

/* How a register gets at its elements. */
typedef enum access {
    DIRECT,  /* the tile is a dense run of memory: point at it                 */
    UNIFORM, /* every tile has the same: the slot is filled once per call      */
    SPREAD,  /* one element for each tile: its slot is filled with it          */
    MOVED    /* gathered into (or scattered from) the register's slot each tile */
} access;

typedef struct operand {
    char *base;
    int64_t stride[HEED_MAX_RANK]; /* elements, over the collapsed iteration space */
    int slot;                      /* scratch slot unless DIRECT; -1 */
    access kind;
} operand;

typedef struct tile_step {
    heed_tile_fn fn;
    const void *attr;
    int n_in;
    int in[HEED_TILE_INPUTS];               /* registers */
    const void *pointers[HEED_TILE_INPUTS]; /* of a program whose pointers never change */
    void *result;
} tile_step;

/* A reduction of a register. Its block holds the results that are under way; every `period` tiles
 * they are done and written, or, of a crossing one, at the end of a unit they become partial. */
typedef struct fused_end {
    heed_join_fn runs, columns, totals; /* elements to results; results to results */
    heed_finish_fn finish;
    double start, scale;
    int from;         /* register */
    unsigned reduced; /* axes */
    bool rows;        /* the innermost axis is reduced */
    bool crossing;
    int64_t part;  /* of a tile: elements of one run; or columns, of perhaps several rows */
    int64_t block; /* results under way */
    int64_t period;
    int64_t step[HEED_MAX_RANK]; /* in the block, over the iteration space */
    size_t offset, partial;      /* of the block, of a unit's partial results: in numbers */
    char *base;
    int kept; /* axes of the output, from outside in */
    int64_t dim[HEED_MAX_RANK], stride[HEED_MAX_RANK];
    int64_t out[HEED_MAX_RANK]; /* the output's strides over the iteration space; 0 where reduced */
} fused_end;

/* Registers 0 .. n_loads - 1 are operands from memory, then one per step: its result. A result has
 * an operand too; base NULL when it only lives in its slot.
 *
 * Tiles are numbered: `outer` steps of `rows` rows of `tiles_per_row` tiles; chunked: of
 * `tiles_per_row` columns of `rows` tiles. */
struct heed_fused {
    int rank; /* collapsed iteration space, innermost last */
    int64_t dim[HEED_MAX_RANK];
    int64_t count;              /* elements */
    int64_t row, tiles_per_row; /* tiles do not cross rows; one row when all is linear */
    int64_t rows, step_tiles;   /* in an outer step */
    int64_t tile, tiles, unit_tiles;
    size_t size; /* bytes of an element */
    int n_loads, n_steps, n_slots, n_ends;
    operand *registers;
    tile_step *steps;
    fused_end *ends;
    double *partial; /* [units][partial_size] */
    int64_t partial_size, block_size;
    _Atomic int64_t units_left; /* of a run: who finishes the last one joins the partial results */
    bool linear;                /* a tile may span rows: position = linear index */
    bool chunked;
    bool fixed; /* one tile, all pointers known */
};

/* Where a tile starts: coordinates in the iteration space, and how many elements it has. */
typedef struct tile_position {
    int64_t coordinate[HEED_MAX_RANK];
    int64_t flat, outer, row, column, n; /* row: of the outer step */
} tile_position;

/* ---- ends: graph/fused_end.c ---- */

/* Registers and outputs of a program's reductions, before its space is collapsed; ... */
bool heed_fused_ends(heed_fused *f, heed_program *p, const heed_instruction *it,
                     const heed_shape *space, const heed_sweep *sweep);
/* ... and what follows from the tiles. */
void heed_fused_plan_ends(heed_fused *f, const heed_sweep *sweep);

/* While units run: `left` counts down each end's period and starts at 0. */
void heed_fused_start_unit(const heed_fused *f, double *blocks, int64_t *left);
void heed_fused_join_tile(const heed_fused *f, double *blocks, int64_t *left,
                          const tile_position *at, char *const *pointer);
void heed_fused_end_unit(const heed_fused *f, double *blocks, int64_t unit);
void heed_fused_join_units(const heed_fused *f);

#endif

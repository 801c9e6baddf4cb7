/* fused_run.h - the compiled form of an elementwise instruction, shared by fused.c (which makes it)
 * and fused_run.c (which runs it). */
#ifndef HEED_GRAPH_FUSED_RUN_H
#define HEED_GRAPH_FUSED_RUN_H

#include "graph/fused.h"

enum { MOST_REGISTERS = 256 };

/* How a register gets at its elements. */
typedef enum access {
    DIRECT,  /* the tile is a dense run of memory: point at it                 */
    UNIFORM, /* one element for all: the slot is filled once per call          */
    MOVED    /* gathered into (or scattered from) the register's slot each tile */
} access;

typedef struct operand {
    char *base;
    int64_t stride[HEED_MAX_RANK]; /* elements, over the collapsed iteration space */
    int64_t line;                  /* DIRECT: elements from one tile position to the next */
    int slot;                      /* scratch slot of UNIFORM and MOVED; -1 */
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

/* Registers 0 .. n_loads - 1 are operands from memory, then one per step: its result. A result has
 * an operand too; base NULL when it only lives in its slot. */
struct heed_fused {
    int rank; /* collapsed iteration space, innermost last */
    int64_t dim[HEED_MAX_RANK];
    int64_t row, tiles_per_row; /* tiles do not cross rows; one row when all is linear */
    int64_t tile, tiles, unit_tiles;
    size_t size; /* bytes of an element */
    int n_loads, n_steps, n_slots;
    operand *registers;
    tile_step *steps;
    bool linear; /* a tile may span rows: position = linear index */
    bool fixed;  /* one tile, all pointers known */
};

#endif

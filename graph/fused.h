/* fused.h - elementwise instructions: short programs of tile calls.
 *
 * All values have one iteration shape. Work goes tile by tile (a run of at most MOST_TILE elements
 * of the innermost axis): each operand is loaded or pointed at, each operation's tile function is
 * called once, results that somebody else needs are written to memory. Everything between stays in
 * the first-level cache. Broadcasts and strides are resolved when a tile is loaded.
 *
 * Reductions may end such a program: each tile of a result joins what they have so far, and the
 * result itself is not stored. How they go through the space is graph/space.h's sweep. */
#ifndef HEED_GRAPH_FUSED_H
#define HEED_GRAPH_FUSED_H

#include "graph/plan.h"

/* Build instruction->fused in the program's arena; all buffers have their memory by now. */
bool heed_fused_build(heed_program *p, heed_instruction *instruction);

/* What the instruction's reductions need between its units, known before the memory is planned. */
size_t heed_fused_partial_bytes(const heed_instruction *instruction);

int64_t heed_fused_units(const heed_fused *fused);
size_t heed_fused_scratch(const heed_fused *fused); /* bytes per thread */
void heed_fused_run(heed_fused *fused, void *scratch, int64_t begin, int64_t end);

#endif

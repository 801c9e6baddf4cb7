/* loop_run.h - running a body again and again: what execute.c asks of loop_run.c. */
#ifndef HEED_GRAPH_LOOP_RUN_H
#define HEED_GRAPH_LOOP_RUN_H

#include "graph/plan.h"

enum { HEED_MOST_NESTED = 15 }; /* bodies in bodies in bodies */

/* Compile the body of an instruction's node, and give it its memory: a buffer of `p`. */
bool heed_loop_compile(heed_program *p, heed_instruction *it);
/* All buffers of `p` have their memory: bind the body's instructions to it. */
bool heed_loop_bind(heed_program *p, heed_instruction *it);
heed_program *heed_loop_body(const heed_loop *loop);
void heed_loop_free(heed_loop *loop);

/* A new run of the loop: how many iterations there will be, and what none of them writes. */
void heed_loop_start(const heed_program *p, const heed_instruction *it);
/* Finish the iteration before this one, and point the body at the next one's parts. false: there is
 * none, and the results are complete. */
bool heed_loop_next(const heed_program *p, const heed_instruction *it);
/* The stage of the body that the iteration begins with. */
int heed_loop_first_stage(const heed_loop *loop);

#endif

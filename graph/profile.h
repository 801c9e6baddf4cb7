/* profile.h - what execute.c tells the profiler; the public part is in graph/program.h. */
#ifndef HEED_GRAPH_PROFILE_H
#define HEED_GRAPH_PROFILE_H

#include "graph/plan.h"

int64_t heed_profile_now(void); /* nanoseconds */
void heed_profile_note(heed_program *p, const heed_instruction *it, int thread, int64_t start);
void heed_profile_ran(heed_program *p); /* a run has ended */
void heed_profile_free(heed_program *p);

#endif

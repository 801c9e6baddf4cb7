/* init.h - first values of parameters; see heed_init in graph/store.h. */
#ifndef HEED_GRAPH_INIT_H
#define HEED_GRAPH_INIT_H

#include "graph/store.h"

/* Fill a dense view as `init` says, from the stream (seed, hash of name, or of init->as). */
bool heed_init_fill(const heed_init *init, uint64_t seed, const char *name, const heed_view *view,
                    heed_error *error);

#endif

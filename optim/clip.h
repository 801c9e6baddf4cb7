/* clip.h - the common norm of gradients, as nodes. */
#ifndef HEED_OPTIM_CLIP_H
#define HEED_OPTIM_CLIP_H

#include "graph/graph.h"

/* sqrt(sum over all g of the sum of squares of g clipped to -value .. value (0: not clipped)). */
heed_node *heed_global_norm(heed_node *const *g, int n, double clip_value);
/* min(1, limit / (norm + 1e-6)): the factor that brings the norm to at most `limit`. */
heed_node *heed_clip_factor(heed_node *norm, double limit);

#endif

/* compare.h - test cases of the comparisons, whose shape rule is broadcasting. */
#ifndef HEED_OPS_COMPARE_H
#define HEED_OPS_COMPARE_H

#include "graph/op.h"

/* Broadcasting pairs; in every other one all values are equal, so that ties occur. */
bool heed_compare_sample(int k, heed_sample *sample);

#endif

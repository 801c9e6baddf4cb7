/* function.h - what the files of exp, log, tanh and their relatives share. */
#ifndef HEED_OPS_FUNCTION_H
#define HEED_OPS_FUNCTION_H

#include "ops/kernel.h"

/* A transcendental function counts as ten operations. */
static inline double heed_flops_of_function(const heed_node *node)
{
    return 10.0 * (double)heed_count(&node->shape);
}

#endif

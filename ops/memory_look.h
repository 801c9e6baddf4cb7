/* memory_look.h - what memory_look and its reverse share. */
#ifndef HEED_OPS_MEMORY_LOOK_H
#define HEED_OPS_MEMORY_LOOK_H

#include "ops/common.h"

#define LEAST_NORM 1e-8   /* of a key or a slot, to divide by */
#define LEAST_SHARE 1e-16 /* added to v: its logarithm is finite */
#define BESIDE 3          /* of a head's numbers: beta, g, gamma */

typedef struct memory_look_attr {
    int64_t reads; /* the first so many heads read */
} memory_look_attr;

typedef struct memory_look_sizes {
    int64_t batch, width, slots, heads, numbers, shifts, reads;
} memory_look_sizes;

static inline memory_look_sizes memory_look_sizes_of(const heed_shape *memory,
                                                     const heed_shape *heads, const void *attr)
{
    const int64_t width = memory->dim[1], numbers = heads->dim[2];
    return (memory_look_sizes){
        .batch = memory->dim[0],
        .width = width,
        .slots = memory->dim[2],
        .heads = heads->dim[1],
        .numbers = numbers,
        .shifts = numbers - width - BESIDE,
        .reads = ((const memory_look_attr *)attr)->reads,
    };
}

/* What a head needs in a thread's scratch memory: rows [N] by these names, a key, shifts twice. */
enum { NORM, COSINE, CONTENT, MIXED, MOVED, LOG, WEIGHT, SLOPE, OTHER, SHRINK, ROWS };

static inline int64_t memory_look_scratch_size(const memory_look_sizes *z)
{
    return ROWS * z->slots + z->width + 2 * z->shifts;
}

/* Numbers of one example in the result: w of all heads, r. */
static inline int64_t memory_look_row(const memory_look_sizes *z)
{
    return z->heads * z->slots + z->reads * z->width;
}

/* Numbers of one example in the reverse's result: dM, dw_before, dheads. */
static inline int64_t memory_look_reverse_row(const memory_look_sizes *z)
{
    return z->width * z->slots + z->heads * (z->slots + z->numbers);
}

bool heed_memory_look_check(heed_infer *infer); /* memory, before, heads */
int64_t heed_memory_look_units(const heed_call *call);
size_t heed_memory_look_scratch(const heed_call *call);
bool heed_memory_look_sample(int k, heed_sample *sample);
double heed_memory_look_flops(const heed_node *node);

#endif

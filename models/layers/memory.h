/* memory.h - a memory that a network reads and writes by attention. Graves, Wayne, Danihelka 2014,
 * "Neural Turing Machines".
 *
 * The memory M has N slots of width W. Read heads and write heads each say with a few numbers,
 * a linear layer of what the controller puts out (h), where they look next; see
 * heed_memory_look() in ops/networks.h. In a step, of M before it:
 *
 *     r_i = sum_n w_i[n] M[n]                                     each read head      (eq. 2)
 *     M'[n] = M[n] prod_j (1 - w_j[n] e_j) + sum_j w_j[n] a_j      all write heads     (eq. 3, 4)
 *     e_j = sigmoid(..), a_j = tanh(..)                            of h
 *
 * The controller is whatever the caller likes: a step is a function of h. */
#ifndef HEED_MODELS_LAYERS_MEMORY_H
#define HEED_MODELS_LAYERS_MEMORY_H

#include "graph/graph.h"
#include "graph/store.h"

typedef struct heed_memory_options {
    int defaults;
    int64_t slots, width;  /* N, W; 0 means 128 and 20, the paper's */
    int64_t reads, writes; /* heads; 0 means 1 of each */
    int64_t shifts;        /* how many places a head can move to, around 0; 0 means 3 */
    bool learned;          /* M starts as the parameter "name/memory", normal numbers; otherwise all
                              of it is one small number: trains fastest, Collier, Beel 2018 */
    double size;           /* deviation of these, 0 means 0.05; that number, 0 means 1e-6 */
    double strength;       /* of looking by content, at first; 0 means 4 */
    double gate;           /* at first: logit of looking by content, and not from where a head is */
    bool alike;    /* keys of read heads start as what write heads add: what was written when there
                      was to be seen what is to be seen now, is found from the first step on */
    bool together; /* all heads start at slot 0; else each kind evenly spread */
} heed_memory_options;

/* Parameters "name/heads/weight" [in, ..], "name/heads/bias"; where heads look and what they have
 * read before the first step, "name/look" and "name/read". */
typedef struct heed_memory {
    heed_memory_options options;
    heed_node *weight, *bias, *look, *read, *start;
} heed_memory;

/* Between two steps. */
typedef struct heed_memory_state {
    heed_node *memory;    /* [B, W, N] */
    heed_node *weighting; /* [B, reads + writes, N]: read heads first */
    heed_node *read;      /* [B, reads W]: what the read heads found */
    heed_node *written;   /* [B, 2 writes W]: the heads' e (eq. 3), then their a (eq. 4), to look at
                             or to have them small; NULL at the start */
} heed_memory_state;

heed_memory heed_memory_with(heed_scope *scope, const char *name, int64_t in,
                             heed_memory_options options);
/* heed_memory_of(scope, "memory", hidden, .reads = 4) */
#define heed_memory_of(scope, name, in, ...) \
    heed_memory_with(scope, name, in, (heed_memory_options){ .defaults = 0, __VA_ARGS__ })
heed_memory_state heed_memory_begin(const heed_memory *memory, int64_t batch);
heed_memory_state heed_memory_step(const heed_memory *memory, heed_node *h, /* [B, in] */
                                   heed_memory_state state);

#endif

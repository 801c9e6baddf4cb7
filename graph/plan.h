/* plan.h - a program in the making and at run time: nodes, values, buffers, instructions, stages.
 *
 * heed_compile() fills it pass by pass (graph/passes/, in the order of the list below):
 *   rewrite   copies the live part of the user's graph (dead, fold, simplify, cse) into `work`
 *   products  products with one row or column become reductions where that saves their operand
 *   absorb    lets products add what is added to them
 *   pack      shares copies of operands in the order that kernels like best
 *   layout    gives every node a value (buffer + strides); inserts copies where a kernel needs
 *             dense input; lets concat's inputs be computed where concat wants them (place)
 *   recompute elides values that are cheaper to compute anew in each instruction that reads them
 *   order     turns nodes into instructions; neighbouring elementwise nodes share one, which may
 *             end in reductions (fuse)
 *   stage     groups instructions that may run at the same time
 *   inplace   lets a result take over the memory of an input that dies
 *   memory    gives every buffer its offset in one block (reuse)
 * `work` is in topological order by id, as every graph is. */
#ifndef HEED_GRAPH_PLAN_H
#define HEED_GRAPH_PLAN_H

#include <stdatomic.h>

#include "graph/internal.h"
#include "graph/pool.h"
#include "graph/program.h"

typedef enum heed_pass {
    HEED_PASS_DEAD,
    HEED_PASS_FOLD,
    HEED_PASS_SIMPLIFY,
    HEED_PASS_CSE,
    HEED_PASS_ABSORB,
    HEED_PASS_PACK,
    HEED_PASS_PLACE,
    HEED_PASS_FUSE,
    HEED_PASS_RECOMPUTE,
    HEED_PASS_STAGE,
    HEED_PASS_INPLACE,
    HEED_PASS_REUSE,
    HEED_N_PASSES
} heed_pass;

const char *heed_pass_name(heed_pass pass);
/* "-fuse,-cse", "none", "none,+fuse": switch bits of *enabled; false: an unknown name, in error. */
bool heed_pass_parse(const char *text, unsigned *enabled, heed_error *error);

typedef enum heed_memory_kind {
    HEED_PLANNED_MEMORY, /* computed in the run                                        */
    HEED_INPUT_MEMORY,   /* written by the caller before the run                       */
    HEED_SLOT_MEMORY,    /* of a body: somewhere else in every iteration               */
    HEED_OUTSIDE_MEMORY  /* a store's parameters, a graph's constants: data is known   */
} heed_memory_kind;

typedef struct heed_buffer {
    heed_memory_kind kind;
    size_t bytes;
    int same_as;     /* inplace: index of the buffer it shares, else -1 */
    int first, last; /* times of first write and last use               */
    int last_users;  /* instructions that use it at time `last`         */
    bool shared;     /* holds several values (a placed concat)          */
    size_t offset;   /* in the program's block                          */
    char *data;
} heed_buffer;

typedef struct heed_value {
    int buffer; /* -1: a view not yet known, or a value that stays inside a fused instruction */
    int aux_buffer;
    int64_t offset; /* elements */
    int64_t stride[HEED_MAX_RANK];
    bool infinite; /* HEED_CHECK=nan: holds infinities that a constant brought in */
} heed_value;

typedef struct heed_fused heed_fused; /* graph/fused.h */
typedef struct heed_loop heed_loop;   /* graph/loop_run.h */

typedef struct heed_instruction {
    heed_node *
        *nodes; /* one; or elementwise ones of one space, in topological order, and then ... */
    int n_nodes;
    int n_ends;         /* ... so many reductions of them */
    int partial_buffer; /* the reductions' partial results, a loop's own memory; -1: none */
    int time;
    double cost; /* rough nanoseconds on one thread; from shapes only */
    int64_t units, chunk;
    heed_kernel_fn fn;
    heed_call call;
    heed_fused *fused; /* elementwise instructions */
    heed_loop *loop;   /* bodies */
    int n_reads, n_writes;
    int *reads, *writes; /* buffers */
} heed_instruction;

/* Instructions begin .. end - 1. Parallel: independent of each other, split into `items` chunks;
 * serial: run one after the other by one thread. A loop is a stage of its own: the stages of its
 * body, again and again. */
typedef struct heed_stage {
    int begin, end;
    bool parallel, loop;
    int items, first_item;
    int number; /* of a parallel one: among all of the program and of the bodies in it */
} heed_stage;

typedef struct heed_item {
    int instruction;
    int64_t begin, end; /* units */
} heed_item;

/* Edges of `work`: node id's consumers are list[first[id]] .. list[first[id + 1] - 1]. */
typedef struct heed_edges {
    bool *live;
    int *first, *list;
    int *incoming; /* how many edges end at a node */
} heed_edges;

struct heed_program {
    heed_graph *user, *work;
    heed_compile_options options;
    heed_arena arena;
    unsigned passes;
    heed_named_view *inputs; /* by name, with their memory */
    int n_inputs;
    heed_node **outputs; /* in work */
    int n_outputs;
    heed_value *values; /* by id in work */
    heed_edges edges;   /* while compiling */
    int *owner;         /* while compiling: a node's instruction, -1: none */
    bool *elided;       /* by id: nothing to run (placed concat; recomputed by its readers) */
    int *source;        /* while compiling: heed_flat_sources() of work */
    heed_buffer *buffers;
    int n_buffers, buffer_room;
    heed_instruction *instructions;
    int n_instructions;
    heed_stage *stages;
    int n_stages;
    heed_item *items;
    int n_times;
    char *block; /* planned memory, then inputs */
    size_t planned_bytes, live_bytes, input_bytes, scratch_bytes;
    char *scratch; /* options.threads pieces */
    uint64_t seed, step;
    double compile_seconds;
    heed_pool *pool;
    heed_error run_error;
    bool check_nan;
    struct heed_profile *profile;

    /* Of a body: */
    const heed_body *body;
    heed_program *outer;
    int *slot_buffer; /* by slot; -1: nobody reads it */
    bool *in_place;   /* by state: the next one is written over it */
    bool *invariant;  /* while compiling, by id: the same in all iterations */
    int n_first;      /* instructions that are run in the first iteration only, ... */
    int first_stages; /* ... and their stages */
    /* Of the outermost program: */
    struct heed_stage_of *parallel_stages;
    int n_parallel_stages;
};

/* A parallel stage, and whose it is. */
typedef struct heed_stage_of {
    heed_program *program;
    const heed_stage *stage;
} heed_stage_of;

/* Passes; each returns false with the user graph's error set. */
bool heed_rewrite(heed_program *p);
bool heed_precompute(heed_program *p); /* plans made of constant indices become constants */
bool heed_products(heed_program *p);
bool heed_absorb(heed_program *p);
bool heed_pack(heed_program *p);
bool heed_layout(heed_program *p);
bool heed_recompute(heed_program *p);
bool heed_find_invariant(heed_program *p); /* of the work graph as it is now */
bool heed_order(heed_program *p);
bool heed_stages(heed_program *p);
void heed_inplace(heed_program *p);
bool heed_memory_plan(heed_program *p);
bool heed_bind(heed_program *p);
/* The passes of a body, up to its memory plan. `outer` has its options and takes its errors. */
heed_program *heed_compile_body(heed_program *outer, const heed_body *body,
                                heed_node *const *outputs, int n);

/* A pass that makes p->work anew out of the live nodes of `from`, and frees that unless it is the
 * user's. `visit` has the copy of `old`, whose inputs are map[their old id] already, and returns it
 * or an equal node of the new graph; NULL on failure. The outputs and names follow. */
typedef heed_node *heed_visit(void *context, heed_node *copy, const heed_node *old,
                              heed_node *const *map);
bool heed_rebuild(heed_program *p, heed_graph *from, const bool *live, heed_visit *visit,
                  void *context);

/* One node's turn in the rewrite walk: an equal node to use instead of `node`, or `node`; NULL on
 * failure. */
heed_node *heed_fold(heed_node *node);
heed_node *heed_simplify(heed_node *node);
typedef struct heed_cse {
    int *table; /* id + 1 in the work graph, 0 = free */
    int size, used;
} heed_cse;
heed_node *heed_cse_find(heed_cse *cse, heed_node *node);
/* live[id] of a graph: reachable from the outputs; with `all` every node but assignments, which
 * must not happen unasked. NULL without memory; the caller frees it. */
bool *heed_live(const heed_graph *graph, heed_node *const *outputs, int n, bool all);

static inline bool heed_keeps_dead(const heed_program *p)
{
    return !(p->passes >> HEED_PASS_DEAD & 1);
}

static inline bool heed_runs(const heed_program *p, const heed_node *node)
{
    return !(node->op->flags & HEED_LEAF) && !node->op->view && !p->elided[node->id];
}

/* The next multiple of HEED_ALIGNMENT. */
static inline size_t heed_aligned(size_t bytes)
{
    return (bytes + HEED_ALIGNMENT - 1) & ~(size_t)(HEED_ALIGNMENT - 1);
}

/* What a buffer takes of a block: never nothing. */
static inline size_t heed_buffer_room(const heed_buffer *buffer)
{
    return heed_aligned(buffer->bytes + 1);
}

/* Of a body: the state, a leaf, that a node updates which is the state's next value; else NULL. */
const heed_node *heed_updated_state(const heed_program *p, const heed_node *node, int *state);

int heed_buffer_new(heed_program *p, heed_memory_kind kind, size_t bytes); /* -1: no memory */
int heed_buffer_root(const heed_program *p, int buffer);
bool heed_plan_no_memory(heed_program *p); /* sets the error; always false */

/* The view of a node's value: data is NULL-based before heed_bind() (heed_base), real after. */
heed_view heed_value_view(const heed_program *p, const heed_node *node);

/* ---- running (graph/execute.c, graph/check.c) ---- */

void heed_run_instruction(heed_program *p, const heed_instruction *instruction, int thread,
                          int64_t begin, int64_t end);
/* HEED_CHECK=nan, after an instruction: false, with the program's error, when a value is bad. */
bool heed_check_instruction(heed_program *p, const heed_instruction *instruction);

#endif

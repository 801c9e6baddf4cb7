/* op.h - what an operation is: one descriptor, one file.
 *
 * A descriptor answers, in the order a reader asks: what is it called, what does it mean, what fits
 * in, what does it compute, how does it differentiate, on what is it tested. Adding an operation
 * means writing this struct in a file of its own and adding one line to the list in ops/ops.h; an
 * application registers its own with heed_register() and gets everything the built-in ones have. */
#ifndef HEED_GRAPH_OP_H
#define HEED_GRAPH_OP_H

#include "graph/graph.h"
#include "graph/isa.h"
#include "graph/loop.h"
#include "tensor/tensor.h"

/* ---- shape rule ---- */

typedef struct heed_infer {
    heed_graph *graph;
    const heed_op *op;
    heed_node *const *in;
    int n_in;
    void *attr; /* the node's own copy: the rule may normalise it (axis -1 -> 2) */
    /* to be filled: */
    heed_dtype dtype; /* preset to the dtype of input 0 */
    heed_shape shape; /* preset to the shape of input 0 */
    bool has_aux;     /* true: the kernel also fills a statistic that the reverse rule uses */
    heed_dtype aux_dtype;
    heed_shape aux_shape;
} heed_infer;

/* Say why the inputs don't fit ("axis 3 is out of range for rank 2"); op, input names, shapes and
 * the caller's line are added. return: always false, for rules to return in turn. */
bool heed_refuse(heed_infer *infer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Refuse unless input i is f32/f64; unless input i is i32; unless all real inputs share a dtype. */
bool heed_need_real(heed_infer *infer, int i);
bool heed_need_index(heed_infer *infer, int i);
bool heed_need_same_dtype(heed_infer *infer);
/* Normalise a negative axis against `shape`, or refuse. */
bool heed_need_axis(heed_infer *infer, const heed_shape *shape, int *axis);

/* ---- kernels ---- */

/* What a kernel gets. Views of inputs are dense unless the descriptor's `strided` bit is set. */
typedef struct heed_call {
    int n_in;
    const heed_view *in;
    heed_view out;
    heed_view aux; /* data NULL unless the shape rule asked for it */
    const void *attr;
    const uint64_t *seed; /* the program's seed ... */
    const uint64_t *step; /* ... and run number, for random operations */
    void *scratch;        /* this thread's, as many bytes as `scratch` answered, 64-aligned */
    const void *plan;     /* what `prepare` put there, else NULL */
} heed_call;

/* Compute work units begin <= u < end. Every element of out (and aux) must be written by exactly
 * one unit, and must not depend on how the units are grouped: that keeps bits equal for any number
 * of threads. */
typedef void (*heed_kernel_fn)(const heed_call *call, int64_t begin, int64_t end);

/* One run of an elementwise operation: y[k] = f(in[0][k], in[1][k], ...) for 0 <= k < n, all dense.
 * y may be equal to any in[i]. */
typedef void (*heed_tile_fn)(int64_t n, const void *const *in, void *y, const void *attr);

#define HEED_TILE_INPUTS 8 /* an elementwise operation has at most so many */

/* A function for each {element type, instruction set}; NULL falls back to portable. */
typedef struct heed_kernel {
    heed_kernel_fn fn[HEED_N_DTYPES][HEED_N_ISA];
} heed_kernel;
typedef struct heed_tile {
    heed_tile_fn fn[HEED_N_DTYPES][HEED_N_ISA];
} heed_tile;

/* Join elements to results so far, for 0 <= i < n; x is dense, m >= 1. Of runs: x[i m + k] for all
 * k < m to total[i]; of columns: x[k n + i] for all k < m to total[i]. */
typedef void (*heed_join_fn)(int64_t n, int64_t m, const void *x, double *total);
/* y[i] = scale total[i] for 0 <= i < n. */
typedef void (*heed_finish_fn)(int64_t n, const double *total, double scale, void *y);

/* How a reduction of input 0 ends an elementwise instruction, which then need not store that input.
 * Results so far are f64. */
typedef struct heed_reduction {
    double start;                            /* joined to x it is x: 0 of a sum */
    unsigned (*axes)(const heed_node *node); /* bit d: axis d of input 0 is reduced */
    double (*scale)(const heed_node *node);  /* of the result; NULL: 1 */
    heed_join_fn runs[HEED_N_DTYPES][HEED_N_ISA], columns[HEED_N_DTYPES][HEED_N_ISA];
    heed_finish_fn finish[HEED_N_DTYPES][HEED_N_ISA];
} heed_reduction;

/* For user code, which need not be stamped out: */
#define HEED_PLAIN_KERNEL(f32, f64)                    \
    {                                                  \
        {                                              \
            [HEED_F32] = { f32 }, [HEED_F64] = { f64 } \
        }                                              \
    }

/* ---- reverse rule ---- */

/* Given y = op(in...) and dy = dL/dy (same shape as y), give dL/d in[i] for every wanted input, as
 * nodes. The engine adds contributions up, undoes broadcasting and checks shapes. */
typedef struct heed_vjp {
    heed_node *y;
    heed_node *dy;
    heed_node *const *in;
    int n_in;
    const void *attr;
    const bool *want; /* want[i]: dL/d in[i] is needed */
    heed_node **dx;   /* dx[i] to be filled where wanted; NULL there is an error */
} heed_vjp;

/* ---- test samples ---- */

#define HEED_SAMPLE_INPUTS 8

typedef struct heed_sample_input {
    heed_shape shape;
    double low, high; /* uniform values; both 0 means -2 .. 2 */
    bool index;       /* i32, uniform in 0 .. below - 1       */
    int below;
    int plan_of;         /* i + 1: heed_csr() of input i, of `below` segments; 0: no plan */
    bool distinct;       /* values at least `margin` apart (for max, sort)               */
    bool avoid;          /* stay `margin` away from the kink at `kink` (relu: 0)         */
    double kink, margin; /* margin 0 means 0.05 */
} heed_sample_input;

typedef struct heed_sample {
    int n_in;
    heed_sample_input in[HEED_SAMPLE_INPUTS];
    unsigned char attr[256] __attribute__((aligned(16))); /* attr_size bytes; zero at entry */
} heed_sample;

/* ---- the descriptor ---- */

enum {
    HEED_STOPS = 1 << 0,       /* the gradient ends here silently (stop_gradient): the user asked */
    HEED_LINEAR = 1 << 1,      /* reserved for documentation in `heed ops`: linear in each input  */
    HEED_LEAF = 1 << 2,        /* has no kernel: input, parameter, constant                       */
    HEED_IMPURE = 1 << 3,      /* two equal nodes are not merged, and none is removed or folded   */
    HEED_RANDOM = 1 << 4,      /* depends on the program's seed and step: never folded            */
    HEED_ADDS = 1 << 5,        /* y = in[0] + in[1]: a product may add the other one itself       */
    HEED_PRECOMPUTED = 1 << 6, /* a kernel that is worth running at compile, once, when all
                                  inputs are constants: a plan made of indices               */
    HEED_ASSIGNS = 1 << 7,     /* wanted for its effect in every training step: see assign        */
    HEED_GOES_ON = 1 << 8,     /* out begins with as many elements as an input that it may
                                  overwrite has, in its order, and goes on behind them         */
};

#define HEED_ALL_INPUTS (~0u)

struct heed_op {
    const char *name;  /* identity: printed, saved, looked up */
    const char *doc;   /* formula and shape rule, for people and tools */
    int n_in;          /* inputs; at least, when max_in is larger */
    int max_in;        /* 0: exactly n_in; INT_MAX: any number from n_in on */
    unsigned diff;     /* bit i: input i has a gradient (from 32 on: bit 31) */
    unsigned accounts; /* bit i: input i is a statistic (aux) of the others, and the reverse rule
                          already says how it moves with them: no gradient is asked for it */
    unsigned strided;  /* bit i: the kernel takes input i with any strides */
    bool strided_out;  /* the kernel can write into a strided output */
    unsigned in_place; /* bit i: out may be the same memory as input i when both are dense and
                              of equal shape and dtype (or HEED_GOES_ON) */
    unsigned updates;  /* of in_place: out is that input but for a small part, which is all that
                              the kernel writes when both are the same memory: a loop's next
                              state is then written over the state, after its other readers */
    unsigned writes;   /* bit i: input i is a parameter or state that the kernel overwrites;
                              every other reader in the program runs before */
    unsigned flags;    /* HEED_STOPS ... */
    size_t attr_size;  /* typed attribute struct, copied (zero padding included: memset) */

    /* Shape and dtype rule. Elementwise ops may leave it NULL: broadcast, equal real dtypes. */
    bool (*infer)(heed_infer *infer);

    /* Exactly one of these says what is computed (leaves have none): */
    const heed_kernel *kernel; /* work units */
    const heed_tile *tile;     /* elementwise: out = f(in...), fused with its neighbours */
    bool (*view)(const heed_node *node, const heed_view *in, heed_view *out);
    /* out is a view of input 0; false: these strides cannot express
                                  it, and the compiler makes input 0 dense first */

    heed_body **(*body)(const heed_node *node); /* a graph that is run many times: graph/loop.h */

    /* Where input i must lie so that the op has nothing left to do when out lies at `out`: of an
     * invertible view (reshape, permute), or of an op that only lays its inputs side by side
     * (concat). false: impossible with these strides. NULL: never. */
    bool (*place)(const heed_node *node, int i, const heed_view *out, heed_view *in);

    /* Of a kernel that reduces input 0 over axes: the same at the end of an elementwise program. */
    const heed_reduction *reduction;
    /* An equal expression that reads input i only in a reduction of elementwise operations, or
     * NULL: of a product with one row or column. Preferred where input i then need not be
     * stored. */
    heed_node *(*as_reduction)(heed_node *node, int i);

    /* Fill plan_size bytes once at compile (shapes, strides and attr are known, data is not). */
    size_t plan_size;
    void (*prepare)(const heed_call *call, void *plan);
    /* Asked after `prepare`: call->plan is there. */
    int64_t (*units)(const heed_call *call);  /* NULL: one unit. From shapes only. */
    size_t (*scratch)(const heed_call *call); /* bytes a thread needs; NULL: none */

    void (*vjp)(heed_vjp *vjp);
    bool (*sample)(int k, heed_sample *sample); /* k-th test case; false past the last */
    /* One case as large as they occur, moving some 100 MB, for `heed bench ops`; NULL: a sample is
     * enlarged until it is that. */
    bool (*large)(heed_sample *sample);
    const char *limit; /* what keeps it from memory's speed there, where something does; or NULL */
    double (*flops)(const heed_node *node); /* NULL: elements of out; a tanh counts 10 */
    /* An equal but cheaper node, or the node itself: x * 1 -> x. May build nodes. */
    heed_node *(*simplify)(heed_node *node);
    /* node, reshaped to `shape`, + addend, computed by one operation; NULL: not possible. */
    heed_node *(*plus)(heed_node *node, heed_node *addend, const heed_shape *shape);
    /* An equal node that reads input i (a bit of `packs`) from a copy in the order its kernel likes
     * best, or the node itself: the copy is shared by `readers` operations, so it pays sooner than
     * one for each. May build nodes; equal copies are merged. */
    unsigned packs;
    heed_node *(*pack)(heed_node *node, int readers);
};

/* The dtype that selects a kernel's variant: the first real dtype among the inputs, else out's. */

/* ---- making nodes ---- */

/* The node op(in...). attr: op->attr_size bytes or NULL when that is 0. return: NULL when an input
 * is NULL, or when the shape rule refuses (the graph then holds the reason). */
heed_node *heed_apply(const heed_op *op, const void *attr, int n_in, heed_node *const *in);

/* The statistic that y's kernel fills beside y, for y's reverse rule. A gradient through it is
 * refused, except into an operation whose descriptor says that it accounts for it. */
heed_node *heed_aux(heed_node *y);

/* ---- the operations that the engine itself needs; their files are in ops/ ---- */

extern const heed_op heed_op_copy; /* y = x: makes a strided value dense, elementwise */

/* Sum of n >= 2 nodes of equal shape and dtype, as the gradient of one value used n times. */
heed_node *heed_accumulate(heed_node *const *terms, int n);
/* Sum x over the axes along which `shape` was broadcast to x's shape: broadcasting reversed. */
heed_node *heed_sum_to(heed_node *x, const heed_shape *shape);

/* ---- registry of a process: built-in operations and those that applications add ---- */

/* Add an operation. Refuses an incomplete descriptor or a name that is taken. The descriptor must
 * stay valid. Using an op in a graph does not need registration; finding it by name does. */
bool heed_register(const heed_op *op, heed_error *error);
const heed_op *heed_find_op(const char *name);
const heed_op *heed_op_at(int index); /* NULL past the last; built-in ones first */
bool heed_op_check(const heed_op *op, heed_error *error); /* structural check of one */

#endif

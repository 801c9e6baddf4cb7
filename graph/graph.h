/* graph.h - building a computation: graphs, nodes, leaves, gradients.
 *
 * A node is one value: an operation, its inputs, its shape. Builders take nodes and return a node.
 * A failed builder returns NULL, NULL inputs pass through quietly, and the graph keeps the FIRST
 * reason; check once, at heed_compile() or heed_trainer_new(), and print heed_why(graph).
 *
 * A graph is built by one thread. Nodes belong to their graph and are freed with it. */
#ifndef HEED_GRAPH_GRAPH_H
#define HEED_GRAPH_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

#include "tensor/error.h"
#include "tensor/shape.h"
#include "tensor/tensor.h"

typedef struct heed_graph heed_graph;
typedef struct heed_node heed_node;
typedef struct heed_op heed_op;
typedef struct heed_store heed_store; /* parameters: graph/store.h */
typedef struct heed_entry heed_entry;
typedef struct heed_infer heed_infer;
typedef struct heed_vjp heed_vjp;
typedef struct heed_call heed_call;

struct heed_node {
    const heed_op *op;
    heed_graph *graph;
    int32_t id; /* order of creation; every input's id is smaller */
    int32_t n_in;
    heed_node **in;
    void *attr;
    heed_dtype dtype;
    heed_shape shape;
    bool has_aux;
    heed_dtype aux_dtype;
    heed_shape aux_shape;
    const char *name; /* "" when nobody named it */
    const char *file; /* the user's line that made it; NULL when unknown */
    int line;
    heed_entry *entry; /* parameter leaves: the store's entry */
    const void *value; /* constant leaves: dense data, owned by the graph */
};

/* ---- graphs ---- */

/* Options are structs with named fields; 0 is a working default. `defaults` is never set: it lets
 * the macros be called without options. */
typedef struct heed_graph_options {
    int defaults;
    heed_store *store; /* where parameters live; NULL: the graph may have none. Must outlive it */
    heed_dtype dtype;  /* of parameters and constants: HEED_F32 (default) or HEED_F64 */
    bool training;     /* dropout drops */
} heed_graph_options;

#define heed_graph_new(...) heed_graph_make((heed_graph_options){ .defaults = 0, __VA_ARGS__ })
heed_graph *heed_graph_make(heed_graph_options options); /* NULL only without memory */
void heed_graph_free(heed_graph *graph);

const char *heed_why(const heed_graph *graph); /* the first error's sentence, or NULL. NULL graph:
                                                  "no memory for a graph" */
bool heed_graph_failed(const heed_graph *graph);
/* Set the graph's error unless it has one. return: NULL, for builders to return in turn. */
heed_node *heed_graph_fail(heed_graph *graph, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

int heed_graph_size(const heed_graph *graph); /* nodes */
heed_node *heed_graph_node(const heed_graph *graph, int id);
heed_dtype heed_graph_dtype(const heed_graph *graph);
bool heed_graph_training(const heed_graph *graph);
heed_store *heed_graph_store(const heed_graph *graph);
heed_error *heed_graph_error(heed_graph *graph);
void *heed_graph_memory(heed_graph *graph, size_t bytes); /* freed with the graph; zeroed */
uint32_t heed_graph_salt(heed_graph *graph); /* 1, 2, 3, ...: tells random nodes apart */

/* Builders are called through macros of the same name that note the caller's file and line. */
heed_node *heed_located(heed_node *node, const char *file, int line);
#ifdef HEED_NO_LOCATIONS
#define HEED_AT(call) (call)
#else
#define HEED_AT(call) heed_located(call, __FILE__, __LINE__)
#endif

/* Name a node, for messages, outputs and drawings. return: node */
heed_node *heed_name(heed_node *node, const char *name);
/* "matmul 'scores' [2, 3] f32" into text. return: text */
const char *heed_describe(const heed_node *node, char *text, size_t size);

/* ---- leaves ---- */

/* Data given before each run, through heed_program_input(). */
heed_node *heed_input_shaped(heed_graph *graph, const char *name, heed_dtype dtype,
                             heed_shape shape);
/* heed_input(g, "x", HEED_F32, 128, 10) */
#define heed_input(graph, name, dtype, ...) \
    HEED_AT(heed_input_shaped(graph, name, dtype, HEED_SHAPE(__VA_ARGS__)))

heed_node *heed_scalar_node(heed_graph *graph, double value); /* graph dtype, shape [] */
#define heed_number(graph, value) HEED_AT(heed_scalar_node(graph, value))
heed_node *heed_constant_of(heed_graph *graph, const heed_view *value); /* copies the data */
#define heed_constant(graph, value) HEED_AT(heed_constant_of(graph, value))
heed_node *heed_full_shaped(heed_graph *graph, heed_dtype dtype, heed_shape shape, double value);
/* heed_full(g, 0.5, 2, 3): a [2, 3] of halves in the graph's dtype; takes no memory of its size */
#define heed_full(graph, value, ...) \
    HEED_AT(heed_full_shaped(graph, heed_graph_dtype(graph), HEED_SHAPE(__VA_ARGS__), value))
heed_node *heed_zeros_like(heed_node *x);
heed_node *heed_ones_like(heed_node *x);

/* The leaf of a store's entry; one node per entry and graph. See heed_param() in graph/store.h. */
heed_node *heed_entry_node(heed_graph *graph, heed_entry *entry);

bool heed_is_input(const heed_node *node);
bool heed_is_param(const heed_node *node);
bool heed_is_constant(const heed_node *node);
/* The value when node is a constant with all elements equal (heed_full, heed_number). */
bool heed_is_filled_with(const heed_node *node, double *value);

/* ---- gradients ---- */

/* dx[i] = d<y, dy>/dx[i] as new nodes of the same graph; dy NULL means ones (y is then one number).
 * Gradients are graphs: take gradients of them again. A value x[i] that y does not depend on, or an
 * operation on the way that is not differentiable, is refused, by name; heed_stop_gradient() cuts a
 * path on purpose. return: false when the graph has failed. */
bool heed_gradient(heed_node *y, heed_node *dy, heed_node *const *x, int n, heed_node **dx);

/* As heed_gradient, but dx[i] is NULL where y does not depend on x[i]. A reverse rule that uses it
 * on an expression of its inputs takes the gradient with respect to fresh copies of them
 * (heed_affine(x, 1, 0)): the cotangent may itself depend on x, and that path is not the rule's. */
bool heed_gradient_partial(heed_node *y, heed_node *dy, heed_node *const *x, int n, heed_node **dx);
/* The same of several values at once: dx[i] = sum over j of d<y[j], dy[j]>/dx[i]. */
bool heed_gradient_of_all(heed_node *const *y, heed_node *const *dy, int n_y, heed_node *const *x,
                          int n, heed_node **dx);

/* The derivative of y along dx (forward mode; Jacobian times vector), in y's shape:
 *     d/dt y(x[0] + t dx[0], ..., x[n - 1] + t dx[n - 1]) at t = 0.
 * The reverse of y, <d<y, u>/dx, dx>, is linear in its cotangent u; this is its gradient for u, and
 * costs about as much as a gradient. dx[i] has x[i]'s dtype and shape. An x[i] that y does not
 * depend on adds nothing; when y depends on none, that is refused. */
heed_node *heed_jvp(heed_node *y, heed_node *const *x, heed_node *const *dx, int n);

/* Hessian times vector, for one number y: hv[i] = sum over j of d2y/dx[i]dx[j] v[j], the gradient
 * of <dy/dx, v> for constant v (Pearlmutter 1994). v[i] and hv[i] have x[i]'s shape; hv[i] is zeros
 * where y's gradient does not depend on x[i]. return: false when the graph has failed. */
bool heed_hvp(heed_node *y, heed_node *const *x, heed_node *const *v, int n, heed_node **hv);

#endif

/* store.h - parameters that outlive graphs, and the scopes that name them.
 *
 * A store maps names ("decoder/pointer/v") to tensors. Graphs for training, for evaluation and for
 * other lengths share one store. The first value of a parameter is a function of the store's seed
 * and the parameter's name: neither the order of creation nor the thread count matters. */
#ifndef HEED_GRAPH_STORE_H
#define HEED_GRAPH_STORE_H

#include "graph/graph.h"
#include "tensor/safetensors.h"

typedef enum heed_entry_kind {
    HEED_PARAMETER, /* trained                                                               */
    HEED_STATE,     /* part of the model, moved by assignments: running statistics, averages */
    HEED_MOMENT     /* part of a training run: what an optimizer remembers                   */
} heed_entry_kind;

struct heed_entry {
    const char *name;
    heed_entry_kind kind;
    heed_tensor *tensor;
    heed_store *store;
    int index; /* in the store */
};

heed_store *heed_store_new(uint64_t seed); /* NULL: no memory. The caller frees it, after graphs */
void heed_store_free(heed_store *store);
uint64_t heed_store_seed(const heed_store *store);

int heed_store_count(const heed_store *store);
heed_entry *heed_store_at(const heed_store *store, int index);
heed_entry *heed_store_find(const heed_store *store, const char *name); /* NULL: absent */
heed_entry *heed_store_add(heed_store *store, const char *name, heed_entry_kind kind,
                           heed_dtype dtype, const heed_shape *shape, heed_error *error);
int64_t heed_store_parameters(const heed_store *store); /* numbers in all parameters */

/* All entries, or the model's alone (parameters and state), with `n_metadata` notes, to one
 * safetensors file, atomically. */
bool heed_store_save(const heed_store *store, const char *path, const heed_metadata *metadata,
                     int n_metadata, heed_error *error);
bool heed_store_save_parameters(const heed_store *store, const char *path,
                                const heed_metadata *metadata, int n_metadata, heed_error *error);
/* Every entry of the file, into the store: entries that exist must agree in shape and dtype (f32
 * and f64 are converted), others are created. The store is unchanged when it fails. */
bool heed_store_load(heed_store *store, const char *path, heed_error *error);
bool heed_store_load_file(heed_store *store, heed_file *file, const char *path, heed_error *error);

/* ---- scopes: a graph and a name prefix ---- */

typedef struct heed_scope heed_scope;

heed_scope *heed_root(heed_graph *graph);                    /* prefix "" */
heed_scope *heed_enter(heed_scope *scope, const char *name); /* "encoder" -> "encoder/" */
heed_scope *heed_enter_at(heed_scope *scope, const char *name,
                          int index);            /* "layer", 3 -> "layer3/" */
heed_graph *heed_scope_graph(heed_scope *scope); /* NULL scope: NULL */
const char *heed_scope_prefix(heed_scope *scope);
/* prefix + name, as the store has it; it lives as long as the graph. return: NULL without a scope,
 * or without memory: then the graph has failed. */
const char *heed_full_name(heed_scope *scope, const char *name);

/* ---- how a parameter starts ---- */

typedef enum heed_init_rule {
    HEED_INIT_DEFAULT,  /* uniform(+-1/sqrt(fan_in)); fan_in = first dimension of a matrix */
    HEED_INIT_CONSTANT, /* a                     */
    HEED_INIT_UNIFORM,  /* uniform in [a, b)     */
    HEED_INIT_NORMAL,   /* mean a, deviation b   */
    HEED_INIT_GLOROT,   /* Glorot, Bengio 2010: uniform(+-a sqrt(6 / (fan_in + fan_out))); a 0: 1 */
    HEED_INIT_ORTHOGONAL, /* Saxe, McClelland, Ganguli 2014: Q of a normal matrix, times a (0: 1);
                             rows or columns orthonormal; blocks where columns make squares */
} heed_init_rule;

/* Changes what the rule has set; called once, by the graph that makes the entry. */
typedef void heed_init_function(const heed_view *value, const void *context);

typedef struct heed_init {
    heed_init_rule rule;
    double a, b;
    int64_t fan_in; /* 0: from the shape */
    const char *as; /* the full name whose random numbers it draws; NULL: its own. Parameters of one
                       shape and rule then start equal, whichever is made first */
    heed_init_function *fill; /* NULL: the rule is all */
    const void *context;      /* of fill; it may go when the parameter has been asked for */
} heed_init;

#define HEED_ZEROS ((heed_init){ .rule = HEED_INIT_CONSTANT })
#define HEED_ONES ((heed_init){ .rule = HEED_INIT_CONSTANT, .a = 1 })

/* The parameter prefix + name, created in the store (or found there) in the graph's dtype. */
heed_node *heed_param_shaped(heed_scope *scope, const char *name, heed_init init, heed_shape shape);
#define heed_param(scope, name, init, ...) \
    HEED_AT(heed_param_shaped(scope, name, init, HEED_SHAPE(__VA_ARGS__)))
/* A state entry likewise: saved with the parameters, but not trained. heed_assign() (ops/ops.h)
 * moves it. */
heed_node *heed_state_shaped(heed_scope *scope, const char *name, heed_init init, heed_shape shape);
#define heed_state(scope, name, init, ...) \
    HEED_AT(heed_state_shaped(scope, name, init, HEED_SHAPE(__VA_ARGS__)))

/* What an optimizer remembers: in checkpoints, but no part of the model. */
heed_node *heed_moment_shaped(heed_scope *scope, const char *name, heed_init init,
                              heed_shape shape);

/* Parameter leaves that `graph` uses, in order of first use, into nodes (room for `room`).
 * return: how many there are. */
int heed_graph_params(const heed_graph *graph, heed_node **nodes, int room);
/* Those whose names begin with `prefix` (NULL: all), of at most `room` that the graph has.
 * return: how many these are. */
int heed_graph_params_under(const heed_graph *graph, const char *prefix, heed_node **nodes,
                            int room);
/* Assignments of `graph`, in order of creation, likewise. A trainer makes them in every step; a
 * program compiled by hand makes those that are among its outputs. */
int heed_graph_assignments(const heed_graph *graph, heed_node **nodes, int room);

#endif

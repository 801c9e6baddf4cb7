/* layers.h - building blocks of models: parameters plus a few operations.
 *
 * A layer creates its parameters in a scope, under its name ("decoder/query/weight"), or finds them
 * there: graphs for training, evaluation and other lengths share them. Options are structs with
 * named fields; what is not given has a working default. As with all builders, a failure returns
 * NULL and the graph keeps the reason. */
#ifndef HEED_MODELS_LAYERS_LAYERS_H
#define HEED_MODELS_LAYERS_LAYERS_H

#include "graph/graph.h"
#include "graph/store.h"
#include "models/layers/graph_attention.h"
#include "models/layers/maps.h"
#include "models/layers/memory.h"
#include "models/layers/temporal.h"

/* ---- linear: y = x W + b,  [.., in] -> [.., width] ---- */

typedef struct heed_linear_options {
    int defaults;
    bool no_bias;
    heed_init weight; /* "name/weight" [in, width]; default uniform(+-1/sqrt(in)) */
    heed_init bias;   /* "name/bias" [width]; default likewise */
} heed_linear_options;

heed_node *heed_linear_with(heed_scope *scope, const char *name, heed_node *x, int64_t width,
                            heed_linear_options options);
/* heed_linear(scope, "query", x, 256, .no_bias = true) */
#define heed_linear(scope, name, x, width, ...)     \
    HEED_AT(heed_linear_with(scope, name, x, width, \
                             (heed_linear_options){ .defaults = 0, __VA_ARGS__ }))

/* ---- embedding: one learned row for each index, "name/table" [classes, width] ---- */

typedef struct heed_embedding_options {
    int defaults;
    heed_init table; /* default normal, mean 0, deviation 1/sqrt(width) */
} heed_embedding_options;

/* index i32 [..] -> [.., width] */
heed_node *heed_embedding_table_with(heed_scope *scope, const char *name, heed_node *index,
                                     int64_t classes, int64_t width,
                                     heed_embedding_options options);
#define heed_embedding_table(scope, name, index, classes, width, ...)     \
    HEED_AT(heed_embedding_table_with(scope, name, index, classes, width, \
                                      (heed_embedding_options){ .defaults = 0, __VA_ARGS__ }))

/* ---- MLP: linear layers with a nonlinearity between them ---- */

typedef heed_node *heed_function(heed_node *x);

typedef struct heed_mlp_options {
    int defaults;
    heed_function *activation; /* between layers; default heed_relu */
    heed_function *last;       /* after the last layer; default none */
    heed_init first, weight;   /* weights of the first layer; of the others. As in heed_linear */
    heed_init first_bias;
} heed_mlp_options;

/* Layer i is the linear layer "name/i", of width widths[i]: [.., in] -> [.., widths[n - 1]]. */
heed_node *heed_mlp_with(heed_scope *scope, const char *name, heed_node *x, const int64_t *widths,
                         int n, heed_mlp_options options);
/* heed_mlp(scope, "read", x, HEED_WIDTHS(64, 128), .activation = heed_tanh) */
#define heed_mlp(scope, name, x, widths_and_n, ...)     \
    HEED_AT(heed_mlp_with(scope, name, x, widths_and_n, \
                          (heed_mlp_options){ .defaults = 0, __VA_ARGS__ }))
#define HEED_WIDTHS(...) \
    (int64_t[]){ __VA_ARGS__ }, (int)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t))

/* ---- normalization: "name/gain" starts at 1, "name/bias" at 0, of the size of the last axis
 * (layer norm, RMS norm) or of the channels of x [N, C, ..]. Formulas in ops/ops.h ---- */

typedef struct heed_norm_options {
    int defaults;
    double eps;            /* 0 means 1e-5 */
    bool no_gain, no_bias; /* RMS norm has no bias */
    double momentum;       /* batch norm: share of the batch in the running statistics; 0: 0.1 */
    bool no_running;       /* batch norm without them: by the batch's own in evaluation, too */
    bool frozen;           /* batch norm by the running ones in training, too */
} heed_norm_options;

heed_node *heed_layer_norm_layer_with(heed_scope *scope, const char *name, heed_node *x,
                                      heed_norm_options options);
#define heed_layer_norm_layer(scope, name, x, ...)     \
    HEED_AT(heed_layer_norm_layer_with(scope, name, x, \
                                       (heed_norm_options){ .defaults = 0, __VA_ARGS__ }))
heed_node *heed_rms_norm_layer_with(heed_scope *scope, const char *name, heed_node *x,
                                    heed_norm_options options);
#define heed_rms_norm_layer(scope, name, x, ...)     \
    HEED_AT(heed_rms_norm_layer_with(scope, name, x, \
                                     (heed_norm_options){ .defaults = 0, __VA_ARGS__ }))
/* Running statistics are the state "name/mean" and "name/variance"; a trainer moves them, a graph
 * for evaluation reads them. Use a layer once in a graph. */
heed_node *heed_batch_norm_layer_with(heed_scope *scope, const char *name, heed_node *x,
                                      heed_norm_options options);
#define heed_batch_norm_layer(scope, name, x, ...)     \
    HEED_AT(heed_batch_norm_layer_with(scope, name, x, \
                                       (heed_norm_options){ .defaults = 0, __VA_ARGS__ }))
/* groups = C: instance norm. */
heed_node *heed_group_norm_layer_with(heed_scope *scope, const char *name, heed_node *x,
                                      int64_t groups, heed_norm_options options);
#define heed_group_norm_layer(scope, name, x, groups, ...)     \
    HEED_AT(heed_group_norm_layer_with(scope, name, x, groups, \
                                       (heed_norm_options){ .defaults = 0, __VA_ARGS__ }))
/* The parameter w [d0, ..] by its largest singular value as a matrix [d0, the rest]; w itself is
 * trained. State "name/u", "name/v"; `iterations` of the power method in each step, 0 means 1. */
heed_node *heed_spectral_norm_layer(heed_scope *scope, const char *name, heed_node *w,
                                    int iterations);

/* ---- convolution block: pool(relu(batch_norm(conv(x)))), x [N, C, H, W] ->
 * [N, filters, H / pool, W / pool]. Parameters "name/weight" [filters, C, kernel, kernel] and, of
 * the batch norm layer, "name/norm/..". Vinyals et al. 2016, Matching Networks ---- */

typedef struct heed_conv_block_options {
    int defaults;
    int64_t kernel;            /* odd; 0 means 3. Padding keeps height and width */
    int64_t pool;              /* 0 means 2; 1: none */
    bool mean_pool;            /* else the largest */
    heed_function *activation; /* default heed_relu */
    heed_init weight;
    bool recompute; /* with relu and largest of 2 x 2: the reverse pass convolves again, rather than
                       that the result, four times as large as what is left by the pooling, is kept.
                       For layers of few channels, whose convolution costs little */
} heed_conv_block_options;

heed_node *heed_conv_block_with(heed_scope *scope, const char *name, heed_node *x, int64_t filters,
                                heed_conv_block_options options);
#define heed_conv_block(scope, name, x, filters, ...)     \
    HEED_AT(heed_conv_block_with(scope, name, x, filters, \
                                 (heed_conv_block_options){ .defaults = 0, __VA_ARGS__ }))

/* ---- recurrent cells, time-major: a sequence is [T, B, width], so each step is dense ----
 *
 * What does not depend on the state, x W + b, is one product for all steps that are known
 * beforehand (.._project); a step then adds h U. A state of NULLs is zero, and costs nothing. */

typedef struct heed_state_pair {
    heed_node *h; /* [B, H] */
    heed_node *c; /* [B, H]; the GRU has none */
} heed_state_pair;

typedef struct heed_cell_options {
    int defaults;
    double forget_bias;  /* LSTM: where the forget gate's bias starts; 0 means 1 */
    heed_init input;     /* "name/input"; default uniform(+-1/sqrt(H)) */
    heed_init recurrent; /* "name/recurrent"; default orthogonal for each gate */
} heed_cell_options;

/* Hochreiter, Schmidhuber 1997; forget gate of Gers, Schmidhuber, Cummins 2000.
 *   [i f g o] = x W + b + h U;  c' = sigmoid(f) c + sigmoid(i) tanh(g);  h' = sigmoid(o) tanh(c')
 * Parameters "name/input" W [in, 4H], "name/recurrent" U [H, 4H], "name/bias" b [4H]. */
typedef struct heed_lstm {
    heed_node *input, *recurrent, *bias;
    int64_t hidden;
} heed_lstm;

heed_lstm heed_lstm_with(heed_scope *scope, const char *name, int64_t in, int64_t hidden,
                         heed_cell_options options);
#define heed_lstm_cell(scope, name, in, hidden, ...) \
    heed_lstm_with(scope, name, in, hidden, (heed_cell_options){ .defaults = 0, __VA_ARGS__ })
heed_node *heed_lstm_project(const heed_lstm *cell, heed_node *x); /* [.., in] -> [.., 4H] */
/* One step on its own projection [B, 4H]. */
heed_state_pair heed_lstm_step(const heed_lstm *cell, heed_node *projected, heed_state_pair state);
/* All steps: projected [T, B, 4H] -> every h, [T, B, H]; *state goes from first to last. */
heed_node *heed_lstm_run(const heed_lstm *cell, heed_node *projected, heed_state_pair *state);

/* The same numbers from a loop (heed_scan), whose graph holds the step once, whatever T is. */
typedef struct heed_sequence_options {
    int defaults;
    heed_node *count; /* i32 []: only steps 0 .. count - 1 are run; h of others is 0 */
    bool backwards;   /* from the last step to the first */
    bool recompute;   /* the reverse pass computes a step's gates anew; it keeps the states */
    int64_t every;    /* ... keeps the states of every so many steps */
} heed_sequence_options;

heed_node *heed_lstm_scan_with(const heed_lstm *cell, heed_node *projected, heed_state_pair *state,
                               heed_sequence_options options);
#define heed_lstm_scan(cell, projected, state, ...)     \
    HEED_AT(heed_lstm_scan_with(cell, projected, state, \
                                (heed_sequence_options){ .defaults = 0, __VA_ARGS__ }))

/* Cho et al. 2014, in the form that needs one product a step (as cuDNN's and PyTorch's).
 *   [r z n] = x W + b,  [r' z' n'] = h U + d;  r = sigmoid(r + r'), z = sigmoid(z + z'),
 *   n = tanh(n + r n');  h' = n + z (h - n)
 * Parameters "name/input" W [in, 3H], "name/recurrent" U [H, 3H], "name/bias" b [3H],
 * "name/recurrent_bias" d [3H]. */
typedef struct heed_gru {
    heed_node *input, *recurrent, *bias, *recurrent_bias;
    int64_t hidden;
} heed_gru;

heed_gru heed_gru_with(heed_scope *scope, const char *name, int64_t in, int64_t hidden,
                       heed_cell_options options);
#define heed_gru_cell(scope, name, in, hidden, ...) \
    heed_gru_with(scope, name, in, hidden, (heed_cell_options){ .defaults = 0, __VA_ARGS__ })
heed_node *heed_gru_project(const heed_gru *cell, heed_node *x); /* [.., in] -> [.., 3H] */
heed_state_pair heed_gru_step(const heed_gru *cell, heed_node *projected, heed_state_pair state);
heed_node *heed_gru_run(const heed_gru *cell, heed_node *projected, heed_state_pair *state);
heed_node *heed_gru_scan_with(const heed_gru *cell, heed_node *projected, heed_state_pair *state,
                              heed_sequence_options options);
#define heed_gru_scan(cell, projected, state, ...)     \
    HEED_AT(heed_gru_scan_with(cell, projected, state, \
                               (heed_sequence_options){ .defaults = 0, __VA_ARGS__ }))

/* ---- both directions, sets, pointers ---- */

typedef struct heed_both_options {
    int defaults;
    heed_node *absent; /* [T, B], 1 where an example has no such step: its cell goes on as it was */
    bool recompute;    /* as loops that keep their states only */
} heed_both_options;

/* Two LSTMs of width H, "name/forward" and "name/backward": x [T, B, in] -> what each has seen so
 * far, [T, B, 2H]. *last, unless NULL: their last states, [B, 2H]. Graves, Schmidhuber 2005. */
heed_node *heed_lstm_both_with(heed_scope *scope, const char *name, heed_node *x, int64_t hidden,
                               heed_state_pair *last, heed_both_options options);
#define heed_lstm_both(scope, name, x, hidden, last, ...)     \
    HEED_AT(heed_lstm_both_with(scope, name, x, hidden, last, \
                                (heed_both_options){ .defaults = 0, __VA_ARGS__ }))

typedef struct heed_set_block_options {
    int defaults;
    int64_t heads;   /* 0 means 1 */
    int64_t inner;   /* width of the layer between; 0 means 2 H */
    heed_node *keep; /* 0: hidden; as in heed_attention, [B, 1, 1, n] for padding */
} heed_set_block_options;

/* x [B, n, H] -> [B, n, H], whatever the order of the n elements: x += attention(norm(x)), then
 * x += mlp(norm(x)), an element at a time. Vaswani et al. 2017; norms inside, Xiong et al. 2020. */
heed_node *heed_set_block_with(heed_scope *scope, const char *name, heed_node *x,
                               heed_set_block_options options);
#define heed_set_block(scope, name, x, ...)     \
    HEED_AT(heed_set_block_with(scope, name, x, \
                                (heed_set_block_options){ .defaults = 0, __VA_ARGS__ }))

/* Additive attention over e [n, B, H] for queries d [T, B, ..]: u_i = v . tanh(W1 e_i + W2 d), and
 * softmax(u) is where it points. Vinyals, Fortunato, Jaitly 2015, eq. 3. Parameters
 * "name/W1/weight" [H, width], "name/W2/weight", "name/v/weight" [width, 1]. */
typedef struct heed_pointer {
    heed_scope *own;
    heed_node *e, *keys; /* [n, B, H]; W1 e, once for all queries [n, B, width] */
    int64_t width;
} heed_pointer;
heed_pointer heed_pointer_over(heed_scope *scope, const char *name, heed_node *e, int64_t width);

/* blocked, not 0 where it cannot point, broadcasts to [T, n, B]; NULL: nothing is. Such a score is
 * finite, so that HEED_CHECK=nan stays of use, and its softmax is 0. */
#define HEED_POINTER_BLOCKED (-1e30)
heed_node *heed_pointer_scores(const heed_pointer *pointer, heed_node *d,
                               heed_node *blocked); /* -> [T, n, B] */
/* What it sees there: sum_i softmax(u)_i e_i -> [T, B, H]; *weights, unless NULL: softmax(u). */
heed_node *heed_pointer_glimpse(const heed_pointer *pointer, heed_node *d, heed_node *blocked,
                                heed_node **weights);

/* ---- beam search: the W most probable answers so far, for each of B examples, in rows [B W] ----
 *
 * A program that goes on with its own choices builds, for each step: log-probabilities of the rows,
 * extend, and follow for all that rows remember. Answer 0 is the best; W = 1 is greedy. */
typedef struct heed_beam {
    int64_t batch, width, choices;
    heed_node *total;  /* [B, W], log-probabilities of the answers              */
    heed_node *parent; /* [B, W], i32: the row, of its example, that each extends */
    heed_node *picks;  /* [B, W, t], i32: the answers; NULL at first            */
} heed_beam;
heed_beam heed_beam_begin(heed_graph *graph, int64_t batch, int64_t width, int64_t choices);
heed_node *heed_beam_extend(heed_beam *beam, heed_node *log_p); /* [B W, C] -> choices i32 [B W] */
heed_node *heed_beam_follow(const heed_beam *beam,
                            heed_node *x); /* rows [B W, ..] of the parents */

/* Notes the caller's line at the nodes of a step; what the macros below call. */
heed_state_pair heed_state_located(heed_state_pair state, const char *file, int line);

#ifndef HEED_NO_LOCATIONS
#define heed_spectral_norm_layer(...) HEED_AT(heed_spectral_norm_layer(__VA_ARGS__))
#define heed_lstm_project(...) HEED_AT(heed_lstm_project(__VA_ARGS__))
#define heed_lstm_step(...) heed_state_located(heed_lstm_step(__VA_ARGS__), __FILE__, __LINE__)
#define heed_lstm_run(...) HEED_AT(heed_lstm_run(__VA_ARGS__))
#define heed_beam_extend(...) HEED_AT(heed_beam_extend(__VA_ARGS__))
#define heed_beam_follow(...) HEED_AT(heed_beam_follow(__VA_ARGS__))
#define heed_pointer_scores(...) HEED_AT(heed_pointer_scores(__VA_ARGS__))
#define heed_pointer_glimpse(...) HEED_AT(heed_pointer_glimpse(__VA_ARGS__))
#define heed_gru_project(...) HEED_AT(heed_gru_project(__VA_ARGS__))
#define heed_gru_step(...) heed_state_located(heed_gru_step(__VA_ARGS__), __FILE__, __LINE__)
#define heed_gru_run(...) HEED_AT(heed_gru_run(__VA_ARGS__))
#endif
#endif

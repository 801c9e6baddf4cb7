/* gat.c - graph attention networks: what a node is about, from its words and its neighbours.
 *
 * Velickovic, Cucurull, Casanova, Romero, Lio, Bengio 2018, "Graph Attention Networks"
 *
 * N nodes with F sparse features h_i, C classes. Two layers in which each node attends to its
 * neighbours and itself: K heads of F' features, concatenated; then heads of C features, averaged.
 * The whole graph is one example, and a step: nodes differ in what they are for (train, validate,
 * evaluate). Edges e = 0 .. E - 1, both ways and loops, are a constant of the graph of operations,
 * so that they are sorted once.
 *
 * As in the authors' program, dropout is applied to the features that enter a layer (in the first
 * each head has its own), to the W h that are listened to, and to the attention weights; and
 * training stops after `patience` steps in which neither accuracy nor loss of the validation nodes
 * was as good as ever, with the parameters of the last step when both were. */
#include <math.h>

#include "models/data/network.h"
#include "models/gat.h"
#include "models/models.h"

enum { TASK_BLOCKS, TASK_RANDOM, TASK_GRAPH };

/* ---- the network as constants ---- */

static heed_node *list(heed_graph *graph, int32_t *data, int64_t n)
{
    const heed_shape shape = HEED_SHAPE(n);
    const heed_view view = heed_view_of(data, HEED_I32, &shape);
    return heed_constant(graph, &view);
}

static heed_edges edges_of(const heed_network *w, heed_graph *graph)
{
    return (heed_edges){ .from = list(graph, w->from, w->edges),
                         .to = list(graph, w->to, w->edges),
                         .nodes = w->nodes };
}

/* Each row of features divided by its sum: of k ones, 1 / k each. heads > 0: the same for every
 * head, of which each drops others, [entries, heads]; else [entries]. */
static heed_sparse_rows features_of(const heed_network *w, heed_graph *graph, int64_t heads)
{
    const int64_t entries = w->row[w->nodes], columns = heads > 0 ? heads : 1;
    const heed_shape shape = heads > 0 ? HEED_SHAPE(entries, heads) : HEED_SHAPE(entries);
    heed_sparse_rows x = { .row_offsets = list(graph, w->row, w->nodes + 1),
                           .columns = list(graph, w->column, entries),
                           .width = w->features };
    const heed_dtype dtype = heed_graph_dtype(graph);
    void *data = heed_graph_memory(graph, (size_t)heed_count(&shape) * heed_dtype_size(dtype));
    if (!data) return x;
    const heed_view value = heed_view_of(data, dtype, &shape);
    for (int64_t i = 0; i < w->nodes; i++)
        for (int64_t k = w->row[i] * columns; k < w->row[i + 1] * columns; k++)
            heed_set(&value, k, 1 / (double)(w->row[i + 1] - w->row[i]));
    x.values = heed_constant(graph, &value);
    return x;
}

/* The classes of the nodes to train on; -1, which the loss leaves out, for others. */
static heed_node *targets_of(const heed_network *w, heed_graph *graph)
{
    int32_t *target = heed_graph_memory(graph, (size_t)w->nodes * sizeof *target);
    if (!target) return NULL;
    for (int64_t i = 0; i < w->nodes; i++) target[i] = -1;
    for (int64_t k = 0; k < w->members[HEED_TRAIN]; k++) {
        const int32_t i = w->member[HEED_TRAIN][k];
        target[i] = w->label[i];
    }
    return list(graph, target, w->nodes);
}

/* ---- the model ---- */

/* Glorot's bounds for W [in, out] of each head by itself. */
static heed_init of_head(int64_t in, int64_t out)
{
    const double bound = sqrt(6.0 / (double)(in + out));
    return (heed_init){ .rule = HEED_INIT_UNIFORM, .a = -bound, .b = bound };
}

/* sum_j a_ij W h_j + b for W h [N, K F'], in K heads                       [eq. 1-4]
 * -> [N, K, F'], weights a [E, K] */
static heed_node *attend(const gat *o, heed_scope *s, heed_node *wh, heed_edges edges,
                         int64_t heads, heed_node **weights)
{
    if (!wh) return NULL;
    const int64_t width = wh->shape.dim[1] / heads;
    heed_node *v = heed_reshape(wh, edges.nodes, heads, width);
    heed_node *y = heed_graph_attention(s, "attention", v, edges, .slope = o->slope,
                                        .dropout = o->attention_dropout,
                                        .value_dropout = o->value_dropout, .constant = o->constant,
                                        .recompute = o->recompute, .weights = weights);
    return heed_add(y, heed_param(s, "bias", HEED_ZEROS, heads, width));
}

typedef struct classified {
    heed_node *hidden;         /* [N, K F'] */
    heed_node *logits;         /* [N, C] */
    heed_node *first, *second; /* attention weights of both layers, [E, K], [E, K_out] */
    heed_edges edges;
} classified;

/* look: attention weights are wanted. */
static classified classify(const gat *o, heed_scope *s, bool look)
{
    const heed_network *w = &o->network;
    heed_graph *graph = heed_scope_graph(s);
    classified r = { .edges = edges_of(w, graph) };
    const int64_t width = o->heads * o->hidden, out = o->out_heads * w->classes;

    heed_scope *first = heed_enter(s, "first");
    const bool drops = o->dropout > 0 && heed_graph_training(graph);
    heed_sparse_rows x = features_of(w, graph, drops && !o->shared_dropout ? o->heads : 0);
    x.values = heed_dropout(x.values, o->dropout); /* zeros stay zeros */
    heed_node *wh = heed_sparse_linear(first, "W", x, width, of_head(w->features, o->hidden));
    heed_node *y = attend(o, first, wh, r.edges, o->heads, look ? &r.first : NULL);
    r.hidden = heed_elu(heed_reshape(y, w->nodes, width), 1); /* [eq. 5] */

    heed_scope *second = heed_enter(s, "second");
    wh = heed_linear(second, "W", heed_dropout(r.hidden, o->dropout), out, .no_bias = true,
                     .weight = of_head(width, w->classes));
    y = attend(o, second, wh, r.edges, o->out_heads, look ? &r.second : NULL);
    r.logits = heed_mean(y, 1, false); /* [eq. 6] */
    return r;
}

static heed_node *gat_loss(const void *own, heed_scope *s, int64_t batch)
{
    const gat *o = own;
    (void)batch;
    if (!s) return NULL;
    return heed_cross_entropy(classify(o, s, false).logits,
                              targets_of(&o->network, heed_scope_graph(s)));
}

static int gat_answer(const void *own, heed_scope *s, int64_t batch, heed_output *outputs, int room)
{
    (void)batch;
    if (!s || room < 1) return 0;
    outputs[0] = (heed_output){ "logits", classify(own, s, false).logits };
    return outputs[0].node ? 1 : 0;
}

static int gat_attention(const void *own, heed_scope *s, int64_t batch, heed_output *outputs,
                         int room)
{
    (void)batch;
    if (!s || room < GAT_OUTPUTS) return 0;
    const classified r = classify(own, s, true);
    outputs[GAT_FROM] = (heed_output){ "from", r.edges.from };
    outputs[GAT_TO] = (heed_output){ "to", r.edges.to };
    outputs[GAT_FIRST] = (heed_output){ "first", r.first };
    outputs[GAT_SECOND] = (heed_output){ "second", r.second };
    outputs[GAT_HIDDEN] = (heed_output){ "hidden", r.hidden };
    outputs[GAT_LOGITS] = (heed_output){ "logits", r.logits };
    return GAT_OUTPUTS;
}

/* ---- data, recipe ---- */

/* All that the graphs read is constant. */
static bool gat_fill(const void *own, heed_program *program, const heed_draw *draw,
                     heed_error *error)
{
    (void)own;
    (void)program;
    (void)draw;
    (void)error;
    return true;
}

/* -log softmax(z)[class], and whether z is largest there. */
static double cross_entropy(const heed_view *logits, int64_t node, int32_t class, bool *right)
{
    const int64_t classes = logits->shape.dim[1];
    const float *z = (const float *)logits->data + node * classes;
    double sum = 1; /* of the largest one */
    int32_t best = 0;
    for (int32_t c = 1; c < classes; c++)
        if (z[c] > z[best]) best = c;
    for (int32_t c = 0; c < classes; c++)
        if (c != best) sum += exp((double)(z[c] - z[best]));
    *right = best == class;
    return log(sum) - (double)(z[class] - z[best]);
}

static void gat_score(const void *own, heed_program *program, const heed_draw *draw, int64_t count,
                      heed_score *score)
{
    const gat *o = own;
    const heed_network *w = &o->network;
    const heed_view logits = heed_program_output(program, 0);
    (void)count;
    for (int64_t k = 0; k < w->members[draw->split]; k++) {
        const int32_t node = w->member[draw->split][k];
        bool right;
        score->sum[1] += cross_entropy(&logits, node, w->label[node], &right);
        score->sum[0] += right;
    }
    score->of[0] += (double)w->members[draw->split];
    score->of[1] += (double)w->members[draw->split];
}

/* Waiting starts again when either is as good as ever; parameters are kept when both are. */
static heed_verdict gat_judge(const void *own, const double *value, double *memory)
{
    const gat *o = own;
    double *accuracy = &memory[0], *loss = &memory[1], *waited = &memory[2], *any = &memory[3];
    const bool accurate = *any == 0 || value[0] >= *accuracy;
    const bool sure = *any == 0 || value[1] <= *loss;
    *any = 1;
    if (accurate) *accuracy = value[0];
    if (sure) *loss = value[1];
    if (accurate || sure) {
        *waited = 0;
        return accurate && sure ? HEED_KEEP : HEED_GO_ON;
    }
    *waited += 1;
    return o->patience > 0 && *waited >= (double)o->patience ? HEED_STOP : HEED_GO_ON;
}

static bool read_network(gat *o, heed_rng *rng, const char *folder, heed_error *error)
{
    heed_network *w = &o->network;
    if (!heed_network_read(w, folder, error)) return false;
    if (w->features > 0) return true;
    if (o->features == 0)
        return heed_fail(error,
                         "--data %s: its nodes have no features (meta.txt); --features N makes "
                         "some up",
                         folder);
    return heed_network_add_features(w, rng, o->features, o->words, error);
}

/* The paper's for citation networks, of few nodes to train on and very many words, but for twice
 * its decay (with 5e-4: 83.0 % on Cora, 72.4 % on Citeseer); made-up blocks have many nodes and few
 * words, so that attention can be learned. */
static void choose_recipe(gat *o, heed_settings *settings)
{
    const bool blocks = settings->task_index == TASK_BLOCKS;
    double *const dropout[] = { &o->dropout, &o->value_dropout, &o->attention_dropout };
    for (int i = 0; i < 3; i++)
        if (*dropout[i] < 0) *dropout[i] = blocks ? 0.2 : 0.6;
    if (o->decay < 0) o->decay = blocks ? 1e-4 : 1e-3;
    if (o->patience < 0) o->patience = blocks ? 200 : 100;
    if (settings->steps < 0) settings->steps = blocks ? 1000 : 100000;
    if (settings->lr == 0) settings->lr = blocks ? 0.02 : 5e-3;
    settings->batch = settings->examples = 1;
}

static bool gat_settle(void *own, heed_settings *settings, heed_error *error)
{
    gat *o = own;
    const heed_draw draw = { .seed = (uint64_t)settings->seed, .split = HEED_TRAIN };
    heed_rng rng = heed_draw_rng(&draw);
    const heed_network_kind kind = { .nodes = o->nodes,
                                     .edges = o->edges,
                                     .classes = o->classes,
                                     .features = o->features ? o->features : 48,
                                     .words = o->words,
                                     .per_class = o->per_class,
                                     .within = o->within,
                                     .signal = o->signal,
                                     .general = o->general };
    if (settings->batch > 1 || settings->examples > 1)
        return heed_fail(error, "--batch, --examples: the whole graph is the only example");
    choose_recipe(o, settings);
    if (settings->task_index == TASK_GRAPH) return read_network(o, &rng, settings->data, error);
    return settings->task_index == TASK_RANDOM
               ? heed_network_random(&o->network, &rng, &kind, error)
               : heed_network_blocks(&o->network, &rng, &kind, error);
}

static void gat_release(void *own)
{
    gat *o = own;
    heed_network_free(&o->network);
}

static void gat_recipe(const void *own, const heed_settings *settings, heed_optimizer *optimizer,
                       heed_trainer_options *options)
{
    const gat *o = own;
    (void)options;
    *optimizer = heed_adam(.lr = settings->lr, .weight_decay = o->decay);
}

/* clang-format off */
static const heed_option options[] = {
    { "heads", HEED_WHOLE, offsetof(gat, heads), .initial = 8, .low = 1, .high = 1024,
      .shapes = true, .help = "attention heads of the first layer, concatenated" },
    { "hidden", HEED_WHOLE, offsetof(gat, hidden), .initial = 8, .low = 1, .high = 4096,
      .shapes = true, .help = "features of each of them" },
    { "out-heads", HEED_WHOLE, offsetof(gat, out_heads), .initial = 1, .low = 1, .high = 1024,
      .shapes = true, .help = "attention heads of the second layer, averaged" },
    { "constant", HEED_FLAG, offsetof(gat, constant), .shapes = true,
      .help = "every neighbour counts the same (Const-GAT)" },
    { "recompute", HEED_FLAG, offsetof(gat, recompute), .trains = true,
      .help = "the reverse pass computes attention anew: less memory for many edges, more time" },
    { "slope", HEED_NUMBER, offsetof(gat, slope), .initial = 0.2, .low = 1e-9, .high = 1,
      .trains = true, .help = "of the LeakyReLU of the scores" },
    { "dropout", HEED_NUMBER, offsetof(gat, dropout), .initial = -1, .low = 0, .high = 0.99,
      .trains = true, .help = "of the features that enter a layer" },
    { "shared-dropout", HEED_FLAG, offsetof(gat, shared_dropout), .trains = true,
      .help = "all heads of the first layer drop the same features" },
    { "value-dropout", HEED_NUMBER, offsetof(gat, value_dropout), .initial = -1, .low = 0,
      .high = 0.99, .trains = true, .help = "of features times W, which neighbours listen to" },
    { "attention-dropout", HEED_NUMBER, offsetof(gat, attention_dropout), .initial = -1,
      .low = 0, .high = 0.99, .trains = true, .help = "of attention weights" },
    { "decay", HEED_NUMBER, offsetof(gat, decay), .initial = -1, .low = 0, .high = 1,
      .trains = true, .help = "L2 regularisation" },
    { "patience", HEED_WHOLE, offsetof(gat, patience), .initial = -1, .low = 0, .high = 1e9,
      .trains = true, .help = "steps to wait for better validation nodes; 0: never stop" },
    { "nodes", HEED_WHOLE, offsetof(gat, nodes), .initial = 3000, .low = 1, .high = 1e8,
      .trains = true, .help = "of a generated network" },
    { "edges", HEED_WHOLE, offsetof(gat, edges), .initial = 12000, .low = 0, .high = 1e9,
      .trains = true, .help = "of a generated network, undirected" },
    { "classes", HEED_WHOLE, offsetof(gat, classes), .initial = 3, .low = 1, .high = 10000,
      .trains = true, .help = "of a generated network" },
    { "features", HEED_WHOLE, offsetof(gat, features), .low = 1, .high = 1e8, .trains = true,
      .help = "words that generated nodes choose from (48), or nodes without any" },
    { "words", HEED_WHOLE, offsetof(gat, words), .initial = 4, .low = 1, .high = 10000,
      .trains = true, .help = "that a node chooses" },
    { "per-class", HEED_WHOLE, offsetof(gat, per_class), .initial = 200, .low = 1, .high = 1e8,
      .trains = true, .help = "nodes of each class to train on, where nodes are generated" },
    { "within", HEED_NUMBER, offsetof(gat, within), .initial = 0.8, .low = 0, .high = 1,
      .trains = true, .help = "blocks: share of edges that stay within a block" },
    { "signal", HEED_NUMBER, offsetof(gat, signal), .initial = 0.3, .low = 0, .high = 1,
      .trains = true, .help = "blocks: share of words that are a block's own" },
    { "general", HEED_NUMBER, offsetof(gat, general), .initial = 0.6, .low = 0, .high = 1,
      .trains = true, .help = "blocks: share of nodes of no block, joined to any" },
    { "node", HEED_WHOLE, offsetof(gat, node), .initial = 0, .low = 0, .high = 1e8,
      .help = "whose neighbours --show lists" },
};
/* clang-format on */
static const heed_metric metrics[] = { { "accuracy", NULL },
                                       { "cross_entropy", "nats" },
                                       { NULL, NULL } };
static const heed_task tasks[] = {
    { .name = "blocks",
      .help = "a stochastic block model with noisy words, most of its nodes of no block",
      .metrics = metrics },
    { .name = "random", .help = "edges, words and classes at random", .metrics = metrics },
    { .name = "graph",
      .help = "the network in --data DIR (Cora, Citeseer, ..)",
      .metrics = metrics,
      .data = HEED_NEEDS_DATA },
    { .name = NULL },
};
static const heed_part parts[] = { { .loss = gat_loss, .recipe = gat_recipe }, { .loss = NULL } };
#define SMALL \
    "--nodes 12 --edges 12 --classes 2 --features 8 --words 3 --per-class 2 --general 0.1 "
static const char *const tiny[] = {
    SMALL "--heads 2 --hidden 2",
    SMALL "--heads 3 --hidden 1 --out-heads 2 --slope 0.5",
    SMALL "--heads 2 --hidden 2 --recompute",
    SMALL "--heads 2 --hidden 2 --out-heads 2 --constant --shared-dropout --recompute",
    "--task random " SMALL "--heads 1 --hidden 3 --out-heads 3 --dropout 0.3 "
    "--attention-dropout 0.1 --value-dropout 0.1",
    NULL,
};

const heed_model heed_model_gat = {
    .name = "gat",
    .about = "a graph attention network that classifies nodes",
    .paper = "Velickovic et al. 2018, Graph Attention Networks",
    .tasks = tasks,
    .parts = parts,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .size = sizeof(gat),
    .evaluation = 1,
    .evaluation_batch = 1,
    .tiny = tiny,
    .settle = gat_settle,
    .answer = gat_answer,
    .fill = gat_fill,
    .score = gat_score,
    .release = gat_release,
    .judge = gat_judge,
    .attention = gat_attention,
    .show = gat_show,
    .picture = gat_picture,
};

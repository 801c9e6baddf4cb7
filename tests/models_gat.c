/* Graph attention networks: the layer, the model and its measures against plain loops; early
 * stopping; what attention learns; the program. */
#include <math.h>

#include "models/gat.h"

#define MODEL_PROGRAM "gat"
#include "models_kit.h"
#define TINY_MODEL heed_model_gat
#include "models_tiny.h"
#include "ops/ops.h"

/* In evaluation and, with dropout, in training. */
Test(models_gat, gradients_of_every_tiny_configuration)
{
    for (int n = 0; model->tiny[n]; n++)
        for (int training = 0; training < 2; training++) {
            heed_tiny tiny;
            build(&tiny, model->tiny[n], HEED_F64);
            heed_graph *graph =
                heed_graph_new(.store = tiny.store, .dtype = HEED_F64, .training = training != 0);
            heed_node *loss = model->parts[0].loss(tiny.own, heed_root(graph), 1);
            check_gradients(&tiny, loss, model->tiny[n], NULL);
            heed_graph_free(graph);
            heed_tiny_free(&tiny);
        }
}

/* ---- against plain loops ---- */

/* What a layer says to node i of head h, in `heard` [d]; the weights of the edges in a [E]. */
static void listen(const heed_network *w, const double *v, const double *to, const double *from,
                   int64_t heads, int64_t d, int64_t h, int64_t i, double *a, double *heard)
{
    double sum = 0;
    for (int64_t k = 0; k < d; k++) heard[k] = 0;
    for (int64_t e = 0; e < w->edges; e++) {
        double score = 0;
        if (w->to[e] != i) continue;
        for (int64_t k = 0; to && k < d; k++)
            score += to[h * d + k] * v[(i * heads + h) * d + k] +
                     from[h * d + k] * v[(w->from[e] * heads + h) * d + k];
        a[e] = exp(score > 0 ? score : 0.2 * score);
        sum += a[e];
    }
    for (int64_t e = 0; e < w->edges; e++) {
        if (w->to[e] != i) continue;
        a[e] /= sum;
        for (int64_t k = 0; k < d; k++) heard[k] += a[e] * v[(w->from[e] * heads + h) * d + k];
    }
}

static const double *values_of(const heed_tiny *tiny, const char *name)
{
    heed_entry *entry = heed_store_find(tiny->store, name);
    return entry ? entry->tensor->view.data : NULL;
}

/* v [N, K d] -> y [N, K d], with the layer's bias. */
static void layer(const heed_tiny *tiny, const char *name, const double *v, int64_t heads,
                  int64_t d, double *a, double *y)
{
    const gat *o = tiny->own;
    char entry[100];
    snprintf(entry, sizeof entry, "%s/attention/to", name);
    const double *to = values_of(tiny, entry);
    snprintf(entry, sizeof entry, "%s/attention/from", name);
    const double *from = values_of(tiny, entry);
    snprintf(entry, sizeof entry, "%s/bias", name);
    const double *bias = values_of(tiny, entry);
    for (int64_t i = 0; i < o->network.nodes; i++)
        for (int64_t h = 0; h < heads; h++) {
            double *heard = y + (i * heads + h) * d;
            listen(&o->network, v, to, from, heads, d, h, i, a + h * o->network.edges, heard);
            for (int64_t k = 0; k < d; k++) heard[k] += bias[h * d + k];
        }
}

enum { MOST = 5000 };

/* Logits [N, C], and the attention [K, E] of the first layer. */
static void classify(const heed_tiny *tiny, double *a, double *logits)
{
    static double v[MOST], hidden[MOST], v2[MOST], y[MOST], other[MOST];
    const gat *o = tiny->own;
    const heed_network *w = &o->network;
    const int64_t width = o->heads * o->hidden, c = w->classes, out = o->out_heads * c;
    const double *first = values_of(tiny, "first/W/weight");
    const double *second = values_of(tiny, "second/W/weight");
    memset(v, 0, sizeof v);
    memset(v2, 0, sizeof v2);
    for (int64_t i = 0; i < w->nodes; i++)
        for (int32_t k = w->row[i]; k < w->row[i + 1]; k++)
            for (int64_t j = 0; j < width; j++)
                v[i * width + j] += first[w->column[k] * width + j] / (w->row[i + 1] - w->row[i]);
    layer(tiny, "first", v, o->heads, o->hidden, a, hidden);
    for (int64_t i = 0; i < w->nodes * width; i++)
        hidden[i] = hidden[i] > 0 ? hidden[i] : exp(hidden[i]) - 1;
    for (int64_t i = 0; i < w->nodes; i++)
        for (int64_t k = 0; k < width; k++)
            for (int64_t j = 0; j < out; j++)
                v2[i * out + j] += hidden[i * width + k] * second[k * out + j];
    layer(tiny, "second", v2, o->out_heads, c, other, y);
    memset(logits, 0, (size_t)(w->nodes * c) * sizeof *logits);
    for (int64_t i = 0; i < w->nodes * out; i++)
        logits[i / out * c + i % c] += y[i] / (double)o->out_heads;
}

/* The attention graph's program, filled and run. The caller frees both. */
static heed_program *attention_of(const heed_tiny *tiny, heed_graph **graph)
{
    heed_output outputs[GAT_OUTPUTS];
    heed_node *nodes[GAT_OUTPUTS];
    *graph = heed_graph_new(.store = tiny->store, .dtype = heed_graph_dtype(tiny->graph));
    cr_assert_eq(model->attention(tiny->own, heed_root(*graph), 1, outputs, GAT_OUTPUTS),
                 GAT_OUTPUTS, "%s", heed_why(*graph));
    for (int i = 0; i < GAT_OUTPUTS; i++) nodes[i] = outputs[i].node;
    heed_program *program = heed_compile(*graph, nodes, GAT_OUTPUTS, .threads = 1);
    cr_assert_not_null(program, "%s", heed_why(*graph));
    cr_assert(heed_program_run(program));
    return program;
}

#define SIZE \
    "--nodes 40 --edges 70 --classes 3 --features 32 --words 5 --per-class 4 --general 0.2 "

Test(models_gat, logits_and_attention_by_plain_loops)
{
    static const char *const options[] = {
        SIZE "--heads 4 --hidden 3",
        SIZE "--heads 1 --hidden 5 --out-heads 4 --shared-dropout",
        SIZE "--heads 2 --hidden 3 --out-heads 2 --constant",
    };
    for (int n = 0; n < 3; n++) {
        static double a[MOST], logits[MOST];
        heed_tiny tiny;
        heed_graph *graph;
        build(&tiny, options[n], HEED_F64);
        const gat *o = tiny.own;
        const heed_network *w = &o->network;
        heed_program *program = attention_of(&tiny, &graph);
        heed_view first = heed_program_output(program, GAT_FIRST);
        heed_view z = heed_program_output(program, GAT_LOGITS);
        classify(&tiny, a, logits);
        for (int64_t k = 0; k < w->nodes * w->classes; k++)
            cr_expect_float_eq(heed_get(&z, k), logits[k], 1e-12, "%s", options[n]);
        for (int64_t k = 0; k < w->edges * o->heads; k++)
            cr_expect_float_eq(heed_get(&first, k), a[k % o->heads * w->edges + k / o->heads],
                               1e-12, "%s", options[n]);
        heed_program_free(program);
        heed_graph_free(graph);
        heed_tiny_free(&tiny);
    }
}

/* The training graph's loss is that of the training nodes, and of no others. */
Test(models_gat, loss_of_the_training_nodes)
{
    static double a[MOST], logits[MOST];
    heed_tiny tiny;
    build(&tiny, SIZE "--heads 2 --hidden 3", HEED_F64);
    const gat *o = tiny.own;
    const heed_network *w = &o->network;
    double sum = 0;
    classify(&tiny, a, logits);
    for (int64_t k = 0; k < w->members[HEED_TRAIN]; k++) {
        const int32_t node = w->member[HEED_TRAIN][k];
        const double *z = logits + node * 3;
        sum += log(exp(z[0]) + exp(z[1]) + exp(z[2])) - z[w->label[node]];
    }
    heed_program *program = heed_compile(tiny.graph, &tiny.loss, 1, .threads = 1);
    cr_assert(program && heed_program_run(program));
    heed_view loss = heed_program_output(program, 0);
    cr_expect_float_eq(heed_get(&loss, 0), sum / (double)w->members[HEED_TRAIN], 1e-12);
    heed_program_free(program);
    heed_tiny_free(&tiny);
}

/* A node that no edge leads to hears nothing; layers that do not fit are refused. */
Test(models_gat, layer_at_its_edges)
{
    const int32_t from[] = { 1, 2 }, to[] = { 0, 0 };
    const heed_shape two = HEED_SHAPE(2);
    int32_t copy[2][2] = { { from[0], from[1] }, { to[0], to[1] } };
    heed_view views[2] = { heed_view_of(copy[0], HEED_I32, &two),
                           heed_view_of(copy[1], HEED_I32, &two) };
    heed_store *store = heed_store_new(1);
    heed_graph *graph = heed_graph_new(.store = store);
    heed_scope *s = heed_root(graph);
    heed_edges edges = { heed_constant(graph, &views[0]), heed_constant(graph, &views[1]), 3 };
    heed_node *v = heed_full(graph, 2, 3, 2, 4);
    for (int constant = 0; constant < 2; constant++) {
        heed_node *y = heed_graph_attention(s, "a", v, edges, .constant = constant != 0);
        heed_program *program = heed_compile(graph, &y, 1, .threads = 1);
        cr_assert(program && heed_program_run(program), "%s", heed_why(graph));
        heed_view heard = heed_program_output(program, 0);
        for (int k = 0; k < 24; k++) cr_expect_float_eq(heed_get(&heard, k), k < 8 ? 2 : 0, 1e-6);
        heed_program_free(program);
    }
    cr_expect_eq(heed_store_count(store), 2, "constant attention has no parameters");
    edges.nodes = 4;
    cr_expect_null(heed_graph_attention(s, "b", v, edges));
    cr_expect(strstr(heed_why(graph), "graph_attention 'b'"), "%s", heed_why(graph));
    heed_graph_free(graph);
    heed_store_free(store);
}

/* ---- measures, early stopping ---- */

static void clear(const heed_store *store)
{
    for (int i = 0; i < heed_store_count(store); i++)
        heed_view_fill(&heed_store_at(store, i)->tensor->view, 0);
}

/* With biases alone every node gets the same answer: the largest bias's class. */
Test(models_gat, scores_by_hand)
{
    heed_output output;
    heed_tiny tiny;
    build(&tiny, SIZE "--nodes 90", HEED_F32);
    const gat *o = tiny.own;
    const heed_network *w = &o->network;
    clear(tiny.store);
    heed_set(&heed_store_find(tiny.store, "second/bias")->tensor->view, 2, log(3));
    heed_graph *graph = heed_graph_new(.store = tiny.store);
    cr_assert_eq(model->answer(tiny.own, heed_root(graph), 1, &output, 1), 1);
    heed_program *program = heed_compile(graph, &output.node, 1, .threads = 1);
    cr_assert(program && heed_program_run(program));
    for (int split = 0; split < 3; split++) {
        const heed_draw draw = { .split = (heed_split)split };
        heed_score score = { .sum = { 0 } };
        double right = 0;
        const int64_t n = w->members[split];
        for (int64_t k = 0; k < n; k++) right += w->label[w->member[split][k]] == 2;
        model->score(tiny.own, program, &draw, 1, &score);
        cr_expect_eq(score.sum[0], right);
        cr_expect(score.of[0] == (double)n && score.of[1] == (double)n);
        cr_expect_float_eq(score.sum[1], (double)n * log(5) - right * log(3), 1e-4);
    }
    heed_program_free(program);
    heed_graph_free(graph);
    heed_tiny_free(&tiny);
}

/* Accuracy and loss of six steps, and what to do after each, with a patience of 2. */
Test(models_gat, stops_and_keeps_as_published)
{
    static const struct {
        double value[2];
        heed_verdict verdict;
    } steps[] = {
        { { 0.5, 1.0 }, HEED_KEEP },  { { 0.5, 1.0 }, HEED_KEEP },   /* as good as ever: both */
        { { 0.6, 1.1 }, HEED_GO_ON }, { { 0.55, 0.9 }, HEED_GO_ON }, /* one of the two */
        { { 0.5, 1.0 }, HEED_GO_ON },                                /* waits: 1 */
        { { 0.6, 1.0 }, HEED_GO_ON },                                /* starts again */
        { { 0.5, 1.0 }, HEED_GO_ON }, { { 0.6, 0.9 }, HEED_KEEP },
        { { 0.5, 1.0 }, HEED_GO_ON }, { { 0.5, 1.0 }, HEED_STOP },
    };
    const gat own = { .patience = 2 }, patient = { .patience = 0 };
    double memory[HEED_JUDGE_MEMORY] = { 0 };
    for (int i = 0; i < 10; i++)
        cr_expect_eq(model->judge(&own, steps[i].value, memory), steps[i].verdict, "step %d", i);
    for (int i = 0; i < 10; i++)
        cr_expect_neq(model->judge(&patient, steps[9].value, memory), HEED_STOP);
}

/* ---- learning ---- */

#define BLOCKS "--nodes 1200 --edges 4800 --per-class 80 "

/* Trained on blocks, it turns away from neighbours that mislead: a node that has a label gives
 * other nodes with one more weight than those without. */
Test(models_gat, attention_finds_who_is_worth_it, .timeout = 60)
{
    heed_tiny tiny;
    heed_graph *graph;
    double sum[2] = { 0 }, of[2] = { 0 };
    build(&tiny, BLOCKS, HEED_F32);
    heed_trainer *trainer = heed_trainer_new(tiny.loss, heed_adam(.lr = 0.02), .threads = 1);
    cr_assert_not_null(trainer);
    for (int i = 0; i < 250; i++) cr_assert(heed_trainer_step(trainer));
    cr_expect_lt(heed_trainer_loss(trainer), 0.3);
    heed_trainer_free(trainer);
    const gat *o = tiny.own;
    const heed_network *w = &o->network;
    heed_program *program = attention_of(&tiny, &graph);
    const heed_view first = heed_program_output(program, GAT_FIRST);
    for (int64_t e = 0; e < w->edges; e++) {
        if (w->label[w->to[e]] < 0 || w->from[e] == w->to[e]) continue;
        const bool labelled = w->label[w->from[e]] >= 0;
        for (int64_t h = 0; h < o->heads; h++) sum[labelled] += heed_get(&first, e * o->heads + h);
        of[labelled] += (double)o->heads;
    }
    cr_expect_gt(sum[1] / of[1], 1.3 * sum[0] / of[0], "%g %g", sum[1] / of[1], sum[0] / of[0]);
    heed_program_free(program);
    heed_graph_free(graph);
    heed_tiny_free(&tiny);
}

/* ---- the program ---- */

TestSuite(models_gat_program, .init = enter_folder, .fini = leave_folder, .timeout = 120);

#define QUICK "--nodes 300 --edges 1200 --per-class 20 --steps 40 --threads 2 --quiet "

/* A guess gets 1 in 3. */
Test(models_gat_program, learns_blocks)
{
    cr_assert_eq(run_model(BLOCKS "--steps 250 --quiet --json"), 0, "%s", complained);
    cr_expect_gt(json_number("value"), 0.6);
    cr_assert_eq(run_model(BLOCKS "--steps 250 --quiet --json --within 0 --signal 0"), 0);
    cr_expect_lt(json_number("value"), 0.5, "where there is nothing to learn");
}

Test(models_gat_program, saved_and_resumed)
{
    cr_assert_eq(run_model(QUICK "--save %s/p --json"), 0, "%s", complained);
    const double value = json_number("value"), loss = json_number("loss");
    cr_assert_eq(run_model(QUICK "--load %s/p --eval-only --json"), 0, "%s", complained);
    cr_expect_eq(json_number("value"), value);
    cr_expect_eq(json_number("loss"), loss);
    static const char resumed[] =
        "--steps 400 --patience 0 --quiet --resume %s/run --checkpoint-every 5 --save %s/parts";
    cr_assert_eq(run_model("--steps 400 --patience 0 --quiet --save %s/whole"), 0);
    cr_expect_eq(run_for(700, SIGKILL, resumed), 137);
    cr_assert_eq(run_model(resumed), 0, "%s", complained);
    cr_expect(same_files("whole", "parts"));
}

/* With the same masks: to the bit. Many edges and heads take less memory. */
Test(models_gat_program, recomputed_attention_is_the_same)
{
    static const char *const options[] = { "", "--constant " };
    for (int i = 0; i < 2; i++) {
        char line[300];
        snprintf(line, sizeof line, QUICK "--json %s", options[i]);
        cr_assert_eq(run_model(line), 0, "%s", complained);
        const double value = json_number("value"), loss = json_number("loss");
        snprintf(line, sizeof line, QUICK "--recompute --json %s", options[i]);
        cr_assert_eq(run_model(line), 0, "%s", complained);
        cr_expect(json_number("value") == value && json_number("loss") == loss, "%s", options[i]);
    }
    cr_assert_eq(run_model("--out-heads 8 --edges 40000 --dry-run --json"), 0, "%s", complained);
    const double bytes = json_number("planned_bytes");
    cr_assert_eq(run_model("--out-heads 8 --edges 40000 --dry-run --json --recompute"), 0);
    cr_expect_lt(json_number("planned_bytes"), 0.9 * bytes);
}

Test(models_gat_program, looks)
{
    cr_assert_eq(run_model(QUICK "--show --node 5 --picture %s/p.png --dump-attention %s/a"), 0,
                 "%s", complained);
    cr_expect(strstr(said, "node 5, class") && strstr(said, "neighbours"), "%s", said);
    cr_expect_eq(access(in_folder("p.png"), R_OK), 0);
    cr_expect_eq(access(in_folder("a"), R_OK), 0);
}

Test(models_gat_program, wrong_usage)
{
    expect_words(2, "--batch 2", "--batch", "whole graph");
    expect_words(2, "--task graph", "--data", "graph");
    expect_words(2, "--task graph --data %s", "meta.txt", "No such file");
    expect_words(2, "--per-class 100000", "too small", "100000");
    expect_words(2, "--features 2", "too few words", "3 classes");
}

/* A folder without features: they are made up, if that is wanted. */
Test(models_gat_program, a_network_from_a_folder)
{
    FILE *file = fopen(in_folder("meta.txt"), "w");
    fputs("90 89 0 0 2\n", file);
    fclose(file);
    file = fopen(in_folder("edges.txt"), "w");
    for (int i = 1; i < 90; i++) fprintf(file, "%d %d\n", i - 1, i);
    fclose(file);
    file = fopen(in_folder("labels.txt"), "w");
    for (int i = 0; i < 90; i++) fprintf(file, "%d\n", i / 45);
    fclose(file);
    expect_words(2, "--task graph --data %s", "have no features", "--features N");
    cr_expect_eq(run_model("--task graph --data %s --features 20 --steps 3 --json"), 0, "%s",
                 complained);
    cr_expect_eq(json_number("steps"), 3);
}

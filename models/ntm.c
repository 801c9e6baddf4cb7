/* ntm.c - the Neural Turing Machine, learning small algorithms from examples.
 *
 * Graves, Wayne, Danihelka 2014, "Neural Turing Machines"
 * Collier, Beel 2018, "Implementing Neural Turing Machines": a memory that starts as 1e-6
 *
 * A controller - an LSTM or one layer - sees a vector and what its read heads found the step
 * before; what it puts out moves the heads over a memory (models/layers/memory.h), and together
 * with what they find now, gives the answer. --no-memory leaves the LSTM alone, to compare.
 *
 * Everything is time-major. A batch shares its length, where the loop ends; T is the longest. */
#include <math.h>

#include "models/models.h"
#include "models/ntm.h"

static const char *const controllers[] = { "usual", "lstm", "feedforward", NULL };
enum { START_CONSTANT, START_LEARNED };
static const char *const starts[] = { "constant", "learned", NULL };

/* ---- the network ---- */

enum { STATES = 5 };                              /* h c | M w r */
enum { HIDDEN, READ, WRITTEN, WEIGHTINGS, OUTS }; /* what a step puts out */

typedef struct machine {
    const ntm *o;
    heed_lstm lstm;
    heed_node *input, *bias; /* of the one layer */
    heed_node *recall;       /* [reads W, 4H or H]: what was read, as the controller sees it */
    heed_memory memory;
    int outs; /* how many of OUTS are wanted */
} machine;

static machine machine_of(const ntm *o, heed_scope *s)
{
    machine m = { .o = o, .outs = o->no_memory ? 1 : 2 };
    const int64_t in = heed_sequences_inputs(&o->train), hidden = o->hidden;
    const bool lstm = o->controller == NTM_LSTM;
    heed_scope *own = heed_enter(s, "controller");
    if (lstm) {
        m.lstm = heed_lstm_cell(s, "controller", in, hidden);
    } else {
        m.input = heed_param(own, "input", (heed_init){ .rule = HEED_INIT_GLOROT }, in, hidden);
        m.bias = heed_param(own, "bias", HEED_ZEROS, hidden);
    }
    if (o->no_memory) return m;
    m.memory = heed_memory_of(s, "memory", hidden, .slots = o->slots, .width = o->width,
                              .reads = o->heads, .writes = o->heads, .shifts = o->shifts,
                              .learned = o->start == START_LEARNED, .size = o->size,
                              .strength = o->strength, .gate = log(o->gate / (1 - o->gate)),
                              .alike = o->alike, .together = o->together);
    m.recall = heed_param(own, "recall", (heed_init){ .rule = HEED_INIT_GLOROT },
                          o->heads * o->width, lstm ? 4 * hidden : hidden);
    return m;
}

/* What the controller makes of its inputs [B, ..], already times its weights; states h, c. */
static heed_node *control(const machine *m, heed_node *in, heed_node *const *state,
                          heed_node **next)
{
    if (m->o->controller == NTM_FEEDFORWARD) return heed_tanh(in);
    const heed_state_pair before = { .h = state[0], .c = state[1] };
    const heed_state_pair after = heed_lstm_step(&m->lstm, in, before);
    next[0] = after.h;
    next[1] = after.c;
    return after.h; /* [B, H] */
}

static bool step(void *context, heed_node *const *state, heed_node *const *x, heed_node **next,
                 heed_node **y)
{
    const machine *m = context;
    const int own = m->o->controller == NTM_LSTM ? 2 : 0; /* states of the controller */
    if (m->o->no_memory) {
        y[0] = control(m, x[0], state, next);
        return true;
    }
    const heed_memory_state before = { .memory = state[own],
                                       .weighting = state[own + 1],
                                       .read = state[own + 2] };
    heed_node *in = heed_add(x[0], heed_matmul(before.read, m->recall));
    heed_node *h = control(m, in, state, next);
    const heed_memory_state after = heed_memory_step(&m->memory, h, before);
    next[own] = after.memory;
    next[own + 1] = after.weighting;
    heed_node *const out[OUTS] = { h, after.read, after.written, after.weighting };
    next[own + 2] = after.read;
    for (int i = 0; i < m->outs; i++) y[i] = out[i];
    return true;
}

/* The states before the first step. return: how many */
static int begin(const machine *m, heed_scope *s, int64_t batch, heed_node **state)
{
    const ntm *o = m->o;
    int n = 0;
    heed_scope *own = heed_enter(s, "controller");
    if (o->controller == NTM_LSTM) {
        state[n++] = heed_expand(heed_param(own, "h0", HEED_ZEROS, o->hidden), batch, o->hidden);
        state[n++] = heed_expand(heed_param(own, "c0", HEED_ZEROS, o->hidden), batch, o->hidden);
    }
    if (o->no_memory) return n;
    const heed_memory_state first = heed_memory_begin(&m->memory, batch);
    state[n++] = first.memory;
    state[n++] = first.weighting;
    state[n++] = first.read;
    return n;
}

/* x [T, B, inputs] -> logits [T, B, outputs]; y: what steps put out, as OUTS says. */
static heed_node *run(machine *m, heed_scope *s, heed_node *x, heed_node *count, heed_node **y)
{
    const ntm *o = m->o;
    heed_node *state[STATES];
    if (!x || !count) return NULL;
    const int n_states = begin(m, s, x->shape.dim[1], state);
    heed_node *in = o->controller == NTM_LSTM ? heed_lstm_project(&m->lstm, x)
                                              : heed_add(heed_matmul(x, m->input), m->bias);
    if (!heed_scan(heed_scope_graph(s), step, m, state, y, .initial = state, .n_states = n_states,
                   .over = &in, .n_over = 1, .n_out = m->outs, .count = count))
        return NULL;
    heed_node *found = o->no_memory ? y[HIDDEN] : heed_concat(HEED_NODES(y[HIDDEN], y[READ]), -1);
    return heed_linear(s, "out", found, heed_sequences_outputs(&o->train));
}

/* ---- graphs ---- */

/* Of training's lengths and of --test-..: a batch is drawn into whichever the program has. */
typedef struct inputs {
    heed_node *x, *target, *asked, *count;
} inputs;

static inputs inputs_of(heed_graph *g, const heed_sequences *s, const char *const *names,
                        int64_t batch)
{
    const int64_t steps = heed_sequences_steps(s);
    const heed_dtype dtype = heed_graph_dtype(g);
    return (inputs){
        .x = heed_input(g, names[NTM_X], dtype, steps, batch, heed_sequences_inputs(s)),
        .target = heed_input(g, names[NTM_TARGET], dtype, steps, batch, heed_sequences_outputs(s)),
        .asked = heed_input(g, names[NTM_ASKED], dtype, steps),
        .count = heed_input_shaped(g, names[NTM_COUNT], HEED_I32, (heed_shape){ .rank = 0 }),
    };
}

/* What of [T, B, outputs] is asked for; the rest is 0. */
static heed_node *where_asked(const inputs *in, heed_node *x)
{
    return heed_mul(x, heed_reshape(in->asked, -1, 1, 1));
}

/* The mean of what all bits that are asked for cost. Beside it, writing may cost something: a head
 * that has nothing to write then writes little. Else it learns to spread what it does over all
 * slots, which does no harm in the twenty steps of training, and blurs all of them in more. */
static heed_node *ntm_loss(const void *own, heed_scope *s, int64_t batch)
{
    const ntm *o = own;
    heed_node *y[OUTS];
    if (!s) return NULL;
    const inputs in = inputs_of(heed_scope_graph(s), &o->train, ntm_training, batch);
    machine m = machine_of(o, s);
    const bool costs = o->write_cost > 0 && !o->no_memory;
    if (costs) m.outs = WRITTEN + 1;
    heed_node *logits = run(&m, s, in.x, in.count, y);
    heed_node *all = heed_binary_cross_entropy(logits, in.target, .reduction = HEED_LOSS_NONE);
    heed_node *asked = heed_scale(heed_sum_all(in.asked), (double)batch);
    heed_node *sum = heed_sum_all(where_asked(&in, all));
    heed_node *loss =
        heed_scale(heed_div(sum, asked), 1 / (double)heed_sequences_outputs(&o->train));
    if (!costs || !logits) return loss;
    return heed_add(loss, heed_scale(heed_mean_all(heed_square(y[WRITTEN])), o->write_cost));
}

/* Of each sequence, the bits that the answer costs, and how many bits are wrong. */
static int ntm_answer(const void *own, heed_scope *s, int64_t batch, heed_output *outputs, int room)
{
    const ntm *o = own;
    const double nats = 1 / 0.69314718055994530942;
    heed_node *y[OUTS];
    if (!s || room < 2) return 0;
    const inputs in = inputs_of(heed_scope_graph(s), &o->test, ntm_testing, batch);
    machine m = machine_of(o, s);
    heed_node *logits = run(&m, s, in.x, in.count, y), *zero = heed_number(heed_scope_graph(s), 0);
    heed_node *all = heed_binary_cross_entropy(logits, in.target, .reduction = HEED_LOSS_NONE);
    heed_node *wrong = heed_not_equal(heed_greater(logits, zero), in.target);
    const int over[] = { 0, 2 };
    outputs[0] =
        (heed_output){ "bits",
                       heed_scale(heed_sum_axes(where_asked(&in, all), over, 2, false), nats) };
    outputs[1] = (heed_output){ "wrong", heed_sum_axes(where_asked(&in, wrong), over, 2, false) };
    return 2;
}

/* ---- what it looks at ---- */

static int ntm_attention(const void *own, heed_scope *s, int64_t batch, heed_output *outputs,
                         int room)
{
    const ntm *o = own;
    heed_node *y[OUTS];
    if (!s || room < NTM_SEEN) return 0;
    const inputs in = inputs_of(heed_scope_graph(s), &o->test, ntm_testing, batch);
    machine m = machine_of(o, s);
    m.outs = OUTS;
    heed_node *logits = run(&m, s, in.x, in.count, y);
    if (!logits) return 0;
    const int64_t heads = o->heads, added = heads * o->width;
    heed_node *w = y[WEIGHTINGS];
    outputs[NTM_READING] = (heed_output){ "read_weightings", heed_slice(w, 2, 0, heads) };
    outputs[NTM_WRITING] = (heed_output){ "write_weightings", heed_slice(w, 2, heads, 2 * heads) };
    outputs[NTM_FOUND] = (heed_output){ "read", y[READ] };
    outputs[NTM_ADDED] = (heed_output){ "added", heed_slice(y[WRITTEN], 2, added, 2 * added) };
    outputs[NTM_ANSWER] = (heed_output){ "answer", where_asked(&in, heed_sigmoid(logits)) };
    outputs[NTM_GIVEN] = (heed_output){ "input", heed_affine(in.x, 1, 0) };
    return NTM_SEEN;
}

/* ---- data ---- */

const char *const ntm_training[] = { "x", "target", "asked", "count" };
const char *const ntm_testing[] = { "test/x", "test/target", "test/asked", "test/count" };

static bool ntm_fill(const void *own, heed_program *program, const heed_draw *draw,
                     heed_error *error)
{
    const ntm *o = own;
    const bool testing = heed_program_input(program, ntm_testing[NTM_COUNT]).data != NULL;
    const char *const *names = testing ? ntm_testing : ntm_training;
    heed_rng rng = heed_draw_rng(draw);
    (void)error;
    const heed_sequence_batch batch = { .x = heed_program_input(program, names[NTM_X]),
                                        .target = heed_program_input(program, names[NTM_TARGET]),
                                        .asked = heed_program_input(program, names[NTM_ASKED]),
                                        .count = heed_program_input(program, names[NTM_COUNT]) };
    heed_sequences_draw(testing ? &o->test : &o->train, &rng, &batch);
    return true;
}

static void ntm_score(const void *own, heed_program *program, const heed_draw *draw, int64_t count,
                      heed_score *score)
{
    const ntm *o = own;
    const heed_view bits = heed_program_output(program, 0), wrong = heed_program_output(program, 1);
    const heed_view asked = heed_program_input(program, ntm_testing[NTM_ASKED]);
    const heed_view target = heed_program_input(program, ntm_testing[NTM_TARGET]);
    double vectors = 0;
    (void)draw;
    for (int64_t t = 0; t < asked.shape.dim[0]; t++) vectors += heed_get(&asked, t);
    for (int64_t b = 0; b < count; b++) {
        const double cost = heed_get(&bits, b);
        score->sum[0] += cost;
        score->sum[1] += heed_get(&wrong, b);
        if (o->test.task != HEED_NGRAM) {
            score->sum[2] += cost;
            score->of[2] += vectors;
            continue;
        }
        const double least = heed_ngram_least_bits(&target, (int64_t)vectors, b);
        score->sum[2] += least;
        score->sum[3] += cost - least;
        score->of[2] += 1;
        score->of[3] += 1;
    }
    score->of[0] += (double)count;
    score->of[1] += (double)count;
}

/* ---- recipe ---- */

/* A machine about to learn sometimes jumps off a cliff: gradients bounded near their usual size
 * (the loss is a mean over bits) make it rarer, and learning sooner. The last steps are small, so
 * that training does not end on such a jump. */
static void ntm_recipe(const void *own, const heed_settings *settings, heed_optimizer *optimizer,
                       heed_trainer_options *options)
{
    const ntm *o = own;
    const int64_t warmup = settings->steps / 20;
    *optimizer = heed_adam(.lr = settings->lr);
    options->clip_norm = 0.3;
    options->schedule =
        (heed_schedule){ .rule = HEED_SCHEDULE_COSINE,
                         .warmup = warmup,
                         .hold = (int64_t)(o->hold * (double)(settings->steps - warmup)),
                         .steps = settings->steps > 0 ? settings->steps : 1,
                         .floor = 0.1 };
}

/* clang-format off */
static const heed_option options[] = {
    { "length", HEED_RANGE, offsetof(ntm, length), .high = 10000, .trains = true,
      .help = "vectors (ngram: bits); default copy 1-20, repeat-copy 1-10, sort 20, ngram 200" },
    { "repeats", HEED_RANGE, offsetof(ntm, repeats), .high = 1000, .trains = true,
      .help = "task repeat-copy: copies; default 1-10" },
    { "items", HEED_RANGE, offsetof(ntm, items), .high = 1000, .trains = true,
      .help = "task recall: items of three vectors; default 2-6" },
    { "answers", HEED_WHOLE, offsetof(ntm, answers), .initial = 16, .low = 1, .high = 10000,
      .trains = true, .help = "task sort: vectors of highest priority that are asked for" },
    { "bits", HEED_WHOLE, offsetof(ntm, bits), .high = 1000, .shapes = true,
      .help = "of a vector; default 8, recall 6" },
    { "test-length", HEED_RANGE, offsetof(ntm, test_length), .high = 10000,
      .help = "evaluate on these lengths; default: as in training" },
    { "test-repeats", HEED_RANGE, offsetof(ntm, test_repeats), .high = 1000,
      .help = "and on so many copies" },
    { "test-items", HEED_RANGE, offsetof(ntm, test_items), .high = 1000,
      .help = "and on so many items" },
    { "controller", HEED_CHOICE, offsetof(ntm, controller), .choices = controllers, .shapes = true,
      .help = "an LSTM, or one layer that remembers nothing; usual: what suits the task" },
    { "hidden", HEED_WHOLE, offsetof(ntm, hidden), .high = 4096,
      .shapes = true, .help = "width of the controller; default 100, recall 200" },
    { "no-memory", HEED_FLAG, offsetof(ntm, no_memory), .shapes = true,
      .help = "the LSTM alone" },
    { "heads", HEED_WHOLE, offsetof(ntm, heads), .low = 0, .high = 64, .shapes = true,
      .help = "heads that read, and as many that write; default 1, recall 2, sort 4" },
    { "memory", HEED_WHOLE, offsetof(ntm, slots), .initial = 128, .low = 1, .high = 100000,
      .shapes = true, .help = "slots" },
    { "width", HEED_WHOLE, offsetof(ntm, width), .initial = 20, .low = 1, .high = 4096,
      .shapes = true, .help = "numbers in a slot" },
    { "shifts", HEED_WHOLE, offsetof(ntm, shifts), .initial = 3, .low = 1, .high = 101,
      .shapes = true, .help = "places, around the one before, that a head can move to" },
    { "start", HEED_CHOICE, offsetof(ntm, start), .choices = starts, .shapes = true,
      .help = "of the memory: one number everywhere, or learned" },
    { "strength", HEED_NUMBER, offsetof(ntm, strength), .high = 100, .trains = true,
      .help = "of looking by content, at first; default 4, recall 8" },
    { "gate", HEED_NUMBER, offsetof(ntm, gate), .initial = -1, .low = 1e-6, .high = 1 - 1e-6,
      .trains = true, .help = "a head's share of looking by content, and not from where it is, at "
                              "first; default 0.5, copies 0.27" },
    { "write-cost", HEED_NUMBER, offsetof(ntm, write_cost), .initial = -1, .low = 0,
      .high = 1e6, .trains = true, .help = "of the mean square of what is written; default 0, copy "
                                           "and recall 0.03" },
    { "alike", HEED_FLAG, offsetof(ntm, alike), .trains = true,
      .help = "keys start as what is written (recall: always)" },
    { "together", HEED_FLAG, offsetof(ntm, together), .shapes = true,
      .help = "all heads start at the first slot (copy, recall: always); else spread" },
    { "hold", HEED_NUMBER, offsetof(ntm, hold), .initial = -1, .low = 0, .high = 0.99,
      .trains = true, .help = "share of the steps before the learning rate falls; default 0, "
                              "recall 0.6" },
    { "size", HEED_NUMBER, offsetof(ntm, size), .high = 1e6, .trains = true,
      .help = "that number, default 1e-6; the deviation of learned ones at first, default 0.05" },
};
static const heed_metric metrics[] = { { "bits_per_sequence", "bits" }, { "wrong_bits", "bits" },
                                       { "bits_per_vector", "bits" }, { NULL, NULL } };
static const heed_metric predictions[] = { { "bits_per_sequence", "bits" },
                                           { "wrong_bits", "bits" }, { "least_bits", "bits" },
                                           { "above_least", "bits" }, { NULL, NULL } };
static const heed_task tasks[] = {
    [HEED_COPY] = { "copy", "vectors, then the same again", metrics, HEED_NO_DATA },
    [HEED_REPEAT_COPY] = { "repeat-copy", "vectors, then the same several times", metrics,
                           HEED_NO_DATA },
    [HEED_RECALL] = { "recall", "items, then one of them: what came after it?", metrics,
                      HEED_NO_DATA },
    [HEED_NGRAM] = { "ngram", "each bit from those before it; contexts of five bits", predictions,
                     HEED_NO_DATA },
    [HEED_SORT] = { "sort", "vectors with priorities, then the highest in order", metrics,
                    HEED_NO_DATA },
    { .name = NULL },
};
static const heed_part parts[] = { { .loss = ntm_loss, .recipe = ntm_recipe }, { .loss = NULL } };
#define TINY "--hidden 5 --memory 4 --width 5 --bits 2 --batch 2 --size 1 "
static const char *const tiny[] = {
    "--task copy --length 2 " TINY,
    "--task copy --length 2 --write-cost 2 --gate 0.5 " TINY,
    "--task copy --length 1-3 --start learned --heads 2 " TINY,
    "--task repeat-copy --length 2 --repeats 2 --controller feedforward " TINY,
    "--task recall --items 2 --shifts 1 " TINY,
    "--task ngram --length 7 --no-memory " TINY,
    "--task sort --length 3 --answers 2 --shifts 5 " TINY,
    NULL,
};
/* clang-format on */

const heed_model heed_model_ntm = {
    .name = "ntm",
    .about = "a Neural Turing Machine that learns algorithms on sequences of bits",
    .paper = "Graves, Wayne, Danihelka 2014, Neural Turing Machines",
    .tasks = tasks,
    .parts = parts,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .size = sizeof(ntm),
    .evaluation = 1000,
    .evaluation_batch = 10,
    .starts = true,
    .tiny = tiny,
    .settle = ntm_settle,
    .answer = ntm_answer,
    .fill = ntm_fill,
    .score = ntm_score,
    .attention = ntm_attention,
    .show = ntm_show,
    .picture = ntm_picture,
};

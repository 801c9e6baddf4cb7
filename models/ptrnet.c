/* ptrnet.c - the pointer network, sorting numbers.
 *
 * Vinyals, Fortunato, Jaitly 2015, "Pointer Networks"                                [PN]
 * Vinyals, Bengio, Kudlur 2016, "Order Matters: Sequence to Sequence for Sets"       [OM]
 *
 * An encoder turns the numbers x_1 .. x_n into vectors e_1 .. e_n; a decoder LSTM then points n
 * times at one of them: its state d_t asks, attention over the e_i answers, and where attention is
 * highest is the t-th smallest number, which is the decoder's next input. The encoder is an LSTM
 * [PN], or reads each number by itself and lets a process block look at the set P times, so that
 * the order of the numbers does not matter [OM].
 *
 * Everything is time-major: [n, B, ..] for the n numbers of B sets, [T, ..] for the T = n steps. */
#include "models/data/sort.h"
#include "models/models.h"

typedef struct ptrnet {
    int64_t n, hidden, process_steps, glimpses;
    int encoder, embed;
    bool no_mask, recompute;
} ptrnet;

enum { ENCODER_LSTM, ENCODER_PROCESS };
static const char *const encoders[] = { "lstm", "process", NULL };
enum { EMBED_STEPS, EMBED_LINEAR };
static const char *const embeddings[] = { "steps", "linear", NULL };

#define START ((heed_init){ .rule = HEED_INIT_DEFAULT })

/* ---- encoder ---- */

/* H soft steps at learned places, which start all over (0, 1) and about as wide as they lie apart,
 * and a linear layer. Numbers that are close differ by whole steps; a linear layer alone would have
 * to grow its weights a thousandfold for that. */
static heed_node *embed_by_steps(heed_scope *s, heed_node *x, int64_t hidden)
{
    const heed_init anywhere = { .rule = HEED_INIT_UNIFORM, .a = 0, .b = 1 };
    const heed_init steep = { .rule = HEED_INIT_UNIFORM,
                              .a = -(double)hidden,
                              .b = (double)hidden };
    heed_node *from = heed_sub(heed_unsqueeze(x, -1), heed_param(s, "place", anywhere, hidden));
    heed_node *steps = heed_tanh(heed_mul(heed_param(s, "slope", steep, hidden), from));
    return heed_linear(s, "out", steps, hidden);
}

/* A number as a vector. */
static heed_node *embed(const ptrnet *o, heed_scope *s, heed_node *x) /* [.., B] -> [.., B, H] */
{
    s = heed_enter(s, "embed");
    if (o->embed == EMBED_STEPS) return embed_by_steps(s, x, o->hidden);
    return heed_tanh(heed_linear(s, "out", heed_unsqueeze(x, -1), o->hidden));
}

/* All steps of an LSTM on a sequence; with --recompute as a loop that keeps only its states. */
static heed_node *run(const ptrnet *o, const heed_lstm *cell, heed_node *x, heed_state_pair *state)
{
    heed_node *projected = heed_lstm_project(cell, x);
    return o->recompute ? heed_lstm_scan(cell, projected, state, .recompute = true)
                        : heed_lstm_run(cell, projected, state);
}

/* What the decoder looks at, e, and the state it starts in. */
typedef struct encoded {
    heed_node *e; /* [n, B, H] */
    heed_state_pair state;
} encoded;

static encoded encode_in_order(const ptrnet *o, heed_scope *s, heed_node *embedded)
{
    encoded out = { .e = NULL };
    heed_lstm cell = heed_lstm_cell(s, "lstm", o->hidden, o->hidden);
    out.e = run(o, &cell, embedded, &out.state); /* [n, B, H] */
    return out;
}

/* One read with dot products: a_i = softmax(m_i . q), r = sum_i a_i m_i           [OM, eq. 4-6] */
static heed_node *read_set(heed_node *m, heed_node *q) /* [n, B, H], [B, H] -> [B, H] */
{
    heed_node *a = heed_softmax(heed_sum(heed_mul(m, q), -1, false), 0); /* [n, B]    */
    return heed_sum(heed_mul(m, heed_unsqueeze(a, -1)), 0, false);       /* [B, H]    */
}

/* q_t = LSTM(q*_{t-1}) with q*_t = [q_t r_t]: an LSTM whose state is q and whose input is r, from a
 * learned q*_0 on. The decoder starts from q*_P.                               [OM, eq. 3 and 7] */
static encoded encode_as_set(const ptrnet *o, heed_scope *s, heed_node *m, int64_t batch)
{
    encoded out = { .e = m };
    if (o->process_steps == 0) return out;
    const int64_t hidden = o->hidden;
    heed_lstm cell = heed_lstm_cell(s, "process", hidden, hidden);
    heed_state_pair q = { .h = heed_expand(heed_param(s, "q0", START, hidden), batch, hidden) };
    heed_node *r = heed_expand(heed_param(s, "r0", START, hidden), batch, hidden);
    for (int64_t t = 0; t < o->process_steps; t++) {
        q = heed_lstm_step(&cell, heed_lstm_project(&cell, r), q);
        r = read_set(m, q.h);
    }
    heed_node *q_star = heed_concat(HEED_NODES(q.h, r), -1); /* [B, 2H] */
    out.state.h = heed_tanh(heed_linear(s, "to_h", q_star, hidden));
    out.state.c = heed_linear(s, "to_c", q_star, hidden);
    return out;
}

/* ---- attention ---- */

/* u_i = v . tanh(W1 e_i + W2 d)                                                      [PN, eq. 3] */
static heed_node *scores(heed_scope *s, heed_node *keys, heed_node *d, int64_t hidden)
{
    heed_node *q = heed_linear(s, "W2", d, hidden, .no_bias = true); /* [T, B, H]    */
    if (!q) return NULL;
    q = heed_unsqueeze(q, q->shape.rank - 2);    /* [T, 1, B, H] */
    heed_node *u = heed_tanh(heed_add(keys, q)); /* [T, n, B, H] */
    u = heed_squeeze(heed_linear(s, "v", u, 1, .no_bias = true), -1);
    return u; /* [T, n, B] */
}

static heed_node *keys_of(heed_scope *s, heed_node *e, int64_t hidden)
{
    return heed_linear(s, "W1", e, hidden, .no_bias = true); /* [n, B, H] */
}

/* One set of weights for all steps, and what of it does not depend on the step. */
typedef struct decoder {
    const ptrnet *o;
    heed_scope *glimpse, *point;
    heed_lstm lstm;
    heed_node *go; /* [1, 1, H], the first input: nothing has been chosen yet */
    heed_node *embedded, *e, *glimpse_keys, *pointer_keys; /* [n, B, H] */
    heed_state_pair state;
} decoder;

static decoder decoder_of(const ptrnet *o, heed_scope *s, heed_node *x)
{
    decoder r = { .o = o };
    if (!x) return r;
    const int64_t batch = x->shape.dim[1];
    r.embedded = embed(o, s, x);
    heed_scope *own = heed_enter(s, "encoder");
    encoded in = o->encoder == ENCODER_LSTM ? encode_in_order(o, own, r.embedded)
                                            : encode_as_set(o, own, r.embedded, batch);
    own = heed_enter(s, "decoder");
    r.e = in.e;
    r.state = in.state;
    r.lstm = heed_lstm_cell(own, "lstm", o->hidden, o->hidden);
    r.go = heed_param(own, "go", HEED_ZEROS, 1, 1, o->hidden);
    r.point = heed_enter(own, "pointer");
    r.pointer_keys = keys_of(r.point, r.e, o->hidden);
    if (o->glimpses == 0) return r;
    r.glimpse = heed_enter(own, "glimpse");
    r.glimpse_keys = keys_of(r.glimpse, r.e, o->hidden);
    return r;
}

/* What was pointed at cannot be pointed at again: a score of which the softmax is 0, and finite, so
 * that HEED_CHECK=nan stays of use. */
static heed_node *without(heed_node *u, heed_node *taken)
{
    return taken ? heed_masked_fill(u, taken, -1e30) : u;
}

/* sum_i softmax(u)_i e_i for all steps: [T, n, B], [n, B, H] -> [T, B, H] */
static heed_node *weighted_sum(heed_node *u, heed_node *e)
{
    heed_node *a = heed_permute(heed_softmax(u, 1), 2, 0, 1); /* [B, T, n] */
    heed_node *g = heed_matmul(a, heed_permute(e, 1, 0, 2));  /* [B, T, H] */
    return heed_permute(g, 1, 0, 2);
}

/* The pointer's scores for states d [T, B, H], after `glimpses` looks at what is left. taken is
 * [T, n, B], or NULL: nothing is masked.                                  -> [T, n, B] */
static heed_node *point(const decoder *r, heed_node *d, heed_node *taken)
{
    for (int64_t k = 0; k < r->o->glimpses; k++) {
        heed_node *u = without(scores(r->glimpse, r->glimpse_keys, d, r->o->hidden), taken);
        d = heed_add(d, weighted_sum(u, r->e)); /* the readout joins the state */
    }
    return without(scores(r->point, r->pointer_keys, d, r->o->hidden), taken);
}

/* ---- training: the right answer so far is the input, so all steps are computed together ---- */

/* [T, T] with ones below the diagonal: times a sequence, its sum over the steps before. */
static heed_node *strictly_lower(heed_graph *graph, int64_t steps)
{
    const heed_dtype dtype = heed_graph_dtype(graph);
    const heed_shape shape = HEED_SHAPE(steps, steps);
    void *data = heed_graph_memory(graph, (size_t)(steps * steps) * heed_dtype_size(dtype));
    if (!data) return NULL;
    heed_view ones = heed_view_of(data, dtype, &shape);
    for (int64_t t = 0; t < steps; t++)
        for (int64_t before = 0; before < t; before++) heed_set(&ones, t * steps + before, 1);
    return heed_constant(graph, &ones);
}

/* taken[t, i, b] = 1 when i is one of order[0 .. t - 1, b] */
static heed_node *taken_before(heed_node *order) /* [T, B] -> [T, n, B] */
{
    if (!order) return NULL;
    const int64_t n = order->shape.dim[0], batch = order->shape.dim[1];
    heed_node *chosen = heed_reshape(heed_one_hot(order, n), n, batch * n); /* [T, B n] */
    heed_node *before = heed_matmul(strictly_lower(order->graph, n), chosen);
    return heed_permute(heed_reshape(before, n, batch, n), 0, 2, 1);
}

/* What the decoder has just chosen, embedded: e[order[0 .. T - 2, b], b].
 * [n, B, H], [T, B] -> [T - 1, B, H] */
static heed_node *chosen_before(heed_node *e, heed_node *order)
{
    if (!e || !order) return NULL;
    heed_node *of_set = heed_transpose(heed_slice(order, 0, 0, -1), 0, 1); /* [B, T - 1] */
    return heed_transpose(heed_gather(heed_transpose(e, 0, 1), of_set, 1, 1), 0, 1);
}

static heed_node *ptrnet_loss(const void *own, heed_scope *s, int64_t batch)
{
    const ptrnet *o = own;
    heed_graph *g = heed_scope_graph(s);
    if (!g) return NULL;
    heed_node *x = heed_input(g, "numbers", heed_graph_dtype(g), o->n, batch);
    heed_node *order = heed_input(g, "order", HEED_I32, o->n, batch);
    decoder r = decoder_of(o, s, x);

    heed_node *go = heed_expand(r.go, 1, batch, o->hidden);
    heed_node *in =
        heed_concat(HEED_NODES(go, chosen_before(r.embedded, order)), 0); /* [T, B, H] */
    heed_node *d = run(o, &r.lstm, in, &r.state);
    heed_node *u = point(&r, d, o->no_mask ? NULL : taken_before(order)); /* [T, n, B] */
    return heed_cross_entropy(heed_permute(u, 0, 2, 1), order);
}

/* ---- evaluation: the decoder's own answer is its next input ---- */

static int ptrnet_answer(const void *own, heed_scope *s, int64_t batch, heed_output *outputs,
                         int room)
{
    const ptrnet *o = own;
    heed_graph *g = heed_scope_graph(s);
    heed_node **picks = g && room > 0 ? heed_graph_memory(g, (size_t)o->n * sizeof *picks) : NULL;
    if (!picks) return 0;
    heed_node *x = heed_input(g, "numbers", heed_graph_dtype(g), o->n, batch);
    decoder r = decoder_of(o, s, x);
    heed_node *of_set = heed_transpose(r.embedded, 0, 1), *taken = NULL; /* [B, n, H] */
    heed_node *in = heed_expand(r.go, 1, batch, o->hidden);
    for (int64_t t = 0; t < o->n; t++) {
        heed_node *projected = heed_index(heed_lstm_project(&r.lstm, in), 0, 0);
        r.state = heed_lstm_step(&r.lstm, projected, r.state);
        heed_node *u = point(&r, heed_unsqueeze(r.state.h, 0), taken); /* [1, n, B] */
        picks[t] = heed_argmax(u, 1);                                  /* [1, B] */
        if (t + 1 == o->n) break;
        heed_node *next = heed_transpose(picks[t], 0, 1);                     /* [B, 1] */
        in = heed_transpose(heed_gather(of_set, next, 1, 1), 0, 1);           /* [1, B, H] */
        heed_node *now = heed_permute(heed_one_hot(picks[t], o->n), 0, 2, 1); /* [1, n, B] */
        if (!o->no_mask) taken = taken ? heed_add(taken, now) : now;
    }
    outputs[0] = (heed_output){ "order", heed_concat(picks, (int)o->n, 0) }; /* [T, B] */
    return outputs[0].node ? 1 : 0;
}

/* ---- data, recipe ---- */

static bool ptrnet_fill(const void *own, heed_program *program, const heed_draw *draw,
                        heed_error *error)
{
    (void)own;
    (void)error;
    heed_rng rng = heed_draw_rng(draw);
    heed_view x = heed_program_input(program, "numbers");
    heed_view order = heed_program_input(program, "order");
    heed_sort_numbers(&rng, &x);
    if (order.data) heed_sort_order(&x, &order);
    return true;
}

static void ptrnet_score(const void *own, heed_program *program, const heed_draw *draw,
                         int64_t count, heed_score *score)
{
    (void)draw;
    const ptrnet *o = own;
    const heed_view x = heed_program_input(program, "numbers");
    const heed_view picks = heed_program_output(program, 0);
    for (int64_t b = 0; b < count; b++) {
        score->sum[0] += heed_sort_is_right(&x, &picks, b);
        score->sum[1] += (double)heed_sort_places_right(&x, &picks, b) / (double)o->n;
    }
    score->of[0] += (double)count;
    score->of[1] += (double)count;
}

/* Masked, and with numbers read one by one, a rising function is all there is to learn. An encoder
 * that mixes the numbers, or a decoder that has to see where it stands, takes longer. */
static bool ptrnet_settle(void *own, heed_settings *settings, heed_error *error)
{
    const ptrnet *o = own;
    (void)error;
    const bool easy = o->encoder == ENCODER_PROCESS && !o->no_mask;
    if (settings->steps < 0) settings->steps = easy ? 1000 : 6000;
    if (settings->batch == 0) settings->batch = 128;
    if (settings->lr == 0) settings->lr = 5e-3;
    return true;
}

/* Warm-up, then a cosine down to nothing: the last steps settle between numbers 1e-4 apart. */
static void ptrnet_recipe(const void *own, const heed_settings *settings, heed_optimizer *optimizer,
                          heed_trainer_options *options)
{
    (void)own;
    *optimizer = heed_adam(.lr = settings->lr);
    options->clip_norm = 2;
    options->schedule = (heed_schedule){ .rule = HEED_SCHEDULE_COSINE,
                                         .warmup = settings->steps / 10,
                                         .steps = settings->steps > 0 ? settings->steps : 1 };
}

/* clang-format off */
static const heed_option options[] = {
    { "n", HEED_WHOLE, offsetof(ptrnet, n), .initial = 10, .low = 2, .high = 500, .trains = true,
      .help = "numbers to sort" },
    { "hidden", HEED_WHOLE, offsetof(ptrnet, hidden), .initial = 128, .low = 1, .high = 4096,
      .shapes = true, .help = "width of embeddings, states and keys" },
    { "encoder", HEED_CHOICE, offsetof(ptrnet, encoder), .initial = ENCODER_PROCESS,
      .choices = encoders, .shapes = true,
      .help = "an LSTM over the numbers, or one that ignores their order" },
    { "embed", HEED_CHOICE, offsetof(ptrnet, embed), .initial = EMBED_STEPS,
      .choices = embeddings, .shapes = true,
      .help = "soft steps and a linear layer, or tanh of a linear layer" },
    { "process-steps", HEED_WHOLE, offsetof(ptrnet, process_steps), .initial = 1, .low = 0,
      .high = 100, .shapes = true, .help = "looks at the set before decoding (encoder process)" },
    { "glimpses", HEED_WHOLE, offsetof(ptrnet, glimpses), .initial = 1, .low = 0, .high = 10,
      .shapes = true, .help = "attention reads before each pointing" },
    { "no-mask", HEED_FLAG, offsetof(ptrnet, no_mask), .trains = true,
      .help = "let the decoder point twice at the same number" },
    { "recompute", HEED_FLAG, offsetof(ptrnet, recompute), .trains = true,
      .help = "LSTMs keep their states only: less memory (see --dry-run), some more time" },
};
/* clang-format on */
static const heed_metric sorted[] = { { "sequences_right", NULL },
                                      { "places_right", NULL },
                                      { NULL, NULL } };
static const heed_task tasks[] = {
    { .name = "sort", .help = "n numbers, from the smallest to the largest", .metrics = sorted },
    { .name = NULL },
};
static const heed_part parts[] = { { .loss = ptrnet_loss, .recipe = ptrnet_recipe },
                                   { .loss = NULL } };
static const char *const tiny[] = {
    "--n 3 --hidden 4 --batch 2 --encoder lstm",
    "--n 3 --hidden 4 --batch 2 --encoder lstm --recompute",
    "--n 3 --hidden 4 --batch 2 --encoder process --process-steps 2 --glimpses 1",
    "--n 2 --hidden 3 --batch 3 --encoder process --process-steps 0 --no-mask",
    "--n 3 --hidden 4 --batch 2 --encoder lstm --glimpses 0 --embed linear --no-mask",
    NULL,
};

const heed_model heed_model_ptrnet = {
    .name = "ptrnet",
    .about = "a pointer network that sorts numbers",
    .paper = "Vinyals, Fortunato, Jaitly 2015, Pointer Networks; Vinyals, Bengio, Kudlur 2016, "
             "Order Matters",
    .tasks = tasks,
    .parts = parts,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .size = sizeof(ptrnet),
    .evaluation = 10000,
    .evaluation_batch = 250,
    .tiny = tiny,
    .settle = ptrnet_settle,
    .answer = ptrnet_answer,
    .fill = ptrnet_fill,
    .score = ptrnet_score,
};
